package reconcile_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawIDsMeanNothing: which of Tomorro's ids is the smaller one decides about nobody,
// also where two accounts have one address.
func TestLawIDsMeanNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		if n := len(w.Current.Accounts); n > 0 && rapid.Bool().Draw(t, "twin") {
			twin := w.Current.Accounts[rapid.IntRange(0, n-1).Draw(t, "of")]
			twin.ID, twin.UserName, twin.ExternalID = "a-99", strings.ToUpper(twin.UserName), ""
			w.Current.Accounts = append(w.Current.Accounts, twin)
		}
		plain := outline(reconcile.Decide(w.Input()), func(id string) string { return id })
		back := make(map[string]string)
		swap := func(id string) string {
			n, _ := strconv.Atoi(strings.TrimPrefix(id, "a-"))
			other := fmt.Sprint("z-", 500-n)
			back[other] = id
			return other
		}
		for i := range w.Current.Accounts {
			w.Current.Accounts[i].ID = swap(w.Current.Accounts[i].ID)
		}
		for key, id := range w.Links {
			w.Links[key] = swap(id)
		}
		for i := range w.Current.Groups {
			g := &w.Current.Groups[i]
			g.Members = slices.Clone(g.Members)
			for k := range g.Members {
				g.Members[k] = swap(g.Members[k])
			}
		}
		swapped := outline(reconcile.Decide(w.Input()), func(id string) string { return back[id] })
		if !slices.Equal(plain, swapped) {
			t.Fatalf("one way:\n%s\nthe other:\n%s", strings.Join(plain, "\n"), strings.Join(swapped, "\n"))
		}
	})
}

// outline is what a plan does and holds, and to whom.
func outline(p reconcile.Plan, id func(string) string) (lines []string) {
	for _, c := range p.Changes {
		lines = append(lines, fmt.Sprint(c.Op, c.Key, id(c.Account), c.GroupID, c.Group))
	}
	for _, h := range p.Held {
		lines = append(lines, fmt.Sprint("held ", h.Op, h.Key, h.GroupID, h.Group))
	}
	slices.Sort(lines)
	return lines
}
