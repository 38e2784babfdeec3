// Package pace bounds how hard one process talks to one service: how many
// requests are in flight, how many a second (or how many all processes together may
// send: NewSharedGate), and when to be silent because the
// service asked for it. Every request to a service passes one shared Gate, so
// that sixteen workers that meet a throttled service wait together instead of
// each finding out for itself.
package pace

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Gate admits requests to one service. Make it with NewGate.
type Gate struct {
	slots chan struct{}
	rate  *rate.Limiter // nil: no limit
	// shared, when not nil, is asked instead of rate: see NewSharedGate
	shared *shared

	mu    sync.Mutex
	until time.Time // nothing starts before
}

// NewGate admits at most inFlight requests at once (at least 1) and, when
// perSecond is above zero, at most that many a second.
func NewGate(inFlight int, perSecond float64) *Gate {
	g := &Gate{slots: make(chan struct{}, max(1, inFlight))}
	if perSecond > 0 {
		g.rate = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return g
}

// Enter waits until a request may start; leave must be called when it has
// ended. The error is the context's cause.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	leave = sync.OnceFunc(func() { <-g.slots })
	if err := g.wait(ctx); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

func (g *Gate) wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		d := time.Until(g.until)
		g.mu.Unlock()
		if d <= 0 {
			break
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
	if g.shared != nil {
		return g.shared.wait(ctx)
	}
	if g.rate != nil {
		if err := g.rate.Wait(ctx); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// Quiet lets nothing start for d from now. A shorter silence never ends a
// longer one.
func (g *Gate) Quiet(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := time.Now().Add(d); t.After(g.until) {
		g.until = t
	}
}

// Seconds is n seconds as a duration, at least none and at most a year: what a
// service says must not overflow.
func Seconds(n int64) time.Duration {
	const year = 365 * 24 * 3600
	return time.Duration(min(max(n, 0), year)) * time.Second
}

// RetryAfter reads a Retry-After header in either form of RFC 9110 section
// 10.2.3, seconds or an HTTP date. ok is false when there is none to be read.
func RetryAfter(header string, now time.Time) (d time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0, false
	}
	if n, err := strconv.Atoi(header); err == nil {
		if n < 0 {
			return 0, false
		}
		return Seconds(int64(n)), true
	}
	t, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return max(0, t.Sub(now)), true
}
