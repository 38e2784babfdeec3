package reconcile_test

import (
	"slices"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestUndoOfMemberships: a membership that somebody made or took since stays as it is, and
// nobody is put into a group who is gone, or of whom nobody knows whether they are in it.
func TestUndoOfMemberships(t *testing.T) {
	t.Parallel()
	add, remove := member(reconcile.OpAddMember, "g1", "a1"), member(reconcile.OpRemoveMember, "g1", "a1")
	for name, c := range map[string]struct {
		done    []reconcile.Change
		in      bool
		gone    bool // the account
		unknown bool
		want    reconcile.Op
		held    int
	}{
		"added":                                 {done: []reconcile.Change{add}, in: true, want: reconcile.OpRemoveMember},
		"added, and out again":                  {done: []reconcile.Change{add}},
		"removed":                               {done: []reconcile.Change{remove}, want: reconcile.OpAddMember},
		"added and removed, and put in by hand": {done: []reconcile.Change{add, remove}, in: true, held: 1},
		"removed and added, and taken by hand":  {done: []reconcile.Change{remove, add}, held: 1},
		"removed, and the account is gone":      {done: []reconcile.Change{did(reconcile.OpUpdateName, ann(nil), ann(nil)), remove}, gone: true, held: 2},
		"removed, and nobody sees the members":  {done: []reconcile.Change{remove}, unknown: true},
	} {
		current := reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "Legal"}}, MembersUnknown: c.unknown}
		if !c.gone {
			current.Accounts = accounts(ann(nil))
		}
		if c.in {
			current.Groups[0].Members = []string{"a1"}
		}
		plan := reconcile.Undo(c.done, &current, undoing)
		var got reconcile.Op
		if len(plan.Changes) > 0 {
			got = plan.Changes[0].Op
		}
		if got != c.want || len(plan.Changes) > 1 || len(plan.Held) != c.held {
			t.Errorf("%s: planned %+v, held %+v", name, plan.Changes, plan.Held)
		}
	}
}

// TestUndoKeepsAGroupWithAMember: the group that a run made is not deleted while somebody
// stays in it whom nobody may take out.
func TestUndoKeepsAGroupWithAMember(t *testing.T) {
	t.Parallel()
	done := []reconcile.Change{{Op: reconcile.OpCreateGroup, Group: "Legal", GroupID: "g1"}, member(reconcile.OpAddMember, "g1", "a1")}
	for protected, want := range map[string]int{"": 2, "ann@x.io": 0} {
		current := reconcile.Current{Accounts: accounts(ann(nil)), Groups: []reconcile.Group{{ID: "g1", Name: "Legal", Ours: true, Members: []string{"a1"}}}}
		policy := open()
		if protected != "" {
			policy.Protect = []string{protected}
		}
		plan := reconcile.Guard(reconcile.Undo(done, &current, undoing), policy)
		if len(plan.Changes) != want || len(plan.Held) != 2-want {
			t.Errorf("protect %q: planned %+v, held %+v", protected, plan.Changes, plan.Held)
		}
	}
}

// TestUndoOfOneAddressForTwo: two accounts that had one address one after the other do not
// both get it back.
func TestUndoOfOneAddressForTwo(t *testing.T) {
	t.Parallel()
	named := func(id, name string) *reconcile.Account {
		return ann(func(a *reconcile.Account) { a.ID, a.UserName, a.ExternalID = id, name, "" })
	}
	renamed := func(key reconcile.Key, id, name string) reconcile.Change {
		return reconcile.Change{Op: reconcile.OpRename, Key: key, Account: id, Who: name, Before: named(id, "info@x.io"), After: named(id, name)}
	}
	current := reconcile.Current{Accounts: accounts(named("a1", "ann@x.io"), named("a2", "bob@x.io"))}
	plan := reconcile.Undo([]reconcile.Change{renamed(1, "a1", "ann@x.io"), renamed(2, "a2", "bob@x.io")}, &current, undoing)
	if len(plan.Changes) != 0 || len(plan.Held) != 2 {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestGroupStaysAfterAFailure: where taking the last member out of a group could not be done,
// because an earlier change of that person failed, the group is not deleted.
func TestGroupStaysAfterAFailure(t *testing.T) {
	t.Parallel()
	d, policy := people("ann@x.io"), open()
	policy.DeleteGroups = true
	d.People[0].LastName = "Ray"
	d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Sales"}}}}}
	current := reconcile.Current{Accounts: accounts(ann(nil)), Groups: []reconcile.Group{{ID: "g1", Name: "Legal", Ours: true, Members: []string{"a1"}}, {ID: "g2", Name: "Sales"}}}
	plan := decide(d, current, policy)
	if !slices.ContainsFunc(plan.Changes, func(c reconcile.Change) bool { return c.Op == reconcile.OpDeleteGroup }) {
		t.Fatalf("%+v", plan)
	}
	for failing, deleted := range map[reconcile.WriteOp]bool{"": true, reconcile.WriteUpdateUser: false, reconcile.WriteMembers: false} {
		memory := reconciletest.NewMemory(current)
		memory.Fail = func(w reconcile.Write) reconciletest.Fault {
			if w.Op == failing {
				return reconciletest.Refuses
			}
			return reconciletest.Works
		}
		if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		after, _ := memory.Read(t.Context())
		if got := len(after.Groups) == 1; got != deleted {
			t.Errorf("%q fails: deleted %v, groups %+v", failing, got, after.Groups)
		}
	}
}

// TestOnlyWithANewGroup: a plan for one person has the group made that they are to be in, by
// whichever of their addresses they are called.
func TestOnlyWithANewGroup(t *testing.T) {
	t.Parallel()
	d, policy := people("anna@x.io", "bob@x.io"), open()
	policy.CreateGroups = true
	d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	plan := decide(d, reconcile.Current{Accounts: accounts(ann(func(a *reconcile.Account) { a.GivenName, a.FamilyName = "F", "L" }))}, policy)
	for _, email := range []string{"anna@x.io", "ANN@x.io"} {
		if got := plan.Only(email).Count(); len(got) != 3 || got[reconcile.OpRename] != 1 || got[reconcile.OpAddMember] != 1 || got[reconcile.OpCreateGroup] != 1 {
			t.Errorf("%s: %v", email, got)
		}
	}
}

// TestNoToAMembershipOutlivesBadRules: a run that cannot tell what rules give does not end
// what somebody decided about a membership.
func TestNoToAMembershipOutlivesBadRules(t *testing.T) {
	t.Parallel()
	said := map[string]reconcile.Decision{"a removal": {By: []string{"ann"}, Key: 1, Member: true}}
	for name, c := range map[string]struct {
		edit func(*reconcile.Directory, *reconcile.Current)
		over int
	}{
		"all is known":              {func(*reconcile.Directory, *reconcile.Current) {}, 1},
		"members are not shown":     {func(_ *reconcile.Directory, c *reconcile.Current) { c.MembersUnknown = true }, 0},
		"there is no rule any more": {func(d *reconcile.Directory, _ *reconcile.Current) { d.Rules = nil }, 0},
	} {
		d := people("ann@x.io")
		d.Rules = []reconcile.Rule{{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
		current := reconcile.Current{Accounts: accounts(ann(nil)), Groups: []reconcile.Group{{ID: "g1", Name: "Legal", Members: []string{"a1"}}}}
		c.edit(d, &current)
		plan := decide(d, current, open())
		if got := plan.Outlived(said); len(got) != c.over {
			t.Errorf("%s: %d ended, want %d", name, len(got), c.over)
		}
	}
}

// TestUndoLeavesAnothersAccount: what was done to somebody's account is not taken back once
// it is another's, or was said to be nobody's.
func TestUndoLeavesAnothersAccount(t *testing.T) {
	t.Parallel()
	admin := ann(func(a *reconcile.Account) { a.UserType = "admin" })
	for name, c := range map[string]struct {
		known reconcile.Adoption
		held  int
	}{
		"theirs":    {reconcile.Adoption{Owners: map[string]reconcile.Key{"a1": 1}}, 0},
		"another's": {reconcile.Adoption{Owners: map[string]reconcile.Key{"a1": 2}}, 1},
		"nobody's":  {reconcile.Adoption{Foreign: map[string]bool{"a1": true}}, 1},
	} {
		policy := open()
		policy.Adoption = c.known
		plan := reconcile.Guard(reconcile.Undo([]reconcile.Change{did(reconcile.OpChangeRole, ann(nil), admin)}, &reconcile.Current{Accounts: accounts(admin)}, undoing), policy)
		if len(plan.Held) != c.held || len(plan.Changes) != 1-c.held {
			t.Errorf("%s: planned %+v, held %+v", name, plan.Changes, plan.Held)
		}
	}
}

// TestUndoOfACreateThatMetAMember: where Tomorro lists active accounts only, the create of
// somebody who returns may run into their account, which is in the group still. Nothing was
// added then, and an undo takes nobody out.
func TestUndoOfACreateThatMetAMember(t *testing.T) {
	t.Parallel()
	d := people("ann@x.io", "bob@x.io")
	for i := range d.People {
		d.People[i].Roles = []int64{5}
	}
	d.Rules = []reconcile.Rule{{ID: 1, Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "5"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	there := reconcile.Current{Accounts: accounts(ann(func(a *reconcile.Account) { a.Active = false })), Groups: []reconcile.Group{{ID: "g1", Name: "Legal", Members: []string{"a1"}}}}
	listed := there
	listed.Accounts = nil
	memory, log := reconciletest.NewMemory(there), &reconciletest.Log{}
	result, err := reconcile.Apply(t.Context(), decide(d, listed, open()), memory, log, reconcile.ApplyOptions{})
	if err != nil || len(result.Problems) > 0 || result.Done[reconcile.OpAddMember] != 1 {
		t.Fatalf("%+v, %v; want only bob added", result, err)
	}
	var done []reconcile.Change
	for _, o := range log.Outcomes {
		done = append(done, reconcile.Effects(o.Write, o.Result, o.ID)...)
	}
	now, _ := memory.Read(t.Context())
	if _, err := reconcile.Apply(t.Context(), reconcile.Undo(done, &now, undoing), memory, log, reconcile.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if back, _ := memory.Read(t.Context()); !slices.Equal(back.Groups[0].Members, []string{"a1"}) || back.Accounts[0].Active {
		t.Errorf("undone, it is not as it was: %+v", back)
	}
}
