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
	must(t, b.Done(t.Context(), first, jobs.EndedWell))
	take(t, a, first, jobs.LateRun, jobs.TakenDone)
	second := first.Add(time.Hour)
	take(t, a, second, jobs.LateSkip, jobs.TakenLate)
	take(t, b, second, jobs.LateRun, jobs.TakenDone)
	if st, err := a.Schedule(t.Context()); err != nil || st.Done.UnixMilli() != second.UnixMilli() {
		t.Errorf("%+v %v", st, err)
	}
	ahead, third := second.Add(48*time.Hour), second.Add(time.Hour)
	take(t, a, ahead, jobs.Due, jobs.TakenRun) // by a clock that is wrong
	must(t, a.Done(t.Context(), ahead, jobs.EndedFailed))
	take(t, b, third, jobs.Due, jobs.TakenRun)
	must(t, b.Done(t.Context(), third, jobs.EndedWell))
	take(t, b, third, jobs.Due, jobs.TakenDone)
	if st, err := a.Schedule(t.Context()); err != nil || st.Done.UnixMilli() != third.UnixMilli() {
		t.Errorf("after a clock that ran ahead: %+v %v", st, err)
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
	quiet := open(t, "paused, and nobody looked", time.Second)
	must(t, quiet.Pause(t.Context(), "ann"))
	must(t, quiet.Resume(t.Context()))
	take(t, quiet, time.Now().Add(-time.Minute), jobs.LateRun, jobs.TakenDone)
	take(t, s, soon.Add(-time.Hour), jobs.LateRun, jobs.TakenDone) // what came while it was paused was not missed
	take(t, s, soon.Add(time.Hour), jobs.Due, jobs.TakenRun)
}

// failed wants so many failed runs in a row, the last one at a tick, seen from anywhere.
func failed(t *testing.T, s Store, want int, tried time.Time) {
	t.Helper()
	st, err := s.Schedule(t.Context())
	must(t, err)
	status, err := s.Status(t.Context())
	must(t, err)
	if st.Failures != want || want > 0 && st.Tried.UnixMilli() != tried.UnixMilli() || want == 0 && !st.Tried.IsZero() {
		t.Errorf("%d failed runs, the last one at %s; want %d, %s", st.Failures, st.Tried, want, tried)
	}
	if status.Schedule != st {
		t.Errorf("from outside it looks like %+v, from inside like %+v", status.Schedule, st)
	}
}

func failures(t *testing.T, open Open) {
	a, b := open(t, "failures", 30*time.Second), open(t, "failures", 30*time.Second)
	ctx, now := t.Context(), time.Now()
	tick := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	failed(t, a, 0, now)
	take(t, a, now, jobs.LateRun, jobs.TakenFirst)
	must(t, a.Done(ctx, tick(1), jobs.EndedFailed))
	failed(t, b, 1, tick(1))
	must(t, a.Done(ctx, tick(1), jobs.EndedFailed)) // asked again because the answer was lost
	failed(t, b, 1, tick(1))
	must(t, b.Done(ctx, tick(2), jobs.EndedFailed))
	must(t, a.Done(ctx, tick(1), jobs.EndedFailed)) // others have gone on
	failed(t, a, 2, tick(2))
	take(t, a, tick(3), jobs.LateSkip, jobs.TakenLate) // a tick without a run changes nothing
	failed(t, b, 2, tick(2))
	must(t, a.Pause(ctx, "ann"))
	must(t, a.Resume(ctx)) // nor does a pause
	failed(t, b, 2, tick(2))
	must(t, b.Done(ctx, tick(4), jobs.EndedWell))
	failed(t, a, 0, now)
	must(t, a.Done(ctx, tick(5), jobs.EndedFailed))
	must(t, b.Done(ctx, tick(4), jobs.EndedWell)) // a long one, but it went well
	failed(t, a, 0, now)
	if st, err := a.Schedule(ctx); err != nil || st.Done.UnixMilli() != tick(5).UnixMilli() {
		t.Errorf("the earlier tick set the later one back: %+v %v", st, err)
	}
	must(t, a.Done(ctx, tick(6), jobs.EndedFailed))
	retried := func(n int) {
		t.Helper()
		failed(t, b, 1, tick(6))
		if st, err := b.Schedule(ctx); err != nil || st.Retries != n {
			t.Errorf("made again %d times, want %d: %v", st.Retries, n, err)
		}
	}
	again := tick(6).Add(time.Minute)
	retried(0)
	take(t, a, again, jobs.Due, jobs.TakenRun)
	must(t, a.Done(ctx, again, jobs.EndedAgain))
	retried(1)
	must(t, b.Done(ctx, again, jobs.EndedAgain)) // asked again because the answer was lost
	retried(1)
	take(t, b, again, jobs.Due, jobs.TakenDone)
	must(t, b.Done(ctx, again.Add(time.Minute), jobs.EndedAgain))
	retried(2)
	must(t, a.Done(ctx, tick(7), jobs.EndedFailed))
	if st, err := a.Schedule(ctx); err != nil || st.Retries != 0 {
		t.Errorf("the run of another tick was not made again: %+v %v", st, err)
	}
	must(t, b.Forgive(ctx))
	must(t, b.Forgive(ctx))
	failed(t, a, 0, now)
	take(t, a, tick(6), jobs.LateRun, jobs.TakenDone)
}
