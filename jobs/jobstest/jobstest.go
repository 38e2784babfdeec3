// Package jobstest is the conformance suite for what remembers: every store must
// pass it, on every kind of Redis it claims.
package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Store is everything that a run needs to be remembered.
type Store interface {
	jobs.Locker
	jobs.Journal
	jobs.JournalReader
	jobs.Follower
	jobs.Eraser
	jobs.Ledger
	jobs.Marks
	jobs.Queue
	jobs.Assertions
	jobs.Ticks
	jobs.Passes
	jobs.Wishes
	jobs.Pauser
	jobs.Forgiver
	jobs.Observer
	jobs.Links
	jobs.Adoptions
	jobs.Recaller
	jobs.Pins
	jobs.Budget
	jobs.Decisions
	jobs.Experience
	jobs.Ignored
	jobs.AlertBook
	jobs.Profiles
	jobs.Shelf
	jobs.Sealer
}

// Open gives a Store of the named connection. Stores of the same connection
// share everything, as two replicas do.
type Open func(t *testing.T, connection string, ttl time.Duration) Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("one holder at a time", func(t *testing.T) { oneHolder(t, open) })
	t.Run("locked says by whom", func(t *testing.T) { lockedBy(t, open) })
	t.Run("the lock is extended", func(t *testing.T) { extended(t, open) })
	t.Run("the lock is released", func(t *testing.T) { released(t, open) })
	t.Run("journal", func(t *testing.T) { journal(t, open) })
	t.Run("a lost lease writes nothing", func(t *testing.T) { fenced(t, open) })
	t.Run("scan and follow", func(t *testing.T) { scanned(t, open) })
	t.Run("trim keeps the last runs and open intents", func(t *testing.T) { trimmed(t, open) })
	t.Run("a long journal", func(t *testing.T) { paged(t, open) })
	t.Run("erase", func(t *testing.T) { erased(t, open) })
	t.Run("erase waits for what is open", func(t *testing.T) { stillOpen(t, open) })
	t.Run("claims", func(t *testing.T) { claims(t, open) })
	t.Run("a claim without the lock", func(t *testing.T) { pushes(t, open) })
	t.Run("a claim before looking", func(t *testing.T) { taken(t, open) })
	t.Run("a mark outlives an older look", func(t *testing.T) { unmarked(t, open) })
	t.Run("the last of a limit is used once", func(t *testing.T) { reserved(t, open) })
	t.Run("what was set aside is given back", func(t *testing.T) { givenBack(t, open) })
	t.Run("a group's limit counts that group", func(t *testing.T) { perGroup(t, open) })
	t.Run("who takes learns who wrote last", func(t *testing.T) { lastTouch(t, open) })
	t.Run("a claim lives as long as it says", func(t *testing.T) { lifeEnds(t, open) })
	t.Run("marks", func(t *testing.T) { marked(t, open) })
	t.Run("marks want looks", func(t *testing.T) { insisted(t, open) })
	t.Run("each mark is given to one", func(t *testing.T) { handedOut(t, open) })
	t.Run("a mark comes back after its lease", func(t *testing.T) { leased(t, open) })
	t.Run("a mark is postponed", func(t *testing.T) { postponed(t, open) })
	t.Run("a mark outlives the run that it overtakes", func(t *testing.T) { overtaken(t, open) })
	t.Run("a mark is renewed", func(t *testing.T) { renewed(t, open) })
	t.Run("assertions", func(t *testing.T) { assertions(t, open) })
	t.Run("addresses are forgotten", func(t *testing.T) { forgotten(t, open) })
	t.Run("one outcome for an intent", func(t *testing.T) { outcomes(t, open) })
	t.Run("outcomes of one call", func(t *testing.T) { together(t, open) })
	t.Run("a crowd is claimed and settled", func(t *testing.T) { crowd(t, open) })
	t.Run("links", func(t *testing.T) { links(t, open) })
	t.Run("pins", func(t *testing.T) { pins(t, open) })
	t.Run("adoption", func(t *testing.T) { adoption(t, open) })
	t.Run("recall", func(t *testing.T) { recalled(t, open) })
	t.Run("budget", func(t *testing.T) { budget(t, open) })
	t.Run("decisions", func(t *testing.T) { decisions(t, open) })
	t.Run("experience", func(t *testing.T) { experience(t, open) })
	t.Run("what was not kept", func(t *testing.T) { ignored(t, open) })
	t.Run("ticks", func(t *testing.T) { ticks(t, open) })
	t.Run("fast passes", func(t *testing.T) { passes(t, open) })
	t.Run("a run that is asked for", func(t *testing.T) { wishes(t, open) })
	t.Run("pause", func(t *testing.T) { pause(t, open) })
	t.Run("failed runs are counted", func(t *testing.T) { failures(t, open) })
	t.Run("one tells of alerts", func(t *testing.T) { told(t, open) })
	t.Run("what a probe found", func(t *testing.T) { profile(t, open) })
	t.Run("who is signed in", func(t *testing.T) { shelf(t, open) })
	t.Run("the journal is sealed", func(t *testing.T) { sealed(t, open) })
	t.Run("connections are apart", func(t *testing.T) { apart(t, open) })
}

func oneHolder(t *testing.T, open Open) {
	a, b := open(t, "race", time.Second), open(t, "race", time.Second)
	var inside, most, taken atomic.Int32
	var fences sync.Map
	var wg sync.WaitGroup
	for i := range 40 {
		store := []Store{a, b}[i%2]
		wg.Go(func() {
			err := store.Do(t.Context(), fmt.Sprint("holder ", i), func(_ context.Context, l jobs.Lease) error {
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer inside.Add(-1)
				taken.Add(1)
				if _, twice := fences.LoadOrStore(l.Fence, true); twice {
					t.Errorf("fence %d was given twice", l.Fence)
				}
				time.Sleep(5 * time.Millisecond)
				return nil
			})
			if err != nil && !errors.Is(err, jobs.ErrLocked) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || taken.Load() == 0 {
		t.Errorf("%d held the lock at once, %d in all", most.Load(), taken.Load())
	}
}

func lockedBy(t *testing.T, open Open) {
	s := open(t, "who", 5*time.Second)
	err := s.Do(t.Context(), "the nightly run on alpha", func(ctx context.Context, _ jobs.Lease) error {
		err := s.Do(ctx, "me", func(context.Context, jobs.Lease) error { return nil })
		locked, ok := errors.AsType[*jobs.LockedError](err)
		if !ok || !errors.Is(err, jobs.ErrLocked) {
			return fmt.Errorf("a second holder got %w", err)
		}
		if locked.Holder != "the nightly run on alpha" || time.Since(locked.Since) > time.Minute || locked.Until.Sub(locked.Since) < time.Second {
			return fmt.Errorf("%+v", locked)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// extended: a lock outlives the life that it was taken for, and the first extension. A
// machine that is busy may rightly cost a holder the lock, but not each time: the next one
// lives for longer.
func extended(t *testing.T, open Open) {
	err := jobs.ErrLockLost
	for try := 0; try < 4 && errors.Is(err, jobs.ErrLockLost); try++ {
		ttl := 800 * time.Millisecond << try
		s := open(t, fmt.Sprint("long ", try), ttl) // a lost lock is not released
		err = s.Do(t.Context(), "a", func(ctx context.Context, l jobs.Lease) error {
			select {
			case <-time.After(ttl * 9 / 8):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			_, err := s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryBegin, Run: "r"})
			return err
		})
	}
	if err != nil {
		t.Errorf("the lock did not last: %v", err)
	}
}

func released(t *testing.T, open Open) {
	s := open(t, "release", 30*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	boom := errors.New("boom")
	err := s.Do(ctx, "a", func(context.Context, jobs.Lease) error { cancel(); return boom })
	if !errors.Is(err, boom) {
		t.Errorf("the work's error became %v", err)
	}
	if err := s.Do(t.Context(), "b", func(context.Context, jobs.Lease) error { return nil }); err != nil {
		t.Errorf("after a cancelled run: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.Do(t.Context(), "c", func(context.Context, jobs.Lease) error { panic("boom") })
	}()
	if err := s.Do(t.Context(), "d", func(context.Context, jobs.Lease) error { return nil }); err != nil {
		t.Errorf("after a run that panicked: %v", err)
	}
}

func journal(t *testing.T, open Open) {
	s := open(t, "journal", 30*time.Second)
	at := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	change := reconcile.Change{Op: reconcile.OpCreate, Key: 7, Who: "é@x.io", After: &reconcile.Account{UserName: "é@x.io", UserType: "user"}, Cause: "title"}
	must(t, s.Do(t.Context(), "a", func(ctx context.Context, l jobs.Lease) error {
		for _, run := range []string{"run-1", "run-2", "run-3"} {
			ids, err := s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryBegin, Run: run, Time: at, Trigger: &jobs.Trigger{By: "test"}, PlanID: "p"},
				jobs.Entry{Kind: jobs.EntryIntent, Run: run, Time: at, Write: &reconcile.Write{Op: reconcile.WriteCreateUser, Changes: []reconcile.Change{change}}})
			if err != nil || len(ids) != 2 {
				return fmt.Errorf("%v %w", ids, err)
			}
			if _, err := s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryOutcome, Run: run, Intent: ids[1], Result: reconcile.Done, Target: "a1"}); err != nil {
				return err
			}
			if run != "run-3" { // which did not end
				if _, err := s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryEnd, Run: run, Report: &jobs.Report{Run: run, Exit: 3}}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	runs, err := s.Runs(t.Context(), 2)
	must(t, err)
	if len(runs) != 2 || runs[0].Begin.Run != "run-3" || runs[0].End != nil || runs[1].Begin.Run != "run-2" || runs[1].End == nil || runs[1].End.Report.Exit != 3 {
		t.Errorf("runs %+v", runs)
	}
	entries, err := s.Entries(t.Context(), "run-2")
	must(t, err)
	var kinds []jobs.EntryKind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []jobs.EntryKind{jobs.EntryBegin, jobs.EntryIntent, jobs.EntryOutcome, jobs.EntryEnd}) {
		t.Fatalf("kinds %v", kinds)
	}
	if got := entries[1].Write.Changes[0]; got.Key != 7 || got.After.UserName != "é@x.io" || entries[2].Intent != entries[1].ID || entries[1].Fence == 0 || !entries[0].Time.Equal(at) {
		t.Errorf("entries %+v", entries)
	}
	if _, err := s.Entries(t.Context(), "nothing"); !errors.Is(err, jobs.ErrNoRun) {
		t.Errorf("an unknown run: %v", err)
	}
}

func fenced(t *testing.T, open Open) {
	s := open(t, "fence", 30*time.Second)
	var old jobs.Lease
	must(t, s.Do(t.Context(), "a", func(_ context.Context, l jobs.Lease) error { old = l; return nil }))
	if _, err := s.Append(t.Context(), old, jobs.Entry{Kind: jobs.EntryBegin, Run: "late"}); !errors.Is(err, jobs.ErrLockLost) {
		t.Errorf("after its release: %v", err)
	}
	must(t, s.Do(t.Context(), "b", func(ctx context.Context, l jobs.Lease) error {
		if l.Fence <= old.Fence {
			return fmt.Errorf("fence %d after %d", l.Fence, old.Fence)
		}
		if _, err := s.Append(ctx, old, jobs.Entry{Kind: jobs.EntryBegin, Run: "late"}); !errors.Is(err, jobs.ErrLockLost) {
			return fmt.Errorf("under another's lock: %w", err)
		}
		return nil
	}))
	if _, err := s.Entries(t.Context(), "late"); !errors.Is(err, jobs.ErrNoRun) {
		t.Errorf("a lost lease wrote: %v", err)
	}
}

func apart(t *testing.T, open Open) {
	a, b := open(t, "one", 30*time.Second), open(t, "two", 30*time.Second)
	must(t, a.Do(t.Context(), "a", func(ctx context.Context, l jobs.Lease) error {
		if err := a.Link(ctx, l, []reconcile.Link{{Key: 1, Account: "a1"}}); err != nil {
			return err
		}
		return b.Do(ctx, "b", func(context.Context, jobs.Lease) error { return nil })
	}))
	if got, err := b.Links(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("the other connection has links %v, %v", got, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
