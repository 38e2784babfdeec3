package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

// Recall implements jobs.Recaller in one round trip.
func (s *Store) Recall(ctx context.Context, since time.Time) (jobs.Recalled, error) {
	var budget spentCmds
	var decisions, pins, ignored, assertions, adoption *redis.MapStringStringCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		budget = s.askSpent(ctx, p, since)
		decisions, pins, ignored = p.HGetAll(ctx, s.keys.decisions()), p.HGetAll(ctx, s.keys.pins()), p.HGetAll(ctx, s.keys.ignored())
		assertions, adoption = p.HGetAll(ctx, s.keys.assertions()), p.HGetAll(ctx, s.keys.adoption())
		return nil
	})
	if err != nil {
		return jobs.Recalled{}, fmt.Errorf("read what is remembered: %w", err)
	}
	r := jobs.Recalled{Spent: budget.spent()}
	var errs [5]error
	r.Decisions, errs[0] = parseDecisions(decisions.Val())
	r.Pins, errs[1] = parsePins(pins.Val())
	r.Ignored, errs[2] = parseIgnored(ignored.Val())
	r.Assertions, errs[3] = parseAssertions(assertions.Val())
	r.Adoption, errs[4] = parseAdoption(adoption.Val())
	return r, errors.Join(errs[:]...)
}
