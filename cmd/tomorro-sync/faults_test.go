package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func capPages(n int) func(*tomorrotest.Knobs) { return func(k *tomorrotest.Knobs) { k.PageCap = n } }

// every fault that a page or a write can meet.
func everyFault() map[string]flaky.Fault {
	return map[string]flaky.Fault{
		"401": {Kind: flaky.KindStatus, Status: 401}, "403": {Kind: flaky.KindStatus, Status: 403}, "html 429": {Kind: flaky.KindHTML429},
		"v1 400": {Kind: flaky.KindV1RateLimit}, "502": {Kind: flaky.KindStatus, Status: 502}, "reset": {Kind: flaky.KindReset},
		"timeout": {Kind: flaky.KindTimeout}, "truncated": {Kind: flaky.KindTruncated}, "html 200": {Kind: flaky.KindHTML200},
		"empty list": {Kind: flaky.KindEmpty}, "lost answer": {Kind: flaky.KindLostAnswer},
	}
}

// settledOffice is a small company after its first run, with a joiner, two leavers, a
// rename and a move waiting for the next.
func settledOffice(t *testing.T) *office {
	o := newOffice(t, labOptions{users: 120, groups: 8, seed: 4, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	o.lab.onelogin.Edit(func(w *onelogintest.World) { w.Churn(1) })
	o.world.People[70].Assigned = false // a leaver on page 2
	return o
}

// gathering has the company's writes share requests (Bulk).
func (o *office) gathering() {
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Bulk.Operations = 100 })
	o.edit("tomorro: {", "tomorro: {bulk: 50, ")
}

// hurry makes the clients give up soon, where a fault lets them wait for ever.
func (o *office) hurry(kind string) {
	if kind == "timeout" {
		o.edit("timeout: 10s", "timeout: 500ms")
		o.edit("timeout: 10s", "timeout: 500ms")
	}
}

// relax undoes hurry.
func (o *office) relax(kind string) {
	if kind == "timeout" {
		o.edit("timeout: 500ms", "timeout: 10s")
		o.edit("timeout: 500ms", "timeout: 10s")
	}
}

// harmless fails when somebody who should have access lost it, or lost a group
// that they should have. Faults may leave work undone; they may never do harm.
func (o *office) harmless(before map[string]onelogintest.ExpectedAccount) {
	o.t.Helper()
	now := o.actual()
	for who, want := range o.expected() {
		had, existed := before[who]
		if !existed {
			continue
		}
		have, active := now[who]
		if !active {
			o.t.Fatalf("%s works here and was removed", who)
		}
		for _, g := range had.Groups {
			if slices.Contains(want.Groups, g) && !slices.Contains(have.Groups, g) {
				o.t.Fatalf("%s was taken out of %s", who, g)
			}
		}
	}
}

func TestFaultsAtOneLogin(t *testing.T) {
	t.Parallel()
	paths := map[string]flaky.Fault{
		"users page 2": {Path: "/api/2/users", Query: map[string]string{"page": "2"}}, "users": {Path: "/api/2/users"},
		"app users": {Path: "/api/2/apps/*/users"}, "rules": {Path: "/api/2/apps/*/rules"}, "roles": {Path: "/api/2/roles"},
		"app": {Path: "/api/2/apps/*"}, "witness": {Path: "/api/2/users/*"}, "token": {Path: "/auth/oauth2/v2/token"},
	}
	for place, where := range paths {
		for kind, fault := range everyFault() {
			t.Run(place+" "+kind, func(t *testing.T) {
				t.Parallel()
				o := settledOffice(t)
				before := o.actual()
				fault.Path, fault.Query = where.Path, where.Query
				o.hurry(kind)
				o.lab.oneloginWire.Add(fault)
				code, stdout, stderr := o.run("reconcile", "--yes")
				if len(o.lab.oneloginWire.Unfired()) > 0 && place != "token" {
					t.Fatal("the fault struck nothing")
				}
				o.harmless(before)
				if want := exitAtOneLogin(place, kind); !slices.Contains(want, fmt.Sprint(code)) {
					t.Errorf("exit %d, want %v\n%s%s", code, want, stdout, stderr)
				}
				if code == exitHeld && !slices.ContainsFunc([]string{"nobody is removed", "could not be confirmed", "asked once more", "more than limits."},
					func(reason string) bool { return strings.Contains(stdout, reason) }) {
					t.Errorf("what is held has no reason:\n%s", stdout)
				}
				o.lab.oneloginWire.Clear()
				o.relax(kind)
				o.must(exitDone, "reconcile", "--yes")
				o.equal()
			})
		}
	}
}

// exitAtOneLogin is what the README says: without the token or a single page of
// users nothing is done; a list that is cut short makes the run additive; the
// app's own settings are for information.
func exitAtOneLogin(place, kind string) []string {
	switch {
	case place == "token", place == "users" && kind != "empty list":
		return []string{"1"}
	case place == "app" && kind == "empty list":
		return []string{"0"} // it cannot be read, and only informs
	case place == "app":
		return []string{"0", "1"} // refused credentials stop a run wherever they are met
	case place == "rules" && kind == "empty list":
		return []string{"11"} // no rule at all is not taken to mean that nobody belongs anywhere, and is unlike the last good pull
	case place == "roles" && kind == "empty list":
		return []string{"0"} // role names only matter for mappings and reports
	}
	return []string{"11"}
}

func TestFaultsAtTomorro(t *testing.T) {
	t.Parallel()
	places := map[string]flaky.Fault{
		"users": {Method: "GET", Path: "/scim/v2/Users"}, "users page 2": {Method: "GET", Path: "/scim/v2/Users", Query: map[string]string{"startIndex": "101"}},
		"groups": {Method: "GET", Path: "/scim/v2/Groups"}, "create": {Method: "POST", Path: "/scim/v2/Users"},
		"update": {Method: "PUT", Path: "/scim/v2/Users/*"}, "members": {Method: "PATCH", Path: "/scim/v2/Groups/*"},
		"bulk": {Method: "POST", Path: "/scim/v2/Bulk"},
	}
	for place, where := range places {
		for kind, fault := range everyFault() {
			t.Run(place+" "+kind, func(t *testing.T) {
				t.Parallel()
				o := settledOffice(t)
				before := o.actual()
				fault.Method, fault.Path, fault.Query = where.Method, where.Path, where.Query
				if place == "bulk" {
					o.gathering()
				}
				if kind == "empty list" {
					fault.Body = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`
				}
				o.hurry(kind)
				o.lab.tomorroWire.Add(fault)
				code, stdout, stderr := o.run("reconcile", "--yes")
				if len(o.lab.tomorroWire.Unfired()) > 0 {
					t.Fatal("the fault struck nothing")
				}
				o.harmless(before)
				if want := exitAtTomorro(place, kind); !slices.Contains(want, fmt.Sprint(code)) {
					t.Errorf("exit %d, want %v\n%s%s", code, want, stdout, stderr)
				}
				if place == "bulk" && code == exitDone {
					o.equal() // it may say so only when all of it was done
				}
				o.lab.tomorroWire.Clear()
				o.relax(kind)
				o.must(exitDone, "reconcile", "--yes")
				o.equal()
				for i, u := range o.lab.tomorro.State().Users {
					for _, v := range o.lab.tomorro.State().Users[:i] {
						if strings.EqualFold(u.UserName, v.UserName) {
							t.Errorf("%s has two accounts", u.UserName)
						}
					}
				}
			})
		}
	}
}

func exitAtTomorro(place, kind string) []string {
	read := place == "users" || place == "users page 2" || place == "groups"
	switch {
	case read && kind == "empty list":
		// An empty Tomorro is what a first run finds; creates run into the accounts that are there and adopt them.
		return []string{"0", "1", "3", "11"}
	case place == "bulk" && kind != "401" && kind != "403":
		// What nobody knows is looked up, what is refused as a whole is sent piece by piece, and what is tried again
		// when nothing else waits goes by itself.
		return []string{"0", "3"}
	case read, kind == "401":
		return []string{"1"}
	case kind == "html 200", kind == "empty list", kind == "truncated", kind == "lost answer":
		return []string{"0", "3"} // it was done, or it is looked up
	}
	return []string{"3"}
}
