package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tomorro-sync/reconcile"
)

// Changes tells who changed at OneLogin.
type Changes interface {
	// Changed gives the people of whom OneLogin reports a change since then, those whose
	// access is the likeliest to have changed first, each once. With an error, the result
	// has those who were found nevertheless.
	Changed(ctx context.Context, since time.Time) ([]reconcile.Key, error)
}

// Passes lets one of several replicas make each fast pass.
type Passes interface {
	// TakePass asks for the next pass. mine is true for one caller in every interval,
	// and for nobody while the schedule is paused. since is how far passes have read;
	// zero when none has.
	TakePass(ctx context.Context, every time.Duration) (since time.Time, mine bool, err error)
	// PassDone says that everything before until was read. It never goes back.
	PassDone(ctx context.Context, until time.Time) error
}

// FastPass looks between runs for people whom OneLogin reports as changed, and marks
// them. It decides nothing: whoever works off the marks (Pushes) asks OneLogin about
// each of them, under every guard that runs have.
//
// It takes nothing away from anybody. What OneLogin reports is not all that happened
// (a rule that is edited changes nobody, a mapping may not, nobody documents whether a
// role does), so a picture made of it alone is no reason to remove: who is marked by it
// and nothing else (UpdatedSubject) keeps what they have until a run that reads
// everything (reconcile.RuleNight).
type FastPass struct {
	Changes Changes
	Passes  Passes
	Queue   Queue

	// Every is the time from one pass to the next, over all replicas.
	Every time.Duration
	// Overlap is how much of what the last pass read is read again: OneLogin does not
	// document whether its bound is inclusive, shows changes late, and has a clock of
	// its own.
	Overlap time.Duration
	// Most is how many people one pass marks. Logins count as changes: what is beyond
	// is left to the next run.
	Most int
	Log  *slog.Logger
	Now  func() time.Time // default time.Now
}

// passPolls is how often in an interval a replica asks whether the pass is its own.
const passPolls = 10

// Serve makes passes until ctx ends.
func (f *FastPass) Serve(ctx context.Context) {
	Repeat(ctx, max(f.Every/passPolls, time.Millisecond), func() {
		if err := f.Look(ctx); err != nil && ctx.Err() == nil {
			f.Log.Warn("the fast pass failed; the next one reads the same again", "error", err)
		}
	})
}

// Look makes the pass if it is this replica's. How far passes have read moves only
// after what was found is marked, so that one that fails, or whose process dies, is
// made up for by the next.
func (f *FastPass) Look(ctx context.Context) error {
	since, mine, err := f.Passes.TakePass(ctx, f.Every)
	if err != nil || !mine {
		return err
	}
	began := time.Now()
	if f.Now != nil {
		began = f.Now()
	}
	if since.IsZero() { // the first ever: what was before is the next run's
		return f.Passes.PassDone(ctx, began)
	}
	keys, failed := f.changed(ctx, since.Add(-f.Overlap))
	left := max(0, len(keys)-f.Most)
	keys = keys[:len(keys)-left]
	if err := f.mark(ctx, keys); err != nil {
		return err
	}
	switch {
	case failed != nil:
		return fmt.Errorf("reading what changed at OneLogin: %w", failed)
	case left > 0:
		f.Log.Warn("OneLogin reports more changes than a fast pass looks at; the others wait for the next run", "marked", len(keys), "left", left)
	case len(keys) > 0:
		f.Log.Info("OneLogin reports changes", "people", len(keys))
	}
	return f.Passes.PassDone(ctx, began)
}

// changed asks for no longer than a pass may take. Who was found by then is marked.
func (f *FastPass) changed(ctx context.Context, since time.Time) ([]reconcile.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, max(f.Every, time.Minute))
	defer cancel()
	return f.Changes.Changed(ctx, since)
}

func (f *FastPass) mark(ctx context.Context, keys []reconcile.Key) error {
	if len(keys) == 0 {
		return nil
	}
	wanted := make([]Wanted, len(keys))
	for i, key := range keys {
		wanted[i].Subject = UpdatedSubject(key)
	}
	_, err := f.Queue.Mark(ctx, 0, wanted)
	return err
}
