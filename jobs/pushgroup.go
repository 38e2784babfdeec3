package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// Group gives a group as the last look left it; ok is false when there is none, or
// nobody has looked yet.
func (p *Pushes) Group(id string) (g reconcile.Group, ok bool) { return p.mirror.group(id) }

// Forget has the next look read all of Tomorro, and what runs have learned.
func (p *Pushes) Forget() { p.mirror.forget() }

// ErrNotAllowed marks a group that may not be made or deleted. Its text says why.
var ErrNotAllowed = errors.New("not allowed")

// MakeGroup gives the group of this name, which it creates when there is none and the
// policy has groups created. Names are compared folded. It fails with ErrNotAllowed.
func (p *Pushes) MakeGroup(ctx context.Context, request, name string) (reconcile.Group, error) {
	groups, err := p.Accounts.ReadGroups(ctx)
	if err != nil {
		return reconcile.Group{}, err
	}
	if g, found := groupNamed(groups.Groups, name); found {
		return g, nil
	}
	if !p.Runner.Policy.CreateGroups {
		return reconcile.Group{}, fmt.Errorf("%w: Tomorro has no group %q; create it in Tomorro, then press Refresh in OneLogin, or set groups.create: true", ErrNotAllowed, name)
	}
	made := reconcile.Group{Name: name}
	outcome, err := p.group(ctx, request, reconcile.PlanGroup(reconcile.OpCreateGroup, made, &groups))
	if errors.Is(err, ErrBusy) { // somebody else is at it, or was
		if groups, err := p.Accounts.ReadGroups(ctx); err == nil {
			if g, found := groupNamed(groups.Groups, name); found {
				return g, nil
			}
		}
	}
	if err != nil {
		return made, err
	}
	made.ID, made.Ours = outcome.ID, true
	return made, nil
}

// DropGroup deletes a group of this program's that nobody is in and no rule names,
// where the policy has groups deleted. It fails with ErrNotAllowed, and with
// reconcile.ErrGone when there is no such group.
func (p *Pushes) DropGroup(ctx context.Context, request, id string) error {
	var groups reconcile.Current
	var directory reconcile.Directory
	w := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	w.Go(func(ctx context.Context) (err error) { groups, err = p.Accounts.ReadGroups(ctx); return err })
	w.Go(func(ctx context.Context) (err error) { directory, err = p.Looker.Look(ctx, nil); return err })
	if err := w.Wait(); err != nil {
		return err
	}
	i := slices.IndexFunc(groups.Groups, func(g reconcile.Group) bool { return g.ID == id })
	if i < 0 {
		return fmt.Errorf("group %s: %w", id, reconcile.ErrGone)
	}
	g := groups.Groups[i]
	roles := directory.Roles
	why := ""
	switch {
	case !p.Runner.Policy.DeleteGroups:
		why = "groups.delete is false"
	case !g.Ours:
		why = "it was not made by this program"
	case len(g.Members) > 0 || groups.MembersUnknown:
		why = "somebody is in it"
	case !directory.Receipt.Complete():
		why = "the rules of OneLogin's app could not be read"
	case reconcile.CompileRules(directory.Rules, roles, p.Runner.Policy.Rules).Names(g):
		why = "a rule of OneLogin's app may name it"
	}
	if why != "" {
		return fmt.Errorf("%w: group %q is not deleted: %s", ErrNotAllowed, g.Name, why)
	}
	_, err := p.group(ctx, request, reconcile.PlanGroup(reconcile.OpDeleteGroup, g, &groups))
	return err
}

// claimGroups takes groups that are to be created.
func (v *visit) claimGroups(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	subjects := make([]string, len(names))
	for i, name := range names {
		subjects[i] = Subject(&reconcile.Change{Op: reconcile.OpCreateGroup, Group: name})
	}
	if _, err := v.claim(ctx, subjects); err != nil {
		return err
	}
	return v.areNew(ctx, names)
}

// areNew looks again whether groups that are taken are not there: whoever took one
// before may have created it since Tomorro's groups were read, and two groups of one
// name are of no use to any rule. It fails with ErrBusy.
func (v *visit) areNew(ctx context.Context, names []string) error {
	groups, err := v.p.Accounts.ReadGroups(ctx)
	if err != nil {
		return fmt.Errorf("reading Tomorro: %w", err)
	}
	for _, name := range names {
		if _, made := groupNamed(groups.Groups, name); made {
			v.p.mirror.forgetGroups(v.p.Runner.now())
			return ErrBusy
		}
	}
	return nil
}

func groupNamed(groups []reconcile.Group, name string) (reconcile.Group, bool) {
	i := slices.IndexFunc(groups, func(g reconcile.Group) bool { return reconcile.Fold(g.Name) == reconcile.Fold(name) })
	if i < 0 {
		return reconcile.Group{}, false
	}
	return groups[i], true
}

// group makes a plan about one group, like any other: guarded, claimed, journaled.
func (p *Pushes) group(ctx context.Context, request string, plan reconcile.Plan) (reconcile.Outcome, error) {
	r := p.Runner
	var seen observation
	if err := r.recallFew(ctx, &seen); err != nil {
		return reconcile.Outcome{}, err
	}
	policy := r.policy(&seen)
	plan = reconcile.Guard(plan, &policy)
	v := &visit{p: p, run: newRunID(r.now()), plan: plan}
	v.rec = newRecorder(r, Lease{}, v.run)
	v.rec.life = p.life()
	defer v.giveBack(ctx)
	defer v.rec.close()
	said := Entry{Kind: EntryPush, Trigger: &Trigger{By: "push"}, Pushed: []Pushed{{Request: request, Asked: "group"}}}
	if len(plan.Held) > 0 {
		h := plan.Held[0]
		return reconcile.Outcome{}, errors.Join(fmt.Errorf("%w: group %q: %s", ErrNotAllowed, h.Group, h.Reason),
			v.rec.entries(ctx, said, Entry{Kind: EntryHold, Held: plan.Held}))
	}
	got, err := v.claim(ctx, []string{Subject(&plan.Changes[0])})
	if err != nil {
		return reconcile.Outcome{}, err
	}
	if len(got[0].Newer) > 0 {
		return reconcile.Outcome{}, ErrBusy
	}
	if c := &plan.Changes[0]; c.Op == reconcile.OpCreateGroup {
		if err := v.areNew(ctx, []string{c.Group}); err != nil {
			return reconcile.Outcome{}, err
		}
	}
	if err := v.rec.entries(ctx, said); err != nil {
		return reconcile.Outcome{}, err
	}
	result, err := reconcile.Apply(ctx, plan, r.Target, v, reconcile.ApplyOptions{Grace: cmp.Or(r.Grace, endTimeout), Within: v.rec.within()})
	p.mirror.written(v.run, v.outcomes, v.taken, r.now())
	switch {
	case err != nil:
		return reconcile.Outcome{}, err
	case len(result.Problems) > 0:
		return reconcile.Outcome{}, problem(&result.Problems[0])
	}
	return v.outcomes[0], nil
}
