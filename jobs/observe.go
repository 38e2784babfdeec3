package jobs

import (
	"context"
	"time"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// observation is what one look at both sides found, and what was remembered.
type observation struct {
	directory reconcile.Directory
	current   reconcile.Current
	snapshot  Snapshot

	links     map[reconcile.Key]string
	spent     map[reconcile.Limit]int
	decisions map[string]reconcile.Decision
	asserted  []reconcile.Assertion
	ignored   map[string]Sighting      // by Change.Effect
	pinned    map[reconcile.Key]string // with the reason that is shown
	facts     *reconcile.Facts         // nil when nothing remembers
	pulls     []reconcile.Census
	adoption  Adoption
	begins    bool // the adoption, with this look
}

func (o *observation) input(policy *reconcile.Policy) reconcile.Input {
	return reconcile.Input{Directory: &o.directory, Current: &o.current, Links: o.links, Policy: policy, Last: o.facts, Asserted: o.asserted}
}

// observe notes where writes stand, and then reads both sides, and what is
// remembered, at the same time.
func (r *Runner) observe(ctx context.Context) (seen observation, err error) {
	if r.Ledger != nil {
		if seen.snapshot, err = r.Ledger.Snapshot(ctx); err != nil {
			return seen, err
		}
	}
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	p.Go(func(ctx context.Context) (err error) {
		seen.directory, seen.current, err = r.Look(ctx)
		return err
	})
	p.Go(func(ctx context.Context) error { return r.recall(ctx, &seen) })
	if err = p.Wait(); err != nil {
		return seen, err
	}
	if seen.begins = r.begins(&seen); seen.begins {
		seen.adoption.Phase = AdoptionPhase{State: AdoptionOpen, At: r.now()}
	}
	return seen, nil
}

// Look reads both sides as they are now, at the same time. It writes nothing.
func (r *Runner) Look(ctx context.Context) (d reconcile.Directory, current reconcile.Current, err error) {
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	p.Go(func(ctx context.Context) (err error) {
		if d, err = r.Source.Pull(ctx); err != nil {
			return &readError{ServiceOneLogin, err}
		}
		return nil
	})
	p.Go(func(ctx context.Context) (err error) {
		if current, err = r.Target.Read(ctx); err != nil {
			return &readError{ServiceTomorro, err}
		}
		return nil
	})
	return d, current, p.Wait()
}

// recall reads what is remembered, as far as anything remembers.
func (r *Runner) recall(ctx context.Context, seen *observation) (err error) {
	if r.Links != nil {
		if seen.links, err = r.Links.Links(ctx); err != nil {
			return err
		}
	}
	if err := r.recallFew(ctx, seen); err != nil || r.Experience == nil {
		return err
	}
	facts, err := r.Experience.Facts(ctx)
	if err != nil {
		return err
	}
	seen.facts = &facts
	seen.pulls, err = r.Experience.Pulls(ctx)
	return err
}

// Recalled is what a Recaller gives: all that is remembered and does not grow with the
// number of people.
type Recalled struct {
	Spent      map[reconcile.Limit]int
	Decisions  map[string]reconcile.Decision
	Pins       map[reconcile.Key]Pin
	Ignored    map[string]Sighting
	Assertions []reconcile.Assertion
	Adoption   Adoption
}

// Recaller gives, at once, what Budget.Spent, Decisions, Pins, Ignored, Assertions and
// Adoptions give one by one.
type Recaller interface {
	Recall(ctx context.Context, since time.Time) (Recalled, error)
}

// recallFew reads what does not grow with the number of people.
func (r *Runner) recallFew(ctx context.Context, seen *observation) error {
	if r.Recaller == nil {
		return nil
	}
	all, err := r.Recaller.Recall(ctx, r.now().Add(-r.Policy.Limits.Window))
	if err != nil {
		return err
	}
	seen.spent, seen.decisions, seen.pinned, seen.ignored = all.Spent, all.Decisions, reasons(all.Pins), all.Ignored
	seen.asserted, seen.adoption = all.Assertions, all.Adoption
	return nil
}

// endAssertions forgets what needs no remembering after a plan was applied.
func (r *Runner) endAssertions(ctx context.Context, plan *reconcile.Plan, result *reconcile.Result) error {
	if r.Assertions == nil || plan.Receipt.NotAsked {
		return nil
	}
	ended := plan.Ended(result)
	if len(ended) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return r.Assertions.EndAssertions(ctx, ended)
}

// learn remembers, after a run that looked at everybody and read OneLogin to the
// end, what it saw: for those about whom nothing is left to do.
func (r *Runner) learn(ctx context.Context, lease Lease, report *Report, p *prepared, result *reconcile.Result) error {
	if r.Experience == nil || report.Exit == ExitError || !p.full || !p.plan.Receipt.Complete() {
		return nil
	}
	pending := make(map[reconcile.Key]bool)
	for i := range p.plan.Held {
		pending[p.plan.Held[i].Key] = true
	}
	for i := range result.Problems {
		for k := range result.Problems[i].Write.Changes {
			pending[result.Problems[i].Write.Changes[k].Key] = true
		}
	}
	var pull *reconcile.Census
	if p.plan.Good() {
		pull = &p.plan.Census
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return r.Experience.Learn(ctx, lease, p.plan.Learn(p.seen.facts, pending), pull)
}
