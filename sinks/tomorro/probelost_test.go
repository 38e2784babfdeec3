package tomorro_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tomorro-sync/reconcile"
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

// TestProbeCannotTellWhatWasMade: what a POST made is taken away again, whatever the answer
// to it is.
func TestProbeCannotTellWhatWasMade(t *testing.T) {
	t.Parallel()
	answers := map[string]func(http.ResponseWriter){
		"an error of a proxy": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"an error":            func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"nothing":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
		"a web page":          func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>Sign in</html>")) },
		"half of it":          func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"id":"1","userName":`)) },
		"no id":               func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"schemas":[]}`)) },
	}
	for name, answer := range answers {
		for _, post := range []int{1, 2, 3} { // the account, the second one, the group
			t.Run(fmt.Sprintf("%s to POST %d", name, post), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, tomorrotest.Knobs{}, nil)
				r.fill(t, 3, 1)
				posts, second := 0, ""
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					switch {
					case second != "" && q.URL.Path == "/scim/v2/Users" && q.URL.Query().Has("filter"): // the simulator knows one account of a name
						fmt.Fprintf(w, `{"totalResults":1,"Resources":[{"id":%q,"userName":%q,"active":true,"userType":"user","name":{"givenName":"Tomorro Sync","familyName":"Probe"}}]}`, second, sandboxAccount)
						return
					case q.Method == http.MethodPost:
						posts++
					}
					if q.Method != http.MethodPost || posts != post {
						r.sim.ServeHTTP(w, q)
						return
					}
					if post == 2 {
						second = r.sim.AddUser(tomorrotest.User{UserName: sandboxGroup + ".2@x.io", GivenName: "Tomorro Sync", FamilyName: "Probe", UserType: "user", Active: true})
					} else {
						r.sim.ServeHTTP(httptest.NewRecorder(), q)
					}
					answer(w)
				}))
				defer server.Close()
				got, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandboxed(t, r.client))
				if post == 1 && err == nil {
					t.Error("a probe without its account says that all is well")
				}
				if a := got.Answer(reconcile.ProbeDuplicate).Answer; post == 2 && a != reconcile.AnswerRefused && a != reconcile.AnswerUnknown {
					t.Errorf("the second account is said to be %s", a)
				}
				if a := got.Answer(reconcile.ProbeMembersValues).Answer; post == 3 && a != reconcile.AnswerUnknown {
					t.Errorf("without a group, a removal is said to be %s", a)
				}
				r.onlySandbox(t, false)
			})
		}
	}
}

// TestProbeCleansUpPatiently: a service that is overloaded for a moment keeps nothing of the
// probe.
func TestProbeCleansUpPatiently(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "DELETE"} {
		for _, path := range []string{"/scim/v2/Users/*", "/scim/v2/Groups/*"} {
			for _, kind := range []string{flaky.KindStatus, flaky.KindReset, flaky.KindLostAnswer} {
				r := newRig(t, tomorrotest.Knobs{}, nil)
				r.fill(t, 3, 1)
				sandbox := sandboxed(t, r.client)
				sandbox.Step = func(done, _ int) {
					if done == 11 { // what follows is the cleaning up
						r.flaky.Add(flaky.Fault{Method: method, Path: path, Kind: kind, Status: http.StatusServiceUnavailable, Times: 1})
					}
				}
				server := httptest.NewServer(r.flaky)
				if _, err := tomorro.Probe(t.Context(), r.config(server.URL+"/scim/v2"), sandbox); err != nil {
					t.Errorf("%s of %s, %s: %v", method, path, kind, err)
				}
				server.Close()
				r.onlySandbox(t, false)
			}
		}
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

// TestProbeCannotRemoveItsGroup: a Tomorro that deletes no groups keeps the one that the probe
// made, where everybody can choose it. That is told, and not of one that was there before.
func TestProbeCannotRemoveItsGroup(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNoContent} {
		for _, byHand := range []bool{false, true} {
			r := newRig(t, tomorrotest.Knobs{}, nil)
			r.fill(t, 3, 1)
			if byHand {
				r.sim.AddGroup(sandboxGroup)
			}
			r.flaky.Add(flaky.Fault{Method: "DELETE", Path: "/scim/v2/Groups/*", Kind: flaky.KindStatus, Status: status})
			if status == http.StatusNotFound { // as for whatever has no route
				r.flaky.Add(flaky.Fault{Method: "GET", Path: "/scim/v2/Groups/*", Kind: flaky.KindStatus, Status: status})
			}
			p, err := r.probed(t)
			if told := errors.Is(err, tomorro.ErrLeft) && strings.Contains(err.Error(), "the group "+sandboxGroup+" is still there, empty"); told == byHand || byHand && err != nil {
				t.Errorf("%d, made by hand %v: %v", status, byHand, err)
			}
			if p.At.IsZero() || p.MemberRemoval == "" {
				t.Errorf("%d: what was found is lost: %+v", status, p)
			}
		}
	}
}
