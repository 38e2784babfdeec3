package jobs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// told is a journal that is read from beginning to end.
type told struct {
	jobs.JournalReader
	entries []jobs.Entry
}

func (j told) Scan(_ context.Context, _ time.Time, yield func(jobs.Entry) bool) error {
	for _, e := range j.entries {
		if !yield(e) {
			break
		}
	}
	return nil
}

// heldIn is an entry that holds memberships of one person.
func heldIn(run string, at time.Time, key reconcile.Key, groups ...string) jobs.Entry {
	e := jobs.Entry{Kind: jobs.EntryHold, Run: run, Time: at}
	for _, g := range groups {
		e.Held = append(e.Held, reconcile.Held{Change: reconcile.Change{Op: reconcile.OpRemoveMember, Key: key, Group: g}, Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit, Reason: "too many"})
	}
	return e
}

// TestHoldBook: a run that looks at everybody says all anew, one of a single person
// says anew what concerns them, in however many entries, and ages survive both.
func TestHoldBook(t *testing.T) {
	at := func(n int) time.Time { return time.Date(2026, 11, n, 2, 0, 0, 0, time.UTC) }
	begin := func(run string, partial bool) jobs.Entry {
		return jobs.Entry{Kind: jobs.EntryBegin, Run: run, Partial: partial, Receipt: &reconcile.Receipt{}}
	}
	open := func(entries ...jobs.Entry) string {
		t.Helper()
		book, err := jobs.ReadHolds(t.Context(), told{entries: entries})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, h := range book.Open(nil, false, at(9)) {
			text += fmt.Sprintf("since %d:", h.Since.Day())
			for _, c := range h.Changes {
				text += fmt.Sprintf(" %d/%s", c.Key, c.Group)
			}
		}
		return text
	}
	first := []jobs.Entry{begin("1", false), heldIn("1", at(1), 1, "a", "b"), heldIn("1", at(1), 2, "c")}
	done := append(first, jobs.Entry{Kind: jobs.EntryIntent, ID: "i", Run: "1", Write: &reconcile.Write{Changes: []reconcile.Change{heldIn("", at(1), 2, "c").Held[0].Change}}},
		jobs.Entry{Kind: jobs.EntryOutcome, Run: "1", Intent: "i", Result: reconcile.Done})
	undo := heldIn("u", at(1), 1, "a")
	undo.Held[0].Origin = reconcile.FromUndo
	later := heldIn("2", at(2), 1, "z")
	later.Held[0].Origin = reconcile.FromUndo
	for name, c := range map[string]struct{ got, want string }{
		"what an undo held":    {open(begin("1", false), undo, begin("2", true), heldIn("2", at(2), 1, "b")), "since 1: 1/a 1/b"},
		"an undo since":        {open(append(first, begin("2", true), later)...), "since 1: 1/a 1/b 2/c 1/z"},
		"of no person":         {open(begin("1", false), heldIn("1", at(1), 0, "a"), begin("2", true), heldIn("2", at(2), 0, "b")), "since 1: 0/a 0/b"},
		"one run":              {open(first...), "since 1: 1/a 1/b 2/c"},
		"the next says anew":   {open(append(first, begin("2", false), heldIn("2", at(2), 1, "a"))...), "since 1: 1/a"},
		"the next holds more":  {open(append(first, begin("2", false), heldIn("2", at(2), 3, "d"))...), "since 2: 3/d"},
		"without a plan":       {open(append(first, jobs.Entry{Kind: jobs.EntryBegin, Run: "2"})...), "since 1: 1/a 1/b 2/c"},
		"one person":           {open(append(first, begin("2", true), heldIn("2", at(2), 1, "b"), heldIn("2", at(2), 1, "e"))...), "since 1: 1/b 2/c 1/e"},
		"one person, the same": {open(begin("1", false), heldIn("1", at(1), 1, "a"), begin("2", true), heldIn("2", at(2), 1, "a")), "since 1: 1/a"},
		"done":                 {open(done...), "since 1: 1/a 1/b"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

// since is a journal that is read from a time on.
type since struct{ told }

func (j since) Scan(ctx context.Context, from time.Time, yield func(jobs.Entry) bool) error {
	return j.told.Scan(ctx, from, func(e jobs.Entry) bool { return e.Time.Before(from) || yield(e) })
}

// TestLateHolds: what is held now is what the last run that looked at everybody told, and
// what came after it, however old that run is; it is as old as what was read.
func TestLateHolds(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	begin := func(run string, days int, partial bool) jobs.Entry {
		return jobs.Entry{Kind: jobs.EntryBegin, Run: run, Time: ago(days), Partial: partial, Receipt: &reconcile.Receipt{}}
	}
	old := []jobs.Entry{begin("1", 90, false), heldIn("1", ago(90), 1, "a"), heldIn("1", ago(90), 2, "b"), begin("2", 5, true), heldIn("2", ago(5), 2, "c")}
	for name, c := range map[string]struct {
		entries []jobs.Entry
		held    int
		since   time.Time
	}{
		"no run for long": {old, 2, ago(90)},
		"a run since":     {append(old, begin("3", 3, false), heldIn("3", ago(3), 1, "a")), 1, ago(3)},
	} {
		book, err := jobs.ReadLateHolds(t.Context(), since{told{entries: c.entries}}, now)
		if err != nil {
			t.Fatal(err)
		}
		if holds := book.Open(nil, false, now); len(holds) != 1 || len(holds[0].Changes) != c.held || !holds[0].Since.Equal(c.since) {
			t.Errorf("%s: %+v", name, holds)
		}
	}
}

// TestApproveTheRest: an approval of a hold does not take back what somebody rejected
// of it, unless it names it, or nothing else is left.
func TestApproveTheRest(t *testing.T) {
	at := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	book, err := jobs.ReadHolds(t.Context(), told{entries: []jobs.Entry{{Kind: jobs.EntryBegin, Run: "1", Receipt: &reconcile.Receipt{}}, heldIn("1", at, 1, "a", "b", "c")}})
	if err != nil {
		t.Fatal(err)
	}
	said := verdicts{}
	answer := func(word jobs.Word) (changes int) {
		t.Helper()
		word.For = time.Hour
		holds := book.Open(said, false, at)
		h, err := jobs.Answer(t.Context(), said, holds, holds[0].ID, word, at)
		if err != nil {
			t.Fatal(err)
		}
		return len(h.Changes)
	}
	stands := func() (text string) {
		h := &book.Open(said, false, at)[0]
		for i := range h.Changes {
			text += h.Changes[i].Group + ":" + string(h.Said(&h.Changes[i])) + " "
		}
		return text
	}
	for _, step := range []struct {
		word jobs.Word
		n    int
		want string
	}{
		{jobs.Word{Who: "ann", Why: "on leave", Only: []string{"b"}}, 1, "a: b:rejected c: "},
		{jobs.Word{Who: "bob", Approves: true}, 2, "a:approved b:rejected c:approved "},
		{jobs.Word{Who: "bob", Approves: true, Only: []string{"b"}}, 1, "a:approved b:approved c:approved "},
		{jobs.Word{Who: "ann", Why: "none of them"}, 3, "a:rejected b:rejected c:rejected "},
		{jobs.Word{Who: "bob", Approves: true}, 3, "a:approved b:approved c:approved "},
	} {
		if n := answer(step.word); n != step.n || stands() != step.want {
			t.Errorf("%+v is about %d changes, and then %s; want %d, %s", step.word, n, stands(), step.n, step.want)
		}
	}
}

// verdicts keeps decisions in memory.
type verdicts map[string]reconcile.Decision

func (v verdicts) Decisions(context.Context) (map[string]reconcile.Decision, error) { return v, nil }

func (v verdicts) Decide(_ context.Context, digests []string, edit func(string, reconcile.Decision) reconcile.Decision, _ ...jobs.Entry) error {
	for _, d := range digests {
		v[d] = edit(d, v[d])
	}
	return nil
}
