package onelogin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// metered is a company of 1,500 people in pages of ten, and a OneLogin with so many calls
// left.
func metered(t *testing.T, left int, counted, all bool) *rig {
	t.Helper()
	r := newRig(t, 1500, func(c *onelogin.Config) { c.QuotaOnV2, c.PageSize, c.Concurrency = all, 10, 4 })
	r.sim.Turn(func(k *onelogintest.Knobs) {
		k.UserPageCap, k.QuotaLeft, k.QuotaReset, k.QuotaOnV2 = 10, left, 1200, counted
	})
	return r
}

// TestQuotaIsLeft: where all calls count, a read that would use up what is left to others
// does not begin, and says when it can; one for which there is enough does.
func TestQuotaIsLeft(t *testing.T) {
	t.Parallel()
	r := metered(t, 200, true, true)
	_, err := r.client.Pull(t.Context()) // 149 pages more of people, and 2 of who has the app
	quota, is := errors.AsType[*reconcile.QuotaError](err)
	if !is || !quota.Ever() || quota.Needs != 149+2 || quota.Reserve != 100 || time.Until(quota.Reset) < 15*time.Minute || time.Until(quota.Reset) > 20*time.Minute {
		t.Fatalf("%v %+v", err, quota)
	}
	cursors := metered(t, 200, true, true) // a list without page numbers is no shorter
	cursors.sim.Turn(func(k *onelogintest.Knobs) { k.NoTotalPages = true })
	if _, err := cursors.client.Pull(t.Context()); !errors.As(err, new(*reconcile.QuotaError)) {
		t.Errorf("with cursors: %v", err)
	}
	if !strings.Contains(err.Error(), "of which 100 are left to others") || !strings.Contains(err.Error(), "try after") {
		t.Errorf("%v", err)
	}
	if sent := r.client.Stats().Total; sent > 12 {
		t.Errorf("%d requests before it gave up", sent)
	}
	r = metered(t, 300, true, true)
	d, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.check(t, d)
	if left := r.client.Stats().Quota; left < 100 {
		t.Errorf("%d calls are left to others", left)
	}
}

// TestQuotaOfOthers: what does not count is not asked for, and a OneLogin that does not say
// what is left is read.
func TestQuotaOfOthers(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func() *rig{
		"v1 only": func() *rig { return metered(t, 200, false, false) },
		"not said": func() *rig {
			r := metered(t, 5000, false, true)
			r.flaky.Add(flaky.Fault{Path: "/auth/rate_limit", Kind: flaky.KindStatus, Status: 403, Times: 100})
			return r
		},
		"said of nothing": func() *rig {
			r := metered(t, 5000, false, true)
			r.flaky.Add(flaky.Fault{Path: "/auth/rate_limit", Kind: flaky.KindStatus, Status: 200, Body: `{"data":{"X-RateLimit-Limit":5000}}`, Times: 100})
			return r
		},
	} {
		r := prepare()
		d, err := r.client.Pull(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.check(t, d)
	}
	r := metered(t, 200, false, false)
	if q, err := r.client.Quota(t.Context()); err != nil || q.Left != 200 || q.Limit != 5000 || q.Reserve != 100 || r.client.Stats().Quota != 200 {
		t.Errorf("%+v %v, and the counters say %d", q, err, r.client.Stats().Quota)
	}
}

// TestQuotaOfV1: where only v1 calls count, those that others need are left to them, also
// when the hour ends later than a run waits, and other calls are made as if nothing was.
func TestQuotaOfV1(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]time.Duration{"longer than it waits": time.Minute, "not as long": 2 * time.Hour} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := newRig(t, 500, func(c *onelogin.Config) { c.Reserve, c.MaxWait = 40, wait })
		r.sim.Turn(func(k *onelogintest.Knobs) { k.QuotaLeft, k.QuotaReset = 40, 3600 })
		if _, err := r.client.Changed(ctx, time.Now()); err != nil { // a page of events, which tells what is left
			t.Fatal(name, err)
		}
		r.sim.Turn(func(k *onelogintest.Knobs) { k.IgnoredFields = []string{"title"} })
		if d, err := r.client.Look(ctx, r.keys(0, 10)); err != nil || !d.Receipt.Complete() {
			t.Errorf("%s: %v %v", name, err, d.Receipt.Why())
		}
		if wait == time.Minute {
			d, err := r.client.Pull(ctx)
			if err != nil || !d.Receipt.Complete() || !strings.Contains(strings.Join(d.Receipt.Fallbacks, " "), "the v1 user list could not be read: the quota of calls to OneLogin is used up until") {
				t.Errorf("%s: %v %v %v", name, err, d.Receipt.Why(), d.Receipt.Fallbacks)
			}
		}
		if s := r.client.Stats(); s.Quota != 39 || s.Throttled == 0 {
			t.Errorf("%s: %d calls are left to others, held back %d times", name, s.Quota, s.Throttled)
		}
	}
}

// TestQuotaOfAFewPages: what needs a few calls does not ask first, which is one more.
func TestQuotaOfAFewPages(t *testing.T) {
	r := newRig(t, 130, func(c *onelogin.Config) { c.QuotaOnV2 = true })
	if _, err := r.client.Pull(t.Context()); err != nil || r.client.Stats().Requests["GET /auth/rate_limit"] != 0 {
		t.Errorf("%v %v", err, r.client.Stats().Requests)
	}
}

// TestReserveWhenAllCount: where all calls count and the hour ends later than anybody
// waits, what is left to others stays theirs, but for what was under way.
func TestReserveWhenAllCount(t *testing.T) {
	const atOnce = 4
	r := newRig(t, 130, func(c *onelogin.Config) {
		c.Reserve, c.MaxWait, c.QuotaOnV2, c.Concurrency = 40, time.Minute, true, atOnce
	})
	r.sim.Turn(func(k *onelogintest.Knobs) { k.QuotaOnV2, k.QuotaLeft, k.QuotaReset = true, 43, 3600 })
	calls := func() (n int) { // that count
		for route, times := range r.flaky.Stats().ByRoute {
			if strings.Contains(route, " /api/2/") {
				n += times
			}
		}
		return n
	}
	_, _ = r.client.Pull(t.Context())
	made := calls()
	if made < 3 || made > 3+2*atOnce {
		t.Errorf("%d calls of 43, of which 40 are for others", made)
	}
	for range 3 {
		if _, err := r.client.Pull(t.Context()); err == nil || !strings.Contains(err.Error(), "the quota of calls to OneLogin is used up until") {
			t.Errorf("%v", err)
		}
	}
	if more := calls() - made; more != 0 {
		t.Errorf("%d more calls once it was known", more)
	}
}

// TestComeBackTomorrow: OneLogin wants no calls for a day. The day is named, the quota is
// not made up, and the address has nothing to do with it.
func TestComeBackTomorrow(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 35, 31, 0, time.UTC)
	r := newRig(t, 10, func(c *onelogin.Config) { c.Now = func() time.Time { return now } })
	r.flaky.Add(flaky.Fault{Path: "/auth/oauth2/v2/token", Kind: flaky.KindStatus, Status: 503, Header: map[string]string{"Retry-After": "86400"}})
	err := r.client.SignIn(t.Context())
	if err == nil || !strings.Contains(err.Error(), "2026-12-01T09:35:31Z") || strings.Contains(err.Error(), "quota") || strings.Contains(err.Error(), "onelogin.url") {
		t.Errorf("%v", err)
	}
}
