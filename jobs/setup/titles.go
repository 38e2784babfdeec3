package setup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// TitleSource says how the role of a title is known.
type TitleSource string

// The sources.
const (
	TitleWord     TitleSource = "word"     // the title is one of the four words
	TitleName     TitleSource = "name"     // it is a name under which Tomorro shows a role
	TitleAccounts TitleSource = "accounts" // everybody who has it and an account has that role
	TitleUnknown  TitleSource = "unknown"  // nobody has said what it means
)

// Title is one job title in use, and what it means as far as that is known.
type Title struct {
	Title  string // the most frequent spelling, without blanks around it
	People int    // how many of those who should have access have this title
	// Accounts is how many of them have an active account, by role.
	Accounts map[reconcile.UserType]int
	Role     reconcile.UserType // empty when From is TitleUnknown
	From     TitleSource
}

// Why says in a few words where the role comes from, or what speaks for one.
func (t *Title) Why() string {
	var roles []string
	for _, u := range []reconcile.UserType{reconcile.Admin, reconcile.Manager, reconcile.User, reconcile.Viewer} {
		if n := t.Accounts[u]; n > 0 {
			roles = append(roles, fmt.Sprintf("%d %s", n, u))
		}
	}
	switch {
	case t.From == TitleName:
		return "Tomorro's own name for this role"
	case len(roles) == 0:
		return "no account yet"
	case t.From == TitleAccounts:
		return "as their accounts are: " + strings.Join(roles, ", ")
	}
	return "accounts: " + strings.Join(roles, ", ")
}

// names are those under which Tomorro and its set-up guide show the roles.
func names() map[string]reconcile.UserType {
	return map[string]reconcile.UserType{
		"creator - manager": reconcile.Manager, "creator-manager": reconcile.Manager,
		"contributor": reconcile.User, "contributeur": reconcile.User,
		"creator - contributor": reconcile.User, "creator-contributor": reconcile.User, "creator - user": reconcile.User,
	}
}

// ProposeTitles lists the titles of everybody who should have access, the most
// frequent first, with the role that each means:
//
//	admin, manager, user, viewer           itself
//	a name under which Tomorro shows one   that one
//	the same role in all their accounts    that one, if at least half of them have an account;
//	                                       admin only if all of them have, so that no proposal
//	                                       makes anybody an admin
//	anything else                          unknown: their people are held until somebody decides
//
// People without a title are not in the list: no entry could help them.
func ProposeTitles(d *reconcile.Directory, current *reconcile.Current, p *reconcile.Policy) []Title {
	found := make(map[string]*Title)
	spellings := make(map[string]map[string]int)
	account := accounts(current)
	wants, _ := reconcile.Desired(d, p)
	for i := range wants {
		person := wants[i].Person
		key := reconcile.FoldTitle(person.Title)
		if !wants[i].Active || key == "" {
			continue
		}
		t := found[key]
		if t == nil {
			t = &Title{Accounts: make(map[reconcile.UserType]int)}
			found[key], spellings[key] = t, make(map[string]int)
		}
		t.People++
		spellings[key][strings.Join(strings.Fields(person.Title), " ")]++
		if a := account(person); a != nil && a.Active {
			t.Accounts[a.UserType]++
		}
	}
	titles := make([]Title, 0, len(found))
	for key, t := range found {
		t.Title = mostFrequent(spellings[key])
		t.Role, t.From = t.meaning(key)
		titles = append(titles, *t)
	}
	slices.SortFunc(titles, func(a, b Title) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Title, b.Title))
	})
	return titles
}

func (t *Title) meaning(key string) (reconcile.UserType, TitleSource) {
	if u := reconcile.UserType(key); u.Valid() {
		return u, TitleWord
	}
	if u, ok := names()[key]; ok {
		return u, TitleName
	}
	if len(t.Accounts) == 1 {
		for u, n := range t.Accounts {
			if u.Valid() && n*2 >= t.People && (u != reconcile.Admin || n == t.People) {
				return u, TitleAccounts
			}
		}
	}
	return "", TitleUnknown
}

func mostFrequent(spellings map[string]int) string {
	best := ""
	for s, n := range spellings {
		if best == "" || n > spellings[best] || n == spellings[best] && s < best {
			best = s
		}
	}
	return best
}

// accounts finds somebody's account by its mark, else by the address.
func accounts(current *reconcile.Current) func(*reconcile.Person) *reconcile.Account {
	marked, named := make(map[reconcile.Key]*reconcile.Account), make(map[string]*reconcile.Account)
	for i := range current.Accounts {
		a := &current.Accounts[i]
		if key, ok := reconcile.ParseExternalID(a.ExternalID); ok {
			marked[key] = a
		}
		named[reconcile.Fold(a.UserName)] = a
	}
	return func(p *reconcile.Person) *reconcile.Account {
		if a := marked[p.Key]; a != nil {
			return a
		}
		return named[reconcile.Fold(p.Email)]
	}
}
