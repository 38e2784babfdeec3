package main

import (
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// unlimited leaves only what a case is about between a mistake and the people: it would
// be held by a limit, or by the band of the last good pulls, as well.
const unlimited = "limits: {band: none, deactivate: {max: none, share: none}, remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}}\n"

func caseBreaksPartWay(t *testing.T) {
	o := calm40(t, unlimited)
	o.people(func(w *onelogintest.World) { w.People[30].Assigned, w.People[31].Status = false, 2 }) // true leavers, even
	before := o.lab.tomorro.State()
	for _, where := range []flaky.Fault{{Path: "/api/2/users", Query: map[string]string{"page": "2"}}, {Path: "/api/2/apps/*/users"}, {Path: "/api/2/apps/*/rules"}, {Path: "/api/2/roles"}} {
		for name, fault := range map[string]flaky.Fault{
			"401": {Kind: flaky.KindStatus, Status: 401}, "403": {Kind: flaky.KindStatus, Status: 403}, "429": {Kind: flaky.KindHTML429}, "503": {Kind: flaky.KindStatus, Status: 503},
			"reset": {Kind: flaky.KindReset}, "truncated": {Kind: flaky.KindTruncated}, "html": {Kind: flaky.KindHTML200},
		} {
			fault.Path, fault.Query = where.Path, where.Query
			o.lab.oneloginWire.Add(fault)
			code, stdout, stderr := o.run("reconcile", "--yes")
			if code == exitDone || len(o.lab.oneloginWire.Unfired()) > 0 {
				t.Errorf("%s at %s: exit %d\n%s%s", name, where.Path, code, stdout, stderr)
			}
			o.keep(before, name+" at "+where.Path)
			o.lab.oneloginWire.Clear()
		}
	}
	o.environ = []string{envPrefix + "ONELOGIN_TIMEOUT=200ms"}
	o.lab.oneloginWire.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindTimeout})
	o.must(exitHeld, "reconcile", "--yes")
	o.keep(before, "timeout")
	o.lab.oneloginWire.Clear()
	o.environ = nil
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
}

func caseEmptyOrShort(t *testing.T) {
	o := calm40(t, "limits: {deactivate: {max: 5, share: none}}\n")
	before := o.lab.tomorro.State()
	o.lab.oneloginWire.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindEmpty})
	o.must(exitHeld, "reconcile", "--yes")
	o.keep(before, "an empty page")
	o.lab.oneloginWire.Clear()
	o.people(func(w *onelogintest.World) {
		w.LoseHalf()
		joiner(w, "joiner@acme.example")
	})
	o.must(exitHeld, "reconcile", "--yes")
	o.keep(before, "half of the people")
	if a, _ := o.account("joiner@acme.example"); !a.Active || len(a.Groups) != 1 {
		t.Errorf("who joined did not get in: %+v", a)
	}
	o.people(func(w *onelogintest.World) { w.People = nil })
	o.must(exitHeld, "reconcile", "--yes")
	o.keep(before, "nobody at all")
}

func caseScopeChange(t *testing.T) {
	o := calm40(t, "limits: {band: none, remove_member: {max: 10, share: none}}\n")
	before := o.lab.tomorro.State()
	o.edit("onelogin: {", "onelogin: {scope_roles: [Leagl], ")
	if out := o.must(exitDone, "reconcile", "--yes"); !strings.Contains(out, `OneLogin has no role "Leagl"`) {
		t.Errorf("the typo is not named:\n%s", out)
	}
	o.keep(before, "a filter typo")
	// Another deployment for the same Tomorro, with another filter and a memory of its own.
	o.edit("scope_roles: [Leagl]", "scope_roles: [Sales]")
	o.edit("redis:", "connection: other\nredis:")
	o.must(exitDone, "reconcile", "--yes")
	o.keep(before, "another deployment")
	o.edit("connection: other\n", "")
	o.edit("scope_roles: [Sales], ", "")
	o.must(exitDone, "reconcile", "--yes") // so that the configuration is the one of the last run
	o.people(func(w *onelogintest.World) { w.Rules[0].Enabled = false })
	if code, _, _ := o.run("reconcile", "--yes"); code != exitHeld && code != exitApproval {
		t.Errorf("a group that is unselected: exit %d", code)
	}
	o.keep(before, "a group that is unselected")
	o.people(func(w *onelogintest.World) { w.Rules[0].Enabled = true })
	o.edit("app_id: 1531580", "app_id: 4")
	o.must(exitError, "reconcile", "--yes")
	o.keep(before, "another app")
}

func casePaging(t *testing.T) {
	for name, turn := range map[string]func(*onelogintest.Knobs){
		"cursor loop":  func(k *onelogintest.Knobs) { k.NoTotalPages, k.SameCursor = true, true },
		"moving total": func(k *onelogintest.Knobs) { k.MovingTotals = 100 },
		"no order":     func(k *onelogintest.Knobs) { k.NoOrder = true },
		"cursors only": func(k *onelogintest.Knobs) { k.NoTotalPages = true },
		"hard cap":     func(k *onelogintest.Knobs) { k.UserPageCap = 7 },
	} {
		o := newOffice(t, labOptions{users: 70, groups: 4, seed: 6, plain: true, pageCap: 20}, unlimited)
		o.must(exitDone, "reconcile", "--yes")
		o.people(func(w *onelogintest.World) {
			w.People[3].Assigned = false
			joiner(w, "joiner@acme.example")
		})
		before := o.lab.tomorro.State()
		o.lab.onelogin.Turn(turn)
		code, stdout, stderr := o.run("reconcile", "--yes")
		if name == "cursors only" || name == "hard cap" {
			if code != exitDone {
				t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
			}
			o.equal()
			continue
		}
		if code != exitHeld && code != exitError {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
		o.keep(before, name)
	}
	for name, turn := range map[string]func(*tomorrotest.Knobs){
		"few a page": capPages(3), "just one": capPages(40), "page 1 again": func(k *tomorrotest.Knobs) { k.PageCap, k.PastEndRepeats, k.NoTotals = 20, true, true },
	} {
		o := calm40(t, "")
		o.lab.tomorro.Turn(turn)
		if code, stdout, stderr := o.run("plan"); code != exitDone {
			t.Errorf("Tomorro gives %s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
}

func case429(t *testing.T) {
	o := newOffice(t, labOptions{users: 30, groups: 3, seed: 6, plain: true}, "")
	storm := func(times int) flaky.Fault {
		return flaky.Fault{Method: "POST", Path: "/scim/v2/Users", Kind: flaky.KindStatus, Status: 429, Times: times, Header: map[string]string{"Retry-After": "0"}}
	}
	o.lab.tomorroWire.Add(storm(2))
	o.must(exitDone, "reconcile", "--yes") // passing
	o.equal()
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	o.lab.tomorroWire.Clear()
	o.lab.tomorroWire.Add(storm(0))
	if out := o.must(exitSomeFailed, "reconcile", "--yes"); !strings.Contains(out, "joiner@acme.example: failed: create joiner@acme.example: Tomorro answered 429") {
		t.Errorf("a lasting storm is not named:\n%s", out)
	}
	o.lab.tomorroWire.Clear()
	o.lab.tomorroWire.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Users", Kind: flaky.KindStatus, Status: 429, Times: 1, Header: map[string]string{"Retry-After": "1"}})
	began := time.Now()
	o.must(exitDone, "reconcile", "--yes")
	if took := time.Since(began); took < time.Second {
		t.Errorf("Retry-After: 1 was waited for %s", took)
	}
	o.equal()
	// OneLogin's quota, used up by somebody else: a 400, which is no success.
	o.lab.oneloginWire.Add(flaky.Fault{Path: "/api/2/users", Kind: flaky.KindV1RateLimit})
	if code, _, stderr := o.run("reconcile", "--yes"); code != exitError || !strings.Contains(stderr, "what to do:") {
		t.Errorf("a quota that is used up: exit %d, %s", code, stderr)
	}
}

func caseWatermark(t *testing.T) {
	o := calm40(t, "")
	gone, moved := o.world.People[11], o.world.People[12]
	o.people(func(w *onelogintest.World) {
		moved.RoleIDs = []int64{w.Roles[0].ID} // and updated_at stays what it was
		w.Remove(gone.ID)
	})
	o.lab.oneloginWire.Add(flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 502})
	o.must(exitError, "reconcile", "--yes")
	o.lab.oneloginWire.Clear()
	o.lab.tomorroWire.Add(flaky.Fault{Method: "PATCH", Path: "/scim/v2/Groups/*", Kind: flaky.KindStatus, Status: 500})
	if code, _, _ := o.run("reconcile", "--yes"); code == exitDone {
		t.Error("a run in which everything failed ends well")
	}
	o.lab.tomorroWire.Clear()
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	if a, _ := o.account(gone.Email); a.Active {
		t.Error("who was deleted before the failed runs still has access")
	}
}

func caseSilent(t *testing.T) {
	o := calm40(t, "schedule: {cron: \"0 2 * * *\"}\n")
	if out := o.must(exitDone, "schedule"); !strings.Contains(out, "No process has served") {
		t.Errorf("nobody serves, and schedule says\n%s", out)
	}
	seats := map[string]int{"user": 1}
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Seats = seats })
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	o.must(exitPending, "plan")
	if out := o.must(exitSomeFailed, "reconcile", "--yes"); !strings.Contains(out, "joiner@acme.example") || !strings.Contains(out, "403") {
		t.Errorf("no seat is left, and the run says\n%s", out)
	}
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Seats = nil })
	o.must(exitDone, "reconcile", "--yes")
	a, _ := o.account("joiner@acme.example")
	o.lab.tomorro.RemoveUser(a.ID) // what is remembered of it must not hide that
	o.must(exitPending, "plan")
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	for _, side := range []string{"token: tomorro-token", "client_secret: client-secret"} {
		o.edit(side, side+"-expired")
		if code, stdout, stderr := o.run("reconcile", "--yes"); code != exitError || !strings.Contains(stderr, "401") && !strings.Contains(stderr, "Authentication Failure") {
			t.Errorf("%s: exit %d\n%s%s", side, code, stdout, stderr)
		}
		o.edit(side+"-expired", side)
	}
}

func caseSecretsAndScale(t *testing.T) {
	o := calm40(t, "")
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	said := ""
	for _, fault := range []flaky.Fault{{Path: "/auth/oauth2/v2/token", Kind: flaky.KindReset}, {Path: "/api/2/users", Kind: flaky.KindHTML200}, {Path: "/api/2/users", Kind: flaky.KindStatus, Status: 401}} {
		o.lab.oneloginWire.Add(fault)
		_, stdout, stderr := o.run("reconcile", "--yes")
		said += stdout + stderr
		o.lab.oneloginWire.Clear()
	}
	for _, args := range [][]string{{"plan", "--output", "json"}, {"reconcile", "--yes", "--output", "json"}, {"journal", "--since", "1h", "--output", "json"}} {
		_, stdout, stderr := o.run(args...)
		said += stdout + stderr
	}
	for _, secret := range []string{"client-secret", simToken, "access_token", "Bearer", "password"} {
		if strings.Contains(said, secret) {
			t.Errorf("an output has %q", secret)
		}
	}
	requests := func(users int) int {
		o := newOffice(t, labOptions{users: users, groups: 20, seed: 2, plain: true}, "")
		o.must(exitDone, "reconcile", "--yes")
		o.must(exitDone, "reconcile", "--yes") // now there are accounts to read
		onelogin, tomorro := o.lab.oneloginWire.Stats(), o.lab.tomorroWire.Stats()
		return onelogin.Total + tomorro.Total
	}
	if few, many := requests(100), requests(400); many > 4*few {
		t.Errorf("%d requests for 100 people, %d for 400", few, many)
	}
	o.edit("token: tomorro-token", `token: ""`)
	if code, _, stderr := o.run("reconcile", "--yes"); code != exitUsage || !strings.Contains(stderr, "tomorro.token") {
		t.Errorf("an empty token: exit %d, %s", code, stderr)
	}
}
