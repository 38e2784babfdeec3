package jobs

import (
	"context"
	"fmt"
	"slices"

	"tomorro-sync/reconcile"
)

// unlistedAsked is how many accounts are asked for at most: where a list leaves some out,
// it leaves out more than one.
const unlistedAsked = 20

// listed fails when Tomorro has an account that its list leaves out, as one may that is
// cut short and says of itself that it is whole. Nobody could tell then who has one:
// people would be given a second, and leavers would stay inside unseen. Asked for are the
// accounts that are remembered of those to whom the plan gives one; of these, nearly
// always, there are none.
func (r *Runner) listed(ctx context.Context, seen *observation, plan *reconcile.Plan) error {
	if r.Accounts == nil {
		return nil
	}
	asked, there := 0, []string(nil)
	for i := range plan.Changes {
		c := &plan.Changes[i]
		id := seen.links[c.Key]
		if c.Op != reconcile.OpCreate || id == "" {
			continue
		}
		if asked++; asked > unlistedAsked {
			break
		}
		a, err := r.Accounts.ReadAccount(ctx, id)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && a.Active { // else gone, or nobody can say; and some services list the active only
			there = append(there, id)
		}
	}
	if len(there) == 0 {
		return nil
	}
	// Pushes may have made them, and remembered them, while the list was read.
	again, err := r.Target.Read(ctx)
	if err != nil {
		return &readError{ServiceTomorro, err}
	}
	for i := range again.Accounts {
		there = slices.DeleteFunc(there, func(id string) bool { return id == again.Accounts[i].ID })
	}
	if len(there) == 0 {
		return nil
	}
	return &readError{ServiceTomorro, fmt.Errorf("its list of accounts leaves out account %s, which it has and which is active, so nobody knows who has one, and nothing is written; "+
		"see at Tomorro whether the token may see all accounts of the organisation, and ask Tomorro", there[0])}
}
