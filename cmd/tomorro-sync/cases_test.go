package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// failureCase is a way in which programs of this kind have failed elsewhere.
type failureCase struct {
	name, tests string
	run         func(*testing.T)
}

// failureCases are the known ones, the most harmful and likely first.
func failureCases() []failureCase {
	return []failureCase{
		{"01 source breaks part-way", "4 lists, 7 kinds of failure: exit not 0, nobody removed", caseBreaksPartWay},
		{"02 source answers empty or short", "an empty page, half, nobody at all: nobody removed, joiners in", caseEmptyOrShort},
		{"03 configuration or scope removes many", "filter typo, group unselected, two deployments: nobody removed", caseScopeChange},
		{"04 guard semantics", "whole kind before the first write, tiny tenants, rule edits, the inactive, many small runs, used approvals", caseGuardSemantics},
		{"05 what is not ours", "foreign accounts, groups with and without members, with delete on: untouched", caseForeign},
		{"06 last admin, substitute, own account, protected", "each suspended, unassigned, demoted: keeps access, exit 11", caseLockedOut},
		{"06 listener: last admin is pushed out", "each suspended, removed, demoted: 403 with the reason, keeps access, is in holds", caseListenLockedOut},
		{"07 changed e-mail", "same account with and without marks, run goes on", caseRename},
		{"08 recycled e-mail", "the new holder gets nothing of the former one", caseRecycled},
		{"09 delete and recreate", "rehire, tombstone, renamed group: same account, same members", caseRecreate},
		{"10 paging faults", "cursor loop, moving total, no order, hard caps, pages past the end: complete or held", casePaging},
		{"11 group PATCH corrupts members", "4 ways to remove, a hand edit beside it: only the named change", casePatchMembers},
		{"11 listener: PATCH dialects and parallel PATCHes", "3 dialects, 50 at once on one group: exactly the named changes, kept by a run", caseListenPatch},
		{"12 more than 100 members", "250 members, 100 a request, each way to read them; 100 shown: nobody falls out, and it is said", caseManyMembers},
		{"13 storms of 429", "passing: done; lasting: not reported as success; Retry-After is kept", case429},
		{"14 crash in the middle", "store lost after some writes: settled and completed, nothing twice", caseCrash},
		{"15 create whose answer is lost", "5 answers to a second one: one account each, found at once, with all its values", caseLostCreate},
		{"16 one poison record", "bad names, a refused group, a refused person: everybody else is done", casePoison},
		{"17 order and duplicates in one run", "new group with its members, two rules for one group, delete of a member", caseOrder},
		{"18 drift and manual deletion at Tomorro", "deleted, edited, taken out: repaired; one 404 stops nobody", caseDrift},
		{"19 membership removals are lost", "last member, lists without members, a removal that did nothing is tried again", caseLostRemoval},
		{"20 deactivate, reactivate, rehire", "text booleans, answers without body, removal by deactivation: same person, once", caseRehire},
		{"21 watermark", "a failed run hides no role edit and no deletion from the next", caseWatermark},
		{"22 overlapping runs", "whole and single runs wait for the lock, say whose it is, and write nothing", caseOverlap},
		{"22 listener: a push in the middle of a run", "new title, leaver, the one being written: neither undoes the other", caseListenMiddle},
		{"23 success reported, nothing happened", "seats full, token expired, stale memory, nobody serves: each is said", caseSilent},
		{"24 case and Unicode", "other case, other normal form, plus-address: no second account, no write", caseUnicode},
		{"25 secrets and scale", "no secret in any output; requests grow with the people", caseSecretsAndScale},
		{"25 listener: tokens, storms, passwords", "401, 429, a stolen token removes nobody; no password at Tomorro, nothing in logs", caseListenSecurity},
	}
}

// TestFailureCases runs each case end to end and prints a table of them; see it
// with -v.
func TestFailureCases(t *testing.T) {
	t.Parallel()
	all := failureCases()
	results := make([]string, len(all))
	t.Cleanup(func() {
		var b strings.Builder
		for i, c := range all {
			fmt.Fprintf(&b, "%-50s %-8s %s\n", c.name, results[i], c.tests)
		}
		t.Logf("\n%-50s %-8s %s\n%s", "case", "result", "what is tested", b.String())
	})
	for i, c := range all {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				results[i] = "passed"
				if t.Failed() {
					results[i] = "FAILED"
				}
			})
			c.run(t)
		})
	}
}

// calm40 is a small company at rest: two pages of people, four groups.
func calm40(t *testing.T, more string) *office {
	t.Helper()
	o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true, pageCap: 20}, more)
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	return o
}

// people edits the world.
func (o *office) people(edit func(*onelogintest.World)) {
	o.lab.onelogin.Edit(edit)
}

// account gives the account of somebody, whatever its state.
func (o *office) account(name string) (tomorrotest.UserState, bool) {
	users := o.lab.tomorro.State().Users
	i := slices.IndexFunc(users, func(u tomorrotest.UserState) bool { return strings.EqualFold(u.UserName, name) })
	if i < 0 {
		return tomorrotest.UserState{}, false
	}
	return users[i], true
}

// keep fails when anybody has less than before: access, or a group.
func (o *office) keep(before tomorrotest.State, when string) {
	o.t.Helper()
	now := make(map[string]tomorrotest.UserState)
	for _, u := range o.lab.tomorro.State().Users {
		now[u.ID] = u
	}
	for _, had := range before.Users {
		has := now[had.ID]
		if had.Active && !has.Active {
			o.t.Errorf("%s: %s was removed", when, had.UserName)
		}
		for _, g := range had.Groups {
			if !slices.Contains(has.Groups, g) {
				o.t.Errorf("%s: %s was taken out of %s", when, had.UserName, g)
			}
		}
	}
}

// group gives the group that a rule of the generated company sets.
func (o *office) group(rule int) tomorrotest.GroupState {
	groups := o.lab.tomorro.State().Groups
	return groups[slices.IndexFunc(groups, func(g tomorrotest.GroupState) bool { return g.DisplayName == o.world.Rules[rule].Actions[0].Value[0] })]
}

// writes counts requests to change something since a state.
func (o *office) writes(since tomorrotest.State) int {
	now := o.lab.tomorro.State()
	return now.Writes + now.Idle - since.Writes - since.Idle
}

// unique fails when two accounts have one address.
func (o *office) unique() {
	o.t.Helper()
	seen := make(map[string]bool)
	for _, u := range o.lab.tomorro.State().Users {
		if name := strings.ToLower(u.UserName); seen[name] {
			o.t.Errorf("%s has two accounts", u.UserName)
		} else {
			seen[name] = true
		}
	}
}

// joiner is somebody new with the role of the first group.
func joiner(w *onelogintest.World, email string) *onelogintest.Person {
	return w.Add(&onelogintest.Person{FirstName: "New", LastName: "Comer", Email: email, Title: new("user"), Username: new(""),
		Status: 1, State: 1, Assigned: true, RoleIDs: []int64{w.Roles[0].ID}})
}
