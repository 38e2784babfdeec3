package tomorro

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

// hung is a service that takes requests and answers none.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// TestCleaningUpOfAHungService: whoever waits for a probe of a service that does not answer any
// more reads after some minutes what is left there, and not after a quarter of an hour.
func TestCleaningUpOfAHungService(t *testing.T) {
	for name, most := range map[string]time.Duration{"while it cleans up": 4 * time.Minute, "before that": 90 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := func(retries int) *Client {
					c, err := New(Config{URL: "http://x.io/scim/v2", Token: "t", Retries: retries})
					if err != nil {
						t.Fatal(err)
					}
					c.http.SetTransport(&pace.Transport{Gate: c.gate, Base: hung{}, Timeout: c.cfg.Timeout})
					return c
				}
				p := newProbe(client(-1), Sandbox{Account: "probe@x.io", Group: "probe"})
				p.account.ID, p.group.ID, p.extra, p.own = "1", "2", []string{"3", "4"}, map[string]bool{"1": true, "2": true, "3": true, "4": true}
				began := time.Now()
				if most < 2*time.Minute {
					if err := p.role(t.Context()); err == nil {
						t.Error("nobody answered")
					}
				}
				err := p.finish(t.Context(), client(0))
				if !errors.Is(err, ErrLeft) || !strings.Contains(err.Error(), "within 30s") || !strings.Contains(err.Error(), "probe@x.io") {
					t.Error(err)
				}
				if took := time.Since(began); took > most {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestCleaningUpLasts: a probe that nobody interrupts may clean up for as long as that
// takes, and one that somebody does for half a minute from then on.
func TestCleaningUpLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		calm, cancel := outlasting(ctx, nil)
		time.Sleep(time.Hour)
		if calm.Err() != nil {
			t.Error("nobody interrupted it")
		}
		interrupt()
		time.Sleep(cleanupTimeout - time.Second)
		if calm.Err() != nil {
			t.Error("it has some time left")
		}
		time.Sleep(2 * time.Second)
		if calm.Err() == nil {
			t.Error("it takes longer than half a minute")
		}
		cancel()
		late, cancel := outlasting(ctx, nil) // interrupted before it began
		defer cancel()
		time.Sleep(cleanupTimeout - time.Second)
		if late.Err() != nil {
			t.Error("cleaning up after an interruption has no time")
		}
	})
}

// throttling is a service that has too much to do for whoever asks.
type throttling struct{}

func (throttling) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// TestThrottledIsNotRefused: a service that answers 429 again and again has not said that it
// does not take what was asked.
func TestThrottledIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{URL: "http://x.io/scim/v2", Token: "t", Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		c.http.SetTransport(throttling{})
		p := newProbe(c, Sandbox{Account: "probe@x.io", Group: "probe"})
		p.account.ID, p.own = "1", map[string]bool{"1": true}
		if r, err := p.set(t.Context(), func(*reconcile.Account) {}); err == nil || !strings.Contains(err.Error(), "probe again") {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
