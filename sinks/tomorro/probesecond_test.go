package tomorro_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestProbeTakesAwayASecondAccount is a service that lets two accounts have one
// userName: both are gone afterwards.
func TestProbeTakesAwayASecondAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	r.fill(t, 3, 1)
	posts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/Users") {
			if posts++; posts == 2 {
				body, err := io.ReadAll(q.Body)
				if err != nil {
					t.Error(err)
				}
				next := httptest.NewRequest(q.Method, q.URL.String(), strings.NewReader(strings.Replace(string(body), sandboxAccount, "tomorro-sync-probe.2@x.io", 1)))
				next.Header = q.Header
				q = next
			}
		}
		r.sim.ServeHTTP(w, q)
	}))
	defer server.Close()
	got, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
	if a := got.Answer(reconcile.ProbeDuplicate); err != nil || a.Answer != reconcile.AnswerSecond {
		t.Errorf("%v %+v", err, a)
	}
	r.onlySandbox(t, false)
}

// TestProbeTakesOverBoth: accounts of both names are there from earlier probes, and neither
// afterwards.
func TestProbeTakesOverBoth(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	r.fill(t, 3, 1)
	for _, name := range []string{sandboxAccount, strings.Replace(sandboxAccount, "@", "-renamed@", 1)} {
		r.sim.AddUser(tomorrotest.User{UserName: name, GivenName: "Tomorro Sync", FamilyName: "Probe 2", UserType: "user", Active: true})
	}
	if _, err := r.probed(t); err != nil {
		t.Error(err)
	}
	r.onlySandbox(t, false)
}

// TestProbeKeepsAGroupMadeByHand: a sandbox group that an administrator made is left
// there, empty.
func TestProbeKeepsAGroupMadeByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	id := r.sim.AddGroup(sandboxGroup)
	if got, err := r.probed(t); err != nil || got.MemberRemoval != "values" {
		t.Fatalf("%v %+v", err, got)
	}
	if g := r.sim.State().Groups; len(g) != 1 || g[0].ID != id || len(g[0].Members) > 0 {
		t.Errorf("%+v", g)
	}
}

// TestProbeOfADeadAccount: where DELETE only disables, for good, the account that a former
// probe left says nothing of what the service does with others.
func TestProbeOfADeadAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{DeleteDisables: true}, nil)
	r.fill(t, 3, 1)
	dead := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if id := path.Base(q.URL.Path); id == dead && (q.Method == http.MethodPut || q.Method == http.MethodPatch) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		r.sim.ServeHTTP(w, q)
	}))
	defer server.Close()
	first, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
	if err != nil || first.Update == "" {
		t.Fatalf("%v %+v", err, first)
	}
	for _, u := range r.sim.State().Users {
		if u.UserName == sandboxAccount {
			dead = u.ID
		}
	}
	got, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
	if err == nil || !strings.Contains(err.Error(), "--probe-account") || !got.At.IsZero() {
		t.Errorf("%v: a profile of %s", err, got.At)
	}
}

// TestProbeOfAnInactiveAccount: an account that is made inactive, since no seat is left, does not
// show what active:false does.
func TestProbeOfAnInactiveAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{Seats: map[string]int{"user": 0}, SeatsStatus: http.StatusOK}, nil)
	got, err := r.probed(t)
	if err == nil || !strings.Contains(err.Error(), "a seat") || !got.At.IsZero() {
		t.Errorf("%v: %+v", err, got)
	}
	r.onlySandbox(t, false)
}

// TestProbeConcludesNothingFromAnOverload: a service that is overloaded for a moment does not
// refuse what it was asked just then.
func TestProbeConcludesNothingFromAnOverload(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		for _, f := range []flaky.Fault{{Method: "PUT", Path: "/scim/v2/Users/*"}, {Method: "PATCH", Path: "/scim/v2/Users/*"}, {Method: "PATCH", Path: "/scim/v2/Groups/*"}, {Method: "POST", Path: "/scim/v2/Groups"}} {
			r := newRig(t, tomorrotest.Knobs{}, nil)
			r.fill(t, 3, 1)
			f.Kind, f.Status, f.Times = flaky.KindStatus, status, 1
			r.flaky.Add(f)
			if got, err := r.probed(t); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) || !got.At.IsZero() {
				t.Errorf("%s %s answered %d: %v, a profile of %s", f.Method, f.Path, status, err, got.At)
			}
			r.onlySandbox(t, false)
		}
	}
}

// TestProbeOfAccessThatStaysAway: an account that does not become active again has lost its
// access for good, also if it is still there.
func TestProbeOfAccessThatStaysAway(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusForbidden} {
		r := newRig(t, tomorrotest.Knobs{}, nil)
		r.fill(t, 3, 1)
		taken := false
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/Users/") {
				body, _ := io.ReadAll(q.Body)
				if taken {
					w.WriteHeader(status)
					return
				}
				taken = strings.Contains(string(body), `"active":false`)
				q.Body = io.NopCloser(strings.NewReader(string(body)))
			}
			r.sim.ServeHTTP(w, q)
		}))
		got, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
		server.Close()
		if a := got.Answer(reconcile.ProbeInactive); err != nil || a.Answer != reconcile.AnswerRemoves {
			t.Errorf("answered %d: %+v, %v", status, a, err)
		}
		r.onlySandbox(t, false)
	}
}
