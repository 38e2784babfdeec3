package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// refresh reads what is stale. Somebody whose account cannot be read is left out (spoiled),
// so that the others need not wait.
func (v *visit) refresh(ctx context.Context, s *stale) error {
	bad, err := v.p.mirror.refresh(ctx, v.p, s)
	for account, why := range bad {
		key, known := v.concerned(account)
		if !known {
			return why
		}
		if v.spoiled == nil {
			v.spoiled = make(map[reconcile.Key]error)
		}
		v.spoiled[key] = why
	}
	return err
}

// succeeded adds to each request the person who was given, by a decision of the adoption,
// the account of somebody the request is about, and reports whether there was one. A push
// that names an account is about its present owner, of whom this process may not know yet.
func (v *visit) succeeded() (more bool) {
	next := make(map[reconcile.Key]reconcile.Key)
	for _, d := range v.seen.adoption.Decided {
		if d.Former != 0 && d.Key != 0 {
			next[d.Former] = d.Key
		}
	}
	for _, r := range v.requests {
		for _, key := range r.keys {
			if now := next[key]; now != 0 && !slices.Contains(r.keys, now) {
				r.keys, more = append([]reconcile.Key{now}, r.keys...), true
			}
		}
	}
	return more
}

// concerned gives the person whom an account is about: its owner, if this visit took them,
// else whoever has its address at OneLogin.
func (v *visit) concerned(account string) (reconcile.Key, bool) {
	key, _ := v.p.mirror.ownerOf(account)
	if _, taken := v.touched[key]; taken {
		return key, true
	}
	a, _ := v.p.mirror.account(account)
	for i := range v.seen.directory.People {
		if p := &v.seen.directory.People[i]; reconcile.Fold(p.Email) == reconcile.Fold(a.UserName) {
			return p.Key, true
		}
	}
	return 0, false
}

// keys are the people to decide about: those taken, without those spoiled. It removes the
// latter from what was seen.
func (v *visit) keys() []reconcile.Key {
	maps.DeleteFunc(v.touched, func(key reconcile.Key, _ Touch) bool { return v.spoiled[key] != nil })
	people := v.seen.directory.People
	v.seen.directory.People = slices.DeleteFunc(slices.Clone(people), func(p reconcile.Person) bool { return v.spoiled[p.Key] != nil })
	return slices.Sorted(maps.Keys(v.touched))
}

// part gives what is known of Tomorro about these people, once nothing in it is stale. A
// read that began before the people were taken may make it stale again at any time, so it
// tries a few times.
func (v *visit) part(ctx context.Context) (keys []reconcile.Key, rest *reconcile.Rest, err error) {
	r, m := v.p.Runner, &v.p.mirror
	for tries := 0; ; tries++ {
		keys = v.keys()
		s, rest := m.part(v, keys, r.now(), r.Policy.DefaultSubstitute)
		if s.nothing() {
			return keys, rest, nil
		}
		if tries == 3 {
			return nil, nil, errors.New("what Tomorro has changes faster than it is read")
		}
		if err := v.refresh(ctx, &s); err != nil {
			return nil, nil, err
		}
	}
}

// decide makes the plan. A plan with one admin less is made again after the claim on all
// admins: else two pushes at the same time could each count on the admin whom the other
// removes.
func (v *visit) decide(ctx context.Context) error {
	if err := v.planned(ctx); err != nil {
		return err
	}
	held := slices.ContainsFunc(v.plan.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleAdmins })
	if !held && !slices.ContainsFunc(v.plan.Changes, func(c reconcile.Change) bool { return c.LosesAdmin() }) {
		return v.unknownGroups(ctx)
	}
	if held { // by now somebody else may be admin
		v.p.mirror.forgetBefore(v.began)
	}
	got, err := v.claim(ctx, []string{adminsSubject})
	if err != nil {
		return err
	}
	if len(got[0].Newer) > 0 || len(got[0].Taken) == 0 {
		return ErrBusy
	}
	if err := v.p.mirror.ensure(ctx, v.p.Runner, got[0].Taken[0].Position, time.Time{}); err != nil {
		return err
	}
	return v.planned(ctx)
}

// unknownGroups plans again when a rule gives a group that is not known: it may have been
// made since the groups were read.
func (v *visit) unknownGroups(ctx context.Context) error {
	unknown := func(h reconcile.Held) bool {
		return h.Op == reconcile.OpAddMember && h.GroupID == "" && h.Rule == reconcile.RuleData
	}
	if slices.ContainsFunc(v.plan.Held, unknown) && v.p.mirror.groupsBefore(v.began) {
		v.p.mirror.forgetGroups(v.p.Runner.now())
		return v.planned(ctx)
	}
	return nil
}

func (v *visit) planned(ctx context.Context) error {
	r := v.p.Runner
	keys, rest, err := v.part(ctx)
	if err != nil {
		return err
	}
	policy := r.policy(&v.seen)
	policy.Spared = v.spared()
	in := v.seen.input(&policy)
	in.Only, in.Rest = keys, rest
	v.plan = reconcile.GuardEach(reconcile.Decide(in), &policy)
	if ask := v.plan.ToConfirm(); len(ask) > 0 {
		v.said = v.witness(ctx, ask)
		v.plan = reconcile.GuardEach(reconcile.Confirm(v.plan, v.said, &policy), &policy)
	}
	v.rec.bound(&v.plan)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// witness asks OneLogin about the people who are to be removed. Of those whom it no longer
// knows, it also asks whether somebody else has their address now, since a plan of a few
// people does not see the others.
func (v *visit) witness(ctx context.Context, keys []reconcile.Key) []reconcile.Testimony {
	said := v.p.Runner.Source.Witness(ctx, keys)
	for i := range said {
		t := &said[i]
		if t.Answer != reconcile.WitnessGone {
			continue
		}
		others, err := v.p.Looker.Find(ctx, v.p.mirror.of(t.Key).UserName)
		if err != nil {
			t.Answer, t.Why = reconcile.WitnessUnknown, err.Error()
		}
		if len(others) > 0 {
			t.Successor = others[0]
		}
	}
	return said
}
