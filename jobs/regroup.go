package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"tomorro-sync/reconcile"
)

// ErrMembersUnknown marks a Tomorro that does not show who is in which group.
var ErrMembersUnknown = errors.New("who is in which group, Tomorro does not show")

// Regroup makes one run that does nothing but make memberships what the rules give, as
// in exclusive mode, whatever the mode: lock, settle what is open, plan, approve, write,
// report, as Reconcile does. Whoever answers approve approves each of the changes, so that
// no limit holds them and none of it is spent; but not where it takes two people.
// Protection, receipt and the rest hold as ever.
func (r *Runner) Regroup(ctx context.Context, by Trigger, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	return r.run(ctx, by, func(ctx context.Context, run *recorder) (p prepared, err error) {
		if p.seen, err = r.observe(ctx); err != nil {
			return p, err
		}
		run.position = p.seen.snapshot.Position
		if p.settled, err = r.settle(ctx, run.id, &p.seen); err != nil {
			return p, err
		}
		if p.seen.current.MembersUnknown {
			return p, ErrMembersUnknown
		}
		policy := r.policy(&p.seen)
		policy.GroupMode = reconcile.Exclusive
		wanted := reconcile.Decide(p.seen.input(&policy))
		p.plan = reconcile.Guard(wanted.Memberships(""), &policy)
		if !slices.ContainsFunc(p.plan.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleBand }) { // a OneLogin unlike itself is more than a yes to all
			p.plan = reconcile.Guard(wanted.Memberships(r.approval(by)), &policy)
		}
		return p, nil
	}, approve)
}

// RegroupTo makes one run that gives groups the members that they had. OneLogin is not
// asked.
func (r *Runner) RegroupTo(ctx context.Context, by Trigger, were []reconcile.Group, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	return r.run(ctx, by, func(ctx context.Context, run *recorder) (p prepared, err error) {
		if p.seen.snapshot, err = r.Ledger.Snapshot(ctx); err != nil {
			return p, err
		}
		run.position = p.seen.snapshot.Position
		if p.seen.current, err = r.Target.Read(ctx); err != nil {
			return p, fmt.Errorf("reading Tomorro: %w", err)
		}
		if err := r.recall(ctx, &p.seen); err != nil {
			return p, err
		}
		if p.settled, err = r.settle(ctx, run.id, &p.seen); err != nil {
			return p, err
		}
		if p.seen.current.MembersUnknown {
			return p, ErrMembersUnknown
		}
		links, err := r.Links.Links(ctx)
		if err != nil {
			return p, err
		}
		owner := make(map[string]reconcile.Key, len(links))
		for key, account := range links {
			owner[account] = key
		}
		policy := r.policy(&p.seen)
		whose := func(account string) (reconcile.Key, bool) { key, is := owner[account]; return key, is }
		p.plan = reconcile.Guard(reconcile.Regroup(were, &p.seen.current, whose, r.approval(by)), &policy)
		return p, nil
	}, approve)
}

// approval is by whom a plan is approved that one person said yes to; by nobody where it
// takes two.
func (r *Runner) approval(by Trigger) string {
	if r.Policy.FourEyes {
		return ""
	}
	return cmp.Or(by.Who, by.By)
}
