package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// TestExplainAgreesWithPlan: for each person of a company of 2,000 with all its
// oddities, what follows from the facts that explain shows is what plan does.
func TestExplainAgreesWithPlan(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 2000, groups: 40, seed: 8}, "limits: {deactivate: {max: none, share: none}, remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}, band: none}\n")
	o.must(exitDone, "reconcile", "--yes")
	for i, p := range o.world.People { // hand edits and changes at OneLogin
		switch i % 9 {
		case 1:
			p.Status = 2
		case 2:
			p.RoleIDs = p.RoleIDs[:len(p.RoleIDs)/2]
		}
	}
	runner := openOffice(t, o).runner.(runWith).Runner
	plan, err := runner.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	directory, err := runner.Source.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	current, err := runner.Target.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	links, err := runner.Links.Links(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	explainer, asked := reconcile.NewExplainer(reconcile.Input{Directory: &directory, Current: &current, Links: links, Policy: &runner.Policy}, plan), 0
	changes := 0
	for _, p := range o.world.People {
		for _, e := range explainer.About(reconcile.Key(p.ID).String()) {
			agree(t, &e)
			asked++
			changes += len(e.Changes)
		}
	}
	if asked != len(o.world.People) || changes < 500 {
		t.Errorf("%d of %d people explained, with %d changes", asked, len(o.world.People), changes)
	}
}

func openOffice(t *testing.T, o *office) *connection {
	t.Helper()
	p := &program{configFiles: []string{o.config}, stdout: &strings.Builder{}, stderr: &strings.Builder{}}
	c, err := p.configuration()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := services{}.open(t.Context(), session{config: c, remember: true, log: p.logger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.close)
	return conn
}

// agree derives what must be done from the facts, and compares.
func agree(t *testing.T, e *reconcile.Explanation) {
	t.Helper()
	told := func(op reconcile.Op, group string) bool {
		is := func(c *reconcile.Change) bool { return c.Op == op && reconcile.Fold(c.Group) == reconcile.Fold(group) }
		return slices.ContainsFunc(e.Changes, func(c reconcile.Change) bool { return is(&c) }) || slices.ContainsFunc(e.Held, func(h reconcile.Held) bool { return is(&h.Change) })
	}
	expect := func(op reconcile.Op, group string, want bool) {
		if told(op, group) != want {
			t.Errorf("%s %s of %s: the facts say %v: %+v", op, group, e.Email, want, e)
		}
	}
	if !e.Managed || e.Hold != "" {
		if len(e.Changes) > 0 {
			t.Errorf("%s is held or not managed, and would be changed: %+v", e.Email, e.Changes)
		}
		return
	}
	expect(reconcile.OpCreate, "", e.Active && e.Account == nil)
	expect(reconcile.OpReactivate, "", e.Active && e.Account != nil && !e.Account.Active && e.RoleHold == "")
	expect(reconcile.OpDeactivate, "", !e.Active && e.Account != nil && e.Account.Active)
	if !e.Active || e.RoleHold != "" {
		return
	}
	for _, g := range e.Groups {
		expect(reconcile.OpAddMember, g.Group, g.Wanted == reconcile.Yes && !g.Member)
		expect(reconcile.OpRemoveMember, g.Group, g.Member && g.Wanted == reconcile.No || g.Member && g.Wanted == reconcile.Unsure && told(reconcile.OpRemoveMember, g.Group))
	}
	for _, c := range e.Changes {
		if c.Group != "" && !slices.ContainsFunc(e.Groups, func(g reconcile.GroupAnswer) bool { return reconcile.Fold(g.Group) == reconcile.Fold(c.Group) }) {
			t.Errorf("%s: nothing explains %s %s", e.Email, c.Op, c.Group)
		}
	}
}

func TestExplain(t *testing.T) {
	o := newOffice(t, labOptions{users: 20, groups: 4, seed: 3, plain: true}, "")
	who := o.world.People[4]
	if out := o.must(exitDone, "explain", who.Email); !strings.Contains(out, "no account") || !strings.Contains(out, "+ create") || !strings.Contains(out, "has_role includes \"") {
		t.Errorf("explain says\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes")
	writes := len(o.lab.tomorro.Writes())
	out := o.must(exitDone, "explain", strings.ToUpper(who.Email))
	for _, want := range []string{"OneLogin user", "access   yes", "RULES", "GROUPS", "member", "Tomorro is what OneLogin says", "BEFORE", "create"} {
		if !strings.Contains(out, want) {
			t.Errorf("explain lacks %q:\n%s", want, out)
		}
	}
	out = o.must(exitDone, "explain", who.Email, "--if", "title=Head of Legal")
	if !strings.Contains(out, "supposing") || !strings.Contains(out, "change role") || !strings.Contains(out, "role     admin") {
		t.Errorf("supposing another title, explain says\n%s", out)
	}
	who.RoleIDs = who.RoleIDs[1:]
	out = o.must(exitDone, "explain", who.Email)
	if !strings.Contains(out, "remove member") || !strings.Contains(out, "no rule gives it") {
		t.Errorf("without a role, explain says\n%s", out)
	}
	role := o.world.Roles[0].Name
	for _, r := range o.world.Roles {
		if !slices.Contains(who.RoleIDs, r.ID) {
			role = r.Name
		}
	}
	if out = o.must(exitDone, "explain", who.Email, "--if-role", strings.ToLower(role)); strings.Contains(out, "remove member") {
		t.Errorf("supposing the role, explain says\n%s", out)
	}
	var docs []explanationJSON
	if err := json.Unmarshal([]byte(o.must(exitDone, "explain", who.Email, "--output", "json")), &docs); err != nil || len(docs) != 1 || docs[0].Account == nil || len(docs[0].History) == 0 {
		t.Errorf("%+v %v", docs, err)
	}
	for _, r := range docs[0].Rules { // one for each role
		has := slices.ContainsFunc(who.RoleIDs, func(id int64) bool { return r.Conditions[0].Condition == fmt.Sprintf("has_role ri %d", id) })
		if (r.Matches == reconcile.Yes) != has || r.Conditions[0].Holds != r.Matches {
			t.Errorf("%s has roles %v: %+v", who.Email, who.RoleIDs, r)
		}
	}
	for name, args := range map[string][]string{
		"neither OneLogin nor Tomorro knows": {"explain", "nobody@acme.example"},
		"OneLogin has no role":               {"explain", who.Email, "--if-role", "Astronauts"},
		"is not FACT=VALUE":                  {"explain", who.Email, "--if", "shoe=44"},
	} {
		if code, _, stderr := o.run(args...); code == exitDone || !strings.Contains(stderr, name) {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
	if n := len(o.lab.tomorro.Writes()); n != writes {
		t.Errorf("explain wrote %d times", n-writes)
	}
}

// TestHistoryHasBoth: of a long past no outcome is shown without what it is of.
func TestHistoryHasBoth(t *testing.T) {
	f, n := &fakeServices{}, historyShown+1
	w := &reconcile.Write{Changes: []reconcile.Change{{Op: reconcile.OpAddMember, Key: 1, Who: "ann@x.io", Group: "Legal"}}}
	for i := range n { // all intents first, then the outcomes of all but the last
		f.entries = append(f.entries, jobs.Entry{ID: fmt.Sprint("i", i), Kind: jobs.EntryIntent, Write: w})
	}
	for i := range n - 1 {
		f.entries = append(f.entries, jobs.Entry{ID: fmt.Sprint("o", i), Kind: jobs.EntryOutcome, Intent: fmt.Sprint("i", i), Result: "done"})
	}
	got, err := history(t.Context(), f, "1")
	if err != nil || len(got) != 2*historyShown {
		t.Fatalf("%d entries of %d: %+v, %v", len(got), len(f.entries), got, err)
	}
	for i, e := range got {
		if want := fmt.Sprint([]string{"i", "o"}[i/historyShown], i%historyShown); e.ID != want {
			t.Errorf("entry %d is %s, want %s", i, e.ID, want)
		}
	}
}
