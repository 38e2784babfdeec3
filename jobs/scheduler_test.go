package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/jobs"
)

// memo grants ticks as it is told to, and notes how they were asked for.
type memo struct {
	mu     sync.Mutex
	state  jobs.ScheduleState
	away   error // of Redis
	taken  jobs.Taken
	late   jobs.Late
	within time.Duration
	took   int
}

func (m *memo) Schedule(context.Context) (jobs.ScheduleState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.away
}

func (m *memo) Take(_ context.Context, _ time.Time, late jobs.Late, within time.Duration) (jobs.Taken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.late, m.within = late, within
	m.took++
	return m.taken, m.away
}

func (m *memo) Done(ctx context.Context, tick time.Time, _ jobs.Ended) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if tick.After(m.state.Done) {
		m.state.Done = tick
	}
	return nil
}

func (m *memo) set(away error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// scheduled is a scheduler for every night at two.
func scheduled(t *testing.T, m *memo, expression string, run func(context.Context, time.Time) error) *jobs.Scheduler {
	t.Helper()
	spec, err := jobs.ParseSchedule(expression, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return &jobs.Scheduler{Schedule: spec, Ticks: m, Missed: jobs.LateSkip, Log: slog.New(slog.DiscardHandler), Run: run}
}

// TestMissedOrDelayed: a tick of which a replica hears a little late is not one that was
// missed, and the jitter does not make it so.
func TestMissedOrDelayed(t *testing.T) {
	night := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		jitter, after time.Duration
		want          jobs.Late
	}{
		{0, 14 * time.Minute, jobs.Due}, {0, 16 * time.Minute, jobs.LateSkip}, {0, 110 * time.Minute, jobs.LateSkip},
		{30 * time.Minute, 44 * time.Minute, jobs.Due}, {30 * time.Minute, 46 * time.Minute, jobs.LateSkip},
	} {
		m := &memo{state: jobs.ScheduleState{Done: night.Add(-24 * time.Hour)}, taken: jobs.TakenPaused}
		s := scheduled(t, m, "0 2 * * *", nil)
		s.Jitter, s.Now = c.jitter, func() time.Time { return night.Add(c.after) }
		if s.Look(t.Context()); m.took != 1 || m.late != c.want {
			t.Errorf("%s after a tick, with a jitter of %s: asked %d times, as %q, want %q", c.after, c.jitter, m.took, m.late, c.want)
		}
	}
}

// TestMadeAgainIsHeld: who makes a failed run again has as long to begin as with any tick,
// and nobody makes it again who has made it.
func TestMadeAgainIsHeld(t *testing.T) {
	night := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	m := &memo{state: jobs.ScheduleState{Done: night, Tried: night, Failures: 1}, taken: jobs.TakenRun}
	runs := 0
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := scheduled(t, m, "0 2 * * *", func(context.Context, time.Time) error {
		if runs++; runs == 3 {
			stop()
		}
		return nil
	})
	s.Retry, s.Now = 10*time.Minute, func() time.Time { return night.Add(11 * time.Minute) }
	s.Look(ctx) // until there is nothing to do
	if runs != 1 || m.within < time.Minute {
		t.Errorf("made %d times, held for %s", runs, m.within)
	}
}

// TestMadeAgainByOne: a failed run that another replica makes again is made by that one only.
func TestMadeAgainByOne(t *testing.T) {
	night := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	m := &memo{state: jobs.ScheduleState{Done: night, Tried: night, Failures: 1}, taken: jobs.TakenByOther}
	s := scheduled(t, m, "0 2 * * *", func(context.Context, time.Time) error { t.Error("it is made twice"); return nil })
	s.Retry, s.Now = 10*time.Minute, func() time.Time { return night.Add(11 * time.Minute) }
	if s.Look(t.Context()); m.took != 1 {
		t.Errorf("asked %d times", m.took)
	}
}

// TestMadeWhenAskedToStop: a run that went well is remembered, also when the process was
// asked to stop before it ended; else another replica would make it once more.
func TestMadeWhenAskedToStop(t *testing.T) {
	night := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	m := &memo{state: jobs.ScheduleState{Done: night.Add(-time.Hour)}, taken: jobs.TakenRun}
	ctx, stop := context.WithCancel(t.Context())
	s := scheduled(t, m, "0 2 * * *", func(context.Context, time.Time) error { stop(); return nil })
	s.Now = func() time.Time { return night.Add(time.Minute) }
	if s.Look(ctx); !m.state.Done.Equal(night) {
		t.Errorf("remembered is the run of %s", m.state.Done)
	}
}

// TestNightIsMadeWhenRedisIsBack: a tick that nobody could take is taken within a minute.
func TestNightIsMadeWhenRedisIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memo{state: jobs.ScheduleState{Done: time.Now()}, taken: jobs.TakenRun}
		var runs atomic.Int32
		s := scheduled(t, m, "0 2 * * *", func(context.Context, time.Time) error { runs.Add(1); return nil })
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go s.Serve(ctx)
		time.Sleep(time.Until(s.Schedule.Next(time.Now())) - time.Second)
		m.set(errors.New("Redis is away"))
		time.Sleep(5 * time.Minute)
		m.set(nil)
		time.Sleep(61 * time.Second)
		if runs.Load() != 1 {
			t.Errorf("%d runs", runs.Load())
		}
	})
}

// TestOneRunAtATime: a replica whose run lasts for some ticks takes none of them, and who
// is to stop it waits until it has ended.
func TestOneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memo{state: jobs.ScheduleState{Done: time.Now()}, taken: jobs.TakenRun}
		var now, most, ended atomic.Int32
		s := scheduled(t, m, "* * * * *", func(ctx context.Context, _ time.Time) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			select {
			case <-ctx.Done():
				time.Sleep(10 * time.Second)
			case <-time.After(10 * time.Minute):
			}
			ended.Add(1)
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(35*time.Minute, stop)
		s.Serve(ctx)
		if most.Load() != 1 || now.Load() != 0 || ended.Load() != 4 {
			t.Errorf("%d runs at once, %d when it had ended, %d made; want 1, 0 and 4", most.Load(), now.Load(), ended.Load())
		}
	})
}
