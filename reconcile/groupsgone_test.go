package reconcile_test

import (
	"strings"
	"testing"

	"tomorro-sync/reconcile"
)

// TestEmptyGroupsThatStay: an empty group of ours is deleted, unless a rule may give it:
// one that takes its groups from data, or one that names two groups at once.
func TestEmptyGroupsThatStay(t *testing.T) {
	t.Parallel()
	any := ".*"
	set := func(group string) reconcile.Action {
		return reconcile.Action{Name: "set_groups", Values: []string{group}}
	}
	for name, c := range map[string]struct {
		action  reconcile.Action
		names   []string
		deletes int
	}{
		"named by none":        {set("other"), []string{"legal", "other"}, 1},
		"mapped from data":     {reconcile.Action{Name: "set_groups", Values: []string{"department"}, Expression: &any}, []string{"legal"}, 0},
		"by a macro":           {reconcile.Action{Name: "set_groups", Macro: "{x}"}, []string{"legal"}, 0},
		"named with its twin":  {set("legal"), []string{"legal", "Legal"}, 0},
		"named, as it is wont": {set("legal"), []string{"legal"}, 0},
	} {
		d, policy, current := people("ann@x.io"), open(), reconcile.Current{}
		policy.DeleteGroups = true
		d.Rules = []reconcile.Rule{{ID: 1, Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "7"}}, Actions: []reconcile.Action{c.action}}}
		for i, n := range c.names {
			current.Groups = append(current.Groups, reconcile.Group{ID: string(rune('a' + i)), Name: n, Ours: true})
		}
		deletes := 0
		for _, change := range decide(d, current, policy).Changes {
			if change.Op == reconcile.OpDeleteGroup {
				deletes++
			}
		}
		if deletes != c.deletes {
			t.Errorf("%s: %d deleted, want %d", name, deletes, c.deletes)
		}
	}
}

// TestGroupByAnIDThatIsGone: a rule that still has the id of a deleted group makes no group
// of that name, also where what is missing is made.
func TestGroupByAnIDThatIsGone(t *testing.T) {
	t.Parallel()
	const id = "0b1f6c1e-52a4-4f0e-9c7e-1f2d3c4b5a69"
	d, policy := people("ann@x.io"), open()
	policy.CreateGroups = true
	d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{id}}}}}
	plan := decide(d, reconcile.Current{}, policy)
	if len(plan.Changes) != 1 || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Reason, "no group with this id any more") {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestPushedOffARenamedGroup: whom OneLogin pushed off a group is taken out of it, though a
// rule gives them a group that Tomorro does not have.
func TestPushedOffARenamedGroup(t *testing.T) {
	t.Parallel()
	d, policy := people("ann@x.io"), open()
	d.Rules = []reconcile.Rule{{ID: 1, Name: "Legal", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	current := reconcile.Current{Accounts: twins().Accounts[:1], Groups: []reconcile.Group{{ID: "g1", Name: "Legal EMEA", Members: []string{"a1"}}}}
	in := reconcile.Input{Directory: d, Current: &current, Policy: policy}
	removes := func() (n int) {
		for _, c := range reconcile.Decide(in).Changes {
			if c.Op == reconcile.OpRemoveMember {
				n++
			}
		}
		return n
	}
	if n := removes(); n != 0 {
		t.Errorf("nobody pushed, and %d are taken out", n)
	}
	in.Asserted = []reconcile.Assertion{{Account: "a1", Group: "g1", Off: true}}
	if n := removes(); n != 1 {
		t.Errorf("pushed off, and %d are taken out", n)
	}
}

// TestGroupWithSomebodyWhoStays: a group is not deleted over the head of somebody whose
// removal from it is held.
func TestGroupWithSomebodyWhoStays(t *testing.T) {
	t.Parallel()
	d, policy := people("ann@x.io"), open()
	policy.DeleteGroups, policy.Protect = true, []string{"ann@x.io"}
	d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"sales"}}}}}
	current := reconcile.Current{Accounts: twins().Accounts[:1], Groups: []reconcile.Group{
		{ID: "g1", Name: "legal", Ours: true, Members: []string{"a1"}}, {ID: "g2", Name: "sales", Members: []string{"a1"}}}}
	if plan := decide(d, current, policy); len(plan.Changes) > 0 || len(plan.Held) != 2 {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
	policy.Protect = nil
	if plan := decide(d, current, policy); len(plan.Changes) != 2 {
		t.Errorf("nobody protected: planned %+v, held %+v", plan.Changes, plan.Held)
	}
}
