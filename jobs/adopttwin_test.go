package jobs_test

import (
	"errors"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// TestAdoptMatchOfTwins: another account with somebody's address stands in the way of a
// decision unless it is said to be somebody else's or nobody's.
func TestAdoptMatchOfTwins(t *testing.T) {
	for name, c := range map[string]struct {
		links   map[reconcile.Key]string
		decided map[string]reconcile.AdoptionDecision
		fails   error
	}{
		"nothing is known":        {fails: jobs.ErrHasOne},
		"the other is another's":  {links: map[reconcile.Key]string{2: "a1"}},
		"it is theirs":            {links: map[reconcile.Key]string{1: "a1"}, fails: jobs.ErrHasOne},
		"it is theirs as well":    {links: map[reconcile.Key]string{1: "a1", 2: "a1"}, fails: jobs.ErrHasOne},
		"it is said to be theirs": {decided: map[string]reconcile.AdoptionDecision{"a1": {Key: 1}}, fails: jobs.ErrHasOne},
		"it is said nobody's":     {decided: map[string]reconcile.AdoptionDecision{"a1": {}}},
	} {
		s := &jobs.Survey{Links: c.links, Adoption: jobs.Adoption{Decided: c.decided}}
		s.Directory.Receipt.NotAsked = true // complete
		s.Directory.People = []reconcile.Person{{Key: 1, Email: "ann@x.io"}, {Key: 2, Email: "bob@x.io"}}
		s.Current.Accounts = []reconcile.Account{{ID: "a1", UserName: "ann@x.io", Active: true}, {ID: "a2", UserName: "Ann@x.io", Active: true}}
		d := decided{last: map[string]reconcile.AdoptionDecision{}}
		err := jobs.AdoptMatch(t.Context(), d, jobs.Trigger{Who: "cyd"}, s, "a2", "1", time.Now())
		if !errors.Is(err, c.fails) || c.fails == nil && d.last["a2"].Key != 1 {
			t.Errorf("%s: %v, decided %+v", name, err, d.last)
		}
	}
}
