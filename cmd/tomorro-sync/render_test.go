package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

// ansi is what colour adds; it takes no columns.
func withoutColour(s string) string {
	for _, c := range []style{bold, dim, green, yellow, red, purple, "\x1b[0m"} {
		s = strings.ReplaceAll(s, string(c), "")
	}
	return s
}

func largePlan() reconcile.Plan {
	before := &reconcile.Account{UserName: "iris@x.io", GivenName: "Iris", FamilyName: "Meyer", UserType: reconcile.User, Active: true}
	after := *before
	after.UserType = reconcile.Admin
	p := reconcile.Plan{ID: "00ff", Receipt: completeReceipt(), Counts: reconcile.Counts{People: 1200, InScope: 1100, Foreign: 1}}
	p.Changes = append(p.Changes, reconcile.Change{Op: reconcile.OpChangeRole, Who: "iris@x.io", Before: before, After: &after, Cause: `title "Head of Legal" -> admin by titles:`})
	for i := range 40 {
		p.Changes = append(p.Changes, reconcile.Change{Op: reconcile.OpAddMember, Who: fmt.Sprintf("p%02d@x.io", i), Group: "legal", Cause: "rule 12 'Legal'"})
	}
	for i := range 30 {
		p.Changes = append(p.Changes, reconcile.Change{Op: reconcile.OpDeactivate, Who: fmt.Sprintf("q%02d@x.io", i), Cause: "suspended in OneLogin"})
		p.Held = append(p.Held, reconcile.Held{Change: reconcile.Change{Op: reconcile.OpCreate, Who: fmt.Sprintf("r%02d@x.io", i)}, Class: reconcile.HoldData,
			Reason: `title "Paralegal" is not one of the four words and not in titles:`})
	}
	p.Held = append(p.Held, reconcile.Held{Change: reconcile.Change{Op: reconcile.OpCreate, Who: "ليلى"}, Reason: "no title"})
	p.Notes = []reconcile.Note{{Subject: "نور الهدى", Text: "a name that is read from right to left"}, {Subject: "rule 9", Text: "uses a macro\x1b[2Jand cannot be evaluated"}}
	return p
}

func TestPlanOnPipe(t *testing.T) {
	var out strings.Builder
	p := largePlan()
	(&planView{screen: &screen{out: &out}, pricing: reconcile.PricingV6}).show(&p)
	for _, want := range []string{
		"OneLogin  1,200 people, 1,100 in scope",
		"1 account matches nobody in OneLogin and will not be touched",
		`~ iris@x.io  role user -> admin  title "Head of Legal" -> admin by titles:`,
		"… and 11 more: --all or --output json",
		"+ legal  40 members: p00@x.io, p01@x.io, p02@x.io and 37 more  rule 12 'Legal'",
		`! create of r00@x.io, r01@x.io, r02@x.io and 27 more  title "Paralegal" is not one`,
		`uses a macro\u001b[2Jand`,
		"1 change of role, 40 new memberships, 30 deactivations",
		"31 changes are held",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\u2068") {
		t.Error("a pipe gets no colours and no isolates")
	}
	all := out.Len()
	(&planView{screen: &screen{out: &out}, all: true}).show(&p)
	if text := out.String()[all:]; strings.Contains(text, "more") || !strings.Contains(text, "q29@x.io") {
		t.Errorf("--all abbreviates:\n%s", text)
	}
}

func TestPlanFitsTheTerminal(t *testing.T) {
	p := largePlan()
	for _, width := range []int{30, 50, 80, 120} {
		var out strings.Builder
		(&planView{screen: &screen{out: &out, width: width, tty: true, color: true}}).show(&p)
		for line := range strings.Lines(out.String()) {
			if w := uniseg.StringWidth(withoutColour(strings.TrimRight(line, "\n"))); w > width {
				t.Errorf("%d columns on a terminal of %d: %q", w, width, line)
			}
		}
		if !strings.Contains(out.String(), "\u2068نور الهدى\u2069") {
			t.Error("a right-to-left name is not isolated")
		}
		if strings.Contains(out.String(), `\u2068`) {
			t.Errorf("the isolation itself is shown:\n%s", out.String())
		}
	}
}

func TestCleanNeverLetsControlThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &screen{tty: rapid.Bool().Draw(t, "tty")}
		got := s.clean(rapid.String().Draw(t, "text"))
		for _, r := range strings.Trim(got, "\u2068\u2069") {
			if r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) {
				t.Fatalf("%q lets %U through", got, r)
			}
		}
	})
}

func TestFitKeepsToTheWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &screen{tty: true}
		text := s.clean(rapid.String().Draw(t, "text"))
		width := rapid.IntRange(2, 40).Draw(t, "width")
		if got := fit(text, width); uniseg.StringWidth(got) > width {
			t.Fatalf("fit(%q, %d) = %q has %d columns", text, width, got, uniseg.StringWidth(got))
		}
	})
}

// TestCommandsStayWhole: on a narrow terminal a command is not broken into lines that a
// shell would take for two, and what stands beside something long goes below it.
func TestCommandsStayWhole(t *testing.T) {
	for text, commands := range map[string][]string{
		"see each change with: tomorro-sync journal show 20261129-150505-0e77bf":                                                   {"journal show 20261129-150505-0e77bf"},
		"let it through with: tomorro-sync approve 98f07ac31a  or decide against it with: tomorro-sync reject 98f07ac31a --why …":  {"approve 98f07ac31a", "reject 98f07ac31a --why …"},
		"a run journals it; then look at it with: tomorro-sync holds, and let through what is meant with: tomorro-sync approve ID": {"holds", "approve ID"},
		"waits for: tomorro-sync adopt done. As of now that is 3 removals.":                                                        {"adopt done"},
	} {
		var out strings.Builder
		s := &screen{out: &out, width: 72, tty: true, command: "./tomorro-sync --config '/etc/a b.yaml'"}
		s.paragraph("next: ", text, "")
		for _, command := range commands {
			if !strings.Contains(out.String(), "./tomorro-sync --config '/etc/a b.yaml' "+command) {
				t.Errorf("%q is not whole:\n%s", command, out.String())
			}
		}
		for line := range strings.Lines(out.String()) {
			if n := strings.Count(line, "'"); n%2 != 0 {
				t.Errorf("broken inside a command:\n%s", out.String())
			}
		}
	}
	var out strings.Builder
	(&screen{out: &out, width: 40}).paragraph("2026-11-29 15:04:24  20261129-150424-17878d  ", "command: 54 new accounts, 342 new memberships, exit 0", "")
	if want := "2026-11-29 15:04:24  20261129-150424-17878d\n    command: 54 new accounts, 342 new\n    memberships, exit 0\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

// TestNotesFold: what is to be said of many is said once.
func TestNotesFold(t *testing.T) {
	var out strings.Builder
	p := reconcile.Plan{Notes: []reconcile.Note{{Subject: "rule 9", Text: "uses a macro"}}}
	for i := range 30 {
		p.Notes = append(p.Notes, reconcile.Note{Subject: fmt.Sprintf("q%02d@x.io", i), Text: "the account stays, inactive"})
	}
	(&planView{screen: &screen{out: &out}}).notes(p.Notes)
	if want := "\nNOTES\n  · rule 9  uses a macro\n  · q00@x.io, q01@x.io, q02@x.io and 27 more  the account stays, inactive\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestNameStandsOff: on a narrow screen as well it is seen where a group's name ends.
func TestNameStandsOff(t *testing.T) {
	var out strings.Builder
	v := &planView{screen: &screen{out: &out, width: 66, tty: true}}
	v.groups([]reconcile.Change{
		{Op: reconcile.OpAddMember, Group: "Cost 44", Who: "maximiliane.mustermann@acme.example", Cause: "rule 1"},
		{Op: reconcile.OpAddMember, Group: "Cost 44", Who: "maximilian.mustermann@acme.example", Cause: "rule 1"},
	})
	if want := "  + Cost 44: 2 members: maximiliane.mustermann@acme.example,\n"; !strings.Contains(out.String(), want) {
		t.Errorf("lacks %q:\n%s", want, out.String())
	}
}
