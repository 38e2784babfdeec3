package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Report is all that is told of one run.
type Report struct {
	Connection string    `json:"connection"`
	Run        string    `json:"run"`
	By         string    `json:"by"` // schedule, command, console, … and who
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended,omitzero"` // zero: it never ended
	Exit       int       `json:"exit"`
	PlanID     string    `json:"planId,omitempty"`
	Result     string    `json:"result"` // in a sentence
	// Read says how completely OneLogin was read.
	Read   string            `json:"read"`
	Counts *reconcile.Counts `json:"counts,omitempty"`
	Errors []string          `json:"errors,omitempty"`

	Changes []Change `json:"changes"`
	Held    []Held   `json:"held"`
	Leavers []Leaver `json:"leavers"`

	Made    time.Time    `json:"made"` // when this was written
	Verdict jobs.Verdict `json:"journal"`
}

// Change is one change and what became of it.
type Change struct {
	Op       reconcile.Op     `json:"op"`
	Who      string           `json:"who"` // a person's e-mail, or empty for a group's own
	Group    string           `json:"group,omitempty"`
	Before   string           `json:"before,omitempty"`
	After    string           `json:"after,omitempty"`
	Cause    string           `json:"cause"`
	Origin   reconcile.Origin `json:"origin,omitempty"`
	Approved string           `json:"approved,omitempty"` // by whom
	Result   string           `json:"result"`             // done, failed, skipped, uncertain, or "unknown" without an outcome
	Why      string           `json:"why,omitempty"`
	At       time.Time        `json:"at"`
}

// Held is what was not done, and what people said of it.
type Held struct {
	Op       reconcile.Op        `json:"op"`
	Who      string              `json:"who"`
	Group    string              `json:"group,omitempty"`
	Rule     reconcile.HoldRule  `json:"rule"`
	Reason   string              `json:"reason"`
	Decided  string              `json:"decided,omitempty"` // approved or rejected, by whom, when and why
	Decision *reconcile.Decision `json:"decision,omitempty"`
}

// Leaver is somebody who lost access in this run.
type Leaver struct {
	Who string `json:"who"`
	// Seen is when an earlier run last read everybody and found them with access; zero
	// when the journal has no such run.
	Seen time.Time `json:"seen,omitzero"`
	Done time.Time `json:"done"` // when Tomorro took the change
	// AtMost is how long they can have had access after they left; 0 when Seen is zero.
	AtMost time.Duration `json:"atMostNanoseconds,omitempty"`
}

// Book is where the journal is read.
type Book interface {
	Runs(ctx context.Context, limit int) ([]jobs.RunRecord, error)
	Entries(ctx context.Context, run string) ([]jobs.Entry, error)
	Verify(ctx context.Context) (jobs.Verdict, error)
}

// mostRuns is how far back the run and the one before it are looked for.
const mostRuns = 100_000

// ErrNoRuns says that there is no last run to report.
var ErrNoRuns = errors.New("the journal has no run yet that ended")

// Read makes the report of a run; "last" or nothing is the last one that ended. The
// error wraps jobs.ErrNoRun when there is no such run, and ErrNoRuns when there is none.
func Read(ctx context.Context, book Book, run string, decisions map[string]reconcile.Decision, now time.Time) (*Report, error) {
	runs, err := book.Runs(ctx, mostRuns)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r jobs.RunRecord) bool {
		return r.Begin.Run == run || (run == "" || run == "last") && r.End != nil
	})
	switch {
	case i < 0 && (run == "" || run == "last"):
		return nil, ErrNoRuns
	case i < 0:
		return nil, fmt.Errorf("%w: %s", jobs.ErrNoRun, run)
	}
	entries, err := book.Entries(ctx, runs[i].Begin.Run)
	if err != nil {
		return nil, err
	}
	r := &Report{Run: runs[i].Begin.Run, Made: now, Changes: []Change{}, Held: []Held{}, Leavers: []Leaver{}}
	if r.Verdict, err = book.Verify(ctx); err != nil {
		return nil, err
	}
	r.head(&runs[i])
	r.changes(entries)
	r.holds(entries, decisions)
	return r, r.leavers(ctx, book, runs[i+1:])
}

func (r *Report) head(run *jobs.RunRecord) {
	b := &run.Begin
	r.Began, r.PlanID, r.Counts = b.Time, b.PlanID, b.Counts
	if b.Trigger != nil {
		r.By = b.Trigger.By
		if b.Trigger.Who != "" {
			r.By += ", " + b.Trigger.Who
		}
	}
	switch {
	case b.Receipt == nil:
		r.Read = "OneLogin was not read."
	case b.Receipt.Complete():
		r.Read = "OneLogin was read to the end."
	default:
		r.Read = "OneLogin was not read to the end, so nobody lost anything: " + fmt.Sprint(b.Receipt.Why())
	}
	if run.End == nil || run.End.Report == nil {
		r.Exit, r.Result = jobs.ExitError, "The run never said that it ended."
		return
	}
	end := run.End.Report
	r.Ended, r.Exit, r.Errors = end.Finished, end.Exit, end.Errors
	r.Result = map[int]string{jobs.ExitDone: "Everything was done.", jobs.ExitError: "The run failed as a whole.", jobs.ExitFailed: "Some changes failed.",
		jobs.ExitHeld: "The guard held some changes.", jobs.ExitApproval: "Some changes wait for somebody's word."}[end.Exit]
}

func (r *Report) changes(entries []jobs.Entry) {
	outcome := make(map[string]*jobs.Entry)
	for i := range entries {
		if entries[i].Kind == jobs.EntryOutcome {
			outcome[entries[i].Intent] = &entries[i]
		}
	}
	for i := range entries {
		e := &entries[i]
		if e.Write == nil {
			continue
		}
		for k := range e.Write.Changes {
			c := &e.Write.Changes[k]
			made := Change{Op: c.Op, Who: c.Who, Group: c.Group, Before: image(c.Before), After: image(c.After), Cause: c.Cause, Origin: c.Origin, Approved: c.Approved, Result: "unknown", At: e.Time}
			if o := outcome[e.ID]; o != nil {
				made.Result, made.Why, made.At = o.Result, cmp.Or(o.Error, o.Note), o.Time
			}
			r.Changes = append(r.Changes, made)
		}
	}
}

// image is an account in a few words.
func image(a *reconcile.Account) string {
	if a == nil {
		return ""
	}
	state := "inactive"
	if a.Active {
		state = "active"
	}
	return fmt.Sprintf("%s, %s %s, %s, %s", a.UserName, a.GivenName, a.FamilyName, a.UserType, state)
}

func (r *Report) holds(entries []jobs.Entry, decisions map[string]reconcile.Decision) {
	for i := range entries {
		if entries[i].Kind != jobs.EntryHold {
			continue
		}
		for k := range entries[i].Held {
			h := &entries[i].Held[k]
			held := Held{Op: h.Op, Who: h.Who, Group: h.Group, Rule: h.Rule, Reason: h.Reason}
			if d, is := decisions[h.Digest()]; is && !d.Waits {
				held.Decision, held.Decided = &d, verdict(&d)
			}
			r.Held = append(r.Held, held)
		}
	}
}

func verdict(d *reconcile.Decision) string {
	word := "rejected"
	if d.Approves {
		word = "approved"
	}
	text := fmt.Sprintf("%s by %s at %s", word, join(d.By), stamp(d.At))
	if d.Why != "" {
		text += ": " + d.Why
	}
	return text
}

// leavers finds who lost access, and the last run before that read everybody and found
// nothing to take from them: what it held was to be taken already.
func (r *Report) leavers(ctx context.Context, book Book, before []jobs.RunRecord) error {
	for i := range r.Changes {
		if c := &r.Changes[i]; (c.Op == reconcile.OpDeactivate || c.Op == reconcile.OpDelete) && c.Result == reconcile.Done {
			r.Leavers = append(r.Leavers, Leaver{Who: c.Who, Done: c.At})
		}
	}
	open := len(r.Leavers)
	for i := range before {
		if open == 0 {
			break
		}
		if !jobs.CompleteRun(&before[i]) {
			continue
		}
		held, err := heldRemovals(ctx, book, before[i].Begin.Run)
		if err != nil {
			return err
		}
		for k := range r.Leavers {
			if l := &r.Leavers[k]; l.Seen.IsZero() && !held[l.Who] {
				l.Seen, l.AtMost = before[i].Begin.Time, l.Done.Sub(before[i].Begin.Time)
				open--
			}
		}
	}
	return nil
}

// heldRemovals are those whom a run was to take access from, and did not.
func heldRemovals(ctx context.Context, book Book, run string) (map[string]bool, error) {
	entries, err := book.Entries(ctx, run)
	if err != nil {
		return nil, err
	}
	held := make(map[string]bool)
	for i := range entries {
		for k := range entries[i].Held {
			if h := &entries[i].Held[k]; h.Op == reconcile.OpDeactivate || h.Op == reconcile.OpDelete {
				held[h.Who] = true
			}
		}
	}
	return held, nil
}
