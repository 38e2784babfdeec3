package main

import (
	"fmt"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// showReport prints what a run did.
func (v *planView) showReport(r *jobs.Report) {
	v.heading("result")
	done := countText(r.Done)
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
		if text := countText(part.n); text != "" {
			v.paragraph("  ", part.name+": "+text, red)
		}
	}
	for class, n := range r.Held {
		if n > 0 {
			v.paragraph("  ", fmt.Sprintf("held: %s (%s)", thousands(n), class), purple)
		}
	}
	for _, lines := range [][]string{r.Incomplete, r.Errors} {
		for _, l := range lines {
			v.paragraph("  ! ", v.clean(l), red)
		}
	}
	v.paragraph("  ", fmt.Sprintf("run %s, %s", r.Run, r.Finished.Sub(r.Started).Round(time.Millisecond)), dim)
}

// nextAfterPlan says what a person can do with a plan.
func nextAfterPlan(p *reconcile.Plan) string {
	switch {
	case !p.Empty():
		return "make these changes: tomorro-sync reconcile"
	case p.HeldBy(reconcile.HoldGuard) > 0:
		return "look at what is held; raise a limit only if the change is meant"
	case p.HeldBy(reconcile.HoldApproval) > 0:
		return "approve it: tomorro-sync reconcile --approve " + p.ID
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
			if result = countText(r.End.Report.Done); result == "" {
				result = "nothing written"
			}
			result += fmt.Sprintf(", exit %d", r.End.Report.Exit)
		}
		v.paragraph(fmt.Sprintf("%s  %s  ", r.Begin.Time.Format(time.DateTime), r.Begin.Run), v.clean(by+": "+result), "")
	}
}

// showEntries prints the journal of one run; person, an e-mail, narrows it to
// what concerns one person.
func (v *planView) showEntries(entries []jobs.Entry, person string) {
	intents := make(map[string]bool)
	for i := range entries {
		e := &entries[i]
		at := e.Time.Format(time.TimeOnly)
		switch e.Kind {
		case jobs.EntryIntent:
			intents[e.ID] = v.showIntent(at, e, person)
		case jobs.EntryOutcome:
			if person == "" || intents[e.Intent] {
				v.paragraph(at+"  outcome  ", v.clean(outcomeText(e)), "")
			}
		case jobs.EntryHold:
			for j := range e.Held {
				if h := &e.Held[j]; concerns(&h.Change, person) {
					v.paragraph(at+"  held     ", v.clean(verb(h.Op)+" of "+subject(&h.Change)+": "+h.Reason), purple)
				}
			}
		case jobs.EntryBegin:
			v.paragraph(at+"  begin    ", "plan "+e.PlanID, bold)
		case jobs.EntryEnd:
			v.paragraph(at+"  end      ", "", bold)
		}
	}
}

func (v *planView) showIntent(at string, e *jobs.Entry, person string) (shown bool) {
	if e.Write == nil {
		return false
	}
	for i := range e.Write.Changes {
		if c := &e.Write.Changes[i]; concerns(c, person) {
			shown = true
			v.paragraph(at+"  intent   ", v.clean(fmt.Sprintf("%s of %s: %s", verb(c.Op), subject(c), c.Cause)), "")
		}
	}
	return shown
}

func outcomeText(e *jobs.Entry) string {
	text := e.Result
	for _, more := range []string{e.Target, e.Note, e.Error} {
		if more != "" {
			text += ", " + more
		}
	}
	return text
}

func concerns(c *reconcile.Change, person string) bool {
	return person == "" || reconcile.Fold(c.Who) == reconcile.Fold(person)
}
