package reconcile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawRegroup: over any world, the memberships of a plan change nothing else, and
// Regroup brings them back to what they were.
func TestLawRegroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		memory := reconciletest.NewMemory(w.Current)
		before, _ := memory.Read(t.Context()) // sorted
		apply := func(plan reconcile.Plan) reconcile.Current {
			if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{MembersPerWrite: 2}); err != nil {
				t.Fatal(err)
			}
			now, _ := memory.Read(t.Context())
			return now
		}
		there := apply(planOf(w).Memberships("somebody"))
		if !slices.Equal(there.Accounts, before.Accounts) || len(there.Groups) != len(before.Groups) {
			t.Fatalf("accounts or groups changed:\n%v\n%v", there, before)
		}
		nobody := func(string) (reconcile.Key, bool) { return 0, false }
		here := apply(reconcile.Regroup(before.Groups, &there, nobody, "somebody"))
		if !slices.EqualFunc(here.Groups, before.Groups, func(a, b reconcile.Group) bool { return a.ID == b.ID && slices.Equal(a.Members, b.Members) }) {
			t.Fatalf("it is not what it was:\n%v\n%v", here.Groups, before.Groups)
		}
	})
}
