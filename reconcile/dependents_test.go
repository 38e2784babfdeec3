package reconcile_test

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestDependentsOfDependents: in a chain of people who take over each other's address, all
// wait for the one at its end whose change is held.
func TestDependentsOfDependents(t *testing.T) {
	t.Parallel()
	d, policy := people("b@x.io", "c@x.io", "d@x.io", "a@x.io"), open()
	var current reconcile.Current
	in := reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: make(map[reconcile.Key]string)}
	for i, name := range []string{"a", "b", "c"} { // user 1 moves from a to b, 2 to c, 3 to d, and 4 is new at a
		current.Accounts = append(current.Accounts, reconcile.Account{ID: name, UserName: name + "@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true})
		in.Links[reconcile.Key(i+1)] = name
	}
	policy.Pinned = map[reconcile.Key]string{3: "undone"}
	if plan := reconcile.Guard(reconcile.Decide(in), policy); len(plan.Changes) > 0 || len(plan.Held) != 4 {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
	policy.Pinned = nil
	if plan := reconcile.Guard(reconcile.Decide(in), policy); len(plan.Changes) != 4 {
		t.Errorf("nobody held back: planned %+v, held %+v", plan.Changes, plan.Held)
	}
}
