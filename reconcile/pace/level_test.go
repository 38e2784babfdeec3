package pace_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile/pace"
)

// service answers after a while, as it is told, and counts.
type service struct {
	takes  func(n int) time.Duration // n is how many are under way, this one included
	status func(now time.Time) int

	mu       sync.Mutex
	in, most int
	counted  map[int]int
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.in++
	s.most = max(s.most, s.in)
	takes, status := s.takes(s.in), s.status(time.Now())
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.in--
		s.counted[status]++
	}()
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// steady answers all after 20 ms.
func steady() *service {
	return &service{takes: func(int) time.Duration { return 20 * time.Millisecond }, status: func(time.Time) int { return 200 }, counted: make(map[int]int)}
}

// ask makes one request; a refused one is made again after a second, as the clients do.
func ask(t *testing.T, gate *pace.Gate, s *service, method string) {
	for {
		r, _ := http.NewRequestWithContext(t.Context(), method, "http://service", nil)
		resp, err := (&pace.Transport{Gate: gate, Base: s}).RoundTrip(r)
		if err != nil {
			return
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests {
			return
		}
		gate.Quiet(time.Second)
	}
}

// crowd makes n requests by many at once, and tells how long it took.
func crowd(t *testing.T, gate *pace.Gate, s *service, n int) time.Duration {
	began := time.Now()
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range work {
				ask(t, gate, s, http.MethodPut)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// TestLevelFollowsTheService: errors halve how many requests are under way, once for
// those that were under way together; good answers raise it again, to what is
// configured and no further.
func TestLevelFollowsTheService(t *testing.T) {
	for name, status := range map[string]int{"server errors": 500, "unavailable": 503, "broken connections": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, gate := steady(), pace.NewGate(16, 0)
				s.status = func(time.Time) int { return status }
				crowd(t, gate, s, 16)
				if n, _ := gate.Learned(); n != 8 || s.most != 16 {
					t.Errorf("%d at once after one wave of errors, want 8; %d were", n, s.most)
				}
				crowd(t, gate, s, 100)
				if n, _ := gate.Learned(); n != 1 {
					t.Errorf("%d at once after many errors, want 1", n)
				}
				s.status, s.most = func(time.Time) int { return 200 }, 0
				crowd(t, gate, s, 20)
				if n, _ := gate.Learned(); n < 4 || n > 8 {
					t.Errorf("%d at once after 20 good answers, want some more", n)
				}
				crowd(t, gate, s, 400)
				if n, _ := gate.Learned(); n != 16 || s.most != 16 {
					t.Errorf("%d at once after many good answers, %d were; want 16", n, s.most)
				}
			})
		})
	}
}

// TestAnswersOfOtherKindsLowerNothing: what the service says of one request only is no
// sign that it has too much to do, nor is a caller that does not wait.
func TestAnswersOfOtherKindsLowerNothing(t *testing.T) {
	for _, status := range []int{200, 204, 400, 401, 404, 409, 501} {
		synctest.Test(t, func(t *testing.T) {
			s, gate := steady(), pace.NewGate(4, 0)
			s.status = func(time.Time) int { return status }
			crowd(t, gate, s, 20)
			if n, rate := gate.Learned(); n != 4 || rate != 0 {
				t.Errorf("%d: %d at once, %v a second", status, n, rate)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, gate := steady(), pace.NewGate(4, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://service", nil)
		if _, err := (&pace.Transport{Gate: gate, Base: s}).RoundTrip(r); err == nil {
			t.Fatal("it was waited for")
		}
		if n, _ := gate.Learned(); n != 4 {
			t.Errorf("%d at once", n)
		}
	})
}

// TestSlowAnswersLower: a service that answers the later the more it is asked at once
// is asked less at once; one that always takes long is not.
func TestSlowAnswersLower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := steady(), pace.NewGate(16, 0)
		s.takes = func(n int) time.Duration {
			if n > 4 {
				return 5 * time.Second
			}
			return 100 * time.Millisecond
		}
		ask(t, gate, s, http.MethodPut)
		crowd(t, gate, s, 200)
		s.most = 0
		crowd(t, gate, s, 50)
		if n, _ := gate.Learned(); n > 8 || s.most > 8 {
			t.Errorf("%d at once, %d were", n, s.most)
		}
		s.takes = func(int) time.Duration { return 5 * time.Second } // however few there are
		crowd(t, gate, s, 100)
		if n, _ := gate.Learned(); n != 4 {
			t.Errorf("%d at once of a service that got slow, want a quarter", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s, gate := steady(), pace.NewGate(16, 0)
		s.takes = func(int) time.Duration { return 5 * time.Second }
		ask(t, gate, s, http.MethodPut)
		crowd(t, gate, s, 200)
		if n, _ := gate.Learned(); n != 16 {
			t.Errorf("%d at once", n)
		}
	})
}

// windows refuses what is more than so many in each second, as a fixed window does.
func windows(most int) func(time.Time) int {
	var window int64
	n := 0
	return func(now time.Time) int {
		if now.Unix() != window {
			window, n = now.Unix(), 0
		}
		if n++; n > most {
			return 429
		}
		return 200
	}
}

// TestRateIsLearned: from the refusals of a service that takes so many requests in each
// second, and says so nowhere, its limit is learned: at most a quarter of the time is
// lost, and hardly more is refused than was under way when it refused first. When the
// limit is gone, what was learned is forgotten.
func TestRateIsLearned(t *testing.T) {
	for _, most := range []int{6, 10, 25, 50, 100} {
		for _, latency := range []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(370 * time.Millisecond) // windows begin with the second, and runs do not
				s, gate := steady(), pace.NewGate(16, 0)
				s.takes, s.status = func(int) time.Duration { return latency }, windows(most)
				n := 40 * most
				least := max(40*time.Second, latency*time.Duration(n/16))
				if took := crowd(t, gate, s, n); took > least*5/4 || s.counted[200] != n || s.counted[429] > 16+8 {
					_, rate := gate.Learned()
					t.Errorf("%d a second, %s: took %s, %.2f of the least, %v, %.1f a second", most, latency, took, took.Seconds()/least.Seconds(), s.counted, rate)
				}
				s.status = func(time.Time) int { return 200 }
				crowd(t, gate, s, 100*most)
				if _, rate := gate.Learned(); rate != 0 && rate < float64(2*most) {
					t.Errorf("%d a second, %s: %.1f a second long after the last refusal", most, latency, rate)
				}
			})
		}
	}
}

// TestSilenceIsKept: whoever waits for a turn when the service asks for silence is sent
// after it. (A run that began at the end of a second learned a rate of 1 from all who were
// refused in it.)
func TestSilenceIsKept(t *testing.T) {
	for _, phase := range []time.Duration{960, 980, 990, 995} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(phase * time.Millisecond)
			s, gate := steady(), pace.NewGate(16, 0)
			s.status = windows(25)
			if took := crowd(t, gate, s, 1000); took > 64*time.Second || s.counted[429] > 30 {
				_, rate := gate.Learned()
				t.Errorf("begun %dms into a second: took %s, 40 is the least, %d refused, %.1f a second", phase, took, s.counted[429], rate)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		gate := pace.NewGate(8, 10)
		began := time.Now()
		var silent atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				leave, err := gate.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer leave()
				if at := time.Since(began); at > 250*time.Millisecond && at < 5250*time.Millisecond {
					silent.Add(1)
				}
			})
		}
		time.Sleep(250 * time.Millisecond)
		gate.Quiet(5 * time.Second)
		wg.Wait()
		if silent.Load() > 0 {
			t.Errorf("%d were sent in the silence", silent.Load())
		}
	})
}

// TestFewRequestsTeachNoRate: a refusal after fewer than five requests in a second only
// says how long to be silent.
func TestFewRequestsTeachNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := steady(), pace.NewGate(1, 0)
		s.status = windows(4)
		for range 12 {
			ask(t, gate, s, http.MethodPut)
		}
		if _, rate := gate.Learned(); rate != 0 || s.counted[429] == 0 {
			t.Errorf("%v a second, %v", rate, s.counted)
		}
	})
}

// TestWhoDoesNotWaitTakesNoPlace: somebody whose context ends while they wait leaves
// the others their places.
func TestWhoDoesNotWaitTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := pace.NewGate(1, 0)
		leave, err := gate.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := gate.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		wg.Wait()
		leave()
		for range 3 {
			leave, err := gate.Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leave()
		}
	})
}

// TestAPlaceThatComesTooLate: who is given a place in the moment in which they stop
// waiting gives it back, to who waits behind them when there is somebody.
func TestAPlaceThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := pace.NewGate(1, 0)
		for range 100 {
			leave, err := gate.Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if leave, err := gate.Enter(ctx); err == nil {
					leave()
				}
			})
			synctest.Wait()
			wg.Go(func() { // who would wait for ever
				if leave, err := gate.Enter(t.Context()); err == nil {
					leave()
				}
			})
			synctest.Wait()
			cancel()
			leave()
			wg.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := gate.Enter(ctx); err != nil {
			t.Errorf("the place is lost: %v", err)
		}
	})
}
