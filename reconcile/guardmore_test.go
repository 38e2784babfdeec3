package reconcile_test

import (
	"fmt"
	"testing"

	"tomorro-sync/reconcile"
)

// TestWhoReturnsAsAdminIsGranted: limits.grant_admin counts who comes back as an admin, as
// well as who becomes one.
func TestWhoReturnsAsAdminIsGranted(t *testing.T) {
	t.Parallel()
	d, policy, most := people("a@x.io", "b@x.io"), open(), 1
	policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitGrantAdmin: {Max: &most}}
	var current reconcile.Current
	for i := range d.People {
		d.People[i].Title = "admin"
		current.Accounts = append(current.Accounts, reconcile.Account{ID: fmt.Sprint("a", i), UserName: d.People[i].Email, GivenName: "F", FamilyName: "L", UserType: reconcile.Admin})
	}
	if plan := decide(d, current, policy); len(plan.Changes) > 0 || len(plan.Held) != 2 {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestShareOfMemberships: limits.remove_member.share is a share of memberships, however
// many accounts there are.
func TestShareOfMemberships(t *testing.T) {
	t.Parallel()
	share := 0.1
	d, policy := people("a@x.io"), open()
	d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"kept"}}}}}
	policy.Limits = reconcile.Limits{MinPopulation: 20, Allow: map[reconcile.Limit]reconcile.Allowance{reconcile.LimitRemoveMember: {Share: &share}}}
	current := reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "a@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true}}}
	kept := reconcile.Group{ID: "k", Name: "kept", Members: []string{"a"}}
	for i := range 40 {
		current.Accounts = append(current.Accounts, reconcile.Account{ID: fmt.Sprint("f", i), UserName: fmt.Sprint("f", i)})
		if i < 20 {
			kept.Members = append(kept.Members, fmt.Sprint("f", i))
		}
	}
	current.Groups = []reconcile.Group{kept}
	for n := 1; n <= 3; n++ { // two of 23 are within a tenth, three of 24 are not, and four of the accounts would be
		current.Groups = append(current.Groups, reconcile.Group{ID: fmt.Sprint("g", n), Name: fmt.Sprint("other", n), Members: []string{"a"}})
		if plan := decide(d, current, policy); (len(plan.Changes) == n) != (n < 3) {
			t.Errorf("%d removals: planned %+v, held %+v", n, plan.Changes, plan.Held)
		}
	}
}

// TestNoTestimonyIsNoConfirmation: of whom OneLogin's second answer is missing keeps access.
func TestNoTestimonyIsNoConfirmation(t *testing.T) {
	t.Parallel()
	d, current := company(3, 2)
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: open()})
	keys := plan.ToConfirm()
	plan = reconcile.Confirm(plan, []reconcile.Testimony{{Key: keys[0], Answer: reconcile.WitnessGone}}, open())
	if len(keys) != 2 || len(plan.Changes) != 1 || plan.Changes[0].Key != keys[0] || len(plan.Held) != 1 || plan.Held[0].Rule != reconcile.RuleWitness {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestProtectedByEitherAddress: who is being renamed is protected by the address that they
// had and by the one that they get, and so is the account whose token this is.
func TestProtectedByEitherAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"old@x.io", "New@x.io", "1", "nobody@x.io"} {
		for _, works := range []bool{true, false} {
			protect, own := open(), open()
			protect.Protect, own.APIAccount = []string{name}, name
			for _, policy := range []*reconcile.Policy{protect, own} {
				d := people("new@x.io")
				d.People[0].Assigned = works
				current := reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "old@x.io", GivenName: "F", FamilyName: "L", UserType: "admin", Active: true}}}
				in := reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: map[reconcile.Key]string{1: "a"}}
				changed := len(reconcile.Guard(reconcile.Decide(in), policy).Changes) > 0
				if meant := name != "nobody@x.io" && (name != "1" || policy == protect); changed == meant {
					t.Errorf("protect %v, own account %q, at work %v: changed %v", policy.Protect, policy.APIAccount, works, changed)
				}
			}
		}
	}
}

// TestSubstituteKeepsRole: who inherits what leavers own is neither demoted nor removed, by
// whichever address they are named; a promotion and a new name are theirs.
func TestSubstituteKeepsRole(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"old@x.io", "new@x.io"} {
		for title, held := range map[string]bool{"user": true, "manager": false, "admin": false, "": true} {
			d, policy := people("new@x.io"), open()
			d.People[0].Title, d.People[0].Assigned = title, title != ""
			policy.DefaultSubstitute = name
			current := reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "old@x.io", GivenName: "F", FamilyName: "L", UserType: "manager", Active: true}}}
			plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: map[reconcile.Key]string{1: "a"}}), policy)
			if got := len(plan.Held) == 1 && plan.Held[0].Rule == reconcile.RuleSubstitute; got != held || len(plan.Held) > 1 {
				t.Errorf("named %s, title %q: planned %+v, held %+v", name, title, plan.Changes, plan.Held)
			}
		}
	}
}
