// Package adopt tells, of an organisation that already has accounts at Tomorro, whose each
// of them is, and how sure that is: what an administrator looks through on the first day.
//
//	mark       Tomorro's externalId names the person
//	link       remembered from an earlier run, or from what somebody decided
//	address    the person's e-mail, to the letter
//	folded     the person's e-mail, but for case and composed letters
//	name       nobody has the address; a person without an account has the name
//	recreated  somebody's whom OneLogin no longer knows, and a person without an account
//	           has the e-mail: perhaps the same one under another OneLogin id
//	unclear    two people, or two accounts, and nothing that tells which
//	foreign    somebody decided that it is nobody's in OneLogin
//	nobody     none of these
//
// A run adopts by mark, link and address; see reconcile.Decide. What is unclear, or known by
// name only, waits for somebody's decision, which is remembered.
package adopt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tomorro-sync/reconcile"
)

// Match says by what an account is known to be a person's.
type Match string

// The matches, as in the package documentation.
const (
	Mark      Match = "mark"
	Link      Match = "link"
	Address   Match = "address"
	Folded    Match = "folded"
	Name      Match = "name"
	Recreated Match = "recreated"
	Unclear   Match = "unclear"
	Foreign   Match = "foreign"
	Nobody    Match = "nobody"
)

// Row is one account at Tomorro.
type Row struct {
	Account  string             `json:"account"`
	UserName string             `json:"userName"`
	Name     string             `json:"name"`
	UserType reconcile.UserType `json:"userType"`
	Active   bool               `json:"active"`
	Match    Match              `json:"match"`
	// People are whose it is; several, or one by name, are whose it may be.
	People []Person `json:"people"`
	Why    string   `json:"why,omitempty"` // of what is unclear, and of what is recreated
	// SameName says, of what is recreated, that one person only may have it, no other
	// account, and that their name is the account's.
	SameName bool `json:"sameName,omitempty"`
	// Former is whose what is recreated was.
	Former reconcile.Key `json:"former,omitempty"`
	// Decided is by whom and when somebody decided whose it is.
	DecidedBy string    `json:"decidedBy,omitempty"`
	DecidedAt time.Time `json:"decidedAt,omitzero"`
}

// Person is one of OneLogin.
type Person struct {
	Key   reconcile.Key `json:"key"`
	Email string        `json:"email"`
}

// Asks reports whether the account waits for a decision, active or not: somebody of its
// name gets no account before.
func (r *Row) Asks() bool { return r.Match == Name || r.Match == Recreated || r.Match == Unclear }

// Input is what is known of both sides.
type Input struct {
	Directory *reconcile.Directory
	Current   *reconcile.Current
	Policy    *reconcile.Policy // says who has access
	Links     map[reconcile.Key]string
	Decided   map[string]reconcile.AdoptionDecision // by account id
}

// List gives a row for each account: first those that wait for a decision, then by
// address.
func List(in Input) []Row {
	l := newList(in)
	rows := make([]Row, 0, len(in.Current.Accounts))
	for i := range in.Current.Accounts {
		rows = append(rows, l.row(&in.Current.Accounts[i]))
	}
	l.byName(rows)
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(-cmp.Compare(truth(a.Asks()), truth(b.Asks())), cmp.Compare(reconcile.Fold(a.UserName), reconcile.Fold(b.UserName)), cmp.Compare(a.Account, b.Account))
	})
	return rows
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

type list struct {
	in       Input
	people   map[reconcile.Key]*reconcile.Person
	byEmail  map[string][]*reconcile.Person // folded
	accounts map[string][]string            // ids by folded address
	claims   map[string][]reconcile.Key     // by mark and by link, of each account
	owns     map[reconcile.Key][]string     // the reverse
	settled  map[reconcile.Key]bool         // people with an account
	access   map[reconcile.Key]bool         // people who should have one
	mayWork  map[reconcile.Key]bool         // or are in no scope
}

func newList(in Input) *list {
	l := &list{in: in, people: make(map[reconcile.Key]*reconcile.Person), byEmail: make(map[string][]*reconcile.Person), accounts: make(map[string][]string),
		claims: make(map[string][]reconcile.Key), owns: make(map[reconcile.Key][]string), settled: make(map[reconcile.Key]bool), access: make(map[reconcile.Key]bool), mayWork: make(map[reconcile.Key]bool)}
	wants, _ := reconcile.Desired(in.Directory, in.Policy)
	for i := range wants {
		l.access[wants[i].Person.Key], l.mayWork[wants[i].Person.Key] = wants[i].Active, wants[i].MayWork()
	}
	for i := range in.Directory.People {
		p := &in.Directory.People[i]
		l.people[p.Key] = p
		if p.Email != "" {
			l.byEmail[reconcile.Fold(p.Email)] = append(l.byEmail[reconcile.Fold(p.Email)], p)
		}
	}
	claim := func(account string, key reconcile.Key) {
		if !slices.Contains(l.claims[account], key) {
			l.claims[account] = append(l.claims[account], key)
			l.owns[key] = append(l.owns[key], account)
		}
	}
	there := make(map[string]bool)
	for i := range in.Current.Accounts {
		a := &in.Current.Accounts[i]
		there[a.ID] = true
		if a.UserName != "" {
			l.accounts[reconcile.Fold(a.UserName)] = append(l.accounts[reconcile.Fold(a.UserName)], a.ID)
		}
		if owner := in.Decided[a.ID].Key; owner != 0 {
			claim(a.ID, owner)
		} else if key, ours := reconcile.ParseExternalID(a.ExternalID); ours {
			claim(a.ID, key)
		}
	}
	for key, account := range in.Links {
		if there[account] && in.Decided[account].Key == 0 {
			claim(account, key)
		}
	}
	return l
}

// row tells whose an account is, but for those known by name.
func (l *list) row(a *reconcile.Account) Row {
	r := Row{Account: a.ID, UserName: a.UserName, Name: strings.TrimSpace(a.GivenName + " " + a.FamilyName), UserType: a.UserType, Active: a.Active, Match: Nobody, People: []Person{}}
	d, decided := l.in.Decided[a.ID]
	if decided {
		r.DecidedBy, r.DecidedAt = d.By, d.At
	}
	switch claims := l.claims[a.ID]; {
	case len(claims) > 0:
		l.claimed(&r, claims, a)
	case decided && d.Key == 0:
		r.Match = Foreign
	case a.UserName != "":
		l.addressed(&r)
	}
	if r.Match != Unclear {
		for _, p := range r.People {
			l.settled[p.Key] = true
		}
	}
	return r
}

// claimed is about an account that a mark or a link names somebody of.
func (l *list) claimed(r *Row, claims []reconcile.Key, a *reconcile.Account) {
	r.Match = Link
	if key, ours := reconcile.ParseExternalID(a.ExternalID); ours && key == claims[0] {
		r.Match = Mark
	}
	for _, key := range claims {
		person := Person{Key: key}
		if p := l.people[key]; p != nil {
			person.Email = p.Email
		}
		r.People = append(r.People, person)
	}
	switch {
	case len(claims) > 1:
		r.Match, r.Why = Unclear, "its mark is one person's, and it is remembered as another's"
	case len(l.owns[claims[0]]) > 1:
		r.Match, r.Why = Unclear, "that person has another account as well: one by mark, one remembered"
	default:
		l.succeeded(r, reconcile.NameKey(a.GivenName, a.FamilyName), claims[0])
	}
}

// succeeded looks, for the account of somebody whom OneLogin no longer knows, for people
// with its address and no account.
func (l *list) succeeded(r *Row, name string, former reconcile.Key) {
	if l.people[former] != nil || !l.in.Directory.Receipt.Complete() {
		return
	}
	var people []Person
	named := ""
	for _, p := range l.byEmail[reconcile.Fold(r.UserName)] {
		if l.mayWork[p.Key] && len(l.owns[p.Key]) == 0 {
			people, named = append(people, Person{p.Key, p.Email}), reconcile.NameKey(p.FirstName, p.LastName)
		}
	}
	if len(people) > 0 {
		r.SameName = len(people) == 1 && len(l.accounts[reconcile.Fold(r.UserName)]) == 1 && named != "" && named == name
		r.Match, r.People, r.Former, r.Why = Recreated, people, former, fmt.Sprintf("it was OneLogin user %d's, whom OneLogin no longer knows", former)
	}
}

// addressed is about an account that only its address may tell of.
func (l *list) addressed(r *Row) {
	all := slices.Clone(l.byEmail[reconcile.Fold(r.UserName)])
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b *reconcile.Person) int { return cmp.Compare(a.Key, b.Key) })
	if with := slices.DeleteFunc(slices.Clone(all), func(p *reconcile.Person) bool { return !l.access[p.Key] }); len(with) > 0 {
		all = with // who has access has the address before those who left
	} else { // whoever's it is, they left; first comes who has no other account
		i := max(0, slices.IndexFunc(all, func(p *reconcile.Person) bool { return len(l.owns[p.Key]) == 0 }))
		all = all[i : i+1]
	}
	for _, p := range all {
		r.People = append(r.People, Person{p.Key, p.Email})
	}
	others := slices.DeleteFunc(slices.Clone(l.accounts[reconcile.Fold(r.UserName)]), func(id string) bool {
		d, decided := l.in.Decided[id]
		return id == r.Account || decided && d.Key == 0 // or nobody's
	})
	switch own := l.owns[all[0].Key]; {
	case len(all) > 1:
		r.Match, r.Why = Unclear, "several people have this e-mail in OneLogin"
	case len(own) > 0:
		r.Match, r.Why = Unclear, fmt.Sprintf("that person has another account: %s", own[0])
	case len(others) > 0:
		r.Match, r.Why = Unclear, fmt.Sprintf("Tomorro has another account with this address: %s", others[0])
	case strings.TrimSpace(all[0].Email) == r.UserName:
		r.Match = Address
	default:
		r.Match = Folded
	}
}

// byName looks, for accounts of nobody, for people without an account who have the name.
func (l *list) byName(rows []Row) {
	named := make(map[string][]Person)
	for i := range l.in.Directory.People {
		p := &l.in.Directory.People[i]
		if key := reconcile.NameKey(p.FirstName, p.LastName); key != "" && l.access[p.Key] && !l.settled[p.Key] {
			named[key] = append(named[key], Person{p.Key, p.Email})
		}
	}
	names := make(map[string]string, len(l.in.Current.Accounts))
	for i := range l.in.Current.Accounts {
		a := &l.in.Current.Accounts[i]
		names[a.ID] = reconcile.NameKey(a.GivenName, a.FamilyName)
	}
	for i := range rows {
		if r := &rows[i]; r.Match == Nobody && len(named[names[r.Account]]) > 0 {
			r.Match, r.People = Name, named[names[r.Account]]
		}
	}
}
