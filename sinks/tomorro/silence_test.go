package tomorro_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestSilenceFailsNobody: Tomorro asks for a silence longer than the timeout. Who waits
// for it to end has not been sent, and is then.
func TestSilenceFailsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, func(c *tomorro.Config) { c.Concurrency, c.Timeout = 4, 2*time.Second })
	r.flaky.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Users", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "3"}, Times: 1})
	var wg sync.WaitGroup
	write := func(i int) {
		wg.Go(func() {
			if _, err := r.client.Write(t.Context(), create(fmt.Sprintf("p%d@x.io", i))); err != nil {
				t.Error(err)
			}
		})
	}
	write(0)
	for r.client.Stats().Throttled == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range 7 {
		write(i + 1)
	}
	wg.Wait()
	if n := r.flaky.Stats().ByRoute["POST /scim/v2/Users"]; n != 9 {
		t.Errorf("%d requests for 8 accounts, one of them refused once", n)
	}
}

// TestSilenceAfterTheLastTry: who is not tried again says all the same for how long nobody
// is to be sent.
func TestSilenceAfterTheLastTry(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	r.flaky.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Users", Kind: flaky.KindStatus, Status: 503, Header: map[string]string{"Retry-After": "1"}, Times: 1})
	began := time.Now()
	if _, err := r.client.Write(t.Context(), create("a@x.io")); err == nil {
		t.Error("it was not made")
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("the next request was sent after %s, in the silence that Tomorro asked for", took)
	}
}

// TestSilenceIsTold: who waits hears for how long.
func TestSilenceIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var told []time.Duration
	r := newRig(t, tomorrotest.Knobs{}, func(c *tomorro.Config) {
		c.MaxWait, c.OnSilence = time.Hour, func(d time.Duration) { told = append(told, d); cancel() }
	})
	r.flaky.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Users", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "60"}, Times: 1})
	if _, err := r.client.Write(ctx, create("a@x.io")); err == nil || !slices.Equal(told, []time.Duration{time.Minute}) {
		t.Errorf("%v, told %s", err, told)
	}
}

// TestRetryIsNotSentTooLate: when Tomorro asks for more time than an intent keeps others
// away, the write is not sent again.
func TestRetryIsNotSentTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, tomorrotest.Knobs{}, nil)
	id := r.fill(t, 1, 0)[0]
	r.flaky.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/*", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "1"}, Times: 1})
	after := reconcile.Account{ID: id, UserName: "new@x.io", GivenName: "G", FamilyName: "F", UserType: reconcile.User, Active: true}
	plan := reconcile.Plan{Changes: []reconcile.Change{{Op: reconcile.OpRename, Key: 1, Account: id, After: &after, Before: &reconcile.Account{ID: id, UserName: "p0@x.io", GivenName: "G", FamilyName: "F", UserType: reconcile.User}}}}
	result, err := reconcile.Apply(t.Context(), plan, r.client, &reconciletest.Log{}, reconcile.ApplyOptions{Within: 300 * time.Millisecond})
	if n := r.flaky.Stats().ByRoute["PUT /scim/v2/Users/{id}"]; err != nil || n > 1 || len(result.Problems) != 1 {
		t.Errorf("%d requests, %v, %+v", n, err, result)
	}
	if u := r.sim.State().Users[0]; u.UserName != "p0@x.io" {
		t.Errorf("%+v was written", u)
	}
}
