package reconcile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawUncertaintyTakesNothing: nobody is taken out of a group because less is known of
// whom a rule matches, nor put into one.
func TestLawUncertaintyTakesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plain := memberChanges(w)
		for i := range w.Directory.Rules {
			if r := &w.Directory.Rules[i]; rapid.Bool().Draw(t, "uncertain") {
				r.Conditions = append(slices.Clone(r.Conditions), reconcile.Condition{Source: "starsign", Operator: "=", Value: "Leo"})
			}
		}
		for c := range memberChanges(w) {
			if !plain[c] {
				t.Fatalf("%s %s, account %q, only when less is known", c.op, c.group, c.account)
			}
		}
	})
}

// memberChange is a membership that a plan changes.
type memberChange struct {
	op             reconcile.Op
	account, group string
}

func memberChanges(w *reconciletest.World) map[memberChange]bool {
	changes := make(map[memberChange]bool)
	for _, c := range reconcile.Decide(w.Input()).Changes {
		if c.Op == reconcile.OpAddMember || c.Op == reconcile.OpRemoveMember {
			changes[memberChange{c.Op, c.Key.String(), reconcile.Fold(c.Group)}] = true
		}
	}
	return changes
}
