package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// asserting draws a world and what pushes said of its accounts.
func asserting(t *rapid.T) *reconciletest.World {
	w := reconciletest.Worlds().Draw(t, "world")
	for i := range w.Current.Accounts {
		for j := range w.Current.Groups {
			switch a := (reconcile.Assertion{Account: w.Current.Accounts[i].ID, Group: w.Current.Groups[j].ID, At: time.Unix(0, 0)}); rapid.IntRange(0, 5).Draw(t, "said") {
			case 0:
				w.Asserted = append(w.Asserted, a)
			case 1:
				a.Off = true
				w.Asserted = append(w.Asserted, a)
			}
		}
	}
	return w
}

// TestLawAssertions: next to the same world without assertions, a plan adds exactly
// the memberships that are asserted and not there, removes exactly those taken back
// that no rule gives, and leaves alone what is asserted.
func TestLawAssertions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asserting(t)
		bare := *w
		bare.Asserted = nil
		with, without := reconcile.Decide(w.Input()), reconcile.Decide(bare.Input())
		type member struct{ op, account, group string }
		memberships := func(p reconcile.Plan) map[member]reconcile.Change {
			all := make(map[member]reconcile.Change)
			for _, c := range p.Changes {
				if c.Op == reconcile.OpAddMember || c.Op == reconcile.OpRemoveMember {
					all[member{string(c.Op), c.Account, c.GroupID}] = c
				}
			}
			for _, h := range p.Held {
				if h.Op == reconcile.OpRemoveMember { // frozen by a rule that cannot be evaluated
					all[member{"held", h.Account, h.GroupID}] = h.Change
				}
			}
			return all
		}
		said := func(account, group string) *reconcile.Assertion {
			i := slices.IndexFunc(w.Asserted, func(a reconcile.Assertion) bool { return a.Account == account && a.Group == group })
			if i < 0 {
				return nil
			}
			return &w.Asserted[i]
		}
		a, b := memberships(with), memberships(without)
		for m, c := range a {
			s := said(m.account, m.group)
			if _, also := b[m]; !also && (s == nil || c.Origin != reconcile.FromPush || s.Off == (m.op == string(reconcile.OpAddMember))) {
				t.Errorf("%+v, which nothing asks for but %+v", c, s)
			}
			if s != nil && !s.Off && m.op != string(reconcile.OpAddMember) {
				t.Errorf("%+v although it is asserted", c)
			}
		}
		for m, c := range b {
			s := said(m.account, m.group)
			_, also := a[m]
			if m.op == "held" && s != nil && s.Off { // whatever the rules may mean, it was pushed off
				_, done := a[member{string(reconcile.OpRemoveMember), m.account, m.group}]
				also = also || done
			}
			if !also && (s == nil || s.Off || m.op == string(reconcile.OpAddMember)) {
				t.Errorf("without assertions there is %+v, with %+v there is not", c, s)
			}
		}
	})
}

// TestLawAssertionsSettle: what was asserted is so after one run, and after a second
// one nothing is left that need not be remembered.
func TestLawAssertionsSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asserting(t)
		w.Policy.DeleteGroups = false
		plan := planOf(w)
		next, result, _ := applied(t, w, plan, nil)
		next.Asserted = without(next.Asserted, plan.Ended(&result))
		again := planOf(next)
		for _, c := range again.Changes {
			if c.Origin == reconcile.FromPush {
				t.Errorf("a second run still makes %+v", c)
			}
		}
		next.Asserted = without(next.Asserted, again.Ended(&reconcile.Result{}))
		last := planOf(next)
		if left := last.Ended(&reconcile.Result{}); len(left) > 0 {
			t.Errorf("a third run ends %+v", left)
		}
	})
}

func without(all, ended []reconcile.Assertion) []reconcile.Assertion {
	return slices.DeleteFunc(slices.Clone(all), func(a reconcile.Assertion) bool { return slices.Contains(ended, a) })
}

// TestLawOnly: a plan about some people says of them what the plan about everybody
// says, and nothing of anybody else; but for addresses that others have or are to
// give up, and but for leavers who are known by nothing but theirs.
func TestLawOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asserting(t)
		w.Policy.DeleteGroups = false
		whole := reconcile.Decide(w.Input())
		all := make([]reconcile.Key, 0, len(w.Directory.People)+len(w.Links))
		for i := range w.Directory.People {
			all = append(all, w.Directory.People[i].Key)
		}
		for key := range w.Links {
			all = append(all, key)
		}
		slices.Sort(all)
		all = slices.Compact(all)
		var only []reconcile.Key
		for _, key := range all {
			if rapid.Bool().Draw(t, "looked at") {
				only = append(only, key)
			}
		}
		in := w.Input()
		few := *in.Directory
		few.People = slices.DeleteFunc(slices.Clone(few.People), func(p reconcile.Person) bool { return !slices.Contains(only, p.Key) })
		in.Directory, in.Only = &few, append([]reconcile.Key{}, only...)
		part := reconcile.Decide(in)
		mentioned := make(map[reconcile.Key]bool)
		for _, c := range part.Changes {
			mentioned[c.Key] = true
		}
		for _, h := range part.Held {
			mentioned[h.Key] = true
		}
		for key := range mentioned {
			if key != 0 && !slices.Contains(only, key) {
				t.Errorf("OneLogin user %d was not looked at", key)
			}
		}
		digests := func(p *reconcile.Plan, key reconcile.Key) (all []string) {
			for i := range p.Changes {
				if c := &p.Changes[i]; c.Key == key {
					all = append(all, c.Digest())
				}
			}
			slices.Sort(all)
			return all
		}
		for _, key := range only {
			if a, b := digests(&whole, key), digests(&part, key); !slices.Equal(a, b) && !othersMatter(&whole, &part, key) && !(len(b) == 0 && byAddress(w, key)) {
				t.Errorf("OneLogin user %d: everybody's plan and theirs differ\n%s\n%s", key, render(whole), render(part))
			}
		}
	})
}

// byAddress: neither a link nor a mark says whose the account is.
func byAddress(w *reconciletest.World, key reconcile.Key) bool {
	_, linked := w.Links[key]
	return !linked && !slices.ContainsFunc(w.Current.Accounts, func(a reconcile.Account) bool { return a.ExternalID == reconcile.ExternalID(key) })
}

// othersMatter: whose address others have, or want, depends on them.
func othersMatter(whole, part *reconcile.Plan, key reconcile.Key) bool {
	for _, held := range [][]reconcile.Held{whole.Held, part.Held} {
		for _, h := range held {
			if h.Key == key {
				return true
			}
		}
	}
	return false
}

// TestLawGuardEach: people who come together are held by no rule that lets them
// through in a run, and use no more than the limits have.
func TestLawGuardEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asserting(t)
		all := w.Input()
		all.Only = make([]reconcile.Key, 0)
		for i := range w.Directory.People {
			all.Only = append(all.Only, w.Directory.People[i].Key)
		}
		for key := range w.Links {
			all.Only = append(all.Only, key)
		}
		slices.Sort(all.Only)
		plan := reconcile.Decide(all)
		each := reconcile.GuardEach(plan, &w.Policy)
		if len(each.Changes)+len(each.Held) != len(plan.Changes)+len(plan.Held) {
			t.Fatalf("%d and %d became %d and %d", len(plan.Changes), len(plan.Held), len(each.Changes), len(each.Held))
		}
		for l, n := range reconcile.Spend(each.Changes) {
			kind, _ := l.Group()
			if a := w.Policy.Limits.Allow[kind]; a.Max != nil && n+w.Policy.Spent[l] > *a.Max && n > 0 {
				t.Errorf("%d of %s with %d spent", n, l, w.Policy.Spent[l])
			}
		}
		strict := reconcile.Guard(plan, &w.Policy)
		for i := range each.Held {
			h := &each.Held[i]
			// These rely on others, whom a push does not wait for; and a limit may be used
			// up by somebody whom a run holds because of another's change.
			relies := h.Rule == reconcile.RuleDependent || h.Rule == reconcile.RuleAdmins || h.Rule == reconcile.RuleSubstitute ||
				h.Rule == reconcile.RuleLimit && usedUp(&each, h.Change, &w.Policy)
			if !relies && slices.ContainsFunc(strict.Changes, func(c reconcile.Change) bool { return c.Digest() == h.Digest() }) {
				t.Errorf("passes in a run and is held in a push: %+v", h)
			}
		}
	})
}

// usedUp reports whether one more of a change would be over a limit.
func usedUp(plan *reconcile.Plan, c reconcile.Change, policy *reconcile.Policy) bool {
	spent := reconcile.Spend(plan.Changes)
	for l := range reconcile.Spend([]reconcile.Change{c}) {
		kind, _ := l.Group()
		if a := policy.Limits.Allow[kind]; a.Max != nil && spent[l]+policy.Spent[l]+1 > *a.Max {
			return true
		}
	}
	return false
}

// TestAssertedGroupStays: a group that somebody was given by hand is not deleted on the
// night on which nobody is in it.
func TestAssertedGroupStays(t *testing.T) {
	d, policy := people("ann@x.io"), open()
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	policy.DeleteGroups = true
	a := ann(nil)
	in := reconcile.Input{Directory: d, Policy: policy, Current: &reconcile.Current{Accounts: accounts(a),
		Groups: []reconcile.Group{{ID: "g1", Name: "legal", Members: []string{a.ID}}, {ID: "g2", Name: "Deals", Ours: true}}}}
	if got := reconcile.Decide(in); got.Count()[reconcile.OpDeleteGroup] != 1 {
		t.Errorf("nobody was given it:\n%s", render(got))
	}
	in.Asserted = []reconcile.Assertion{{Account: a.ID, Group: "g2", At: time.Unix(0, 0)}}
	if got := reconcile.Decide(in); got.Count()[reconcile.OpDeleteGroup] != 0 || got.Count()[reconcile.OpAddMember] != 1 {
		t.Errorf("Ann was given it:\n%s", render(got))
	}
	d.People[0].Status = 6 // that all of her is held may not cost her the group
	if got := reconcile.Decide(in); got.Count()[reconcile.OpDeleteGroup] != 0 {
		t.Errorf("Ann was given it, and is held:\n%s", render(got))
	}
}
