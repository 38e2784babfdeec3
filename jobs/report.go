package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// Report is what a run did, for people and for scripts.
type Report struct {
	Run      string    `json:"run"`
	Trigger  Trigger   `json:"trigger"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	PlanID   string    `json:"planId"`
	// Planned counts the plan's changes, Done and Failed what became of them,
	// Skipped what was not sent because something it depends on failed.
	Planned map[reconcile.Op]int        `json:"planned"`
	Done    map[reconcile.Op]int        `json:"done"`
	Failed  map[reconcile.Op]int        `json:"failed,omitempty"`
	Skipped map[reconcile.Op]int        `json:"skipped,omitempty"`
	Held    map[reconcile.HoldClass]int `json:"held"`
	// Incomplete says why the pull was not complete; empty when it was.
	Incomplete []string `json:"incomplete,omitempty"`
	Fallbacks  []string `json:"fallbacks,omitempty"`
	// Settled are intents of earlier runs that had no outcome.
	Settled []SettledIntent `json:"settled,omitempty"`
	// Newer counts changes that were left out because somebody else wrote the
	// same person meanwhile; they are marked for another look.
	Newer int `json:"newer,omitempty"`
	// Ignored is what Tomorro confirmed and did not keep, in a plan's order.
	Ignored []NotKept `json:"ignored,omitempty"`
	// Unread says why what was written could not be read back; empty when it could.
	Unread string `json:"unread,omitempty"`
	// Refused names the service that did not take our credentials, which stopped the
	// run: ServiceOneLogin or ServiceTomorro; else it is empty.
	Refused string `json:"refused,omitempty"`
	// NoSeat counts changes that Tomorro refused, as far as its words tell, because no
	// seat or licence is left.
	NoSeat int `json:"noSeat,omitempty"`
	// Drift names, without a person's name, changes that the run made because somebody had
	// changed Tomorro, the first 100; Reverted counts those that an earlier run had made for
	// the same reason: something else takes them back each time.
	Drift    []string `json:"drift,omitempty"`
	Reverted int      `json:"reverted,omitempty"`
	// Errors name what was not done and why, sorted.
	Errors []string `json:"errors,omitempty"`
	// Exit is the exit code that a command ends with for this report.
	Exit int `json:"exit"`
}

// The exit codes that a report can ask for.
const (
	ExitDone     = 0
	ExitError    = 1
	ExitFailed   = 3  // some changes failed, or somebody keeps access that Tomorro confirmed to take away
	ExitHeld     = 11 // a limit, an incomplete pull or a protection held something
	ExitApproval = 12 // something waits for a person's word
)

func newReport(run string, by Trigger, plan *reconcile.Plan, result *reconcile.Result, err error) Report {
	r := Report{
		Run: run, Trigger: by, PlanID: plan.ID, Planned: plan.Count(),
		Done: result.Done, Failed: result.Failed, Skipped: result.Skipped,
		Held:       make(map[reconcile.HoldClass]int),
		Incomplete: plan.Receipt.Why(), Fallbacks: plan.Receipt.Fallbacks, Drift: drift(plan, result),
	}
	for _, c := range reconcile.HoldClasses() {
		r.Held[c] = plan.HeldBy(c)
	}
	r.Errors = problems(result.Problems)
	r.Refused, r.NoSeat = refusedBy(err), noSeat(result.Problems)
	for i := range result.Problems {
		if e, newer := errors.AsType[*reconcile.NewerError](result.Problems[i].Err); newer && e.Why == "" {
			r.Newer += len(result.Problems[i].Write.Changes)
		}
	}
	r.Exit = exitOf(&r, err)
	return r
}

// problems words what was not done, sorted: a line for each write that failed, and
// one for all that were not sent for the same reason.
func problems(outcomes []reconcile.Outcome) []string {
	var lines []string
	skipped := make(map[string]int)
	for i := range outcomes {
		o := &outcomes[i]
		if o.Result == reconcile.Skipped && o.Err != nil {
			skipped[o.Err.Error()] += len(o.Write.Changes)
			continue
		}
		lines = append(lines, describe(o))
	}
	for reason, n := range skipped {
		lines = append(lines, fmt.Sprintf("not sent: %d changes, because %s", n, reason))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func exitOf(r *Report, err error) int {
	switch {
	case err != nil:
		return ExitError
	case total(r.Failed)+total(r.Skipped) > r.Newer:
		return ExitFailed
	case r.Held[reconcile.HoldGuard] > 0 || len(r.Incomplete) > 0:
		return ExitHeld
	case r.Held[reconcile.HoldApproval] > 0:
		return ExitApproval
	}
	return ExitDone
}

// log tells how the run ended, in numbers only: its errors name people, and are
// in the journal.
func (r *Report) log(log *slog.Logger) {
	level := slog.LevelInfo
	if r.Exit == ExitError || r.Exit == ExitFailed {
		level = slog.LevelError
	}
	held := 0
	for _, n := range r.Held {
		held += n
	}
	log.Log(context.Background(), level, "run ends", "exit", r.Exit, "took", r.Finished.Sub(r.Started).Round(time.Millisecond),
		"planned", total(r.Planned), "done", total(r.Done), "failed", total(r.Failed), "skipped", total(r.Skipped), "held", held,
		"incomplete", len(r.Incomplete), "settled", len(r.Settled), "newer", r.Newer, "notKept", len(r.Ignored))
}

func total(n map[reconcile.Op]int) (sum int) {
	for _, v := range n {
		sum += v
	}
	return sum
}

// describe says in one line what was not done, for whom, and why.
func describe(o *reconcile.Outcome) string {
	var who []string
	for i := range o.Write.Changes {
		if c := &o.Write.Changes[i]; c.Who != "" {
			who = append(who, c.Who)
		}
	}
	subject := o.Write.Group
	switch {
	case subject != "" && len(who) == 1:
		subject = fmt.Sprintf("%s in group %s", who[0], subject)
	case subject != "":
		subject = fmt.Sprintf("group %s (%d people)", subject, len(who))
	case len(who) > 0:
		subject = who[0]
	}
	err := o.Err
	if err == nil {
		err = errors.New("no reason was given")
	}
	return fmt.Sprintf("%s: %s: %v", subject, o.Result, err)
}
