package jobs

import (
	"context"
	"fmt"
	"slices"

	"tomorro-sync/reconcile"
)

// unlistedAsked is the most accounts that are asked for: a list that leaves some out leaves
// out more than one, so that a sample finds it.
const unlistedAsked = 20

// listed fails, with a *readError, when Tomorro's list of accounts leaves out one that is
// there: a list may be cut short and still claim to be whole. A run that believed it would
// give people a second account and would not see leavers. listed asks by id for the
// remembered accounts of the people for whom the plan creates one; there are hardly ever
// any.
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
