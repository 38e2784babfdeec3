package tomorro_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestProbeInterruptedAtEachRequest: whoever interrupts a probe finds nothing left of it,
// also of what was made just then.
func TestProbeInterruptedAtEachRequest(t *testing.T) {
	t.Parallel()
	for n := int64(1); ; n++ {
		r := newRig(t, tomorrotest.Knobs{}, nil)
		r.fill(t, 3, 1)
		sandbox := sandboxed(t, r.client)
		ctx, interrupt := context.WithCancel(t.Context())
		var begun atomic.Int64
		sandbox.Step = func(done, _ int) {
			if done == 11 { // what follows is the cleaning up, which nobody interrupts
				begun.Store(n)
			}
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if begun.Add(1) != n {
				r.sim.ServeHTTP(w, q)
				return
			}
			r.sim.ServeHTTP(httptest.NewRecorder(), q)
			interrupt()
			<-q.Context().Done()
		}))
		_, err := tomorro.Probe(ctx, r.config(server.URL+"/scim/v2"), sandbox)
		server.Close()
		r.onlySandbox(t, false)
		if t.Failed() {
			t.Fatalf("interrupted at request %d: %v", n, err)
		}
		whole := ctx.Err() == nil
		interrupt()
		if whole {
			return
		}
	}
}

// TestProbeLosesAnAnswer: the answer to what a probe makes is lost.
func TestProbeLosesAnAnswer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/scim/v2/Users", "/scim/v2/Groups"} {
		r := newRig(t, tomorrotest.Knobs{}, nil)
		r.fill(t, 3, 1)
		r.flaky.Add(flaky.Fault{Method: "POST", Path: path, Kind: flaky.KindLostAnswer, Times: 1})
		if _, err := r.probed(t); err == nil {
			t.Errorf("%s: a probe without an answer says that all is well", path)
		}
		r.onlySandbox(t, false)
	}
}

// TestProbeCannotCleanUp: what is left at Tomorro is told, beside what was found.
func TestProbeCannotCleanUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	r.fill(t, 3, 1)
	sandbox := sandboxed(t, r.client)
	sandbox.Step = func(done, _ int) {
		if done == 11 { // what follows is the cleaning up
			r.flaky.Add(flaky.Fault{Path: "/scim/v2/Users/*", Kind: flaky.KindStatus, Status: http.StatusForbidden})
		}
	}
	server := httptest.NewServer(r.flaky)
	defer server.Close()
	p, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandbox)
	if err == nil || !strings.Contains(err.Error(), "clean up after the probe") || p.At.IsZero() {
		t.Errorf("%v %+v", err, p)
	}
}
