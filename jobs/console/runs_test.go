package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// away is a Starter whose store does not answer.
type away struct{}

func (away) Start(string) (bool, error) { return false, errors.New("dial tcp: connection refused") }
func (away) Asked() Asked               { return Asked{} }

// TestRunThatIsNotAskedFor: whoever asks for a run that nobody will make is told so.
func TestRunThatIsNotAskedFor(t *testing.T) {
	for want, starter := range map[string]Starter{"Make one with: ts reconcile": nil, "dial tcp: connection refused": away{}} {
		s := newWorld().serve(t, func(c *Connection) { c.Starter, c.Command = starter, "ts" }).signIn("Ann", sharedSecret)
		if code, body := s.post("/c/acme/runs", url.Values{}); code != http.StatusForbidden || !strings.Contains(body, want) {
			t.Errorf("%d, without %q:\n%s", code, want, body)
		}
		if _, body := s.get("/c/acme/"); strings.Contains(body, "Run now") != (starter != nil) {
			t.Errorf("the first page:\n%s", body)
		}
	}
}

// TestRunTells: a run's page counts what failed and what was not sent, by kind, also of
// kinds that were not planned; and has what each change came to, and who approved it.
func TestRunTells(t *testing.T) {
	w := calm()
	for i := range w.entries {
		if r := w.entries[i].Report; r != nil {
			r.Exit, r.Planned, r.Done = jobs.ExitFailed, map[reconcile.Op]int{reconcile.OpDeactivate: 4}, map[reconcile.Op]int{reconcile.OpDeactivate: 1, reconcile.OpRename: 5}
			r.Failed, r.Skipped = map[reconcile.Op]int{reconcile.OpDeactivate: 2}, map[reconcile.Op]int{reconcile.OpDeactivate: 1}
		}
	}
	approved := leaver(1)
	approved.Approved = "Ann, Bob"
	w.entries = append(w.entries, jobs.Entry{ID: "6-0", Kind: jobs.EntryIntent, Run: "r1", Write: &reconcile.Write{Changes: []reconcile.Change{approved}}},
		jobs.Entry{ID: "7-0", Kind: jobs.EntryOutcome, Run: "r1", Intent: "6-0", Result: reconcile.Done, Note: "looked up"},
		jobs.Entry{ID: "8-0", Kind: jobs.EntryHold, Run: "r1", Held: []reconcile.Held{
			{Change: leaver(2), Rule: reconcile.RuleLimit, Reason: "too many"}, {Change: leaver(3), Rule: reconcile.RuleLimit, Reason: "too many"}, {Change: leaver(4), Rule: reconcile.RuleLimit, Reason: "the last admin"}}})
	w.serve(t, nil).signIn("Ann", sharedSecret).says("/c/acme/runs/r1", []string{
		`deactivations</th><td class="n">4</td><td class="n">1</td><td class="n bad">2</td><td class="n warn">1</td>`, `e-mail</th><td class="n">0</td><td class="n">5</td>`,
		"approved by Ann, Bob", `<p class="why">looked up</p>`, `<strong>2 changes</strong> <span class="tag">limit</span><p class="why">too many</p>`, `<strong>1 change</strong> <span class="tag">limit</span><p class="why">the last admin</p>`})
}
