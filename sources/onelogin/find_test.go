package onelogin_test

import (
	"slices"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func TestFind(t *testing.T) {
	r := newRig(t, 130, nil)
	people := r.world.People
	login := func(i int, name string) { people[i].Username = &name }
	people[20].Email = "ann@acme.example"
	people[21].Email = "Ann@ACME.example"
	login(22, "ann@acme.example")
	login(23, "bob.login")
	login(24, "twin")
	login(25, "Twin")
	people[26].Email = ""
	id := func(at ...int) (keys []reconcile.Key) {
		for _, i := range at {
			keys = append(keys, reconcile.Key(people[i].ID))
		}
		return keys
	}
	for name, c := range map[string]struct {
		want     []reconcile.Key
		requests int
	}{
		"ann@acme.example":   {id(20, 21), 1},
		" ANN@acme.example ": {id(20, 21), 1},
		"bob.login":          {id(23), 2},
		"TWIN":               {id(24, 25), 2},
		"nobody@x.example":   {nil, 2},
		"*":                  {nil, 0},
		"ann*":               {nil, 0},
		"*@acme.example":     {nil, 0},
		"":                   {nil, 0},
		"  ":                 {nil, 0},
		"a&b=c,d%@x.example": {nil, 2},
	} {
		if _, err := r.client.Find(t.Context(), "a token"); err != nil {
			t.Fatal(err)
		}
		r.flaky.Reset()
		got, err := r.client.Find(t.Context(), name)
		if err != nil || !slices.Equal(got, c.want) || r.flaky.Stats().Total != c.requests {
			t.Errorf("%q: %v %v after %d requests, want %v after %d", name, got, err, r.flaky.Stats().Total, c.want, c.requests)
		}
	}
}

// TestFindCompares: whoever the filter lets through is compared, on every page.
func TestFindCompares(t *testing.T) {
	r := newRig(t, 20, nil)
	body := func(s string) {
		r.flaky.Clear()
		r.flaky.Add(flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 200, Body: s})
	}
	body(`[{"id":9,"email":"x@x.example","username":"ann"},{"id":"7","email":" ANN@x.example","username":null},{"id":5,"email":null,"username":"ann@x.example"}]`)
	if got, err := r.client.Find(t.Context(), "ann@x.example"); err != nil || !slices.Equal(got, []reconcile.Key{7}) {
		t.Errorf("by e-mail: %v %v", got, err)
	}
	if got, err := r.client.Find(t.Context(), "ann"); err != nil || !slices.Equal(got, []reconcile.Key{9}) {
		t.Errorf("by username: %v %v", got, err)
	}
	body(`[{"email":"ann@x.example"}]`)
	if got, err := r.client.Find(t.Context(), "ann@x.example"); err == nil || !strings.Contains(err.Error(), "has no id") {
		t.Errorf("without id: %v %v", got, err)
	}
	r.flaky.Clear()
	r.flaky.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"username": "ann"}, Kind: flaky.KindStatus, Status: 502})
	if got, err := r.client.Find(t.Context(), "ann"); err == nil || !strings.Contains(err.Error(), "look for somebody by username: page 1: OneLogin answered 502") {
		t.Errorf("half an answer: %v %v", got, err)
	}
	r.flaky.Clear()
	r.sim.Turn(func(k *onelogintest.Knobs) { k.UserPageCap = 2 })
	for i := range 7 {
		r.world.People[3+i].Email = "many@x.example"
	}
	if got, err := r.client.Find(t.Context(), "many@x.example"); err != nil || !slices.Equal(got, r.keys(3, 10)) {
		t.Errorf("over pages: %v %v", got, err)
	}
}
