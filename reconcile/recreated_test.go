package reconcile_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// recreate deletes a person of a world in OneLogin and makes them again under another id.
func recreate(w *reconciletest.World, i int) (former, now reconcile.Key) {
	former, now = w.Directory.People[i].Key, 50
	w.Directory.People[i].Key = now
	return former, now
}

// atWork are the folded addresses of people who should have an account, or are in no scope,
// and have none.
func atWork(w *reconciletest.World, plan *reconcile.Plan) map[string]bool {
	has := make(map[reconcile.Key]bool)
	for i := range w.Current.Accounts {
		if key, owned := plan.Owner(w.Current.Accounts[i].ID); owned {
			has[key] = true
		}
	}
	wants, _ := reconcile.Desired(&w.Directory, &w.Policy)
	addresses := make(map[string]bool)
	for i := range wants {
		if want := &wants[i]; want.MayWork() && !has[want.Person.Key] {
			addresses[reconcile.Fold(want.Person.Email)] = true
		}
	}
	return addresses
}

// TestLawRecreatedKeepTheirAccounts: whoever is somebody else for OneLogin now, and still
// works here, loses no account, and nobody gets it; once somebody has said that they are
// the same, it is theirs, with a mark that says so as soon as it is written.
func TestLawRecreatedKeepTheirAccounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Filter(func(w *reconciletest.World) bool { return len(w.Directory.People) > 0 }).Draw(t, "world")
		w.Policy.Approve = nil // its reason has the plan's id
		former, now := recreate(w, rapid.IntRange(0, len(w.Directory.People)-1).Draw(t, "who"))
		plan := planOf(w)
		waiting, known := atWork(w, &plan), make(map[reconcile.Key]bool)
		for i := range w.Directory.People {
			known[w.Directory.People[i].Key] = true
		}
		for i := range plan.Changes {
			c := &plan.Changes[i]
			if (c.Op == reconcile.OpDeactivate || c.Op == reconcile.OpDelete) && !known[c.Key] && waiting[reconcile.Fold(c.Before.UserName)] {
				t.Fatalf("somebody at work has the address of what is taken away:\n%s", render(plan))
			}
		}
		for i := range w.Current.Accounts {
			a := &w.Current.Accounts[i]
			owner, owned := plan.Owner(a.ID)
			if owned && owner == now && (w.Links[former] == a.ID || a.ExternalID == reconcile.ExternalID(former)) {
				t.Fatalf("nobody said that account %s is %d's:\n%s", a.ID, now, render(plan))
			}
			if owner == former && waiting[reconcile.Fold(a.UserName)] {
				decided(t, w, a.ID, former, now)
				return
			}
		}
	})
}

// decided says that an account is the same person's under another id, and makes a run. It
// is the one of a world in which it always was.
func decided(t *rapid.T, w *reconciletest.World, account string, former, now reconcile.Key) {
	always := *w
	always.Links, always.Current.Accounts = maps.Clone(w.Links), slices.Clone(w.Current.Accounts)
	delete(always.Links, former)
	always.Links[now] = account
	for i := range always.Current.Accounts {
		if a := &always.Current.Accounts[i]; a.ID == account && a.ExternalID != "" {
			a.ExternalID = reconcile.ExternalID(now)
		}
	}
	if rapid.Bool().Draw(t, "the link is gone") {
		delete(w.Links, former)
	}
	w.Links[now] = account
	w.Policy.Adoption.Owners = map[string]reconcile.Key{account: now}
	plan := planOf(w)
	if is, want := render(plan), render(planOf(&always)); is != want {
		t.Fatalf("account %s is said to be %d's:\n%swant\n%s", account, now, is, want)
	}
	written := false
	for i := range plan.Changes {
		c := &plan.Changes[i]
		written = written || c.Account == account && c.Op != reconcile.OpAddMember && c.Op != reconcile.OpRemoveMember
	}
	next, _, _ := applied(t, w, plan, nil)
	for i := range next.Current.Accounts {
		a := &next.Current.Accounts[i]
		if marked, ours := reconcile.ParseExternalID(a.ExternalID); a.ID == account && written && ours && marked != now {
			t.Fatalf("account %s was written, and is still marked as %d's", account, marked)
		}
	}
}

// TestLawCensusIsOfOneLogin: what a pull is counted as does not depend on what Tomorro has,
// so that whom something is held of do not look like people who vanished.
func TestLawCensusIsOfOneLogin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		empty := *w
		empty.Current = reconcile.Current{Groups: w.Current.Groups}
		if with, without := reconcile.Decide(w.Input()).Census, reconcile.Decide(empty.Input()).Census; !reflect.DeepEqual(with, without) {
			t.Fatalf("counted as %+v with accounts, and as %+v without", with, without)
		}
	})
}

// TestConfirmChangesNoOtherPlan: what OneLogin answers about one copy of a plan is not known
// to another.
func TestConfirmChangesNoOtherPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Filter(func(w *reconciletest.World) bool { return len(w.Directory.People) > 1 }).Draw(t, "world")
		recreate(w, 0)
		plan := reconcile.Decide(w.Input())
		before := render(reconcile.Guard(plan, &w.Policy))
		var said []reconcile.Testimony
		for _, key := range plan.ToConfirm() {
			said = append(said, reconcile.Testimony{Key: key, Answer: reconcile.WitnessGone, Successor: 99})
		}
		reconcile.Confirm(plan, said, &w.Policy)
		if after := render(reconcile.Guard(plan, &w.Policy)); after != before {
			t.Fatalf("the plan was\n%sand is\n%s", before, after)
		}
	})
}

// TestTwinOfTheRecreated: somebody made again in OneLogin keeps the account that they had,
// also while another one with their address waits for a decision.
func TestTwinOfTheRecreated(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"a1", "a2"} {
		current, policy := twins(), open()
		in := reconcile.Input{Directory: people("ann@x.io"), Current: &current, Policy: policy, Links: map[reconcile.Key]string{9: own}}
		plan := reconcile.Guard(reconcile.Decide(in), policy)
		if len(plan.Changes) != 0 || plan.HeldBy(reconcile.HoldApproval) != 1 {
			t.Errorf("their own is %s: planned %+v, held %+v", own, plan.Changes, plan.Held)
		}
	}
}
