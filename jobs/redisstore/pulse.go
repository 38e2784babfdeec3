package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

var _ jobs.Memory = (*Store)(nil)

// pulseKept is how long the number of a process that has ended is kept.
const pulseKept = 7 * 24 * time.Hour

// pulse is a number that a process counts up in Redis, to see whether Redis remembers it.
type pulse struct {
	mu   sync.Mutex
	last int64     // the last that Redis confirmed; 0 is none
	said int64     // the last that was sent
	at   time.Time // when last was stored
}

// Lost implements jobs.Memory, in one round trip. The number in Redis may be higher than
// the last that was confirmed, when an answer was lost or the client asked twice. It is
// lower only after a loss.
func (s *Store) Lost(ctx context.Context) (time.Time, error) {
	p := &s.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said++
	there, err := s.client.SetArgs(ctx, s.keys.pulse(s.name), p.said, redis.SetArgs{TTL: pulseKept, Get: true}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return time.Time{}, fmt.Errorf("look whether Redis remembers: %w", err)
	}
	number, since := int64(0), time.Time{}
	if there != "" {
		if _, err := fmt.Sscan(there, &number); err != nil {
			return time.Time{}, fmt.Errorf("look whether Redis remembers: %q is no number", there)
		}
	}
	now := s.now()
	if number < p.last && now.Sub(p.at) < pulseKept {
		since = p.at
	}
	p.last, p.at = p.said, now
	return since, nil
}
