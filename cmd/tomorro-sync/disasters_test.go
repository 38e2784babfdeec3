package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// rehearsed is a company in front of one disaster, with the configuration files
// that simulate writes.
type rehearsed struct {
	*office
	mistake string // the second file, or the first again
	d       disaster
}

func newRehearsed(t *testing.T, d disaster, o labOptions) *rehearsed {
	t.Helper()
	o.disaster, o.oneloginAddress, o.tomorroAddress = d.name, "127.0.0.1:0", "127.0.0.1:0"
	l, err := newLab(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	redis := miniredis.RunT(t)
	l.redisURL = "redis://" + redis.Addr() + "/0"
	r := &rehearsed{d: d, office: &office{t: t, lab: l, redis: redis, config: filepath.Join(t.TempDir(), "tomorro-sync.yaml"), environ: []string{
		envPrefix + "ONELOGIN_BACKOFF=1ms", envPrefix + "TOMORRO_PAGE_SIZE=1000", envPrefix + "TOMORRO_CONCURRENCY=16"}}}
	l.tomorro.Turn(capPages(1000))
	if err := l.write(r.config); err != nil {
		t.Fatal(err)
	}
	if r.mistake = r.config; d.mistake != "" {
		r.mistake = mistaken(r.config)
	}
	return r
}

// ask sends one request to the rehearsal's own paths, as curl does.
func (r *rehearsed) ask(method, path string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.lab.oneloginURL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, err)
	}
	return string(text)
}

// cost is what the simulators count.
func (r *rehearsed) cost() (t toll) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.ask(http.MethodGet, "/_sim/disaster")), &t); err != nil {
		r.t.Fatal(err)
	}
	return t
}

// reconcile makes one run with the configuration of that day.
func (r *rehearsed) reconcile(args ...string) (report reportJSON) {
	r.t.Helper()
	before := r.config
	defer func() { r.config = before }()
	r.config = r.mistake
	code, stdout, stderr := r.run(append([]string{"reconcile", "--yes", "--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || report.Exit != code {
		r.t.Fatalf("%v: exit %d\n%s%s", err, code, stdout, stderr)
	}
	return report
}

// TestDisasters rehearses each disaster as the README does: nobody loses
// anything, who joins on that day gets in, and what is not done is listed with its
// reason, that night and the next.
func TestDisasters(t *testing.T) {
	t.Parallel()
	for _, d := range disasters() {
		users := 800
		if d.oneByOne { // a run each; TestStorm has all 300
			users = 120
		}
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			rehearse(t, d, users)
		})
	}
}

// rehearse plays a disaster in a company of that many people.
func rehearse(t *testing.T, d disaster, users int) {
	t.Helper()
	// What each is about, how many holds of it there are at least, and how a run
	// ends that has them.
	want := map[string]struct {
		op    reconcile.Op
		holds int
		exits []int
	}{
		"half-vanish":         {reconcile.OpDeactivate, users / 2, []int{exitHeld, exitApproval}},
		"page-fails":          {reconcile.OpDeactivate, 50, []int{exitHeld}},
		"rule-edit":           {reconcile.OpRemoveMember, users * 3 / 8, []int{exitHeld, exitApproval}},
		"everybody-suspended": {reconcile.OpDeactivate, users, []int{exitHeld, exitApproval}},
		"imported-anew":       {reconcile.OpDeactivate, users, []int{exitHeld, exitApproval}},
		"single-removals":     {reconcile.OpDeactivate, users * 3 / 8, []int{exitHeld, exitApproval}},
		"filter-typo":         {"", 0, []int{exitDone, exitHeld, exitApproval}}, // who is in no scope is left alone
		"titles-admin":        {reconcile.OpChangeRole, users / 4, []int{exitHeld, exitApproval}},
	}[d.name]
	r := newRehearsed(t, d, labOptions{users: users, groups: 8, seed: 3, plain: true, pageCap: 50})
	r.inSync()
	r.ask(http.MethodPost, "/_sim/disaster")
	if d.oneByOne {
		r.oneByOne(users*3/8, want.holds)
	}
	for night := range 2 {
		report := r.reconcile()
		if !slices.Contains(want.exits, report.Exit) {
			t.Errorf("night %d ends with %d, want one of %v", night, report.Exit, want.exits)
		}
		if n := heldWithReason(&report, want.op); n < want.holds {
			t.Errorf("night %d lists %d holds of %s, want %d or more: %+v", night, n, want.op, want.holds, report.Held)
		}
		c := r.cost()
		if !c.Happened || len(c.Removed) > 0 || len(c.Memberships) > 0 || len(c.Admins) > 0 {
			t.Errorf("night %d: %d accounts and %d memberships are lost and %d people are admin, wrongly", night, len(c.Removed), len(c.Memberships), len(c.Admins))
		}
		if c.Joined != joiners || c.Joiners != joiners {
			t.Errorf("night %d: %d of %d joiners have an account", night, c.Joined, c.Joiners)
		}
	}
	r.listed()
	r.releaseByOneApproval()
}

func heldWithReason(report *reportJSON, op reconcile.Op) (n int) {
	for i := range report.HeldChanges {
		if h := &report.HeldChanges[i]; h.Op == op && h.Class != reconcile.HoldData && h.Reason != "" {
			n++
		}
	}
	return n
}

// inSync makes the first run, which has nothing to do.
func (r *rehearsed) inSync() {
	r.t.Helper()
	if out := r.must(exitDone, "reconcile", "--yes"); !strings.Contains(out, "nothing was written") || len(r.lab.tomorro.Writes()) > 0 {
		r.t.Fatalf("the company is not in sync:\n%s", firstLines(out, 30))
	}
}

// oneByOne makes a run for each person whom the disaster is about.
func (r *rehearsed) oneByOne(about, holds int) {
	r.t.Helper()
	held, people := 0, strings.Fields(r.ask(http.MethodGet, "/_sim/disaster/people"))
	for _, who := range people {
		if report := r.reconcile("--user", who); report.Exit == exitHeld || report.Exit == exitApproval {
			held++
		}
	}
	if len(people) != about || held < holds {
		r.t.Errorf("%d of %d single removals were held, want %d of %d", held, len(people), holds, about)
	}
}

// listed fails when what people see says nothing of what is held, or names a
// whole disaster in more lines than anybody reads.
func (r *rehearsed) listed() {
	r.t.Helper()
	before := r.config
	defer func() { r.config = before }()
	r.config = r.mistake
	_, out, _ := r.run("plan")
	word := "held"
	if r.d.name == "filter-typo" {
		word = `OneLogin has no role "Feild sales"`
	}
	if !strings.Contains(out, word) || strings.Count(out, "\n") > 80 {
		r.t.Errorf("the plan does not say %q, or says too much:\n%s", word, firstLines(out, 100))
	}
}

// heldDocument is what holds --output json prints.
type heldDocument struct {
	Holds []struct {
		ID, Rule, Reason string
		Changes          []reconcile.Change
	}
}

func (r *rehearsed) holds() (doc heldDocument) {
	r.t.Helper()
	if out := r.must(exitDone, "holds", "--output", "json"); json.Unmarshal([]byte(out), &doc) != nil {
		r.t.Fatalf("holds prints no document:\n%s", out)
	}
	return doc
}

// releaseByOneApproval approves what the disaster holds, as somebody does who
// meant it, and wants exactly that to be done by the next run: nothing else, and
// nothing more by the one after. What cannot be approved, because OneLogin was not
// read or somebody is in no scope, is left out.
func (r *rehearsed) releaseByOneApproval() {
	r.t.Helper()
	if r.d.name == "page-fails" || r.d.name == "filter-typo" {
		return
	}
	r.config = r.mistake
	id, want := "", map[string]bool{}
	for _, h := range r.holds().Holds {
		if !reconcile.HoldRule(h.Rule).Approvable() || len(h.Changes) <= len(want) {
			continue
		}
		id, want = h.ID, map[string]bool{}
		for i := range h.Changes {
			want[effect(&h.Changes[i])] = true
		}
	}
	if id == "" {
		r.t.Fatalf("nothing can be approved: %+v", r.holds())
	}
	before := r.lab.tomorro.State()
	for _, u := range before.Users { // whatever anybody says, min_admins of them remain
		if u.UserType == "admin" && slices.Contains([]string{"everybody-suspended", "imported-anew"}, r.d.name) {
			delete(want, effect(&reconcile.Change{Op: reconcile.OpDeactivate, Who: u.UserName}))
		}
	}
	r.must(exitDone, "approve", id, "--as", "legal.head@acme.example")
	r.reconcile()
	r.exactly(want, before)
	for _, h := range r.holds().Holds {
		if h.ID == id {
			r.t.Errorf("%s is still held", id)
		}
	}
	writes := len(r.lab.tomorro.Writes())
	r.reconcile()
	if n := len(r.lab.tomorro.Writes()) - writes; n > 0 {
		r.t.Errorf("the run after the approved one wrote %d times", n)
	}
}

// effect names what a change does, as exactly does.
func effect(c *reconcile.Change) string {
	return fmt.Sprint(c.Op, " ", strings.ToLower(c.Who), " ", c.Group)
}

// exactly compares what was lost since before, as Tomorro's state tells it, to
// what was approved.
func (r *rehearsed) exactly(want map[string]bool, before tomorrotest.State) {
	r.t.Helper()
	lost, now := map[string]bool{}, make(map[string]tomorrotest.UserState)
	for _, u := range r.lab.tomorro.State().Users {
		now[u.ID] = u
	}
	for _, had := range before.Users {
		has, who := now[had.ID], strings.ToLower(had.UserName)
		if had.Active && !has.Active {
			lost[effect(&reconcile.Change{Op: reconcile.OpDeactivate, Who: who})] = true
		}
		if had.UserType != has.UserType {
			lost[effect(&reconcile.Change{Op: reconcile.OpChangeRole, Who: who})] = true
		}
		for _, g := range had.Groups {
			if !slices.Contains(has.Groups, g) {
				lost[effect(&reconcile.Change{Op: reconcile.OpRemoveMember, Who: who, Group: g})] = true
			}
		}
	}
	for _, side := range []struct {
		what      string
		has, lack map[string]bool
	}{{"was approved and is not done", want, lost}, {"is done and was not approved", lost, want}} {
		for e := range side.has {
			if !side.lack[e] {
				r.t.Errorf("%s %s (and maybe others)", e, side.what)
				break
			}
		}
	}
}

// TestSimulateTellsWhatToType: the commands that simulate prints are those that
// TestDisasters makes, and what cannot be rehearsed is refused.
func TestSimulateTellsWhatToType(t *testing.T) {
	for _, d := range disasters() {
		r := newRehearsed(t, d, labOptions{users: 60, groups: 4, seed: 1, pageCap: 20})
		var out bytes.Buffer
		if err := (&program{stdout: &out}).introduce(r.lab, r.config); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{d.name, "--config " + r.config + " reconcile --yes", "curl -X POST " + r.lab.oneloginURL + "/_sim/disaster", "--config " + r.mistake + " reconcile --yes"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: it does not say %q:\n%s", d.name, want, out.String())
			}
		}
		if _, err := os.Stat(mistaken(r.config)); (err == nil) != (d.mistake != "") {
			t.Errorf("%s: the second configuration: %v", d.name, err)
		}
		r.inSync() // also with all the oddities of a real directory
		r.ask(http.MethodPost, "/_sim/disaster")
		r.ask(http.MethodPost, "/_sim/disaster") // once is enough
		if c := r.cost(); c.Joiners != joiners || c.Joined != 0 {
			t.Errorf("%s: %+v", d.name, c)
		}
	}
	for _, args := range [][]string{{"--disaster", "earthquake"}, {"--disaster", "rule-edit", "--users", "50"}, {"--redis", "0.0.0.0:0"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), services{}, append([]string{"simulate"}, args...), nil, strings.NewReader(""), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "what to do: ") {
			t.Errorf("%v: exit %d, %s", args, code, errs.String())
		}
	}
}
