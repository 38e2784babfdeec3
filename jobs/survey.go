package jobs

import (
	"context"

	"tomorro-sync/reconcile"
)

// Survey is both sides as they are now, and what is remembered of them.
type Survey struct {
	Directory reconcile.Directory
	Current   reconcile.Current
	// Asserted are the groups that were set by hand in OneLogin, as pushes told.
	Asserted []reconcile.Assertion
	Links    map[reconcile.Key]string
	Adoption Adoption
	// Forgetful says that no store was asked: what comes from one, such as Adoption, is
	// empty then.
	Forgetful bool
	// Plan is what a run would do if nothing were held; it knows whose each account is.
	Plan reconcile.Plan
}

// Survey reads both sides and what is remembered, and writes nothing. Errors are as
// Plan's.
func (r *Runner) Survey(ctx context.Context) (Survey, error) {
	seen, err := r.observe(ctx)
	if err != nil {
		return Survey{}, err
	}
	policy := r.policy(&seen)
	return Survey{Directory: seen.directory, Current: seen.current, Asserted: seen.asserted, Links: seen.links, Adoption: seen.adoption, Forgetful: r.Adoptions == nil, Plan: reconcile.Decide(seen.input(&policy))}, nil
}
