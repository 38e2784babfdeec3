package adopt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
)

// TestDoubt: what makes an account somebody's surely, and what must not: whoever is taken for
// the owner gets the contracts.
func TestDoubt(t *testing.T) {
	t.Parallel()
	ann := reconcile.Person{Key: 1, Email: "ann@x.io", FirstName: "Ann", LastName: "Ray", Status: 1, Licence: reconcile.Approved, Assigned: true}
	as := func(key reconcile.Key, email string) reconcile.Person {
		p := ann
		p.Key, p.Email = key, email
		return p
	}
	left := func(p reconcile.Person) reconcile.Person { p.Assigned = false; return p }
	account := func(id, name, mark string) reconcile.Account {
		return reconcile.Account{ID: id, UserName: name, GivenName: "Ann", FamilyName: "Ray", ExternalID: mark, Active: true}
	}
	type (
		people   = []reconcile.Person
		accounts = []reconcile.Account
		links    = map[reconcile.Key]string
		decided  = map[string]reconcile.AdoptionDecision
	)
	bob := reconcile.Account{ID: "a9", UserName: "bob@x.io"}
	for name, c := range map[string]struct {
		people   people
		accounts accounts
		links    links
		decided  decided
		partial  bool
		want     string // of each account: match, people, true for the same name
	}{
		"a decision is above a mark":              {people{ann}, accounts{account("a1", "ann@x.io", "onelogin:5")}, nil, decided{"a1": {Key: 1}}, false, "a1 link [1]"},
		"a decision is above what is remembered":  {people{ann, as(2, "bob@x.io")}, accounts{account("a1", "old@x.io", "")}, links{2: "a1"}, decided{"a1": {Key: 1}}, false, "a1 link [1]"},
		"a mark and a link of two people":         {people{ann, as(2, "bob@x.io")}, accounts{account("a1", "ann@x.io", "onelogin:1")}, links{2: "a1"}, nil, false, "a1 unclear [1 2]"},
		"two accounts of one person":              {people{ann}, accounts{account("a1", "ann@x.io", "onelogin:1"), account("a2", "b@x.io", "")}, links{1: "a2"}, nil, false, "a1 unclear [1], a2 unclear [1]"},
		"remembered is an account that is gone":   {people{ann}, accounts{account("a1", "ann@x.io", "")}, links{1: "gone"}, nil, false, "a1 address [1]"},
		"two accounts of one address":             {people{ann}, accounts{account("a1", "ann@x.io", ""), account("a2", "ANN@x.io", "")}, nil, nil, false, "a1 unclear [1], a2 unclear [1]"},
		"of which one is said to be nobody's":     {people{ann}, accounts{account("a1", "ann@x.io", ""), account("a2", "ANN@x.io", "")}, nil, decided{"a2": {}}, false, "a1 address [1], a2 foreign []"},
		"of which one is said to be another's":    {people{ann, as(2, "b@x.io")}, accounts{account("a1", "ann@x.io", ""), account("a2", "ANN@x.io", "")}, nil, decided{"a2": {Key: 2}}, false, "a1 unclear [1], a2 link [2]"},
		"recreated":                               {people{ann}, accounts{account("a1", "ann@x.io", "onelogin:5")}, nil, nil, false, "a1 recreated [1] true"},
		"not all of OneLogin was read":            {people{ann}, accounts{account("a1", "ann@x.io", "onelogin:5")}, nil, nil, true, "a1 mark [5]"},
		"OneLogin still knows whose it was":       {people{ann, as(5, "new@x.io")}, accounts{account("a1", "ann@x.io", "onelogin:5")}, nil, nil, false, "a1 mark [5]"},
		"who is to have it has no access":         {people{left(ann)}, accounts{account("a1", "ann@x.io", "onelogin:5")}, nil, nil, false, "a1 mark [5]"},
		"recreated twice":                         {people{ann, as(2, "ANN@x.io")}, accounts{account("a1", "ann@x.io", "onelogin:5")}, nil, nil, false, "a1 recreated [1 2]"},
		"by name, who has an account":             {people{ann}, accounts{account("a1", "ann@x.io", ""), account("a2", "other@x.io", "")}, nil, nil, false, "a1 address [1], a2 nobody []"},
		"by name, who has left":                   {people{left(ann)}, accounts{account("a2", "other@x.io", "")}, nil, nil, false, "a2 nobody []"},
		"by name, of whom no account is sure yet": {people{ann, as(2, "ANN@x.io")}, accounts{account("a1", "ann@x.io", ""), account("a2", "other@x.io", "")}, nil, nil, false, "a1 unclear [1 2], a2 name [1 2]"},
		"two who left, one with an account":       {people{left(ann), left(as(2, "ANN@x.io"))}, accounts{account("a1", "ann@x.io", ""), bob}, links{1: "a9"}, nil, false, "a1 folded [2], a9 link [1]"},
	} {
		d := &reconcile.Directory{People: c.people}
		for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
			d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
		}
		if c.partial {
			d.Receipt.Lists[0].Why = "page 2 is missing"
		}
		var got []string
		for _, r := range adopt.List(adopt.Input{Directory: d, Current: &reconcile.Current{Accounts: c.accounts}, Policy: &reconcile.Policy{}, Links: c.links, Decided: c.decided}) {
			got = append(got, strings.TrimSpace(fmt.Sprint(r.Account, " ", r.Match, " ", keys(&r), " ", strings.TrimPrefix(fmt.Sprint(r.SameName), "false"))))
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}
