package onelogin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestMain: no read outlives its test.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLookSeesTheRulesOfNow: a change of the rules is seen when it is LookFresh old.
func TestLookSeesTheRulesOfNow(t *testing.T) {
	now := time.Now()
	r := newRig(t, 30, func(c *onelogin.Config) {
		c.LookFresh, c.Now = 10*time.Second, func() time.Time { return now }
	})
	rules := func() int {
		t.Helper()
		d, err := r.client.Look(t.Context(), r.keys(0, 1))
		if err != nil || !d.Receipt.Complete() || d.Rules[0].Name == "" || d.Roles[0].Name == "" {
			t.Fatal(err, d.Receipt.Why(), d.Rules[0], d.Roles[0])
		}
		d.Rules[0], d.Roles[0] = reconcile.Rule{}, reconcile.OneLoginRole{} // the lists are a caller's own
		return len(d.Rules)
	}
	before := rules()
	r.sim.Edit(func(w *onelogintest.World) { w.Rules = w.Rules[1:] })
	if n := rules(); n != before {
		t.Errorf("%d rules at once, want the %d that are kept", n, before)
	}
	now = now.Add(10 * time.Second)
	if n := rules(); n != before-1 {
		t.Errorf("%d rules later, want %d", n, before-1)
	}
}

// held serves a simulator, holds each read of the rules until it is released, and
// counts what came.
type held struct {
	next    http.Handler
	entered chan struct{} // a read of the rules began
	release chan struct{}
	people  sync.WaitGroup // lists of people that are still to be asked for
	rules   atomic.Int64
}

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/rules"):
		h.rules.Add(1)
		h.entered <- struct{}{}
		<-h.release
	case r.URL.Path == "/api/2/users" && !r.URL.Query().Has("app_id"):
		h.people.Done()
	}
	h.next.ServeHTTP(w, r)
}

func newHeld(t *testing.T, looks int) (*held, *onelogin.Client, []reconcile.Key) {
	t.Helper()
	world := onelogintest.Generate(onelogintest.Options{Users: 20, Groups: 3, Seed: 1})
	sim := onelogintest.New(world)
	h := &held{next: sim, entered: make(chan struct{}, looks), release: make(chan struct{})}
	h.people.Add(looks)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client, err := onelogin.New(onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, AppID: sim.AppID(), Concurrency: 4 * looks})
	if err != nil {
		t.Fatal(err)
	}
	return h, client, []reconcile.Key{reconcile.Key(world.People[3].ID)}
}

func TestManyLooksReadTheRulesOnce(t *testing.T) {
	const looks = 20
	h, client, keys := newHeld(t, looks)
	var wg sync.WaitGroup
	for range looks {
		wg.Go(func() {
			if d, err := client.Look(t.Context(), keys); err != nil || !d.Receipt.Complete() || len(d.Rules) == 0 {
				t.Errorf("%v %v", err, d.Receipt.Why())
			}
		})
	}
	h.people.Wait() // all of them are under way
	close(h.release)
	wg.Wait()
	if n := h.rules.Load(); n != 1 {
		t.Errorf("the rules were read %d times, want once", n)
	}
}

// TestLookThatGivesUp leaves the read that it began to the others.
func TestLookThatGivesUp(t *testing.T) {
	h, client, keys := newHeld(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := client.Look(ctx, keys)
		gone <- err
	}()
	<-h.entered
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	close(h.release)
	if d, err := client.Look(t.Context(), keys); err != nil || !d.Receipt.Complete() || len(d.Rules) == 0 {
		t.Errorf("%v %v", err, d.Receipt.Why())
	}
	if n := h.rules.Load(); n != 1 {
		t.Errorf("the rules were read %d times, want once", n)
	}
}

// TestLookAfterSilence: OneLogin asks for a silence longer than a request may take. The
// look that waits for it to end has the rules as well.
func TestLookAfterSilence(t *testing.T) {
	t.Parallel()
	r := newRig(t, 20, func(c *onelogin.Config) { c.Timeout = 500 * time.Millisecond })
	r.flaky.Add(flaky.Fault{Path: "/api/2/roles", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "1"}, Times: 1})
	if d, err := r.client.Look(t.Context(), r.keys(0, 3)); err != nil || !d.Receipt.Complete() {
		t.Errorf("%v %v", err, d.Receipt.Why())
	}
}

// TestRulesThatWereNotRead: credentials that are taken back while the rules are read make
// the look one that failed, not one at people without rules, who would lose every group.
func TestRulesThatWereNotRead(t *testing.T) {
	h, client, keys := newHeld(t, 1)
	sim, gone := h.next, make(chan struct{})
	var lists sync.WaitGroup // the people and who has the app, which come before
	lists.Add(2)
	h.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused := false
		select {
		case <-gone:
			refused = strings.HasSuffix(r.URL.Path, "/rules") || strings.HasSuffix(r.URL.Path, "/token")
		default:
		}
		if refused {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		sim.ServeHTTP(w, r)
		if r.URL.Path == "/api/2/users" {
			lists.Done()
		}
	})
	go func() {
		<-h.entered
		lists.Wait()
		close(gone)
		close(h.release)
	}()
	if d, err := client.Look(t.Context(), keys); !errors.Is(err, reconcile.ErrRefused) {
		t.Errorf("%v, %d people, %d rules, %v", err, len(d.People), len(d.Rules), d.Receipt)
	}
}
