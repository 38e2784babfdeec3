package redisstore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile/pace"
)

var _ pace.Tokens = (*redisstore.Bucket)(nil)

// TestBucket: three processes together send no more than one may, and nearly that; and
// they know that they are three.
func TestBucket(t *testing.T) {
	server := miniredis.RunT(t)
	const perSecond, most = 200, 20
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	began := time.Now()
	var sent, most3 atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		b := opened(t, "redis://"+server.Addr(), redisstore.Options{}).Bucket("api", perSecond, most)
		wg.Go(func() {
			for ctx.Err() == nil {
				got, wait, sharers, err := b.Take(ctx, 7)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if got > 7 || got < 0 || wait < 0 || got == 0 && wait == 0 {
					t.Errorf("%d and %s", got, wait)
				}
				sent.Add(int64(got))
				most3.Store(max(most3.Load(), int64(sharers)))
				time.Sleep(min(wait, 50*time.Millisecond))
			}
		})
	}
	wg.Wait()
	if limit := perSecond*time.Since(began).Seconds() + most; float64(sent.Load()) > limit || float64(sent.Load()) < limit/2 || most3.Load() != 3 {
		t.Errorf("%d sharers sent %d, and %.0f is the most", most3.Load(), sent.Load(), limit)
	}
}

// TestBucketClockSetBack: after a failover to a Redis whose clock is behind, tokens come
// as ever, and not only when that clock is where the other one was.
func TestBucketClockSetBack(t *testing.T) {
	server := miniredis.RunT(t)
	now := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	store := opened(t, "redis://"+server.Addr(), redisstore.Options{})
	bucket, lessons := store.Bucket("api", 10, 1), store.Lessons("api")
	tokens := func(at time.Time, told pace.Lesson) (got, learned int) {
		t.Helper()
		server.SetTime(at)
		got, _, _, err := bucket.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		k, err := lessons.Confer(t.Context(), told, 1)
		if err != nil {
			t.Fatal(err)
		}
		if k.Lowered < 0 {
			t.Errorf("the limit is lowered in %s", -k.Lowered)
		}
		return got, k.Tokens
	}
	tokens(now, pace.Lesson{First: 10, Part: 1})
	tokens(now.Add(time.Second), pace.Lesson{Part: 1})
	back := now.Add(-time.Hour)
	if got, learned := tokens(back, pace.Lesson{Part: 1}); got+learned > 0 {
		t.Errorf("%d and %d tokens for a clock that was set back", got, learned)
	}
	if got, learned := tokens(back.Add(time.Second), pace.Lesson{Part: 1}); got != 1 || learned != 1 {
		t.Errorf("%d and %d tokens a second later", got, learned)
	}
}
