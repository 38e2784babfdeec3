package onelogin_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
)

// TestRefused: which answers say that the credentials do not do, so that no retry helps,
// and which only that OneLogin is busy, broken or somewhere else.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		path    string
		status  int
		refused bool
	}{
		{"/api/2/apps", 401, true},
		{"/api/2/apps", 403, true},
		{"/api/2/apps", 404, false},
		{"/api/2/apps", 429, false},
		{"/api/2/apps", 500, false},
		{"/api/2/apps", 503, false},
		{"/auth/oauth2/v2/token", 400, true},
		{"/auth/oauth2/v2/token", 401, true},
		{"/auth/oauth2/v2/token", 403, true},
		{"/auth/oauth2/v2/token", 404, false},
		{"/auth/oauth2/v2/token", 429, false},
		{"/auth/oauth2/v2/token", 500, true}, // the administrator who made them is deleted
		{"/auth/oauth2/v2/token", 503, false},
	} {
		var cfg onelogin.Config
		r := newRig(t, 10, func(c *onelogin.Config) { cfg = *c })
		r.flaky.Add(flaky.Fault{Path: c.path, Kind: flaky.KindStatus, Status: c.status})
		if _, err := onelogin.Apps(t.Context(), cfg); err == nil || errors.Is(err, reconcile.ErrRefused) != c.refused {
			t.Errorf("%s answers %d: %v, want refused %t", c.path, c.status, err, c.refused)
		}
	}
}

// TestQuotaSpentForNobodyKnowsHowLong: where nothing says when the quota is full again, or
// it says now and refuses all the same, the next try comes after the usual pause.
func TestQuotaSpentForNobodyKnowsHowLong(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]flaky.Fault{
		"it fails":    {Status: http.StatusServiceUnavailable},
		"not said":    {Status: http.StatusOK, Body: `{"data":{}}`},
		"unreadable":  {Status: http.StatusOK, Body: `<html>`},
		"in no time":  {Status: http.StatusOK, Body: `{"data":{"X-RateLimit-Reset":0}}`},
		"in the past": {Status: http.StatusOK, Body: `{"data":{"X-RateLimit-Reset":-5}}`},
	} {
		r := newRig(t, 10, func(c *onelogin.Config) { c.Retries, c.Backoff = 1, 150*time.Millisecond })
		limit.Path, limit.Kind = "/auth/rate_limit", flaky.KindStatus
		r.flaky.Add(limit)
		r.flaky.Add(flaky.Fault{Path: "/api/1/events", Kind: flaky.KindStatus, Status: http.StatusBadRequest, Body: `{"status":{"error":true,"code":400,"type":"rate_limit_exceeded"}}`, Times: 1})
		begin := time.Now()
		if _, err := r.client.Changed(t.Context(), begin.Add(-time.Hour)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took < 150*time.Millisecond {
			t.Errorf("%s: tried again after %s", name, took)
		}
	}
}
