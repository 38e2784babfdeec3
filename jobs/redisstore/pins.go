package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var pinScript = script("pin.lua")

// pinsPerCall bounds what one script does while others wait.
const pinsPerCall = 500

// Pins implements jobs.Pins.
func (s *Store) Pins(ctx context.Context) (map[reconcile.Key]jobs.Pin, error) {
	all, err := s.client.HGetAll(ctx, s.keys.pins()).Result()
	if err != nil {
		return nil, fmt.Errorf("read who is pinned: %w", err)
	}
	return parsePins(all)
}

func parsePins(all map[string]string) (map[reconcile.Key]jobs.Pin, error) {
	pins := make(map[reconcile.Key]jobs.Pin, len(all))
	for text, data := range all {
		key, ok := reconcile.ParseKey(text)
		if !ok {
			return nil, fmt.Errorf("the pins hold %q, which is not a OneLogin id", text)
		}
		var p jobs.Pin
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			return nil, fmt.Errorf("the pin of OneLogin user %s cannot be read: %w", key, err)
		}
		pins[key] = p
	}
	return pins, nil
}

// Pin implements jobs.Pins. A repeated call does no harm: it sets the same pins.
func (s *Store) Pin(ctx context.Context, lease jobs.Lease, pins map[reconcile.Key]jobs.Pin) error {
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(pins)), pinsPerCall) {
		args := []any{lease.Token}
		for _, key := range keys {
			data, err := json.Marshal(pins[key])
			if err != nil {
				return fmt.Errorf("pin OneLogin user %s: %w", key, err)
			}
			args = append(args, key.String(), data)
		}
		if err := s.leased(ctx, pinScript, []string{s.keys.lock(), s.keys.pins(), s.keys.facts()}, args...); err != nil {
			return fmt.Errorf("remember who is pinned: %w", err)
		}
	}
	return nil
}

// Unpin implements jobs.Pins.
func (s *Store) Unpin(ctx context.Context, keys []reconcile.Key) error {
	for part := range slices.Chunk(keys, pinsPerCall) {
		fields := make([]string, len(part))
		for i, key := range part {
			fields[i] = key.String()
		}
		if err := s.client.HDel(ctx, s.keys.pins(), fields...).Err(); err != nil {
			return fmt.Errorf("release who is pinned: %w", err)
		}
	}
	return nil
}
