package main

import (
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// restore makes Tomorro what it was, under new ids, with or without the marks.
func (o *office) restore(old *tomorrotest.State, marks bool) {
	o.t.Helper()
	for _, u := range o.lab.tomorro.State().Users {
		o.lab.tomorro.RemoveUser(u.ID)
	}
	for _, u := range old.Users {
		if !marks {
			u.ExternalID = ""
		}
		o.lab.tomorro.AddUser(u.User)
	}
	for _, g := range old.Groups {
		if err := o.lab.tomorro.Members(g.DisplayName, g.Members, nil); err != nil {
			o.t.Fatal(err)
		}
	}
}

// TestTomorroRestored: Tomorro comes back from a backup with all accounts under other
// ids, and with the people and the addresses of that day. By their marks all are known.
// Without them, who was renamed since gets no second account before somebody has looked,
// and who has left since is named.
func TestTomorroRestored(t *testing.T) {
	t.Parallel()
	for _, marks := range []bool{true, false} {
		o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "")
		o.must(exitDone, "reconcile", "--yes")
		left, suspended, renamed := o.world.People[10], o.world.People[11], o.world.People[12]
		was, backup := renamed.Email, o.lab.tomorro.State()
		o.people(func(w *onelogintest.World) {
			w.Remove(left.ID)
			suspended.Status, renamed.Email = 2, "married.name@acme.example"
		})
		o.must(exitDone, "reconcile", "--yes")
		o.restore(&backup, marks)
		if marks {
			o.must(exitDone, "reconcile", "--yes")
			o.equal()
			continue
		}
		for range 2 {
			out := o.must(exitApproval, "reconcile", "--yes")
			if !strings.Contains(out, left.Email) || !strings.Contains(out, "account "+was+" has the same name") {
				t.Errorf("it does not say who is inside and whose account waits:\n%s", out)
			}
			if n := len(o.lab.tomorro.State().Users); n != 40 {
				t.Fatalf("%d accounts, want 40: somebody has two", n)
			}
		}
		o.must(exitDone, "adopt", "match", was, renamed.Email)
		o.must(exitDone, "adopt", "done", "--yes")
		o.must(exitDone, "reconcile", "--yes")
		o.must(exitDone, "plan") // the adoption is over
		if a, _ := o.account(renamed.Email); len(a.Groups) != 4 || len(o.lab.tomorro.State().Users) != 40 {
			t.Errorf("%s is %+v", was, a)
		}
		if a, _ := o.account(suspended.Email); a.Active {
			t.Error("who was suspended is still inside")
		}
		// One account that was made again by hand is no new Tomorro.
		a, _ := o.account(o.world.People[3].Email)
		o.lab.tomorro.RemoveUser(a.ID)
		a.ExternalID = ""
		o.lab.tomorro.AddUser(a.User)
		o.must(exitDone, "reconcile", "--yes")
		a, _ = o.account(left.Email)
		o.lab.tomorro.RemoveUser(a.ID) // as the report asks for
		o.equal()
	}
}
