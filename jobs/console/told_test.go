package console

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// later adds a run that ended after the first one.
func (w *world) later(run string, begin, end jobs.Entry) {
	begin.ID, begin.Time, begin.Kind, begin.Run = run+"-begin", evening.Add(-time.Minute), jobs.EntryBegin, run
	end.ID, end.Time, end.Kind, end.Run = run+"-end", evening.Add(-time.Minute), jobs.EntryEnd, run
	w.entries = append(w.entries, begin, end)
}

func ended(run string) jobs.Entry {
	return jobs.Entry{Report: &jobs.Report{Run: run, Started: evening.Add(-2 * time.Minute), Finished: evening.Add(-time.Minute)}}
}

// TestGroupNamedById: a rule that names a group by Tomorro's id gives that group, and not
// one that Tomorro does not have.
func TestGroupNamedById(t *testing.T) {
	w := newWorld()
	w.directory.Rules = []reconcile.Rule{{ID: 2, Name: "By id", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g2"}}}}}
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/groups", []string{`>By hand</a></th><td class="n" data-label="Members">0</td><td data-label="Given by">rule 2 &#34;By id&#34;</td>`}, "not at Tomorro")
	s.says("/c/acme/groups/g2", []string{`rule 2 &#34;By id&#34;`})
}

// TestDriftOfTheLastRun: what the run before found to be changed by hand is not told of the
// last one.
func TestDriftOfTheLastRun(t *testing.T) {
	w := calm()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{"1 change made by hand at Tomorro"})
	w.later("r2", jobs.Entry{}, ended("r2"))
	s.says("/c/acme/", []string{"none found by the last run"}, "made by hand at Tomorro")
}

// TestSharesOfEverybody: what a share leaves is not counted from a run of one person, which
// knew of one account.
func TestSharesOfEverybody(t *testing.T) {
	w := calm()
	w.later("r2", jobs.Entry{Partial: true, Counts: &reconcile.Counts{People: 1, Accounts: 1}}, ended("r2"))
	w.serve(t, nil).signIn("Ann", sharedSecret).says("/c/acme/", []string{"10% of 100"})
}

// TestEndWithoutReport: an entry that says no more than that a run ended, which others may
// have written, costs no page.
func TestEndWithoutReport(t *testing.T) {
	w := calm()
	w.later("r2", jobs.Entry{}, ended("r2"))
	w.later("r3", jobs.Entry{}, jobs.Entry{})
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/", []string{`state good">Tomorro is what OneLogin says.`, "/c/acme/runs/r2"})
	s.says("/c/acme/runs", []string{"/c/acme/runs/r3", `<svg viewBox`})
	s.says("/c/acme/runs/r3", []string{"This run did not end by itself"})
}

// TestSparedIsSaidOfTheRest: the notice about what stays rejected is of an approval of the
// rest, and not of one that names everybody it is about.
func TestSparedIsSaidOfTheRest(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.decide("reject", url.Values{"only": {"2"}, "why": {"on leave"}})
	for _, c := range []struct{ only, said string }{{"1", "approved"}, {"", "spared"}, {"2", "approved"}} {
		form := url.Values{}
		if c.only != "" {
			form.Set("only", c.only)
		}
		if _, to := s.decide("approve", form); to != fmt.Sprint("/c/acme/holds?said=", c.said) {
			t.Errorf("approved %q, and went to %s; want %s", c.only, to, c.said)
		}
	}
}

// TestUndoIsMadeByUndo: what an undo had held is made by another undo, so that no page
// tells who approves it to wait for the next run, or to press Run now.
func TestUndoIsMadeByUndo(t *testing.T) {
	w := newWorld()
	for i := range w.entries[1].Held {
		w.entries[1].Held[i].Origin = reconcile.FromUndo
	}
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/holds", []string{"An approval lets the same undo make exactly these changes"}, "lets the next run", "makes what is approved")
	_, to := s.decide("approve", nil)
	s.says(to, []string{"Approved: exactly these changes, once.", "2 changes approved by Ann: the same undo makes them"}, "next run makes")
	s.says("/c/acme/", nil, "press Run now")
}

// TestCommandsAsCalled: a command in a reason can be pasted: it names the configuration of
// the connection, as the commands around it do.
func TestCommandsAsCalled(t *testing.T) {
	w := newWorld()
	for i := range w.entries[1].Held {
		w.entries[1].Held[i].Reason = "was undone on 2026-11-29 (run r0), and stays so until: tomorro-sync release 9"
	}
	w.about[0].Held = w.entries[1].Held[:1]
	w.entries[1].Held[0].Key = 9
	s := w.serve(t, func(c *Connection) { c.Command = "tomorro-sync --config /srv/acme.yaml" }).signIn("Ann", sharedSecret)
	for _, path := range []string{"/c/acme/", "/c/acme/holds", "/c/acme/runs/r1", "/c/acme/people/9"} {
		s.says(path, []string{"until: tomorro-sync --config /srv/acme.yaml release 9"}, "until: tomorro-sync release")
	}
}

// TestAskedIsOver: that a run is asked for is not told any more once it has ended: the page
// loads itself again under the same address.
func TestAskedIsOver(t *testing.T) {
	w := calm()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	w.asked.Who = "Ann"
	s.says("/c/acme/?said=queued", []string{"A run is asked for. It begins"})
	w.asked.Who = ""
	s.says("/c/acme/?said=queued", []string{"Tomorro is what OneLogin says."}, "A run is asked for")
}

// TestNoRunFoundNothing: before the first run, no run has found that nobody changed anything.
func TestNoRunFoundNothing(t *testing.T) {
	w := calm()
	w.entries = nil
	w.serve(t, nil).signIn("Ann", sharedSecret).says("/c/acme/", []string{"No run has looked at everybody yet."}, "none found by the last run")
}
