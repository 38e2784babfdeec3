package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/audit"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]time.Time{
		"": {}, "36h": now.Add(-36 * time.Hour), "7d": now.AddDate(0, 0, -7), "0d": now,
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, now.Location()),
		"2026-11-01 02:00:00":  time.Date(2026, 11, 1, 2, 0, 0, 0, now.Location()),
		"2026-11-01T02:00:00Z": time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-3h", "-1d", "7", "2026-13-01", "d", "999999d"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func FuzzParseSince(f *testing.F) {
	f.Add("36h")
	f.Add("7d")
	f.Add("2026-11-01")
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseSince(text, now)
		if err != nil && (!got.IsZero() || !strings.Contains(err.Error(), "--since")) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	})
}

// FuzzCSV: whatever people are called, each change is one row of text, which
// nothing takes for a formula.
func FuzzCSV(f *testing.F) {
	f.Add("=HYPERLINK(\"http://x\")", "+1")
	f.Add("a,b\n\"c\"", "\t=1")
	f.Add("\r\r\n", "0")
	f.Fuzz(func(t *testing.T, who, cause string) {
		e := jobs.Entry{ID: "1-1", Kind: jobs.EntryIntent, Run: "r", Write: &reconcile.Write{Changes: []reconcile.Change{{Op: reconcile.OpCreate, Key: 7, Who: who, Cause: cause}}}}
		var text strings.Builder
		if err := writeCSV(&text, func(yield func(jobs.Entry) bool) error { yield(e); return nil }); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != len(csvHeader) {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, cell := range rows[1] {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) || strings.ContainsAny(cell, "\t\r\n\x1b") {
				t.Errorf("cell %q", cell)
			}
		}
		if got := rows[1][slices.Index(csvHeader, "who")]; got != audit.Cell(who) {
			t.Errorf("%q came back as %q", who, got)
		}
	})
}

// TestJournalAnswers: one person's history also under a former e-mail, in each
// form; and after an erasure nothing names them.
func TestJournalAnswers(t *testing.T) {
	o := newOffice(t, labOptions{users: 6, groups: 2, seed: 3, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	who := o.world.People[2]
	former, last := who.Email, who.LastName
	who.Email, who.LastName = "someone.else@acme.example", "Otherwise-Named"
	o.must(exitDone, "reconcile", "--yes")

	for _, name := range []string{former, strings.ToUpper(former), who.Email} {
		if out := o.must(exitDone, "journal", "person", name); !strings.Contains(out, "create") || !strings.Contains(out, "rename") {
			t.Errorf("the history of %s is\n%s", name, out)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(o.must(exitDone, "journal", "person", former, "--output", "csv"))).ReadAll()
	if err != nil || len(rows) < 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if code, _, stderr := o.run("journal", "person", "nobody@acme.example"); code != exitError || !strings.Contains(stderr, "nobody@acme.example") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if code, _, stderr := o.run("journal", "erase", former); code != exitUsage || !strings.Contains(stderr, "--yes") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	store := o.store(t)
	for _, address := range []string{strings.ToUpper(former), who.Email, o.world.People[1].Email} { // pushes of people not known yet
		if _, err := store.Mark(t.Context(), time.Hour, []jobs.Wanted{{Subject: jobs.AddressSubject(address)}}); err != nil {
			t.Fatal(err)
		}
	}
	if out := o.must(exitDone, "journal", "erase", former, "--yes"); !strings.Contains(out, "OneLogin user") {
		t.Errorf("erase says %s", out)
	}
	all := o.must(exitDone, "journal", "--since", "7d", "--output", "json")
	for _, name := range []string{former, who.Email, last + `"`, "Otherwise-Named"} {
		if strings.Contains(all, name) {
			t.Errorf("the journal still knows %s", name)
		}
	}
	if snap, err := store.Snapshot(t.Context()); err != nil || len(snap.Marks) != 1 || snap.Marks[0].Subject != jobs.AddressSubject(o.world.People[1].Email) {
		t.Errorf("marks %+v %v", snap.Marks, err)
	}
	if !strings.Contains(all, `"erase"`) {
		t.Error("the erasure is not journaled")
	}
	if _, err := store.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryDecide, Decided: &reconcile.Decision{By: []string{former}, Why: former + " inherits"}}); err != nil {
		t.Fatal(err)
	}
	if out := o.must(exitDone, "journal", "erase", former, "--yes"); !strings.HasPrefix(out, "1 entry of somebody who is only named") {
		t.Errorf("erase says %s of who was named since", out)
	}
	if all := o.must(exitDone, "journal", "--since", "7d", "--output", "json"); strings.Contains(all, former) {
		t.Errorf("the journal knows %s again", former)
	}
	if code, _, stderr := o.run("journal", "erase", former, "--yes"); code != exitError || !strings.Contains(stderr, "knows nobody") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	o.must(exitDone, "plan") // it is a log, and never an input
}

// store opens what the program remembers.
func (o *office) store(t *testing.T) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), "redis://"+o.redis.Addr()+"/0", redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestJournalFollow shows entries as a run makes them.
func TestJournalFollow(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 3, groups: 1, seed: 3, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	for output, want := range map[string]string{"json": `"kind":"end"`, "csv": ",end,", "text": "nothing written, exit 0"} {
		t.Run(output, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var out, errs tape
			ended := make(chan int)
			go func() {
				ended <- run(ctx, services{}, []string{"--config", o.config, "--output", output, "journal", "--follow"}, nil, strings.NewReader(""), &out, &errs)
			}()
			eventually(t, "a run is shown", func() bool {
				o.must(exitDone, "reconcile", "--yes")
				return strings.Contains(out.String(), want)
			})
			stop()
			if code := <-ended; code != exitDone && code != exitInterrupted {
				t.Errorf("exit %d\n%s", code, errs.String())
			}
			if output == "json" {
				for line := range strings.Lines(out.String()) {
					if !json.Valid([]byte(line)) {
						t.Errorf("not a document: %s", line)
					}
				}
			}
		})
	}
}

// TestSettledLater: what became of a write that nobody knew of is told in full again when it
// is found out, and once.
func TestSettledLater(t *testing.T) {
	var screen strings.Builder
	v := (&program{stdout: &screen}).view(&config{}, true)
	v.folded = true
	w := &reconcile.Write{Changes: []reconcile.Change{{Op: reconcile.OpDeactivate, Who: "ann@x.io", Cause: "she left"}}}
	for _, e := range []jobs.Entry{{ID: "1", Kind: jobs.EntryIntent, Write: w}, {Kind: jobs.EntryOutcome, Intent: "1", Result: reconcile.Uncertain},
		{Kind: jobs.EntryEnd}, {Kind: jobs.EntryOutcome, Intent: "1", Result: reconcile.Done}} {
		v.showEntry(&e, false)
	}
	v.unsettled(false)
	lines := strings.Split(strings.TrimSpace(screen.String()), "\n")
	if n := strings.Count(screen.String(), "ann@x.io"); n != 2 || !strings.Contains(lines[len(lines)-1], "done") || !strings.Contains(lines[len(lines)-1], "ann@x.io") {
		t.Errorf("shown as\n%s", screen.String())
	}
}
