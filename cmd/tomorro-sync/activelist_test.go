package main

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// activeOnly is a company at rest whose Tomorro lists active accounts only, and which
// somebody then leaves.
func activeOnly(t *testing.T, more string) (o *office, leaver *onelogintest.Person) {
	t.Helper()
	o = newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, more)
	o.shorten(func(_ string, active bool) bool { return !active }).Store(true)
	o.must(exitDone, "reconcile", "--yes")
	leaver = o.world.People[5]
	o.people(func(*onelogintest.World) { leaver.Status = 2 })
	o.must(exitDone, "reconcile", "--yes")
	return o, leaver
}

// serve has the office's configuration served with a listener.
func (o *office) serve() *serving {
	o.t.Helper()
	data, err := os.ReadFile(o.config)
	if err != nil {
		o.t.Fatal(err)
	}
	return startServing(o.t, string(data)+patiently(listenKeys))
}

// TestActiveList: where the list has active accounts only, who returns gets their own, also
// under another address.
func TestActiveList(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "married@acme.example"} {
		for _, pushed := range []bool{false, true} {
			o, p := activeOnly(t, "")
			had, _ := o.account(p.Email)
			o.people(func(*onelogintest.World) { p.Status, p.Email = 1, cmp.Or(address, p.Email) })
			if pushed {
				if a := o.serve().push(t, pushToken, "POST", "/Users", userBody(p, "")); a.status != http.StatusCreated {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			o.must(exitDone, "reconcile", "--yes")
			if has, _ := o.account(p.Email); has.ID != had.ID || !has.Active {
				t.Errorf("pushed %v: was %+v, is %+v", pushed, had, has)
			}
			o.must(exitDone, "plan")
		}
	}
}

// TestActiveListHeir: an account that the list leaves out, and that has no mark, is not given
// to somebody else who gets the address.
func TestActiveListHeir(t *testing.T) {
	for _, pushed := range []bool{false, true} {
		o, p := activeOnly(t, "")
		o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.DropsExternalID = true })
		had, _ := o.account(p.Email)
		o.lab.tomorro.EditUser(had.ID, func(u *tomorrotest.User) { u.ExternalID = "" })
		heir := *p
		heir.ID, heir.FirstName, heir.LastName, heir.Status = 0, "Somebody", "Else", 1
		o.people(func(w *onelogintest.World) {
			w.Add(&heir)
			p.Email = "left@acme.example"
		})
		if pushed {
			if a := o.serve().push(t, pushToken, "POST", "/Users", userBody(&heir, "")); a.status != http.StatusConflict {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if out := o.must(exitSomeFailed, "reconcile", "--yes"); !strings.Contains(out, fmt.Sprint("belongs to OneLogin user ", p.ID)) {
			t.Errorf("%s", out)
		}
		if has, _ := o.account(had.UserName); has.Active || has.FamilyName != had.FamilyName {
			t.Errorf("pushed %v: was %+v, is %+v", pushed, had, has)
		}
	}
}

// TestActiveListUndo: a deactivation is taken back although the list leaves out its account.
func TestActiveListUndo(t *testing.T) {
	o, p := activeOnly(t, "")
	o.must(exitDone, "undo", "--yes", "--user", p.Email)
	if has, _ := o.account(p.Email); !has.Active {
		t.Errorf("%+v", has)
	}
}

// TestActiveListLost: deactivations whose answer was lost count against the limit although
// the list leaves out their accounts.
func TestActiveListLost(t *testing.T) {
	o, _ := activeOnly(t, "limits: {deactivate: {max: 3, share: none}}\n")
	o.people(func(w *onelogintest.World) { w.People[6].Status, w.People[7].Status = 2, 2 })
	o.lab.tomorroWire.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/*", Kind: flaky.KindLostAnswer})
	o.must(exitSomeFailed, "reconcile", "--yes")
	o.lab.tomorroWire.Clear()
	o.people(func(w *onelogintest.World) { w.People[8].Status = 2 })
	o.must(exitHeld, "reconcile", "--yes")
}
