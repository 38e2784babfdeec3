package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// showReport prints what a run did.
func (v *planView) showReport(r *jobs.Report) {
	v.heading("result")
	done := words.Changes(r.Done)
	if done == "" {
		done = "nothing was written"
	} else {
		done = "done: " + done
	}
	v.paragraph("  ", done, green)
	for _, part := range []struct {
		name string
		n    map[reconcile.Op]int
	}{{"failed", r.Failed}, {"skipped", r.Skipped}} {
		if text := words.Changes(part.n); text != "" {
			v.paragraph("  ", part.name+": "+text, red)
		}
	}
	for class, n := range r.Held {
		if n > 0 {
			v.paragraph("  ", fmt.Sprintf("held: %s (%s)", reconcile.Number(n), class), purple)
		}
	}
	v.notKept(r)
	for _, lines := range [][]string{r.Incomplete, r.Errors} {
		for _, l := range lines {
			v.paragraph("  ! ", v.clean(l), red)
		}
	}
	if n := r.Reverted; n > 0 {
		v.paragraph("  ! ", words.Count(n, "change", "changes")+" of these earlier runs made as well, and something else at Tomorro took back: see whether OneLogin's provisioning straight to Tomorro, or another tool, is still on", yellow)
	}
	if n := len(r.Settled); n > 0 {
		v.paragraph("  ", words.Count(n, "change", "changes")+" of an earlier run had no outcome: settled by looking at Tomorro", yellow)
	}
	v.paragraph("  ", fmt.Sprintf("run %s, %s", r.Run, r.Finished.Sub(r.Started).Round(time.Millisecond)), dim)
}

// notKept prints what Tomorro confirmed and did not keep: what leaves somebody
// with access first, and all of that.
func (v *planView) notKept(r *jobs.Report) {
	if r.Unread != "" {
		v.paragraph("  ! ", v.clean(r.Unread), yellow)
	}
	var rest []string
	quiet := false
	for i := range r.Ignored {
		if n := &r.Ignored[i]; n.Access {
			v.paragraph("  ! ", v.clean(n.String()), red)
		} else {
			rest = append(rest, n.String())
			quiet = quiet || n.Op != reconcile.OpReactivate // which is sent again in each run
		}
	}
	shown := rest
	if !v.all {
		shown = rest[:min(abbreviated, len(rest))]
	}
	for _, line := range shown {
		v.paragraph("  ! ", v.clean(line), yellow)
	}
	if more := len(rest) - len(shown); more > 0 {
		v.paragraph("  ", fmt.Sprintf("… and %s more: --all or --output json", reconcile.Number(more)), dim)
	}
	if quiet {
		v.paragraph("  ", fmt.Sprintf("what Tomorro does not keep in two runs is held for %d days, or until the value changes on either side", reconcile.IgnoredDays), dim)
	}
}

// nextAfterPlan says what a person can do with a plan.
func nextAfterPlan(p *reconcile.Plan, fourEyes bool) string {
	const approve = "a run journals what is held and makes nothing of it; then look at it with: tomorro-sync holds, and let through what is meant with: tomorro-sync approve ID"
	guard, approval := p.HeldBy(reconcile.HoldGuard), p.HeldBy(reconcile.HoldApproval)
	switch {
	case !p.Empty():
		return "make these changes: tomorro-sync reconcile"
	case guard+approval == 0:
		return ""
	case !approvable(p):
		return "no approval lets this through; once what the reasons name is put right, look again with: tomorro-sync plan"
	case guard > 0:
		return approve
	case fourEyes || slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Rule.Approvable() && h.Rule != reconcile.RuleApproval }):
		return cmp.Or(rather(p), approve)
	}
	return "approve it: tomorro-sync reconcile --approve " + p.ID
}

// approvable reports whether somebody's word could let anything through that a plan holds.
func approvable(p *reconcile.Plan) bool {
	return slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Rule.Approvable() })
}

// rather is what to do before a plan is approved, where an approval could do harm that
// another answer does not: a second account for somebody, or none for everybody.
func rather(p *reconcile.Plan) string {
	for _, rule := range []reconcile.HoldRule{reconcile.RuleRecreated, reconcile.RuleAdoption} {
		if slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Rule == rule }) {
			return (&jobs.Hold{Rule: rule}).Rather("tomorro-sync")
		}
	}
	return ""
}

// planExit is the exit code of the plan command.
func planExit(p *reconcile.Plan) int {
	switch {
	case !p.Empty():
		return exitPending
	case p.HeldBy(reconcile.HoldGuard) > 0 || !p.Receipt.Complete():
		return exitHeld
	case p.HeldBy(reconcile.HoldApproval) > 0:
		return exitApproval
	}
	return exitDone
}

// showRuns lists runs, newest first.
func (v *planView) showRuns(runs []jobs.RunRecord) {
	if len(runs) == 0 {
		v.line("The journal has no runs yet. Make one with: tomorro-sync reconcile")
		return
	}
	for _, r := range runs {
		by := ""
		if r.Begin.Trigger != nil {
			by = r.Begin.Trigger.By
		}
		result := "did not end, or is still going on"
		if r.End != nil && r.End.Report != nil {
			if result = words.Changes(r.End.Report.Done); result == "" {
				result = "nothing written"
			}
			result += fmt.Sprintf(", exit %d", r.End.Report.Exit)
		}
		v.paragraph(fmt.Sprintf("%s  %s  ", r.Begin.Time.Format(time.DateTime), r.Begin.Run), v.clean(by+": "+result), "")
	}
}

// showEntry prints one entry of the journal; dated when it stands among those of
// other days and runs.
func (v *planView) showEntry(e *jobs.Entry, dated bool) {
	at := e.Time.Format(time.TimeOnly)
	if dated {
		at = e.Time.Format(time.DateTime)
	}
	line := func(kind, text string, c style) { v.paragraph(fmt.Sprintf("%s  %-8s ", at, kind), v.clean(text), c) }
	switch e.Kind {
	case jobs.EntryIntent:
		v.mean(e)
		if !v.folded {
			each(e, func(c *reconcile.Change) { line("intent", intentText(c), "") })
		}
	case jobs.EntryOutcome:
		meant := v.told(e)
		if meant == nil || !v.folded {
			line("outcome", outcomeText(e, meant), "")
			break
		}
		each(meant, func(c *reconcile.Change) { line(e.Result, becameText(e, c), resultStyle(e.Result)) })
	case jobs.EntryHold:
		for i := range e.Held {
			h := &e.Held[i]
			line("held", verb(h.Op)+" of "+subject(&h.Change)+": "+h.Reason, purple)
		}
	case jobs.EntryBegin:
		line("begin", beginText(e), bold)
	case jobs.EntryEnd:
		line("end", endText(e), bold)
	case jobs.EntryDecide:
		for i := range e.Held {
			line("decided", decidedText(e)+": "+verb(e.Held[i].Op)+" of "+subject(&e.Held[i].Change), purple)
		}
	case jobs.EntryOutlive:
		line("ended", outlivedText(e), purple)
	case jobs.EntryWitness:
		for _, t := range e.Said {
			line("witness", strings.TrimRight(fmt.Sprintf("OneLogin says of user %d: %s %s", t.Key, t.Answer, t.Why), " "), "")
		}
	case jobs.EntryPin, jobs.EntryRelease:
		line(map[jobs.EntryKind]string{jobs.EntryPin: "pinned", jobs.EntryRelease: "released"}[e.Kind], pinText(e), purple)
	case jobs.EntryAdopt:
		line("adoption", adoptText(e), purple)
	case jobs.EntryPush:
		line("push", pushText(e), "")
	case jobs.EntryErase:
		line("erased", fmt.Sprintf("%s: %s", e.Note, words.Count(e.Erased, "entry", "entries")), purple)
	}
}

// adoptText says what began, ended or was decided of an account.
func adoptText(e *jobs.Entry) string {
	what := map[string]string{"open": "begins: nobody is removed", "done": "is done", "foreign": "account " + e.Target + " is nobody's", "forget": "nothing is decided of account " + e.Target}[e.Note]
	if len(e.Keys) > 0 {
		what = fmt.Sprintf("account %s is OneLogin user %s's", e.Target, e.Keys[0])
	}
	return strings.TrimRight(what+" "+pinnedWho(e), " ")
}

func decidedText(e *jobs.Entry) string {
	d := e.Decided
	if d == nil {
		return "decided"
	}
	who := strings.Join(d.By, ", ")
	if d.Waits {
		return fmt.Sprintf("what %s left out of hold %s", who, d.Hold)
	}
	if !d.Approves {
		return fmt.Sprintf("hold %s rejected by %s (%s)", d.Hold, who, d.Why)
	}
	return fmt.Sprintf("hold %s approved by %s until %s", d.Hold, who, d.Until.Format(time.DateTime))
}

// outlivedText says which decision ended by itself.
func outlivedText(e *jobs.Entry) string {
	what := decidedText(e)
	if len(e.Keys) > 0 {
		what += ", of " + pinText(e)
	}
	return what + ": the run does not come to this change any more"
}

func beginText(e *jobs.Entry) string {
	text := "run " + e.Run
	if e.Trigger != nil {
		text += " by " + e.Trigger.By
		if e.Trigger.Who != "" {
			text += " (" + e.Trigger.Who + ")"
		}
	}
	if e.PlanID != "" {
		text += ", plan " + e.PlanID
	}
	return text
}

func endText(e *jobs.Entry) string {
	if e.Report == nil {
		return "run " + e.Run
	}
	done := words.Changes(e.Report.Done)
	if done == "" {
		done = "nothing written"
	}
	if n := len(e.Report.Ignored); n > 0 {
		done += fmt.Sprintf(", %d not kept by Tomorro", n)
	}
	return fmt.Sprintf("run %s: %s, exit %d", e.Run, done, e.Report.Exit)
}

// pushText says why people were looked at: each request that was made, once, and how
// many people.
func pushText(e *jobs.Entry) string {
	people, asked, marks := make(map[reconcile.Key]bool), make(map[string]bool), false
	for _, p := range e.Pushed {
		if p.Key != 0 {
			people[p.Key] = true
		}
		if marks = marks || p.Asked == ""; p.Asked != "" {
			asked[p.Asked] = true
		}
	}
	why := "pushes: " + strings.Join(slices.Sorted(maps.Keys(asked)), ", ")
	switch {
	case len(asked) == 0:
		why = "marks"
	case marks:
		why += ", and of marks"
	}
	return fmt.Sprintf("looked at because of %s (%s)", why, words.Count(len(people), "person", "people"))
}
