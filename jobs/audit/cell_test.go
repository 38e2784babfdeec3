package audit_test

import (
	"strings"
	"testing"

	"tomorro-sync/jobs/audit"
)

// TestCellsAreText: spreadsheets whose separator is a semicolon, as in France, split a
// cell at it; neither part may be a formula, and nothing may move a terminal's cursor.
func TestCellsAreText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "Ann": "Ann", "": "", "a@x.io": "a@x.io", "x; y": "x; y",
		"x;=HYPERLINK(1)": "x;'=HYPERLINK(1)", `x;"=1`: `x;"'=1`, "x; \t+1": "x; \\t'+1", "\n=1": "'\\n=1", "\x1b[2Jx": "\\x1b[2Jx",
	} {
		if got := audit.Cell(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestReportsMoveNoCursor: a report may be read on a terminal, and its names are anybody's.
func TestReportsMoveNoCursor(t *testing.T) {
	t.Parallel()
	b, decisions := nights()
	r := read(t, b, "today", decisions)
	r.Changes[0].Who, r.Changes[0].Before, r.Held[0].Reason = "\x1b]0;owned\x07ann", "\u009b2Jx", "a\u202eb\rc"
	for _, format := range []string{"html", "md", "csv"} {
		var out strings.Builder
		if err := r.Write(&out, format); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\x07\u009b\u202e\r") || !strings.Contains(out.String(), "owned") {
			t.Errorf("%s: %q", format, out.String())
		}
	}
}
