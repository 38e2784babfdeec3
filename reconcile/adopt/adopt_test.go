package adopt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
	"tomorro-sync/reconcile/reconciletest"
)

// TestEachMatch: an account for each way to know whose it is, and not to know.
func TestEachMatch(t *testing.T) {
	t.Parallel()
	d, c := &reconcile.Directory{}, &reconcile.Current{}
	person := func(key reconcile.Key, email, first, last string) {
		d.People = append(d.People, reconcile.Person{Key: key, Email: email, FirstName: first, LastName: last, Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	account := func(id, name, given, family, mark string) {
		c.Accounts = append(c.Accounts, reconcile.Account{ID: id, UserName: name, GivenName: given, FamilyName: family, ExternalID: mark, Active: true})
	}
	person(1, "mark@x.io", "M", "Ark")
	account("mark", "old@x.io", "", "", "onelogin:1")
	person(2, "link@x.io", "L", "Ink")
	account("link", "other@x.io", "", "", "")
	person(3, "address@x.io", "A", "Ddress")
	account("address", "address@x.io", "", "", "")
	person(4, "Folded@X.io", "F", "Olded")
	account("folded", "folded@x.io", "", "", "")
	person(5, "new.name@x.io", "Zoé", "Name")
	account("name", "old.name@x.io", "NAME", "zoé", "")
	person(6, "twice@x.io", "T", "Wice")
	person(7, "TWICE@x.io", "T", "Wice")
	account("unclear", "twice@x.io", "", "", "")
	account("nobody", "somebody@else.io", "Some", "Body", "")
	person(8, "inbox@x.io", "In", "Box")
	account("foreign", "inbox@x.io", "In", "Box", "")
	person(9, "linked@x.io", "L", "Inked")
	account("wrong", "wrong@x.io", "", "", "onelogin:9")
	account("own", "linked@x.io", "", "", "")
	rows := adopt.List(adopt.Input{Directory: d, Current: c, Policy: &reconcile.Policy{}, Links: map[reconcile.Key]string{2: "link"},
		Decided: map[string]reconcile.AdoptionDecision{"foreign": {By: "ann"}, "link": {Key: 2, By: "bob"}}})
	var got []string
	for _, r := range rows {
		got = append(got, strings.TrimSpace(fmt.Sprint(r.Account, " ", r.Match, " ", keys(&r), " ", r.DecidedBy)))
	}
	want := []string{
		"own unclear [9]", "name name [5]", "unclear unclear [6 7]", // these wait for a decision
		"address address [3]", "folded folded [4]", "foreign foreign [] ann", "mark mark [1]", "link link [2] bob", "nobody nobody []", "wrong mark [9]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func keys(r *adopt.Row) []reconcile.Key {
	all := []reconcile.Key{}
	for _, p := range r.People {
		all = append(all, p.Key)
	}
	return all
}

// TestLawNamesakes: the account because of whose name somebody is held is among those that
// wait for a decision.
func TestLawNamesakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Adoption.Open = true
		for i := range w.Current.Accounts { // some were made by hand, for people, under other addresses
			if a := &w.Current.Accounts[i]; len(w.Directory.People) > 0 && rapid.Bool().Draw(t, "by hand") {
				person := rapid.SampledFrom(w.Directory.People).Draw(t, "named as")
				a.UserName, a.ExternalID, a.GivenName, a.FamilyName = "hand-"+a.ID+"@x.io", "", person.LastName, person.FirstName
			}
		}
		rows := adopt.List(adopt.Input{Directory: &w.Directory, Current: &w.Current, Policy: &w.Policy, Links: w.Links})
		plan := reconcile.Guard(reconcile.Decide(w.Input()), &w.Policy)
		for _, h := range plan.Held {
			named := func(r adopt.Row) bool { return r.Asks() && strings.HasPrefix(h.Reason, "account "+r.UserName+" ") }
			if h.Rule == reconcile.RuleAdoption && h.Op == reconcile.OpCreate && !slices.ContainsFunc(rows, named) {
				t.Fatalf("%s is held, and nothing is asked: %s", h.Who, h.Reason)
			}
		}
	})
}

// TestLawAsPlanned: over any world, what is sure here is what a plan takes for sure.
func TestLawAsPlanned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan := reconcile.Decide(w.Input())
		clash := make(map[reconcile.Key]bool)
		for _, h := range plan.Held {
			clash[h.Key] = clash[h.Key] || h.Rule == reconcile.RuleData
		}
		for _, r := range adopt.List(adopt.Input{Directory: &w.Directory, Current: &w.Current, Policy: &w.Policy, Links: w.Links}) {
			owner, owned := plan.Owner(r.Account)
			sure := r.Match == adopt.Mark || r.Match == adopt.Link || r.Match == adopt.Address || r.Match == adopt.Folded
			switch {
			case owned && !clash[owner] && (!sure || r.People[0].Key != owner):
				t.Fatalf("the plan takes %s for %s's; here: %+v", r.Account, owner, r)
			case sure && owned && owner != r.People[0].Key:
				t.Fatalf("the plan takes %s for %s's; here: %+v", r.Account, owner, r)
			}
		}
	})
}
