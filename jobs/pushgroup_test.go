package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestGroupIsJournaled: a group that a push makes is, before it is there.
func TestGroupIsJournaled(t *testing.T) {
	p := newPair(t, 1, func(p *jobs.Pushes) { p.Runner.Policy.CreateGroups = true })
	g, err := p.b.MakeGroup(t.Context(), "r-1", "Fresh")
	if err != nil {
		t.Fatal(err)
	}
	entries := p.entries(t)
	if len(entries) != 3 {
		t.Fatalf("%+v", entries)
	}
	why, intent, outcome := &entries[0], &entries[1], &entries[2]
	if why.Kind != jobs.EntryPush || why.Run == "" || why.Trigger == nil || len(why.Pushed) != 1 || why.Pushed[0].Request != "r-1" {
		t.Errorf("%+v", why)
	}
	if intent.Kind != jobs.EntryIntent || intent.Run != why.Run || outcome.Kind != jobs.EntryOutcome || outcome.Run != why.Run || outcome.Target != g.ID {
		t.Errorf("%+v\n%+v", intent, outcome)
	}
}

// TestGroupOfAnother: a group on which somebody else is at work is not made.
func TestGroupOfAnother(t *testing.T) {
	p := newPair(t, 1, func(p *jobs.Pushes) { p.Runner.Policy.CreateGroups = true })
	subject := jobs.Subject(&reconcile.Change{Op: reconcile.OpCreateGroup, Group: "fresh"})
	if _, err := p.store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "other", Subjects: []string{subject}, Life: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	if g, err := p.b.MakeGroup(t.Context(), "", "Fresh"); !errors.Is(err, jobs.ErrBusy) {
		t.Errorf("%+v %v", g, err)
	}
	if err := p.store.Settle(t.Context(), []jobs.Settled{{Run: "other", Subjects: []string{subject}}}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there
		if g, err := p.b.MakeGroup(t.Context(), "", "Fresh"); err != nil || g.ID == "" {
			t.Errorf("%+v %v", g, err)
		}
	}
}

// TestGroupIsMadeAgain: a group that a rule gives and somebody deleted at Tomorro is made by
// the next push, whoever made it before.
func TestGroupIsMadeAgain(t *testing.T) {
	p := newPair(t, 1, func(p *jobs.Pushes) { p.Runner.Policy.CreateGroups = true })
	p.a.Runner.Policy.CreateGroups = true
	g, err := p.a.MakeGroup(t.Context(), "", "Fresh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteDeleteGroup, Group: g.Name, GroupID: g.ID}); err != nil {
		t.Fatal(err)
	}
	p.town.mu.Lock()
	p.d.Rules[0].Actions[0].Values = []string{"Fresh"}
	p.town.mu.Unlock()
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) > 0 {
		t.Errorf("%+v", l)
	}
}

// ruleless is a OneLogin whose rules cannot be read.
type ruleless struct{ jobs.Looker }

func (r ruleless) Look(ctx context.Context, keys []reconcile.Key) (reconcile.Directory, error) {
	d, err := r.Looker.Look(ctx, keys)
	d.Receipt.Lists, d.Rules = d.Receipt.Lists[:1], nil
	return d, err
}

// TestGroupIsNotDroppedUnknown: a group is not deleted as long as nobody knows which rules
// there are.
func TestGroupIsNotDroppedUnknown(t *testing.T) {
	var readable jobs.Looker
	p := newPair(t, 1, func(p *jobs.Pushes) {
		p.Runner.Policy.CreateGroups, p.Runner.Policy.DeleteGroups = true, true
		readable, p.Looker = p.Looker, ruleless{p.Looker}
	})
	g, err := p.b.MakeGroup(t.Context(), "", "Fresh")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.b.DropGroup(t.Context(), "", g.ID); !errors.Is(err, jobs.ErrNotAllowed) {
		t.Errorf("%v", err)
	}
	p.b.Looker = readable
	if err := p.b.DropGroup(t.Context(), "", g.ID); err != nil {
		t.Error(err)
	}
	if err := p.b.DropGroup(t.Context(), "", g.ID); !errors.Is(err, reconcile.ErrGone) {
		t.Errorf("%v", err)
	}
}

// membersHidden is an AccountReader of a Tomorro that does not show who is in which group.
type membersHidden struct{ jobs.AccountReader }

func (m membersHidden) ReadGroups(ctx context.Context) (reconcile.Current, error) {
	c, err := m.AccountReader.ReadGroups(ctx)
	for i := range c.Groups {
		c.Groups[i].Members = nil
	}
	c.MembersUnknown = true
	return c, err
}

// TestGroupIsNotDroppedUnseen: a group is not deleted as long as nobody knows who is in it.
func TestGroupIsNotDroppedUnseen(t *testing.T) {
	var shown jobs.AccountReader
	p := newPair(t, 1, func(p *jobs.Pushes) {
		p.Runner.Policy.CreateGroups, p.Runner.Policy.DeleteGroups = true, true
		shown, p.Accounts = p.Accounts, membersHidden{p.Accounts}
	})
	g, err := p.b.MakeGroup(t.Context(), "", "Fresh")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.b.DropGroup(t.Context(), "", g.ID); !errors.Is(err, jobs.ErrNotAllowed) {
		t.Errorf("%v", err)
	}
	p.b.Accounts = shown
	if err := p.b.DropGroup(t.Context(), "", g.ID); err != nil {
		t.Error(err)
	}
}

// TestGroupIsNotMade: what Tomorro refused is not answered as if it were done.
func TestGroupIsNotMade(t *testing.T) {
	p := newPair(t, 1, func(p *jobs.Pushes) {
		p.Runner.Policy.CreateGroups, p.Runner.Policy.DeleteGroups = true, true
	})
	p.memory.Fail = func(reconcile.Write) reconciletest.Fault { return reconciletest.Refuses }
	if g, err := p.b.MakeGroup(t.Context(), "", "Fresh"); !errors.Is(err, jobs.ErrNotDone) {
		t.Errorf("%+v %v", g, err)
	}
	p.memory.Fail = nil
	g, err := p.b.MakeGroup(t.Context(), "", "Fresh")
	if err != nil {
		t.Fatal(err)
	}
	p.memory.Fail = func(reconcile.Write) reconciletest.Fault { return reconciletest.Refuses }
	if err := p.b.DropGroup(t.Context(), "", g.ID); !errors.Is(err, jobs.ErrNotDone) {
		t.Errorf("%v", err)
	}
}
