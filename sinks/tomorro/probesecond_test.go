package tomorro_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
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
