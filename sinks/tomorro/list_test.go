package tomorro

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

// TestListsAreSorted: whatever order a service lists in, items are in order of their ids,
// each with what is its own.
func TestListsAreSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab1-")), 1, 3, -1), 0, 40).Draw(t, "ids")
		accounts := make([]reconcile.Account, len(ids))
		for i, id := range ids {
			accounts[i] = reconcile.Account{ID: id, UserName: "of " + id}
		}
		l := &lister[user, reconcile.Account]{kind: accountList(nil)}
		l.sort(accounts)
		slices.Sort(ids)
		for i, a := range accounts {
			if a.ID != ids[i] || a.UserName != "of "+a.ID {
				t.Fatalf("%v, want %v", accounts, ids)
			}
		}
	})
}
