package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// bare starts the program in an empty directory, with nothing configured.
func bare(t *testing.T, args ...string) result {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, errs strings.Builder
	code := run(t.Context(), services{}, args, nil, strings.NewReader(""), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// TestNothingConfigured: whoever starts without a configuration is told how to make one,
// not which keys are missing in a file that is not there.
func TestNothingConfigured(t *testing.T) {
	for _, command := range []string{"plan", "reconcile --yes", "check", "holds", "alerts", "schedule", "serve", "explain ann@x.io", "journal", "groups list"} {
		got := bare(t, strings.Fields(command)...)
		if got.code != exitUsage || !strings.Contains(got.err, "there is no configuration") || !strings.Contains(got.err, "what to do: make one with: tomorro-sync init; or") || strings.Contains(got.err, "is missing") {
			t.Errorf("%s: %+v", command, got)
		}
	}
	got := bare(t, "--config", "acme.yaml", "plan")
	if got.code != exitUsage || !strings.Contains(got.err, "look at the path; or make a new configuration there with: tomorro-sync --config acme.yaml init") {
		t.Errorf("%+v", got)
	}
}

// TestNothingThereYet: an empty journal is no misspelt run, and a file that cannot be
// written is nothing that another start would mend.
func TestNothingThereYet(t *testing.T) {
	o := newOffice(t, labOptions{users: 3, groups: 1, seed: 1, plain: true}, "")
	code, _, errs := o.run("report")
	if code != exitError || !strings.Contains(errs, "has no run yet") || !strings.Contains(errs, "make one with: tomorro-sync --config "+o.config+" reconcile") {
		t.Errorf("exit %d: %s", code, errs)
	}
	o.must(exitDone, "reconcile", "--yes")
	for _, args := range [][]string{{"report", "--out", "/no/such/place/r.html"}, {"journal", "export", "/no/such/place/j.json"}, {"groups", "snapshot", "--file", "/no/such/place/s.json"}} {
		if code, _, errs := o.run(args...); code != exitError || !strings.Contains(errs, "what to do: name a file in a directory that is there") {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
	if code, _, errs := o.run("report", "no-such-run"); code != exitError || !strings.Contains(errs, "no such run: no-such-run") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestErrorsAreClean: what a service answered moves no cursor when it is part of an error.
func TestErrorsAreClean(t *testing.T) {
	got := start(t, &fakeServices{err: errors.New("Tomorro answered 400: \x1b[2Jgone\nand\u202emore")}, "", false, "plan")
	if strings.ContainsAny(got.err, "\x1b\u202e") || !strings.Contains(got.err, `tomorro-sync: Tomorro answered 400: \u001b[2Jgone`+"\n"+`tomorro-sync: and\u202emore`) {
		t.Errorf("%q", got.err)
	}
}

// TestAnotherPlanWasApproved: who approves a plan that is not the one of now hears that.
func TestAnotherPlanWasApproved(t *testing.T) {
	f := &fakeServices{plan: heldBy(reconcile.HoldApproval), report: jobs.Report{Run: "r1", Exit: exitApproval}}
	for _, args := range [][]string{{"reconcile"}, {"undo", "r1"}} {
		got := start(t, f, "", false, append(args, "--yes", "--approve", "0123")...)
		if got.code != exitApproval || !strings.Contains(got.err, "--approve 0123 approves nothing of this: the plan is 00fe by now") {
			t.Errorf("%v: %+v", args, got)
		}
		if got := start(t, f, "", false, append(args, "--yes", "--approve", "00fe")...); got.err != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// TestAdviceCanBeFollowed: what no approval lets through is not proposed for approval, nor is
// --approve for what it does not let through.
func TestAdviceCanBeFollowed(t *testing.T) {
	guard, approval := reconcile.HoldGuard, reconcile.HoldApproval
	for _, c := range []struct {
		class      reconcile.HoldClass
		rule       reconcile.HoldRule
		plan, made string
	}{
		{guard, reconcile.RuleReceipt, "no approval lets this through", "see what is held, and what ends that, with: "},
		{guard, reconcile.RuleProtect, "no approval lets this through", "see what is held, and what ends that, with: "},
		{guard, reconcile.RuleLimit, "approve ID", "see what is held, and let it through, with: "},
		{approval, reconcile.RuleConfiguration, "approve ID", "see what is held, and let it through, with: "},
		{approval, reconcile.RuleApproval, "reconcile --approve 00fe", "see what is held, and let it through, with: "},
	} {
		f := &fakeServices{plan: heldByRule(c.class, c.rule), report: jobs.Report{Run: "r1", Held: map[reconcile.HoldClass]int{c.class: 1}}}
		for command, want := range map[string]string{"plan": c.plan, "reconcile --yes": c.made} {
			out := strings.Join(strings.Fields(start(t, f, "", false, strings.Fields(command)...).out), " ")
			for _, other := range []string{want, "no approval lets", "approve ID", "--approve", "let it through", "what ends that"} {
				if said, meant := strings.Contains(out, other), strings.Contains(want, other); said != meant {
					t.Errorf("%s with what %s holds says %q: %v, want %v:\n%s", command, c.rule, other, said, meant, out)
				}
			}
		}
	}
}

// TestNothingWaitsForThatPlan: --approve is not ignored in silence when nothing waits.
func TestNothingWaitsForThatPlan(t *testing.T) {
	f := &fakeServices{plan: heldBy(reconcile.HoldGuard), report: jobs.Report{Run: "r1", Exit: exitHeld}}
	got := start(t, f, "", false, "reconcile", "--yes", "--approve", "0123")
	if got.code != exitHeld || !strings.Contains(strings.Join(strings.Fields(got.err), " "), "the plan is 00fe by now. Nothing in it waits for approval.") {
		t.Errorf("%+v", got)
	}
}

// TestPortInUse: whoever rehearses where something listens already is told of the flags.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--onelogin", "--tomorro", "--redis"} {
		got := bare(t, "simulate", flag, taken.Addr().String())
		if got.code != exitError || !strings.Contains(got.err, "what to do: stop what else listens there, or give another address with --onelogin, --tomorro or --redis") {
			t.Errorf("%s: %+v", flag, got)
		}
	}
}

// TestDemoOfNobody: numbers below zero are refused by demo as by simulate.
func TestDemoOfNobody(t *testing.T) {
	for _, flag := range []string{"--users=-1", "--groups=-1"} {
		if got := bare(t, "demo", flag); got.code != exitUsage || !strings.Contains(got.err, "cannot be negative") {
			t.Errorf("%s: %+v", flag, got)
		}
	}
}

// TestProposalAsJSON: its names are written as all others are, and nothing is null.
func TestProposalAsJSON(t *testing.T) {
	o := newOffice(t, labOptions{users: 12, groups: 2, seed: 6, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	out := o.must(exitDone, "groups", "plan-migration", "--output", "json")
	var doc struct {
		Groups []map[string]any `json:"groups"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Groups) != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, key := range []string{"id", "name", "members", "given", "extra"} {
		if _, ok := doc.Groups[0][key]; !ok {
			t.Errorf("a group has no %q: %v", key, doc.Groups[0])
		}
	}
	if strings.Contains(out, "null") {
		t.Errorf("the document has a null:\n%s", out)
	}
}

// TestHelpListsEveryKey: what is wrong with a configuration ends in: every key is listed by
// tomorro-sync --help. So it is, under its section, and in the README.
func TestHelpListsEveryKey(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	_, rest, _ := strings.Cut(manual, "in capitals.\n")
	rest, _, _ = strings.Cut(rest, "\nclient_secret, token")
	section := ""
	for line := range strings.Lines(rest) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "  "), ":"); ok && !strings.ContainsAny(name, " ,") {
			section = name
		} else if !strings.HasPrefix(line, "   ") {
			section = ""
		}
		sections[section] += line
	}
	c := defaultConfig()
	for _, s := range c.settings() {
		name, key, inside := strings.Cut(s.Key, ".")
		if !inside {
			name, key = "", s.Key
		}
		if key == "titles" {
			continue // a section of its own
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(key, "_file"), ".") {
			word := regexp.MustCompile(`\b` + part + `(_file)?\b`)
			if !word.MatchString(sections[name]) {
				t.Errorf("--help does not have %s", s.Key)
			}
			if !word.Match(readme) {
				t.Errorf("the README does not have %s", s.Key)
			}
		}
	}
}

// TestJournalTellsBefore: a run's text says what was there before, and of each change, in one
// line, what became of it, or that nobody knows.
func TestJournalTellsBefore(t *testing.T) {
	was := &reconcile.Account{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: reconcile.User}
	is := &reconcile.Account{UserName: "ann@y.io", GivenName: "Ann", FamilyName: "Roe", UserType: reconcile.Admin}
	w := &reconcile.Write{}
	for _, op := range []reconcile.Op{reconcile.OpChangeRole, reconcile.OpRename, reconcile.OpUpdateName} {
		w.Changes = append(w.Changes, reconcile.Change{Op: op, Key: 1, Who: "ann@y.io", Before: was, After: is, Cause: "OneLogin"})
	}
	members := &reconcile.Write{Changes: []reconcile.Change{{Op: reconcile.OpAddMember, Key: 2, Who: "bob@x.io", Group: "Legal", Cause: "rule 1"}}}
	f := &fakeServices{entries: []jobs.Entry{
		{ID: "1", Kind: jobs.EntryIntent, Write: w}, {ID: "2", Kind: jobs.EntryIntent, Write: members},
		{ID: "3", Kind: jobs.EntryOutcome, Intent: "2", Result: "failed", Error: "no such member"}, {ID: "4", Kind: jobs.EntryOutcome, Intent: "1", Result: "done", Target: "t-ann"},
		{ID: "5", Kind: jobs.EntryIntent, Write: members},
	}}
	got := start(t, f, "", false, "journal", "show", "r1")
	for _, want := range []string{"done     change role of ann@y.io, user -> admin: OneLogin", "done     rename of ann@y.io, ann@x.io -> ann@y.io: OneLogin", `done     update name of ann@y.io, "Ann Doe" -> "Ann Roe": OneLogin`,
		"failed   add member of bob@x.io in Legal: rule 1; no such member", "intent   add member of bob@x.io in Legal: rule 1"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("lacks %q:\n%s", want, got.out)
		}
	}
	if n := strings.Count(got.out, "\n"); n != 5 {
		t.Errorf("%d lines for 5 changes:\n%s", n, got.out)
	}
}
