package jobstest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// recalled: what is read at once is what is read one by one, of nothing and of something.
func recalled(t *testing.T, open Open) {
	s := open(t, "recall", 30*time.Second)
	at := time.UnixMilli(1_790_000_000_000).UTC()
	since := time.Now().Add(-time.Hour)
	same := func(when string, something bool) {
		t.Helper()
		got, err := s.Recall(t.Context(), since)
		must(t, err)
		var want jobs.Recalled
		var errs [5]error
		want.Spent, errs[0] = s.Spent(t.Context(), since)
		want.Decisions, errs[1] = s.Decisions(t.Context())
		want.Pins, errs[2] = s.Pins(t.Context())
		want.Ignored = map[string]jobs.Sighting{}
		if something {
			want.Ignored["effect"] = jobs.Sighting{Times: 1, Last: at.Local()}
		}
		want.Assertions, errs[3] = s.Assertions(t.Context())
		want.Adoption, errs[4] = s.Adoption(t.Context())
		for _, err := range errs {
			must(t, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: at once %+v, one by one %+v", when, got, want)
		}
		if full := got.Spent[reconcile.LimitDelete] == 2 && len(got.Decisions) == 1 && len(got.Pins) == 1 && len(got.Ignored) == 1 && len(got.Assertions) == 1 && len(got.Adoption.Decided) == 1; full != something {
			t.Errorf("%s: %+v", when, got)
		}
	}
	same("of nothing", false)
	ask(t, s, reserving("run", amounts{reconcile.LimitDelete: 2}, nil))
	must(t, s.Decide(t.Context(), []string{"digest"}, func(string, reconcile.Decision) reconcile.Decision {
		return reconcile.Decision{By: []string{"ann"}, At: at}
	}))
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		if err := s.Pin(ctx, l, map[reconcile.Key]jobs.Pin{1: {Run: "r1", At: at}}); err != nil {
			return err
		}
		return s.Ignore(ctx, l, map[string]jobs.Sighting{"effect": {Times: 1, Last: at}}, nil)
	})
	_, err := s.Mark(t.Context(), time.Hour, []jobs.Wanted{{Subject: "2", Assert: []reconcile.Assertion{{Account: "a", Group: "g", At: at}}}})
	must(t, err)
	must(t, s.DecideAdoption(t.Context(), "a1", reconcile.AdoptionDecision{By: "ann", At: at}))
	same("of something", true)
}
