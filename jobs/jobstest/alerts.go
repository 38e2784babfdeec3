package jobstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs"
)

// told: one process at a time tells, the next one knows what was told, and who takes
// too long is not believed.
func told(t *testing.T, open Open) {
	a, b := open(t, "told", 30*time.Second), open(t, "told", 30*time.Second)
	at := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)
	tell := func(s Store, life time.Duration, work func(map[string]jobs.Told) map[string]jobs.Told) bool {
		t.Helper()
		ok, err := s.Tell(t.Context(), life, func(_ context.Context, was map[string]jobs.Told) map[string]jobs.Told { return work(was) })
		must(t, err)
		return ok
	}
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		s := []Store{a, b}[i%2]
		wg.Go(func() {
			_, err := s.Tell(t.Context(), time.Minute, func(_ context.Context, was map[string]jobs.Told) map[string]jobs.Told {
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(5 * time.Millisecond)
				inside.Add(-1)
				was["n"] = jobs.Told{Since: at, Sent: was["n"].Sent.Add(time.Second), What: "n"}
				return was
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d told at once", most.Load())
	}
	want := map[string]jobs.Told{"x": {Since: at, Sent: at.Add(time.Hour), What: "it failed"}}
	tell(a, time.Minute, func(map[string]jobs.Told) map[string]jobs.Told { return want })
	if !tell(b, time.Minute, func(was map[string]jobs.Told) map[string]jobs.Told {
		if diff := cmp.Diff(want, was); diff != "" {
			t.Error(diff)
		}
		return was
	}) {
		t.Error("nobody tells, and b may not")
	}
	ok, err := a.Tell(t.Context(), 100*time.Millisecond, func(ctx context.Context, was map[string]jobs.Told) map[string]jobs.Told {
		if tell(b, time.Minute, func(was map[string]jobs.Told) map[string]jobs.Told { return was }) {
			t.Error("two tell at once")
		}
		<-ctx.Done()
		for !tell(b, time.Minute, func(map[string]jobs.Told) map[string]jobs.Told { return map[string]jobs.Told{"b": {What: "b"}} }) {
			time.Sleep(10 * time.Millisecond) // its time is not over yet
		}
		return map[string]jobs.Told{"late": {}}
	})
	if !ok || err == nil {
		t.Errorf("who took too long is believed: %t %v", ok, err)
	}
	tell(b, time.Minute, func(was map[string]jobs.Told) map[string]jobs.Told {
		if len(was) != 1 || was["b"].What != "b" {
			t.Errorf("told %v", was)
		}
		return nil
	})
	tell(open(t, "other", 30*time.Second), time.Minute, func(was map[string]jobs.Told) map[string]jobs.Told {
		if len(was) != 0 {
			t.Errorf("another connection was told %v", was)
		}
		return was
	})
	tell(a, time.Minute, func(was map[string]jobs.Told) map[string]jobs.Told {
		if was == nil || len(was) != 0 {
			t.Errorf("told %v", was)
		}
		return was
	})
}
