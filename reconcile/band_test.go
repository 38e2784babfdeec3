package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

func TestBand(t *testing.T) {
	d, current := company(100, 2)
	d.Rules = []reconcile.Rule{{ID: 7, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	policy := open()
	policy.Limits = reconcile.DefaultLimits()
	good := decide(d, current, policy).Census
	if good.People != 100 || good.Assigned != 98 || good.Active != 98 || good.Rules[7] != 98 {
		t.Fatalf("census %+v", good)
	}
	with := func(edit func(*reconcile.Census)) reconcile.Plan {
		c := good
		c.Rules = map[int64]int{7: 98}
		edit(&c)
		p := *policy
		p.Pulls = []reconcile.Census{c}
		return decide(d, current, &p)
	}
	for name, c := range map[string]struct {
		edit func(*reconcile.Census)
		held bool
	}{
		"as usual":               {func(*reconcile.Census) {}, false},
		"a few less":             {func(c *reconcile.Census) { c.Assigned = 130 }, false},
		"many less with the app": {func(c *reconcile.Census) { c.Assigned = 150 }, true},
		"many less in all":       {func(c *reconcile.Census) { c.People = 150 }, true},
		"a rule matches less":    {func(c *reconcile.Census) { c.Rules[7] = 300 }, true},
		"a rule is gone":         {func(c *reconcile.Census) { c.Rules[8] = 40 }, true},
		"a small rule is gone":   {func(c *reconcile.Census) { c.Rules[8] = 10 }, false},
		"many more than before":  {func(c *reconcile.Census) { c.Assigned = 50 }, true},
	} {
		plan := with(c.edit)
		if held := plan.HeldBy(reconcile.HoldGuard) > 0; held != c.held || plan.Good() == c.held {
			t.Errorf("%s: held %v, good %v\n%s", name, held, plan.Good(), render(plan))
		}
	}
	plan := with(func(c *reconcile.Census) { c.Assigned = 150 })
	held := plan.Held[slices.IndexFunc(plan.Held, func(h reconcile.Held) bool { return h.Op == reconcile.OpDeactivate })]
	if held.Rule != reconcile.RuleBand || !strings.Contains(held.Reason, "98 people with the app, and the last good pulls found 150") {
		t.Errorf("%+v", held)
	}
}

// TestRejectedIsNotUsual: who says no to most of what an unusual pull would remove says
// that the pull is wrong, also while real leavers are let through: the next one must not be
// compared with it.
func TestRejectedIsNotUsual(t *testing.T) {
	const leaving = 40
	d, current := company(100, leaving)
	policy := open()
	policy.Limits = reconcile.DefaultLimits()
	unusual := decide(d, current, policy).Census
	unusual.Assigned = 100
	policy.Pulls = []reconcile.Census{unusual}
	held := slices.DeleteFunc(decide(d, current, policy).Held, func(h reconcile.Held) bool { return h.Rule != reconcile.RuleBand })
	if len(held) != leaving {
		t.Fatalf("%d are held by the band", len(held))
	}
	for approved, good := range map[int]bool{0: false, 1: false, 19: false, 20: true, 40: true} {
		p := *policy
		p.Decisions = make(map[string]reconcile.Decision)
		for i, h := range held {
			p.Decisions[h.Digest()] = reconcile.Decision{By: []string{"ann"}}
			if i < approved {
				p.Decisions[h.Digest()] = approvedBy("ann")
			}
		}
		if plan := decide(d, current, &p); plan.Good() != good {
			t.Errorf("%d of %d approved, the others rejected: good is %v", approved, leaving, plan.Good())
		}
	}
}

// TestLawBandIsAdditive: whatever the last pulls counted, an unusual pull removes
// nobody.
func TestLawBandIsAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Band = new(float64)
		*w.Policy.Limits.Band = 0.2
		w.Policy.Pulls = []reconcile.Census{{People: len(w.Directory.People)*2 + 1, Assigned: 1}}
		for _, c := range planOf(w).Changes {
			if c.Op.Removes() {
				t.Fatalf("%s of %s on an unusual pull", c.Op, c.Who)
			}
		}
	})
}

// TestRejectedLongAgo: somebody whose removal was rejected before says nothing of a pull
// that is unusual for another reason, such as many new people: it is learned from.
func TestRejectedLongAgo(t *testing.T) {
	d, current := company(100, 1)
	for name, was := range map[string]func(*reconcile.Census){
		"many joined":               func(c *reconcile.Census) { c.People, c.Assigned, c.Active = 50, 50, 50 },
		"many without the app left": func(c *reconcile.Census) { c.People = 400 },
	} {
		policy := open()
		rejected := decide(d, current, policy)
		policy.Decisions = make(map[string]reconcile.Decision)
		for i := range rejected.Changes {
			policy.Decisions[rejected.Changes[i].Digest()] = reconcile.Decision{By: []string{"ann"}}
		}
		policy.Limits = reconcile.DefaultLimits()
		policy.Pulls = []reconcile.Census{rejected.Census}
		was(&policy.Pulls[0])
		if plan := decide(d, current, policy); !plan.Good() || len(plan.Held) == 0 || plan.Held[0].Rule != reconcile.RuleRejected {
			t.Errorf("%s: good is %v\n%s", name, plan.Good(), render(plan))
		}
	}
}
