package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// settledWorld is what Tomorro has after a process died.
func settledWorld() *reconcile.Current {
	return &reconcile.Current{
		Accounts: []reconcile.Account{
			{ID: "a1", UserName: "ann@x.io", GivenName: "A", FamilyName: "N", UserType: "user", Active: true, ExternalID: "onelogin:1"},
			{ID: "a2", UserName: "bob@x.io", UserType: "admin", Active: false},
		},
		Groups: []reconcile.Group{{ID: "g1", Name: "Légal", Members: []string{"a1"}}},
	}
}

func TestSettle(t *testing.T) {
	create := func(name string, key reconcile.Key) reconcile.Write {
		return reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: name}, Changes: []reconcile.Change{{Op: reconcile.OpCreate, Key: key}}}
	}
	update := func(before, after reconcile.Account) reconcile.Write {
		before.ID, after.ID = "a2", "a2"
		return reconcile.Write{Op: reconcile.WriteUpdateUser, Before: before, Account: after}
	}
	elsewhere := func(before, after reconcile.Account) reconcile.Write {
		before.ID, after.ID = "a8", "a8"
		return reconcile.Write{Op: reconcile.WriteUpdateUser, Before: before, Account: after}
	}
	members := func(id string, add, remove []string) reconcile.Write {
		return reconcile.Write{Op: reconcile.WriteMembers, GroupID: id, Add: add, Remove: remove}
	}
	bob := reconcile.Account{UserName: "bob@x.io", UserType: "admin"}
	active, other := bob, bob
	active.Active, other.UserType = true, "viewer"
	owner := map[string]reconcile.Key{"a2": 2}
	for name, c := range map[string]struct {
		write      reconcile.Write
		result, id string
	}{
		"created":                 {create("ANN@x.io", 1), reconcile.Done, "a1"},
		"not created":             {create("cyd@x.io", 3), reconcile.NotDone, ""},
		"marked as another's":     {create("ann@x.io", 9), reconcile.NotDone, ""},
		"linked to another":       {create("bob@x.io", 9), reconcile.NotDone, ""},
		"linked to the same":      {create("bob@x.io", 2), reconcile.Done, "a2"},
		"updated":                 {update(active, bob), reconcile.Done, "a2"},
		"not updated":             {update(bob, active), reconcile.NotDone, ""},
		"somebody else updated":   {update(active, other), reconcile.Uncertain, "a2"},
		"deactivated, not listed": {elsewhere(active, bob), reconcile.Done, "a8"},
		"renamed, not listed":     {elsewhere(active, active), reconcile.NotDone, ""},
		"inactive, not listed":    {elsewhere(bob, bob), reconcile.NotDone, ""},
		"deleted":                 {reconcile.Write{Op: reconcile.WriteDeleteUser, Account: reconcile.Account{ID: "a7"}}, reconcile.Done, "a7"},
		"not deleted":             {reconcile.Write{Op: reconcile.WriteDeleteUser, Account: reconcile.Account{ID: "a1"}}, reconcile.NotDone, ""},
		"group created":           {reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "LE\u0301gal"}, reconcile.Done, "g1"},
		"group not created":       {reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "Sales"}, reconcile.NotDone, ""},
		"group deleted":           {reconcile.Write{Op: reconcile.WriteDeleteGroup, GroupID: "g9"}, reconcile.Done, "g9"},
		"group not deleted":       {reconcile.Write{Op: reconcile.WriteDeleteGroup, GroupID: "g1"}, reconcile.NotDone, ""},
		"members written":         {members("g1", []string{"a1"}, []string{"a2"}), reconcile.Done, "g1"},
		"members not written":     {members("g1", []string{"a2"}, []string{"a1"}), reconcile.NotDone, "g1"},
		"members partly written":  {members("g1", []string{"a1", "a2"}, nil), reconcile.Uncertain, "g1"},
		"members of a gone group": {members("g9", []string{"a1"}, nil), reconcile.Uncertain, ""},
	} {
		if o := reconcile.Settle(c.write, settledWorld(), owner); o.Result != c.result || o.ID != c.id {
			t.Errorf("%s: %s %q, want %s %q", name, o.Result, o.ID, c.result, c.id)
		}
	}
	unknown := settledWorld()
	unknown.MembersUnknown = true
	if o := reconcile.Settle(members("g1", []string{"a1"}, nil), unknown, nil); o.Result != reconcile.Uncertain {
		t.Errorf("members that cannot be read: %s", o.Result)
	}
}

// TestLawSettleTellsTheTruth: over generated worlds, a write whose answer was lost
// is found done if it took effect, and not done if it did not.
func TestLawSettleTellsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		memory := reconciletest.NewMemory(w.Current)
		plan := reconcile.Decide(w.Input())
		plan = reconcile.Guard(reconcile.Confirm(plan, reconciletest.Testify(&w.Directory, plan.ToConfirm()), &w.Policy), &w.Policy)
		fault := rapid.SampledFrom([]reconciletest.Fault{reconciletest.LosesAnswer, reconciletest.LosesWrite}).Draw(t, "fault")
		at, n := rapid.IntRange(0, 20).Draw(t, "at"), 0
		var lost *reconcile.Write
		memory.Fail = func(w reconcile.Write) reconciletest.Fault {
			if n++; n-1 == at {
				lost = &w
				return fault
			}
			return reconciletest.Works
		}
		stop := &reconciletest.Log{Break: func(n int) error {
			if n > at+1 {
				return errors.New("the process died")
			}
			return nil
		}}
		_, _ = reconcile.Apply(context.Background(), plan, memory, stop, reconcile.ApplyOptions{})
		if lost == nil {
			return // fewer writes than that, or it failed for another reason
		}
		now, _ := memory.Read(context.Background())
		owner := make(map[string]reconcile.Key)
		for key, account := range w.Links {
			owner[account] = key
		}
		o := reconcile.Settle(*lost, &now, owner)
		if fault == reconciletest.LosesAnswer && o.Result == reconcile.NotDone {
			t.Fatalf("%+v took effect and was found %s", lost, o.Result)
		}
		if fault == reconciletest.LosesWrite && o.Result == reconcile.Done && !idle(lost) {
			t.Fatalf("%+v did not take effect and was found done", lost)
		}
	})
}

// idle tells a write whose wanted state may have been there before: an account
// whose mark alone changes.
func idle(w *reconcile.Write) bool {
	a, b := w.Account, w.Before
	a.ExternalID, b.ExternalID = "", ""
	return w.Op == reconcile.WriteUpdateUser && a == b
}

// newer says that somebody else wrote some people meanwhile.
type newer struct {
	reconciletest.Log
	keys []reconcile.Key
}

func (n *newer) Intent(ctx context.Context, w reconcile.Write) (string, error) {
	var who []int
	for i := range w.Changes {
		if slices.Contains(n.keys, w.Changes[i].Key) {
			who = append(who, i)
		}
	}
	if len(who) > 0 {
		return "", &reconcile.NewerError{Changes: who}
	}
	return n.Log.Intent(ctx, w)
}

// TestApplyLeavesOutWhoWasWrittenMeanwhile, and only them: of a group's members
// the others are written.
func TestApplyLeavesOutWhoWasWrittenMeanwhile(t *testing.T) {
	current := reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "G"}}}
	d := people("a@x.io", "b@x.io", "c@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"G"}}}}}
	for i, a := range []string{"a", "b", "c"} {
		current.Accounts = append(current.Accounts, reconcile.Account{ID: a, UserName: a + "@x.io", GivenName: "F", FamilyName: "L",
			UserType: "user", Active: true, ExternalID: fmt.Sprintf("onelogin:%d", i+1)})
	}
	plan := decide(d, current, open())
	if len(plan.Changes) != 3 {
		t.Fatalf("%+v %+v", plan.Changes, plan.Held)
	}
	memory := reconciletest.NewMemory(current)
	result, err := reconcile.Apply(t.Context(), plan, memory, &newer{keys: []reconcile.Key{2}}, reconcile.ApplyOptions{MembersPerWrite: 100})
	if err != nil || result.Done[reconcile.OpAddMember] != 2 || result.Skipped[reconcile.OpAddMember] != 1 {
		t.Fatalf("%v %+v", err, result)
	}
	if got, _ := memory.Read(t.Context()); !slices.Equal(got.Groups[0].Members, []string{"a", "c"}) || len(memory.Writes()) != 1 {
		t.Errorf("members %v in %d writes", got.Groups[0].Members, len(memory.Writes()))
	}
}

// slow takes its time, and says how the write's context ended.
type slow struct {
	begun chan struct{}
	ended chan error
	takes time.Duration
}

func (s *slow) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	close(s.begun)
	select {
	case <-ctx.Done():
		s.ended <- context.Cause(ctx)
		return reconcile.Written{}, errors.Join(context.Cause(ctx), reconcile.ErrUncertain)
	case <-time.After(s.takes):
		s.ended <- nil
		return reconcile.Written{ID: "a1"}, nil
	}
}

// TestApplyStopsInGoodOrder: asked to stop, the write under way may end within
// the grace, and nothing new is begun. Any other end is at once.
func TestApplyStopsInGoodOrder(t *testing.T) {
	lost := errors.New("the lock was lost")
	for name, c := range map[string]struct {
		cause error
		takes time.Duration
		grace time.Duration
		done  int
	}{
		"within the grace": {reconcile.ErrStopping, 20 * time.Millisecond, time.Minute, 1},
		"after the grace":  {reconcile.ErrStopping, time.Minute, 20 * time.Millisecond, 0},
		"for a reason":     {lost, time.Minute, time.Minute, 0},
	} {
		plan := decide(people("a@x.io", "b@x.io"), reconcile.Current{}, open())
		ctx, cancel := context.WithCancelCause(t.Context())
		s := &slow{begun: make(chan struct{}), ended: make(chan error, 1), takes: c.takes}
		go func() { <-s.begun; cancel(c.cause) }()
		log := &reconciletest.Log{}
		result, err := reconcile.Apply(ctx, plan, s, log, reconcile.ApplyOptions{Grace: c.grace})
		if !errors.Is(err, c.cause) || result.Done[reconcile.OpCreate] != c.done || result.Skipped[reconcile.OpCreate] != 1 || len(log.Outcomes) != len(log.Intents) {
			t.Errorf("%s: %v %+v, %d intents, %d outcomes", name, err, result, len(log.Intents), len(log.Outcomes))
		}
		if why := <-s.ended; (why == nil) != (c.done == 1) {
			t.Errorf("%s: the write ended with %v", name, why)
		}
	}
}
