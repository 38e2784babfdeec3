package pace_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile/pace"
)

// jar is a shared bucket in memory.
type jar struct {
	mu      sync.Mutex
	rate    float64
	most    float64
	tokens  float64
	at      time.Time
	asked   int
	sharers int
	fail    error
	hangs   bool
}

func (j *jar) Take(ctx context.Context, n int) (int, time.Duration, int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked++
	if j.hangs {
		j.mu.Unlock()
		time.Sleep(10 * time.Second) // whatever the context says
		j.mu.Lock()
		return 0, 0, 0, errors.New("no answer")
	}
	if j.fail != nil {
		return 0, 0, 0, j.fail
	}
	now := time.Now()
	j.tokens, j.at = min(j.most, j.tokens+now.Sub(j.at).Seconds()*j.rate), now
	got := min(int(j.tokens), n)
	j.tokens -= float64(got)
	return got, time.Duration((1 - min(1, j.tokens)) / j.rate * float64(time.Second)), j.sharers, nil
}

// sent lets some gates send as much as they can for a while.
func sent(t *testing.T, gates []*pace.Gate, d time.Duration) int {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var n atomic.Int64
	var wg sync.WaitGroup
	for _, g := range gates {
		for range 4 {
			wg.Go(func() {
				for {
					leave, err := g.Enter(ctx)
					if err != nil {
						return
					}
					n.Add(1)
					leave()
				}
			})
		}
	}
	wg.Wait()
	return int(n.Load())
}

// TestSharedRate: together, gates send what one may, whether there are one or five; a
// round trip is for many requests; without the store each keeps to its part.
func TestSharedRate(t *testing.T) {
	for _, n := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			j := &jar{rate: 100, most: float64(pace.Ahead(100)), at: time.Now(), sharers: n}
			gates := make([]*pace.Gate, n)
			for i := range gates {
				gates[i] = pace.NewSharedGate(8, 100, j)
			}
			if got, most := sent(t, gates, 10*time.Second), 1000+pace.Ahead(100)*(n+1); got > most || got < 980 {
				t.Errorf("%d gates sent %d, and %d is the most", n, got, most)
			}
			j.mu.Lock()
			j.fail = errors.New("Redis is away")
			j.mu.Unlock()
			if got := sent(t, gates, 10*time.Second); got > 1000+pace.Ahead(100)*n+n || got < 900 {
				t.Errorf("without the store %d gates sent %d", n, got)
			}
			j.mu.Lock()
			j.fail, j.hangs, j.asked = nil, true, 0
			j.mu.Unlock()
			if got := sent(t, gates, 10*time.Second); got > 1000+2*n || got < 600 {
				t.Errorf("with a store that hangs %d gates sent %d", n, got)
			}
			time.Sleep(20 * time.Second) // what hangs ends
		})
	}
}

func TestSharedRateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewSharedGate(1, 0.001, &jar{rate: 0.001, most: 1, at: time.Now(), sharers: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}
