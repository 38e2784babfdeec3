package jobs_test

import (
	"maps"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// newLearner is a rig whose runs also remember what they saw and what was decided.
func newLearner(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.runner.Experience = r.store
	r.runner.Policy.Limits.MinPopulation = 1
	r.runner.Policy.Limits.Allow = nil
	r.reconcile(t)
	return r
}

func (r *rig) pulls(t *testing.T) int {
	t.Helper()
	pulls, err := r.store.Pulls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(pulls)
}

// TestOnlyGoodPullsTeach: an unusual pull that holds somebody, and one that is not
// complete, leave what is usual as it was.
func TestOnlyGoodPullsTeach(t *testing.T) {
	r := newLearner(t)
	if n := r.pulls(t); n != 1 {
		t.Fatalf("%d pulls after the first run", n)
	}
	r.source.d.People[0].Assigned, r.source.d.People[1].Assigned = false, false
	for range 2 {
		if report := r.reconcile(t); report.Held[reconcile.HoldGuard] != 2 || r.pulls(t) != 1 {
			t.Fatalf("an unusual pull: %+v, %d pulls", report.Held, r.pulls(t))
		}
	}
	r.source.d.People[0].Assigned, r.source.d.People[1].Assigned = true, true
	r.source.d.People[2].LastName = "Changed"
	r.source.d.Receipt.Lists[0].Why = "page 2 of 3 failed"
	r.reconcile(t)
	facts, err := r.store.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was := facts.People[3]
	r.source.d.Receipt.Lists[0].Why = ""
	if n := r.pulls(t); n != 1 {
		t.Errorf("an incomplete pull taught: %d", n)
	}
	r.reconcile(t)
	if facts, err = r.store.Facts(t.Context()); err != nil || facts.People[3] == was || r.pulls(t) != 2 {
		t.Errorf("a good pull taught nothing, or an incomplete one taught it before: %d pulls, %v", r.pulls(t), err)
	}
}

// TestABrokenRunTeachesNothing: a run that is broken off leaves what is known of OneLogin, and
// what is usual there, as it was.
func TestABrokenRunTeachesNothing(t *testing.T) {
	r := newLearner(t)
	before, err := r.store.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.source.d.People {
		r.source.d.People[i].LastName = "Changed"
	}
	r.memory.Fail = func(reconcile.Write) reconciletest.Fault { return reconciletest.Forbids }
	r.runner.Concurrency = 1
	if report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes); err == nil || report.Exit != jobs.ExitError {
		t.Fatalf("%+v %v", report, err)
	}
	after, err := r.store.Facts(t.Context())
	if err != nil || !maps.Equal(before.People, after.People) || r.pulls(t) != 1 {
		t.Errorf("it taught %v, after %v; %d pulls; %v", after.People, before.People, r.pulls(t), err)
	}
}

// TestWhoIsHeldIsNotSettled: as long as something is left to do for somebody, the
// change keeps its origin, night after night.
func TestWhoIsHeldIsNotSettled(t *testing.T) {
	r := newLearner(t)
	r.runner.Policy.Approve = []string{"update"}
	r.source.d.People[0].LastName = "Changed"
	for range 3 {
		var held []reconcile.Held
		if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, func(p reconcile.Plan) (bool, error) { held = p.Held; return true, nil }); err != nil {
			t.Fatal(err)
		}
		if len(held) != 1 || held[0].Origin != reconcile.FromSource {
			t.Fatalf("held %+v", held)
		}
	}
}

// TestApprovalsEnd: an approval lets a change through until its time, and not after.
func TestApprovalsEnd(t *testing.T) {
	r := newLearner(t)
	r.runner.Policy.Approve = []string{"update"}
	r.source.d.People[0].LastName, r.source.d.People[1].LastName = "Changed", "Changed"
	r.reconcile(t)
	now := time.Now()
	book, err := jobs.ReadHolds(t.Context(), r.store)
	if err != nil {
		t.Fatal(err)
	}
	holds := book.Open(nil, false, now)
	for who, life := range map[string]time.Duration{"ann@x.io": time.Hour, "bob@x.io": 3 * time.Hour} {
		if _, err := jobs.Answer(t.Context(), r.store, holds, holds[0].ID, jobs.Word{Who: "cyd", Approves: true, Only: []string{who}, For: life}, now); err != nil {
			t.Fatal(err)
		}
	}
	r.runner.Now = func() time.Time { return now.Add(2 * time.Hour) }
	if report := r.reconcile(t); report.Done[reconcile.OpUpdateName] != 1 || report.Held[reconcile.HoldApproval] != 1 {
		t.Errorf("done %v, held %v; one approval had ended", report.Done, report.Held)
	}
}
