package main

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// TestDecisionEntries: who decided what, and that it ended, is on the screen and in the
// table that an auditor gets.
func TestDecisionEntries(t *testing.T) {
	until := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	held := []reconcile.Held{{Change: reconcile.Change{Op: reconcile.OpDeactivate, Key: 7, Who: "ann@acme.com"}, Class: reconcile.HoldApproval, Reason: "approve"}}
	approved := reconcile.Decision{Approves: true, By: []string{"bob", "cyd"}, Until: until, Hold: "h1"}
	rejected := reconcile.Decision{By: []string{"bob"}, Why: "on leave", Hold: "h1"}
	left := reconcile.Decision{Waits: true, By: []string{"bob"}, Hold: "h1"}
	for _, c := range []struct {
		entry          jobs.Entry
		screen, detail string
	}{
		{jobs.Entry{Kind: jobs.EntryDecide, Decided: &approved, Held: held}, "decided hold h1 approved by bob, cyd until 2026-11-24 12:00:00: deactivate of ann@acme.com", "hold h1 approved by bob, cyd until 2026-11-24 12:00:00"},
		{jobs.Entry{Kind: jobs.EntryDecide, Decided: &rejected, Held: held}, "decided hold h1 rejected by bob (on leave): deactivate of ann@acme.com", "hold h1 rejected by bob (on leave)"},
		{jobs.Entry{Kind: jobs.EntryOutlive, Decided: &rejected, Keys: []reconcile.Key{7}}, "ended hold h1 rejected by bob (on leave), of OneLogin user 7: the run does not come to this change any more", "no longer: hold h1 rejected by bob (on leave)"},
		{jobs.Entry{Kind: jobs.EntryOutlive, Decided: &left}, "ended what bob left out of hold h1: the run does not come to this change any more", "no longer: what bob left out of hold h1"},
	} {
		var screen, table strings.Builder
		p := &program{stdout: &screen}
		p.view(&config{}, true).showEntry(&c.entry, false)
		if got := strings.Join(strings.Fields(screen.String()), " "); !strings.HasSuffix(got, c.screen) {
			t.Errorf("shown as %q, want %q", got, c.screen)
		}
		if err := writeCSV(&table, func(yield func(jobs.Entry) bool) error { yield(c.entry); return nil }); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(table.String())).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][slices.Index(csvHeader, "detail")] != c.detail {
			t.Errorf("rows %q, want detail %q, %v", rows, c.detail, err)
		}
	}
}

// TestStandingOfUndo: nobody is told that the next run makes what only another undo makes.
func TestStandingOfUndo(t *testing.T) {
	for origin, want := range map[reconcile.Origin]string{reconcile.FromUndo: "1 approved by bob, the same undo makes them", reconcile.FromSource: "1 approved by bob, the next run makes them"} {
		h := jobs.Hold{Changes: []reconcile.Change{{Op: reconcile.OpDeactivate, Key: 7, Who: "ann@acme.com", Origin: origin}}, Approvals: []string{"bob"}, Approved: 1}
		var screen strings.Builder
		p := &program{stdout: &screen}
		v := p.view(&config{}, true)
		if got := v.standing(&h, false); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q, want one line that begins with %q", origin, got, want)
		}
	}
}
