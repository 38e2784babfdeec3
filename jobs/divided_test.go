package jobs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// choosy is a Tomorro that takes somebody into no group, nor anybody with them.
type choosy struct {
	jobs.Target
	refuses func(reconcile.Change) bool
}

func (c choosy) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	if w.Op == reconcile.WriteMembers && slices.ContainsFunc(w.Changes, c.refuses) {
		err := errors.New("400: no")
		if len(w.Changes) > 1 {
			err = &reconcile.DivisibleError{Err: err}
		}
		return reconcile.Written{}, err
	}
	return c.Target.Write(ctx, w)
}

// TestOneMemberIsRefused: the others of the group come in, in the same run; the journal and
// the report say of each what became of it; the next run tries nobody else again.
func TestOneMemberIsRefused(t *testing.T) {
	r := undoRig(t)
	r.runner.Target = choosy{r.memory, func(c reconcile.Change) bool { return c.Who == "bob@x.io" }}
	report := r.reconcile(t)
	if report.Exit != jobs.ExitFailed || report.Done[reconcile.OpAddMember] != 2 || report.Failed[reconcile.OpAddMember] != 1 || len(report.Skipped) > 0 {
		t.Errorf("%+v", report)
	}
	if len(report.Errors) != 1 || !strings.Contains(report.Errors[0], "bob@x.io in group Legal: failed: 400: no") {
		t.Errorf("%q", report.Errors)
	}
	entries, err := r.store.Entries(t.Context(), report.Run)
	if err != nil {
		t.Fatal(err)
	}
	whom := make(map[string][]string)
	became := make(map[string][]string)
	for _, e := range entries {
		switch {
		case e.Kind == jobs.EntryIntent && e.Write.Op == reconcile.WriteMembers:
			for _, c := range e.Write.Changes {
				whom[e.ID] = append(whom[e.ID], c.Who)
			}
		case e.Kind == jobs.EntryOutcome:
			for _, who := range whom[e.Intent] {
				became[who] = append(became[who], e.Result)
			}
		}
	}
	for who, want := range map[string]string{"ann@x.io": reconcile.Done, "bob@x.io": reconcile.Failed, "cyd@x.io": reconcile.Done} {
		if all := became[who]; len(all) == 0 || all[len(all)-1] != want {
			t.Errorf("%s: %v, want %s in the end", who, all, want)
		}
	}
	if snapshot, err := r.store.Snapshot(t.Context()); err != nil || len(snapshot.Open) > 0 {
		t.Errorf("%+v %v", snapshot, err)
	}
	if next := r.reconcile(t); len(next.Done) > 0 || next.Failed[reconcile.OpAddMember] != 1 || next.Exit != jobs.ExitFailed {
		t.Errorf("the next run: %+v", next)
	}
}
