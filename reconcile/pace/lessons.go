package pace

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Lessons are what the processes that ask one service learn of it together: a limit of
// requests a second that is not configured, and that the service bears fewer requests at
// once than are configured. What one process found holds for all, and for those that start
// later.
type Lessons interface {
	// Confer tells what this process learned since the last call, and asks for up to n
	// tokens, permissions to send one request each. A store saves up LearnedAhead of them.
	// After an error nobody knows whether the lesson was stored: the caller tells it again,
	// and a lesson that is told twice does no harm.
	Confer(ctx context.Context, told Lesson, n int) (Known, error)
}

// Lesson is what one process learned since it last told.
type Lesson struct {
	// First is how many requests a second the service took from this process when it first
	// refused one; 0: no news. The numbers of processes that are refused at the same time
	// add up to the service's limit.
	First float64
	// Part is the factor by which refusals lowered the limit, 1 when there were none, and
	// More how many requests a second good answers added to it.
	Part, More float64
	// AtOnce is to how many requests under way this process had to go down; 0: it had not
	// to.
	AtOnce float64
}

// Known is what all processes together know of a service.
type Known struct {
	PerSecond float64       // requests a second of all processes together; 0: no limit was seen
	Lowered   time.Duration // how long ago a refusal last lowered PerSecond
	Tokens    int           // of those that were asked for
	Wait      time.Duration // until there may be a token, when Tokens is 0
	Sharers   int           // processes that asked lately, this one included
	AtOnce    float64       // to how many requests under way another process had to go down, the least of them; 0: none had to
}

// LearnedPart is the part of a second's tokens that a process takes at once, and that a
// store saves up, when the rate was learned from refusals. It is less than for a configured
// rate (Ahead): a service that takes many requests spread over a second may refuse as many
// in one burst.
const LearnedPart = 0.02

// LearnedAhead is what Ahead is, for a rate that was learned: LearnedPart of a second's
// tokens, and at least one.
func LearnedAhead(perSecond float64) int { return max(1, int(perSecond*LearnedPart)) }

// conferEvery is how often a process asks whether another one met a limit.
const conferEvery = time.Second

// share has the limit, and the level, learned together with others. It must come before
// any request.
func (l *learned) share(lessons Lessons, level *level) {
	if lessons == nil {
		return
	}
	l.level, l.lessons, l.told = level, lessons, Lesson{Part: 1}
	l.together = &shared{tokens: l, perSecond: l.perSecond, ahead: LearnedAhead, turn: make(chan struct{}, 1), local: rate.NewLimiter(1, 1), sharers: 1}
}

// Take implements Tokens.
func (l *learned) Take(ctx context.Context, n int) (got int, wait time.Duration, sharers int, err error) {
	l.mu.Lock()
	told := l.told
	l.told = Lesson{Part: 1}
	l.mu.Unlock()
	told.AtOnce = l.level.lessened()
	k, err := l.lessons.Confer(ctx, told, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.told.First = max(l.told.First, told.First)
		l.told.Part *= told.Part
		l.told.More += told.More
		return 0, 0, 0, err
	}
	l.known = k.PerSecond
	l.level.bind(k.AtOnce)
	if at := time.Now().Add(-k.Lowered); k.PerSecond > 0 && at.After(l.since) {
		l.since = at
	}
	return k.Tokens, k.Wait, k.Sharers, nil
}

// confer reports whether a limit is known to all. While there is none, it asks now and
// then: the first time before anything is sent, so that nobody begins with what others
// know to be too much.
func (l *learned) confer(ctx context.Context) (known bool, err error) {
	select {
	case l.together.turn <- struct{}{}: // somebody may still wait by a limit that was known
		defer func() { <-l.together.turn }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if l.due() {
		l.next = time.Now().Add(conferEvery)
		if _, err := l.together.ask(ctx, 0); err != nil && ctx.Err() == nil {
			l.next = time.Now().Add(10 * conferEvery) // it goes on alone
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known > 0, nil
}

func (l *learned) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known == 0 && !time.Now().Before(l.next)
}
