package reconcile_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// The laws of the core, over generated worlds. Run them longer with
// -rapid.checks=10000.

func planOf(w *reconciletest.World) reconcile.Plan {
	plan := reconcile.Guard(reconcile.Decide(w.Input()), &w.Policy)
	said := reconciletest.Testify(&w.Directory, plan.ToConfirm())
	return reconcile.Guard(reconcile.Confirm(plan, said, &w.Policy), &w.Policy)
}

// applied makes the plan's changes in memory and gives the world as the next
// run would see it.
func applied(t *rapid.T, w *reconciletest.World, plan reconcile.Plan, fail func(reconcile.Write) reconciletest.Fault) (*reconciletest.World, reconcile.Result, *reconciletest.Memory) {
	memory := reconciletest.NewMemory(w.Current)
	memory.Fail = fail
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 3, MembersPerWrite: 2})
	if fail == nil && (err != nil || len(result.Problems) > 0) {
		t.Fatalf("apply: %v, %+v", err, result.Problems)
	}
	next := *w
	next.Current, _ = memory.Read(t.Context())
	next.Links = remember(w.Links, plan.Links, result.Links)
	return &next, result, memory
}

func bytesOf(t *rapid.T, p reconcile.Plan) []byte {
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLawSecondRunWritesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		first := planOf(w)
		next, _, _ := applied(t, w, first, nil)
		if first.Count()[reconcile.OpDelete] > 0 {
			// Deletions come last, and free addresses that others may wait for.
			next, _, _ = applied(t, next, planOf(next), nil)
		}
		if second := planOf(next); !second.Empty() {
			t.Fatalf("first plan:\n%s\nsecond plan:\n%s", render(first), render(second))
		}
	})
}

func TestLawSameInputSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		want := bytesOf(t, planOf(w))
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		other := *w
		other.Directory.People = shuffled(rnd, w.Directory.People)
		other.Current.Accounts = shuffled(rnd, w.Current.Accounts)
		other.Current.Groups = shuffled(rnd, w.Current.Groups)
		for i := range other.Current.Groups {
			other.Current.Groups[i].Members = shuffled(rnd, other.Current.Groups[i].Members)
		}
		if got := bytesOf(t, planOf(&other)); !bytes.Equal(got, want) {
			t.Fatalf("the order of the input shows:\n%s\n%s", got, want)
		}
	})
}

func shuffled[T any](rnd *rand.Rand, in []T) []T {
	out := slices.Clone(in)
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// memberships lists an account's groups.
func memberships(c *reconcile.Current, id string) []string {
	var in []string
	for _, g := range c.Groups {
		if slices.Contains(g.Members, id) {
			in = append(in, g.ID)
		}
	}
	return in
}

func TestLawForeignOutsideAndProtectedAreNeverTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		approveAll(t, w)
		next, _, _ := applied(t, w, planOf(w), nil)
		for _, a := range w.Current.Accounts {
			if why := untouchable(w, a); why != "" {
				i := slices.IndexFunc(next.Current.Accounts, func(b reconcile.Account) bool { return b.ID == a.ID })
				if i < 0 || next.Current.Accounts[i] != a || !slices.Equal(memberships(&w.Current, a.ID), memberships(&next.Current, a.ID)) {
					t.Fatalf("%s account %+v was changed", why, a)
				}
			}
		}
	})
}

// untouchable says, from the raw world, why an account must stay as it is.
func untouchable(w *reconciletest.World, a reconcile.Account) string {
	for _, p := range w.Policy.Protect {
		if reconcile.Fold(p) == reconcile.Fold(a.UserName) {
			return "protected"
		}
		if p == "group:Legal" && slices.Contains(memberships(&w.Current, a.ID), "g-1") {
			return "protected by a group"
		}
	}
	if w.Policy.APIAccount != "" && reconcile.Fold(w.Policy.APIAccount) == reconcile.Fold(a.UserName) {
		return "the API's"
	}
	if _, marked := reconcile.ParseExternalID(a.ExternalID); marked {
		return ""
	}
	for _, id := range w.Links {
		if id == a.ID {
			return ""
		}
	}
	for _, p := range w.Directory.People {
		if reconcile.Fold(p.Email) == reconcile.Fold(a.UserName) {
			if len(w.Policy.ScopeRoles) > 0 && w.Directory.Receipt.Read(reconcile.ListRoles) && !slices.Contains(p.Roles, 1) && !p.Unread.Has(reconcile.FieldRoles) {
				continue
			}
			return ""
		}
	}
	return "foreign or out of scope"
}

func TestLawIncompletePullRemovesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		i := rapid.IntRange(0, len(w.Directory.Receipt.Lists)-1).Draw(t, "list")
		w.Directory.Receipt.Lists[i].Why = "cut short"
		if i == 0 { // half the people are missing
			w.Directory.People = w.Directory.People[:len(w.Directory.People)/2]
		}
		approveAll(t, w)
		next, _, _ := applied(t, w, planOf(w), nil)
		for _, a := range w.Current.Accounts {
			j := slices.IndexFunc(next.Current.Accounts, func(b reconcile.Account) bool { return b.ID == a.ID })
			if j < 0 || a.Active && !next.Current.Accounts[j].Active {
				t.Fatalf("%+v was removed on an incomplete pull", a)
			}
			for _, g := range memberships(&w.Current, a.ID) {
				if !slices.Contains(memberships(&next.Current, a.ID), g) {
					t.Fatalf("%+v was removed from %s on an incomplete pull", a, g)
				}
			}
		}
	})
}

func TestLawLimitsAndAdmins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Spent = map[reconcile.Limit]int{reconcile.LimitDeactivate: rapid.IntRange(0, 2).Draw(t, "spent")}
		plan := planOf(w)
		fail := func(reconcile.Write) reconciletest.Fault {
			return reconciletest.Fault(rapid.IntRange(0, 3).Draw(t, "fault"))
		}
		memory := reconciletest.NewMemory(w.Current)
		memory.Fail = fail // drawn in one goroutine: concurrency is 1
		opts := reconcile.ApplyOptions{MembersPerWrite: 2, Canary: rapid.IntRange(0, 4).Draw(t, "canary")}
		if _, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, opts); err != nil {
			t.Fatal(err)
		}
		after, _ := memory.Read(t.Context())
		lost := map[reconcile.Limit]int{}
		for _, a := range w.Current.Accounts {
			j := slices.IndexFunc(after.Accounts, func(b reconcile.Account) bool { return b.ID == a.ID })
			switch {
			case j < 0:
				lost[reconcile.LimitDelete]++
			case a.Active && !after.Accounts[j].Active:
				lost[reconcile.LimitDeactivate]++
			}
		}
		for l, n := range lost {
			if most := w.Policy.Limits.Allow[l].Max; most != nil && n+w.Policy.Spent[l] > *most && n > 0 {
				t.Fatalf("%s: %d after %d spent, and the limit is %d", l, n, w.Policy.Spent[l], *most)
			}
		}
		for _, g := range w.Current.Groups {
			lost := 0
			for _, m := range g.Members {
				if j := slices.IndexFunc(after.Groups, func(b reconcile.Group) bool { return b.ID == g.ID }); j < 0 || !slices.Contains(after.Groups[j].Members, m) {
					lost++
				}
			}
			if most := w.Policy.Limits.Allow[reconcile.LimitRemoveFromGroup].Max; most != nil && lost > *most && plan.Count()[reconcile.OpDelete] == 0 {
				t.Fatalf("group %s lost %d, and the limit is %d", g.Name, lost, *most)
			}
		}
		if before, left := admins(&w.Current), admins(&after); left < before && left < w.Policy.MinAdmins {
			t.Fatalf("%d admins of %d are left, min_admins is %d", left, before, w.Policy.MinAdmins)
		}
	})
}

func admins(c *reconcile.Current) int {
	n := 0
	for _, a := range c.Accounts {
		if a.Active && a.UserType == reconcile.Admin {
			n++
		}
	}
	return n
}

// TestLawFaultsConverge breaks writes in every way and then runs again without
// faults: the end is the one an undisturbed run reaches.
func TestLawFaultsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Allow = nil // what a limit holds may depend on what a fault left to do
		w.Policy.MinAdmins = 0
		w.Policy.Protect, w.Policy.APIAccount = nil, "" // an account whose creation was not heard of is protected from then on
		undisturbed := settled(t, w)

		memory := reconciletest.NewMemory(w.Current)
		memory.Fail = func(reconcile.Write) reconciletest.Fault {
			return reconciletest.Fault(rapid.IntRange(0, 4).Draw(t, "fault"))
		}
		plan := planOf(w)
		opts := reconcile.ApplyOptions{MembersPerWrite: 2, Canary: rapid.IntRange(0, 4).Draw(t, "canary")}
		result, _ := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, opts)
		next := *w
		next.Current, _ = memory.Read(t.Context())
		next.Links = remember(w.Links, plan.Links, result.Links)
		repaired := settled(t, &next)
		if got, want := stateOf(&repaired.Current), stateOf(&undisturbed.Current); !slices.Equal(got, want) {
			t.Fatalf("ends elsewhere:\n%v\n%v", got, want)
		}
	})
}

// settled runs until nothing is left to do; two runs must do, see
// TestLawSecondRunWritesNothing.
func settled(t *rapid.T, w *reconciletest.World) *reconciletest.World {
	for range 2 {
		w, _, _ = applied(t, w, planOf(w), nil)
	}
	if third := planOf(w); !third.Empty() {
		t.Fatalf("does not settle:\n%s", render(third))
	}
	return w
}

// stateOf describes a state without the ids that differ between two runs.
func stateOf(c *reconcile.Current) []string {
	names := make(map[string]string)
	var out []string
	for _, a := range c.Accounts {
		names[a.ID] = a.UserName
		a.ID = ""
		data, _ := json.Marshal(a)
		out = append(out, string(data))
	}
	for _, g := range c.Groups {
		var members []string
		for _, m := range g.Members {
			members = append(members, names[m])
		}
		slices.Sort(members)
		data, _ := json.Marshal([]any{reconcile.Fold(g.Name), members})
		out = append(out, string(data))
	}
	slices.Sort(out)
	return out
}

// TestLawWritesAreFew: one request per changed person, one per group and chunk,
// and each change travels exactly once.
func TestLawWritesAreFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan := planOf(w)
		_, result, memory := applied(t, w, plan, nil)
		perPerson, most := map[reconcile.Key]int{}, 1
		for _, c := range plan.Changes {
			// Somebody may wait for the address of an admin who is demoted last.
			if c.Op == reconcile.OpRename && c.Before.UserType == reconcile.Admin {
				most = 2
			}
		}
		perGroup := map[string]int{}
		carried := 0
		for _, write := range memory.Writes() {
			carried += len(write.Changes)
			switch write.Op {
			case reconcile.WriteMembers:
				perGroup[write.GroupID] += len(write.Changes)
				if len(write.Changes) > 2 {
					t.Fatalf("%d members in one request of at most 2", len(write.Changes))
				}
			case reconcile.WriteCreateUser, reconcile.WriteUpdateUser, reconcile.WriteDeleteUser:
				if perPerson[write.Changes[0].Key]++; perPerson[write.Changes[0].Key] > most {
					t.Fatalf("more than %d writes for %s", most, write.Changes[0].Who)
				}
			}
		}
		requests := 0
		for _, n := range perPerson {
			requests += n
		}
		for _, n := range perGroup {
			requests += (n + 1) / 2
		}
		for _, c := range plan.Changes {
			if c.Op == reconcile.OpCreateGroup || c.Op == reconcile.OpDeleteGroup {
				requests++
			}
		}
		if got := len(memory.Writes()); got != requests || carried != len(plan.Changes) {
			t.Fatalf("%d requests for %d, %d changes carried of %d", got, requests, carried, len(plan.Changes))
		}
		done := 0
		for _, n := range result.Done {
			done += n
		}
		if done != len(plan.Changes) {
			t.Fatalf("%d changes reported done of %d", done, len(plan.Changes))
		}
	})
}
