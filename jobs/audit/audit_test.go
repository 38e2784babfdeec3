package audit_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/audit"
	"tomorro-sync/reconcile"
)

var night = time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)

// book is a journal of a few nights.
type book struct {
	runs    []jobs.RunRecord // newest first
	entries map[string][]jobs.Entry
	verdict jobs.Verdict
}

func (b *book) Runs(context.Context, int) ([]jobs.RunRecord, error) { return b.runs, nil }

func (b *book) Entries(_ context.Context, run string) ([]jobs.Entry, error) {
	return b.entries[run], nil
}

func (b *book) Verify(context.Context) (jobs.Verdict, error) { return b.verdict, nil }

// before adds an older night.
func (b *book) before(run string, days int, complete bool, entries ...jobs.Entry) {
	at := night.AddDate(0, 0, -days)
	report := &jobs.Report{Run: run, Finished: at.Add(time.Minute)}
	if !complete {
		report.Exit = jobs.ExitError
	}
	b.runs = append(b.runs, jobs.RunRecord{Begin: jobs.Entry{Run: run, Time: at, Kind: jobs.EntryBegin, Trigger: &jobs.Trigger{By: "schedule", Who: "host"}, Receipt: &reconcile.Receipt{}},
		End: &jobs.Entry{Run: run, Kind: jobs.EntryEnd, Report: report}})
	b.entries[run] = entries
}

const hostile = `=HYPERLINK("http://x") | <script>alert(1)</script> [a](b)`

func leaver(who string) reconcile.Change {
	account := reconcile.Account{UserName: who, UserType: reconcile.User, Active: true}
	gone := account
	gone.Active = false
	return reconcile.Change{Op: reconcile.OpDeactivate, Key: 7, Who: who, Before: &account, After: &gone, Cause: "suspended in OneLogin", Origin: reconcile.FromSource}
}

func wrote(id string, c reconcile.Change, result, why string) []jobs.Entry {
	return []jobs.Entry{{ID: id, Time: night.Add(time.Minute), Kind: jobs.EntryIntent, Write: &reconcile.Write{Changes: []reconcile.Change{c}}},
		{ID: id + "o", Time: night.Add(2 * time.Minute), Kind: jobs.EntryOutcome, Intent: id, Result: result, Error: why}}
}

// nights: Bob was held yesterday and left today, Ann left since yesterday.
func nights() (*book, map[string]reconcile.Decision) {
	b := &book{entries: make(map[string][]jobs.Entry), verdict: jobs.Verdict{Seals: 3, Entries: 40, Head: jobs.Seal{Number: 3, Hash: strings.Repeat("ab", 32)}}}
	ann, bob := leaver("ann@x.io"), leaver("bob@x.io")
	bob.Approved = "Chris"
	odd := reconcile.Change{Op: reconcile.OpUpdateName, Who: "odd@x.io", Cause: hostile}
	waiting := reconcile.Held{Change: leaver("dan@x.io"), Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit, Reason: "more than limits.deactivate allows"}
	var entries []jobs.Entry
	entries = append(entries, wrote("1", ann, reconcile.Done, "")...)
	entries = append(entries, wrote("2", bob, reconcile.Done, "")...)
	entries = append(entries, wrote("3", odd, reconcile.Failed, "409 from Tomorro")...)
	entries = append(entries, jobs.Entry{ID: "4", Kind: jobs.EntryIntent, Time: night, Write: &reconcile.Write{Changes: []reconcile.Change{{Op: reconcile.OpAddMember, Who: "eve@x.io", Group: "Legal", Cause: "rule 1"}}}})
	entries = append(entries, jobs.Entry{Kind: jobs.EntryHold, Held: []reconcile.Held{waiting}})
	b.before("today", 0, true, entries...)
	b.before("yesterday", 1, true, jobs.Entry{Kind: jobs.EntryHold, Held: []reconcile.Held{{Change: leaver("bob@x.io"), Rule: reconcile.RuleLimit}}})
	b.before("broken", 2, false)
	b.before("before", 3, true)
	return b, map[string]reconcile.Decision{waiting.Digest(): {By: []string{"Chris"}, At: night.Add(time.Hour), Why: "works here still"}}
}

func read(t *testing.T, b *book, run string, decisions map[string]reconcile.Decision) *audit.Report {
	t.Helper()
	r, err := audit.Read(t.Context(), b, run, decisions, night.Add(8*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r.Connection = "acme"
	return r
}

func TestReport(t *testing.T) {
	t.Parallel()
	b, decisions := nights()
	r := read(t, b, "last", decisions)
	if r.Run != "today" || r.By != "schedule, host" || r.Result != "Everything was done." || len(r.Changes) != 4 || len(r.Held) != 1 {
		t.Errorf("%+v", r)
	}
	for i, want := range []string{"done", "done", "failed", "unknown"} {
		if r.Changes[i].Result != want {
			t.Errorf("change %d: %s, want %s", i, r.Changes[i].Result, want)
		}
	}
	if r.Changes[1].Approved != "Chris" || r.Changes[2].Why != "409 from Tomorro" {
		t.Errorf("%+v", r.Changes)
	}
	if want := "rejected by Chris at 2026-11-25 03:00:00 UTC: works here still"; r.Held[0].Decided != want {
		t.Errorf("%q", r.Held[0].Decided)
	}
	if _, err := audit.Read(t.Context(), b, "none", nil, night); !errors.Is(err, jobs.ErrNoRun) {
		t.Errorf("%v", err)
	}
}

// TestLeavers: whose removal was held the night before had left by then; a run that
// failed says nothing of anybody.
func TestLeavers(t *testing.T) {
	t.Parallel()
	b, _ := nights()
	r := read(t, b, "today", nil)
	if len(r.Leavers) != 2 {
		t.Fatalf("%+v", r.Leavers)
	}
	for i, want := range []time.Duration{24*time.Hour + 2*time.Minute, 72*time.Hour + 2*time.Minute} {
		if l := r.Leavers[i]; l.AtMost != want || !l.Seen.Equal(l.Done.Add(-want)) {
			t.Errorf("%+v, want %v", l, want)
		}
	}
	b.runs = b.runs[:1]
	if l := read(t, b, "today", nil).Leavers[0]; !l.Seen.IsZero() || l.AtMost != 0 {
		t.Errorf("without an earlier run: %+v", l)
	}
}

// TestWhoLostAccess: an account that was deleted is a leaver's too; one that Tomorro did not
// take access from, or who lost a group, is not. What was held to be deleted counts as held.
func TestWhoLostAccess(t *testing.T) {
	t.Parallel()
	deletes := func(who string) reconcile.Change {
		c := leaver(who)
		c.Op, c.After = reconcile.OpDelete, nil
		return c
	}
	group := reconcile.Change{Op: reconcile.OpRemoveMember, Who: "fay@x.io", Group: "Legal"}
	var entries []jobs.Entry
	for i, c := range []struct {
		change reconcile.Change
		result string
	}{{deletes("ann@x.io"), reconcile.Done}, {leaver("bob@x.io"), reconcile.Failed}, {deletes("eve@x.io"), reconcile.Failed}, {group, reconcile.Done}} {
		entries = append(entries, wrote(fmt.Sprint(i), c.change, c.result, "")...)
	}
	b := &book{entries: make(map[string][]jobs.Entry)}
	b.before("today", 0, true, entries...)
	b.before("yesterday", 1, true, jobs.Entry{Kind: jobs.EntryHold, Held: []reconcile.Held{{Change: deletes("ann@x.io"), Rule: reconcile.RuleLimit}}})
	b.before("before", 2, true)
	r := read(t, b, "today", nil)
	if len(r.Changes) != 4 || len(r.Leavers) != 1 || r.Leavers[0].Who != "ann@x.io" || r.Leavers[0].AtMost != 48*time.Hour+2*time.Minute {
		t.Errorf("%d changes, leavers %+v", len(r.Changes), r.Leavers)
	}
}

// TestRunThatNeverEnded is reported as that, and is not the last one that ended.
func TestRunThatNeverEnded(t *testing.T) {
	t.Parallel()
	b, _ := nights()
	b.runs[0].End = nil
	if r := read(t, b, "today", nil); r.Exit != jobs.ExitError || !strings.Contains(r.Result, "never said that it ended") || len(r.Leavers) != 2 {
		t.Errorf("%d %q %+v", r.Exit, r.Result, r.Leavers)
	}
	if r := read(t, b, "last", nil); r.Run != "yesterday" {
		t.Errorf("the last run is %s", r.Run)
	}
	b.runs = b.runs[:1]
	if _, err := audit.Read(t.Context(), b, "last", nil, night); !errors.Is(err, audit.ErrNoRuns) {
		t.Errorf("%v", err)
	}
}

// TestDecisionsOfHolds: an approval is told as one, and a word about others is none.
func TestDecisionsOfHolds(t *testing.T) {
	t.Parallel()
	b, decisions := nights()
	for digest, d := range decisions {
		d.Approves, d.Why = true, ""
		decisions[digest] = d
		if r := read(t, b, "today", decisions); r.Held[0].Decided != "approved by Chris at 2026-11-25 03:00:00 UTC" {
			t.Errorf("%q", r.Held[0].Decided)
		}
		d.Waits = true
		decisions[digest] = d
	}
	if r := read(t, b, "today", decisions); r.Held[0].Decided != "" || r.Held[0].Decision != nil {
		t.Errorf("a word about others: %q", r.Held[0].Decided)
	}
}

// full is a disk with little room.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.room {
		return 0, errors.New("no space left on device")
	}
	f.room -= len(b)
	return len(b), nil
}

// TestReportCutOff: a report that could not be written to its end leaves somebody out.
func TestReportCutOff(t *testing.T) {
	t.Parallel()
	b, decisions := nights()
	r := read(t, b, "today", decisions)
	for _, format := range audit.Formats() {
		for _, room := range []int{0, 100} {
			if err := r.Write(&full{room}, format); err == nil {
				t.Errorf("%s: no error with room for %d bytes", format, room)
			}
		}
	}
}

// TestFormats: each tells the same, asks nobody for anything, and takes nothing that
// came from outside for its own.
func TestFormats(t *testing.T) {
	t.Parallel()
	b, decisions := nights()
	r := read(t, b, "today", decisions)
	for _, format := range audit.Formats() {
		var out strings.Builder
		if err := r.Write(&out, format); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for _, want := range []string{"ann@x.io", "bob@x.io", "Chris", "more than limits.deactivate allows", "409 from Tomorro", r.Verdict.Head.Hash} {
			if !strings.Contains(text, want) && !strings.Contains(strings.ReplaceAll(text, `\_`, "_"), want) {
				t.Errorf("%s lacks %q", format, want)
			}
		}
		if format != "csv" && strings.Contains(text, "<script>") {
			t.Errorf("%s has somebody's markup", format)
		}
		check := map[string]func(*testing.T, string){"html": alone, "md": oneCell, "csv": noFormula, "json": decodes}[format]
		check(t, text)
	}
	if err := r.Write(new(strings.Builder), "pdf"); err == nil {
		t.Error("pdf is written")
	}
}

// alone holds that a page loads nothing.
func alone(t *testing.T, page string) {
	t.Helper()
	if found := regexp.MustCompile(`(?i)<(script|img|link|iframe|object|form)|url\(|@import|\bon[a-z]+=|href=|src=`).FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// oneCell holds that each row has as many cells as its head.
func oneCell(t *testing.T, text string) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(text) {
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			cells = 0
		case cells == 0:
			cells = n
		case n != cells:
			t.Errorf("%d cells, want %d: %s", n, cells, line)
		}
	}
}

func noFormula(t *testing.T, text string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	for _, row := range rows {
		for _, field := range row {
			if strings.ContainsAny(field[:min(1, len(field))], "=+-@\t\r") {
				t.Errorf("a spreadsheet takes %q for a formula", field)
			}
		}
	}
}

func decodes(t *testing.T, text string) {
	t.Helper()
	var back audit.Report
	if err := json.Unmarshal([]byte(text), &back); err != nil || len(back.Changes) != 4 || fmt.Sprint(back.Leavers) == "" {
		t.Errorf("%v", err)
	}
}

// TestBrokenSeals: a report of a journal that was changed says so.
func TestBrokenSeals(t *testing.T) {
	t.Parallel()
	b, _ := nights()
	b.verdict.Broken = []jobs.Broken{{Why: "entries are missing"}}
	for _, format := range []string{"html", "md"} {
		var out strings.Builder
		if err := read(t, b, "", nil).Write(&out, format); err != nil || !strings.Contains(out.String(), "was changed after it was sealed: 1 of 3 seals") {
			t.Errorf("%s: %v", format, err)
		}
	}
}
