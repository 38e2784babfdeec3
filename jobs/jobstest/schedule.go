package jobstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/jobs"
)

// take takes a tick and wants an answer.
func take(t *testing.T, s Store, tick time.Time, late jobs.Late, want jobs.Taken) {
	t.Helper()
	got, err := s.Take(t.Context(), tick, late, 200*time.Millisecond)
	must(t, err)
	if got != want {
		t.Errorf("the tick of %s is %q, want %q", tick.Format(time.TimeOnly), got, want)
	}
}

func ticks(t *testing.T, open Open) {
	a, b := open(t, "ticks", 30*time.Second), open(t, "ticks", 30*time.Second)
	now := time.Now()
	take(t, a, now.Add(-time.Hour), jobs.LateRun, jobs.TakenFirst) // nothing is remembered: nothing was missed
	first := now.Add(time.Minute)
	var mine atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		s := []Store{a, b}[i%2]
		wg.Go(func() {
			got, err := s.Take(t.Context(), first, jobs.Due, 200*time.Millisecond)
			if err != nil {
				t.Error(err)
			}
			if got == jobs.TakenRun {
				mine.Add(1)
			}
		})
	}
	wg.Wait()
	if mine.Load() != 1 {
		t.Fatalf("%d have the tick", mine.Load())
	}
	within(t, a, func(context.Context, jobs.Lease) error { // who has it is at work, however long that takes
		time.Sleep(300 * time.Millisecond)
		take(t, b, first, jobs.LateRun, jobs.TakenByOther)
		return nil
	})
	take(t, b, first, jobs.LateRun, jobs.TakenRun) // it died: its run was never made
	must(t, b.Done(t.Context(), first))
	take(t, a, first, jobs.LateRun, jobs.TakenDone)
	second := first.Add(time.Hour)
	take(t, a, second, jobs.LateSkip, jobs.TakenLate)
	take(t, b, second, jobs.LateRun, jobs.TakenDone)
	if st, err := a.Schedule(t.Context()); err != nil || st.Done.UnixMilli() != second.UnixMilli() {
		t.Errorf("%+v %v", st, err)
	}
}

func pause(t *testing.T, open Open) {
	s := open(t, "pause", 30*time.Second)
	soon := time.Now().Add(time.Second)
	must(t, s.Pause(t.Context(), "ann on alpha"))
	must(t, s.Pause(t.Context(), "bob")) // the first one stands
	st, err := open(t, "pause", time.Second).Schedule(t.Context())
	must(t, err)
	if st.PausedBy != "ann on alpha" || time.Since(st.Paused) > time.Minute {
		t.Errorf("%+v", st)
	}
	take(t, s, soon, jobs.Due, jobs.TakenPaused)
	must(t, s.Resume(t.Context()))
	if st, err := s.Schedule(t.Context()); err != nil || !st.Paused.IsZero() {
		t.Errorf("%+v %v", st, err)
	}
	take(t, s, soon.Add(-time.Hour), jobs.LateRun, jobs.TakenDone) // what came while it was paused was not missed
	take(t, s, soon.Add(time.Hour), jobs.Due, jobs.TakenRun)
}
