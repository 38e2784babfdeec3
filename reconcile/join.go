package reconcile

import (
	"cmp"
	"fmt"
	"slices"
)

// pair is one person with what they should have and the account they have.
type pair struct {
	want    *Want
	account *Account // nil: none
	clash   string   // why it is not certain whose account this is
	at      int32    // of the account
	adopted bool     // found by address, not remembered
}

// claim is an account that a mark or a link says is somebody's.
type claim struct {
	key Key
	at  int32 // of the account
	by  uint8 // byMark or byLink
}

const (
	byMark = iota
	byLink
)

// compareClaims sorts by person, marks before links.
func compareClaims(a, b claim) int {
	if a.key != b.key {
		return cmp.Compare(a.key, b.key)
	}
	return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.at, b.at))
}

// owners tell whose accounts are.
type owners struct {
	at   map[string]int32 // where in keys each account is, by id
	keys []Key            // 0 is nobody
}

// of gives whose account one is; 0 is nobody.
func (o *owners) of(account string) Key {
	if at, known := o.at[account]; known {
		return o.keys[at]
	}
	return 0
}

// set adds an account.
func (o *owners) set(account string, key Key) {
	if o.at == nil {
		o.at = make(map[string]int32)
	}
	o.at[account] = int32(len(o.keys))
	o.keys = append(o.keys, key)
}

// joined is the answer to "who is who".
type joined struct {
	pairs    []pair // by Key; every managed person, then the leavers OneLogin forgot
	current  *Current
	at       map[string]int32    // where in current.Accounts each id is
	byName   map[string]*Account // by folded userName
	twins    map[string]*Account // another account with the same folded userName
	owner    owners              // of every certain pair
	owned    int                 // how many accounts are somebody's
	extra    []Held              // accounts that a leaver has besides their own
	unowned  int
	some     bool            // not everybody was looked at
	declared map[string]bool // accounts that somebody said are nobody's
	decided  map[string]Key  // and whose they said others are
	foreign  []string        // the addresses of those of them that are active
	asked    map[string]bool // accounts that may be of somebody who has access: nobody's, and not foreign
	outside  int             // accounts of people outside the scope
	notes    []Note
	index    map[Key]int // into pairs; made when first needed
}

// join decides whose each account is.
//
//	somebody said whose the account is                  that account, whatever else is known of it
//	Tomorro's externalId is ours and names the person   that account
//	the remembered link names an account that exists    that account
//	both, and they differ                               clash, held
//	an account that nobody else has, by folded userName that account: adoption
//	two such accounts                                   clash, held, unless somebody said that one is nobody's
//	an account with that userName that is somebody's    clash, held (unless that person is being renamed)
//	one that somebody said is nobody's in OneLogin      clash, held; foreign for who has another, or has left
//	a linked person whom OneLogin no longer knows       a leaver; by a mark alone, foreign, with a note
//	anything else at Tomorro                            foreign: never touched
func join(wants []Want, in Input) *joined {
	links := in.Links
	j := &joined{current: in.Current, some: in.Only != nil, declared: in.Policy.Adoption.Foreign, decided: in.Policy.Adoption.Owners}
	claims := j.claims(links)
	claimed := j.claimants(claims)
	j.pairs = make([]pair, 0, len(wants))
	var strangers [][]claim // whom OneLogin does not know, by key
	for i := range wants {  // both are in order of the key
		for len(claims) > 0 && claims[0].key < wants[i].Person.Key {
			strangers, claims = append(strangers, of(claims)), claims[len(of(claims)):]
		}
		var mine []claim
		if len(claims) > 0 && claims[0].key == wants[i].Person.Key {
			mine, claims = of(claims), claims[len(of(claims)):]
		}
		j.pairs = append(j.pairs, j.match(&wants[i], mine, claimed))
	}
	for len(claims) > 0 {
		strangers, claims = append(strangers, of(claims)), claims[len(of(claims)):]
	}
	for _, claims := range strangers {
		j.stranger(claims, claimed, &in)
	}
	j.settleOwners()
	return j
}

// of are the claims of the first one's person.
func of(claims []claim) []claim {
	n := 1
	for n < len(claims) && claims[n].key == claims[0].key {
		n++
	}
	return claims[:n]
}

// stranger deals with the accounts of somebody whom OneLogin does not know.
func (j *joined) stranger(claims []claim, claimed claimants, in *Input) {
	key := claims[0].key
	switch _, remembered := in.Links[key]; {
	case !in.lookedAt(key):
	case remembered:
		j.pairs = append(j.pairs, j.match(forgotten(key), claims, claimed))
	default:
		for _, c := range claims {
			a := &j.current.Accounts[c.at]
			if !a.Active {
				continue // nobody needs to do anything about it
			}
			j.notes = append(j.notes, Note{Subject: a.UserName, Text: fmt.Sprintf("carries the mark of OneLogin user %d, whom OneLogin does not know; nothing is remembered of this account, so it is not touched: if they have left, deactivate it at Tomorro", key)})
		}
	}
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
	return &Want{Person: &Person{Key: key}, Managed: true, Left: true, Cause: "no longer in OneLogin", shadowed: true, unknown: true, Role: &Role{}}
}

// claims indexes the accounts and collects what marks and links say of them, by key:
// of each person marks first, in the order of the accounts.
func (j *joined) claims(links map[Key]string) []claim {
	j.at = make(map[string]int32, len(j.current.Accounts))
	j.byName = make(map[string]*Account, len(j.current.Accounts))
	claims, agree := make([]claim, 0, len(j.current.Accounts)), 0 // mark and link nearly always agree
	for i := range j.current.Accounts {
		a := &j.current.Accounts[i]
		j.at[a.ID] = int32(i)
		if a.UserName != "" {
			name := Fold(a.UserName)
			switch other := j.byName[name]; {
			case other == nil || j.declared[other.ID]: // who is nobody's makes room
				j.byName[name] = a
			case !j.declared[a.ID]:
				if j.twins == nil {
					j.twins = make(map[string]*Account)
				}
				j.twins[name] = a
				j.notes = append(j.notes, Note{Subject: a.UserName, Text: fmt.Sprintf("Tomorro has two accounts with this address: %s and %s", other.ID, a.ID)})
			}
		}
		key, ok := ParseExternalID(a.ExternalID)
		if owner := j.decided[a.ID]; owner != 0 {
			key, ok = owner, true
		}
		if ok {
			claims = append(claims, claim{key: key, at: int32(i)})
			if links[key] == a.ID {
				agree++
			}
		}
	}
	if agree < len(links) {
		for key, id := range links {
			if at, there := j.at[id]; there && (j.decided[id] == 0 || j.decided[id] == key) {
				claims = append(claims, claim{key: key, at: at, by: byLink})
			}
		}
	}
	slices.SortFunc(claims, compareClaims)
	return slices.CompactFunc(claims, func(a, b claim) bool { return a.key == b.key && a.at == b.at })
}

// claimants are who claims each account.
type claimants struct {
	one  []Key           // by the account's place; 0 is nobody
	more map[int32][]Key // besides
}

func (j *joined) claimants(claims []claim) claimants {
	c := claimants{one: make([]Key, len(j.current.Accounts))}
	for _, x := range claims {
		switch c.one[x.at] {
		case 0:
			c.one[x.at] = x.key
		default:
			if c.more == nil {
				c.more = make(map[int32][]Key)
			}
			c.more[x.at] = append(c.more[x.at], x.key)
		}
	}
	return c
}

// other is somebody else who claims an account; 0 is nobody.
func (c *claimants) other(at int32, than Key) Key {
	if c.one[at] != than {
		return c.one[at]
	}
	for _, key := range c.more[at] {
		if key != than {
			return key
		}
	}
	return 0
}

// has gives a pair its account.
func (j *joined) has(p *pair, at int32) { p.account, p.at = &j.current.Accounts[at], at }

func (j *joined) match(w *Want, mine []claim, claimed claimants) pair {
	p := pair{want: w}
	switch len(mine) {
	case 0:
	case 1:
		j.has(&p, mine[0].at)
		if other := claimed.other(p.at, w.Person.Key); other != 0 {
			p.clash = fmt.Sprintf("account %s is remembered for OneLogin user %d as well", p.account.ID, other)
		}
	default:
		j.has(&p, mine[0].at)
		p.clash = fmt.Sprintf("has two accounts at Tomorro, %s and %s: one by externalId, one by link", p.account.ID, j.current.Accounts[mine[1].at].ID)
	}
	if p.account != nil && p.account.UserName == w.Person.Email && j.twins == nil && w.Person.Email != "" {
		return p // as nearly everybody: nobody else has that address
	}
	named := j.another(w, p.account, &claimed)
	if named == nil {
		return p
	}
	place := j.at[named.ID]
	theirs := claimed.one[place] != 0
	if !theirs && j.declared[named.ID] {
		if p.account == nil && w.Active {
			j.has(&p, place)
			p.clash = fmt.Sprintf("somebody said that account %s is nobody's in OneLogin; if it is theirs: tomorro-sync adopt forget %s", named.ID, named.UserName)
		}
		return p
	}
	switch {
	case theirs:
		// Somebody else's. Whether that one makes room is for the diff to see.
	case p.account == nil:
		j.has(&p, place)
		p.adopted = true
		if twin := j.twins[Fold(named.UserName)]; twin != nil {
			j.ask(w, twin)
			p.clash = j.oneOfTwo(w, named, twin, &claimed)
		}
	case w.Active:
		j.ask(w, named)
		p.clash = fmt.Sprintf("has two accounts at Tomorro: %s (%s), which is remembered, and %s (%s), which has this address; if that one is not theirs: tomorro-sync adopt foreign %[4]s; if both are, remove the one without contracts at Tomorro", p.account.UserName, p.account.ID, named.UserName, named.ID)
	case named.Active && w.Managed && w.Hold == "": // else nobody can say that they have left
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
	const nobody = -1
	taken := slices.Repeat([]int32{nobody}, len(j.current.Accounts)) // by which pair
	for i := range j.pairs {
		p := &j.pairs[i]
		if p.account == nil {
			continue
		}
		if first := taken[p.at]; first != nobody && p.adopted {
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
		taken[p.at] = int32(i)
	}
	j.owner = owners{at: j.at, keys: make([]Key, len(taken))}
	for at, i := range taken {
		a := &j.current.Accounts[at]
		if i == nobody {
			if j.asked[a.ID] {
				continue
			}
			j.unowned++
			if a.Active {
				j.foreign = append(j.foreign, a.UserName)
			}
			continue
		}
		j.owned++
		j.owner.keys[at] = j.pairs[i].want.Person.Key
		if !j.pairs[i].want.Managed {
			j.outside++
		}
	}
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
