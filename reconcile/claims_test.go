package reconcile_test

import (
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawDoubtfulAccountIsNotTouched: what the mark says is one person's and the link
// another's stays as it is, also when one of them, or both, have left.
func TestLawDoubtfulAccountIsNotTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Filter(func(w *reconciletest.World) bool { return len(w.Current.Accounts) > 0 }).Draw(t, "world")
		a := &w.Current.Accounts[rapid.IntRange(0, len(w.Current.Accounts)-1).Draw(t, "account")]
		key := rapid.SampledFrom([]reconcile.Key{1, 2, 3, 4, 5, 100, 101})
		marked := key.Draw(t, "marked")
		linked := key.Filter(func(k reconcile.Key) bool { return k != marked }).Draw(t, "linked")
		a.ExternalID, a.Active = reconcile.ExternalID(marked), true
		w.Links[linked] = a.ID
		for _, c := range reconcile.Decide(w.Input()).Changes {
			if c.Account == a.ID {
				t.Fatalf("%s of the account of users %d and %d, for user %d", c.Op, marked, linked, c.Key)
			}
		}
	})
}

// TestLawAddressOfSomebodyAtWork: somebody in OneLogin who has no access and never had an
// account, but the address of somebody who has access, changes nothing for anybody.
func TestLawAddressOfSomebodyAtWork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		wants, _ := reconcile.Desired(&w.Directory, &w.Policy)
		var working []string
		for i := range wants {
			if wants[i].Active && wants[i].Hold == "" {
				working = append(working, wants[i].Person.Email)
			}
		}
		if len(working) == 0 {
			return
		}
		plain := reconcile.Decide(w.Input())
		w.Directory.People = append(w.Directory.People, reconcile.Person{Key: reconcile.Key(rapid.SampledFrom([]int{50, 200}).Draw(t, "key")),
			Email: rapid.SampledFrom(working).Draw(t, "email"), FirstName: "Not", LastName: "Here", Status: 1, Licence: reconcile.Approved})
		more := reconcile.Decide(w.Input())
		if a, b := bytesOfChanges(plain), bytesOfChanges(more); a != b {
			t.Fatalf("without:\n%s\nwith:\n%s", a, b)
		}
	})
}

func bytesOfChanges(p reconcile.Plan) string {
	p.Counts, p.Notes = reconcile.Counts{}, nil
	return render(p)
}
