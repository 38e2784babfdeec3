package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func casePatchMembers(t *testing.T) {
	for mode, turn := range map[string]func(*tomorrotest.Knobs){
		"values": func(k *tomorrotest.Knobs) { k.ValuesOnly = true },
		"filter": func(k *tomorrotest.Knobs) { k.FilterPathOnly = true },
		"scim1":  func(*tomorrotest.Knobs) {}, "put": func(*tomorrotest.Knobs) {},
	} {
		o := calm40(t, "")
		o.edit("tomorro: {", "tomorro: {member_removal: "+mode+", ")
		o.lab.tomorro.Turn(turn)
		guest := o.lab.tomorro.AddUser(tomorrotest.User{UserName: "guest@partner.example", GivenName: "A", FamilyName: "Guest", UserType: "user", Active: true})
		group := o.world.Rules[0].Actions[0].Value[0]
		if err := o.lab.tomorro.Members(group, []string{"guest@partner.example"}, nil); err != nil {
			t.Fatal(err)
		}
		mover := o.world.People[4]
		o.people(func(w *onelogintest.World) {
			mover.RoleIDs = mover.RoleIDs[1:]
			joiner(w, "joiner@acme.example")
		})
		o.must(exitDone, "reconcile", "--yes")
		for who, a := range o.expected() {
			if have := o.actual()[who]; !slices.Equal(have.Groups, a.Groups) {
				t.Errorf("%s: %s is in %v, want %v", mode, who, have.Groups, a.Groups)
			}
		}
		if a, _ := o.account("guest@partner.example"); a.ID != guest || !slices.Contains(a.Groups, group) {
			t.Errorf("%s: a member added by hand was lost", mode)
		}
	}
}

func caseManyMembers(t *testing.T) {
	for name, members := range map[string]string{"in lists": tomorrotest.MembersShown, "by group": tomorrotest.MembersByID, "by user": tomorrotest.MembersByUser} {
		o := newOffice(t, labOptions{users: 250, groups: 1, seed: 6, plain: true}, "")
		o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Members, k.MostMembers = members, 100 })
		o.must(exitDone, "reconcile", "--yes")
		if n := len(o.lab.tomorro.State().Groups[0].Members); n != 250 {
			t.Errorf("%s: %d of 250 members arrived", name, n)
		}
		o.equal()
		o.must(exitDone, "plan")
	}
	hiddenMembers(t)
}

// hiddenMembers: a group shows a hundred of its members and does not say that there are
// more. Nobody falls out of it, and the run does not pass for one that went well.
func hiddenMembers(t *testing.T) {
	o := newOffice(t, labOptions{users: 250, groups: 1, seed: 6, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	before := o.lab.tomorro.State()
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.MembersCap = 100 })
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	for range 2 {
		if _, out, _ := o.run("reconcile", "--yes"); !strings.Contains(out, "did not keep it") {
			t.Errorf("members that are not shown are not told of:\n%s", out)
		}
		o.keep(before, "members that are not shown")
	}
	if n := len(o.lab.tomorro.State().Groups[0].Members); n != 251 {
		t.Errorf("%d of 251 are members", n)
	}
}

// caseCrash takes the store away after some writes, as a crash does for whoever
// comes next: intents without outcome, and a lock that nobody gives back.
func caseCrash(t *testing.T) {
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "")
	const underWay = 2
	for range 2 { // at both services
		o.edit("concurrency: 16", fmt.Sprint("concurrency: ", underWay))
	}
	o.lab.tomorroWire.Latency = 5 * time.Millisecond
	done := make(chan int)
	go func() {
		code, _, _ := o.run("reconcile", "--yes")
		done <- code
	}()
	eventually(t, "some writes are made", func() bool { return len(o.lab.tomorro.Writes()) >= 5 })
	o.redis.SetError("ERR gone")
	if code := <-done; code != exitError {
		t.Errorf("a run whose store is gone ends with %d", code)
	}
	made := len(o.lab.tomorro.Writes())
	if made >= 44 {
		t.Fatal("everything was done before the crash")
	}
	o.redis.SetError("")
	o.redis.FastForward(time.Minute) // its lock ends by itself
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	o.unique()
	// A request that was under way may arrive after the next run has looked; what was done before is not sent again.
	if idle := o.lab.tomorro.State().Idle; idle > underWay {
		t.Errorf("%d writes were made twice", idle)
	}
	o.must(exitDone, "plan")
}

func caseLostCreate(t *testing.T) {
	for name, duplicate := range map[string]string{"conflict": tomorrotest.DuplicateConflict, "the account": tomorrotest.DuplicateExisting, "400": tomorrotest.DuplicateBad,
		"conflict without a type": tomorrotest.DuplicateBare, "a second account": tomorrotest.DuplicateMade} {
		o := calm40(t, "")
		o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Duplicate = duplicate })
		o.people(func(w *onelogintest.World) {
			joiner(w, "joiner.1@acme.example")
			joiner(w, "o'neil@acme.example")
		})
		o.lab.tomorroWire.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Users", Kind: flaky.KindLostAnswer})
		if code, stdout, stderr := o.run("reconcile", "--yes"); code != exitDone {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
		o.lab.tomorroWire.Clear()
		o.unique()
		o.equal()
		if duplicate == tomorrotest.DuplicateMade {
			continue
		}
		// A list that has nobody: every create runs into the account that is there, which becomes what it is to be.
		o.lab.tomorroWire.Add(flaky.Fault{Method: "GET", Path: "/scim/v2/Users", Kind: flaky.KindEmpty, Times: 1,
			Body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`})
		if code, stdout, stderr := o.run("reconcile", "--yes"); code != exitDone {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
		o.unique()
		o.equal()
	}
}

func casePoison(t *testing.T) {
	o := calm40(t, "")
	group := o.group(1)
	poison := o.world.People[7]
	o.people(func(w *onelogintest.World) {
		w.People[5].LastName, w.People[6].LastName = "O'Neil \"d'Arc\" <b>", "  "
		poison.LastName = "Refused"
		w.Rules[2].Conditions = append(w.Rules[2].Conditions, onelogintest.Condition{Source: "no_such_source", Operator: "=", Value: "x"})
		for i := range 4 {
			joiner(w, fmt.Sprintf("joiner.%d@acme.example", i)).RoleIDs = []int64{w.Roles[0].ID, w.Roles[1].ID, w.Roles[2].ID}
		}
	})
	a, _ := o.account(poison.Email)
	o.lab.tomorroWire.Add(flaky.Fault{Method: "PATCH", Path: "/scim/v2/Groups/" + group.ID, Kind: flaky.KindStatus, Status: 403})
	o.lab.tomorroWire.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/" + a.ID, Kind: flaky.KindStatus, Status: 400})
	out := o.must(exitSomeFailed, "reconcile", "--yes")
	for _, named := range []string{group.DisplayName, poison.Email, o.world.People[6].Email, "has no last name", "no_such_source"} {
		if !strings.Contains(out, named) {
			t.Errorf("the run does not name %s", named)
		}
	}
	if a, _ := o.account(o.world.People[5].Email); a.FamilyName != "O'Neil \"d'Arc\" <b>" {
		t.Errorf("an unusual name became %q", a.FamilyName)
	}
	for i := range 4 {
		if a, _ := o.account(fmt.Sprintf("joiner.%d@acme.example", i)); !a.Active || len(a.Groups) != 1 {
			t.Errorf("joiner %d: %+v", i, a)
		}
	}
}

func caseOrder(t *testing.T) {
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "groups: {create: true}\nlimits: {delete: {max: 3}}\n")
	o.edit("tomorro: {", "tomorro: {remove: delete, ")
	o.must(exitDone, "reconcile", "--yes")
	leaver := o.world.People[9]
	o.people(func(w *onelogintest.World) {
		// Two rules give one group; a third a group that is not there yet.
		twice, fresh := w.Rules[0], w.Rules[1]
		twice.ID, twice.Conditions = 900_001, []onelogintest.Condition{{Source: "department", Operator: "=", Value: "Sales"}}
		twice.Actions = []onelogintest.Action{{Action: "set_groups", Value: []string{o.group(0).ID}}} // by its id
		fresh.ID, fresh.Actions = 900_002, []onelogintest.Action{{Action: "set_groups", Value: []string{"Brand new"}}}
		w.Rules = append(w.Rules, twice, fresh)
		w.Remove(leaver.ID)
		p := joiner(w, "joiner@acme.example")
		p.RoleIDs, p.Department = []int64{w.Roles[0].ID, w.Roles[1].ID}, new("Sales")
	})
	var plan planJSON
	if err := json.Unmarshal([]byte(o.must(exitPending, "plan", "--output", "json")), &plan); err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, c := range plan.Changes {
		if what := fmt.Sprint(c.Op, c.Key, c.Account, c.Group); named[what] {
			t.Errorf("%s: %s of %s is in the plan twice", c.Op, c.Group, c.Who)
		} else {
			named[what] = true
		}
	}
	before := len(o.lab.tomorro.Writes())
	o.must(exitDone, "reconcile", "--yes")
	for _, w := range o.lab.tomorro.Writes()[before:] {
		if !w.Effect {
			t.Errorf("%s %s about %s changed nothing", w.Method, w.Path, w.Who)
		}
	}
	if statuses := o.lab.tomorroWire.Stats().ByStatus; statuses["404"]+statuses["409"] > 0 {
		t.Errorf("something was done in the wrong order: %v", statuses)
	}
	if _, is := o.account(leaver.Email); is {
		t.Error("who left still has an account")
	}
	if a, _ := o.account("joiner@acme.example"); !slices.Contains(a.Groups, "Brand new") {
		t.Errorf("the new group's member is in %v", a.Groups)
	}
	o.must(exitDone, "plan")
}

func caseDrift(t *testing.T) {
	o := calm40(t, "")
	gone, _ := o.account(o.world.People[3].Email)
	edited, _ := o.account(o.world.People[4].Email)
	out, _ := o.account(o.world.People[5].Email)
	broken, _ := o.account(o.world.People[6].Email)
	o.lab.tomorro.RemoveUser(gone.ID)
	o.lab.tomorro.EditUser(edited.ID, func(u *tomorrotest.User) { u.UserType, u.GivenName = "viewer", "Somebody" })
	if err := o.lab.tomorro.Members(out.Groups[0], nil, []string{out.UserName}); err != nil {
		t.Fatal(err)
	}
	o.people(func(w *onelogintest.World) { w.People[6].LastName = "Renamed" })
	o.lab.tomorroWire.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/" + broken.ID, Kind: flaky.KindStatus, Status: 404})
	o.must(exitSomeFailed, "reconcile", "--yes")
	for _, who := range []tomorrotest.UserState{gone, edited, out} {
		if a, _ := o.account(who.UserName); !a.Active || a.UserType != who.UserType || a.GivenName != who.GivenName || !slices.Equal(a.Groups, who.Groups) {
			t.Errorf("%s was not repaired: %+v", who.UserName, a)
		}
	}
	o.lab.tomorroWire.Clear()
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
}

func caseLostRemoval(t *testing.T) {
	for name, members := range map[string]string{"in lists": tomorrotest.MembersShown, "by group": tomorrotest.MembersByID, "by user": tomorrotest.MembersByUser, "filled": tomorrotest.MembersNonEmpty} {
		o := calm40(t, "limits: {band: none, remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}}\n")
		o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Members = members })
		group := o.group(0)
		o.people(func(w *onelogintest.World) {
			for _, p := range w.People { // to the last one
				p.RoleIDs = slices.DeleteFunc(p.RoleIDs, func(id int64) bool { return id == w.Roles[0].ID })
			}
		})
		o.lab.tomorroWire.Add(flaky.Fault{Method: "PATCH", Path: "/scim/v2/Groups/" + group.ID, Kind: flaky.KindStatus, Status: 200, Body: "{}"})
		o.run("reconcile", "--yes") // it answers well, and does nothing
		o.lab.tomorroWire.Clear()
		if n := len(o.group(0).Members); n != len(group.Members) {
			t.Fatalf("%d of %d are left", n, len(group.Members))
		}
		o.must(exitPending, "plan")
		o.must(exitDone, "reconcile", "--yes")
		if n := len(o.group(0).Members); n != 0 {
			t.Errorf("%s: %d members are left", name, n)
		}
		o.must(exitDone, "plan")
	}
}

func caseRehire(t *testing.T) {
	for name, turn := range map[string]func(*tomorrotest.Knobs){
		"plain": func(*tomorrotest.Knobs) {}, "text booleans": func(k *tomorrotest.Knobs) { k.ActiveAsText = true },
		"no body": func(k *tomorrotest.Knobs) { k.PatchNoContent = true }, "deactivation removes": func(k *tomorrotest.Knobs) { k.InactiveRemoves = true },
	} {
		o := calm40(t, "")
		o.lab.tomorro.Turn(turn)
		p := o.world.People[8]
		had, _ := o.account(p.Email)
		o.people(func(w *onelogintest.World) {
			p.Status = 2
			joiner(w, "suspended.joiner@acme.example").Status = 2 // never gets one
		})
		o.must(exitDone, "reconcile", "--yes")
		if a, is := o.account(p.Email); a.Active || is == (name == "deactivation removes") {
			t.Errorf("%s: suspended, and the account is %+v", name, a)
		}
		o.must(exitDone, "plan")
		o.people(func(*onelogintest.World) { p.Status = 1 })
		o.must(exitDone, "reconcile", "--yes")
		a, _ := o.account(p.Email)
		if !a.Active || !slices.Equal(a.Groups, had.Groups) || name != "deactivation removes" && a.ID != had.ID {
			t.Errorf("%s: back, and the account is %+v, was %+v", name, a, had)
		}
		if _, is := o.account("suspended.joiner@acme.example"); is {
			t.Errorf("%s: somebody who never worked here has an account", name)
		}
		o.unique()
		o.must(exitDone, "plan")
	}
}
