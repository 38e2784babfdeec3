package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// TestLeaverAmongFew: in a plan about few people, a leaver who never had an account does
// not have that of whoever has the address now: among those not looked at may be its owner.
func TestLeaverAmongFew(t *testing.T) {
	t.Parallel()
	d, current := people("ann@x.io"), reconcile.Current{Accounts: twins().Accounts[:1]}
	d.People[0].Assigned = false
	in := reconcile.Input{Directory: d, Current: &current, Policy: open(), Only: []reconcile.Key{1}, Rest: &reconcile.Rest{}}
	if plan := reconcile.Decide(in); len(plan.Changes)+len(plan.Links) > 0 {
		t.Errorf("planned %+v, linked %+v", plan.Changes, plan.Links)
	}
}

// TestWitnessOfAStatusNobodyNamed: a second answer with a status that the configuration
// counts neither as active nor as inactive confirms no removal.
func TestWitnessOfAStatusNobodyNamed(t *testing.T) {
	t.Parallel()
	d, current := company(1, 1)
	policy := open()
	policy.InactiveStatuses = []reconcile.Status{0}
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy})
	for status, removed := range map[reconcile.Status]int{0: 1, 1: 0, 2: 0} {
		said := []reconcile.Testimony{{Key: 1, Answer: reconcile.WitnessInactive, Status: status, Licence: reconcile.Approved}}
		if got := reconcile.Confirm(plan, said, policy); len(got.Changes) != removed {
			t.Errorf("status %d: planned %+v, held %+v", status, got.Changes, got.Held)
		}
	}
}

// TestRejectionOfSomebodyUnclear: as long as nobody can tell what somebody should have, a
// rejection about them is not over because no plan comes to that change.
func TestRejectionOfSomebodyUnclear(t *testing.T) {
	t.Parallel()
	for status, over := range map[reconcile.Status]int{6: 0, 1: 1} {
		d, current := company(1, 0)
		d.People[0].Status = status
		plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: open()})
		if got := plan.Outlived(map[string]reconcile.Decision{"some removal": {By: []string{"ann"}, Key: 1}}); len(got) != over {
			t.Errorf("status %d: over are %v", status, got)
		}
	}
}

// TestAccessIsGivenBackEachTime: that Tomorro did not keep a reactivation twice does not end
// the trying.
func TestAccessIsGivenBackEachTime(t *testing.T) {
	t.Parallel()
	d, current := company(1, 0)
	current.Accounts[0].Active = false
	policy := open()
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy})
	policy.Ignored = make(map[string]time.Time)
	for i := range plan.Changes {
		policy.Ignored[plan.Changes[i].Effect()] = at()
	}
	if plan = reconcile.Guard(plan, policy); !slices.ContainsFunc(plan.Changes, func(c reconcile.Change) bool { return c.Op == reconcile.OpReactivate }) {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestWhatIsPendingIsNotLearned: of whom something is left to do, nothing new is remembered,
// or the next run would take what is left for somebody's doing at Tomorro.
func TestWhatIsPendingIsNotLearned(t *testing.T) {
	t.Parallel()
	d, current := company(2, 0)
	last := &reconcile.Facts{People: map[reconcile.Key]uint64{1: 1, 2: 2, 9: 3, 10: 4}}
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: open(), Last: last})
	learned := plan.Learn(last, map[reconcile.Key]bool{1: true, 9: true})
	if _, known := learned.People[2]; !known || len(learned.People) != 1 || !slices.Equal(learned.Forgotten, []reconcile.Key{10}) {
		t.Errorf("%+v", learned)
	}
}
