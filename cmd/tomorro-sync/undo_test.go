package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// lastRun gives the newest run of the journal.
func (o *office) lastRun() string {
	o.t.Helper()
	var doc struct {
		Runs []jobs.RunRecord `json:"runs"`
	}
	if err := json.Unmarshal([]byte(o.must(exitDone, "journal", "--output", "json", "--limit", "1")), &doc); err != nil || len(doc.Runs) != 1 {
		o.t.Fatalf("%+v %v", doc, err)
	}
	return doc.Runs[0].Begin.Run
}

// accounts are those at Tomorro with their groups, without the ids of memberships.
func (o *office) accounts() map[string]string {
	all := make(map[string]string)
	for _, u := range o.lab.tomorro.State().Users {
		groups := slices.Sorted(slices.Values(u.Groups))
		text, err := json.Marshal([]any{u.UserName, u.GivenName, u.FamilyName, u.UserType, u.Active, groups})
		if err != nil {
			o.t.Fatal(err)
		}
		all[u.ID] = string(text)
	}
	return all
}

// TestUndoEndToEnd: a bad morning at OneLogin is written, taken back, kept through
// the next nights, and done again for whom it was right.
func TestUndoEndToEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 60, groups: 6, seed: 4, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	before := o.accounts()
	admin := "admin"
	people := o.world.People
	people[0].Status, people[1].Status = 2, 2
	people[2].Title = &admin
	people[3].Email = "somebody.else@acme.example"
	people[4].LastName += " Renamed"
	people[5].RoleIDs = people[5].RoleIDs[:len(people[5].RoleIDs)-2]
	o.must(exitDone, "reconcile", "--yes")
	run := o.lastRun()
	if cmp.Diff(before, o.accounts()) == "" {
		t.Fatal("the run changed nothing")
	}
	if code, _, stderr := o.run("undo", run); code != exitUsage || !strings.Contains(stderr, "--yes") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	out := o.must(exitDone, "undo", run, "--yes", "--as", "Ann")
	if !strings.Contains(out, "undo of run "+run) || !strings.Contains(out, "6 people stay") || strings.Contains(out, "in scope") {
		t.Errorf("undo says\n%s", out)
	}
	if diff := cmp.Diff(before, o.accounts()); diff != "" {
		t.Errorf("not everything is what it was:\n%s", diff)
	}
	if out := o.must(exitDone, "plan"); !strings.Contains(out, "was undone by Ann") || !strings.Contains(out, "tomorro-sync --config "+o.config+" release ") {
		t.Errorf("the plan says\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes") // the next night
	if diff := cmp.Diff(before, o.accounts()); diff != "" {
		t.Errorf("the next night did it again:\n%s", diff)
	}
	if out := o.must(exitDone, "explain", people[2].Email); !strings.Contains(out, "was undone by Ann") {
		t.Errorf("explain says\n%s", out)
	}
	if out := o.must(exitDone, "undo", run, "--yes"); !strings.Contains(out, "Nothing to do") {
		t.Errorf("undone twice:\n%s", out)
	}
	if out := o.must(exitDone, "release"); strings.Count(out, "by Ann") != 6 || !strings.Contains(out, people[2].Email) {
		t.Errorf("release lists\n%s", out)
	}
	o.must(exitDone, "release", strings.ToUpper(people[2].Email), "--as", "Bob")
	if code, _, stderr := o.run("release", people[2].Email); code != exitError || !strings.Contains(stderr, "not pinned") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	o.must(exitDone, "reconcile", "--yes")
	if got := o.actual()[strings.ToLower(people[2].Email)]; got.UserType != "admin" {
		t.Errorf("released, and still %+v", got)
	}
	o.must(exitDone, "release", "--all")
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	history := o.must(exitDone, "journal", "person", people[2].Email)
	if !strings.Contains(history, "pinned") || !strings.Contains(history, "by Ann") || !strings.Contains(history, "released") || !strings.Contains(history, "by Bob") {
		t.Errorf("the history is\n%s", history)
	}
	if rows := o.must(exitDone, "journal", "--since", "1d", "--output", "csv"); !strings.Contains(rows, ",pin,") || !strings.Contains(rows, ",release,") {
		t.Errorf("the table lacks pins:\n%s", rows)
	}
}

// TestUndoLeavesWhatSomebodyChanged, and says so; and takes back one person only.
func TestUndoLeavesWhatSomebodyChanged(t *testing.T) {
	o := newOffice(t, labOptions{users: 12, groups: 3, seed: 4, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	manager := "manager"
	for _, p := range o.world.People[1:3] {
		p.LastName, p.Title = "Wrong", &manager
	}
	o.must(exitDone, "reconcile", "--yes")
	who := o.world.People[1].Email
	for _, u := range o.lab.tomorro.State().Users {
		if u.UserName == who {
			o.lab.tomorro.EditUser(u.ID, func(u *tomorrotest.User) { u.FamilyName = "By Hand" })
		}
	}
	out := o.must(exitDone, "undo", "--user", who, "--yes")
	if !strings.Contains(out, "changed since, and stays") || !strings.Contains(out, "By Hand") {
		t.Errorf("undo says\n%s", out)
	}
	got := o.actual()
	if a := got[strings.ToLower(who)]; a.FamilyName != "By Hand" {
		t.Errorf("%+v", a)
	}
	if b := got[strings.ToLower(o.world.People[2].Email)]; b.FamilyName != "Wrong" {
		t.Errorf("somebody else was undone: %+v", b)
	}
}

func TestUndoCommand(t *testing.T) {
	plan := onePending()
	plan.Receipt = reconcile.Receipt{NotAsked: true}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing named":      {[]string{"undo", "--yes"}, exitUsage, "a run or a person"},
		"all runs of a run":  {[]string{"undo", "r1", "--all-runs", "--yes"}, exitUsage, "--all-runs"},
		"two runs":           {[]string{"undo", "r1", "r2", "--yes"}, exitUsage, "undo takes RUN | --user EMAIL, and got 2 arguments"},
		"everybody and one":  {[]string{"release", "ann@x.io", "--all"}, exitUsage, "--all is everybody"},
		"nobody to be asked": {[]string{"undo", "r1"}, exitUsage, "not a terminal"},
		"a run":              {[]string{"undo", "r1", "--yes", "--as", "ann"}, exitDone, "create"},
	} {
		f := &fakeServices{plan: plan, report: jobs.Report{Run: "u1"}}
		r := start(t, f, "", false, c.args...)
		if r.code != c.code || !strings.Contains(r.out+r.err, c.says) {
			t.Errorf("%s: exit %d, %s%s", name, r.code, r.out, r.err)
		}
		if c.code == exitDone && (f.undone.Run != "r1" || f.by != jobs.Trigger{By: "undo", Who: "ann"}) {
			t.Errorf("%s: %+v by %+v", name, f.undone, f.by)
		}
	}
	f := &fakeServices{plan: plan, report: jobs.Report{Run: "u1"}}
	if start(t, f, "n\n", true, "undo", "--user", "ann@x.io"); f.agreed || f.undone.User != "ann@x.io" {
		t.Errorf("declined: %+v", f)
	}
}

// TestNobodyIsNotEverybody: a variable of the shell that is not set makes no command
// about one person one about all.
func TestNobodyIsNotEverybody(t *testing.T) {
	o := newOffice(t, labOptions{users: 20, groups: 2, seed: 4, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	o.world.People[0].Status = 2
	before := o.accounts()
	refused := func(args ...string) {
		t.Helper()
		if code, _, stderr := o.run(args...); code != exitUsage || !strings.Contains(stderr, "empty") {
			t.Errorf("%q: exit %d, %s", args, code, stderr)
		}
	}
	refused("reconcile", "--yes", "--user", "")
	refused("undo", o.lastRun(), "--yes", "--user", " ")
	refused("undo", "", "--yes", "--user", o.world.People[1].Email)
	refused("groups", "forget", o.world.People[1].Email, "--group", "")
	if diff := cmp.Diff(before, o.accounts()); diff != "" {
		t.Error(diff)
	}
	o.must(exitDone, "undo", o.lastRun(), "--yes", "--user", o.world.People[1].Email)
	refused("release", "")
	if out := o.must(exitDone, "release"); !strings.Contains(out, o.world.People[1].Email) {
		t.Errorf("nobody is pinned any more:\n%s", out)
	}
}

// TestReleasedIsNoDrift: what a run does to whom an undo left otherwise and somebody
// released is what OneLogin says, and nobody's edit at Tomorro.
func TestReleasedIsNoDrift(t *testing.T) {
	o := newOffice(t, labOptions{users: 40, groups: 3, seed: 4, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	admin := "admin"
	o.world.People[2].Title = &admin
	o.world.People[3].RoleIDs = o.world.People[3].RoleIDs[:len(o.world.People[3].RoleIDs)-1]
	o.must(exitDone, "reconcile", "--yes")
	o.must(exitDone, "undo", o.lastRun(), "--yes")
	o.must(exitDone, "reconcile", "--yes") // a night in between, which holds it
	o.must(exitDone, "release", "--all")
	if out := o.must(exitPending, "plan"); strings.Contains(out, "somebody changed it at Tomorro") {
		t.Errorf("the plan takes our own undo for somebody's edit:\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
}
