package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

var _ jobs.Shelf = (*Store)(nil)

// Keep implements jobs.Shelf.
func (s *Store) Keep(ctx context.Context, name string, data []byte, life time.Duration) error {
	if err := s.client.Set(ctx, s.keys.shelf(name), data, life).Err(); err != nil {
		return fmt.Errorf("keep who is signed in: %w", err)
	}
	return nil
}

// Kept implements jobs.Shelf.
func (s *Store) Kept(ctx context.Context, name string, life time.Duration) ([]byte, bool, error) {
	if life > 0 {
		return shelved(s.client.GetEx(ctx, s.keys.shelf(name), life))
	}
	return shelved(s.client.Get(ctx, s.keys.shelf(name)))
}

// Withdraw implements jobs.Shelf.
func (s *Store) Withdraw(ctx context.Context, name string) ([]byte, bool, error) {
	return shelved(s.client.GetDel(ctx, s.keys.shelf(name)))
}

func shelved(answer *redis.StringCmd) ([]byte, bool, error) {
	data, err := answer.Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("look who is signed in: %w", err)
	}
	return data, true, nil
}
