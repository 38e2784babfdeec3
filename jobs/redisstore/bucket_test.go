package redisstore_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile/pace"
)

var _ pace.Tokens = (*redisstore.Bucket)(nil)

// TestBucket: three processes together send no more than one may, and all of that; each is
// told when there is more; and they know that they are three. It goes by Redis's clock
// alone, which the test sets: by another one they would differ now and then.
func TestBucket(t *testing.T) {
	server := miniredis.RunT(t)
	const perSecond, most = 200, 20
	now := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	began := now
	server.SetTime(now)
	var sent, sharers atomic.Int64
	take := func(b *redisstore.Bucket) (int, time.Duration) {
		got, wait, n, err := b.Take(t.Context(), 7)
		if err != nil || got > 7 || got < 0 || wait < 0 || got < 7 && wait == 0 {
			t.Errorf("%d and %s, error %v", got, wait, err)
		}
		sent.Add(int64(got))
		sharers.Store(max(sharers.Load(), int64(n)))
		return got, wait
	}
	var buckets []*redisstore.Bucket
	for range 3 {
		buckets = append(buckets, opened(t, "redis://"+server.Addr(), redisstore.Options{}).Bucket("api", perSecond, most))
	}
	for i := range 200 {
		for range 3 { // 63 wanted, of 20 at most
			var wg sync.WaitGroup
			for _, b := range buckets {
				wg.Go(func() { take(b) })
			}
			wg.Wait()
		}
		if may := perSecond*now.Sub(began).Seconds() + most; float64(sent.Load()) > may+0.001 || float64(sent.Load()) < may-1 {
			t.Fatalf("after %s %d are sent, of %.3f", now.Sub(began), sent.Load(), may)
		}
		_, wait := take(buckets[0])
		server.SetTime(now.Add(wait - 2*time.Microsecond)) // one for rounding
		if got, _ := take(buckets[1]); got != 0 {
			t.Errorf("%d before it was said", got)
		}
		now = now.Add(wait)
		server.SetTime(now)
		if got, _ := take(buckets[2]); got != 1 {
			t.Errorf("%d when it was said", got)
		}
		now = now.Add(time.Duration(i*i%97) * 1013 * time.Microsecond) // at most what is saved up
		server.SetTime(now)
	}
	if sharers.Load() != 3 {
		t.Errorf("%d sharers", sharers.Load())
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
	if got, learned := tokens(back, pace.Lesson{Part: 1}); got != 0 || learned != 0 {
		t.Errorf("%d and %d tokens for a clock that was set back", got, learned)
	}
	if got, learned := tokens(back.Add(time.Second), pace.Lesson{Part: 1}); got != 1 || learned != 1 {
		t.Errorf("%d and %d tokens a second later", got, learned)
	}
}
