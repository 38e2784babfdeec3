package reconcile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawRegroup: over any world, the memberships of a plan change nothing else, and
// Regroup brings them back to what they were.
func TestLawRegroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		memory := reconciletest.NewMemory(w.Current)
		before, _ := memory.Read(t.Context()) // sorted
		apply := func(plan reconcile.Plan) reconcile.Current {
			if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{MembersPerWrite: 2}); err != nil {
				t.Fatal(err)
			}
			now, _ := memory.Read(t.Context())
			return now
		}
		there := apply(planOf(w).Memberships("somebody"))
		if !slices.Equal(there.Accounts, before.Accounts) || len(there.Groups) != len(before.Groups) {
			t.Fatalf("accounts or groups changed:\n%v\n%v", there, before)
		}
		nobody := func(string) (reconcile.Key, bool) { return 0, false }
		here := apply(reconcile.Regroup(before.Groups, &there, nobody, "somebody"))
		if !slices.EqualFunc(here.Groups, before.Groups, func(a, b reconcile.Group) bool { return a.ID == b.ID && slices.Equal(a.Members, b.Members) }) {
			t.Fatalf("it is not what it was:\n%v\n%v", here.Groups, before.Groups)
		}
	})
}

// TestMembershipsOfAPlan: nothing else comes with them, neither what waits for an account or
// a group to be made, nor identities; what is held of them is still told.
func TestMembershipsOfAPlan(t *testing.T) {
	t.Parallel()
	d := people("ann@x.io", "bob@x.io", "cyd@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}},
		{ID: 2, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"New"}}}},
		{ID: 3, Conditions: []reconcile.Condition{{Source: "starsign", Operator: "=", Value: "Leo"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Stars"}}}}}
	d.People[2].Assigned = false
	policy := open()
	policy.CreateGroups = true
	current := reconcile.Current{Accounts: twins().Accounts[:1], Groups: []reconcile.Group{{ID: "g1", Name: "Legal"}, {ID: "g2", Name: "Stars", Members: []string{"a1"}}, {ID: "g3", Name: "Old", Members: []string{"a1"}}}}
	current.Accounts = append(current.Accounts, reconcile.Account{ID: "a3", UserName: "cyd@x.io", UserType: reconcile.User, Active: true})
	whole := decide(d, current, policy)
	plan := whole.Memberships("boss")
	var lines []string
	for i := range plan.Changes {
		c := &plan.Changes[i]
		lines = append(lines, string(c.Op)+" "+c.Account+" "+c.GroupID+" "+c.Approved)
	}
	slices.Sort(lines)
	if want := []string{"add_member a1 g1 boss", "remove_member a1 g3 boss"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if len(plan.Held) != 1 || plan.Held[0].GroupID != "g2" || len(whole.Links) == 0 || len(plan.Links) > 0 {
		t.Errorf("held %+v, links %+v", plan.Held, plan.Links)
	}
	if plan.ID == whole.ID || plan.ID != whole.Memberships("boss").ID || plan.ID == whole.Memberships("").ID {
		t.Errorf("its id is %s, that of the whole plan %s", plan.ID, whole.ID)
	}
}

// TestRegroupIsGuarded: going back is held by what protects people and groups, and by limits
// that are shares of what Tomorro has.
func TestRegroupIsGuarded(t *testing.T) {
	t.Parallel()
	current := twins()
	current.Lists = []reconcile.ListReceipt{{List: "Users", Items: 2}}
	current.Accounts[1].UserName = "bob@x.io"
	current.Groups = []reconcile.Group{{ID: "g1", Name: "Legal", Members: []string{"a1"}}, {ID: "g2", Name: "Staff", Members: []string{"a1", "a2"}}}
	were := []reconcile.Group{{ID: "g1", Name: "Legal"}, {ID: "g2", Name: "Staff", Members: []string{"a1"}}}
	owner := func(account string) (reconcile.Key, bool) {
		key, is := map[string]reconcile.Key{"a2": 7}[account]
		return key, is
	}
	back := func(policy *reconcile.Policy) reconcile.Plan {
		return reconcile.Guard(reconcile.Regroup(were, &current, owner, ""), policy)
	}
	plan := back(open())
	if len(plan.Changes) != 2 || plan.Counts.Memberships != 3 || plan.Counts.Active != 2 || !slices.Equal(plan.Target, current.Lists) {
		t.Errorf("%+v of %+v, read as %+v", plan.Changes, plan.Counts, plan.Target)
	}
	for _, c := range plan.Changes {
		if key, _ := owner(c.Account); c.Key != key {
			t.Errorf("%+v is OneLogin user %s's", c, key)
		}
	}
	held := func(what string, policy *reconcile.Policy, rule reconcile.HoldRule, group string) {
		t.Helper()
		plan := back(policy)
		if !slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.Rule == rule && h.GroupID == group }) {
			t.Errorf("%s: %+v, held %+v", what, plan.Changes, plan.Held)
		}
	}
	protected, limited := open(), open()
	protected.Protect = []string{"group:Legal"}
	held("a protected group", protected, reconcile.RuleProtect, "g1")
	half := 0.5
	limited.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitRemoveFromGroup: {Share: &half}}
	held("all of a group", limited, reconcile.RuleLimit, "g1")
	if plan := back(limited); len(plan.Changes) != 1 || plan.Changes[0].GroupID != "g2" {
		t.Errorf("half of a group: %+v", plan.Changes)
	}
}
