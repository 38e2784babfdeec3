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
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	person := func(key reconcile.Key, email, first, last string) {
		d.People = append(d.People, reconcile.Person{Key: key, Email: email, FirstName: first, LastName: last, Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	account := func(id, name, given, family, mark string) {
		c.Accounts = append(c.Accounts, reconcile.Account{ID: id, UserName: name, GivenName: given, FamilyName: family, ExternalID: mark, Active: true})
	}
	person(1, "mark@x.io", "M", "Ark")
	account("mark", "old@x.io", "", "", "onelogin:1")
	person(2, "link@x.io", "L", "Ink")
	account("link", "former@x.io", "", "", "")
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
	person(12, "again@x.io", "A", "Gain")
	account("again", "again@x.io", "a", "gain", "onelogin:10")
	person(13, "other@x.io", "Other", "Person")
	account("other", "other@x.io", "A", "Nother", "")
	person(14, "twin@x.io", "T", "Win")
	account("twin", "twin@x.io", "T", "Win", "onelogin:15")
	account("twin2", "Twin@x.io", "T", "Win", "onelogin:16")
	rows := adopt.List(adopt.Input{Directory: d, Current: c, Policy: &reconcile.Policy{}, Links: map[reconcile.Key]string{2: "link", 11: "other"},
		Decided: map[string]reconcile.AdoptionDecision{"foreign": {By: "ann"}, "link": {Key: 2, By: "bob"}}})
	var got []string
	for _, r := range rows {
		got = append(got, strings.TrimSpace(fmt.Sprint(r.Account, " ", r.Match, " ", keys(&r), " ", strings.TrimPrefix(fmt.Sprint(r.SameName), "false"), r.DecidedBy)))
	}
	want := []string{
		"again recreated [12] true", "own unclear [9]", "name name [5]", "other recreated [13]", "unclear unclear [6 7]", "twin recreated [14]", "twin2 recreated [14]", // these wait for a decision
		"address address [3]", "folded folded [4]", "link link [2] bob", "foreign foreign [] ann", "mark mark [1]", "nobody nobody []", "wrong mark [9]",
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
			if r.Match == adopt.Recreated { // see TestLawRecreated
				continue
			}
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

// TestLawRecreated: whose account is kept because somebody at work has its address is
// asked for, and whoever is asked for, and is to have access, gets none meanwhile.
func TestLawRecreated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan := reconcile.Guard(reconcile.Decide(w.Input()), &w.Policy)
		asked := make(map[string]adopt.Row)
		for _, r := range adopt.List(adopt.Input{Directory: &w.Directory, Current: &w.Current, Policy: &w.Policy, Links: w.Links}) {
			if r.Match == adopt.Recreated {
				asked[r.Account] = r
			}
		}
		held, wanted := make(map[reconcile.Key]bool), make(map[reconcile.Key]bool)
		wants, _ := reconcile.Desired(&w.Directory, &w.Policy)
		for i := range wants {
			wanted[wants[i].Person.Key] = wants[i].Active
		}
		for i := range plan.Held {
			h := &plan.Held[i]
			held[h.Key] = held[h.Key] || h.Op == reconcile.OpCreate
			if _, is := asked[h.Account]; h.Rule == reconcile.RuleRecreated && !is {
				t.Fatalf("%s is held, and nothing is asked: %s", h.Who, h.Reason)
			}
		}
		for _, r := range asked {
			for _, p := range r.People {
				if !held[p.Key] && wanted[p.Key] {
					t.Fatalf("it is asked whether %s is %s's, whom nothing is held of", r.UserName, p.Key)
				}
			}
		}
	})
}
