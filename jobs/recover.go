package jobs

import (
	"context"
	"fmt"
	"time"

	"tomorro-sync/reconcile"
)

// SettledIntent is an intent of an earlier run that ended without its outcome, or of
// whose outcome nobody knew, and what looking at Tomorro said of it.
type SettledIntent struct {
	Run    string            `json:"run"`
	Intent string            `json:"intent"`
	Op     reconcile.WriteOp `json:"op"`
	Result string            `json:"result"`
}

// Recover settles what a process that died left open. It reads Tomorro only when
// there is something to settle. A run does the same by itself.
func (r *Runner) Recover(ctx context.Context) ([]SettledIntent, error) {
	if s, err := r.Ledger.Snapshot(ctx); err != nil || len(s.Open) == 0 {
		return nil, err
	}
	var settled []SettledIntent
	err := r.Locker.Do(ctx, r.holder(), func(ctx context.Context, _ Lease) error {
		var seen observation
		var err error
		if seen.snapshot, err = r.Ledger.Snapshot(ctx); err != nil {
			return err
		}
		if seen.current, err = r.Target.Read(ctx); err != nil {
			return fmt.Errorf("reading Tomorro: %w", err)
		}
		if seen.links, err = r.Links.Links(ctx); err != nil {
			return err
		}
		settled, err = r.settle(ctx, "", &seen)
		return err
	})
	return settled, err
}

// settle gives each open intent of a run that is over its outcome, by what
// Tomorro has now. The identities that come to light count for this run already;
// without a run, its id is empty.
func (r *Runner) settle(ctx context.Context, run string, seen *observation) ([]SettledIntent, error) {
	if len(seen.snapshot.Open) == 0 {
		return nil, nil
	}
	owner := make(map[string]reconcile.Key, len(seen.links))
	for key, account := range seen.links {
		owner[account] = key
	}
	var all []Settled
	var told []SettledIntent
	for i := range seen.snapshot.Open {
		e := &seen.snapshot.Open[i]
		if e.Fence == 0 && e.Write != nil && r.now().Sub(e.Time) < aliveFor {
			continue // a push, which holds no lock, may still be waiting for its answer
		}
		o := reconcile.Outcome{Result: reconcile.Uncertain}
		if e.Write != nil {
			o = reconcile.Settle(*e.Write, &seen.current, owner)
		}
		o.Note = "nobody knew what became of it; settled by looking at Tomorro"
		s := settled(e.Run, e.ID, r.now(), &o)
		s.By = run
		all = append(all, *s)
		told = append(told, SettledIntent{Run: e.Run, Intent: e.ID, Op: o.Write.Op, Result: o.Result})
		for _, l := range s.Links {
			if seen.links == nil {
				seen.links = make(map[reconcile.Key]string)
			}
			seen.links[l.Key] = l.Account
			owner[l.Account] = l.Key
		}
		for _, key := range s.Ended {
			delete(seen.links, key)
		}
	}
	if err := r.Ledger.Settle(ctx, all); err != nil {
		return nil, fmt.Errorf("settle what an earlier run left open: %w", err)
	}
	return told, r.recount(ctx, seen)
}

// recount reads again what is left of limits and approvals: what did not happen had room
// set aside, which is given back.
func (r *Runner) recount(ctx context.Context, seen *observation) error {
	if r.Recaller == nil {
		return nil
	}
	all, err := r.Recaller.Recall(ctx, r.now().Add(-r.Policy.Limits.Window))
	if err != nil {
		return err
	}
	seen.spent, seen.decisions = all.Spent, all.Decisions
	return nil
}

// aliveFor is how long a writer without the lock is taken to be at work.
const aliveFor = 5 * time.Minute
