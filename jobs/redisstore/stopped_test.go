package redisstore

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
)

// stops is a client that is asked to stop when it has been given the turn to tell.
type stops struct {
	redis.Hook
	stop context.CancelFunc
}

func (s stops) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		s.stop()
		return err
	}
}

func (s stops) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s stops) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// TestTellerStops: who is asked to stop gives back the turn to tell of alerts, or nobody
// would be told of any before it ends by itself.
func TestTellerStops(t *testing.T) {
	s, err := Embedded(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	s.client.AddHook(stops{stop: cancel})
	same := func(_ context.Context, told map[string]jobs.Told) map[string]jobs.Told { return told }
	_, _ = s.Tell(ctx, time.Hour, same)
	if mine, err := s.Tell(t.Context(), time.Hour, same); !mine || err != nil {
		t.Errorf("the next one tells: %v %v", mine, err)
	}
}
