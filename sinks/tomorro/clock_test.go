package tomorro_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestRetryAfterByTheirClock: a service whose clock is ahead or behind says by it when to
// come back.
func TestRetryAfterByTheirClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		sim := tomorrotest.New(tomorrotest.Options{})
		var refused time.Time
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refused.IsZero() {
				refused = time.Now()
				theirs := refused.Add(ahead).UTC()
				w.Header().Set("Date", theirs.Format(http.TimeFormat))
				w.Header().Set("Retry-After", theirs.Add(time.Second).Format(http.TimeFormat))
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			if waited := time.Since(refused); waited < 900*time.Millisecond {
				t.Errorf("clock %s ahead: asked again after %s", ahead, waited)
			}
			sim.ServeHTTP(w, r)
		}))
		client, err := tomorro.New(tomorro.Config{URL: server.URL + "/scim/v2", Token: "tomorro-token", Backoff: time.Millisecond})
		if err == nil {
			_, err = client.ReadGroups(t.Context())
		}
		if err != nil {
			t.Errorf("clock %s ahead: %v", ahead, err)
		}
		server.Close()
	}
}
