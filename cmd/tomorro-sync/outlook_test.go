package main

import (
	"strings"
	"testing"

	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestQuotaOnTheCommandLine: plan says what a run asks of both services and what is left
// of OneLogin's quota, and neither begins what the quota does not allow.
func TestQuotaOnTheCommandLine(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 1200, groups: 3, seed: 2, plain: true, pageCap: 10}, "")
	if out := o.must(exitPending, "plan"); !strings.Contains(out, "REQUESTS OF A RUN") || !strings.Contains(out, "5,000 of 5,000 calls are left this hour, against which these do not count") || !strings.Contains(out, "at least") {
		t.Errorf("plan says\n%s", out)
	}
	o.edit("onelogin: {", "onelogin: {quota: all, reserve: 300, ")
	if out := o.must(exitPending, "plan"); !strings.Contains(out, "calls are left this hour, and 4,") {
		t.Errorf("plan says\n%s", out)
	}
	o.lab.onelogin.Turn(func(k *onelogintest.Knobs) { k.QuotaLeft, k.QuotaReset, k.QuotaOnV2 = 400, 1200, true })
	for _, command := range [][]string{{"plan"}, {"reconcile", "--yes"}} {
		o.resetStats()
		code, _, stderr := o.run(command...)
		if code != exitError || !strings.Contains(stderr, "of which 300 are left to others; a full read needs 1") || !strings.Contains(stderr, "try after") || !strings.Contains(stderr, "nothing was written") {
			t.Errorf("%v: exit %d\n%s", command, code, stderr)
		}
		if n := o.lab.oneloginWire.Stats().Total; n > 20 {
			t.Errorf("%v: %d requests before it gave up", command, n)
		}
	}
	if w := o.lab.tomorro.State(); w.Writes > 0 {
		t.Errorf("%d writes", w.Writes)
	}
}
