package pace_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile/pace"
)

func TestGateBoundsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(3, 0)
		var inside, most atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				leave, err := g.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer leave()
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Millisecond)
				inside.Add(-1)
			})
		}
		wg.Wait()
		if most.Load() != 3 {
			t.Errorf("%d were inside at once, want 3", most.Load())
		}
	})
}

func TestQuietHoldsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(2, 0)
		begin := time.Now()
		g.Quiet(5 * time.Second)
		g.Quiet(time.Second) // shorter: changes nothing
		leave, err := g.Enter(t.Context())
		if err != nil || time.Since(begin) != 5*time.Second {
			t.Fatalf("entered after %s, %v", time.Since(begin), err)
		}
		leave()
		leave() // twice is once
		g.Quiet(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

// TestQuietIsNews: a silence of several seconds is told once, not by each who was refused.
func TestQuietIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(2, 0)
		for _, c := range []struct {
			after, d time.Duration
			news     bool
		}{{0, 4 * time.Second, false}, {0, 5 * time.Second, false}, {0, 10 * time.Second, true}, {0, 12 * time.Second, false}, {0, time.Second, false}, {8 * time.Second, 5 * time.Second, false}, {0, 10 * time.Second, true}} {
			time.Sleep(c.after)
			if got := g.Quiet(c.d); got != c.news {
				t.Errorf("%s: news %v", c.d, got)
			}
		}
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(10, 4)
		begin := time.Now()
		for range 9 {
			leave, err := g.Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leave()
		}
		if d := time.Since(begin); d != 2*time.Second {
			t.Errorf("9 requests at 4 a second took %s, want 2s", d)
		}
	})
}

func TestTransportGivesThePlaceBack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer server.Close()
	sent := 0
	client := &http.Client{Transport: &pace.Transport{Gate: pace.NewGate(1, 0), Base: pace.NewBase(1), Sent: func(*http.Request) { sent++ }}}
	for range 3 {
		resp, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if _, err := client.Get("http://127.0.0.1:1"); err == nil {
		t.Fatal("nothing listens there")
	}
	resp, err := client.Get(server.URL) // the failure gave its place back
	if err != nil || sent != 5 {
		t.Fatalf("%v, %d sent", err, sent)
	}
	resp.Body.Close()
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// slowService takes a while for an answer, and another for the rest of it.
type slowService struct{ takes, rest time.Duration }

func (s *slowService) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-r.Context().Done():
			return context.Cause(r.Context())
		}
	}
	if err := wait(s.takes); err != nil {
		return nil, err
	}
	rest := readerFunc(func([]byte) (int, error) { return 0, cmp.Or(wait(s.rest), io.EOF) })
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(rest)}, nil
}

// TestTimeoutIsOfTheAnswer: what waits for the Gate, however long, has all its time left
// when it is sent. An answer, or the rest of one, that takes longer is a LateError, and
// the first tells the Gate that the service has too much to do; who asks may give up
// sooner, which says nothing of the service.
func TestTimeoutIsOfTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, gate := &slowService{takes: 9 * time.Second}, pace.NewGate(4, 0.5)
		client := &http.Client{Transport: &pace.Transport{Gate: gate, Base: service, Timeout: 10 * time.Second}}
		ask := func(ctx context.Context) error {
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://service.example/", nil)
			resp, err := client.Do(r)
			if err != nil {
				return err
			}
			_, err = io.ReadAll(resp.Body)
			return errors.Join(err, resp.Body.Close())
		}
		gate.Quiet(time.Hour)
		var wg sync.WaitGroup
		for range 12 { // the last has its turn after an hour and 27 s
			wg.Go(func() {
				if err := ask(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, late := range []slowService{{6 * time.Second, 6 * time.Second}, {11 * time.Second, 0}} {
			*service = late
			err := ask(t.Context())
			if _, ok := errors.AsType[*pace.LateError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v: %v", late, err)
			}
		}
		if n, _ := gate.Learned(); n != 2 {
			t.Errorf("%d of 4 at once after an answer that did not come, want 2", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := ask(ctx)
		if _, late := errors.AsType[*pace.LateError](err); err == nil || late {
			t.Errorf("who gave up has %v", err)
		}
		if n, _ := gate.Learned(); n != 2 {
			t.Errorf("%d at once after somebody gave up, want still 2", n)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "Sun, 01 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Nov 2026 11:00:00 GMT": 0,
	} {
		if got, ok := pace.RetryAfter(in, now); !ok || got != want {
			t.Errorf("%q: %s %v, want %s", in, got, ok, want)
		}
	}
	if got, ok := pace.RetryAfter("2002000000000", now); !ok || got != 365*24*time.Hour {
		t.Errorf("for ever: %s %v, want a year", got, ok)
	}
	for _, in := range []string{"", "-1", "soon", "1.5"} {
		if got, ok := pace.RetryAfter(in, now); ok {
			t.Errorf("%q was read as %s", in, got)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Sun, 01 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, in string) {
		if d, ok := pace.RetryAfter(in, time.Unix(0, 0)); ok && d < 0 {
			t.Errorf("%q waits %s", in, d)
		}
	})
}
