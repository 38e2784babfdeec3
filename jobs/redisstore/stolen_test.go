package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
)

// TestLockOfAnother: whoever finds another's lock where theirs was loses it, and neither
// extends that lock nor gives it back.
func TestLockOfAnother(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(ctx context.Context) error{
		"who works on": func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Minute):
				return errors.New("the context outlived the lock")
			}
		},
		"who works on and tells nobody": func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		},
		"who is done": func(context.Context) error { return jobs.ErrLockLost },
	} {
		server, key := miniredis.RunT(t), ""
		s := opener("redis://"+server.Addr()+"/0")(t, "stolen", 300*time.Millisecond)
		err := s.Do(t.Context(), "a", func(ctx context.Context, _ jobs.Lease) error {
			for _, k := range server.Keys() {
				if server.TTL(k) > 0 {
					key = k
				}
			}
			if err := server.Set(key, "another's"); err != nil {
				return err
			}
			server.SetTTL(key, time.Hour)
			return work(ctx)
		})
		if !errors.Is(err, jobs.ErrLockLost) {
			t.Errorf("%s: %v", name, err)
		}
		if has, _ := server.Get(key); has != "another's" || server.TTL(key) != time.Hour {
			t.Errorf("%s: the other's lock became %q for %s", name, has, server.TTL(key))
		}
	}
}
