package jobs_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// minutes lets the clock go on minute by minute till a time; some replica looks at each,
// as each does once a minute. good says whether a run that is made then goes well.
func (r *replicas) minutes(till time.Time, who func() int, good func(at time.Time) bool) {
	for at := r.clock.now().Add(time.Minute); !at.After(till); at = at.Add(time.Minute) {
		r.clock.set(at)
		r.fails = !good(at)
		r.all[who()].Look(context.Background())
	}
}

// TestAgain: when a run that failed is made again, on two replicas.
func TestAgain(t *testing.T) {
	const quarter = 15 * time.Minute
	for name, c := range map[string]struct {
		expression string
		after      int
		retry      time.Duration
		lasts      time.Duration
		good       time.Duration // after the beginning, runs go well
		want       string        // from the first tick, each from the one before
	}{
		"nightly, all night long": {"@every 24h", 3, quarter, 48*time.Hour - time.Minute, 1000 * time.Hour, "15m0s 30m0s 1h0m0s 2h0m0s 4h0m0s 8h0m0s"},
		"until one goes well":     {"@every 24h", 3, quarter, 71 * time.Hour, 25 * time.Hour, "15m0s 30m0s 1h0m0s 22h15m0s"},
		"never":                   {"@every 24h", 3, 0, 48 * time.Hour, 1000 * time.Hour, "24h0m0s"},
		"the next tick is first":  {"@every 10m", 0, quarter, 60 * time.Minute, 1000 * time.Hour, "10m0s 10m0s 10m0s 10m0s 10m0s"},
		"hourly":                  {"@every 1h", 9, quarter, 3*time.Hour - time.Minute, 1000 * time.Hour, "15m0s 30m0s 15m0s 15m0s 30m0s"},
		"not in a quarantine":     {"@every 24h", 2, quarter, 96*time.Hour - time.Minute, 1000 * time.Hour, "15m0s 30m0s 1h0m0s 2h0m0s 4h0m0s 8h0m0s 8h15m0s 24h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
			r := retrying(t, c.expression, c.after, c.retry, from)
			defer r.stop()
			turn := 0
			r.minutes(from.Add(c.lasts), func() int { turn++; return turn % 2 }, func(at time.Time) bool { return at.Sub(from) > c.good })
			if got := strings.Join(r.waits(r.tried[0])[1:], " "); got != c.want {
				t.Errorf("waits\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// retrying are two replicas as newReplicas makes them, with a retry.
func retrying(t testing.TB, expression string, after int, retry time.Duration, from time.Time) *replicas {
	t.Helper()
	r := newReplicas(t, spec(t, expression, "UTC"), after, 2, from)
	r.retry = retry
	for i := range r.all {
		r.start(i)
	}
	return r
}

// TestAgainOfReplicas: whoever dies and whoever looks, each time at which a run is due has
// one, and one that went well is not made again before the next tick.
func TestAgainOfReplicas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		r := retrying(t, "@every 2h", 0, time.Duration(rapid.IntRange(2, 40).Draw(rt, "retry"))*time.Minute, from)
		defer r.stop()
		var want []time.Time
		var failed bool
		tick, retries := from, 0
		due := func(at time.Time) bool { // by the list of times since the last tick
			if at.Sub(from)%(2*time.Hour) == 0 {
				tick, retries = at, 0
				return true
			}
			return failed && at.Equal(tick.Add(r.retry*time.Duration(1<<(retries+1)-1)))
		}
		bad := rapid.SliceOfN(rapid.Bool(), 60, 60).Draw(rt, "bad")
		r.minutes(from.Add(5*time.Hour), func() int { return rapid.IntRange(0, 1).Draw(rt, "who") }, func(at time.Time) bool {
			if rapid.IntRange(0, 30).Draw(rt, "restart") == 0 {
				r.start(rapid.IntRange(0, 1).Draw(rt, "which"))
			}
			again := at.Sub(from)%(2*time.Hour) != 0
			if !due(at) {
				return true
			}
			if again {
				retries++
			}
			failed = bad[len(want)%len(bad)]
			want = append(want, at)
			return !failed
		})
		if !slices.EqualFunc(r.tried, want, time.Time.Equal) {
			rt.Errorf("tried\n%v, want\n%v", r.tried, want)
		}
	})
}
