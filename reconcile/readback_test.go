package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// readBack doubts answers where everything is read.
func readBack(heard []reconcile.Outcome, read, groups *reconcile.Current) []reconcile.NotKept {
	b := reconcile.ReadBack{Doubt: read != nil}
	for i := range heard {
		b.Heard(&heard[i])
	}
	return b.Compare(read, groups)
}

// TestLawAnHonestTargetKeepsEverything, also among writes that fail.
func TestLawAnHonestTargetKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		memory, log := reconciletest.NewMemory(w.Current), &reconciletest.Log{}
		if rapid.Bool().Draw(t, "faults") {
			memory.Fail = func(reconcile.Write) reconciletest.Fault {
				return reconciletest.Fault(rapid.IntRange(0, 3).Draw(t, "fault"))
			}
		}
		if _, err := reconcile.Apply(t.Context(), planOf(w), memory, log, reconcile.ApplyOptions{MembersPerWrite: 2}); err != nil {
			t.Fatal(err)
		}
		after, _ := memory.Read(t.Context())
		for _, read := range []*reconcile.Current{nil, &after} {
			heard := slices.Clone(log.Outcomes)
			if read == nil { // a deletion is answered with nothing
				heard = slices.DeleteFunc(heard, func(o reconcile.Outcome) bool { return o.Write.Op == reconcile.WriteDeleteUser })
			}
			if found := readBack(heard, read, &after); len(found) > 0 {
				t.Fatalf("%+v", found)
			}
		}
	})
}

// TestLawWhatIsIgnoredIsNotRewritten: whatever a target does not keep, after some
// runs the plan asks for nothing more, but for what leaves somebody with access.
func TestLawWhatIsIgnoredIsNotRewritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Allow = nil
		w.Policy.Ignored = make(map[string]time.Time)
		ignore := drawLies(t)
		for range 6 {
			plan, memory, log := planOf(w), reconciletest.NewMemory(w.Current), &reconciletest.Log{}
			memory.Ignore = ignore
			result, err := reconcile.Apply(t.Context(), plan, memory, log, reconcile.ApplyOptions{MembersPerWrite: 2})
			if err != nil {
				t.Fatal(err)
			}
			next := *w
			next.Current, _ = memory.Read(t.Context())
			next.Links = remember(w.Links, plan.Links, result.Links)
			for _, n := range readBack(log.Outcomes, &next.Current, &next.Current) {
				w.Policy.Ignored[n.Change.Effect()] = time.Now()
			}
			w = &next
		}
		for _, c := range planOf(w).Changes {
			if n := (reconcile.NotKept{Change: c}); !n.KeepsAccess() && c.Op != reconcile.OpReactivate {
				t.Fatalf("is written every night: %s of %s, %+v to %+v", c.Op, c.Who, c.Before, c.After)
			}
		}
	})
}

// drawLies draws what a target confirms and does not keep.
func drawLies(t *rapid.T) func(*reconcile.Write, reconcile.Account) {
	lies := make([]bool, 7)
	for i := range lies {
		lies[i] = rapid.Bool().Draw(t, "lie")
	}
	return func(w *reconcile.Write, before reconcile.Account) {
		if w.Op == reconcile.WriteMembers {
			if lies[0] {
				w.Add = nil
			}
			if lies[1] {
				w.Remove = nil
			}
		}
		if w.Op != reconcile.WriteUpdateUser {
			return
		}
		if lies[2] {
			w.Account.UserType = before.UserType
		}
		if lies[3] {
			w.Account.GivenName, w.Account.FamilyName = before.GivenName, before.FamilyName
		}
		if lies[4] {
			w.Account.UserName = before.UserName
		}
		if lies[5] && before.Active {
			w.Account.Active = true
		}
		if lies[6] && !before.Active {
			w.Account.Active = false
		}
	}
}

// TestReadBackForgets what was answered as it was sent, unless it doubts.
func TestReadBackForgets(t *testing.T) {
	account := reconcile.Account{ID: "a1", UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: reconcile.User, Active: true}
	o := reconcile.Outcome{ID: "a1", Account: account, Write: reconcile.Write{Op: reconcile.WriteUpdateUser, Account: account, Changes: []reconcile.Change{{Op: reconcile.OpRename, Key: 1}}}}
	o.Result = reconcile.Done
	other, unknown := o, o
	other.Account.UserName, unknown.Result = "old@x.io", reconcile.Uncertain
	for _, tt := range []struct {
		name         string
		doubt, trust bool
		done         []reconcile.Outcome
		gone, kept   int // what is found when the account is gone, and by the answers alone
	}{
		{"as sent", false, false, []reconcile.Outcome{o}, 0, 0},
		{"in doubt", true, false, []reconcile.Outcome{o}, 1, 0},
		{"trusted again", true, true, []reconcile.Outcome{o}, 0, 0},
		{"not as sent", false, false, []reconcile.Outcome{other}, 1, 1},
		{"not as sent, trusted", true, true, []reconcile.Outcome{other}, 1, 1},
		{"mended", false, false, []reconcile.Outcome{other, o}, 0, 0},
		{"and then nobody knows", true, false, []reconcile.Outcome{o, unknown}, 0, 0},
	} {
		b := reconcile.ReadBack{Doubt: tt.doubt}
		for i := range tt.done {
			b.Heard(&tt.done[i])
		}
		if tt.trust {
			b.Trust()
		}
		if gone, kept := b.Compare(&reconcile.Current{}, nil), b.Compare(nil, nil); len(gone) != tt.gone || len(kept) != tt.kept {
			t.Errorf("%s: %+v and %+v, want %d and %d", tt.name, gone, kept, tt.gone, tt.kept)
		}
	}
}

// TestReadBackSays what was sent and what is there, and who keeps access.
func TestReadBackSays(t *testing.T) {
	account := func(edit func(*reconcile.Account)) reconcile.Account {
		a := reconcile.Account{ID: "a1", UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: reconcile.User, Active: true}
		if edit != nil {
			edit(&a)
		}
		return a
	}
	plain := account(nil)
	update := func(op reconcile.Op, sent reconcile.Account) reconcile.Outcome {
		return reconcile.Outcome{ID: "a1", Write: reconcile.Write{Op: reconcile.WriteUpdateUser, Account: sent, Before: plain, Changes: []reconcile.Change{{Op: op, Key: 1, Who: "ann@x.io"}}}}
	}
	answered := func(o reconcile.Outcome) reconcile.Outcome { o.Account = o.Write.Account; return o }
	members := func(op reconcile.Op) reconcile.Outcome {
		return reconcile.Outcome{ID: "g1", Write: reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g1", Changes: []reconcile.Change{{Op: op, Key: 1, Who: "ann@x.io", Account: "a1", Group: "legal", GroupID: "g1"}}}}
	}
	empty := reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "legal"}}}
	full := reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "legal", Members: []string{"a1"}}}}
	hidden := reconcile.Current{Groups: empty.Groups, MembersUnknown: true}
	tests := []struct {
		name        string
		o           reconcile.Outcome
		there       *reconcile.Account // nil: no account
		groups      *reconcile.Current
		op          reconcile.Op // of what is found; empty: all was kept
		sent, isNow string
		access      bool
	}{
		{"role", update(reconcile.OpChangeRole, account(func(a *reconcile.Account) { a.UserType = reconcile.Manager })), &plain, nil, reconcile.OpChangeRole, "manager", "user", false},
		{"name", update(reconcile.OpUpdateName, account(func(a *reconcile.Account) { a.FamilyName = "Ray" })), &plain, nil, reconcile.OpUpdateName, `"Ann Ray"`, `"Ann Doe"`, false},
		{"a rename that changed the role as well", update(reconcile.OpRename, plain), new(account(func(a *reconcile.Account) { a.UserType = reconcile.Manager })), nil, reconcile.OpChangeRole, "user", "manager", false},
		{"a leaver who is called something else", update(reconcile.OpDeactivate, account(func(a *reconcile.Account) { a.Active = false })), new(account(func(a *reconcile.Account) { a.Active, a.FamilyName = false, "Left" })), nil, "", "", "", false},
		{"an inactive account's rename", update(reconcile.OpRename, account(func(a *reconcile.Account) { a.Active, a.UserName = false, "new@x.io" })), new(account(func(a *reconcile.Account) { a.Active = false })), nil, reconcile.OpRename, "new@x.io", "ann@x.io", false},
		{"answered and gone", answered(update(reconcile.OpChangeRole, plain)), nil, nil, reconcile.OpCreate, "an account", "no account", false},
		{"another case of the address", update(reconcile.OpRename, account(func(a *reconcile.Account) { a.UserName = "ANN@x.io" })), &plain, nil, "", "", "", false},
		{"a leaver stays active", update(reconcile.OpDeactivate, account(func(a *reconcile.Account) { a.Active = false })), &plain, nil, reconcile.OpDeactivate, "inactive", "active", true},
		{"a leaver is gone", update(reconcile.OpDeactivate, account(func(a *reconcile.Account) { a.Active = false })), nil, nil, "", "", "", false},
		{"somebody active is gone", update(reconcile.OpChangeRole, account(func(a *reconcile.Account) { a.UserType = reconcile.Manager })), nil, nil, reconcile.OpCreate, "an account", "no account", false},
		{"an admin stays admin", update(reconcile.OpChangeRole, plain), new(account(func(a *reconcile.Account) { a.UserType = reconcile.Admin })), nil, reconcile.OpChangeRole, "user", "admin", true},
		{"member added", members(reconcile.OpAddMember), &plain, &empty, reconcile.OpAddMember, "a member", "no member", false},
		{"member added, members unknown", members(reconcile.OpAddMember), &plain, &hidden, "", "", "", false},
		{"member removed", members(reconcile.OpRemoveMember), &plain, &full, reconcile.OpRemoveMember, "no member", "a member", true},
		{"member removed, group gone", members(reconcile.OpRemoveMember), &plain, &reconcile.Current{}, "", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read := &reconcile.Current{}
			if tt.there != nil {
				read.Accounts = []reconcile.Account{*tt.there}
			}
			tt.o.Result = reconcile.Done
			found := readBack([]reconcile.Outcome{tt.o}, read, tt.groups)
			if tt.op == "" {
				if len(found) > 0 {
					t.Errorf("%+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Change.Op != tt.op || found[0].Sent != tt.sent || found[0].There != tt.isNow || found[0].KeepsAccess() != tt.access {
				t.Errorf("%+v", found)
			}
		})
	}
}
