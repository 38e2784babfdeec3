package reconcile_test

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// till records what a run spent, as the journal does: what may have happened counts.
type till struct {
	reconciletest.Log
	spent map[reconcile.Limit]int
}

func (b *till) Outcome(ctx context.Context, ticket string, o reconcile.Outcome) error {
	if o.Result == reconcile.Done || o.Result == reconcile.Uncertain {
		for l, n := range reconcile.Spend(o.Write.Changes) {
			b.spent[l] += n
		}
	}
	return b.Log.Outcome(ctx, ticket, o)
}

// TestLawWindow: several runs within one window, with faults and with people who
// come, go and change in between, and with approvals of some of what is held. No
// window spends more than its budget but what was approved, and nobody protected
// changes.
func TestLawWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		most := rapid.IntRange(0, 4).Draw(t, "most")
		w.Policy.Limits.Allow = make(map[reconcile.Limit]reconcile.Allowance)
		for _, l := range reconcile.LimitNames() {
			w.Policy.Limits.Allow[l] = reconcile.Allowance{Max: &most}
		}
		memory := reconciletest.NewMemory(w.Current)
		memory.Fail = func(reconcile.Write) reconciletest.Fault {
			return reconciletest.Fault(rapid.IntRange(0, 4).Draw(t, "fault"))
		}
		start := w.Current
		spent, approved := make(map[reconcile.Limit]int), make(map[string]reconcile.Decision)
		for range rapid.IntRange(2, 4).Draw(t, "runs") {
			w.Policy.Spent, w.Policy.Decisions = spent, approved
			plan := planOf(w)
			b := &till{spent: spent}
			result, _ := reconcile.Apply(t.Context(), plan, memory, b, reconcile.ApplyOptions{MembersPerWrite: 2}) // some faults stop a run
			w.Current, _ = memory.Read(t.Context())
			w.Links = remember(w.Links, plan.Links, result.Links)
			for _, h := range plan.Held {
				if h.Rule.Approvable() && rapid.Bool().Draw(t, "approves") {
					approved[h.Digest()] = reconcile.Decision{Approves: true, By: []string{"ann"}}
				}
			}
			churn(t, &w.Directory)
		}
		for l, n := range spent {
			if kind, _ := l.Group(); n > *w.Policy.Limits.Allow[kind].Max {
				t.Fatalf("%s: %d were spent in one window, and the limit is %d", l, n, most)
			}
		}
		for _, a := range start.Accounts {
			shielded := slices.ContainsFunc(w.Policy.Protect, func(p string) bool { return reconcile.Fold(p) == reconcile.Fold(a.UserName) })
			i := slices.IndexFunc(w.Current.Accounts, func(b reconcile.Account) bool { return b.ID == a.ID })
			if shielded && (i < 0 || w.Current.Accounts[i] != a) {
				t.Fatalf("protected %+v was changed", a)
			}
		}
	})
}

// churn lets some people leave, return, move or change their title.
func churn(t *rapid.T, d *reconcile.Directory) {
	d.People = slices.Clone(d.People)
	for i := range d.People {
		switch p := &d.People[i]; rapid.IntRange(0, 5).Draw(t, "what becomes of them") {
		case 0:
			p.Assigned = !p.Assigned
		case 1:
			p.Title = rapid.SampledFrom([]string{"admin", "user", "manager"}).Draw(t, "title")
		case 2:
			p.Roles = nil
		case 3:
			p.Roles = []int64{1, 2}
		}
	}
}
