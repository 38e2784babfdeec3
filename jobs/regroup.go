package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"tomorro-sync/reconcile"
)

// ErrMembersUnknown marks a Tomorro that does not show who is in which group.
var ErrMembersUnknown = errors.New("who is in which group, Tomorro does not show")

// Regroup makes one run that changes memberships only: it makes them what the rules give,
// as in groups.mode exclusive, whatever the mode is. It goes on like Reconcile. Saying yes
// to approve approves each of the changes, so that no limit holds them and none is used up,
// except where it takes two people. Protections, incomplete pulls and all else hold as
// ever.
func (r *Runner) Regroup(ctx context.Context, by Trigger, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	return r.run(ctx, by, func(ctx context.Context, run *recorder) (prepared, error) {
		p, err := r.observed(ctx, run)
		switch {
		case err != nil:
			return p, err
		case p.seen.current.MembersUnknown:
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

// RegroupTo makes one run that gives groups the members that they had, as Regroup does.
// OneLogin is not asked.
func (r *Runner) RegroupTo(ctx context.Context, by Trigger, were []reconcile.Group, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	return r.run(ctx, by, func(ctx context.Context, run *recorder) (prepared, error) {
		p, err := r.observedTarget(ctx, run)
		switch {
		case err != nil:
			return p, err
		case p.seen.current.MembersUnknown:
			return p, ErrMembersUnknown
		}
		owner := make(map[string]reconcile.Key, len(p.seen.links))
		for key, account := range p.seen.links {
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
