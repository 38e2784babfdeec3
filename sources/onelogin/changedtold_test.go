package onelogin_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestChangedElsewhere: the moment since when is the same, wherever this machine is.
func TestChangedElsewhere(t *testing.T) {
	for _, hours := range []int{-8, 0, 9} {
		r := newRig(t, 20, nil)
		zone := time.FixedZone("there", hours*3600)
		r.sim.Now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
		r.sim.Happen(onelogintest.RoleGiven, r.world.People[0].ID, nil)
		r.sim.Happen(onelogintest.SignedIn, r.world.People[1].ID, nil)
		r.sim.Now = time.Now
		r.sim.Happen(onelogintest.RoleGiven, r.world.People[2].ID, nil) // in an event alone
		r.sim.Happen(onelogintest.SignedIn, r.world.People[3].ID, nil)  // in updated_at alone
		keys, err := r.client.Changed(t.Context(), time.Now().Add(-time.Hour).In(zone))
		if want := r.keys(2, 4); err != nil || !slices.Equal(keys, want) {
			t.Errorf("%+d hours: %v, want %v; %v", hours, keys, want, err)
		}
	}
}

// TestChangedTwiceWrong: with either list broken, who was found in what could be read is
// told, and each failure is.
func TestChangedTwiceWrong(t *testing.T) {
	r := newRig(t, 100, nil)
	before := time.Now().Add(-time.Second)
	for _, p := range r.world.People {
		r.sim.Happen(onelogintest.RoleGiven, p.ID, nil)
	}
	r.flaky.Add(flaky.Fault{Path: "/api/1/events", Skip: 1, Kind: flaky.KindStatus, Status: http.StatusBadGateway})
	r.flaky.Add(flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: http.StatusForbidden})
	keys, err := r.client.Changed(t.Context(), before)
	if !slices.Equal(keys, r.keys(0, 50)) { // of the page of events before the one that failed
		t.Errorf("%v", keys)
	}
	if err == nil || !strings.Contains(err.Error(), "read the events: ") || !strings.Contains(err.Error(), "read who was updated: ") {
		t.Errorf("%v", err)
	}
}

// TestChangedOfNobody: an event about nobody is passed over, and is no failure.
func TestChangedOfNobody(t *testing.T) {
	r := newRig(t, 20, nil)
	r.flaky.Add(flaky.Fault{Path: "/api/1/events", Kind: flaky.KindStatus, Status: http.StatusOK,
		Body: `{"pagination":{},"data":[{"user_id":null},{"user_id":0},{"user_id":-4},{},{"user_id":7}]}`})
	if keys, err := r.client.Changed(t.Context(), time.Now().Add(time.Second)); err != nil || !slices.Equal(keys, []reconcile.Key{7}) {
		t.Errorf("%v %v", keys, err)
	}
}

// TestChangedAsksForWhatGives: each type of event that can give a person something is
// asked for, and none other: what takes away is left to those who read everything, and
// calls that tell of sign-ins would be used up by them.
//
// Source: developers.onelogin.com, Event Types.
func TestChangedAsksForWhatGives(t *testing.T) {
	sim := onelogintest.New(onelogintest.Generate(onelogintest.Options{Users: 3, Seed: 4}))
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if types := r.URL.Query().Get("event_type_id"); types != "" {
			asked = types
		}
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	client, err := onelogin.New(onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, AppID: sim.AppID()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Changed(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(asked, ",")
	slices.Sort(got)
	want := []string{"12", "13", "14", "147", "148", "149", "150", "16", "206", "32", "4", "512", "513", "514", "529", "533"}
	if !slices.Equal(got, want) {
		t.Errorf("asks for %v, want %v", got, want)
	}
}
