package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

var byAnn = jobs.Trigger{By: "undo", Who: "ann"}

// undoRig is a company whose runs can be undone, with a group and a rule for all.
func undoRig(t *testing.T) *rig {
	r := newRig(t)
	r.runner.Reader, r.runner.Pins = r.store, r.store
	r.runner.Policy.Limits.Allow = nil
	r.runner.Policy.CreateGroups = true
	r.source.d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	return r
}

func (r *rig) undo(t *testing.T, what jobs.UndoWhat) (jobs.Report, reconcile.Plan) {
	t.Helper()
	var plan reconcile.Plan
	report, err := r.runner.Undo(t.Context(), byAnn, what, func(p reconcile.Plan) (bool, error) { plan = p; return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	return report, plan
}

func (r *rig) account(t *testing.T, name string) reconcile.Account {
	t.Helper()
	now, err := r.memory.Read(t.Context())
	i := slices.IndexFunc(now.Accounts, func(a reconcile.Account) bool { return a.UserName == name })
	if err != nil || i < 0 {
		t.Fatalf("nobody is called %s: %+v %v", name, now.Accounts, err)
	}
	return now.Accounts[i]
}

func (r *rig) kinds(t *testing.T, run string) []jobs.EntryKind {
	t.Helper()
	entries, err := r.store.Entries(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []jobs.EntryKind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// pinnedByAnn holds that pins, and the journal, say who undid what.
func (r *rig) pinnedByAnn(t *testing.T, run string, people int) {
	t.Helper()
	pins, err := r.store.Pins(t.Context())
	if err != nil || len(pins) != people {
		t.Errorf("%+v %v", pins, err)
	}
	for key, pin := range pins {
		if pin.By != byAnn.Who || pin.Run != run || pin.At.IsZero() {
			t.Errorf("%s is pinned by %q of run %s, not by who undid it", key, pin.By, pin.Run)
		}
	}
	entries, err := r.store.Entries(t.Context(), run)
	if err != nil || entries[1].Trigger == nil || entries[1].Trigger.Who != byAnn.Who {
		t.Errorf("the journal of the pins: %+v %v", entries, err)
	}
}

// TestUndoARun: everything that it did is taken back, once; who was concerned
// stays so through the nights that follow, until released.
func TestUndoARun(t *testing.T) {
	r := undoRig(t)
	r.reconcile(t)
	before, _ := r.memory.Read(t.Context())
	r.source.d.People[0].Title, r.source.d.People[1].Email, r.source.d.People[2].Assigned = "admin", "bob.ray@x.io", false
	wrong := r.reconcile(t)
	report, _ := r.undo(t, jobs.UndoWhat{Run: wrong.Run})
	if report.Exit != jobs.ExitDone || report.Done[reconcile.OpChangeRole] != 1 || report.Done[reconcile.OpRename] != 1 || report.Done[reconcile.OpReactivate] != 1 {
		t.Errorf("%+v", report)
	}
	if after, _ := r.memory.Read(t.Context()); !slices.Equal(after.Accounts, before.Accounts) {
		t.Errorf("%+v\n%+v", after.Accounts, before.Accounts)
	}
	if kinds := r.kinds(t, report.Run); !slices.Equal(kinds[:2], []jobs.EntryKind{jobs.EntryBegin, jobs.EntryPin}) {
		t.Errorf("who is pinned comes before the first write: %v", kinds)
	}
	r.pinnedByAnn(t, report.Run, 3)
	for range 2 { // nights
		night := r.reconcile(t)
		if len(night.Planned) != 0 || night.Held[reconcile.HoldDecided] != 3 || night.Exit != jobs.ExitDone {
			t.Errorf("the next night: %+v", night)
		}
	}
	again, _ := r.undo(t, jobs.UndoWhat{Run: wrong.Run})
	if len(again.Planned) != 0 || again.Exit != jobs.ExitDone {
		t.Errorf("undone twice: %+v", again)
	}
	keys, err := jobs.Release(t.Context(), r.store, byAnn, "bob@x.io", time.Now())
	if err != nil || !slices.Equal(keys, []reconcile.Key{2}) {
		t.Errorf("released %v %v", keys, err)
	}
	if night := r.reconcile(t); night.Done[reconcile.OpRename] != 1 || night.Held[reconcile.HoldDecided] != 2 {
		t.Errorf("one released: %+v", night)
	}
	if keys, err = jobs.Release(t.Context(), r.store, byAnn, "", time.Now()); err != nil || len(keys) != 2 {
		t.Errorf("released %v %v", keys, err)
	}
	if night := r.reconcile(t); night.Done[reconcile.OpChangeRole] != 1 || night.Done[reconcile.OpDeactivate] != 1 || len(night.Planned) != 2 {
		t.Errorf("all released: %+v", night)
	}
	if _, err := jobs.Release(t.Context(), r.store, byAnn, "1", time.Now()); !errors.Is(err, jobs.ErrNotPinned) {
		t.Errorf("released twice: %v", err)
	}
}

// TestUndoTheFirstRun: accounts end inactive, the group that was made is gone, and
// is not made again for people who are pinned.
func TestUndoTheFirstRun(t *testing.T) {
	r := undoRig(t)
	first := r.reconcile(t)
	_, plan := r.undo(t, jobs.UndoWhat{Run: first.Run})
	now, _ := r.memory.Read(t.Context())
	for _, a := range now.Accounts {
		if a.Active {
			t.Errorf("%+v is active", a)
		}
	}
	if len(now.Groups) != 0 || len(plan.Notes) != 3 {
		t.Errorf("groups %+v, notes %+v", now.Groups, plan.Notes)
	}
	if night := r.reconcile(t); len(night.Planned) != 0 {
		t.Errorf("the next night: %+v", night)
	}
}

// TestUndoAPerson: the last run that wrote them, which an undo is not; or one run;
// or all of them.
func TestUndoAPerson(t *testing.T) {
	r := undoRig(t)
	first := r.reconcile(t)
	for _, title := range []string{"manager", "admin"} {
		r.source.d.People[0].Title, r.source.d.People[1].Title = title, title
		r.reconcile(t)
	}
	role := func() reconcile.UserType {
		now, _ := r.memory.Read(t.Context())
		return now.Accounts[slices.IndexFunc(now.Accounts, func(a reconcile.Account) bool { return a.UserName == "ann@x.io" })].UserType
	}
	if report, _ := r.undo(t, jobs.UndoWhat{User: "ANN@x.io"}); report.Done[reconcile.OpChangeRole] != 1 || len(report.Planned) != 1 || role() != "manager" {
		t.Errorf("%+v, role %s", report, role())
	}
	if report, _ := r.undo(t, jobs.UndoWhat{User: "1"}); len(report.Planned) != 0 {
		t.Errorf("twice: %+v", report)
	}
	if report, _ := r.undo(t, jobs.UndoWhat{User: "1", AllRuns: true}); role() != "user" || report.Done[reconcile.OpDeactivate] != 1 || report.Done[reconcile.OpRemoveMember] != 1 {
		t.Errorf("all runs: %+v, role %s", report, role())
	}
	if report, _ := r.undo(t, jobs.UndoWhat{User: "cyd@x.io", Run: first.Run}); report.Done[reconcile.OpDeactivate] != 1 || report.Done[reconcile.OpRemoveMember] != 1 || len(report.Planned) != 2 {
		t.Errorf("one run: %+v", report)
	}
	if pins, err := r.store.Pins(t.Context()); err != nil || len(pins) != 2 || pins[1].By != "ann" {
		t.Errorf("pins %+v %v", pins, err)
	}
}

func TestUndoOfNothing(t *testing.T) {
	r := undoRig(t)
	r.reconcile(t)
	quiet := r.reconcile(t)
	for what, want := range map[jobs.UndoWhat]error{
		{Run: "no such run"}:                      jobs.ErrNoRun,
		{User: "nobody@x.io"}:                     jobs.ErrNobody,
		{User: "ann@x.io", Run: quiet.Run}:        jobs.ErrNothingDone,
		{User: "ann@x.io", Run: "no such run"}:    jobs.ErrNoRun,
		{User: "nobody@x.io", Run: quiet.Run}:     jobs.ErrNobody,
		{User: "nobody@x.io", AllRuns: true}:      jobs.ErrNobody,
		{User: "somebody", Run: "no such either"}: jobs.ErrNobody,
	} {
		if _, err := r.runner.Undo(t.Context(), byAnn, what, yes); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", what, err, want)
		}
	}
	if report, _ := r.undo(t, jobs.UndoWhat{Run: quiet.Run}); len(report.Planned) != 0 || report.Exit != jobs.ExitDone {
		t.Errorf("a run that did nothing: %+v", report)
	}
}

// TestUndoIsGuardedAndAsks: a limit holds it, a no leaves no pin, and what was held
// pins nobody.
func TestUndoIsGuardedAndAsks(t *testing.T) {
	r := undoRig(t)
	first := r.reconcile(t)
	one := 1
	r.runner.Policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitDeactivate: {Max: &one}, reconcile.LimitRemoveMember: {Max: &one}}
	writes := len(r.memory.Writes())
	report, _ := r.undo(t, jobs.UndoWhat{Run: first.Run})
	if report.Exit != jobs.ExitHeld || len(report.Planned) != 0 || len(r.memory.Writes()) != writes {
		t.Errorf("%+v", report)
	}
	r.runner.Policy.Limits.Allow = nil
	if report, err := r.runner.Undo(t.Context(), byAnn, jobs.UndoWhat{Run: first.Run}, func(reconcile.Plan) (bool, error) { return false, nil }); err != nil || report.Run != "" {
		t.Errorf("declined: %+v %v", report, err)
	}
	if pins, err := r.store.Pins(t.Context()); err != nil || len(pins) != 0 || len(r.memory.Writes()) != writes {
		t.Errorf("pins %+v %v, %d writes", pins, err, len(r.memory.Writes())-writes)
	}
}

// TestUndoPinsFirst: everybody is pinned before the first write.
func TestUndoPinsFirst(t *testing.T) {
	r := undoRig(t)
	first := r.reconcile(t)
	writes := len(r.memory.Writes())
	r.memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if pins, err := r.store.Pins(t.Context()); err != nil || len(pins) != 3 {
			t.Errorf("a write comes before its pin: %+v %v", pins, err)
		}
		return reconciletest.Refuses
	}
	if report, _ := r.undo(t, jobs.UndoWhat{Run: first.Run}); report.Exit != jobs.ExitFailed || len(r.memory.Writes()) == writes {
		t.Errorf("%+v", report)
	}
}

// TestUndoOfARunThatDied: what it left open is settled first, and then undone.
func TestUndoOfARunThatDied(t *testing.T) {
	r := undoRig(t)
	r.reconcile(t)
	r.source.d.People[0].Title = "admin"
	r.runner.Ledger = &dying{Ledger: r.store}
	_, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes)
	if err == nil {
		t.Fatal("the run did not die")
	}
	r.runner.Ledger = r.store
	runs, err := r.store.Runs(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	report, _ := r.undo(t, jobs.UndoWhat{Run: runs[0].Begin.Run})
	if len(report.Settled) != 1 || report.Done[reconcile.OpChangeRole] != 1 {
		t.Errorf("%+v", report)
	}
}

// TestUndoOfWhatNobodyKnew: what became of a run's writes may be known only since a later one
// looked. An undo goes by that: it takes back what was made, and nothing that was not.
func TestUndoOfWhatNobodyKnew(t *testing.T) {
	for fault, want := range map[reconciletest.Fault]int{reconciletest.LosesWrite: 0, reconciletest.LosesAnswer: 3} {
		r := undoRig(t)
		r.source.d.Rules = nil
		r.memory.Fail = func(reconcile.Write) reconciletest.Fault { return fault }
		lost := r.reconcile(t)
		r.memory.Fail = nil
		if lost.Failed[reconcile.OpCreate] != 3 {
			t.Fatalf("%+v", lost)
		}
		r.reconcile(t) // which settles that, and makes who is not there
		report, plan := r.undo(t, jobs.UndoWhat{Run: lost.Run})
		if report.Done[reconcile.OpDeactivate] != want || len(plan.Held) != 0 {
			t.Errorf("fault %d: done %v, held %+v", fault, report.Done, plan.Held)
		}
	}
}

// dying cannot store any outcome.
type dying struct{ jobs.Ledger }

// TestUndoAfterErasure: the values of somebody who was erased from the journal are
// never written.
func TestUndoAfterErasure(t *testing.T) {
	r := undoRig(t)
	r.reconcile(t)
	r.source.d.People[0].Email, r.source.d.People[0].LastName, r.source.d.People[0].Title = "ann.ray@x.io", "Ray", "admin"
	run := r.reconcile(t)
	who, err := jobs.FindPerson(t.Context(), r.store, "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Erase(t.Context(), who.Eraser(), jobs.Entry{Kind: jobs.EntryErase, Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	report, plan := r.undo(t, jobs.UndoWhat{Run: run.Run})
	if report.Done[reconcile.OpChangeRole] != 1 || len(report.Planned) != 1 || len(plan.Held) != 2 {
		t.Errorf("%+v %+v", report, plan.Held)
	}
	now, _ := r.memory.Read(t.Context())
	for _, a := range now.Accounts {
		if strings.Contains(a.UserName+a.GivenName+a.FamilyName, jobs.Erased) {
			t.Errorf("%+v", a)
		}
	}
}

func (d *dying) Settle(context.Context, []jobs.Settled) error { return errors.New("the process died") }

// TestUndoLeavesWhoHasTheAccountNow: what a run did to an account that is somebody else's now
// stays, however that is known.
func TestUndoLeavesWhoHasTheAccountNow(t *testing.T) {
	for name, forget := range map[string]bool{"by what somebody said": false, "by its mark": true} {
		t.Run(name, func(t *testing.T) {
			r := undoRig(t)
			first := r.reconcile(t)
			a := r.account(t, "ann@x.io")
			r.source.d.People[0].Key, r.source.d.People[0].Title = 50, "manager" // which writes the account, and its mark
			if err := r.store.DecideAdoption(t.Context(), a.ID, reconcile.AdoptionDecision{Key: 50, Former: 1, By: "ann", At: time.Now()}); err != nil {
				t.Fatal(err)
			}
			r.reconcile(t)
			if forget {
				if err := r.store.UndecideAdoption(t.Context(), a.ID); err != nil {
					t.Fatal(err)
				}
			}
			a = r.account(t, "ann@x.io")
			report, plan := r.undo(t, jobs.UndoWhat{Run: first.Run})
			if now := r.account(t, "ann@x.io"); report.Done[reconcile.OpDeactivate] != 2 || now != a {
				t.Errorf("%+v, and %+v is %+v", report, a, now)
			}
			staysWith(t, &plan, a.ID, 50)
		})
	}
}

// TestRegroupOfTwo: the yes of one person approves a migration, but not where it takes two.
func TestRegroupOfTwo(t *testing.T) {
	for _, two := range []bool{true, false} {
		r := undoRig(t)
		r.reconcile(t)
		c, err := r.memory.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteMembers, GroupID: c.Groups[0].ID, Remove: []string{r.account(t, "ann@x.io").ID}}); err != nil {
			t.Fatal(err)
		}
		r.runner.Policy.Approve, r.runner.Policy.FourEyes = []string{"update"}, two
		given, err := r.runner.Regroup(t.Context(), byAnn, yes)
		if err != nil || (given.Done[reconcile.OpAddMember] == 0) != two {
			t.Errorf("%+v %v", given, err)
		}
	}
}

// TestUndoOfWhatAnAddressSaid: the same where nothing but an address said whose the account
// was, and all that says so now is what is remembered.
func TestUndoOfWhatAnAddressSaid(t *testing.T) {
	r := undoRig(t)
	r.memory = reconciletest.NewMemory(reconcile.Current{Groups: []reconcile.Group{{ID: "g", Name: "Legal"}},
		Accounts: []reconcile.Account{{ID: "a", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: reconcile.User, Active: true}}})
	r.runner.Target = r.memory
	given, err := r.runner.Regroup(t.Context(), byAnn, yes)
	if err != nil || given.Done[reconcile.OpAddMember] != 1 {
		t.Fatalf("%+v %v", given, err)
	}
	people := r.source.d.People
	people[0].Email, people[1].Email = "ann.ray@x.io", "ann@x.io"
	r.reconcile(t)
	a := r.account(t, "ann@x.io")
	a.ExternalID = ""
	if _, err := r.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a}); err != nil {
		t.Fatal(err)
	}
	_, plan := r.undo(t, jobs.UndoWhat{Run: given.Run})
	staysWith(t, &plan, "a", people[1].Key)
}

// staysWith holds that an undo leaves an account alone, and says whose it is.
func staysWith(t *testing.T, plan *reconcile.Plan, account string, key reconcile.Key) {
	t.Helper()
	for _, c := range plan.Changes {
		if c.Account == account {
			t.Errorf("takes from %s: %+v", key, c)
		}
	}
	reason := fmt.Sprintf("the account is OneLogin user %s's now, so it stays as it is", key)
	if !slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.Account == account && h.Reason == reason }) {
		t.Errorf("held %+v", plan.Held)
	}
}
