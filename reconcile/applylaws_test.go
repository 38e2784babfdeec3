package reconcile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// losing makes a world in which nothing but a failure keeps what people have, and many
// have something to lose.
func losing(t *rapid.T, w *reconciletest.World) {
	w.Policy.Protect, w.Policy.APIAccount, w.Policy.DefaultSubstitute, w.Policy.ScopeRoles = nil, "", "", nil
	w.Policy.GroupMode = reconcile.Exclusive
	for i := range w.Directory.Receipt.Lists {
		w.Directory.Receipt.Lists[i].Why = ""
	}
	for i := range w.Directory.People {
		p := &w.Directory.People[i]
		p.Assigned, p.Unread = rapid.Bool().Draw(t, "assigned"), 0
		p.Title = rapid.SampledFrom([]string{"user", "manager", "admin"}).Draw(t, "title")
	}
}

// TestLawLeaversHaveAStandIn: whatever fails, nobody lost access whom the default
// substitute cannot stand in for afterwards.
func TestLawLeaversHaveAStandIn(t *testing.T) {
	rank := []reconcile.UserType{reconcile.Viewer, reconcile.User, reconcile.Manager, reconcile.Admin}
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Allow, w.Policy.Approve, w.Policy.MinAdmins = nil, nil, 0
		losing(t, w)
		w.Policy.DefaultSubstitute = rapid.SampledFrom([]string{"p1@x.io", "p2@x.io", "other0@x.io"}).Draw(t, "substitute")
		for i := range w.Directory.People[:min(2, len(w.Directory.People))] { // who may have to be made fit first
			p := &w.Directory.People[i]
			p.Email, p.Title, p.Status, p.Licence, p.Assigned = "p"+p.Key.String()+"@x.io", "admin", 1, reconcile.Approved, true
		}
		name := reconcile.Fold(w.Policy.DefaultSubstitute)
		memory := reconciletest.NewMemory(w.Current)
		memory.Fail = func(reconcile.Write) reconciletest.Fault {
			return reconciletest.Fault(rapid.IntRange(0, 3).Draw(t, "fault"))
		}
		plan := planOf(w)
		if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Canary: rapid.IntRange(0, 4).Draw(t, "canary")}); err != nil {
			t.Fatal(err)
		}
		after, _ := memory.Read(t.Context())
		at := slices.IndexFunc(w.Current.Accounts, func(a reconcile.Account) bool { return reconcile.Fold(a.UserName) == name })
		best := -1 // the rank of an active substitute, by either address
		for _, a := range after.Accounts {
			if a.Active && (reconcile.Fold(a.UserName) == name || at >= 0 && a.ID == w.Current.Accounts[at].ID) {
				best = max(best, slices.Index(rank, a.UserType))
			}
		}
		for _, a := range w.Current.Accounts {
			left := !slices.ContainsFunc(after.Accounts, func(b reconcile.Account) bool { return b.ID == a.ID && b.Active })
			if a.Active && left && best < slices.Index(rank, a.UserType) {
				t.Fatalf("%s (%s) was removed, and %s has rank %d:\n%s", a.UserName, a.UserType, name, best, render(plan))
			}
		}
	})
}

// TestLawAFailureKeepsWhatIsLeft: once a change of a person or of a group failed,
// nothing is taken from them in that run; and after any failure no group is deleted.
func TestLawAFailureKeepsWhatIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Allow, w.Policy.Approve, w.Policy.MinAdmins, w.Policy.DeleteGroups = nil, nil, 0, true
		losing(t, w)
		memory := reconciletest.NewMemory(w.Current)
		people, groups := make(map[reconcile.Key]bool), make(map[string]bool)
		memory.Fail = func(write reconcile.Write) reconciletest.Fault { // drawn in one goroutine: concurrency is 1
			for _, c := range write.Changes {
				removes := c.Op.Removes() || c.Op == reconcile.OpChangeRole && c.Before.Active && c.Before.UserType == reconcile.Admin
				if removes && (people[c.Key] || groups[c.GroupID] || c.Op == reconcile.OpDeleteGroup && len(people)+len(groups) > 0) {
					t.Fatalf("%s of %s in group %q after an earlier failure", c.Op, c.Who, c.Group)
				}
			}
			fault := reconciletest.Fault(rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "fault"))
			if fault != reconciletest.Works {
				for _, c := range write.Changes {
					if c.Key != 0 {
						people[c.Key] = true
					}
				}
				if write.GroupID != "" {
					groups[write.GroupID] = true
				}
			}
			return fault
		}
		if _, err := reconcile.Apply(t.Context(), planOf(w), memory, &reconciletest.Log{}, reconcile.ApplyOptions{MembersPerWrite: 1}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLawEnoughAdminsStay: in companies that lose many admins and make few, whatever
// fails, no run leaves fewer than min_admins unless there were no more before.
func TestLawEnoughAdminsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Allow, w.Policy.Approve, w.Policy.DefaultSubstitute, w.Policy.MinAdmins = nil, nil, "", rapid.IntRange(1, 3).Draw(t, "least")
		for i := range w.Directory.Receipt.Lists {
			w.Directory.Receipt.Lists[i].Why = ""
		}
		for i := range w.Directory.People {
			w.Directory.People[i].Title = rapid.SampledFrom([]string{"user", "manager", "admin"}).Draw(t, "title")
		}
		for i := range w.Current.Accounts {
			w.Current.Accounts[i].Active = rapid.Bool().Draw(t, "active")
			w.Current.Accounts[i].UserType = rapid.SampledFrom([]reconcile.UserType{reconcile.User, reconcile.Admin}).Draw(t, "type")
		}
		memory := reconciletest.NewMemory(w.Current)
		faults := rapid.IntRange(0, 3).Draw(t, "faults")
		memory.Fail = func(reconcile.Write) reconciletest.Fault {
			return reconciletest.Fault(rapid.IntRange(0, faults).Draw(t, "fault"))
		}
		plan := planOf(w)
		if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		after, _ := memory.Read(t.Context())
		if before, left := admins(&w.Current), admins(&after); left < before && left < w.Policy.MinAdmins {
			t.Fatalf("%d admins of %d are left, min_admins is %d:\n%s", left, before, w.Policy.MinAdmins, render(plan))
		}
	})
}
