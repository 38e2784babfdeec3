package main

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
)

// TestPushEntry: what was looked at because of pushes is one line on a screen, and a
// row for each reason in a table.
func TestPushEntry(t *testing.T) {
	for want, pushed := range map[string][]jobs.Pushed{
		"looked at because of pushes: create, members (3 people)": {{Request: "q1", Asked: "members", Key: 2}, {Request: "q1", Asked: "members", Key: 3},
			{Request: "q2", Asked: "create", Key: 1}, {Request: "q3", Asked: "create", Key: 1}},
		"looked at because of marks (1 person)":                         {{Key: 4}},
		"looked at because of pushes: suspend, and of marks (1 person)": {{Request: "q1", Asked: "suspend", Key: 4}, {Key: 4}},
		"looked at because of pushes: create (0 people)":                {{Request: "q1", Asked: "create"}},
	} {
		e := jobs.Entry{ID: "1-1", Kind: jobs.EntryPush, Run: "r", Pushed: pushed}
		var screen, table strings.Builder
		p := &program{stdout: &screen}
		p.view(&config{}, true).showEntry(&e, false)
		if got := strings.Join(strings.Fields(screen.String()), " "); !strings.HasSuffix(got, "push "+want) {
			t.Errorf("shown as %q, want %q", got, want)
		}
		if err := writeCSV(&table, func(yield func(jobs.Entry) bool) error { yield(e); return nil }); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(table.String())).ReadAll()
		if err != nil || len(rows) != 1+len(pushed) {
			t.Fatalf("%d rows for %d, %v", len(rows), len(pushed), err)
		}
		for i, p := range pushed {
			row := rows[i+1]
			if row[slices.Index(csvHeader, "onelogin_id")] != keyText(p.Key) || row[slices.Index(csvHeader, "detail")] != strings.TrimSpace(p.Asked+" "+p.Request) {
				t.Errorf("row %v of %+v", row, p)
			}
		}
	}
}
