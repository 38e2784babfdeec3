package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// newcomers are three people whom a rule gives a group that Tomorro does not have.
func newcomers(policy reconcile.Policy) reconcile.Plan {
	d := &reconcile.Directory{App: reconcile.App{ID: 9}, ReadAt: time.Unix(0, 0),
		Rules: []reconcile.Rule{{ID: 1, Name: "all", Position: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"New"}}}}}}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListRoles, reconcile.ListRules, reconcile.ListAssigned} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	in := reconcile.Input{Directory: d, Current: &reconcile.Current{Groups: []reconcile.Group{{ID: "g", Name: "other"}}}, Policy: &policy}
	for k := range 3 {
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(k + 1), Email: string(rune('a'+k)) + "@x.io", FirstName: "Given", LastName: "Family", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true})
		in.Only = append(in.Only, reconcile.Key(k+1))
	}
	return reconcile.GuardEach(reconcile.Decide(in), &policy)
}

func count(changes []reconcile.Change, op reconcile.Op) int {
	return len(slices.DeleteFunc(slices.Clone(changes), func(c reconcile.Change) bool { return c.Op != op }))
}

// TestGuardEachSharesAGroup: a group that several people need is created once, for
// those who go through; and held once when nobody does.
func TestGuardEachSharesAGroup(t *testing.T) {
	most := 2
	policy := reconcile.Policy{Pricing: reconcile.PricingV6, CreateGroups: true,
		Limits: reconcile.Limits{Allow: map[reconcile.Limit]reconcile.Allowance{reconcile.LimitCreate: {Max: &most}}}}
	heldOf := func(p *reconcile.Plan, op reconcile.Op) (n int) {
		for _, h := range p.Held {
			if h.Op == op {
				n++
			}
		}
		return n
	}
	plan := newcomers(policy)
	if a, b, c := count(plan.Changes, reconcile.OpCreate), count(plan.Changes, reconcile.OpCreateGroup), count(plan.Changes, reconcile.OpAddMember); a != 2 || b != 1 || c != 2 {
		t.Errorf("%d people, %d groups, %d memberships: %+v", a, b, c, plan.Held)
	}
	if a, b, c := heldOf(&plan, reconcile.OpCreate), heldOf(&plan, reconcile.OpCreateGroup), heldOf(&plan, reconcile.OpAddMember); a != 1 || b != 0 || c != 1 {
		t.Errorf("held are %d people, %d groups, %d memberships: %+v", a, b, c, plan.Held)
	}
	policy.Limits.Allow = nil
	policy.Approve = []string{"create"}
	plan = newcomers(policy)
	if a, b, c := heldOf(&plan, reconcile.OpCreate), heldOf(&plan, reconcile.OpCreateGroup), heldOf(&plan, reconcile.OpAddMember); len(plan.Changes) > 0 || a != 3 || b != 1 || c != 3 {
		t.Errorf("held are %d people, %d groups, %d memberships: %+v", a, b, c, plan.Changes)
	}
}

// TestGuardEachLeavesAdmins: two admins who lose it in one batch count for each other.
func TestGuardEachLeavesAdmins(t *testing.T) {
	policy := reconcile.Policy{Pricing: reconcile.PricingV6, MinAdmins: 1}
	d := &reconcile.Directory{App: reconcile.App{ID: 9}, ReadAt: time.Unix(0, 0)}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListRoles, reconcile.ListRules, reconcile.ListAssigned} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	in := reconcile.Input{Directory: d, Current: new(reconcile.Current), Policy: &policy, Links: make(map[reconcile.Key]string)}
	for k := range 2 {
		key, name := reconcile.Key(k+1), string(rune('a'+k))
		d.People = append(d.People, reconcile.Person{Key: key, Email: name + "@x.io", FirstName: "Given", LastName: "Family", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true})
		in.Current.Accounts = append(in.Current.Accounts, reconcile.Account{ID: name, UserName: name + "@x.io", UserType: reconcile.Admin, Active: true})
		in.Links[key], in.Only = name, append(in.Only, key)
	}
	plan := reconcile.GuardEach(reconcile.Decide(in), &policy)
	if n := count(plan.Changes, reconcile.OpChangeRole); n != 1 || len(plan.Held) != 1 {
		t.Errorf("%+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestAssertionsEnd: what need not be remembered any more, and what is done about the rest.
func TestAssertionsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		said    reconcile.Assertion
		member  bool // of the group "by hand"
		left    bool // the person has left
		partial bool // OneLogin was not read to the end
		ended   bool
		op      reconcile.Op
	}{
		"set by hand":                  {said: reconcile.Assertion{Account: "a", Group: "hand"}, op: reconcile.OpAddMember},
		"set, and there":               {said: reconcile.Assertion{Account: "a", Group: "hand"}, member: true},
		"a rule gives it as well":      {said: reconcile.Assertion{Account: "a", Group: "rule"}, ended: true},
		"a group that is gone":         {said: reconcile.Assertion{Account: "a", Group: "none"}, ended: true},
		"an account that is gone":      {said: reconcile.Assertion{Account: "none", Group: "hand"}, ended: true},
		"taken back":                   {said: reconcile.Assertion{Account: "a", Group: "hand", Off: true}, member: true, op: reconcile.OpRemoveMember},
		"taken back, and out":          {said: reconcile.Assertion{Account: "a", Group: "hand", Off: true}, ended: true},
		"taken back from a rule":       {said: reconcile.Assertion{Account: "a", Group: "rule", Off: true}, ended: true},
		"left":                         {said: reconcile.Assertion{Account: "a", Group: "hand"}, member: true, left: true, ended: true, op: reconcile.OpDeactivate},
		"left, by an incomplete pull":  {said: reconcile.Assertion{Account: "a", Group: "hand"}, member: true, left: true, partial: true, op: reconcile.OpDeactivate},
		"an account in a partial plan": {said: reconcile.Assertion{Account: "none", Group: "hand"}, partial: true, ended: true},
	} {
		d := &reconcile.Directory{App: reconcile.App{ID: 9}, ReadAt: time.Unix(0, 0),
			Rules:  []reconcile.Rule{{ID: 1, Name: "all", Position: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"rule"}}}}},
			People: []reconcile.Person{{Key: 1, Email: "a@x.io", FirstName: "Given", LastName: "Family", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: !c.left}}}
		for _, list := range []string{reconcile.ListUsers, reconcile.ListRoles, reconcile.ListRules, reconcile.ListAssigned} {
			r := reconcile.ListReceipt{List: list}
			if c.partial && list == reconcile.ListRoles {
				r.Why = "broken off"
			}
			d.Receipt.Lists = append(d.Receipt.Lists, r)
		}
		current := &reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "a@x.io", GivenName: "Given", FamilyName: "Family", UserType: reconcile.User, Active: true}},
			Groups: []reconcile.Group{{ID: "hand", Name: "hand"}, {ID: "rule", Name: "rule", Members: []string{"a"}}}}
		if c.member {
			current.Groups[0].Members = []string{"a"}
		}
		policy := reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive}
		plan := reconcile.Decide(reconcile.Input{Directory: d, Current: current, Links: map[reconcile.Key]string{1: "a"}, Policy: &policy, Asserted: []reconcile.Assertion{c.said}})
		if ended := len(plan.Ended(&reconcile.Result{})) > 0; ended != c.ended {
			t.Errorf("%s: ended is %v", name, ended)
		}
		if c.op == "" && len(plan.Changes) > 0 || c.op != "" && (len(plan.Changes) != 1 || plan.Changes[0].Op != c.op) {
			t.Errorf("%s: %+v", name, plan.Changes)
		}
		if plan.Changes != nil && c.op == reconcile.OpDeactivate && !c.partial { // held, or not done: still remembered
			failed := reconcile.Result{Problems: []reconcile.Outcome{{Write: reconcile.Write{Changes: plan.Changes}}}}
			if ended := plan.Ended(&failed); len(ended) > 0 {
				t.Errorf("%s, but it failed: %+v", name, ended)
			}
			for part, p := range map[string]reconcile.Plan{"a run of somebody else": plan.Only("b@x.io"), "a run that makes memberships only": plan.Memberships("")} {
				if ended := p.Ended(&reconcile.Result{}); len(ended) > 0 {
					t.Errorf("%s, but in %s, which leaves them inside: %+v", name, part, ended)
				}
			}
		}
	}
	other := reconcile.Assertion{Account: "b", Group: "hand"}
	in := reconcile.Input{Directory: &reconcile.Directory{}, Current: &reconcile.Current{}, Policy: new(reconcile.Policy), Asserted: []reconcile.Assertion{other}, Only: []reconcile.Key{}}
	plan := reconcile.Decide(in)
	if ended := plan.Ended(&reconcile.Result{}); len(ended) > 0 {
		t.Errorf("a plan about nobody ends %+v", ended)
	}
}

// TestNames: whether a rule may give a group.
func TestNames(t *testing.T) {
	book := func(value string) *reconcile.RuleBook {
		return reconcile.CompileRules([]reconcile.Rule{{ID: 1, Name: "r", Position: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{value}}}}}, nil, reconcile.RuleReading{})
	}
	for _, c := range []struct {
		value string
		want  bool
	}{{"LEGAL", true}, {"g-1", true}, {"other", false}} {
		if got := book(c.value).Names(reconcile.Group{ID: "g-1", Name: "legal"}); got != c.want {
			t.Errorf("%s: %v", c.value, got)
		}
	}
	macro := reconcile.CompileRules([]reconcile.Rule{{ID: 1, Name: "r", Position: 1, Actions: []reconcile.Action{{Name: "set_groups", Macro: "{department}"}}}}, nil, reconcile.RuleReading{})
	if !macro.Names(reconcile.Group{ID: "g-1", Name: "legal"}) {
		t.Error("a rule that may give any group")
	}
}

// TestGuardEachHasNoBand: few people who are looked at are not a company that shrank.
func TestGuardEachHasNoBand(t *testing.T) {
	band := 0.5
	policy := reconcile.Policy{Pricing: reconcile.PricingV6, Pulls: []reconcile.Census{{People: 1000, Assigned: 1000, Active: 1000}}, Limits: reconcile.Limits{Band: &band, MinPopulation: 10}}
	in := reconcile.Input{Directory: &reconcile.Directory{App: reconcile.App{ID: 9}}, Policy: &policy, Only: []reconcile.Key{1}, Links: map[reconcile.Key]string{1: "a"},
		Current: &reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "a@x.io", UserType: reconcile.User, Active: true}}}}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListRoles, reconcile.ListRules, reconcile.ListAssigned} {
		in.Directory.Receipt.Lists = append(in.Directory.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	plan := reconcile.Decide(in)
	if all := reconcile.Guard(plan, &policy); len(all.Held) != 1 {
		t.Errorf("a run: %+v", all)
	}
	if each := reconcile.GuardEach(plan, &policy); len(each.Changes) != 1 {
		t.Errorf("a push: %+v", each.Held)
	}
}

// TestTakenBackWithoutRules: an app without rules says nothing of memberships but what
// was pushed; a plan about one person deletes no groups; explain says who took it back.
func TestTakenBackWithoutRules(t *testing.T) {
	policy := reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, DeleteGroups: true}
	d := &reconcile.Directory{App: reconcile.App{ID: 9}, ReadAt: time.Unix(0, 0),
		People: []reconcile.Person{{Key: 1, Email: "a@x.io", FirstName: "Given", LastName: "Family", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true}}}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListRoles, reconcile.ListRules, reconcile.ListAssigned} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	current := &reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: "a@x.io", GivenName: "Given", FamilyName: "Family", UserType: reconcile.User, Active: true}},
		Groups: []reconcile.Group{{ID: "back", Name: "back", Members: []string{"a"}}, {ID: "stays", Name: "stays", Members: []string{"a"}}, {ID: "empty", Name: "empty", Ours: true}}}
	in := reconcile.Input{Directory: d, Current: current, Links: map[reconcile.Key]string{1: "a"}, Policy: &policy, Only: []reconcile.Key{1},
		Asserted: []reconcile.Assertion{{Account: "a", Group: "back", Off: true}}}
	plan := reconcile.Decide(in)
	if len(plan.Changes) != 1 || plan.Changes[0].Op != reconcile.OpRemoveMember || plan.Changes[0].GroupID != "back" {
		t.Errorf("%+v", plan.Changes)
	}
	for _, g := range reconcile.NewExplainer(in, plan).About("a@x.io")[0].Groups {
		if back := g.Group == "back"; back != (g.Wanted == reconcile.No) || !g.Member {
			t.Errorf("explained as %+v", g)
		}
	}
	d.Rules = []reconcile.Rule{{ID: 1, Name: "r", Position: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"stays"}}}}}
	plan = reconcile.Decide(in)
	if len(plan.Changes) != 1 || plan.Changes[0].Op != reconcile.OpRemoveMember {
		t.Errorf("with a rule: %+v", plan.Changes)
	}
}
