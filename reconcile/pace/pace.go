// Package pace bounds how hard one process talks to one service: how many
// requests are in flight, how many a second (or how many all processes together may
// send: NewSharedGate), and when to be silent because the
// service asked for it. Every request to a service passes one shared Gate, so
// that sixteen workers that meet a throttled service wait together instead of
// each finding out for itself.
//
// What is configured is never exceeded. Below it, a Gate finds out what a service can bear:
// server errors, broken connections and slow answers lower how many requests are under way,
// refusals (429) how many are sent a second; each good answer raises both a little again.
// Processes that share Lessons learn together: the rate that a service takes is one for all
// of them, and when one process had to lower how many requests it has under way, the others
// go down to the same number.
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
	level   *level
	learned learned
	rate    *rate.Limiter // nil: no limit
	// shared, when not nil, is asked instead of rate: see NewSharedGate
	shared *shared

	mu    sync.Mutex
	until time.Time // nothing starts before
}

// NewGate admits at most inFlight requests at once (at least 1) and, when
// perSecond is above zero, at most that many a second.
func NewGate(inFlight int, perSecond float64) *Gate {
	g := &Gate{level: newLevel(inFlight)}
	if perSecond > 0 {
		g.rate = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return g
}

// Learn has the Gate learn what the service bears together with other processes. Call it
// before the first Enter; nil lessons change nothing.
func (g *Gate) Learn(lessons Lessons) { g.learned.share(lessons, g.level) }

// Enter waits until a request may start; leave must be called when it has
// ended. The error is the context's cause.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if err := g.level.enter(ctx); err != nil {
		return nil, err
	}
	leave = sync.OnceFunc(g.level.leave)
	if err := g.wait(ctx); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// wait waits for silence to end and for a turn, and anew when silence began meanwhile:
// whoever had a turn then would be refused.
func (g *Gate) wait(ctx context.Context) error {
	for {
		for d := g.silence(); d > 0; d = g.silence() {
			if err := sleep(ctx, d); err != nil {
				return err
			}
		}
		if err := g.turn(ctx); err != nil || g.silence() <= 0 {
			return err
		}
	}
}

// sleep waits for d. The error is the context's cause.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *Gate) silence() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}

// turn waits until the limits a second allow one more request.
func (g *Gate) turn(ctx context.Context) error {
	if err := g.learned.wait(ctx); err != nil {
		return err
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

// Quiet lets nothing start for d from now. A shorter silence never ends a longer one. It
// reports whether that is worth telling people: the silence is several seconds long, and
// ends several seconds later than was known.
func (g *Gate) Quiet(d time.Duration) (news bool) {
	const much = 5 * time.Second
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	t := now.Add(d)
	news = d >= much && t.Sub(g.until) >= much
	if t.After(g.until) {
		g.until = t
	}
	return news
}

// answered takes up what became of a request that began then: the status, or 0 when
// there was no answer.
func (g *Gate) answered(kind string, began time.Time, status int) {
	switch {
	case status == http.StatusTooManyRequests:
		g.learned.refused(began)
	case status == 0 || status >= 500 && status != http.StatusNotImplemented:
		g.level.badly(began)
	default:
		g.learned.accepted()
		g.level.well(kind, began, time.Since(began))
	}
}

// Learned tells how many requests may be under way now, and how many may be sent a second
// by what was learned from refusals; perSecond is 0 when no such limit is known.
func (g *Gate) Learned() (atOnce int, perSecond float64) {
	return g.level.value(), g.learned.perSecond()
}

// Seconds is n seconds as a duration, at least none and at most a year, so that no number
// that a service sends overflows.
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
