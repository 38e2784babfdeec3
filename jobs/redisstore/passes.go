package redisstore

import (
	"context"
	"fmt"
	"time"
)

var (
	passScript   = script("pass.lua")
	passedScript = script("passed.lua")
)

// TakePass implements jobs.Passes. It goes by Redis's clock.
func (s *Store) TakePass(ctx context.Context, every time.Duration) (since time.Time, mine bool, err error) {
	answer, err := passScript.Run(ctx, s.client, []string{s.keys.fast(), s.keys.schedule()}, every.Milliseconds(), s.call()).StringSlice()
	if err == nil && len(answer) != 2 {
		err = fmt.Errorf("%d answers", len(answer))
	}
	if err != nil {
		return since, false, fmt.Errorf("take the fast pass: %w", err)
	}
	since, _ = moment(answer[1])
	return since, answer[0] == "1", nil
}

// PassDone implements jobs.Passes.
func (s *Store) PassDone(ctx context.Context, until time.Time) error {
	if err := passedScript.Run(ctx, s.client, []string{s.keys.fast()}, until.UnixMilli()).Err(); err != nil {
		return fmt.Errorf("remember how far the fast pass has read: %w", err)
	}
	return nil
}
