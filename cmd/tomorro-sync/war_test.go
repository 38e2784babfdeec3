package main

import (
	"slices"
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestDriftWar: something else at Tomorro takes back each day what each night makes. Each
// night ends with what OneLogin says, nobody but those concerned is touched, and from the
// second time on it is told, until the night after it stopped.
func TestDriftWar(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "limits: {deactivate: {max: none, share: none}, rename: {max: none, share: none}, change_role: {max: none, share: none}, remove_member: {max: none, share: none}}\n")
	o.must(exitDone, "reconcile", "--yes")
	before := o.lab.tomorro.State()
	o.people(func(w *onelogintest.World) {
		w.People[3].Status = 2
		w.People[4].Email = "new.name@acme.example"
		w.People[5].LastName = "Married"
		w.People[6].RoleIDs = w.People[6].RoleIDs[:1]
	})
	promote(o, 1)
	const told = "something else"
	for night := range 10 {
		o.resetStats()
		out := o.must(exitDone, "reconcile", "--yes")
		o.equal()
		if n := o.lab.tomorroWire.Stats().Writes; n != 7 { // four people, three groups of one
			t.Errorf("night %d: %d writes", night, n)
		}
		if war := night > 1; strings.Contains(out, told) != war || strings.Contains(o.must(exitDone, "alerts"), told) != war {
			t.Errorf("night %d:\n%s", night, out)
		}
		for _, had := range before.Users {
			o.lab.tomorro.EditUser(had.ID, func(u *tomorrotest.User) {
				u.UserName, u.Active, u.FamilyName, u.UserType = had.UserName, had.Active, had.FamilyName, had.UserType
			})
			has, _ := o.account(had.UserName)
			for _, group := range had.Groups {
				if slices.Contains(has.Groups, group) {
					continue
				}
				if err := o.lab.tomorro.Members(group, []string{had.UserName}, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	o.must(exitDone, "reconcile", "--yes")
	o.must(exitDone, "reconcile", "--yes")
	if out := o.must(exitDone, "alerts"); strings.Contains(out, told) {
		t.Errorf("after it stopped:\n%s", out)
	}
}
