package pace

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Lessons are what processes that ask one service learn of it together: a limit of
// requests a second that nobody told, and that it bears fewer requests at once than are
// configured. What one found binds all, and whoever begins later.
type Lessons interface {
	// Confer tells what this process learned since it did the last time, and asks for up
	// to n permissions to send one request each, of which LearnedAhead are saved up. With
	// an error, what was told may have been taken up or not: it is told again, and twice
	// does no harm.
	Confer(ctx context.Context, told Lesson, n int) (Known, error)
}

// Lesson is what one process learned.
type Lesson struct {
	// First is how many requests a second went well before the first refusals; 0: no news.
	// Those that are refused at the same time add up to the service's limit.
	First float64
	// Part is what is left of the limit after refusals, and More what good answers add
	// to it.
	Part, More float64
	// AtOnce is how many requests this process now has under way at most, if it had to
	// lower that; 0: it had not.
	AtOnce float64
}

// Known is what all know.
type Known struct {
	PerSecond float64       // all together; 0: no limit was seen
	Lowered   time.Duration // since when no refusal lowered it
	Tokens    int           // permissions to send
	Wait      time.Duration // until there is another, without any
	Sharers   int           // processes that asked lately, this one included
	AtOnce    float64       // the least that another of them has under way at most; 0: none had to lower it
}

// LearnedPart is the part of a second's permissions that is taken at once, and that the
// store saves up, of a limit that was learned: less than of one that is configured. Who
// sends many at once is refused where as many a second are not.
const LearnedPart = 0.02

// LearnedAhead is how many these are.
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
