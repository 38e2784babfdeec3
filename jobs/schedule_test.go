package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// nextTicks gives the next ticks as the zone's clocks and as UTC show them.
func nextTicks(t *testing.T, expression, zone, from string, n int) []string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jobs.ParseSchedule(expression, loc)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", from, loc)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for range n {
		at = s.Next(at)
		out = append(out, at.In(loc).Format("01-02 15:04")+" = "+at.UTC().Format("02 15:04"))
	}
	return out
}

// TestScheduleOnClockChanges: each day of a daily schedule has one run, also on
// the days on which the clocks change.
func TestScheduleOnClockChanges(t *testing.T) {
	for name, c := range map[string]struct {
		expression, zone, from string
		want                   []string
	}{
		"Paris, spring: 02:30 is left out":      {"30 2 * * *", "Europe/Paris", "2026-03-28 00:00", []string{"03-28 02:30 = 28 01:30", "03-29 03:30 = 29 01:30", "03-30 02:30 = 30 00:30"}},
		"Paris, spring: at the jump":            {"0 2 * * *", "Europe/Paris", "2026-03-28 12:00", []string{"03-29 03:00 = 29 01:00", "03-30 02:00 = 30 00:00"}},
		"Paris, autumn: 02:30 comes twice":      {"30 2 * * *", "Europe/Paris", "2026-10-24 12:00", []string{"10-25 02:30 = 25 00:30", "10-26 02:30 = 26 01:30"}},
		"Paris, autumn: from within":            {"30 2 * * *", "Europe/Paris", "2026-10-25 02:40", []string{"10-26 02:30 = 26 01:30"}},
		"New York, spring: 02:30 is left out":   {"30 2 * * *", "America/New_York", "2026-03-07 12:00", []string{"03-08 03:30 = 08 07:30", "03-09 02:30 = 09 06:30"}},
		"New York, autumn: 01:30 comes twice":   {"30 1 * * *", "America/New_York", "2026-10-31 12:00", []string{"11-01 01:30 = 01 05:30", "11-02 01:30 = 02 06:30"}},
		"a midnight that vanishes":              {"@daily", "America/Santiago", "2026-09-05 12:00", []string{"09-06 01:00 = 06 04:00", "09-07 00:00 = 07 03:00"}},
		"a midnight that comes twice":           {"@daily", "America/Havana", "2026-10-31 12:00", []string{"11-01 00:00 = 01 04:00", "11-02 00:00 = 02 05:00"}},
		"a jump of half an hour":                {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", []string{"10-04 02:45 = 03 15:45", "10-05 02:15 = 04 15:15"}},
		"a whole day that is left out":          {"0 6 * * *", "Pacific/Apia", "2011-12-29 00:00", []string{"12-29 06:00 = 29 16:00", "12-31 06:00 = 30 16:00"}},
		"every two hours, through the spring":   {"0 */2 * * *", "Europe/Paris", "2026-03-29 00:30", []string{"03-29 03:00 = 29 01:00", "03-29 04:00 = 29 02:00"}},
		"workdays, and not on the Sunday":       {"30 2 * * 1-5", "Europe/Paris", "2026-03-28 12:00", []string{"03-30 02:30 = 30 00:30"}},
		"every few seconds, alike everywhere":   {"@every 30m", "Europe/Paris", "2026-11-01 00:07", []string{"11-01 00:30 = 31 23:30", "11-01 01:00 = 01 00:00"}},
		"in UTC, as the cron package has it":    {"30 2 * * *", "UTC", "2026-03-29 00:00", []string{"03-29 02:30 = 29 02:30"}},
		"on the last day of February, at times": {"0 0 29 2 *", "UTC", "2026-03-29 00:00", []string{"02-29 00:00 = 29 00:00"}},
	} {
		if got := nextTicks(t, c.expression, c.zone, c.from, len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestScheduleOneRunADay: over years and zones, a daily schedule has exactly one
// tick on each date that exists, and never the same tick from different starts.
func TestScheduleOneRunADay(t *testing.T) {
	for _, zone := range []string{"Europe/Paris", "America/New_York", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran", "UTC"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, expression := range []string{"0 0 * * *", "30 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "59 2 * * *", "0 3 * * *"} {
			s, err := jobs.ParseSchedule(expression, loc)
			if err != nil {
				t.Fatal(err)
			}
			at, days := time.Date(2024, 1, 1, 12, 0, 0, 0, loc), 0
			last := at
			for at.Year() < 2027 {
				at = s.Next(at)
				if gap := at.Sub(last); days > 0 && (gap < 20*time.Hour || gap > 28*time.Hour) {
					t.Errorf("%s %s: %s after %s", zone, expression, at, last)
				}
				last = at
				days++
			}
			if want := 366 + 365 + 365; days != want && days != want+1 {
				t.Errorf("%s %s: %d ticks in %d days", zone, expression, days, want)
			}
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	for _, bad := range []string{"", "* * *", "61 * * * *", "0 0 31 2 *", "TZ=Europe/Paris 0 2 * * *", "CRON_TZ=X", "@every x", "@sometimes", "0 2 * * * *"} {
		if s, err := jobs.ParseSchedule(bad, time.UTC); err == nil {
			t.Errorf("%q is taken: next %s", bad, s.Next(time.Now()))
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"0 2 * * *", "@daily", "@every 1h30m", "*/7 3-9/2 1,15 JAN-JUN MON", "TZ=UTC * * * * *"} {
		f.Add(seed)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := jobs.ParseSchedule(expression, paris)
		if err != nil {
			return
		}
		at := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)
		for range 50 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: %s after %s", expression, next, at)
			}
			at = next
		}
	})
}

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// bench is a scheduler over an embedded store with a clock that a test sets.
type bench struct {
	t     *testing.T
	clock *clock
	store *redisstore.Store
	runs  atomic.Int32
	err   error
	sched *jobs.Scheduler
	said  strings.Builder
}

func newBench(t *testing.T, expression string, at time.Time) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{at: at}}
	store, err := redisstore.Open(t.Context(), "redis://"+miniredis.RunT(t).Addr(), redisstore.Options{Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := jobs.ParseSchedule(expression, paris)
	if err != nil {
		t.Fatal(err)
	}
	b.store = store
	b.sched = &jobs.Scheduler{Schedule: spec, Ticks: store, Missed: jobs.LateRun, Now: b.clock.now,
		Log: slog.New(slog.NewTextHandler(&b.said, nil)), Run: func(context.Context, time.Time) error { b.runs.Add(1); return b.err }}
	return b
}

// look moves the clock and wants so many runs in all.
func (b *bench) look(at time.Time, want int) {
	b.t.Helper()
	b.clock.set(at)
	b.sched.Look(b.t.Context())
	if got := int(b.runs.Load()); got != want {
		b.t.Errorf("at %s: %d runs, want %d\n%s", at, got, want, b.said.String())
	}
}

var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestCatchUp: after three days down there is one run, or none, as configured.
func TestCatchUp(t *testing.T) {
	b := newBench(t, "0 2 * * *", monday)
	b.look(monday, 0) // the first start ever missed nothing
	b.look(monday.Add(13*time.Hour), 1)
	b.look(monday.Add(13*time.Hour+time.Minute), 1)
	b.look(monday.Add(3*24*time.Hour), 2) // three nights, one run
	b.look(monday.Add(3*24*time.Hour+time.Minute), 2)
	b.sched.Missed = jobs.LateSkip
	b.look(monday.Add(6*24*time.Hour), 2)
	b.look(monday.Add(6*24*time.Hour+13*time.Hour), 3) // the next one is not missed
}

// TestClockRanAhead: a run that was made while a clock was wrong is no reason to make none
// until that time comes.
func TestClockRanAhead(t *testing.T) {
	for name, err := range map[string]error{"and the run went well": nil, "and the run failed": errors.New("no certificate is good then")} {
		b := newBench(t, "0 2 * * *", monday)
		b.sched.QuarantineAfter = 1
		b.look(monday, 0)
		b.look(monday.Add(13*time.Hour), 1)
		b.err = err
		b.look(monday.Add(400*24*time.Hour), 2)
		b.err = nil
		b.look(monday.Add(20*time.Hour), 2) // it is set right: nothing was missed
		b.look(monday.Add(37*time.Hour), 3)
		b.look(monday.Add(37*time.Hour+2*time.Minute), 3)
		b.look(monday.Add(61*time.Hour), 4)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestPausedScheduleStaysPaused across restarts, and what came meanwhile is not made up for.
func TestPausedScheduleStaysPaused(t *testing.T) {
	b := newBench(t, "0 2 * * *", monday)
	b.look(monday, 0)
	if err := b.store.Pause(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	b.look(monday.Add(13*time.Hour), 0)
	b.clock.set(monday.Add(20 * time.Hour))
	if err := b.store.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.look(monday.Add(21*time.Hour), 0)
	b.look(monday.Add(37*time.Hour), 1)
}

// TestPanicEndsNoSchedule, and neither does an error.
func TestPanicEndsNoSchedule(t *testing.T) {
	b := newBench(t, "0 2 * * *", monday)
	b.look(monday, 0)
	calm := b.sched.Run
	b.sched.Run = func(ctx context.Context, tick time.Time) error { _ = calm(ctx, tick); panic("boom") }
	b.look(monday.Add(13*time.Hour), 1)
	if !strings.Contains(b.said.String(), "boom") {
		t.Errorf("the log does not tell of the crash: %s", b.said.String())
	}
	b.sched.Run, b.err = calm, errors.New("OneLogin is down")
	b.look(monday.Add(37*time.Hour), 2)
	b.look(monday.Add(38*time.Hour), 2)
	b.err = nil
	b.look(monday.Add(61*time.Hour), 3)
}

// TestJitter: runs begin anywhere within it, the tick is held for that long, and
// who is asked to stop meanwhile begins nothing.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec, err := jobs.ParseSchedule("0 2 * * *", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		ticks, jitter, late := &memo{state: jobs.ScheduleState{Done: time.Now()}, taken: jobs.TakenRun}, 10*time.Minute, []time.Duration{}
		var began time.Time
		s := &jobs.Scheduler{Schedule: spec, Ticks: ticks, Missed: jobs.LateRun, Jitter: jitter, Log: slog.New(slog.DiscardHandler),
			Run: func(context.Context, time.Time) error { late = append(late, time.Since(began)); return nil }}
		for range 40 {
			began = spec.Next(time.Now())
			time.Sleep(time.Until(began))
			s.Look(t.Context())
		}
		if shortest, longest := slices.Min(late), slices.Max(late); len(late) != 40 || longest >= jitter || longest-shortest < jitter/4 {
			t.Errorf("%d runs began %s to %s after their ticks", len(late), shortest, longest)
		}
		if ticks.within <= jitter {
			t.Errorf("a tick is held for %s, shorter than the jitter", ticks.within)
		}
		time.Sleep(time.Until(spec.Next(time.Now())))
		ctx, stop := context.WithTimeout(t.Context(), time.Nanosecond)
		defer stop()
		done := ticks.state.Done
		s.Look(ctx)
		if len(late) != 40 || !ticks.state.Done.Equal(done) {
			t.Error("a run began, or its tick was done, after stopping")
		}
	})
}

// TestTickWaitsForTheLock: a tick that met somebody else's run is taken again, and
// so is that of a replica which was asked to stop or died.
func TestTickWaitsForTheLock(t *testing.T) {
	b := newBench(t, "0 2 * * *", monday)
	b.look(monday, 0)
	night := monday.Add(13 * time.Hour)
	b.err = &jobs.LockedError{Holder: "ann"}
	b.look(night, 1)
	b.err = nil
	b.look(night.Add(30*time.Second), 1) // it may begin within a minute
	b.look(night.Add(2*time.Minute), 2)
	b.look(night.Add(4*time.Minute), 2)

	ctx, stop := context.WithCancelCause(t.Context())
	b.sched.Run = func(ctx context.Context, _ time.Time) error {
		b.runs.Add(1)
		stop(reconcile.ErrStopping)
		return fmt.Errorf("half way: %w", ctx.Err())
	}
	b.clock.set(night.Add(24 * time.Hour))
	b.sched.Look(ctx)
	b.sched.Run = func(context.Context, time.Time) error { b.runs.Add(1); return nil }
	b.look(night.Add(24*time.Hour+2*time.Minute), 4)
}

// TestOneRunPerTick: two replicas with a schedule of a second.
func TestOneRunPerTick(t *testing.T) {
	server := miniredis.RunT(t)
	spec, err := jobs.ParseSchedule("@every 1s", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	var mu sync.Mutex
	runs := make(map[int64]int)
	var wg sync.WaitGroup
	for range 2 {
		store, err := redisstore.Open(t.Context(), "redis://"+server.Addr(), redisstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		s := &jobs.Scheduler{Schedule: spec, Ticks: store, Missed: jobs.LateSkip, Log: slog.New(slog.DiscardHandler), Run: func(ctx context.Context, tick time.Time) error {
			return store.Do(ctx, "replica", func(context.Context, jobs.Lease) error {
				mu.Lock()
				defer mu.Unlock()
				runs[tick.Unix()]++
				return nil
			})
		}}
		wg.Go(func() { s.Serve(ctx) })
	}
	ticks := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(runs)
	}
	for began := time.Now(); ticks() < 4 && time.Since(began) < time.Minute; {
		time.Sleep(10 * time.Millisecond)
	}
	cancel(reconcile.ErrStopping)
	wg.Wait()
	for at, n := range runs {
		if n != 1 {
			t.Errorf("%d runs for the tick of %d", n, at)
		}
	}
	if len(runs) < 4 {
		t.Errorf("%d ticks had a run in a minute", len(runs))
	}
}
