package onelogin_test

import (
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
)

func TestWitness(t *testing.T) {
	r := newRig(t, 40, nil)
	people := r.world.People
	for i, p := range people[7:11] {
		p.Status, p.State, p.Assigned = []int{1, 2, 1, 1}[i], []int{1, 1, 1, 3}[i], i != 2
	}
	keys := append([]reconcile.Key{12345}, r.keys(7, 11)...)
	want := []string{reconcile.WitnessGone, reconcile.WitnessPresent, reconcile.WitnessInactive, reconcile.WitnessUnassigned, reconcile.WitnessInactive}
	for i, got := range r.client.Witness(t.Context(), keys) {
		if got.Key != keys[i] || got.Answer != want[i] || got.Why != "" {
			t.Errorf("%d: %+v, want %s", keys[i], got, want[i])
		}
	}
}

// TestWitnessUnsure: an answer that cannot be had, or that says less than it should, is no
// word against anybody: whoever is asked about here would be removed by it.
func TestWitnessUnsure(t *testing.T) {
	said := func(body string) flaky.Fault {
		return flaky.Fault{Kind: flaky.KindStatus, Status: 200, Body: body}
	}
	page := func(name, value string) flaky.Fault {
		return flaky.Fault{Kind: flaky.KindStatus, Status: 200, Body: "[]", Header: map[string]string{name: value}}
	}
	for name, c := range map[string]struct {
		user, apps *flaky.Fault
	}{
		"user 502":         {user: &flaky.Fault{Kind: flaky.KindStatus, Status: 502}},
		"user 403":         {user: &flaky.Fault{Kind: flaky.KindStatus, Status: 403}},
		"user cut off":     {user: &flaky.Fault{Kind: flaky.KindTruncated}},
		"user, no answer":  {user: &flaky.Fault{Kind: flaky.KindReset}},
		"some proxy's 404": {user: &flaky.Fault{Kind: flaky.KindStatus, Status: 404, Body: "<html>no such page</html>"}},
		"somebody else":    {user: new(said(`{"id":80,"status":2,"state":1}`))},
		"status null":      {user: new(said(`{"id":77,"status":null,"state":1}`))},
		"status left out":  {user: new(said(`{"id":77,"state":1}`))},
		"state null":       {user: new(said(`{"id":77,"status":1,"state":null}`))},
		"state left out":   {user: new(said(`{"id":77,"status":1}`))},
		"apps 404":         {apps: &flaky.Fault{Kind: flaky.KindStatus, Status: 404, Body: `{"message":"not found"}`}},
		"apps 502":         {apps: &flaky.Fault{Kind: flaky.KindStatus, Status: 502}},
		"apps, refused":    {apps: &flaky.Fault{Kind: flaky.KindStatus, Status: 403, Body: "[]"}},
		"apps, no answer":  {apps: &flaky.Fault{Kind: flaky.KindReset}},
		"apps null":        {apps: new(said("null"))},
		"apps, a web page": {apps: &flaky.Fault{Kind: flaky.KindHTML200}},
		"apps in pages":    {apps: new(page("Total-Pages", "2"))},
		"apps with cursor": {apps: new(page("After-Cursor", "x"))},
	} {
		r := newRig(t, 5, nil)
		user := c.user
		if user == nil {
			user, c.apps.Path = new(said(`{"id":77,"status":1,"state":1}`)), "/api/2/users/77/apps"
			r.flaky.Add(*c.apps)
		}
		user.Path = "/api/2/users/77"
		r.flaky.Add(*user)
		if got := r.client.Witness(t.Context(), []reconcile.Key{77})[0]; got.Answer != reconcile.WitnessUnknown || got.Why == "" {
			t.Errorf("%s: %+v", name, got)
		}
		if u := r.flaky.Unfired(); len(u) > 0 {
			t.Errorf("%s: a fault struck nothing: %+v", name, u)
		}
	}
}
