package jobstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/jobs"
)

func wishes(t *testing.T, open Open) {
	a, b := open(t, "wishes", 30*time.Second), open(t, "wishes", 30*time.Second)
	take := func(s Store, taker string, hold time.Duration, want bool) jobs.Wish {
		t.Helper()
		w, mine, err := s.TakeWish(t.Context(), taker, hold)
		if err != nil || mine != want {
			t.Fatalf("%s takes it: %v, want %v; %v", taker, mine, want, err)
		}
		return w
	}
	take(a, "a", time.Minute, false) // nothing is asked for
	var stored atomic.Int32
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			ok, err := []Store{a, b}[i%2].Wish(t.Context(), jobs.Trigger{By: "console", Who: "alice"})
			if err != nil {
				t.Error(err)
			}
			if ok {
				stored.Add(1)
			}
		})
	}
	wg.Wait()
	if stored.Load() != 1 {
		t.Fatalf("%d runs are asked for", stored.Load())
	}
	w, err := b.Wished(t.Context())
	if err != nil || !w.Pending() || w.By != "console" || w.Who != "alice" || w.Taker != "" || time.Since(w.Since).Abs() > time.Minute {
		t.Errorf("%+v %v", w, err)
	}
	first := take(a, "a", 50*time.Millisecond, true)
	take(a, "a", 50*time.Millisecond, true) // keeps it
	take(b, "b", time.Minute, false)
	eventually(t, "it is taken over from the dead", func() bool {
		_, mine, err := b.TakeWish(t.Context(), "b", time.Minute)
		must(t, err)
		return mine
	})
	must(t, a.EndWish(t.Context(), first, "who was dead ends nothing"))
	second := take(b, "b", time.Minute, true)
	if second.ID != first.ID || second.Taker != "b" {
		t.Errorf("%+v after %+v", second, first)
	}
	must(t, b.EndWish(t.Context(), second, "no token"))
	take(a, "a", time.Minute, false) // it is over
	take(b, "b", time.Minute, false) // also for who had it
	if w, err := a.Wished(t.Context()); err != nil || w.Pending() || w.Failed != "no token" {
		t.Errorf("%+v %v", w, err)
	}
	ok, err := a.Wish(t.Context(), jobs.Trigger{By: "command", Who: "bob"})
	if w, _ := b.Wished(t.Context()); err != nil || !ok || !w.Pending() || w.Who != "bob" || w.Failed != "" || w.Taker != "" {
		t.Errorf("%v %v %+v", ok, err, w)
	}
	take(b, "b", time.Minute, true)
	must(t, b.EndWish(t.Context(), second, "")) // another one
	take(b, "b", time.Minute, true)
}
