package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/sourcegraph/conc/panics"
)

// Scheduler makes a run for each tick of a schedule, one over all replicas.
type Scheduler struct {
	Schedule cron.Schedule // see ParseSchedule
	Ticks    Ticks
	// Run makes the run of a tick. Whatever it returns, and if it panics, the
	// tick is over; but not after ErrLocked (somebody else is at work: it is
	// taken again), nor when it failed because ctx ended (another replica takes
	// it). Any other error is a failed run, see QuarantineAfter.
	Run    func(ctx context.Context, tick time.Time) error
	Missed Late          // LateRun or LateSkip, for ticks that nobody was there for
	Jitter time.Duration // each run begins up to that much after its tick
	// QuarantineAfter is how many runs in a row must fail for the schedule to slow
	// down, until one goes well; 0 is never. See ScheduleState.NextTry.
	QuarantineAfter int
	// Retry is how long after its tick a run that failed is made again, see
	// ScheduleState.Again.
	Retry time.Duration
	Log   *slog.Logger
	Now   func() time.Time // default time.Now

	taking  sync.Mutex
	running atomic.Bool // this replica has a tick
}

const (
	// lookEvery is how often a scheduler looks for ticks that it did not hear:
	// Redis was away, the machine slept, another replica died with its tick.
	lookEvery = time.Minute
	// beginWithin is how long after its jitter a run may take to hold the lock.
	// Then another replica may take its tick.
	beginWithin = time.Minute
	// missedAfter is how old a tick is that was missed and not merely delayed.
	missedAfter = 15 * time.Minute
	// ranAhead is how much later than now a tick may be that is remembered: by more than
	// that, no two clocks differ that are right. See also tick.lua.
	ranAhead = 24 * time.Hour
)

// Serve makes runs until ctx ends, and returns when the last one has ended.
func (s *Scheduler) Serve(ctx context.Context) {
	look := cron.FuncJob(func() { s.Look(ctx) })
	c := cron.New(cron.WithLogger(cron.DiscardLogger))
	c.Schedule(s.Schedule, look)
	c.Schedule(cron.Every(lookEvery), look)
	s.Look(ctx)
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
}

// Look deals with the latest tick that has come, and then with what came while
// its run went on: at each tick, at the start, and once a minute. Older ticks that
// nobody ran are covered by the same run.
func (s *Scheduler) Look(ctx context.Context) {
	for ctx.Err() == nil {
		tick := s.mine(ctx)
		if tick.IsZero() {
			return
		}
		over := s.run(ctx, tick)
		s.running.Store(false)
		if !over {
			return
		}
	}
}

// mine takes a tick unless this replica is busy with one.
func (s *Scheduler) mine(ctx context.Context) time.Time {
	s.taking.Lock()
	defer s.taking.Unlock()
	if s.running.Load() {
		return time.Time{}
	}
	tick, err := s.take(ctx)
	if err != nil && ctx.Err() == nil {
		s.Log.Error("the schedule cannot be looked at; trying again every minute", "error", err)
	}
	s.running.Store(!tick.IsZero())
	return tick
}

// run makes the run of a tick, and tells whether the tick is over.
func (s *Scheduler) run(ctx context.Context, tick time.Time) bool {
	if !s.wait(ctx) {
		return false
	}
	err := s.guarded(ctx, tick)
	switch {
	case errors.Is(err, ErrLocked):
		s.Log.Warn("the scheduled run waits for another run to end", "tick", tick, "error", err)
		return false
	case err != nil && ctx.Err() != nil: // whatever it says, it ended because it was asked to
		return false
	}
	ended := EndedWell
	switch {
	case err != nil && s.Schedule.Next(tick.Add(-1)).Equal(tick): // one of the schedule, and not in between
		ended = EndedFailed
	case err != nil:
		ended = EndedAgain
	}
	return s.remember(ctx, tick, ended)
}

// remember ends a tick, and tells when that begins or ends a quarantine.
func (s *Scheduler) remember(ctx context.Context, tick time.Time, ended Ended) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	state, err := s.Ticks.Schedule(ctx)
	if err == nil {
		err = s.Ticks.Done(ctx, tick, ended)
	}
	if err != nil {
		s.Log.Error("the run was made, but that could not be remembered: it is made again", "tick", tick, "error", err)
		return false
	}
	if ended == EndedWell {
		if s.QuarantineAfter > 0 && state.Failures >= s.QuarantineAfter {
			s.Log.Info("the quarantine ends: a run went well", "failures", state.Failures)
		}
		return true
	}
	if ended == EndedAgain {
		state.Retries++
	} else {
		state.Failures, state.Tried, state.Retries = state.Failures+1, tick, 0
	}
	if again := state.Again(s.Schedule, s.QuarantineAfter, s.Retry); !again.IsZero() {
		s.Log.Warn("the run that failed is made again", "at", again)
	}
	if try := state.NextTry(s.Schedule, s.QuarantineAfter); !try.IsZero() {
		s.Log.Warn("the schedule is quarantined after failed runs; one good run ends it", "failures", state.Failures, "nextTry", try)
	}
	return true
}

// take gives the tick that is to be run now by this replica; zero if there is none.
func (s *Scheduler) take(ctx context.Context) (time.Time, error) {
	state, err := s.Ticks.Schedule(ctx)
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	if state.Done.IsZero() { // the first start ever: nothing was missed
		_, err := s.Ticks.Take(ctx, now, LateSkip, beginWithin)
		return time.Time{}, err
	}
	if state.Done.Sub(now) > ranAhead {
		s.Log.Warn("a run is remembered of a time that has not come: a clock was wrong; it does not count", "remembered", state.Done)
		state.Done, state.Failures = now.Add(-missedAfter), 0
	}
	tick := latest(s.Schedule, state.Done, now)
	if tick.IsZero() {
		return s.takeAgain(ctx, &state, now)
	}
	late, try := Due, state.NextTry(s.Schedule, s.QuarantineAfter)
	quarantined := tick.Before(try)
	switch {
	case quarantined:
		late = LateSkip
	case now.Sub(tick) > missedAfter+s.Jitter:
		late = s.Missed
	}
	taken, err := s.Ticks.Take(ctx, tick, late, beginWithin+s.Jitter)
	if err == nil && taken == TakenLate && quarantined {
		s.Log.Info("no run for this tick: the schedule is quarantined", "tick", tick, "failures", state.Failures, "nextTry", try)
		return time.Time{}, nil
	}
	if err != nil || taken != TakenRun {
		s.Log.Debug("no run for this tick", "tick", tick, "why", string(taken))
		return time.Time{}, err
	}
	if late != Due {
		s.Log.Info("making the run that was missed", "tick", tick)
	}
	return tick, nil
}

// takeAgain gives the time at which the run of the last tick is made again, if it has come.
func (s *Scheduler) takeAgain(ctx context.Context, state *ScheduleState, now time.Time) (time.Time, error) {
	at := state.Again(s.Schedule, s.QuarantineAfter, s.Retry)
	if at.IsZero() || at.After(now) || !at.After(state.Done) {
		return time.Time{}, nil
	}
	taken, err := s.Ticks.Take(ctx, at, Due, beginWithin+s.Jitter)
	if err != nil || taken != TakenRun {
		return time.Time{}, err
	}
	s.Log.Info("making the run again that failed", "tick", state.Tried, "tries", state.Retries+1)
	return at, nil
}

// wait lets some of the jitter pass; false means that ctx ended.
func (s *Scheduler) wait(ctx context.Context) bool {
	if s.Jitter <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rand.N(s.Jitter)):
		return true
	}
}

// guarded makes the run. A panic is a failed run and never the end of the schedule.
func (s *Scheduler) guarded(ctx context.Context, tick time.Time) (err error) {
	if crash := panics.Try(func() { err = s.Run(ctx, tick) }); crash != nil {
		s.Log.Error("the run crashed; please report this", "panic", crash.Value, "stack", string(crash.Stack))
		return crash.AsError()
	}
	return err
}

func (s *Scheduler) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
