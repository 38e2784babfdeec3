package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// refresh reads what is stale. Whose account cannot be read is left out: the others
// need not wait for that.
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

// succeeded adds to the requests whoever was given the account of somebody they are
// about, and reports whether it did: what is known here of an account's owner may be
// older than that decision, and a push that names the account is about who has it now.
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

// concerned is whom of those who are taken an account is about: its owner, or whoever
// is to have its address.
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

// keys are who is decided about.
func (v *visit) keys() []reconcile.Key {
	maps.DeleteFunc(v.touched, func(key reconcile.Key, _ Touch) bool { return v.spoiled[key] != nil })
	people := v.seen.directory.People
	v.seen.directory.People = slices.DeleteFunc(slices.Clone(people), func(p reconcile.Person) bool { return v.spoiled[p.Key] != nil })
	return slices.Sorted(maps.Keys(v.touched))
}

// part gives the plan its part of what is known of Tomorro, once nothing in it is
// stale: a read that began before the take may come in at any time.
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

// decide makes the plan. Who makes one admin less takes all admins first, and knows
// them all: else two pushes at a time would each leave the other's.
func (v *visit) decide(ctx context.Context) error {
	if err := v.planned(ctx); err != nil {
		return err
	}
	held := slices.ContainsFunc(v.plan.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleAdmins })
	if !held && !slices.ContainsFunc(v.plan.Changes, func(c reconcile.Change) bool { return c.LosesAdmin() }) {
		return v.unknownGroups(ctx)
	}
	if held { // somebody else may be admin since
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

// unknownGroups plans again when a rule gives a group that is not known here: it may
// have come since the groups were read.
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

// witness asks OneLogin for people who are to be removed, and of those whom it no longer
// knows, whether somebody else has their address now: in a plan of few people, nobody else
// is seen.
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
