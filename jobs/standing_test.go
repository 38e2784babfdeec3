package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// watched is a journal with times, seen through a Watch.
type watched struct {
	jobs.JournalReader
	entries []jobs.Entry
	status  jobs.Status
	runs    []jobs.RunRecord
	listed  int
	fails   int // the next scan breaks off after so many entries
}

func (w *watched) Status(context.Context) (jobs.Status, error) { return w.status, nil }

func (w *watched) Runs(context.Context, int) ([]jobs.RunRecord, error) {
	w.listed++
	return w.runs, nil
}

func (w *watched) Scan(_ context.Context, since time.Time, yield func(jobs.Entry) bool) error {
	for _, e := range w.entries {
		if e.Time.Before(since) {
			continue
		}
		if w.fails--; w.fails == 0 {
			return errors.New("Redis is away")
		}
		if !yield(e) {
			break
		}
	}
	return nil
}

// TestWatchHolds: whatever is journaled between looks, what a watch counts is what a
// reading of the whole journal counts, also after looks that broke off.
func TestWatchHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := &watched{}
		now := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
		w := &jobs.Watch{Observer: j, Journal: j, Now: func() time.Time { return now }}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(0, 6).Draw(t, "entries") {
				e := jobs.Entry{ID: fmt.Sprint(len(j.entries)), Run: fmt.Sprint(step), Time: now.Add(-time.Duration(rapid.IntRange(0, 200).Draw(t, "late")) * time.Second)}
				key := reconcile.Key(rapid.IntRange(1, 4).Draw(t, "key"))
				change := reconcile.Change{Op: rapid.SampledFrom(reconcile.Ops()).Draw(t, "op"), Key: key}
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					e.Kind, e.Receipt, e.Partial = jobs.EntryBegin, &reconcile.Receipt{}, rapid.Bool().Draw(t, "partial")
				case 1:
					e.Kind, e.Pushed = jobs.EntryPush, []jobs.Pushed{{Key: key}}
				case 2:
					e.Kind, e.Write = jobs.EntryIntent, &reconcile.Write{Changes: []reconcile.Change{change}}
					j.entries = append(j.entries, e)
					e = jobs.Entry{ID: fmt.Sprint(len(j.entries)), Run: e.Run, Time: e.Time, Kind: jobs.EntryOutcome, Intent: e.ID, Result: reconcile.Done}
				default:
					e.Kind = jobs.EntryHold
					e.Held = []reconcile.Held{{Change: change, Class: reconcile.HoldGuard, Rule: rapid.SampledFrom(reconcile.HoldRules()).Draw(t, "rule")}}
				}
				j.entries = append(j.entries, e)
			}
			j.fails = rapid.IntRange(-1, 5).Draw(t, "fails")
			_, _ = w.Stand(t.Context())
			j.fails = 0
			now = now.Add(6 * time.Second)
			got, err := w.Stand(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			book, err := jobs.ReadHolds(t.Context(), j)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(book.Counts(), got.Held); diff != "" {
				t.Fatalf("step %d: %s", step, diff)
			}
			now = now.Add(time.Duration(rapid.IntRange(6, 3000).Draw(t, "wait")) * time.Second)
		}
	})
}

// slow is a journal of which only so many entries can be read in one look.
type slow struct {
	watched
	most int
}

func (s *slow) Scan(ctx context.Context, since time.Time, yield func(jobs.Entry) bool) error {
	left := s.most
	for _, e := range s.entries {
		if e.Time.Before(since) {
			continue
		}
		if left--; left < 0 {
			return context.DeadlineExceeded
		}
		if !yield(e) {
			break
		}
	}
	return ctx.Err()
}

// TestWatchLongMonth: a month of the journal takes longer to read than one look may. The
// looks after it go on where it was, until all is known; and count nothing twice.
func TestWatchLongMonth(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	j := &slow{most: 300}
	for i := range 1000 {
		at := now.Add(-time.Duration(1000-i) * 40 * time.Minute)
		j.entries = append(j.entries, jobs.Entry{ID: fmt.Sprintf("%d-0", at.UnixMilli()), Kind: jobs.EntryHold, Run: "1", Time: at, Held: []reconcile.Held{
			{Change: reconcile.Change{Op: reconcile.OpDeactivate, Key: reconcile.Key(i)}, Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit}}})
	}
	w := &jobs.Watch{Observer: j, Journal: j, Now: func() time.Time { return now }}
	for look := range 5 {
		s, err := w.Stand(t.Context())
		if err != nil {
			continue
		}
		if n, since := s.HeldRemovals(); n != 1000 || !since.Equal(j.entries[0].Time) {
			t.Errorf("after %d looks %d removals are held, the first since %s", look+1, n, since)
		}
		return
	}
	t.Error("after five looks nothing is known yet")
}

// TestHeldCounts: whatever rule holds a removal, also what only the fast pass named.
func TestHeldCounts(t *testing.T) {
	at := func(n int) time.Time { return time.Date(2026, 11, n, 2, 0, 0, 0, time.UTC) }
	grant := jobs.Entry{Kind: jobs.EntryHold, Run: "1", Time: at(1), Held: []reconcile.Held{{Change: reconcile.Change{Op: reconcile.OpCreate, Key: 9}, Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit}}}
	night := jobs.Entry{Kind: jobs.EntryHold, Run: "2", Time: at(4), Held: []reconcile.Held{{Change: reconcile.Change{Op: reconcile.OpDeactivate, Key: 8}, Class: reconcile.HoldGuard, Rule: reconcile.RuleNight}}}
	book, err := jobs.ReadHolds(t.Context(), told{entries: []jobs.Entry{grant, heldIn("1", at(3), 1, "a", "b"), heldIn("1", at(2), 2, "c"), night}})
	if err != nil {
		t.Fatal(err)
	}
	want := []jobs.HeldCount{{Rule: reconcile.RuleNight, Class: reconcile.HoldGuard, Changes: 1, Since: at(4), Removals: 1, RemovalsSince: at(4)},
		{Rule: reconcile.RuleLimit, Class: reconcile.HoldGuard, Changes: 4, Since: at(1), Removals: 3, RemovalsSince: at(2)}}
	if diff := cmp.Diff(want, book.Counts()); diff != "" {
		t.Error(diff)
	}
}

// TestStanding: which run counts as the last, and which as complete.
func TestStanding(t *testing.T) {
	at := func(n int) time.Time { return time.Date(2026, 11, n, 2, 0, 0, 0, time.UTC) }
	run := func(n, exit int, edit func(*jobs.RunRecord)) jobs.RunRecord {
		r := jobs.RunRecord{Begin: jobs.Entry{Run: fmt.Sprint(n), Time: at(n), Receipt: &reconcile.Receipt{}},
			End: &jobs.Entry{Report: &jobs.Report{Run: fmt.Sprint(n), Exit: exit, Finished: at(n)}}}
		if edit != nil {
			edit(&r)
		}
		return r
	}
	well := run(1, jobs.ExitDone, nil)
	for name, tt := range map[string]struct {
		runs           []jobs.RunRecord // oldest first, after the good one
		last, complete string
	}{
		"good":              {nil, "1", "1"},
		"held":              {[]jobs.RunRecord{run(2, jobs.ExitHeld, nil)}, "2", "2"},
		"some failed":       {[]jobs.RunRecord{run(2, jobs.ExitFailed, nil)}, "2", "2"},
		"broken off":        {[]jobs.RunRecord{run(2, jobs.ExitError, nil)}, "2", "1"},
		"without a plan":    {[]jobs.RunRecord{run(2, jobs.ExitError, func(r *jobs.RunRecord) { r.Begin.Receipt = nil })}, "2", "1"},
		"incomplete pull":   {[]jobs.RunRecord{run(2, jobs.ExitHeld, func(r *jobs.RunRecord) { r.End.Report.Incomplete = []string{"users"} })}, "2", "1"},
		"of one person":     {[]jobs.RunRecord{run(2, jobs.ExitDone, func(r *jobs.RunRecord) { r.Begin.Partial = true })}, "1", "1"},
		"died":              {[]jobs.RunRecord{run(2, jobs.ExitDone, func(r *jobs.RunRecord) { r.End = nil })}, "1", "1"},
		"good after failed": {[]jobs.RunRecord{run(2, jobs.ExitError, nil), run(3, jobs.ExitDone, nil)}, "3", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			runs := append([]jobs.RunRecord{well}, tt.runs...)
			slices.Reverse(runs)
			j := &watched{runs: runs, status: jobs.Status{Last: &jobs.Report{Run: runs[0].Begin.Run}}}
			now := at(20)
			w := &jobs.Watch{Observer: j, Journal: j, Now: func() time.Time { return now }}
			s, err := w.Stand(t.Context())
			if err != nil || s.Last.Run != tt.last || s.Complete.Run != tt.complete || !s.Since.Equal(at(1)) {
				t.Errorf("%+v %v", s, err)
			}
			now = now.Add(time.Minute)
			if _, err := w.Stand(t.Context()); err != nil || j.listed != 1 {
				t.Errorf("the runs were listed %d times, and no run had ended: %v", j.listed, err)
			}
			now = now.Add(time.Minute)
			j.runs, j.status.Last = []jobs.RunRecord{run(4, jobs.ExitError, nil)}, &jobs.Report{Run: "4"}
			if s, err := w.Stand(t.Context()); err != nil || s.Last.Run != "4" || s.Complete == nil || s.Complete.Run != tt.complete {
				t.Errorf("after one more run, which is all that is listed: %+v %v", s, err)
			}
		})
	}
	j := &watched{}
	w := &jobs.Watch{Observer: j, Journal: j, Now: func() time.Time { return at(5) }}
	if s, err := w.Stand(t.Context()); err != nil || s.Last != nil || s.Complete != nil || !s.Since.Equal(at(5)) {
		t.Errorf("without a run: %+v %v", s, err)
	}
}

// TestRefusedIsReported: a report says which service refused the credentials.
func TestRefusedIsReported(t *testing.T) {
	r := newRig(t)
	last := func() *jobs.Report {
		t.Helper()
		status, err := r.store.Status(t.Context())
		if err != nil || status.Last == nil {
			t.Fatalf("%+v %v", status, err)
		}
		return status.Last
	}
	r.source.err = fmt.Errorf("401: %w", reconcile.ErrRefused)
	if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{}, yes); !errors.Is(err, reconcile.ErrRefused) || last().Refused != jobs.ServiceOneLogin {
		t.Errorf("%v %+v", err, last())
	}
	r.source.err = errors.New("it is slow")
	if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{}, yes); err == nil || last().Refused != "" {
		t.Errorf("%v %+v", err, last())
	}
	r.source.err = nil
	r.runner.Target = refusing{r.runner.Target, fmt.Errorf("401: %w", reconcile.ErrRefused)}
	if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{}, yes); !errors.Is(err, reconcile.ErrRefused) || last().Refused != jobs.ServiceTomorro {
		t.Errorf("%v %+v", err, last())
	}
	r.runner.Target = refusing{r.memory, errors.New("create seat@x.io: Tomorro answered 403: Forbidden: no seat is left for user")}
	if report := r.reconcile(t); report.NoSeat != 3 || report.Refused != "" {
		t.Errorf("%+v", report)
	}
	r.runner.Target = refusing{r.memory, errors.New("create seat@x.io: Tomorro answered 400: unknown title")}
	if report := r.reconcile(t); report.NoSeat != 0 {
		t.Errorf("%+v", report)
	}
}

// refusing makes no write.
type refusing struct {
	jobs.Target
	err error
}

func (r refusing) Write(context.Context, reconcile.Write) (reconcile.Written, error) {
	return reconcile.Written{}, r.err
}
