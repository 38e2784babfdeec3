package pace

import (
	"context"
	"slices"
	"sync"
	"time"
)

// level is how many requests are under way at most. It finds its own, between one and
// what is configured: answers that say that the service has too much to do halve it, slow
// ones, which may be slow for another reason, take a quarter down to a quarter of what is
// configured, and each other answer raises it by a part, so that it grows by about one as often as all
// places were used once. (Additive increase, multiplicative decrease, as TCP does it:
// RFC 5681 section 3.1.)
type level struct {
	most int

	mu      sync.Mutex
	now     float64
	in      int
	queue   []chan struct{} // who waits for a place, the longest first
	lowered time.Time       // answers to what was sent before say nothing new
	usual   map[string]mean // how long answers take, by kind
}

// mean is a moving one, and the least it has been.
type mean struct{ now, least time.Duration }

// An answer is slow when it takes at least slowAtLeast, and slowTimes as long as answers of
// its kind took when they came fastest.
const (
	slowAtLeast = 2 * time.Second
	slowTimes   = 8
)

func newLevel(most int) *level {
	return &level{most: max(1, most), now: float64(max(1, most)), usual: make(map[string]mean)}
}

// enter waits for a place. The error is the context's cause.
func (l *level) enter(ctx context.Context) error {
	l.mu.Lock()
	if l.in < int(l.now) && len(l.queue) == 0 {
		l.in++
		l.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	l.queue = append(l.queue, mine)
	l.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.queue, mine); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	} else { // it was given to us meanwhile
		l.in--
		l.admit()
	}
	return context.Cause(ctx)
}

func (l *level) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in--
	l.admit()
}

// admit gives free places to those who wait longest.
func (l *level) admit() {
	for len(l.queue) > 0 && l.in < int(l.now) {
		close(l.queue[0])
		l.queue = l.queue[1:]
		l.in++
	}
}

// well takes up an answer to a request that began then and took so long.
func (l *level) well(kind string, began time.Time, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if kind != "" && l.slow(kind, took) {
		l.lower(began, 0.75, max(1, float64(l.most)/4))
		return
	}
	l.now = min(float64(l.most), l.now+1/l.now)
	l.admit()
}

// slow reports whether an answer took long for its kind, and learns from it.
func (l *level) slow(kind string, took time.Duration) bool {
	u, known := l.usual[kind]
	if !known {
		u = mean{took, took}
	}
	slow := took > max(slowAtLeast, slowTimes*u.least)
	u.now += (took - u.now) / 8
	u.least = min(u.least, u.now)
	l.usual[kind] = u
	return slow
}

// badly takes up an answer that says that the service has too much to do, or none.
func (l *level) badly(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lower(began, 0.5, 1)
}

// lower keeps a part of the level, and no less than the least; never more than it was.
func (l *level) lower(began time.Time, part, least float64) {
	if began.Before(l.lowered) {
		return
	}
	l.lowered = time.Now()
	l.now = min(l.now, max(least, l.now*part))
}

// lessened is the level, if it is below what is configured; else 0.
func (l *level) lessened() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now >= float64(l.most) {
		return 0
	}
	return l.now
}

// bind takes over what another process had to lower its level to; 0 is none. From there
// it grows by itself.
func (l *level) bind(atOnce float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if atOnce > 0 && atOnce < l.now {
		l.now, l.lowered = max(1, atOnce), time.Now()
	}
}

// value is the level now.
func (l *level) value() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.now)
}
