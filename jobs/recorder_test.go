package jobs

import (
	"slices"
	"testing"

	"tomorro-sync/reconcile"
)

// TestAdminIsLeftOut: whoever would be one admin less is left out of a write when somebody
// else is at work on the admins.
func TestAdminIsLeftOut(t *testing.T) {
	admin := reconcile.Account{UserType: reconcile.Admin, Active: true}
	w := reconcile.Write{Changes: []reconcile.Change{{Op: reconcile.OpDeactivate, Key: 1, Before: &admin}, {Op: reconcile.OpUpdateName, Key: 2}}}
	got := Claimed{Newer: []string{adminsSubject}}
	if newer := got.leaveOut(&w); newer == nil || !slices.Equal(newer.Changes, []int{0}) {
		t.Errorf("%+v", newer)
	}
}
