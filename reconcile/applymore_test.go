package reconcile_test

import (
	"errors"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// made applies a plan, with one member a request, and gives what was sent.
func made(t *testing.T, plan reconcile.Plan, c reconcile.Current, fault reconciletest.Fault, of func(reconcile.Write) bool) ([]reconcile.Write, reconcile.Current) {
	t.Helper()
	memory := reconciletest.NewMemory(c)
	memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if of(w) {
			return fault
		}
		return reconciletest.Works
	}
	if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{MembersPerWrite: 1}); err != nil {
		t.Fatal(err)
	}
	after, _ := memory.Read(t.Context())
	return memory.Writes(), after
}

func nothingFails(reconcile.Write) bool { return false }

// TestMarksFollow: a write marks the account as its person's. Another system's mark stays.
func TestMarksFollow(t *testing.T) {
	t.Parallel()
	for mark, want := range map[string]string{"": reconcile.ExternalID(1), reconcile.ExternalID(7): reconcile.ExternalID(1), "okta-12": "okta-12"} {
		d, policy := people("ann@x.io"), open()
		policy.Adoption.Owners = map[string]reconcile.Key{"a1": 1}
		c := reconcile.Current{Accounts: []reconcile.Account{{ID: "a1", UserName: "ann@x.io", GivenName: "Before", FamilyName: "L", UserType: "user", Active: true, ExternalID: mark}}}
		if _, after := made(t, decide(d, c, policy), c, reconciletest.Works, nothingFails); after.Accounts[0].ExternalID != want || after.Accounts[0].GivenName != "F" {
			t.Errorf("mark %q became %+v", mark, after.Accounts[0])
		}
	}
}

// TestSplitSaysWhatWasBefore: of two requests about one person, the second says what the
// first has left, or what became of it could not be told later.
func TestSplitSaysWhatWasBefore(t *testing.T) {
	t.Parallel()
	d := people("new@x.io", "old@x.io") // user 2 gets the address that 1 had
	c := reconcile.Current{Accounts: []reconcile.Account{{ID: "a1", UserName: "old@x.io", GivenName: "F", FamilyName: "L", UserType: "admin", Active: true, ExternalID: reconcile.ExternalID(1)}}}
	writes, _ := made(t, decide(d, c, open()), c, reconciletest.Works, nothingFails)
	if len(writes) != 3 {
		t.Fatalf("%+v", writes)
	}
	for i, w := range []reconcile.Write{writes[0], writes[2]} {
		was, becomes := []string{"old@x.io", "new@x.io"}[i], []reconcile.UserType{reconcile.Admin, reconcile.User}[i]
		if w.Before.UserName != was || w.Before.UserType != reconcile.Admin || w.Account.UserName != "new@x.io" || w.Account.UserType != becomes {
			t.Errorf("request %d: %+v", i+1, w)
		}
	}
}

// TestWhatAFailureStops: after a failed change of somebody they stay admin, after one of a
// group nobody is taken out of it, and nobody gets an address that was not given up.
func TestWhatAFailureStops(t *testing.T) {
	t.Parallel()
	rule := func(group string) []reconcile.Rule {
		return []reconcile.Rule{{ID: 1, Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "5"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{group}}}}}
	}
	for name, c := range map[string]struct {
		edit   func(d *reconcile.Directory, c *reconcile.Current)
		fails  func(reconcile.Write) bool
		writes int
	}{
		"a membership, and they were to be admin no longer": {func(d *reconcile.Directory, c *reconcile.Current) {
			c.Accounts[0].UserType, d.People[0].Roles, d.Rules, c.Groups = reconcile.Admin, []int64{5}, rule("g"), []reconcile.Group{{ID: "g", Name: "g"}}
		}, func(w reconcile.Write) bool { return w.Op == reconcile.WriteMembers }, 1},
		"an addition to a group that somebody else was to leave": {func(d *reconcile.Directory, c *reconcile.Current) {
			d.People[0].Roles, d.Rules, c.Groups = []int64{5}, rule("g"), []reconcile.Group{{ID: "g", Name: "g", Members: []string{"a2"}}}
		}, func(w reconcile.Write) bool { return len(w.Add) > 0 }, 1},
		"the change of an address that somebody else was to get": {func(d *reconcile.Directory, c *reconcile.Current) {
			c.Accounts[0].UserName, c.Accounts[1].UserName = "bob@x.io", "before@x.io"
		}, func(w reconcile.Write) bool { return w.Account.ID == "a1" }, 1},
		"nothing": {func(d *reconcile.Directory, c *reconcile.Current) {
			c.Accounts[0].UserName, c.Accounts[1].UserName = "bob@x.io", "before@x.io"
		}, nothingFails, 2},
	} {
		for _, fault := range []reconciletest.Fault{reconciletest.Refuses, reconciletest.LosesWrite} {
			d, current := people("ann@x.io", "bob@x.io"), reconcile.Current{Accounts: []reconcile.Account{
				{ID: "a1", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true, ExternalID: reconcile.ExternalID(1)},
				{ID: "a2", UserName: "bob@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true, ExternalID: reconcile.ExternalID(2)}}}
			c.edit(d, &current)
			if writes, _ := made(t, decide(d, current, open()), current, fault, c.fails); len(writes) != c.writes {
				t.Errorf("%s, fault %d: %d requests, want %d: %+v", name, fault, len(writes), c.writes, writes)
			}
		}
	}
}

// TestDroppedChangeIsNotSent: what else is to change of somebody whose new address was not
// given up is sent without that address.
func TestDroppedChangeIsNotSent(t *testing.T) {
	t.Parallel()
	d, c := people("ann@x.io", "bob@x.io"), reconcile.Current{Accounts: []reconcile.Account{
		{ID: "a1", UserName: "bob@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true, ExternalID: reconcile.ExternalID(1)},
		{ID: "a2", UserName: "before@x.io", GivenName: "Before", FamilyName: "L", UserType: "user", Active: true, ExternalID: reconcile.ExternalID(2)}}}
	writes, _ := made(t, decide(d, c, open()), c, reconciletest.Refuses, func(w reconcile.Write) bool { return w.Account.ID == "a1" })
	if len(writes) != 2 || writes[1].Account.UserName != "before@x.io" || writes[1].Account.GivenName != "F" || len(writes[1].Changes) != 1 {
		t.Errorf("%+v", writes)
	}
}

// TestUpdatesThatGoWrong: refused credentials end the run whatever was being written, and
// of what nobody answered it is said that nobody knows.
func TestUpdatesThatGoWrong(t *testing.T) {
	t.Parallel()
	c := reconcile.Current{Accounts: []reconcile.Account{
		{ID: "a1", UserName: "a@x.io", GivenName: "Before", FamilyName: "L", UserType: "user", Active: true, ExternalID: reconcile.ExternalID(1)},
		{ID: "a2", UserName: "b@x.io", GivenName: "Before", FamilyName: "L", UserType: "user", Active: true, ExternalID: reconcile.ExternalID(2)}}}
	for fault, want := range map[reconciletest.Fault]struct {
		writes int
		result string
	}{reconciletest.Forbids: {1, reconcile.Failed}, reconciletest.LosesWrite: {2, reconcile.Uncertain}, reconciletest.LosesAnswer: {2, reconcile.Uncertain}} {
		memory := reconciletest.NewMemory(c)
		memory.Fail = func(reconcile.Write) reconciletest.Fault { return fault }
		result, err := reconcile.Apply(t.Context(), decide(people("a@x.io", "b@x.io"), c, open()), memory, &reconciletest.Log{}, reconcile.ApplyOptions{})
		if errors.Is(err, reconcile.ErrRefused) != (fault == reconciletest.Forbids) || len(memory.Writes()) != want.writes || result.Problems[0].Result != want.result {
			t.Errorf("fault %d: %v, %d requests, %+v", fault, err, len(memory.Writes()), result.Problems)
		}
	}
}
