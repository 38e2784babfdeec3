package jobs

import (
	"context"
	"fmt"
	"slices"

	"tomorro-sync/reconcile"
)

// unlistedGone is how many accounts are gone or active at most before no more are asked for:
// where a list leaves some out, it leaves out more than one.
const unlistedGone = 20

// unlisted asks for the accounts that are remembered of those to whom the plan gives one; of
// these, nearly always, there are none. Inactive ones, which a service may not list, are
// given back: who returns gets theirs. It fails when there is an active one, as where a list
// is cut short and says of itself that it is whole. Nobody could tell then who has one:
// people would be given a second, and leavers would stay inside unseen.
func (r *Runner) unlisted(ctx context.Context, seen *observation, plan *reconcile.Plan) (inactive []reconcile.Account, err error) {
	if r.Accounts == nil {
		return nil, nil
	}
	asked, active := 0, []string(nil)
	for i := range plan.Changes {
		c := &plan.Changes[i]
		id := seen.links[c.Key]
		if c.Op != reconcile.OpCreate || id == "" || asked == unlistedGone || hasAccount(seen.current.Accounts, id) {
			continue
		}
		a, err := r.Accounts.ReadAccount(ctx, id)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err == nil && !a.Active:
			inactive = append(inactive, a)
			continue
		case err == nil:
			active = append(active, id)
		}
		asked++ // gone, or nobody can say
	}
	return inactive, r.listed(ctx, active)
}

// listed fails when active accounts are not in the list. Pushes may have made them, and
// remembered them, while it was read.
func (r *Runner) listed(ctx context.Context, active []string) error {
	if len(active) == 0 {
		return nil
	}
	again, err := r.Target.Read(ctx)
	if err != nil {
		return &readError{ServiceTomorro, err}
	}
	active = slices.DeleteFunc(active, func(id string) bool { return hasAccount(again.Accounts, id) })
	if len(active) == 0 {
		return nil
	}
	return &readError{ServiceTomorro, fmt.Errorf("its list of accounts leaves out account %s, which it has and which is active, so nobody knows who has one, and nothing is written; "+
		"see at Tomorro whether the token may see all accounts of the organisation, and ask Tomorro", active[0])}
}

// hasAccount reports whether an account is among some.
func hasAccount(accounts []reconcile.Account, id string) bool {
	return slices.ContainsFunc(accounts, func(a reconcile.Account) bool { return a.ID == id })
}

// ownerOf is to whom an account is linked; 0 is nobody.
func (r *Runner) ownerOf(ctx context.Context, account string) (owner reconcile.Key, err error) {
	if r.Links == nil {
		return 0, nil
	}
	links, err := r.Links.Links(ctx)
	for key, id := range links {
		if id == account && (owner == 0 || key < owner) {
			owner = key
		}
	}
	return owner, err
}
