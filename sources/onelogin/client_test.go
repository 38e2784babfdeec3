package onelogin_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
)

// TestSpaceAround: an answer with much space before or after it, which is JSON all the
// same, is read at once.
func TestSpaceAround(t *testing.T) {
	space := strings.Repeat(" \n", 100)
	for _, body := range []string{"[]" + space, space + "[]"} {
		r := newRig(t, 20, nil)
		r.flaky.Add(flaky.Fault{Path: "/api/2/apps/*/rules", Kind: flaky.KindStatus, Status: 200, Body: body})
		d, err := r.client.Pull(t.Context())
		if err != nil || !d.Receipt.Complete() || len(d.Rules) != 0 || r.client.Stats().Retries != 0 {
			t.Errorf("%v %v, %d rules, %d retries", err, d.Receipt.Why(), len(d.Rules), r.client.Stats().Retries)
		}
	}
}

// TestSignInOfOthers: whoever waits for the token that somebody else asks for waits no
// longer than their own time.
func TestSignInOfOthers(t *testing.T) {
	r := newRig(t, 10, func(c *onelogin.Config) { c.Timeout = time.Hour })
	r.flaky.Add(flaky.Fault{Path: "/auth/oauth2/v2/token", Kind: flaky.KindTimeout})
	first, giveUp := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = r.client.SignIn(first)
	}()
	for r.flaky.Faults()[0].Fired == 0 { // until it is under way
		time.Sleep(time.Millisecond)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	second := make(chan error, 1)
	go func() { second <- r.client.SignIn(late) }()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want that it was cancelled", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the sign-in of somebody else")
	}
	giveUp()
	<-over
}

// TestTokenOfAnotherClock: this machine's clock is ahead, by so much that the token seems
// to have ended. It is asked for once, not before each request.
func TestTokenOfAnotherClock(t *testing.T) {
	r := newRig(t, 130, func(c *onelogin.Config) { c.Now = func() time.Time { return time.Now().Add(11 * time.Hour) } })
	d, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.check(t, d)
	if n := r.flaky.Stats().ByRoute["POST /auth/oauth2/v2/token"]; n != 1 {
		t.Errorf("%d token calls, want 1", n)
	}
}

// TestSilenceWithoutRetries: when no request is tried again, the others wait all the same
// as long as OneLogin says.
func TestSilenceWithoutRetries(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, func(c *onelogin.Config) { c.Retries = -1 })
	r.flaky.Add(flaky.Fault{Path: "/api/2/users/*", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "1"}, Times: 1})
	begin := time.Now()
	for i, want := range []string{reconcile.WitnessUnknown, reconcile.WitnessGone} {
		if said := r.client.Witness(t.Context(), []reconcile.Key{77}); said[0].Answer != want {
			t.Errorf("%d: %+v", i, said)
		}
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("the next request was sent after %s, in the silence that OneLogin asked for", took)
	}
}

// TestUntrusted: of a certificate that nobody here trusts the error says what to do, which
// is not to look at the address.
func TestUntrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	r := newRig(t, 10, func(c *onelogin.Config) { c.URL, c.Retries = server.URL, -1 })
	if err := r.client.SignIn(t.Context()); err == nil || !strings.Contains(err.Error(), "SSL_CERT_FILE") || strings.Contains(err.Error(), "check onelogin.url") {
		t.Errorf("%v", err)
	}
}
