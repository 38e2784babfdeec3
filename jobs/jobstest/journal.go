package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// writeRun journals one whole run that writes one person.
func writeRun(ctx context.Context, s Store, l jobs.Lease, run, who string) error {
	if _, err := s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryBegin, Run: run, Trigger: &jobs.Trigger{By: "test"}}); err != nil {
		return err
	}
	change := reconcile.Change{Op: reconcile.OpCreate, Key: 7, Who: who}
	got, err := s.Claim(ctx, l, []jobs.Claim{{Run: run, Position: 1 << 50, Subjects: []string{"7"},
		Entry: jobs.Entry{Write: &reconcile.Write{Op: reconcile.WriteCreateUser, Changes: []reconcile.Change{change}}}}})
	if err != nil {
		return err
	}
	if err := s.Settle(ctx, []jobs.Settled{{Run: run, Subjects: []string{"7"}, Entry: jobs.Entry{Intent: got[0].ID, Result: reconcile.Done}}}); err != nil {
		return err
	}
	_, err = s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryEnd, Run: run, Report: &jobs.Report{Run: run}})
	return err
}

func scan(t *testing.T, s Store, since time.Time) []jobs.Entry {
	t.Helper()
	var all []jobs.Entry
	must(t, s.Scan(t.Context(), since, func(e jobs.Entry) bool { all = append(all, e); return true }))
	return all
}

func scanned(t *testing.T, open Open) {
	s := open(t, "scan", 30*time.Second)
	followed := make(chan jobs.Entry, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	within(t, s, func(ctx context.Context, l jobs.Lease) error { return writeRun(ctx, s, l, "before", "a@x.io") })
	go func() { done <- s.Follow(ctx, func(e jobs.Entry) bool { followed <- e; return true }) }()
	time.Sleep(100 * time.Millisecond) // the follower asks where the journal ends
	within(t, s, func(ctx context.Context, l jobs.Lease) error { return writeRun(ctx, s, l, "after", "b@x.io") })
	for _, want := range []jobs.EntryKind{jobs.EntryBegin, jobs.EntryIntent, jobs.EntryOutcome, jobs.EntryEnd} {
		select {
		case e := <-followed:
			if e.Kind != want || e.Run != "after" || e.ID == "" {
				t.Errorf("followed %+v, want %s", e, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing followed; want %s", want)
		}
	}
	cancel()
	must(t, <-done)
	all := scan(t, s, time.Time{})
	if len(all) != 8 || !slices.IsSortedFunc(all, func(a, b jobs.Entry) int { return len(a.ID) - len(b.ID) }) {
		t.Errorf("%d entries", len(all))
	}
	if none := scan(t, s, time.Now().Add(time.Hour)); len(none) != 0 {
		t.Errorf("%d entries from an hour from now", len(none))
	}
	count := 0
	must(t, s.Scan(t.Context(), time.Time{}, func(jobs.Entry) bool { count++; return count < 3 }))
	if count != 3 {
		t.Errorf("%d entries after the third was enough", count)
	}
}

func trimmed(t *testing.T, open Open) {
	s := open(t, "trim", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		for i := range 5 {
			if err := writeRun(ctx, s, l, fmt.Sprint("run-", i), "a@x.io"); err != nil {
				return err
			}
			time.Sleep(2 * time.Millisecond) // ids have milliseconds
		}
		return nil
	})
	must(t, s.Trim(t.Context(), time.Hour, 1))
	if runs, err := s.Runs(t.Context(), 10); err != nil || len(runs) != 5 {
		t.Errorf("%d runs %v; all are young", len(runs), err)
	}
	must(t, s.Trim(t.Context(), time.Nanosecond, 2))
	runs, err := s.Runs(t.Context(), 10)
	must(t, err)
	if all := scan(t, s, time.Time{}); len(runs) != 2 || runs[1].Begin.Run != "run-3" || runs[1].End == nil || len(all) != 8 {
		t.Errorf("%d runs, %d entries; two runs are kept whatever their age", len(runs), len(all))
	}
	var intent jobs.Claimed
	within(t, s, func(ctx context.Context, l jobs.Lease) (err error) {
		if intent, err = claim(ctx, s, l, "dead", 1<<40, "9"); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
		return writeRun(ctx, s, l, "run-9", "a@x.io")
	})
	time.Sleep(2 * time.Millisecond)
	young := len(scan(t, s, time.Time{}))
	must(t, s.Trim(t.Context(), time.Hour, 1))
	if left := len(scan(t, s, time.Time{})); left != young {
		t.Errorf("%d entries of %d, none of which is old", left, young)
	}
	must(t, s.Trim(t.Context(), time.Nanosecond, 1))
	if snap := snapshot(t, s); len(snap.Open) != 1 || snap.Open[0].ID != intent.ID || snap.Open[0].Write == nil {
		t.Errorf("open intents %+v; what they say is needed", snap.Open)
	}
}

// paged: a journal that is read in parts is read whole and in order, also where entries at
// the borders of the parts were edited.
func paged(t *testing.T, open Open) {
	s := open(t, "pages", 30*time.Second)
	entries := make([]jobs.Entry, 1300)
	for i := range entries {
		entries[i] = jobs.Entry{Kind: jobs.EntryPush, Note: fmt.Sprint(i)}
	}
	_, err := s.Append(t.Context(), jobs.Lease{}, entries...)
	must(t, err)
	edited := []string{"0", "1", "499", "500", "501", "999", "1000", "1001", "1299"}
	n, err := s.Erase(t.Context(), func(e *jobs.Entry) bool {
		if !slices.Contains(edited, e.Note) {
			return false
		}
		e.Error = "edited"
		return true
	}, jobs.Entry{Kind: jobs.EntryErase, Note: "1300"})
	must(t, err)
	all := scan(t, s, time.Time{})
	if len(all) != 1301 || n != len(edited) {
		t.Fatalf("%d entries, of which %d were edited", len(all), n)
	}
	for i, e := range all {
		if e.Note != fmt.Sprint(i) || (e.Error == "edited") != slices.Contains(edited, e.Note) {
			t.Fatalf("entry %d is %+v", i, e)
		}
	}
}

func erased(t *testing.T, open Open) {
	s := open(t, "erase", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		return errors.Join(writeRun(ctx, s, l, "run-1", "ann@x.io"), writeRun(ctx, s, l, "run-2", "bob@x.io"), writeRun(ctx, s, l, "run-3", "ann@x.io"))
	})
	edit := func(e *jobs.Entry) bool {
		if e.Write == nil || e.Write.Changes[0].Who != "ann@x.io" {
			return false
		}
		e.Write.Changes[0].Who = "erased"
		return true
	}
	for pass, want := range []int{2, 0} { // the second finds nothing
		n, err := s.Erase(t.Context(), edit, jobs.Entry{Kind: jobs.EntryErase, Time: time.Now()})
		must(t, err)
		if n != want {
			t.Errorf("pass %d erased %d entries", pass+1, n)
		}
	}
	var who []string
	all := scan(t, s, time.Time{})
	for _, e := range all {
		if e.Write != nil {
			who = append(who, e.Write.Changes[0].Who)
		}
	}
	if !slices.Equal(who, []string{"erased", "bob@x.io", "erased"}) || len(all) != 14 || all[12].Kind != jobs.EntryErase || all[12].Erased != 2 {
		t.Errorf("%v in %d entries, %+v", who, len(all), all[12:])
	}
	one, err := s.Entries(t.Context(), "run-3")
	must(t, err)
	if len(one) != 4 || one[1].Kind != jobs.EntryIntent || one[1].Write.Changes[0].Who != "erased" || one[2].Intent != one[1].ID {
		t.Errorf("run-3 is now %+v", one)
	}
	must(t, s.Trim(t.Context(), time.Nanosecond, 1))
	if rest := scan(t, s, time.Time{}); len(rest) != 6 || rest[0].Kind != jobs.EntryBegin || rest[1].Kind != jobs.EntryIntent || rest[1].Run != "run-3" {
		t.Errorf("of the last run and two notes are left %+v", rest)
	}
}

// stillOpen: what an open intent says is needed to find out what became of it, and is erased
// after that.
func stillOpen(t *testing.T, open Open) {
	s := open(t, "erase open", 30*time.Second)
	c := reserving("1", nil, nil)
	c.Entry.Write.Changes = []reconcile.Change{{Key: 1, Who: "ann@x.io"}}
	got := ask(t, s, c)
	erase := func() (int, error) {
		return s.Erase(t.Context(), func(e *jobs.Entry) bool {
			if e.Write == nil || e.Write.Changes[0].Who != "ann@x.io" {
				return false
			}
			e.Write.Changes[0].Who = "erased"
			return true
		}, jobs.Entry{Kind: jobs.EntryErase})
	}
	if _, err := erase(); !errors.Is(err, jobs.ErrStillOpen) {
		t.Errorf("erased while nobody knows what became of it: %v", err)
	}
	if all := snapshot(t, s).Open; len(all) != 1 || all[0].Run != c.Run || all[0].Write == nil || all[0].Write.Changes[0].Who != "ann@x.io" {
		t.Errorf("open are %+v", all)
	}
	settle(t, s, c.Run, got.ID, "1")
	if n, err := erase(); n != 1 || err != nil {
		t.Errorf("settled, %d entries are erased: %v", n, err)
	}
}
