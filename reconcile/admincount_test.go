package reconcile_test

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestAdminsAreCountedOnce: who returns as admin is one admin more, though two changes say
// so, and who has no access is none less.
func TestAdminsAreCountedOnce(t *testing.T) {
	t.Parallel()
	ann := reconcile.Account{ID: "a1", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: reconcile.Admin, Active: true}
	bob := reconcile.Account{ID: "a2", UserName: "bob@x.io", GivenName: "F", FamilyName: "L", UserType: reconcile.User}

	d, policy := people("ann@x.io", "bob@x.io"), open()
	d.People[1].Title, policy.MinAdmins = "admin", 2
	plan := decide(d, reconcile.Current{Accounts: []reconcile.Account{ann, bob}}, policy)
	if len(plan.Held) != 1 || plan.Held[0].Rule != reconcile.RuleAdmins || plan.Held[0].Account != ann.ID {
		t.Errorf("one of two is to stay and one returns as admin: held %+v", plan.Held)
	}

	d, policy = people("ann@x.io"), open()
	d.People[0].Title, policy.MinAdmins, policy.DeleteUsers = "admin", 1, true
	bob.UserType = reconcile.Admin
	current := reconcile.Current{Accounts: []reconcile.Account{ann, bob}}
	plan = reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: map[reconcile.Key]string{9: bob.ID}}), policy)
	if len(plan.Held) > 0 || len(plan.Changes) != 1 || plan.Changes[0].Op != reconcile.OpDelete {
		t.Errorf("a former admin without access is deleted: %+v, held %+v", plan.Changes, plan.Held)
	}
}
