package pace

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Tokens are permissions to send one request each, which several processes share.
type Tokens interface {
	// Take asks for up to n tokens. When it gets none, wait says how long to wait before
	// asking again. sharers is how many processes have asked lately, this one included.
	Take(ctx context.Context, n int) (got int, wait time.Duration, sharers int, err error)
}

const (
	// takenAhead is how much of a second's tokens are taken at once, so that not every
	// request costs a round trip, and how much the store saves up.
	takenAhead = 0.1
	// takeTimeout is how long a process waits for the tokens' store before it goes on
	// by itself, and alone is for how long it then does not ask again.
	takeTimeout = 250 * time.Millisecond
	alone       = time.Second
)

// NewSharedGate is NewGate with a rate that processes share: together they send at most
// perSecond requests a second, and at the start what each may take in advance (Ahead).
// While asking for tokens fails, each goes on with perSecond divided by the number of
// processes that shared it last. With nil tokens, or a rate of 0, it is NewGate.
func NewSharedGate(inFlight int, perSecond float64, tokens Tokens) *Gate {
	g := NewGate(inFlight, perSecond)
	if tokens != nil && perSecond > 0 {
		g.shared = &shared{tokens: tokens, perSecond: func() float64 { return perSecond }, ahead: Ahead, turn: make(chan struct{}, 1), local: rate.NewLimiter(rate.Limit(perSecond), 1), sharers: 1}
	}
	return g
}

// Ahead is how many tokens of a configured rate, in requests a second, a process takes from
// the store at once at most, and how many the store may save up.
func Ahead(perSecond float64) int { return max(1, int(perSecond*takenAhead)) }

// shared is the part of a Gate that asks for tokens.
type shared struct {
	tokens    Tokens
	perSecond func() float64
	ahead     func(perSecond float64) int
	local     *rate.Limiter
	turn      chan struct{} // one asks at a time, and has the rest
	have      int
	sharers   int
	until     time.Time // it goes on alone
}

// wait waits for one token, as long as there is a rate: one that was learned may be
// forgotten meanwhile.
func (s *shared) wait(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		if s.have > 0 {
			s.have--
			return nil
		}
		perSecond := s.perSecond()
		if perSecond <= 0 {
			return nil
		}
		if time.Now().Before(s.until) {
			return s.local.Wait(ctx)
		}
		pause, err := s.ask(ctx, s.ahead(perSecond))
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.until = time.Now().Add(alone)
			s.local.SetLimit(rate.Limit(perSecond / float64(s.sharers)))
			continue
		}
		if s.have > 0 {
			continue
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// ask takes up to n tokens. It fails only when the store does, or is slow: it does not
// rely on the store to give up in time.
func (s *shared) ask(ctx context.Context, n int) (time.Duration, error) {
	type answer struct {
		got, sharers int
		pause        time.Duration
		err          error
	}
	answers := make(chan answer, 1)
	limited, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	go func() { // ends with Take; what it gets too late is not used
		var a answer
		a.got, a.pause, a.sharers, a.err = s.tokens.Take(limited, n)
		answers <- a
	}()
	select {
	case <-limited.Done():
		return 0, limited.Err()
	case a := <-answers:
		if a.err != nil {
			return 0, a.err
		}
		s.have, s.sharers = a.got, max(1, a.sharers)
		return max(a.pause, time.Millisecond), nil
	}
}
