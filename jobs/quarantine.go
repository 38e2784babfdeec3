package jobs

import (
	"context"
	"time"

	"github.com/robfig/cron/v3"
)

// Ended says how the run of a tick ended.
type Ended string

// A run has failed when it could not be made as a whole. If some of its changes failed or
// were held, it ended well.
const (
	EndedWell   Ended = "well"
	EndedFailed Ended = "failed"
	// EndedAgain is the failure of a run that was made once more because the last tick's
	// run failed. It counts for when the next try is made, and not for the quarantine.
	EndedAgain Ended = "again"
)

// Forgiver ends a quarantine for all replicas.
type Forgiver interface {
	// Forgive forgets the failed runs: one that nobody scheduled went well.
	Forgive(ctx context.Context) error
}

// slowest is how long a quarantine lets a schedule wait at most.
const slowest = 24 * time.Hour

// NextTry is the first tick that is run while a schedule is quarantined, and zero
// when it is not. From so many failed runs in a row on (after; 0 is never), only
// the second tick after the last try is run, then the fourth, the eighth and so
// on, but at least the last one within 24 h of it. So a schedule of five minutes
// becomes a daily one, and one that is daily or rarer is as it was.
//
// It counts from tick to tick. Jitter, a late start and a day of 23 hours change
// nothing.
func (st ScheduleState) NextTry(spec cron.Schedule, after int) time.Time {
	if after <= 0 || st.Failures < after {
		return time.Time{}
	}
	next := spec.Next(st.Tried)
	steps := 1 << min(st.Failures-after+1, 17) // no day has more seconds than that
	for range steps - 1 {
		later := spec.Next(next)
		if later.IsZero() || later.Sub(st.Tried) > slowest {
			break
		}
		next = later
	}
	return next
}

// Again is when the run of the last tick is made once more because it failed: the first
// time so long after the tick (retry; 0 is never), then after twice as long each time. It
// is zero when that run went well, when the schedule is quarantined, and when the next
// tick comes first.
func (st ScheduleState) Again(spec cron.Schedule, after int, retry time.Duration) time.Time {
	if retry <= 0 || st.Failures == 0 || !st.NextTry(spec, after).IsZero() {
		return time.Time{}
	}
	at := st.Tried.Add(retry * (2<<min(st.Retries, 20) - 1))
	if next := spec.Next(st.Tried); !next.IsZero() && !at.Before(next) {
		return time.Time{}
	}
	return at
}

// NextRun is the first time from now on at which a run is made.
func (st ScheduleState) NextRun(spec cron.Schedule, after int, retry time.Duration, now time.Time) time.Time {
	next := spec.Next(now)
	if again := st.Again(spec, after, retry); again.After(st.Done) && again.Before(next) {
		if again.Before(now) { // as soon as somebody looks
			return now
		}
		return again
	}
	if try := st.NextTry(spec, after); try.After(next) {
		return try
	}
	return next
}
