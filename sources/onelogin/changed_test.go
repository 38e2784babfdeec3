package onelogin_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestChanged: who was updated, and whom events name, over all pages of both, each
// once and those of the events first; with NoEvents, no call counts against the quota.
func TestChanged(t *testing.T) {
	world := onelogintest.Generate(onelogintest.Options{Users: 200, Groups: 3, Seed: 4, Plain: true})
	sim := onelogintest.New(world)
	wire := flaky.New(sim)
	server := httptest.NewServer(wire)
	defer server.Close()
	cfg := onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, AppID: sim.AppID(), Retries: -1}
	client, err := onelogin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Second)
	if keys, err := client.Changed(t.Context(), before); err != nil || len(keys) > 0 {
		t.Fatalf("%v %v", keys, err)
	}
	var roles, edited []reconcile.Key
	for i, p := range world.People {
		switch {
		case i < 120: // three pages of events; updated_at stays
			sim.Happen(onelogintest.RoleGiven, p.ID, nil)
			roles = append(roles, reconcile.Key(p.ID))
		case i < 180:
			sim.Happen(onelogintest.SignedIn, p.ID, nil)
			edited = append(edited, reconcile.Key(p.ID))
		}
	}
	sim.Happen(onelogintest.Edited, world.People[7].ID, nil)    // both, and it comes once
	sim.Happen(onelogintest.Deleted, world.People[190].ID, nil) // nobody looks for them
	keys, err := client.Changed(t.Context(), before)
	if want := slices.Concat(roles, edited); err != nil || !slices.Equal(keys, want) {
		t.Errorf("%d people, want %d; %v", len(keys), len(want), err)
	}
	if keys, err := client.Changed(t.Context(), time.Now().Add(time.Second)); err != nil || len(keys) > 0 {
		t.Errorf("from the future: %v %v", keys, err)
	}
	calls := client.Stats().Requests["GET /api/1/events"]
	if calls != 5 {
		t.Errorf("%d calls for events", calls)
	}
	cfg.NoEvents = true
	quiet, err := onelogin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]reconcile.Key{roles[7]}, edited...)
	if keys, err := quiet.Changed(t.Context(), before); err != nil || !slices.Equal(keys, want) || quiet.Stats().Requests["GET /api/1/events"] > 0 {
		t.Errorf("without events: %v %v", keys, err)
	}
	wire.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: "status", Status: 502})
	if keys, err := client.Changed(t.Context(), before); err == nil || len(keys) < len(roles) {
		t.Errorf("a page is missing, and it gives %d people and %v", len(keys), err)
	}
}

// TestChangedInPart: what could not be read is told, with whoever was found elsewhere.
func TestChangedInPart(t *testing.T) {
	for name, c := range map[string]struct {
		fault flaky.Fault
		found int
	}{
		"events 502":         {flaky.Fault{Path: "/api/1/events", Kind: flaky.KindStatus, Status: 502}, 3},
		"events without any": {flaky.Fault{Path: "/api/1/events", Kind: flaky.KindStatus, Status: 200, Body: `{"pagination":{}}`}, 3},
		"events for ever":    {flaky.Fault{Path: "/api/1/events", Kind: flaky.KindStatus, Status: 200, Body: `{"pagination":{"after_cursor":"x"},"data":[]}`}, 3},
		"events cut off":     {flaky.Fault{Path: "/api/1/events", Kind: flaky.KindTruncated}, 3},
		"fewer than all":     {flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 200, Body: `[{"id":7}]`, Header: map[string]string{"Total-Count": "3"}}, 4},
		"silent":             {flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 200, Body: `[]`}, 3},
	} {
		r := newRig(t, 20, nil)
		before := time.Now().Add(-time.Second)
		for _, p := range r.world.People[:3] {
			r.sim.Happen(onelogintest.Edited, p.ID, nil)
		}
		r.flaky.Add(c.fault)
		if keys, err := r.client.Changed(t.Context(), before); err == nil || len(keys) != c.found {
			t.Errorf("%s: %d people, want %d; %v", name, len(keys), c.found, err)
		}
	}
}

// TestChangedAfterLong: after a long time there are more events than one call reads. It
// tells of the first, and does not fail: the next one would read the same again, and
// those that came since, for ever.
func TestChangedAfterLong(t *testing.T) {
	r := newRig(t, 1200, nil)
	before := time.Now().Add(-time.Second)
	for _, p := range r.world.People {
		r.sim.Happen(onelogintest.RoleGiven, p.ID, nil)
	}
	if keys, err := r.client.Changed(t.Context(), before); err != nil || !slices.Equal(keys, r.keys(0, 1000)) {
		t.Errorf("%d people, want the first 1000; %v", len(keys), err)
	}
	if calls := r.client.Stats().Requests["GET /api/1/events"]; calls != 20 {
		t.Errorf("%d calls for events", calls)
	}
}

// TestChangedInTheMorning: somebody signs in between any two pages of those who were
// updated, and moves the others. All who were before are found, in pages and by cursors.
func TestChangedInTheMorning(t *testing.T) {
	for _, cursors := range []bool{false, true} {
		world := onelogintest.Generate(onelogintest.Options{Users: 200, Groups: 3, Seed: 4, Plain: true})
		sim := onelogintest.New(world)
		sim.Turn(func(k *onelogintest.Knobs) { k.NoTotalPages = cursors })
		var signedIn atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/2/users" {
				sim.Happen(onelogintest.SignedIn, world.People[signedIn.Add(1)].ID, nil)
			}
			sim.ServeHTTP(w, r)
		}))
		defer server.Close()
		client, err := onelogin.New(onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, AppID: sim.AppID(), NoEvents: true})
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now().Add(-time.Second)
		var early []reconcile.Key
		for _, p := range world.People[50:170] {
			sim.Happen(onelogintest.SignedIn, p.ID, nil)
			early = append(early, reconcile.Key(p.ID))
		}
		keys, err := client.Changed(t.Context(), before)
		missed := slices.DeleteFunc(early, func(k reconcile.Key) bool { return slices.Contains(keys, k) })
		if err != nil || len(missed) > 0 || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != len(keys) {
			t.Errorf("cursors %v: %d people without %v; %v", cursors, len(keys), missed, err)
		}
	}
}
