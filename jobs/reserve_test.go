package jobs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestRunLeavesOutWhatOthersUsed: what a writer without the lock used of a limit after
// the plan was made is not used twice. Only that is left out, and the report says so.
func TestRunLeavesOutWhatOthersUsed(t *testing.T) {
	r := newRig(t)
	three := 3
	r.runner.Policy.Limits.Allow[reconcile.LimitCreate] = reconcile.Allowance{Max: &three}
	report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, func(reconcile.Plan) (bool, error) {
		got, err := r.store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "push", Subjects: []string{"9"},
			Spends: map[reconcile.Limit]int{reconcile.LimitCreate: 2}, Entry: jobs.Entry{Time: time.Now(), Write: &reconcile.Write{}}}})
		return true, errors.Join(err, errorIf(err == nil && got[0].ID == "", "the push was refused"))
	})
	if err != nil {
		t.Fatal(err)
	}
	why := "not sent: 2 changes, because the limit create has no room left: others used it meanwhile"
	if report.Done[reconcile.OpCreate] != 1 || report.Skipped[reconcile.OpCreate] != 2 || report.Newer != 0 || report.Exit != jobs.ExitFailed || !slices.Contains(report.Errors, why) {
		t.Errorf("done %v, skipped %v, newer %d, exit %d: %v", report.Done, report.Skipped, report.Newer, report.Exit, report.Errors)
	}
	snap, err := r.store.Snapshot(t.Context())
	if err != nil || len(snap.Marks) != 0 || len(snap.Open) != 1 {
		t.Errorf("%+v %v", snap, err)
	}
}

func errorIf(so bool, text string) error {
	if so {
		return errors.New(text)
	}
	return nil
}

// TestRunGivesBackWhatItDidNotUse: a run that uses a limit to its end is not stopped by
// its own writes, and what failed leaves its room to others.
func TestRunGivesBackWhatItDidNotUse(t *testing.T) {
	r := newRig(t)
	three := 3
	r.runner.Policy.Limits.Allow[reconcile.LimitCreate] = reconcile.Allowance{Max: &three}
	r.runner.Concurrency = 1
	r.memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if w.Account.UserName == "bob@x.io" {
			return reconciletest.Refuses
		}
		return reconciletest.Works
	}
	report := r.reconcile(t)
	spent, err := r.store.Spent(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || report.Done[reconcile.OpCreate] != 2 || report.Failed[reconcile.OpCreate] != 1 || spent[reconcile.LimitCreate] != 2 {
		t.Errorf("done %v, failed %v, spent %v %v", report.Done, report.Failed, spent, err)
	}
	r.memory.Fail = nil
	if report := r.reconcile(t); report.Done[reconcile.OpCreate] != 1 || report.Exit != jobs.ExitDone {
		t.Errorf("the room of what failed is gone: %v %v", report.Done, strings.Join(report.Errors, "; "))
	}
}

// TestRunHasTheRoomOfWhatDidNotHappen: a run that was killed set room aside for what it had
// under way. The next one looks, sees that nothing of it happened, and has that room.
func TestRunHasTheRoomOfWhatDidNotHappen(t *testing.T) {
	r := newRig(t)
	three := 3
	r.runner.Policy.Limits.Allow[reconcile.LimitCreate] = reconcile.Allowance{Max: &three}
	r.memory.Fail = func(reconcile.Write) reconciletest.Fault { return reconciletest.Refuses }
	r.runner.Ledger = &dying{r.store}
	if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes); err == nil {
		t.Fatal("it did not die")
	}
	r.runner.Ledger, r.memory.Fail = r.store, nil
	if report := r.reconcile(t); report.Done[reconcile.OpCreate] != 3 || report.Exit != jobs.ExitDone {
		t.Errorf("done %v, exit %d: %v", report.Done, report.Exit, strings.Join(report.Errors, "; "))
	}
}

// TestRunHasTheRoomOfWhatNobodyKnew: Tomorro is away while a run writes, and nobody knows
// what became of that. The next run looks: what did not happen has used nothing of a limit
// and no approval, and what did has.
func TestRunHasTheRoomOfWhatNobodyKnew(t *testing.T) {
	for fault, again := range map[reconciletest.Fault]int{reconciletest.LosesWrite: 3, reconciletest.LosesAnswer: 0} {
		for _, approved := range []bool{false, true} {
			r := newRig(t)
			three := 3
			r.runner.Policy.Limits.Allow[reconcile.LimitCreate] = reconcile.Allowance{Max: &three}
			if approved {
				r.runner.Policy.Approve = []string{"create"}
				r.reconcile(t)
				r.approveAll(t)
			}
			r.memory.Fail = func(reconcile.Write) reconciletest.Fault { return fault }
			if lost := r.reconcile(t); lost.Failed[reconcile.OpCreate] != 3 {
				t.Fatalf("%+v", lost)
			}
			r.memory.Fail = nil
			if next := r.reconcile(t); next.Done[reconcile.OpCreate] != again || next.Exit != jobs.ExitDone {
				t.Errorf("fault %d, approved %v: done %v, exit %d: %v, held %v", fault, approved, next.Done, next.Exit, strings.Join(next.Errors, "; "), next.Held)
			}
			used, err := r.store.Spent(t.Context(), time.Now().Add(-time.Hour))
			decisions, derr := r.store.Decisions(t.Context())
			if err = errors.Join(err, derr); err != nil || len(decisions) != 0 || (used[reconcile.LimitCreate] == 3) == approved {
				t.Errorf("fault %d, approved %v: used %v, approvals left %v; %v", fault, approved, used, decisions, err)
			}
		}
	}
}

// approveAll lets all that is held through.
func (r *rig) approveAll(t *testing.T) {
	t.Helper()
	book, err := jobs.ReadHolds(t.Context(), r.store)
	if err != nil {
		t.Fatal(err)
	}
	holds := book.Open(nil, false, time.Now())
	for i := range holds {
		if _, err := jobs.Answer(t.Context(), r.store, holds, holds[i].ID, jobs.Word{Who: "cyd", Approves: true, For: time.Hour}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}
