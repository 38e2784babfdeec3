package tomorro

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestProbeOfASlowService: nobody interrupts the probe, and cleaning up takes longer than
// it would have then.
func TestProbeOfASlowService(t *testing.T) {
	defer func(was time.Duration) { cleanupTimeout = was }(cleanupTimeout)
	cleanupTimeout = time.Millisecond
	sim := tomorrotest.New(tomorrotest.Options{})
	slow := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slow {
			time.Sleep(5 * time.Millisecond)
		}
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	s := Sandbox{Account: "probe@x.io", Group: "probe", Real: func(reconcile.Account, reconcile.Group) string { return "" },
		Step: func(done, _ int) { slow = done == 11 }}
	if _, err := Probe(t.Context(), Config{URL: server.URL + "/scim/v2", Token: "tomorro-token"}, s); err != nil {
		t.Error(err)
	}
	if state := sim.State(); len(state.Users)+len(state.Groups) > 0 {
		t.Errorf("%+v is left", state)
	}
}
