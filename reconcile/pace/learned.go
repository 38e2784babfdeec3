package pace

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// learned is a limit of requests a second that is not configured and that a service shows
// by refusing: how many requests it took in the second before the first refusal. As with
// level, each refusal lowers the limit a little, and each answer raises it a little.
type learned struct {
	mu    sync.Mutex
	limit *rate.Limiter // nil: none was seen
	took  []time.Time   // when requests were accepted, in the last second
	since time.Time     // when it was learned last: refusals of what was sent before say nothing new
	again int           // how many refusals came soon after one another
	first time.Time     // of the refusal from which a limit is to be learned; zero: none is

	// What follows is for learning together with other processes, see share. Then limit is
	// used only while these know of none.
	lessons  Lessons // nil: each for itself
	level    *level
	told     Lesson  // is to be told
	known    float64 // by all; 0: none
	together *shared
	next     time.Time // when it does again
}

const (
	// learnFrom is how many requests must have been taken in the second before a refusal:
	// after fewer, a refusal says how long to be silent, and nothing about a rate.
	learnFrom = 5
	// growth is by how many requests a second each answer raises the limit. The longer
	// there was no refusal, the more it is: after calm, forgetting times the limit. So a
	// limit that was low for a while, or was learned too low, is forgotten.
	growth     = 0.002
	forgetting = 0.005
	calm       = time.Minute
	// soon after a refusal, two more in a row say that the limit was learned much too
	// high. One may come of how the service counts.
	soon = 3 * time.Second
	// settled is when those that were under way at the first refusal are answered as well:
	// what was accepted of them counts.
	settled = 250 * time.Millisecond
)

// wait waits until the next request may be sent.
func (l *learned) wait(ctx context.Context) error {
	limit := l.current()
	if l.lessons != nil {
		known, err := l.confer(ctx)
		if err != nil {
			return err
		}
		if known {
			return l.together.wait(ctx)
		}
	}
	if limit == nil {
		return nil
	}
	return limit.Wait(ctx)
}

func (l *learned) current() *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.first.IsZero() && time.Since(l.first) >= settled {
		if n := float64(len(l.took)); n >= learnFrom {
			l.limit, l.since = rate.NewLimiter(rate.Limit(n), 1), time.Now()
			l.told.First = n
		}
		l.first = time.Time{}
	}
	return l.limit
}

// accepted takes up an answer that is no refusal.
func (l *learned) accepted() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first.IsZero() {
		l.forget(now)
	}
	l.took = append(l.took, now)
	limit := l.value()
	if limit == 0 {
		return
	}
	quiet := min(1, now.Sub(l.since).Seconds()/calm.Seconds())
	more := max(growth, forgetting*quiet*quiet*limit)
	l.told.More += more
	l.set(limit + more)
}

// refused takes up a refusal of a request that began then.
func (l *learned) refused(began time.Time) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case began.Before(l.since):
	case l.value() == 0:
		if l.first.IsZero() {
			l.forget(now)
			l.first = now
		}
	default:
		part := 0.97
		if l.again++; now.Sub(l.since) > soon {
			l.again = 0
		}
		if l.again > 1 {
			part = 0.7
		}
		l.told.Part *= part
		l.set(max(1, part*l.value()))
		l.since = now
	}
}

func (l *learned) forget(now time.Time) {
	old := 0
	for old < len(l.took) && now.Sub(l.took[old]) > time.Second {
		old++
	}
	l.took = l.took[old:]
}

// perSecond is the limit now; 0 when none was seen.
func (l *learned) perSecond() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value()
}

// value is what all know, or else what this process found out.
func (l *learned) value() float64 {
	if l.known > 0 || l.limit == nil {
		return l.known
	}
	return float64(l.limit.Limit())
}

func (l *learned) set(perSecond float64) {
	if l.limit != nil {
		l.limit.SetLimit(rate.Limit(perSecond))
	}
}
