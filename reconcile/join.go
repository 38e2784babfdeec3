package reconcile

import (
	"fmt"
	"slices"
)

// pair is one person with what they should have and the account they have.
type pair struct {
	want    *Want
	account *Account // nil: none
	adopted bool     // found by address, not remembered
	clash   string   // why it is not certain whose account this is
}

// joined is the answer to "who is who".
type joined struct {
	pairs    []pair // by Key; every managed person, then the leavers OneLogin forgot
	current  *Current
	byName   map[string]*Account // by folded userName
	owner    map[string]Key      // account id -> person, for every certain pair
	extra    []Held              // accounts that a leaver has besides their own
	unowned  int
	some     bool            // not everybody was looked at
	declared map[string]bool // accounts that somebody said are nobody's
	foreign  []string        // the addresses of those of them that are active
	outside  int             // accounts of people outside the scope
	notes    []Note
	index    map[Key]int // into pairs; made when first needed
}

// join decides whose each account is.
//
//	Tomorro's externalId is ours and names the person   that account
//	the remembered link names an account that exists    that account
//	both, and they differ                               clash, held
//	an account that nobody else has, by folded userName that account: adoption
//	an account with that userName that is somebody's    clash, held (unless that person is being renamed)
//	one that somebody said is nobody's in OneLogin      clash, held; a leaver's is foreign
//	a linked person whom OneLogin no longer knows       a leaver; by a mark alone, foreign, with a note
//	anything else at Tomorro                            foreign: never touched
func join(wants []Want, in Input) *joined {
	links := in.Links
	j := &joined{current: in.Current, some: in.Only != nil, declared: in.Policy.Adoption.Foreign, owner: make(map[string]Key, len(in.Current.Accounts))}
	claims, claimed := j.claims(links)
	known := make(map[Key]bool, len(wants))
	for i := range wants {
		known[wants[i].Person.Key] = true
		j.pairs = append(j.pairs, j.match(&wants[i], claims, claimed))
	}
	for _, key := range sortedKeys(claims) {
		switch _, remembered := links[key]; {
		case known[key] || !in.lookedAt(key):
		case remembered:
			j.pairs = append(j.pairs, j.match(forgotten(key), claims, claimed))
		default:
			for _, a := range claims[key] {
				if !a.Active {
					continue // nobody needs to do anything about it
				}
				j.notes = append(j.notes, Note{Subject: a.UserName, Text: fmt.Sprintf("carries the mark of OneLogin user %d, whom OneLogin does not know; nothing is remembered of this account, so it is not touched: if they have left, deactivate it at Tomorro", key)})
			}
		}
	}
	j.settleOwners()
	return j
}

// lookedAt reports whether a plan is about somebody whom OneLogin may not know.
func (in *Input) lookedAt(key Key) bool {
	if in.Only == nil {
		return true
	}
	_, found := slices.BinarySearch(in.Only, key)
	return found
}

// forgotten is the want of a person whom OneLogin no longer knows.
func forgotten(key Key) *Want {
	return &Want{Person: &Person{Key: key}, Managed: true, Left: true, Cause: "no longer in OneLogin", shadowed: true, unknown: true}
}

// claims indexes the accounts and collects, per person, the accounts that a
// mark or a link says are theirs; claimed is the reverse.
func (j *joined) claims(links map[Key]string) (claims map[Key][]*Account, claimed map[string][]Key) {
	byID := make(map[string]*Account, len(j.current.Accounts))
	j.byName = make(map[string]*Account, len(j.current.Accounts))
	claims, claimed = make(map[Key][]*Account), make(map[string][]Key)
	claim := func(key Key, a *Account) {
		if !slices.Contains(claims[key], a) {
			claims[key] = append(claims[key], a)
			claimed[a.ID] = append(claimed[a.ID], key)
		}
	}
	for i := range j.current.Accounts {
		a := &j.current.Accounts[i]
		byID[a.ID] = a
		if a.UserName != "" {
			name := Fold(a.UserName)
			if other := j.byName[name]; other != nil {
				j.notes = append(j.notes, Note{Subject: a.UserName, Text: fmt.Sprintf("Tomorro has two accounts with this address: %s and %s", other.ID, a.ID)})
			} else {
				j.byName[name] = a
			}
		}
		if key, ok := ParseExternalID(a.ExternalID); ok {
			claim(key, a)
		}
	}
	for _, key := range sortedKeys(links) {
		if a := byID[links[key]]; a != nil {
			claim(key, a)
		}
	}
	return claims, claimed
}

func (j *joined) match(w *Want, claims map[Key][]*Account, claimed map[string][]Key) pair {
	p := pair{want: w}
	mine := claims[w.Person.Key]
	switch len(mine) {
	case 0:
	case 1:
		p.account = mine[0]
		if others := without(claimed[p.account.ID], w.Person.Key); len(others) > 0 {
			p.clash = fmt.Sprintf("account %s is remembered for OneLogin user %d as well", p.account.ID, others[0])
		}
	default:
		p.account = mine[0]
		p.clash = fmt.Sprintf("has two accounts at Tomorro, %s and %s: one by externalId, one by link", mine[0].ID, mine[1].ID)
	}
	named := j.named(w)
	if named != nil && p.account == nil && len(claimed[named.ID]) == 0 && j.declared[named.ID] {
		if w.Active {
			p.account, p.clash = named, fmt.Sprintf("somebody said that account %s is nobody's in OneLogin; if it is theirs: tomorro-sync adopt forget %s", named.ID, named.UserName)
		}
		return p
	}
	switch {
	case named == nil || named == p.account:
	case len(claimed[named.ID]) > 0:
		// Somebody else's. Whether that one makes room is for the diff to see.
	case p.account == nil:
		p.account, p.adopted = named, true
	case w.Active:
		p.clash = fmt.Sprintf("has two accounts at Tomorro: %s, which is remembered, and %s, which has the address %s", p.account.ID, named.ID, named.UserName)
	case named.Active:
		j.extra = append(j.extra, Held{
			Change: Change{Op: OpDeactivate, Key: w.Person.Key, Account: named.ID, Who: named.UserName, Before: named, Cause: w.Cause},
			Class:  HoldData, Rule: RuleData,
			Reason: fmt.Sprintf("this is a second account of a leaver whose own is %s; remove it by hand if it is theirs", p.account.ID),
		})
	}
	return p
}

// named finds the account that has the person's address.
func (j *joined) named(w *Want) *Account {
	if w.shadowed || w.Person.Email == "" || j.some && !w.Active {
		return nil // among those not looked at, somebody at work may have the address
	}
	return j.byName[Fold(w.Person.Email)]
}

// settleOwners keeps the certain pairs and counts what is left over.
func (j *joined) settleOwners() {
	taken := make(map[string]int, len(j.pairs))
	for i := range j.pairs {
		p := &j.pairs[i]
		if p.account == nil {
			continue
		}
		if first, twice := taken[p.account.ID]; twice && p.adopted {
			other := &j.pairs[first]
			if !p.want.Active && !other.want.Active {
				p.account = nil // neither should have it: one deactivation serves both
				continue
			}
			p.clash = fmt.Sprintf("account %s is matched by OneLogin user %d as well", p.account.ID, other.want.Person.Key)
			if other.adopted && other.clash == "" {
				other.clash = fmt.Sprintf("account %s is matched by OneLogin user %d as well", p.account.ID, p.want.Person.Key)
			}
			continue
		}
		taken[p.account.ID] = i
	}
	for id, i := range taken {
		j.owner[id] = j.pairs[i].want.Person.Key
		if !j.pairs[i].want.Managed {
			j.outside++
		}
	}
	for i := range j.current.Accounts {
		a := &j.current.Accounts[i]
		if _, owned := taken[a.ID]; !owned && a.Active {
			j.foreign = append(j.foreign, a.UserName)
		}
	}
	j.unowned = len(j.current.Accounts) - len(taken)
}

// find gives the pair of a person, or nil.
func (j *joined) find(key Key) *pair {
	if j.index == nil {
		j.index = make(map[Key]int, len(j.pairs))
		for i := range j.pairs {
			j.index[j.pairs[i].want.Person.Key] = i
		}
	}
	if i, ok := j.index[key]; ok {
		return &j.pairs[i]
	}
	return nil
}

func without(keys []Key, key Key) []Key {
	return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return k == key })
}

func sortedKeys[V any](m map[Key]V) []Key {
	keys := make([]Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
