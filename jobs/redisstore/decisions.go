package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Decisions implements jobs.Decisions.
func (s *Store) Decisions(ctx context.Context) (map[string]reconcile.Decision, error) {
	all, err := s.client.HGetAll(ctx, s.keys.decisions()).Result()
	if err != nil {
		return nil, fmt.Errorf("read what people decided: %w", err)
	}
	return parseDecisions(all)
}

func parseDecisions(all map[string]string) (map[string]reconcile.Decision, error) {
	decisions := make(map[string]reconcile.Decision, len(all))
	for digest, text := range all {
		var d reconcile.Decision
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return nil, fmt.Errorf("a decision cannot be read: %w", err)
		}
		decisions[digest] = d
	}
	return decisions, nil
}

// decidedPerStep bounds what one transaction does while others wait, decideTries
// how often one is tried that met another's.
const (
	decidedPerStep = 500
	decideTries    = 20
)

// Decide implements jobs.Decisions. The notes are appended before the decisions are stored:
// no decision is in force that is not in the journal.
func (s *Store) Decide(ctx context.Context, digests []string, edit func(string, reconcile.Decision) reconcile.Decision, notes ...jobs.Entry) error {
	if _, err := s.Append(ctx, jobs.Lease{}, notes...); err != nil {
		return err
	}
	for part := range slices.Chunk(digests, decidedPerStep) {
		if err := s.retried(func() error { return s.decideSome(ctx, part, edit) }); err != nil {
			return fmt.Errorf("store the decision: %w", err)
		}
	}
	return nil
}

// decideSome rewrites decisions that nobody else writes meanwhile.
func (s *Store) decideSome(ctx context.Context, digests []string, edit func(string, reconcile.Decision) reconcile.Decision) error {
	return s.client.Watch(ctx, func(tx *redis.Tx) error {
		was, err := tx.HMGet(ctx, s.keys.decisions(), digests...).Result()
		if err != nil {
			return err
		}
		fields, forgotten := make([]any, 0, 2*len(digests)), []string(nil)
		for i, digest := range digests {
			var d reconcile.Decision
			if text, ok := was[i].(string); ok {
				if err := json.Unmarshal([]byte(text), &d); err != nil {
					return err
				}
			}
			if d = edit(digest, d); len(d.By) == 0 {
				forgotten = append(forgotten, digest)
				continue
			}
			text, err := json.Marshal(d)
			if err != nil {
				return err
			}
			fields = append(fields, digest, string(text))
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			if len(fields) > 0 {
				p.HSet(ctx, s.keys.decisions(), fields...)
			}
			if len(forgotten) > 0 {
				p.HDel(ctx, s.keys.decisions(), forgotten...)
			}
			return nil
		})
		return err
	}, s.keys.decisions())
}
