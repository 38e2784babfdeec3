package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawCanaryChangesNothingElse: with a few people first, a run sends the same
// and ends in the same state as without.
func TestLawCanaryChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan, canary := planOf(w), rapid.IntRange(1, 4).Draw(t, "canary")
		first, rest := plan.Canary(canary)
		if n := peopleIn(first); n > canary || len(first) == 0 && len(rest) != len(plan.Changes) {
			t.Fatalf("%d people of at most %d go first; %d changes are left of %d", n, canary, len(rest), len(plan.Changes))
		}
		run := func(canary int) ([]string, []string) {
			memory, opts := reconciletest.NewMemory(w.Current), reconcile.ApplyOptions{MembersPerWrite: 2, Canary: canary}
			checked := 0
			opts.Check = func(context.Context) error { checked++; return nil }
			result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, opts)
			if err != nil || len(result.Problems) > 0 || checked != min(len(first)*canary, 1) {
				t.Fatalf("%v, %+v, checked %d times", err, result.Problems, checked)
			}
			after, _ := memory.Read(t.Context())
			return stateOf(&after), requests(memory.Writes())
		}
		wholeState, wholeRequests := run(0)
		state, sent := run(canary)
		if !slices.Equal(state, wholeState) || !slices.Equal(sent, wholeRequests) {
			t.Fatalf("first %v\nends with\n%v\nnot\n%v\nsent\n%v\nnot\n%v", first, state, wholeState, sent, wholeRequests)
		}
	})
}

func peopleIn(changes []reconcile.Change) int {
	keys := make(map[reconcile.Key]bool)
	for _, c := range changes {
		if c.Key != 0 {
			keys[c.Key] = true
		}
	}
	return len(keys)
}

// requests describes what was sent, with memberships one by one: a group may get
// two requests where it got one, and new ids follow the order.
func requests(writes []reconcile.Write) []string {
	var all []string
	for _, w := range writes {
		if w.Op == reconcile.WriteMembers {
			for _, c := range w.Changes {
				all = append(all, fmt.Sprint(c.Op, c.Who, reconcile.Fold(c.Group)))
			}
			continue
		}
		all = append(all, fmt.Sprint(w.Op, w.Account, w.Group, len(w.Changes)))
	}
	slices.Sort(all)
	return all
}

// TestLawCanaryStops: when one of the first fails, or they are not found as they
// should be, nothing of the rest is sent.
func TestLawCanaryStops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan := planOf(w)
		first, rest := plan.Canary(2)
		if len(first) == 0 {
			return
		}
		memory := reconciletest.NewMemory(w.Current)
		opts := reconcile.ApplyOptions{Canary: 2}
		fails := rapid.Bool().Draw(t, "a write fails")
		if fails {
			works := rapid.IntRange(0, 1).Draw(t, "which work")
			memory.Fail = func(reconcile.Write) reconciletest.Fault {
				if works--; works >= 0 {
					return reconciletest.Works
				}
				return reconciletest.Refuses
			}
		}
		checked := false
		opts.Check = func(context.Context) error { checked = true; return errors.New("it is not there") }
		result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, opts)
		sent := 0
		for _, write := range memory.Writes() {
			sent += len(write.Changes)
		}
		if checked && len(result.Failed) > 0 {
			t.Fatalf("read back although %v failed", result.Failed)
		}
		stopped := 0
		for _, p := range result.Problems {
			if errors.Is(p.Err, reconcile.ErrCanary) {
				stopped += len(p.Write.Changes)
			}
		}
		if err != nil || sent > len(first) || stopped != len(rest) {
			t.Fatalf("%v: %d changes sent of the %d that go first, %d kept back of %d", err, sent, len(first), stopped, len(rest))
		}
	})
}

// TestCanaryWaitsForTheSubstitute: nobody leaves among the first while the default
// substitute, who inherits, is only made fit for it by the rest.
func TestCanaryWaitsForTheSubstitute(t *testing.T) {
	d, policy := people("ann@x.io", "bob@x.io", "zoe@x.io"), open()
	policy.DefaultSubstitute = "zoe@x.io"
	var current reconcile.Current
	for i := range d.People {
		p := &d.People[i]
		p.Title = "manager"
		current.Accounts = append(current.Accounts, reconcile.Account{ID: fmt.Sprint("a", i), UserName: p.Email, GivenName: p.FirstName, FamilyName: p.LastName, UserType: "user", Active: true})
	}
	d.People[0].Status, current.Accounts[0].UserType = 2, "manager"
	memory := reconciletest.NewMemory(current)
	plan := decide(d, current, policy)
	if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Canary: 2}); err != nil {
		t.Fatal(err)
	}
	sent := memory.Writes()
	if len(sent) != 3 || sent[2].Account.UserName != "ann@x.io" || sent[2].Account.Active {
		t.Errorf("Ann leaves last, after Zoe is manager: %+v", sent)
	}
}

// TestCanarySpreads: one of each kind before two of any.
func TestCanarySpreads(t *testing.T) {
	var p reconcile.Plan
	for i := range 40 {
		op := []reconcile.Op{reconcile.OpCreate, reconcile.OpUpdateName, reconcile.OpAddMember, reconcile.OpDeactivate}[i%4]
		a := reconcile.Account{UserName: fmt.Sprintf("p%d@x.io", i), Active: true}
		p.Changes = append(p.Changes, reconcile.Change{Op: op, Key: reconcile.Key(i + 1), Before: &a, After: &a})
	}
	first, _ := p.Canary(8)
	n := make(map[reconcile.Op]int)
	for _, c := range first {
		n[c.Op]++
	}
	for _, op := range []reconcile.Op{reconcile.OpCreate, reconcile.OpUpdateName, reconcile.OpAddMember, reconcile.OpDeactivate} {
		if n[op] != 2 {
			t.Errorf("%v", n)
		}
	}
	if first, rest := p.Canary(40); len(first) != 0 || len(rest) != 40 {
		t.Errorf("a canary of 40 for 40 people: %d and %d", len(first), len(rest))
	}
	if first, _ := p.Canary(0); len(first) != 0 {
		t.Errorf("no canary: %d", len(first))
	}
}

// TestOneFailureOfTheCanaryStops: one failed change of those who go first is enough, also
// where everybody else's of them was made.
func TestOneFailureOfTheCanaryStops(t *testing.T) {
	t.Parallel()
	plan := decide(people("a@x.io", "b@x.io", "c@x.io", "d@x.io", "e@x.io"), reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{})
	memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if w.Account.UserName == "a@x.io" {
			return reconciletest.Refuses
		}
		return reconciletest.Works
	}
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Canary: 3})
	if err != nil || len(memory.Writes()) != 3 || result.Done[reconcile.OpCreate] != 2 || result.Skipped[reconcile.OpCreate] != 2 {
		t.Errorf("%v, %d requests, %+v", err, len(memory.Writes()), result)
	}
}
