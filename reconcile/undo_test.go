package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// The word of a person in these tests.
const undoing = "undo of run r1"

func ann(edit func(*reconcile.Account)) *reconcile.Account {
	a := &reconcile.Account{ID: "a1", UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: "user", Active: true, ExternalID: "onelogin:1"}
	if edit != nil {
		edit(a)
	}
	return a
}

func did(op reconcile.Op, before, after *reconcile.Account) reconcile.Change {
	return reconcile.Change{Op: op, Key: 1, Account: "a1", Who: "ann@x.io", Before: before, After: after}
}

func member(op reconcile.Op, group, account string) reconcile.Change {
	return reconcile.Change{Op: op, Key: 1, Account: account, Who: "ann@x.io", Group: "Legal", GroupID: group}
}

// TestUndo: what was done, what is there now, and what the plan says.
func TestUndo(t *testing.T) {
	admin := func(a *reconcile.Account) { a.UserType = "admin" }
	manager := func(a *reconcile.Account) { a.UserType = "manager" }
	left := func(a *reconcile.Account) { a.Active = false }
	moved := func(a *reconcile.Account) { a.UserName = "ray@x.io" }
	named := func(a *reconcile.Account) { a.FamilyName = "Ray" }
	called := func(a *reconcile.Account) { a.GivenName = "Nan" }
	bob := reconcile.Account{ID: "b1", UserName: "bob@x.io", UserType: "user", Active: true}
	promoted := did(reconcile.OpChangeRole, ann(nil), ann(admin))
	demoted := did(reconcile.OpChangeRole, ann(admin), ann(manager))
	made := did(reconcile.OpCreate, nil, ann(nil))
	lost := made
	lost.Account = ""
	newGroup := reconcile.Change{Op: reconcile.OpCreateGroup, Group: "Legal", GroupID: "g1"}
	ours := reconcile.Group{ID: "g1", Name: "Legal", Ours: true, Members: []string{"a1"}}
	oldGroup := reconcile.Change{Op: reconcile.OpDeleteGroup, Group: "Old", GroupID: "g9"}
	for name, c := range map[string]struct {
		done   []reconcile.Change
		now    []reconcile.Account
		groups []reconcile.Group
		want   string
	}{
		"a deactivation":                {[]reconcile.Change{did(reconcile.OpDeactivate, ann(nil), ann(left))}, accounts(ann(left)), nil, "reactivate ann@x.io"},
		"a return":                      {[]reconcile.Change{did(reconcile.OpReactivate, ann(left), ann(nil))}, accounts(ann(nil)), nil, "deactivate ann@x.io"},
		"a role":                        {[]reconcile.Change{promoted}, accounts(ann(admin)), nil, "change_role ann@x.io admin -> user"},
		"a role that was changed since": {[]reconcile.Change{promoted}, accounts(ann(manager)), nil, "held: role is now manager; the run had written admin"},
		"a role that is back already":   {[]reconcile.Change{promoted}, accounts(ann(nil)), nil, ""},
		"a chain":                       {[]reconcile.Change{promoted, demoted}, accounts(ann(manager)), nil, "change_role ann@x.io manager -> user"},
		"a chain with somebody between": {[]reconcile.Change{did(reconcile.OpChangeRole, ann(nil), ann(manager)), promoted}, accounts(ann(admin)), nil, "change_role ann@x.io admin -> user"},
		"a chain that was broken":       {[]reconcile.Change{promoted, demoted}, accounts(ann(admin)), nil, "held: role is now admin; the run had written manager"},
		"an e-mail":                     {[]reconcile.Change{did(reconcile.OpRename, ann(nil), ann(moved))}, accounts(ann(moved)), nil, "rename ray@x.io -> ann@x.io"},
		"an e-mail in another case":     {[]reconcile.Change{did(reconcile.OpRename, ann(nil), ann(moved))}, accounts(ann(func(a *reconcile.Account) { a.UserName = "RAY@x.io" })), nil, "rename RAY@x.io -> ann@x.io"},
		"an e-mail that is taken": {[]reconcile.Change{did(reconcile.OpRename, ann(nil), ann(moved))},
			accounts(ann(moved), &reconcile.Account{ID: "c1", UserName: "ann@x.io"}), nil, "held: the address ann@x.io belongs to account c1 now"},
		"a name": {[]reconcile.Change{did(reconcile.OpUpdateName, ann(nil), ann(named))}, accounts(ann(named)), nil, `update_name ann@x.io "Ann" "Ray" -> "Ann" "Doe"`},
		"only what was written": {[]reconcile.Change{did(reconcile.OpUpdateName, ann(nil), ann(named))},
			accounts(ann(func(a *reconcile.Account) { a.FamilyName, a.UserType = "Ray", "admin" })), nil, `update_name ann@x.io "Ann" "Ray" -> "Ann" "Doe"`},
		"an account":                           {[]reconcile.Change{made}, accounts(ann(nil)), nil, "deactivate ann@x.io|note: the account that the run made stays"},
		"an account that left since":           {[]reconcile.Change{made}, accounts(ann(left)), nil, ""},
		"an account that was lost":             {[]reconcile.Change{lost}, accounts(ann(nil)), nil, "held: the answer to its create was lost"},
		"a first name":                         {[]reconcile.Change{did(reconcile.OpUpdateName, ann(nil), ann(called))}, accounts(ann(called)), nil, `update_name ann@x.io "Nan" "Doe" -> "Ann" "Doe"`},
		"an account without a mark":            {[]reconcile.Change{lost}, accounts(ann(func(a *reconcile.Account) { a.ExternalID = "" })), nil, "held: the answer to its create was lost"},
		"a group that came and went":           {[]reconcile.Change{newGroup, {Op: reconcile.OpDeleteGroup, Group: "Legal", GroupID: "g1"}}, nil, nil, ""},
		"an account that was never made":       {[]reconcile.Change{lost}, accounts(&bob), nil, ""},
		"an account that came and went":        {[]reconcile.Change{made, did(reconcile.OpDelete, ann(nil), nil)}, nil, nil, ""},
		"a deletion":                           {[]reconcile.Change{did(reconcile.OpDelete, ann(nil), nil)}, nil, nil, "held: the account was deleted"},
		"an account deleted since":             {[]reconcile.Change{promoted}, nil, nil, "held: the account is not at Tomorro any more"},
		"a membership":                         {[]reconcile.Change{member(reconcile.OpAddMember, "g1", "a1")}, accounts(ann(nil)), []reconcile.Group{ours}, "remove_member Legal ann@x.io"},
		"a removal":                            {[]reconcile.Change{member(reconcile.OpRemoveMember, "g1", "b1")}, accounts(&bob), []reconcile.Group{ours}, "add_member Legal bob@x.io"},
		"a removal from a gone group":          {[]reconcile.Change{member(reconcile.OpRemoveMember, "g2", "b1")}, accounts(&bob), nil, "held: the group is not at Tomorro any more"},
		"a removal of a gone account":          {[]reconcile.Change{member(reconcile.OpRemoveMember, "g1", "c1")}, nil, []reconcile.Group{ours}, "held: the account is not at Tomorro any more"},
		"a membership that was taken back":     {[]reconcile.Change{member(reconcile.OpRemoveMember, "g1", "b1"), member(reconcile.OpAddMember, "g1", "b1")}, accounts(&bob), []reconcile.Group{ours}, "held: the membership was changed since"},
		"a group with whom was put there":      {[]reconcile.Change{newGroup, member(reconcile.OpAddMember, "g1", "a1")}, accounts(ann(nil)), []reconcile.Group{ours}, "remove_member Legal ann@x.io|delete_group Legal"},
		"a group with somebody else":           {[]reconcile.Change{newGroup}, accounts(ann(nil)), []reconcile.Group{ours}, "held: somebody is in the group"},
		"a group that lost its mark":           {[]reconcile.Change{newGroup}, nil, []reconcile.Group{{ID: "g1", Name: "Legal"}}, "held: the group does not carry"},
		"a group that is gone":                 {[]reconcile.Change{newGroup}, nil, nil, ""},
		"a deleted group":                      {[]reconcile.Change{oldGroup}, nil, nil, "held: the group was deleted"},
		"a role of somebody who left meantime": {[]reconcile.Change{promoted, did(reconcile.OpDeactivate, ann(admin), ann(func(a *reconcile.Account) { admin(a); left(a) }))}, accounts(ann(func(a *reconcile.Account) { admin(a); left(a) })), nil, "reactivate ann@x.io|change_role ann@x.io admin -> user"},
	} {
		plan := reconcile.Undo(c.done, &reconcile.Current{Accounts: c.now, Groups: c.groups}, undoing)
		if got := undoText(plan); !sameStart(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "|"), c.want)
		}
		for _, ch := range plan.Changes {
			if ch.Origin != reconcile.FromUndo || ch.Cause != undoing {
				t.Errorf("%s: %+v", name, ch)
			}
		}
		if !plan.Receipt.Complete() {
			t.Errorf("%s: the plan asks for a receipt", name)
		}
	}
}

func accounts(list ...*reconcile.Account) []reconcile.Account {
	var out []reconcile.Account
	for _, a := range list {
		out = append(out, *a)
	}
	return out
}

func undoText(p reconcile.Plan) []string {
	var out []string
	for i := range p.Changes {
		out = append(out, strings.TrimSuffix(line(&p.Changes[i]), "  ("+undoing+")"))
	}
	for _, h := range p.Held {
		out = append(out, "held: "+strings.TrimPrefix(h.Reason, "the "))
	}
	for _, n := range p.Notes {
		out = append(out, "note: "+n.Text)
	}
	return out
}

// sameStart compares line by line; what is wanted may be the beginning of a line.
func sameStart(got []string, want string) bool {
	var lines []string
	if want != "" {
		lines = strings.Split(want, "|")
	}
	return slices.EqualFunc(got, lines, func(g, w string) bool {
		return strings.HasPrefix(g, strings.Replace(w, "held: the ", "held: ", 1))
	})
}

// TestUndoMakesRoom: a chain of renames goes back in the order in which each finds
// its former address free; people who swapped stay.
func TestUndoMakesRoom(t *testing.T) {
	rename := func(id string, key reconcile.Key, from, to string) (reconcile.Change, reconcile.Account) {
		before, after := reconcile.Account{ID: id, UserName: from, UserType: "user", Active: true}, reconcile.Account{ID: id, UserName: to, UserType: "user", Active: true}
		return reconcile.Change{Op: reconcile.OpRename, Key: key, Account: id, Before: &before, After: &after}, after
	}
	one, a := rename("a1", 1, "x@x.io", "y@x.io")
	two, b := rename("a2", 2, "w@x.io", "x@x.io")
	current := reconcile.Current{Accounts: []reconcile.Account{a, b}}
	plan := reconcile.Guard(reconcile.Undo([]reconcile.Change{one, two}, &current, undoing), open())
	memory := reconciletest.NewMemory(current)
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 4})
	if err != nil || result.Done[reconcile.OpRename] != 2 {
		t.Fatalf("%v %+v", err, result)
	}
	if now, _ := memory.Read(t.Context()); now.Accounts[0].UserName != "x@x.io" || now.Accounts[1].UserName != "w@x.io" {
		t.Errorf("%+v", now.Accounts)
	}
	back, c := rename("a2", 2, "y@x.io", "x@x.io")
	swapped := reconcile.Undo([]reconcile.Change{one, back}, &reconcile.Current{Accounts: []reconcile.Account{a, c}}, undoing)
	if len(swapped.Changes) != 0 || len(swapped.Held) != 2 || !strings.Contains(swapped.Held[0].Reason, "swap") {
		t.Errorf("%+v", swapped)
	}
}

// TestUndoAdopted: an account that a create ran into becomes what it was.
func TestUndoAdopted(t *testing.T) {
	found := reconcile.Account{ID: "a7", UserName: "ann@x.io", GivenName: "Old", UserType: "admin"}
	written := *ann(nil)
	written.ID = "a7"
	w := reconcile.Write{Op: reconcile.WriteUpdateUser, Account: written, Before: found, Changes: []reconcile.Change{{Op: reconcile.OpCreate, Key: 1, Who: "ann@x.io", After: &written}}}
	done := reconcile.Effects(w, reconcile.Done, "a7")
	got := undoText(reconcile.Undo(done, &reconcile.Current{Accounts: []reconcile.Account{written}}, undoing))
	if want := `change_role ann@x.io user -> admin|update_name ann@x.io "Ann" "Doe" -> "Old" ""|deactivate ann@x.io`; strings.Join(got, "|") != want {
		t.Errorf("%s", strings.Join(got, "|"))
	}
	if none := reconcile.Effects(w, reconcile.NotDone, "a7"); none != nil {
		t.Errorf("what was not done has effects: %+v", none)
	}
}

// TestUndoIsGuarded: limits, protection, approval and the last admins hold an undo
// as they hold a run.
func TestUndoIsGuarded(t *testing.T) {
	admin := ann(func(a *reconcile.Account) { a.UserType = "admin" })
	current := &reconcile.Current{Accounts: accounts(admin)}
	gone := ann(func(a *reconcile.Account) { a.UserType, a.Active = "admin", false })
	made := []reconcile.Change{did(reconcile.OpReactivate, gone, admin)}
	none := 0
	for name, c := range map[string]struct {
		edit func(*reconcile.Policy)
		rule reconcile.HoldRule
	}{
		"protect": {func(p *reconcile.Policy) { p.Protect = []string{"ann@x.io"} }, reconcile.RuleProtect},
		"limit": {func(p *reconcile.Policy) {
			p.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitDeactivate: {Max: &none}}
		}, reconcile.RuleLimit},
		"approve":    {func(p *reconcile.Policy) { p.Approve = []string{"delete"} }, reconcile.RuleApproval},
		"substitute": {func(p *reconcile.Policy) { p.DefaultSubstitute = "ann@x.io" }, reconcile.RuleSubstitute},
		"admins":     {func(p *reconcile.Policy) { p.MinAdmins = 1 }, reconcile.RuleAdmins},
		"band": {func(p *reconcile.Policy) {
			p.Limits = reconcile.DefaultLimits()
			p.Limits.Allow, p.Pulls = nil, []reconcile.Census{{People: 400, Assigned: 400, Active: 400}}
		}, ""},
		"another's since": {func(p *reconcile.Policy) { p.Adoption.Owners = map[string]reconcile.Key{"a1": 9} }, reconcile.RuleData},
		"nobody's since":  {func(p *reconcile.Policy) { p.Adoption.Foreign = map[string]bool{"a1": true} }, reconcile.RuleData},
		"theirs":          {func(p *reconcile.Policy) { p.Adoption.Owners = map[string]reconcile.Key{"a1": 1} }, ""},
		"pinned":          {func(p *reconcile.Policy) { p.Pinned = map[reconcile.Key]string{1: "pinned"} }, ""},
	} {
		policy := open()
		c.edit(policy)
		plan := reconcile.Guard(reconcile.Undo(made, current, undoing), policy)
		switch {
		case c.rule == "" && len(plan.Changes) == 1 && len(plan.Held) == 0:
		case c.rule != "" && len(plan.Held) == 1 && len(plan.Changes) == 0 && plan.Held[0].Rule == c.rule:
		default:
			t.Errorf("%s: %+v %+v", name, plan.Changes, plan.Held)
		}
	}
}

// TestUndoKnowsTheSubstitute: who was let in by mistake is taken out again, as long as
// the default substitute can stand in for them.
func TestUndoKnowsTheSubstitute(t *testing.T) {
	made := ann(nil)
	created := []reconcile.Change{{Op: reconcile.OpCreate, Key: 1, Account: made.ID, Who: "ann@x.io", After: made}}
	policy := open()
	policy.DefaultSubstitute = "Legal@x.io"
	for name, c := range map[string]struct {
		legal reconcile.Account
		held  string
	}{
		"fit":      {reconcile.Account{UserType: "manager", Active: true}, ""},
		"weaker":   {reconcile.Account{UserType: "viewer", Active: true}, "is only viewer"},
		"inactive": {reconcile.Account{UserType: "admin"}, "is inactive"},
	} {
		c.legal.ID, c.legal.UserName = "s1", "legal@x.io"
		plan := reconcile.Guard(reconcile.Undo(created, &reconcile.Current{Accounts: accounts(made, &c.legal)}, undoing), policy)
		switch {
		case c.held == "" && len(plan.Changes) == 1 && len(plan.Held) == 0:
		case c.held != "" && len(plan.Changes) == 0 && len(plan.Held) == 1 && strings.Contains(plan.Held[0].Reason, c.held):
		default:
			t.Errorf("%s: %+v %+v", name, plan.Changes, plan.Held)
		}
	}
}

// TestUndoIsGuardedByGroup: protect: group:NAME and the share that one group may lose
// hold what takes back, as they hold a run.
func TestUndoIsGuardedByGroup(t *testing.T) {
	var all []*reconcile.Account
	var added []reconcile.Change
	group := reconcile.Group{ID: "g1", Name: "Board"}
	for i := range 20 {
		a := &reconcile.Account{ID: fmt.Sprintf("a%02d", i), UserName: fmt.Sprintf("p%02d@x.io", i), UserType: "user", Active: true}
		all, group.Members = append(all, a), append(group.Members, a.ID)
		added = append(added, reconcile.Change{Op: reconcile.OpAddMember, Key: reconcile.Key(i + 1), Account: a.ID, Who: a.UserName, Group: "Board", GroupID: "g1"})
	}
	empty := reconcile.Group{ID: "g1", Name: "Board"}
	current := &reconcile.Current{Accounts: accounts(all...), Groups: []reconcile.Group{group}}
	nobody := func(string) (reconcile.Key, bool) { return 0, false }
	policy := open()
	policy.Limits = reconcile.DefaultLimits()
	policy.Limits.Allow[reconcile.LimitRemoveMember] = reconcile.Allowance{}
	for name, plan := range map[string]reconcile.Plan{
		"undo":    reconcile.Undo(added, current, undoing),
		"regroup": reconcile.Regroup([]reconcile.Group{empty}, current, nobody, ""),
	} {
		plan = reconcile.Guard(plan, policy)
		if len(plan.Held) != 20 || !strings.Contains(plan.Held[0].Reason, "20 removals from this group of 20: more than limits.remove_from_group.share") {
			t.Errorf("%s: %d changes, %+v", name, len(plan.Changes), plan.Held)
		}
	}
	before := *all[0]
	before.UserType = "admin"
	promoted := []reconcile.Change{{Op: reconcile.OpChangeRole, Key: 1, Account: before.ID, Before: &before, After: all[0]}}
	policy = open()
	policy.Protect = []string{"group:board"}
	plan := reconcile.Guard(reconcile.Undo(promoted, current, undoing), policy)
	if len(plan.Changes) != 0 || len(plan.Held) != 1 || plan.Held[0].Rule != reconcile.RuleProtect {
		t.Errorf("a member of a protected group: %+v %+v", plan.Changes, plan.Held)
	}
}

// TestUndoCountsAdminsOnce: who is demoted and deactivated is one admin less, and
// who is made admin and deactivated is none more.
func TestUndoCountsAdminsOnce(t *testing.T) {
	with := func(u reconcile.UserType, active bool) *reconcile.Account {
		return ann(func(a *reconcile.Account) { a.UserType, a.Active = u, active })
	}
	other := reconcile.Account{ID: "b1", UserName: "bob@x.io", UserType: "admin", Active: true}
	policy := open()
	policy.MinAdmins = 1
	returned := []reconcile.Change{did(reconcile.OpChangeRole, with("user", false), with("admin", false)), did(reconcile.OpReactivate, with("user", false), with("admin", true))}
	plan := reconcile.Guard(reconcile.Undo(returned, &reconcile.Current{Accounts: accounts(with("admin", true), &other)}, undoing), policy)
	if len(plan.Changes) != 2 || len(plan.Held) != 0 {
		t.Errorf("one of two admins: %+v", plan.Held)
	}
	demoted := []reconcile.Change{did(reconcile.OpChangeRole, with("admin", false), with("user", false)), did(reconcile.OpReactivate, with("admin", false), with("user", true)),
		{Op: reconcile.OpChangeRole, Key: 2, Account: "b1", Before: &reconcile.Account{ID: "b1", UserType: "user"}, After: &other}}
	plan = reconcile.Guard(reconcile.Undo(demoted, &reconcile.Current{Accounts: accounts(with("user", true), &other)}, undoing), policy)
	if plan.HeldBy(reconcile.HoldGuard) != 1 || plan.Held[0].Account != "b1" {
		t.Errorf("the last admin would go: %+v %+v", plan.Changes, plan.Held)
	}
}

// TestUndoCountsAdminsOfAnyRole: who goes back to a role that is not known here is one
// admin less.
func TestUndoCountsAdminsOfAnyRole(t *testing.T) {
	was, is := ann(func(a *reconcile.Account) { a.UserType = "owner" }), ann(func(a *reconcile.Account) { a.UserType = "admin" })
	policy := open()
	policy.MinAdmins = 1
	plan := reconcile.Guard(reconcile.Undo([]reconcile.Change{did(reconcile.OpChangeRole, was, is)}, &reconcile.Current{Accounts: accounts(is)}, undoing), policy)
	if len(plan.Changes) != 0 || len(plan.Held) != 1 || plan.Held[0].Rule != reconcile.RuleAdmins {
		t.Errorf("the last admin would go: %+v %+v", plan.Changes, plan.Held)
	}
}

// TestPinned: what somebody took back is not done again, and a group is not made
// for nobody.
func TestPinned(t *testing.T) {
	d := people("ann@x.io", "bob@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	policy := open()
	policy.CreateGroups = true
	policy.Pinned = map[reconcile.Key]string{1: "taken back by ann"}
	plan := decide(d, reconcile.Current{}, policy)
	if got := plan.Count(); got[reconcile.OpCreate] != 1 || got[reconcile.OpAddMember] != 1 || got[reconcile.OpCreateGroup] != 1 || plan.HeldBy(reconcile.HoldDecided) != 2 {
		t.Errorf("one of two pinned: %v %+v", got, plan.Held)
	}
	policy.Pinned[2] = "taken back by ann"
	plan = decide(d, reconcile.Current{}, policy)
	if !plan.Empty() || plan.HeldBy(reconcile.HoldDecided) != len(plan.Held) || len(plan.Held) != 5 {
		t.Errorf("both pinned: %+v %+v", plan.Changes, plan.Held)
	}
	for _, h := range plan.Held {
		if h.Rule != reconcile.RulePinned || h.Reason != "taken back by ann" {
			t.Errorf("%+v", h)
		}
	}
}
