package jobstest

import (
	"maps"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// adoption: what was decided lasts, is linked, and can be taken back; a link that says
// something else by then stays.
func adoption(t *testing.T, open Open) {
	s, other := open(t, "adoption", time.Second), open(t, "adoption", time.Second)
	at := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	if a, err := s.Adoption(t.Context()); err != nil || a.Phase.State != "" || len(a.Decided) > 0 {
		t.Errorf("of nothing: %+v %v", a, err)
	}
	must(t, s.SetAdoption(t.Context(), jobs.AdoptionPhase{State: jobs.AdoptionOpen, At: at}))
	must(t, s.DecideAdoption(t.Context(), "a1", reconcile.AdoptionDecision{Key: 1, By: "ann", At: at}))
	must(t, s.DecideAdoption(t.Context(), "a2", reconcile.AdoptionDecision{By: "ann", At: at}))
	must(t, s.DecideAdoption(t.Context(), "a3", reconcile.AdoptionDecision{Key: 3, By: "ann", At: at}))
	a, err := other.Adoption(t.Context())
	must(t, err)
	if st, err := other.Status(t.Context()); err != nil || !st.Adopting.Equal(at) {
		t.Errorf("whoever looks is not told since when an adoption is open: %+v %v", st, err)
	}
	if a.Phase.State != jobs.AdoptionOpen || len(a.Decided) != 3 || a.Decided["a1"] != (reconcile.AdoptionDecision{Key: 1, By: "ann", At: at}) || a.Decided["a2"].Key != 0 {
		t.Errorf("%+v", a)
	}
	linked(t, other, map[reconcile.Key]string{1: "a1", 3: "a3"})
	must(t, other.Link(t.Context(), jobs.Lease{}, []reconcile.Link{{Key: 3, Account: "another"}}))
	for _, account := range []string{"a1", "a2", "a3", "unknown"} {
		must(t, other.UndecideAdoption(t.Context(), account))
	}
	must(t, other.SetAdoption(t.Context(), jobs.AdoptionPhase{State: jobs.AdoptionDone, By: "bob", At: at}))
	if a, err = s.Adoption(t.Context()); err != nil || a.Phase != (jobs.AdoptionPhase{State: jobs.AdoptionDone, By: "bob", At: at}) || len(a.Decided) > 0 {
		t.Errorf("%+v %v", a, err)
	}
	if st, err := other.Status(t.Context()); err != nil || !st.Adopting.IsZero() {
		t.Errorf("whoever looks is told of an adoption that has ended: %+v %v", st, err)
	}
	linked(t, s, map[reconcile.Key]string{3: "another"})

	// An account passes to somebody else, and back.
	must(t, s.DecideAdoption(t.Context(), "another", reconcile.AdoptionDecision{Key: 9, Former: 3, By: "ann", At: at}))
	must(t, s.DecideAdoption(t.Context(), "a4", reconcile.AdoptionDecision{Key: 4, Former: 9, By: "ann", At: at})) // who has another one keeps that
	linked(t, other, map[reconcile.Key]string{9: "another", 4: "a4"})
	must(t, other.UndecideAdoption(t.Context(), "another"))
	linked(t, s, map[reconcile.Key]string{3: "another", 4: "a4"})
}

func linked(t *testing.T, s Store, want map[reconcile.Key]string) {
	t.Helper()
	if links, err := s.Links(t.Context()); err != nil || !maps.Equal(links, want) {
		t.Errorf("links %v %v, want %v", links, err, want)
	}
}
