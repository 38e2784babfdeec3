package jobstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func passes(t *testing.T, open Open) {
	a, b := open(t, "passes", 30*time.Second), open(t, "passes", 30*time.Second)
	var mine atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			since, ok, err := []Store{a, b}[i%2].TakePass(t.Context(), time.Hour)
			if err != nil || !since.IsZero() {
				t.Errorf("%s %v", since, err)
			}
			if ok {
				mine.Add(1)
			}
		})
	}
	wg.Wait()
	if mine.Load() != 1 {
		t.Fatalf("%d make the pass", mine.Load())
	}
	take := func(s Store, connection string, want bool) time.Time {
		t.Helper()
		since, ok, err := s.TakePass(t.Context(), 50*time.Millisecond)
		if err != nil || ok != want {
			t.Fatalf("%s: mine %v, want %v; %v", connection, ok, want, err)
		}
		return since
	}
	c, d := open(t, "short-passes", 30*time.Second), open(t, "short-passes", 30*time.Second)
	take(c, "the first", true)
	later := time.Now().Add(-time.Hour)
	must(t, c.PassDone(t.Context(), later))
	must(t, d.PassDone(t.Context(), later.Add(-time.Minute))) // a slow one: nothing is read twice because of it
	if since, _, err := d.TakePass(t.Context(), time.Hour); err != nil || since.UnixMilli() != later.UnixMilli() {
		t.Errorf("passes have read until %s, want %s; %v", since, later, err)
	}
	e := open(t, "ending-passes", 30*time.Second)
	take(e, "the first", true)
	eventually(t, "its interval is over", func() bool {
		_, ok, err := e.TakePass(t.Context(), 50*time.Millisecond)
		must(t, err)
		return ok
	})
	p := open(t, "paused-passes", 30*time.Second)
	must(t, p.Pause(t.Context(), "somebody"))
	take(p, "while it is paused", false)
	must(t, p.Resume(t.Context()))
	take(p, "after that", true)
}
