package console

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// calm is a world whose last run found nothing to do and held nothing.
func calm() *world {
	w := newWorld()
	w.entries = slices.DeleteFunc(w.entries, func(e jobs.Entry) bool { return e.Kind == jobs.EntryHold })
	for i := range w.entries {
		if end := w.entries[i].Report; end != nil {
			end.Exit, end.Held = jobs.ExitDone, nil
		}
	}
	return w
}

// says fails the test unless a page has all these words, and none of those.
func (s *site) says(path string, words []string, not ...string) {
	s.t.Helper()
	_, body := s.get(path)
	for _, want := range words {
		if !strings.Contains(body, want) {
			s.t.Errorf("%s does not say %q:\n%s", path, want, body)
		}
	}
	for _, wrong := range not {
		if strings.Contains(body, wrong) {
			s.t.Errorf("%s says %q:\n%s", path, wrong, body)
		}
	}
}

// TestAdoptionOpen: while runs neither remove nor rename, the first page says so, also
// when nothing is held, and how that ends.
func TestAdoptionOpen(t *testing.T) {
	w := calm()
	w.status.Adopting = evening.Add(-72 * time.Hour)
	s := w.serve(t, func(c *Connection) { c.Command = "ts --config a.yaml" }).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{`state warn">The adoption is open: runs neither remove nor rename.`, "ts --config a.yaml adopt", "3 days ago"}, `state good`)

	w.status.Schedule.Paused = evening
	s.says("/c/acme/", []string{"The schedule is paused.", "ts --config a.yaml adopt done"})

	w = newWorld()
	w.status.Adopting = evening.Add(-time.Hour)
	for i := range w.entries {
		for k := range w.entries[i].Held {
			w.entries[i].Held[k].Class, w.entries[i].Held[k].Rule = reconcile.HoldApproval, reconcile.RuleAdoption
		}
	}
	s = w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{"for somebody&#39;s word.", "end the adoption: tomorro-sync adopt"}, "then approve or reject.")

	w.status.Adopting = time.Time{}
	s.says("/c/acme/", nil, "The adoption is open")
	calm().serve(t, nil).signIn("Ann", sharedSecret).says("/c/acme/", []string{`state good">Tomorro is what OneLogin says.`}, "adopt")
}

// TestOnePersonIsNotEverybody: a run of one person that went well does not make good that
// the last run of everybody failed, or that there was none; one that failed is told of.
func TestOnePersonIsNotEverybody(t *testing.T) {
	for name, c := range map[string]struct {
		whole, one int // the exit codes; less than zero for no such run
		want       string
	}{
		"after a failure":  {jobs.ExitError, jobs.ExitDone, `state bad">The last run could not be made.`},
		"after none":       {-1, jobs.ExitDone, `state warn">No run has looked at everybody yet.`},
		"after a good run": {jobs.ExitDone, jobs.ExitDone, `state good">Tomorro is what OneLogin says.`},
		"that failed":      {jobs.ExitDone, jobs.ExitFailed, `state bad">Some changes of the last run failed.`},
	} {
		t.Run(name, func(t *testing.T) {
			w := calm()
			if c.whole < 0 {
				w.entries = nil
			}
			for i := range w.entries {
				if end := w.entries[i].Report; end != nil {
					end.Exit = c.whole
				}
			}
			at := evening.Add(-time.Minute)
			w.entries = append(w.entries, jobs.Entry{ID: "7-0", Time: at, Kind: jobs.EntryBegin, Run: "r2", Partial: true},
				jobs.Entry{ID: "8-0", Time: at, Kind: jobs.EntryEnd, Run: "r2", Report: &jobs.Report{Run: "r2", Started: at, Finished: at, Exit: c.one}})
			w.serve(t, nil).signIn("Ann", sharedSecret).says("/c/acme/", []string{c.want})
		})
	}
}

// TestBrokenOff: when the process that made the last run died, the first page does not
// tell of the run before. A run from before somebody took the lock is not theirs.
func TestBrokenOff(t *testing.T) {
	w := calm()
	w.entries = append(w.entries, jobs.Entry{ID: "7-0", Time: evening.Add(-10 * time.Minute), Kind: jobs.EntryBegin, Run: "r2"})
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{`state warn">The last run was broken off.`, "/c/acme/runs/r2"}, "state good")

	w.status.Lock = &jobs.LockedError{Holder: "another process", Since: evening.Add(-time.Minute)}
	s.says("/c/acme/", []string{"A run is being made."}, "broken off")
	s.says("/c/acme/runs", []string{"broken off"}, "under way")
	w.status.Lock.Since = evening.Add(-11 * time.Minute)
	s.says("/c/acme/runs", []string{"under way"}, "broken off")
}

// TestRunAfterLoss: while something is to be done before any run, the first page does not
// ask people to press its button.
func TestRunAfterLoss(t *testing.T) {
	w := calm()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{`<button class="primary">Run now`, "what the guard lets through."})
	w.status.Schedule.Paused, w.status.Schedule.PausedBy = evening, jobs.PausedByLoss
	s.says("/c/acme/", []string{`<button>Run now`, "Not before what is said above is done"}, "what the guard lets through.")
}

// TestNothingIsCutSilently: what is too long for a page says so, and where the rest is.
func TestNothingIsCutSilently(t *testing.T) {
	w := calm()
	s := w.serve(t, func(c *Connection) { c.Command = "ts" }).signIn("Ann", sharedSecret)
	s.says("/c/acme/people/9", nil, "earlier line")
	s.says("/c/acme/runs", nil, "Earlier ones")
	for i := range historyShown {
		w.entries = append(w.entries, jobs.Entry{ID: fmt.Sprint("p", i), Time: evening, Kind: jobs.EntryPush, Run: "push", Pushed: []jobs.Pushed{{Asked: fmt.Sprintf("push %d.", i), Key: 9}}})
	}
	for i := range runsShown {
		w.entries = append(w.entries, jobs.Entry{ID: fmt.Sprint("r", i), Time: evening, Kind: jobs.EntryBegin, Run: fmt.Sprint("again", i)})
	}
	s.says("/c/acme/people/9", []string{"push 99.", "push 0.", "and 1 earlier line: <code>ts journal person 9</code>"}, "new account, Creator")
	s.says("/c/acme/runs", []string{"again59", "These are the last 60. Earlier ones: <code>ts journal</code>"}, "runs/r1")
}

// TestRestIsCounted: a run of many changes shows first what needs a look, and the rest
// when it is asked for.
func TestRestIsCounted(t *testing.T) {
	w := calm()
	for i := range rowsShown + 5 {
		intent, result, text := fmt.Sprint("i", i), reconcile.Done, ""
		if i == rowsShown+4 {
			result, text = reconcile.Failed, "Tomorro says no"
		}
		w.entries = append(w.entries, jobs.Entry{ID: intent, Time: evening, Kind: jobs.EntryIntent, Run: "r1", Write: &reconcile.Write{Changes: []reconcile.Change{leaver(100 + i)}}},
			jobs.Entry{ID: intent + "o", Time: evening, Kind: jobs.EntryOutcome, Run: "r1", Intent: intent, Result: result, Error: text})
	}
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/runs/r1", []string{`<span class="tag bad">failed</span><p class="why">Tomorro says no`, "leaver304@x.io", "Show 6 more changes"}, "leaver303@x.io")
	s.says("/c/acme/runs/r1?all=1", []string{"leaver303@x.io", "leaver304@x.io"}, "Show")
}

// TestApprovedIsNotHeld: what people said moves the first page on: what is approved waits
// for a run, and for nobody's word; what is rejected for neither.
func TestApprovedIsNotHeld(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.decide("reject", url.Values{"only": {"1"}, "why": {"on leave"}})
	s.says("/c/acme/", []string{`state warn">1 change waits for somebody`})
	s.decide("approve", nil)
	s.says("/c/acme/", []string{`state warn">1 change is approved, and not made yet.`, "press Run now"}, "for somebody&#39;s word", "It ends when its reason does")
	w.asked.Failed, w.asked.Since = "the lock was held for half an hour", evening
	s.says("/c/acme/", []string{`state bad">The run that was asked for could not be made.`})
	w.asked.Since = evening.Add(-24 * time.Hour) // a run since tells more
	s.says("/c/acme/", nil, "could not be made")
}

// TestPushesHold: what a push had held is on the first page soon, without another run.
func TestPushesHold(t *testing.T) {
	w := calm()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{"Nothing is held."})
	w.entries = append(w.entries, jobs.Entry{ID: "9-0", Time: evening, Kind: jobs.EntryHold, Run: "push", Held: []reconcile.Held{{Change: leaver(1), Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit, Reason: "too many"}}})
	w.pass(bookLife)
	s.says("/c/acme/", []string{"1 change waits for somebody"})
}
