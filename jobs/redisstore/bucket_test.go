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
