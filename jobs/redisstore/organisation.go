package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Organisation gives the name of the organisation that this connection is for; empty when
// none is remembered yet, see Belong.
func (s *Store) Organisation(ctx context.Context) (string, error) {
	name, err := s.client.Get(ctx, s.keys.organisation()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read whose connection this is: %w", err)
	}
	return name, nil
}

// Belong remembers the name of the organisation that this connection is for, unless one is
// remembered already; anew replaces that one. It returns the name that is remembered from
// now on. It writes only when that changes, so that a Redis that is full can still be
// looked at.
func (s *Store) Belong(ctx context.Context, name string, anew bool) (string, error) {
	known, err := s.Organisation(ctx)
	if err != nil || known != "" && !anew || known == name {
		return known, err
	}
	if anew {
		err = s.client.Set(ctx, s.keys.organisation(), name, 0).Err()
	} else {
		err = s.client.SetNX(ctx, s.keys.organisation(), name, 0).Err()
	}
	if err != nil {
		return "", fmt.Errorf("remember whose connection this is: %w", err)
	}
	return s.Organisation(ctx)
}
