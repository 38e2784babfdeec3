package onelogin_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
)

// TestSilenceFailsNoPage: OneLogin asks for a silence longer than all tries of a request
// may take. The pages that wait for it to end are read then.
func TestSilenceFailsNoPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, 400, func(cfg *onelogin.Config) {
		cfg.Timeout, cfg.Concurrency, cfg.MaxWait = time.Second, 4, 5*time.Second
	})
	r.flaky.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "4"}, Times: 1})
	d, err := r.client.Pull(t.Context())
	if err != nil || !d.Receipt.Complete() {
		t.Errorf("%v %v", err, d.Receipt.Why())
	}
	if s := r.client.Stats(); s.Retries > 3 {
		t.Errorf("%d retries after one refusal", s.Retries)
	}
}

// TestSilenceIsTold: who waits hears for how long, whether OneLogin asks for it or its
// quota is used up but for the reserve.
func TestSilenceIsTold(t *testing.T) {
	for name, fault := range map[string]flaky.Fault{
		"asked":   {Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "60"}},
		"quota":   {Kind: flaky.KindV1RateLimit, Header: map[string]string{"X-RateLimit-Reset": "60"}},
		"reserve": {Kind: flaky.KindEmpty, Header: map[string]string{"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "60"}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var told atomic.Pointer[time.Duration]
		r := newRig(t, 400, func(cfg *onelogin.Config) {
			cfg.MaxWait, cfg.Reserve, cfg.QuotaOnV2, cfg.OnSilence = time.Hour, 100, true, func(d time.Duration) { told.Store(&d); cancel() }
		})
		fault.Path, fault.Times = "/api/2/users", 1
		r.flaky.Add(fault)
		_, _ = r.client.Pull(ctx)
		if d := told.Load(); d == nil || *d != time.Minute {
			t.Errorf("%s: told %v", name, d)
		}
	}
}
