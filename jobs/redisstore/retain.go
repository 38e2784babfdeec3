package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Trim implements jobs.Journal. Everything from the oldest intent without an outcome on is
// kept.
func (s *Store) Trim(ctx context.Context, keep time.Duration, runs int) error {
	if err := s.forgetExpired(ctx); err != nil {
		return fmt.Errorf("forget the approvals that have ended: %w", err)
	}
	if keep <= 0 {
		return nil
	}
	oldest := strconv.FormatInt(s.now().Add(-keep).UnixMilli(), 10) + "-0"
	kept, err := s.Runs(ctx, max(1, runs))
	if err != nil {
		return err
	}
	oldestRun := oldest
	if len(kept) > 0 {
		if at := kept[len(kept)-1].Begin.ID; before(at, oldestRun) {
			oldestRun = at // of the stream of runs
		}
	}
	oldestEntry := oldest
	err = s.walk(ctx, s.keys.runs(), oldestRun, oldestRun, func(r record) (bool, error) {
		if at := r.field("at"); at != "" && before(at, oldestEntry) {
			oldestEntry = at
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	open, err := s.client.HKeys(ctx, s.keys.open()).Result()
	if err != nil {
		return fmt.Errorf("trim the journal: %w", err)
	}
	for _, id := range open {
		if before(id, oldestEntry) {
			oldestEntry = id
		}
	}
	if err := s.rememberTrimmed(ctx, oldestEntry); err != nil {
		return fmt.Errorf("trim the journal: %w", err)
	}
	for stream, least := range map[string]string{s.keys.journal(): oldestEntry, s.keys.runs(): oldestRun} {
		if err := s.trim(ctx, stream, least); err != nil {
			return fmt.Errorf("trim the journal: %w", err)
		}
	}
	return nil
}

// rememberTrimmed remembers before which entry nothing is kept. That never goes back: what
// was forgotten does not come again when more is to be kept than before.
func (s *Store) rememberTrimmed(ctx context.Context, oldest string) error {
	least, err := s.client.Get(ctx, s.keys.trimmed()).Result()
	if err == nil && !before(least, oldest) {
		return nil
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	return s.client.Set(ctx, s.keys.trimmed(), oldest, 0).Err()
}

// forgetExpired drops the approvals that have ended: each run reads what is left.
func (s *Store) forgetExpired(ctx context.Context) error {
	decisions, err := s.Decisions(ctx)
	if err != nil {
		return err
	}
	var ended []string
	for digest, d := range decisions {
		if !d.Until.IsZero() && d.Until.Before(s.now()) {
			ended = append(ended, digest)
		}
	}
	for part := range slices.Chunk(ended, decidedPerStep) {
		if err := s.client.HDel(ctx, s.keys.decisions(), part...).Err(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) trim(ctx context.Context, stream, least string) error {
	if err := s.client.XTrimMinID(ctx, stream, least).Err(); err != nil {
		return err
	}
	edited, err := s.edited(ctx, stream)
	if err != nil {
		return err
	}
	for _, r := range edited {
		if before(r.id, least) {
			if err := s.client.HDel(ctx, s.keys.edited(stream), r.id).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}
