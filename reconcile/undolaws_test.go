package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// history makes runs over a world that can fail in every way, and gives what they
// did, where that ended, and whose writes got no answer. Between two runs OneLogin
// changes.
func history(t *rapid.T, w *reconciletest.World) (next *reconciletest.World, done []reconcile.Change, lost map[[2]string]bool) {
	lost = make(map[[2]string]bool)
	for i := range rapid.IntRange(1, 2).Draw(t, "runs") {
		if i > 0 {
			happen(t, w)
		}
		memory := reconciletest.NewMemory(w.Current)
		memory.Fail = func(reconcile.Write) reconciletest.Fault {
			return reconciletest.Fault(max(0, rapid.IntRange(-6, 3).Draw(t, "fault")))
		}
		plan, log := planOf(w), &reconciletest.Log{}
		result, err := reconcile.Apply(t.Context(), plan, memory, log, reconcile.ApplyOptions{MembersPerWrite: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range log.Outcomes {
			effects := reconcile.Effects(o.Write, o.Result, o.ID)
			for _, c := range effects {
				lost[[2]string{c.GroupID, c.Account}] = lost[[2]string{c.GroupID, c.Account}] || o.Result == reconcile.Uncertain
			}
			done = append(done, effects...)
		}
		next := *w
		next.Current, _ = memory.Read(t.Context())
		next.Links = remember(w.Links, plan.Links, result.Links)
		w = &next
	}
	return w, done, lost
}

// happen changes what OneLogin says of some people.
func happen(t *rapid.T, w *reconciletest.World) {
	w.Directory.People = slices.Clone(w.Directory.People)
	for i := range w.Directory.People {
		p := &w.Directory.People[i]
		switch rapid.IntRange(0, 6).Draw(t, "happens") {
		case 0:
			p.Title = rapid.SampledFrom([]string{"admin", "manager", "user"}).Draw(t, "new title")
		case 1:
			p.Assigned = !p.Assigned
		case 2:
			p.LastName += " Jr"
		case 3:
			p.Email = fmt.Sprintf("q%d@x.io", rapid.IntRange(1, 12).Draw(t, "new address"))
		case 4:
			p.Roles = nil
		}
	}
}

// edited changes some values by hand.
func edited(t *rapid.T, c reconcile.Current) reconcile.Current {
	c.Accounts, c.Groups = slices.Clone(c.Accounts), slices.Clone(c.Groups)
	hand := func() bool { return rapid.IntRange(0, 5).Draw(t, "by hand") == 0 }
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if hand() {
			a.UserName = "hand-" + a.ID + "@x.io"
		}
		if hand() {
			a.GivenName = "By hand"
		}
		if hand() {
			a.UserType = "by hand"
		}
		if hand() {
			a.Active = !a.Active
		}
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		g.Members = slices.Clone(g.Members)
		for _, a := range c.Accounts {
			if !hand() {
				continue
			}
			if j, in := slices.BinarySearch(g.Members, a.ID); in {
				g.Members = slices.Delete(g.Members, j, j+1)
			} else {
				g.Members = slices.Insert(g.Members, j, a.ID)
			}
		}
	}
	return c
}

// undone takes back what was done, and gives the plan and where that ended.
func undone(t *rapid.T, done []reconcile.Change, current reconcile.Current) (reconcile.Plan, reconcile.Current) {
	policy := &reconcile.Policy{Pinned: map[reconcile.Key]string{1: "an undo passes pins", 2: "an undo passes pins"}}
	plan := reconcile.Guard(reconcile.Undo(done, &current, undoing), policy)
	memory := reconciletest.NewMemory(current)
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 3, MembersPerWrite: 2})
	if err != nil || len(result.Problems) > 0 {
		t.Fatalf("undo: %v, %+v\n%s", err, result.Problems, render(plan))
	}
	after, _ := memory.Read(t.Context())
	return plan, after
}

// values are those of one account that an undo takes back one by one.
func values(a *reconcile.Account) map[string]string {
	return map[string]string{"e-mail": reconcile.Fold(a.UserName), "role": string(a.UserType), "name": a.GivenName + " " + a.FamilyName, "active": fmt.Sprint(a.Active)}
}

func find(c *reconcile.Current, id string) *reconcile.Account {
	if i := slices.IndexFunc(c.Accounts, func(a reconcile.Account) bool { return a.ID == id }); i >= 0 {
		return &c.Accounts[i]
	}
	return nil
}

func in(c *reconcile.Current, group, account string) bool {
	i := slices.IndexFunc(c.Groups, func(g reconcile.Group) bool { return g.ID == group })
	return i >= 0 && slices.Contains(c.Groups[i].Members, account)
}

// TestLawUndoRestores: after any runs with any faults, and any hand edits since, an
// undo brings back each value and membership that was there before, unless somebody
// changed it since, which it never touches. (But who makes by hand exactly what a
// write wanted that got no answer cannot be told from that write.) What it says it cannot take back is
// all that is left; taken back twice is nothing more.
func TestLawUndoRestores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		was := w.Current
		next, done, lost := history(t, w)
		ran, hand := next.Current, next.Current
		if rapid.Bool().Draw(t, "hand edits") {
			hand = edited(t, ran)
		}
		plan, now := undone(t, done, hand)
		told := func(account string, ops ...reconcile.Op) bool {
			return slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.Account == account && slices.Contains(ops, h.Op) })
		}
		for i := range now.Accounts {
			a := &now.Accounts[i]
			before, after, changed := find(&was, a.ID), find(&ran, a.ID), find(&hand, a.ID)
			have, want := values(a), values(changed)
			for name, v := range values(after) {
				switch {
				case want[name] != v && name == "active" && lost[[2]string{"", a.ID}]:
					want[name] = have[name]
				case want[name] != v: // somebody's own
				case before != nil:
					want[name] = values(before)[name]
				case name == "active" && a.ExternalID != "" && !told(a.ID, reconcile.OpDeactivate):
					want[name] = "false" // it was made by a run
				}
				if have[name] == want[name] || before == nil && name != "active" {
					continue
				}
				if name == "e-mail" && told(a.ID, reconcile.OpRename) || name == "active" && told(a.ID, reconcile.OpReactivate, reconcile.OpDeactivate) || have[name] == v && told(a.ID, reconcile.OpChangeRole, reconcile.OpRename, reconcile.OpUpdateName) {
					continue
				}
				t.Fatalf("%s of %s: was %+v, ran %+v, by hand %+v, now %q, want %q\n%s", name, a.ID, before, after, changed, have[name], want[name], render(plan))
			}
		}
		membershipsRestored(t, &was, &ran, &hand, &now, plan, lost)
		if again, _ := undone(t, done, now); !again.Empty() {
			t.Fatalf("taken back twice:\n%s\nafter\n%s", render(again), render(plan))
		}
	})
}

func membershipsRestored(t *rapid.T, was, ran, hand, now *reconcile.Current, plan reconcile.Plan, lost map[[2]string]bool) {
	for _, g := range hand.Groups {
		for _, a := range hand.Accounts {
			want := in(hand, g.ID, a.ID)
			switch {
			case want != in(ran, g.ID, a.ID) && lost[[2]string{g.ID, a.ID}]:
				continue
			case want == in(ran, g.ID, a.ID):
				want = in(was, g.ID, a.ID)
			}
			told := slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.GroupID == g.ID && h.Account == a.ID })
			if have := in(now, g.ID, a.ID); have != want && !told {
				t.Fatalf("%s in %s: was %v, ran %v, by hand %v, now %v\n%s", a.ID, g.ID, in(was, g.ID, a.ID), in(ran, g.ID, a.ID), in(hand, g.ID, a.ID), have, render(plan))
			}
		}
		existed := slices.ContainsFunc(was.Groups, func(o reconcile.Group) bool { return o.ID == g.ID })
		exists := slices.ContainsFunc(now.Groups, func(o reconcile.Group) bool { return o.ID == g.ID })
		told := slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.GroupID == g.ID })
		if exists != existed && !told {
			t.Fatalf("group %s: was there %v, is there %v\n%s", g.ID, existed, exists, render(plan))
		}
	}
}
