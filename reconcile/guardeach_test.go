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
