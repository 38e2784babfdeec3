package reconcile

import (
	"context"
	"errors"
	"fmt"
)

// Canary splits the plan's changes: first are all changes of a few people, at
// most that many, with the groups that their memberships need. They are spread
// over the kinds of change, and the same plan gives the same people. Nobody is
// among them on whom the order of a run depends: who stops being admin, who leaves
// while the default substitute is made fit to inherit, whose wanted address is still
// another account's, and the owner of that account. Nor is anybody who is known to be
// ignored by Tomorro: they would stop every run.
//
// first is empty when the plan is about so few people anyway, and when nobody
// can go first.
func (p *Plan) Canary(people int) (first, rest []Change) {
	if people <= 0 {
		return nil, p.Changes
	}
	kinds, all := p.volunteers()
	if all <= people {
		return nil, p.Changes
	}
	chosen := make(map[Key]bool)
	for more := true; more && len(chosen) < people; {
		more = false
		for i, keys := range kinds {
			for len(keys) > 0 && chosen[keys[0]] {
				keys = keys[1:]
			}
			if len(keys) > 0 && len(chosen) < people {
				chosen[keys[0]] = true
				more = true
			}
			kinds[i] = keys
		}
	}
	needs := make(map[string]bool)
	for i := range p.Changes {
		if c := &p.Changes[i]; chosen[c.Key] && c.Op == OpAddMember && c.GroupID == "" {
			needs[Fold(c.Group)] = true
		}
	}
	for i := range p.Changes {
		if c := p.Changes[i]; chosen[c.Key] || c.Op == OpCreateGroup && needs[Fold(c.Group)] {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	return first, rest
}

// volunteers lists who can go first, by kind of change and in the plan's order,
// and counts everybody whom the plan changes.
func (p *Plan) volunteers() (kinds [][]Key, all int) {
	everybody, ordered := make(map[Key]bool), make(map[Key]bool)
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Key == 0 {
			continue
		}
		everybody[c.Key] = true
		leaves := c.Op == OpDeactivate || c.Op == OpDelete
		if _, ignored := p.ignored[p.known(c)]; ignored || losesAdmin(c) || leaves && p.substituteKey != 0 {
			ordered[c.Key] = true
		}
		if c.Op != OpCreate && c.Op != OpRename {
			continue
		}
		if a := p.occupant[Fold(c.After.UserName)]; a != nil && a.ID != c.Account {
			ordered[c.Key], ordered[p.owner.of(a.ID)] = true, true
		}
	}
	byOp := make(map[Op][]Key)
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Key != 0 && !ordered[c.Key] {
			byOp[c.Op] = append(byOp[c.Op], c.Key)
		}
	}
	for _, op := range opOrder {
		if len(byOp[op]) > 0 {
			kinds = append(kinds, byOp[op])
		}
	}
	return kinds, len(everybody)
}

// known is the effect by which p.ignored may know a change, or empty.
func (p *Plan) known(c *Change) string {
	if len(p.ignored) == 0 || !insisted(c) { // the others are held
		return ""
	}
	return c.Effect()
}

// stages makes the plan's changes, a few people's first when that is asked for.
func (a *applier) stages(ctx context.Context) {
	first, rest := a.plan.Canary(a.opts.Canary)
	if len(first) > 0 {
		a.phases(ctx, first)
		if err := a.goOn(ctx); err != nil {
			a.finish(Outcome{Write: Write{Changes: rest}, Result: Skipped, Err: err})
			return
		}
	}
	a.phases(ctx, rest)
}

// goOn says why the rest is not sent. A run that is being stopped has its own
// reason, which each change is given where it is dropped.
func (a *applier) goOn(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	failed := 0
	a.mu.Lock()
	for _, n := range a.result.Failed {
		failed += n
	}
	a.mu.Unlock()
	if failed > 0 {
		return fmt.Errorf("%w: %d of their changes failed", ErrCanary, failed)
	}
	if a.opts.Check == nil {
		return nil
	}
	if err := a.opts.Check(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrCanary, err)
	}
	return nil
}

// ErrCanary says that the rest of a plan was not sent.
var ErrCanary = errors.New("the people who went first (apply.canary) are not what they should be")

// phases makes these changes of the plan, phase by phase.
func (a *applier) phases(ctx context.Context, changes []Change) {
	a.changes = changes
	for _, phase := range phases {
		for _, wave := range phase(a) {
			a.run(ctx, wave)
		}
	}
}
