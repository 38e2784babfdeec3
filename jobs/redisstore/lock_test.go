package redisstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

// dying is a Redis that gives the lock, extends it some times, and then does not answer.
type dying struct{ extends int }

func (*dying) DialHook(next redis.DialHook) redis.DialHook { return next }
func (*dying) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (d *dying) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		answer := cmd.(*redis.Cmd)
		switch cmd.Args()[1] {
		case acquireScript.Hash():
			answer.SetVal([]any{int64(1), "1 0 call a", int64(0)})
		case extendScript.Hash():
			if d.extends--; d.extends < 0 {
				answer.SetErr(errors.New("connection refused"))
				return answer.Err()
			}
			answer.SetVal(int64(1))
		}
		return nil
	}
}

// TestLockEndsInTime: who cannot extend the lock any more stops a third of its life before
// it could be somebody else's, and not before.
func TestLockEndsInTime(t *testing.T) {
	for extends, want := range map[int]time.Duration{0: 20 * time.Second, 1: 30 * time.Second, 60: 10*time.Minute + 20*time.Second} {
		synctest.Test(t, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
			client.AddHook(&dying{extends: extends})
			s := newStore(client, Options{TTL: 30 * time.Second})
			began := time.Now()
			err := s.Do(t.Context(), "a", func(ctx context.Context, _ jobs.Lease) error { <-ctx.Done(); return nil })
			if took := time.Since(began); !errors.Is(err, jobs.ErrLockLost) || took != want {
				t.Errorf("extended %d times: %v after %s, want %s", extends, err, took, want)
			}
			_ = s.Close()
		})
	}
}
