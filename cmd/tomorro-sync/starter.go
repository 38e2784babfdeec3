package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc/panics"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/console"
)

// starter makes the runs that people ask for, at whichever console or by reconcile
// --queue: one at a time over all replicas, by the first that is free, and under the
// same lock as all others. It implements console.Starter.
type starter struct {
	wishes jobs.Wishes
	taker  string // this process
	run    func(ctx context.Context, by jobs.Trigger) error
	log    *slog.Logger
}

const (
	// wishPoll is how often a process looks for a run that is asked for, and one that
	// has it whether the lock is free.
	wishPoll = time.Second
	// wishHold is for how long a run is left to a process that says nothing more.
	wishHold = 30 * time.Second
	// lockPatience is how long a run waits for the lock.
	lockPatience = 30 * time.Minute
	// wishAnswer is how long a page waits for Redis.
	wishAnswer = 3 * time.Second
)

// Start implements console.Starter.
func (s *starter) Start(who string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wishAnswer)
	defer cancel()
	return s.wishes.Wish(ctx, jobs.Trigger{By: "console", Who: who})
}

// Asked implements console.Starter.
func (s *starter) Asked() console.Asked {
	ctx, cancel := context.WithTimeout(context.Background(), wishAnswer)
	defer cancel()
	w, err := s.wishes.Wished(ctx)
	if err != nil {
		s.log.Warn("the console cannot tell whether a run is asked for", "error", err)
		return console.Asked{}
	}
	asked := console.Asked{Since: w.Since, Failed: w.Failed}
	if w.Pending() {
		asked.Who = w.Who
	}
	return asked
}

// serve makes what is asked for until ctx ends.
func (s *starter) serve(ctx context.Context) {
	jobs.Repeat(ctx, wishPoll, func() {
		wish, mine, err := s.wishes.TakeWish(ctx, s.taker, wishHold)
		if err != nil && ctx.Err() == nil {
			s.log.Debug("it cannot be seen whether a run is asked for", "error", err)
		}
		if mine {
			s.grant(ctx, wish)
		}
	})
}

// grant makes one run and ends the wish, unless this process is being stopped: then
// another takes it over.
func (s *starter) grant(ctx context.Context, wish jobs.Wish) {
	s.log.Info("making a run that was asked for", "by", wish.By)
	stopKeeping := s.keep(ctx)
	err := s.make(ctx, jobs.Trigger{By: wish.By, Who: wish.Who})
	stopKeeping()
	if err != nil && ctx.Err() != nil {
		return
	}
	failed := ""
	if err != nil {
		failed = err.Error()
		s.log.Error("the run that was asked for failed", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wishHold/2)
	defer cancel()
	if err := s.wishes.EndWish(ctx, wish, failed); err != nil {
		s.log.Warn("the run that was asked for was made, but that could not be remembered: it is made again", "error", err)
	}
}

// keep holds on to the wish until stop.
func (s *starter) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(wishHold / 6)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_, _, _ = s.wishes.TakeWish(ctx, s.taker, wishHold) // a failure is made up for by the next
			}
		}
	}()
	return func() { cancel(); <-done }
}

// make makes one run as soon as the lock is free, however long that takes then. A panic
// is a failed run.
func (s *starter) make(ctx context.Context, by jobs.Trigger) (err error) {
	for began := time.Now(); ; {
		if crash := panics.Try(func() { err = s.run(ctx, by) }); crash != nil {
			return crash.AsError()
		}
		if !errors.Is(err, jobs.ErrLocked) || time.Since(began) > lockPatience {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wishPoll):
		}
	}
}
