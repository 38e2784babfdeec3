package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
)

// replicas are schedulers over one Redis, with a clock that a test sets.
type replicas struct {
	t     testing.TB
	redis *miniredis.Miniredis
	clock *clock
	spec  cron.Schedule
	after int
	retry time.Duration
	fails bool // what becomes of the next runs
	tried []time.Time
	said  strings.Builder
	all   []*jobs.Scheduler
	close []func()
}

var errNoTomorro = errors.New("no answer from Tomorro")

func newReplicas(t testing.TB, spec cron.Schedule, after, n int, at time.Time) *replicas {
	t.Helper()
	redis := miniredis.NewMiniRedis()
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	r := &replicas{t: t, redis: redis, clock: &clock{at: at}, spec: spec, after: after, all: make([]*jobs.Scheduler, n), close: make([]func(), n)}
	for i := range n {
		r.start(i)
	}
	r.all[0].Look(context.Background())
	return r
}

// start starts a replica, in the place of the one that was there.
func (r *replicas) start(i int) {
	r.t.Helper()
	if r.close[i] != nil {
		r.close[i]()
	}
	store, err := redisstore.Open(context.Background(), "redis://"+r.redis.Addr(), redisstore.Options{Now: r.clock.now})
	if err != nil {
		r.t.Fatal(err)
	}
	r.close[i] = func() { _ = store.Close() }
	r.all[i] = &jobs.Scheduler{Schedule: r.spec, Ticks: store, Missed: jobs.LateRun, QuarantineAfter: r.after, Retry: r.retry, Now: r.clock.now,
		Log: slog.New(slog.NewTextHandler(&r.said, nil)), Run: func(_ context.Context, tick time.Time) error {
			r.tried = append(r.tried, tick)
			if r.fails {
				return errNoTomorro
			}
			return nil
		}}
}

func (r *replicas) stop() {
	for _, c := range r.close {
		c()
	}
	r.redis.Close()
}

// until lets the clock pass each tick till a time; all replicas look at each.
func (r *replicas) until(till time.Time) {
	for at := r.spec.Next(r.clock.now()); !at.After(till); at = r.spec.Next(at) {
		r.clock.set(at)
		for _, s := range r.all {
			s.Look(context.Background())
		}
	}
}

// waits are the distances between the tries, from a time on.
func (r *replicas) waits(from time.Time) []string {
	var out []string
	for _, at := range r.tried {
		out = append(out, at.Sub(from).String())
		from = at
	}
	return out
}

func spec(t testing.TB, expression, zone string) cron.Schedule {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jobs.ParseSchedule(expression, loc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestQuarantine: how long a schedule waits from one failed run to the next, on
// two replicas.
func TestQuarantine(t *testing.T) {
	day := 24 * time.Hour
	spring := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC) // Paris sets its clocks forward on the 29th
	autumn := time.Date(2026, 10, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		expression string
		after      int
		from       time.Time
		lasts      time.Duration
		want       string
	}{
		"five minutes become a day": {"*/5 * * * *", 3, monday, 4*day + time.Hour, "5m0s 5m0s 5m0s 10m0s 20m0s 40m0s 1h20m0s 2h40m0s 5h20m0s 10h40m0s 21h20m0s 24h0m0s 24h0m0s"},
		"after one":                 {"@every 6h", 1, monday, 5 * day, "6h0m0s 12h0m0s 24h0m0s 24h0m0s 24h0m0s 24h0m0s"},
		"never":                     {"@every 6h", 0, monday, 2 * day, "6h0m0s 6h0m0s 6h0m0s 6h0m0s 6h0m0s 6h0m0s 6h0m0s 6h0m0s"},
		"nightly, in spring":        {"30 2 * * *", 2, spring, 4 * day, "13h30m0s 24h0m0s 23h0m0s 24h0m0s"},
		"nightly, in autumn":        {"30 2 * * *", 2, autumn, 4 * day, "12h30m0s 24h0m0s 25h0m0s 24h0m0s"},
		"hourly on workdays":        {"0 9-12 * * 1-5", 1, time.Date(2026, 11, 26, 10, 30, 0, 0, time.UTC), 4 * day, "30m0s 22h0m0s 2h0m0s 69h0m0s"}, // Thursday and Friday till 12:00, then Monday 9:00
		"weekly":                    {"0 2 * * 0", 1, monday, 28 * day, "133h0m0s 168h0m0s 168h0m0s 168h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplicas(t, spec(t, c.expression, "Europe/Paris"), c.after, 2, c.from)
			defer r.stop()
			r.fails = true
			r.until(c.from.Add(c.lasts))
			if got := strings.Join(r.waits(c.from), " "); got != c.want {
				t.Errorf("waits\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// TestQuarantineSaysSo when it begins, at each tick that it leaves out (once, and
// not once a replica), and when one good run ends it.
func TestQuarantineSaysSo(t *testing.T) {
	r := newReplicas(t, spec(t, "@every 5m", "UTC"), 3, 2, monday)
	defer r.stop()
	said := func(what string, want int) {
		t.Helper()
		if got := strings.Count(r.said.String(), what); got != want {
			t.Errorf("at %s it says %q %d times, want %d:\n%s", r.clock.now(), what, got, want, r.said.String())
		}
	}
	r.fails = true
	r.until(monday.Add(10 * time.Minute))
	said("quarantine", 0)
	r.until(monday.Add(15 * time.Minute))
	said(`level=WARN msg="the schedule is quarantined after failed runs; one good run ends it" failures=3 nextTry=2026-11-23T12:25:00.000Z`, 1)
	r.until(monday.Add(20 * time.Minute))
	said(`level=INFO msg="no run for this tick: the schedule is quarantined" tick=2026-11-23T12:20:00.000Z failures=3 nextTry=2026-11-23T12:25:00.000Z`, 1)
	said("the quarantine ends", 0)
	r.fails = false
	r.until(monday.Add(25 * time.Minute))
	said(`level=INFO msg="the quarantine ends: a run went well" failures=3`, 1)
	r.until(monday.Add(40 * time.Minute))
	said("the quarantine ends", 1)
	if got := strings.Join(r.waits(monday), " "); got != "5m0s 5m0s 5m0s 10m0s 5m0s 5m0s 5m0s" {
		t.Errorf("waits %s", got)
	}
}

// TestQuarantineMakesUpForNothing: what it left out is not run when somebody ends
// it by hand.
func TestQuarantineMakesUpForNothing(t *testing.T) {
	r := newReplicas(t, spec(t, "@every 1h", "UTC"), 1, 1, monday)
	defer r.stop()
	r.fails = true
	r.until(monday.Add(2 * time.Hour)) // one failed, one left out
	r.fails = false
	if err := r.all[0].Ticks.(*redisstore.Store).Forgive(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.clock.set(monday.Add(2*time.Hour + 10*time.Minute))
	r.all[0].Look(t.Context())
	if len(r.tried) != 1 {
		t.Errorf("%d runs, want 1", len(r.tried))
	}
	r.until(monday.Add(3 * time.Hour))
	if len(r.tried) != 2 {
		t.Errorf("%d runs, want 2: it is over", len(r.tried))
	}
}

// TestPanicIsAFailedRun, a run that met the lock of another is none.
func TestPanicIsAFailedRun(t *testing.T) {
	r := newReplicas(t, spec(t, "@every 1h", "UTC"), 1, 1, monday)
	defer r.stop()
	failures := func(want int) {
		t.Helper()
		if st, err := r.all[0].Ticks.Schedule(t.Context()); err != nil || st.Failures != want {
			t.Errorf("%+v %v, want %d failed runs", st, err, want)
		}
	}
	r.all[0].Run = func(context.Context, time.Time) error { return &jobs.LockedError{Holder: "ann"} }
	r.until(monday.Add(time.Hour))
	failures(0)
	ctx, stop := context.WithCancel(t.Context())
	r.all[0].Run = func(context.Context, time.Time) error { stop(); return errNoTomorro }
	r.clock.set(monday.Add(2 * time.Hour))
	r.all[0].Look(ctx)
	failures(0)
	r.all[0].Run = func(context.Context, time.Time) error { panic("boom") }
	r.until(monday.Add(3 * time.Hour))
	failures(1)
}

// TestQuarantineHolds over random schedules, outcomes and restarts, on one to
// three replicas: who tries which tick is what a list of all ticks says.
func TestQuarantineHolds(t *testing.T) {
	specs := []cron.Schedule{spec(t, "*/5 * * * *", "Europe/Paris"), spec(t, "@every 45m", "UTC"), spec(t, "0 */3 * * *", "America/New_York"),
		spec(t, "30 2 * * *", "Europe/Paris"), spec(t, "0 8-18/2 * * 1-5", "Europe/Paris")}
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(specs).Draw(rt, "schedule")
		after, n := rapid.IntRange(0, 4).Draw(rt, "after"), rapid.IntRange(1, 3).Draw(rt, "replicas")
		from := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 10*24).Draw(rt, "hours")) * time.Hour)
		r := newReplicas(t, s, after, n, from)
		defer r.stop()
		var ticks []time.Time
		for at := s.Next(from); len(ticks) < 41; at = s.Next(at) {
			ticks = append(ticks, at)
		}
		var want []time.Time
		failures, last := 0, -1 // the index of the last try
		for i, at := range ticks[:40] {
			r.clock.set(at)
			r.fails = rapid.IntRange(0, 7).Draw(rt, "outcome") > 0
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				r.start(rapid.IntRange(0, n-1).Draw(rt, "which"))
			}
			if due(ticks, i, last, failures-after, after) {
				want = append(want, at)
				last = i
				if failures++; !r.fails {
					failures = 0
				}
			}
			for range rapid.IntRange(1, 3).Draw(rt, "looks") {
				r.all[rapid.IntRange(0, n-1).Draw(rt, "who")].Look(context.Background())
			}
		}
		if !slices.EqualFunc(r.tried, want, time.Time.Equal) {
			rt.Errorf("tried\n%v, want\n%v", r.tried, want)
		}
	})
}

// due says by the list of all ticks whether one is tried: when enough were left
// out since the last try, or the next one would come more than a day after it.
func due(ticks []time.Time, i, last, beyond, after int) bool {
	if after == 0 || beyond < 0 {
		return true
	}
	if i-last >= 1<<min(beyond+1, 10) {
		return true
	}
	return ticks[i+1].Sub(ticks[last]) > 24*time.Hour
}

// TestNextRun is what people are told.
func TestNextRun(t *testing.T) {
	s := spec(t, "@every 1h", "UTC")
	st := jobs.ScheduleState{Failures: 4, Tried: monday}
	for at, want := range map[time.Duration]time.Duration{time.Minute: 4 * time.Hour, 3 * time.Hour: 4 * time.Hour, 4 * time.Hour: 5 * time.Hour} {
		if got := st.NextRun(s, 3, 0, monday.Add(at)); !got.Equal(monday.Add(want)) {
			t.Errorf("%s after the last try, the next one is at %s", at, got)
		}
	}
	if got := st.NextRun(s, 5, 0, monday); !got.Equal(monday.Add(time.Hour)) || !st.NextTry(s, 5).IsZero() {
		t.Errorf("without a quarantine the next run is at %s", got)
	}
	for at, want := range map[time.Duration]time.Duration{0: 10 * time.Minute, 10 * time.Minute: 10 * time.Minute, 20 * time.Minute: 20 * time.Minute} {
		if got := st.NextRun(s, 5, 10*time.Minute, monday.Add(at)); !got.Equal(monday.Add(want)) {
			t.Errorf("%s after a failed run, the next one is at %s", at, got)
		}
	}
	if got := st.Again(s, 5, 2*time.Hour); !got.IsZero() {
		t.Errorf("made again at %s, after the next tick", got)
	}
	st.Failures = 1 << 40
	if got := st.NextTry(spec(t, "@every 1s", "UTC"), 3); !got.Equal(monday.Add(24 * time.Hour)) {
		t.Errorf("after very many failures: %s", got)
	}
}
