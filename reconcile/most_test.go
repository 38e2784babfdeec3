package reconcile_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

// TestLawMost: what Most allows is exactly what Guard lets through, so that a writer
// who is bound by it at the moment of writing is neither stopped below a limit nor let
// over it.
func TestLawMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "people")
		leaving := rapid.IntRange(1, n).Draw(t, "leaving")
		allow := reconcile.Allowance{}
		if rapid.Bool().Draw(t, "has max") {
			most := rapid.IntRange(0, 40).Draw(t, "max")
			allow.Max = &most
		}
		if rapid.Bool().Draw(t, "has share") {
			share := float64(rapid.IntRange(0, 100).Draw(t, "share")) / 100
			allow.Share = &share
		}
		policy := open()
		policy.Limits = reconcile.Limits{MinPopulation: rapid.SampledFrom([]int{0, n - 1, n, n + 1, 60}).Draw(t, "min population"),
			Allow: map[reconcile.Limit]reconcile.Allowance{reconcile.LimitDeactivate: allow}}
		spent := rapid.IntRange(0, 30).Draw(t, "spent")
		policy.Spent = map[reconcile.Limit]int{reconcile.LimitDeactivate: spent}
		d, current := company(n, leaving)
		plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy})
		if len(plan.Changes) != leaving {
			t.Fatalf("%d changes of %d leavers", len(plan.Changes), leaving)
		}
		most, bound := plan.Most(policy)[reconcile.LimitDeactivate]
		passes := len(reconcile.Guard(plan, policy).Changes) == leaving
		if passes != (!bound || leaving+spent <= most) {
			t.Fatalf("%d after %d of %d: passes %v; most is %d, bound %v", leaving, spent, n, passes, most, bound)
		}
	})
}

// TestMostOfOneGroup: a group's limit goes by that group's size, and what the plan
// does not use has no number.
func TestMostOfOneGroup(t *testing.T) {
	share, max := 0.5, 7
	policy := open()
	policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitRemoveFromGroup: {Share: &share}, reconcile.LimitCreate: {Max: &max}}
	d, current := company(5, 0)
	current.Groups = []reconcile.Group{{ID: "g1", Name: "G", Members: []string{"a000", "a001", "a002"}}}
	d.Rules = []reconcile.Rule{{ID: 1, Name: "some", Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "1"}},
		Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"G"}}}}}
	d.Roles = []reconcile.OneLoginRole{{ID: 1, Name: "r"}}
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy})
	most := plan.Most(policy)
	if len(plan.Changes) != 3 || len(most) != 1 || most[reconcile.LimitRemoveFromGroup.Of("g1")] != 1 {
		t.Errorf("most %v for %+v", most, plan.Changes)
	}
}

// TestNewerErrorSaysWhy: the reason of a *NewerError is the reason of what is
// left out.
func TestNewerErrorSaysWhy(t *testing.T) {
	why := &reconcile.NewerError{Why: "the limit create has no room left"}
	plain := &reconcile.NewerError{}
	if why.Error() != why.Why || !strings.Contains(plain.Error(), "somebody else wrote this") {
		t.Errorf("%v, %v", why, plain)
	}
}
