package pace_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile/pace"
)

// school is Lessons in memory.
type school struct {
	mu      sync.Mutex
	rate    float64
	began   time.Time
	lowered time.Time
	jar     jar
	fail    error
	asked   int
	atOnce  float64 // of another process
	told    float64 // by who asked last
}

func (s *school) Confer(ctx context.Context, told pace.Lesson, n int) (pace.Known, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.told = told.AtOnce
	if s.fail != nil {
		return pace.Known{}, s.fail
	}
	now := time.Now()
	if told.First > 0 && (s.rate == 0 || now.Sub(s.began) < 2*time.Second) {
		if s.rate == 0 {
			s.began, s.jar.at = now, now
		}
		s.rate, s.lowered = s.rate+told.First, now
	}
	if s.rate == 0 {
		return pace.Known{Sharers: s.jar.sharers, AtOnce: s.atOnce}, nil
	}
	if told.Part < 1 {
		s.lowered = now
	}
	s.rate = max(1, s.rate*told.Part+told.More)
	s.jar.rate, s.jar.most = s.rate, float64(pace.LearnedAhead(s.rate))
	got, wait, sharers, err := s.jar.Take(ctx, n)
	return pace.Known{PerSecond: s.rate, Lowered: now.Sub(s.lowered), Tokens: got, Wait: wait, Sharers: sharers, AtOnce: s.atOnce}, err
}

// TestRateIsLearnedTogether: processes that meet one limit find it together, two about as
// fast as one does alone; who comes later begins with what is known; and without the store
// each goes on by itself.
func TestRateIsLearnedTogether(t *testing.T) {
	for _, processes := range []int{1, 2, 5} {
		for _, most := range []int{25, 100} {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(370 * time.Millisecond)
				s, lessons := steady(), &school{jar: jar{sharers: processes}}
				s.takes, s.status = func(int) time.Duration { return 20 * time.Millisecond }, windows(most)
				load := func(gates int) (took time.Duration, refused int) {
					time.Sleep(time.Second) // nobody uses some of the second in which the others learn
					before, began := s.counted[429], time.Now()
					var wg sync.WaitGroup
					for range gates {
						gate := pace.NewGate(16, 0)
						gate.Learn(lessons)
						wg.Go(func() { crowd(t, gate, s, 40*most/gates) })
					}
					wg.Wait()
					return time.Since(began), s.counted[429] - before
				}
				took, refused := load(processes)
				least := map[int]time.Duration{1: 54, 2: 54, 5: 100}[processes] * time.Second // each by itself: 1.1, 1.4 and 1.8 times 40 s
				if took > least || refused > 24*processes+16 {
					t.Errorf("%d processes, %d a second: took %s, 40 is the least, %d refused, %.1f a second", processes, most, took, refused, lessons.rate)
				}
				if took, refused = load(1); took > time.Minute || refused > 16 {
					t.Errorf("who came after %d, %d a second: took %s, %d refused", processes, most, took, refused)
				}
				lessons.mu.Lock()
				lessons.fail, lessons.asked = errors.New("Redis is away"), 0
				lessons.mu.Unlock()
				if took, _ = load(1); took > 2*time.Minute || lessons.asked > 20 {
					t.Errorf("without the store, after %d processes, %d a second: it took %s, which was asked %d times", processes, most, took, lessons.asked)
				}
			})
		}
	}
}

// TestToAskTeachesNothing: a refusal of a request that was on its way when the others were
// asked teaches a limit all the same.
func TestToAskTeachesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := steady(), pace.NewGate(16, 0)
		gate.Learn(&school{jar: jar{sharers: 1}})
		sent := 0
		s.takes = func(int) time.Duration {
			if sent++; sent == 1 {
				return 1500 * time.Millisecond
			}
			return 20 * time.Millisecond
		}
		s.status = func(time.Time) int {
			if sent == 1 {
				return http.StatusTooManyRequests
			}
			return http.StatusOK
		}
		var wg sync.WaitGroup
		wg.Go(func() { ask(t, gate, s, http.MethodPut) })
		time.Sleep(1200 * time.Millisecond)
		crowd(t, gate, s, 10)
		wg.Wait()
		if _, rate := gate.Learned(); rate == 0 {
			t.Errorf("no limit was learned: %v", s.counted)
		}
	})
}

// TestLevelIsLearnedTogether: what another process had to lower its level to binds this
// one, also before it has sent anything; from there it grows, and says so until it is
// where it was.
func TestLevelIsLearnedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, lessons := steady(), &school{jar: jar{sharers: 2}, atOnce: 3.5}
		gate := pace.NewGate(16, 0)
		gate.Learn(lessons)
		s.takes = func(int) time.Duration { return 100 * time.Millisecond }
		crowd(t, gate, s, 3)
		if n, _ := gate.Learned(); n != 4 || s.most != 3 {
			t.Errorf("%d at once after three good answers where another process bears 3, and %d were", n, s.most)
		}
		for range 3 { // each second it is told again, and this one has grown meanwhile
			time.Sleep(1100 * time.Millisecond)
			crowd(t, gate, s, 4)
			if n, _ := gate.Learned(); n > 5 || lessons.told < 3.5 {
				t.Errorf("%d at once, and told %.1f, while another process bears 3", n, lessons.told)
			}
		}
		lessons.mu.Lock()
		lessons.atOnce = 0
		lessons.mu.Unlock()
		time.Sleep(1100 * time.Millisecond)
		crowd(t, gate, s, 200)
		time.Sleep(1100 * time.Millisecond)
		crowd(t, gate, s, 1)
		if n, _ := gate.Learned(); n != 16 || lessons.told != 0 {
			t.Errorf("%d at once of 16 after 200 good answers, and told %.1f", n, lessons.told)
		}
	})
}

// TestNobodyKnowsALimit: without refusals, the others are asked once a second and hold
// up nobody; what one of them learns binds all within that.
func TestNobodyKnowsALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate, lessons := steady(), pace.NewGate(16, 0), &school{jar: jar{sharers: 2}}
		gate.Learn(lessons)
		s.takes = func(int) time.Duration { return 16 * time.Millisecond }
		if took := crowd(t, gate, s, 5000); took > 5100*time.Millisecond || lessons.asked > 6 {
			t.Errorf("5,000 requests took %s, 5 s is the least, and the others were asked %d times", took, lessons.asked)
		}
		if _, err := lessons.Confer(t.Context(), pace.Lesson{First: 20, Part: 1}, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
		if took := crowd(t, gate, s, 200); took < 8*time.Second {
			t.Errorf("200 requests took %s of a service that takes 20 a second", took)
		}
		if n := s.counted[http.StatusTooManyRequests]; n > 0 {
			t.Errorf("%d refused", n)
		}
	})
}

// TestAForgottenLimit: the store forgets what all knew, after a day without requests or
// because it lost its data, and answers or does not. Whoever knew it sends on.
func TestAForgottenLimit(t *testing.T) {
	for _, fail := range []error{nil, errors.New("Redis is away")} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Hour+time.Minute)
			defer cancel()
			gate, lessons := pace.NewGate(16, 0), &school{jar: jar{sharers: 1}, rate: 20}
			gate.Learn(lessons)
			send := func() {
				t.Helper()
				var wg sync.WaitGroup
				for range 40 {
					wg.Go(func() {
						leave, err := gate.Enter(ctx)
						if err != nil {
							t.Error(err)
							return
						}
						leave()
					})
				}
				wg.Wait()
			}
			send()
			if _, rate := gate.Learned(); rate != 20 {
				t.Fatalf("%.1f a second are known", rate)
			}
			time.Sleep(25 * time.Hour)
			lessons.rate, lessons.asked = 0, 0
			began := time.Now()
			send()
			lessons.fail = fail
			send()
			if took := time.Since(began); took > 10*time.Second || lessons.asked > 10 {
				t.Errorf("80 requests took %s, and the store was asked %d times", took, lessons.asked)
			}
		})
	}
}
