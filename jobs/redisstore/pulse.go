package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tomorro-sync/jobs"
)

var _ jobs.Memory = (*Store)(nil)

var pulseScript = script("pulse.lua")

// pulseKept is how long the number of a process that has ended is kept.
const pulseKept = 7 * 24 * time.Hour

// pulse is a number that a process counts up in Redis, to see whether Redis remembers it.
type pulse struct {
	wrote atomic.Bool // since the last one, this process stored something whose loss would matter

	mu     sync.Mutex
	said   int64     // the last that may have been stored
	last   int64     // the last that was stored for certain; 0 is none
	at     time.Time // when last was stored
	saw    string    // what was there then of what matters
	before int64     // the one that was stored for certain before it
	then   string    // what was there at that one
	loss   int64     // the last loss that somebody had found
}

// Lost implements jobs.Memory, in one round trip. The number in Redis may be higher than
// the last that was confirmed, when an answer was lost or the client asked twice. It is
// lower only after a loss.
func (s *Store) Lost(ctx context.Context) (time.Time, error) {
	p := &s.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said++
	now, last, wrote := s.now(), p.last, p.wrote.Swap(false)
	if now.Sub(p.at) >= pulseKept {
		last = 0
	}
	answer, err := pulseScript.Run(ctx, s.client, []string{s.keys.pulse(s.name), s.keys.schedule(), s.keys.journal(), s.keys.position()},
		p.said, pulseKept.Milliseconds(), last, p.before, p.saw, p.then, wrote, p.loss, now.UnixMilli(), jobs.PausedByLoss).StringSlice()
	if err == nil && len(answer) != 3 {
		err = fmt.Errorf("%d answers", len(answer))
	}
	var loss int64
	if err == nil {
		loss, err = strconv.ParseInt(answer[1], 10, 64)
	}
	if err != nil {
		p.wrote.CompareAndSwap(false, wrote)
		return time.Time{}, fmt.Errorf("look whether Redis remembers: %w", err)
	}
	var since time.Time
	if answer[0] == "1" && p.last > 0 { // what was found before this process began is none of its concern
		since = p.at
	}
	p.before, p.then = p.last, p.saw
	p.last, p.at, p.saw, p.loss = p.said, now, answer[2], loss
	return since, nil
}
