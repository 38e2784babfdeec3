package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func suspend(people ...*onelogintest.Person) func(*onelogintest.World) {
	return func(*onelogintest.World) {
		for _, p := range people {
			p.Status = 2
		}
	}
}

func caseGuardSemantics(t *testing.T) {
	o := calm40(t, "limits: {band: none, deactivate: {max: 4, share: none}, remove_member: {max: 6, share: none}}\n")
	p, before := o.world.People, o.lab.tomorro.State()
	held := func(when string) {
		t.Helper()
		if code, stdout, _ := o.run("reconcile", "--yes"); code != exitHeld && code != exitApproval {
			t.Errorf("%s: exit %d\n%s", when, code, stdout)
		}
		o.keep(before, when)
	}
	o.people(suspend(p[10:15]...))
	held("suspensions: five where four are allowed, so none of them")
	o.people(func(*onelogintest.World) {
		for _, x := range p[10:15] {
			x.Status = 1
		}
	})
	rule := o.world.Rules[0]
	o.people(func(w *onelogintest.World) {
		w.Rules[0].Conditions = []onelogintest.Condition{{Source: "title", Operator: "=", Value: "nobody has this"}}
	})
	held("a rule edit")
	o.people(func(w *onelogintest.World) { w.Rules[0] = rule })
	for i, n := range []int{2, 2} { // many small runs share one window
		o.people(suspend(p[20+2*i : 20+2*i+n]...))
		o.must(exitDone, "reconcile", "--yes")
	}
	o.people(func(w *onelogintest.World) { // who has no access any more is nobody's removal
		for _, x := range slices.Clone(p[20:24]) {
			w.Remove(x.ID)
		}
	})
	p = o.world.People
	o.must(exitDone, "reconcile", "--yes")
	before = o.lab.tomorro.State()
	o.people(suspend(p[30]))
	held("the fifth in one window")
	o.must(exitHeld, "reconcile", "--yes", "--user", p[30].Email)
	o.keep(before, "the fifth, alone")
	tinyAndUsedUp(t)
}

func tinyAndUsedUp(t *testing.T) {
	// Ten people: a tenth of them is one, and shares do not count; the inactive are no removals.
	o := newOffice(t, labOptions{users: 10, groups: 2, seed: 6, plain: true}, "approve: [delete]\nlimits: {deactivate: {max: 3}}\n")
	o.must(exitDone, "reconcile", "--yes")
	approve := func() string {
		t.Helper()
		_, after, found := strings.Cut(o.must(exitApproval, "reconcile", "--yes"), "--approve ")
		if !found {
			t.Fatal("nothing to approve")
		}
		return strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > 'f' })[0]
	}
	o.people(suspend(o.world.People[5], o.world.People[6]))
	id := approve()
	o.must(exitDone, "reconcile", "--yes", "--approve", id)
	o.must(exitDone, "plan")
	o.people(suspend(o.world.People[7]))
	if code, stdout, _ := o.run("reconcile", "--yes", "--approve", id); code != exitHeld && code != exitApproval {
		t.Errorf("a used approval let something through: exit %d\n%s", code, stdout)
	}
}

func caseForeign(t *testing.T) {
	o := newOffice(t, labOptions{users: 30, groups: 3, seed: 6, plain: true}, "groups: {create: true, delete: true}\nlimits: {delete: {max: none}}\n")
	o.edit("tomorro: {", "tomorro: {remove: delete, ")
	guest := tomorrotest.User{UserName: "counsel@lawfirm.example", GivenName: "Ext", FamilyName: "Counsel", UserType: "admin", Active: true}
	o.lab.tomorro.AddUser(guest)
	o.lab.tomorro.AddGroup("Board")
	o.lab.tomorro.AddGroup("Nobody yet")
	managed := o.world.Rules[0].Actions[0].Value[0]
	for _, g := range []string{"Board", managed} {
		if err := o.lab.tomorro.Members(g, []string{guest.UserName}, nil); err != nil {
			t.Fatal(err)
		}
	}
	o.must(exitDone, "reconcile", "--yes")
	o.people(func(w *onelogintest.World) { w.Remove(w.People[4].ID) })
	if out := o.must(exitDone, "reconcile", "--yes"); !strings.Contains(out, guest.UserName) {
		t.Error("the foreign account is not named")
	}
	a, _ := o.account(guest.UserName)
	if !a.Active || a.UserType != "admin" || strings.Join(a.Groups, ",") != "Board,"+managed {
		t.Errorf("a foreign account became %+v", a)
	}
	if !slices.ContainsFunc(o.lab.tomorro.State().Groups, func(g tomorrotest.GroupState) bool { return g.DisplayName == "Nobody yet" }) {
		t.Error("an empty group that this program did not make was deleted")
	}
	if _, is := o.account(o.world.People[4].Email); !is {
		t.Error("somebody who works here was removed")
	}
}

func caseLockedOut(t *testing.T) {
	for name, more := range map[string]string{"admin": "", "substitute": "", "the token's own": "", "protected": "protect: [%s]\n"} {
		o := newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, "")
		for _, other := range o.world.People {
			other.Title = new("user")
		}
		p := o.world.People[6]
		if name == "admin" {
			p.Title = new("admin")
		} else {
			o.world.People[0].Title = new("admin")
		}
		if more != "" {
			o.edit("titles:", fmt.Sprintf(more, p.Email)+"titles:")
		}
		switch name {
		case "substitute":
			o.edit("tomorro: {", "tomorro: {default_substitute: "+p.Email+", ")
		case "the token's own":
			o.edit("tomorro: {", "tomorro: {api_account: "+p.Email+", ")
		}
		o.must(exitDone, "reconcile", "--yes")
		before := o.lab.tomorro.State()
		for _, edit := range []func(){
			func() { p.Status = 2 }, func() { p.Status, p.Assigned = 1, false }, func() { p.Assigned, p.Title = true, new("viewer") }} {
			o.people(func(*onelogintest.World) { edit() })
			o.must(exitHeld, "reconcile", "--yes")
			o.must(exitHeld, "reconcile", "--yes", "--user", p.Email)
			o.keep(before, name)
			if a, _ := o.account(p.Email); a.UserType == "viewer" {
				t.Errorf("%s: demoted", name)
			}
		}
	}
}

func caseRename(t *testing.T) {
	for _, marks := range []string{"true", "false"} {
		o := newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, "")
		o.edit("tomorro: {", "tomorro: {send_external_id: "+marks+", ")
		o.must(exitDone, "reconcile", "--yes")
		p := o.world.People[5]
		had, _ := o.account(p.Email)
		o.people(func(w *onelogintest.World) {
			p.Email = "married.name@acme.example"
			joiner(w, "joiner@acme.example")
		})
		o.must(exitDone, "reconcile", "--yes")
		if a, _ := o.account(p.Email); a.ID != had.ID || !a.Active {
			t.Errorf("marks %s: %+v was %+v", marks, a, had)
		}
		o.equal()
		// Where Tomorro refuses another address, that person waits and the run goes on.
		o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.RenameRefused = true })
		o.people(func(w *onelogintest.World) {
			p.Email = "third.name@acme.example"
			joiner(w, "joiner.2@acme.example")
		})
		o.must(exitSomeFailed, "reconcile", "--yes")
		if a, _ := o.account("joiner.2@acme.example"); !a.Active {
			t.Error("one refused address stopped the run")
		}
		if a, _ := o.account("married.name@acme.example"); a.ID != had.ID || !a.Active {
			t.Errorf("a refused address cost the account: %+v", a)
		}
	}
}

func caseRecycled(t *testing.T) {
	for _, marks := range []string{"true", "false"} {
		o := newOffice(t, labOptions{users: 20, groups: 3, seed: 6, plain: true}, "")
		o.edit("tomorro: {", "tomorro: {send_external_id: "+marks+", ")
		o.must(exitDone, "reconcile", "--yes")
		former := o.world.People[5]
		had, _ := o.account(former.Email)
		o.people(func(w *onelogintest.World) {
			w.Remove(former.ID)
			joiner(w, former.Email).Title = new("viewer")
			joiner(w, "joiner@acme.example")
		})
		for night, exit := range []int{exitApproval, exitDone, exitDone} { // whose it is waits for a word; with the account active, and inactive
			if out := o.must(exit, "reconcile", "--yes"); !strings.Contains(out, "whom OneLogin no longer knows") {
				t.Errorf("marks %s, night %d: it does not say whose the address is:\n%s", marks, night, out)
			}
			if a, _ := o.account(former.Email); a.Active != (night == 0) || a.ID != had.ID || a.FamilyName != had.FamilyName {
				t.Errorf("marks %s, night %d: the former holder's account became %+v", marks, night, a)
			}
			if night == 0 {
				o.must(exitDone, "approve", o.holds()[0].ID) // somebody else
			}
		}
		if a, _ := o.account("joiner@acme.example"); !a.Active {
			t.Error("one clash stopped the run")
		}
	}
}

func caseRecreate(t *testing.T) {
	o := calm40(t, "groups: {delete: true}\n")
	p := o.world.People[5]
	had, _ := o.account(p.Email)
	for _, assigned := range []bool{false, true} {
		o.people(func(*onelogintest.World) { p.Assigned = assigned })
		o.must(exitDone, "reconcile", "--yes")
	}
	if a, _ := o.account(p.Email); a.ID != had.ID || !a.Active {
		t.Errorf("back, and the account is %+v, was %+v", a, had)
	}
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.RevivesID = true }) // a tombstone
	o.lab.tomorro.RemoveUser(had.ID)
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	o.unique()
	// A rule that is to give another name, which Tomorro does not have: the former group loses nobody, none is deleted or
	// made, and the report says what to do.
	before := o.lab.tomorro.State()
	o.edit("groups: {delete: true}", "groups: {delete: true}\nlimits: {remove_member: {max: 3}}")
	o.people(func(w *onelogintest.World) { w.Rules[0].Actions[0].Value = []string{"Legal (renamed)"} })
	if code, out, _ := o.run("reconcile", "--yes", "--all"); code != exitDone || !strings.Contains(out, "may be it by another name") {
		t.Errorf("a renamed group: exit %d\n%s", code, out)
	}
	o.keep(before, "a renamed group")
	if n := len(o.lab.tomorro.State().Groups); n != len(before.Groups) {
		t.Errorf("%d groups, were %d", n, len(before.Groups))
	}
}

func caseOverlap(t *testing.T) {
	o := calm40(t, "")
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	store, err := redisstore.Open(t.Context(), "redis://"+o.redis.Addr()+"/0", redisstore.Options{Connection: "default"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	before := o.lab.tomorro.State()
	err = store.Do(t.Context(), "the night's run", func(context.Context, jobs.Lease) error {
		for _, more := range [][]string{nil, {"--user", "joiner@acme.example"}} {
			if code, _, stderr := o.run(append([]string{"reconcile", "--yes"}, more...)...); code != exitLocked || !strings.Contains(stderr, "the night's run") {
				t.Errorf("%v: exit %d, %s", more, code, stderr)
			}
		}
		o.must(exitPending, "plan") // looking needs no lock
		return nil
	})
	if n := o.writes(before); err != nil || n > 0 {
		t.Errorf("%v; %d writes beside another run", err, n)
	}
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
}

func caseUnicode(t *testing.T) {
	o := newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, "")
	p := o.world.People
	o.people(func(*onelogintest.World) {
		p[3].Email, p[4].Email, p[5].Email = "zo\u00eb@acme.example", "Capital@Acme.Example", "plus+legal@acme.example"
		p[6].FirstName = "Zo\u00eb"
	})
	for _, a := range []tomorrotest.User{{UserName: "zoe\u0308@acme.example"}, {UserName: "capital@acme.example"}, {UserName: "plus@acme.example"}} {
		a.GivenName, a.FamilyName, a.UserType, a.Active = "As", "Before", "user", true
		o.lab.tomorro.AddUser(a)
	}
	o.must(exitDone, "reconcile", "--yes")
	if n := len(o.lab.tomorro.State().Users); n != 21 { // plus@ is somebody else's
		t.Errorf("%d accounts, want 20 and the one that is nobody's", n)
	}
	if a, _ := o.account("plus@acme.example"); a.GivenName != "As" {
		t.Error("a plus-address was taken for another one")
	}
	before := o.lab.tomorro.State()
	o.people(func(*onelogintest.World) {
		p[6].FirstName = "Zoe\u0308"
		p[4].Email, p[7].Email = "CAPITAL@acme.example", strings.ToUpper(p[7].Email)
	})
	o.must(exitDone, "reconcile", "--yes")
	if n := o.writes(before); n > 0 {
		t.Errorf("other letters for the same were written %d times", n)
	}
	o.unique()
}
