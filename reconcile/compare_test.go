package reconcile_test

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestCompare: what only this configuration asks for or holds is told apart from what only
// the former did, and what both want is not told at all.
func TestCompare(t *testing.T) {
	t.Parallel()
	d, current := company(3, 1)
	d.People[1].Title, d.People[2].Title = "Paralegal", "Counsel"
	now, former := open(), open()
	now.Titles, former.Titles = map[string]reconcile.UserType{"paralegal": "manager"}, map[string]reconcile.UserType{"counsel": "manager"}
	got := reconcile.Compare(reconcile.Input{Directory: d, Current: &current, Policy: now}, former)
	if len(got.Only) != 1 || got.Only[0].Key != 2 || len(got.Former) != 1 || got.Former[0].Key != 3 {
		t.Errorf("only %+v, former %+v", got.Only, got.Former)
	}
	if len(got.OnlyHeld) != 1 || got.OnlyHeld[0].Key != 3 || len(got.FormerHeld) != 1 || got.FormerHeld[0].Key != 2 {
		t.Errorf("only held %+v, former %+v", got.OnlyHeld, got.FormerHeld)
	}
}
