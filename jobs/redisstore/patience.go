package redisstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// patiencePause is the time between two tries.
const patiencePause = 250 * time.Millisecond

// patiently tries until Redis answers or ctx ends: a failover takes seconds, a
// client's own retries less than one. Only what may be asked twice may be tried
// again, which a script with the name of its call may. The error is that of the
// last try.
func (s *Store) patiently(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if cluster, ok := s.client.(*redis.ClusterClient); ok {
			cluster.ReloadState(ctx) // it looks for a new master every 10 s by itself
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(patiencePause):
		}
	}
}

// number runs a script that answers with a number and may be asked twice.
func (s *Store) number(ctx context.Context, script *redis.Script, keys []string, args ...any) (n int, err error) {
	err = s.patiently(ctx, func() (err error) {
		n, err = script.Run(ctx, s.client, keys, args...).Int()
		return err
	})
	return n, err
}

// leased runs such a script that writes only while a lease is current, and answers 0 when it
// is not: then the error wraps jobs.ErrLockLost.
func (s *Store) leased(ctx context.Context, script *redis.Script, keys []string, args ...any) error {
	current, err := s.number(ctx, script, keys, args...)
	if err == nil && current == 0 {
		err = errPassed
	}
	return err
}

// passing reports whether an error is one of a connection, or of a server that
// is starting, failing over, gone or held up by a script: not an answer to what was asked.
func passing(err error) bool {
	answer, ok := errors.AsType[redis.Error](err)
	if !ok {
		return true
	}
	for _, state := range []string{"LOADING", "BUSY Redis", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOREPLICAS"} {
		if strings.HasPrefix(answer.Error(), state) {
			return true
		}
	}
	return false
}
