package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawUncertaintyTakesNothing: nobody is taken out of a group because less is known of
// whom a rule matches, nor put into one; whatever the rule calls the group, and whether
// Tomorro has none or two of that name.
func TestLawUncertaintyTakesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.GroupMode = reconcile.Exclusive
		if n := len(w.Current.Groups); n > 1 && rapid.Bool().Draw(t, "twins") {
			w.Current.Groups[n-1].Name = strings.ToUpper(w.Current.Groups[0].Name)
		}
		plain := memberChanges(w)
		for i := range w.Directory.Rules {
			if r := &w.Directory.Rules[i]; rapid.Bool().Draw(t, "uncertain") {
				r.Conditions = append(slices.Clone(r.Conditions), reconcile.Condition{Source: "starsign", Operator: "=", Value: "Leo"})
			}
		}
		for c := range memberChanges(w) {
			if !plain[c] {
				t.Fatalf("%s %s, OneLogin user %s, only when less is known", c.op, c.group, c.key)
			}
		}
	})
}

// memberChange is a membership that a plan changes.
type memberChange struct {
	op         reconcile.Op
	key, group string
}

func memberChanges(w *reconciletest.World) map[memberChange]bool {
	changes := make(map[memberChange]bool)
	for _, c := range reconcile.Decide(w.Input()).Changes {
		if c.Op == reconcile.OpAddMember || c.Op == reconcile.OpRemoveMember {
			changes[memberChange{c.Op, c.Key.String(), c.Group + " " + c.GroupID}] = true
		}
	}
	return changes
}

// TestUncertainOfTwins: a rule that may give somebody one of two groups of a name takes
// them out of neither.
func TestUncertainOfTwins(t *testing.T) {
	t.Parallel()
	d := people("ann@x.io")
	d.People[0].Department = "legal"
	d.Rules = []reconcile.Rule{{ID: 1, Conditions: []reconcile.Condition{{Source: "department", Operator: "=", Value: "Legal"}},
		Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	current := reconcile.Current{Accounts: twins().Accounts[:1], Groups: []reconcile.Group{
		{ID: "g1", Name: "Legal", Members: []string{"a1"}}, {ID: "g2", Name: "LEGAL", Members: []string{"a1"}}}}
	if plan := decide(d, current, open()); len(plan.Changes) > 0 || len(plan.Held) != 2 {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}
