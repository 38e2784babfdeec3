package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestApplyAsksTheFence: a process that lost its lock while it was paused sends
// nothing more, whatever its context says.
func TestApplyAsksTheFence(t *testing.T) {
	plan := decide(people("a@x.io", "b@x.io", "c@x.io"), reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{})
	lost := errors.New("the lock was lost")
	asked := 0
	ctx := reconcile.WithFence(t.Context(), func() error {
		if asked++; asked > 1 {
			return lost
		}
		return nil
	})
	log := &reconciletest.Log{}
	result, err := reconcile.Apply(ctx, plan, memory, log, reconcile.ApplyOptions{})
	if !errors.Is(err, lost) || len(memory.Writes()) != 1 || result.Done[reconcile.OpCreate] != 1 || result.Skipped[reconcile.OpCreate] != 2 {
		t.Errorf("%v, %d writes, %+v", err, len(memory.Writes()), result)
	}
	if len(log.Outcomes) != len(log.Intents) {
		t.Errorf("%d intents, %d outcomes", len(log.Intents), len(log.Outcomes))
	}
}

// hanging is a service that answers nobody, and a recorder that takes a while.
type hanging struct {
	reconciletest.Log
	began time.Time

	mu    sync.Mutex
	until []time.Duration // since the start, when a write was not waited for any more
}

func (h *hanging) Intent(ctx context.Context, w reconcile.Write) (string, error) {
	time.Sleep(time.Second)
	return h.Log.Intent(ctx, w)
}

func (h *hanging) Write(ctx context.Context, _ reconcile.Write) (reconcile.Written, error) {
	<-ctx.Done()
	if reconcile.Fence(ctx) == nil {
		panic("it may still be sent")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = append(h.until, time.Since(h.began))
	return reconcile.Written{}, context.Cause(ctx)
}

// TestApplySendsNothingTooLate: what could not be sent for as long as its intent keeps
// others away is not sent after that, also when it waits for its turn; and the run goes on
// with what has a newer intent.
func TestApplySendsNothingTooLate(t *testing.T) {
	plan := decide(people("a@x.io", "b@x.io", "c@x.io", "d@x.io", "e@x.io"), reconcile.Current{}, open())
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{began: time.Now()}
		result, err := reconcile.Apply(t.Context(), plan, h, h, reconcile.ApplyOptions{Concurrency: 2, Within: time.Minute})
		if err != nil || result.Failed[reconcile.OpCreate] != 3 || result.Skipped[reconcile.OpCreate] != 2 {
			t.Errorf("%v, %+v", err, result)
		}
		// Two wait for the service, two for their turn, and the intent of the last is asked for after that.
		if want := []time.Duration{time.Minute, time.Minute, 2 * time.Minute}; !slices.Equal(h.until, want) {
			t.Errorf("requests ended after %s, want %s", h.until, want)
		}
		if len(h.Outcomes) != 5 {
			t.Errorf("%d outcomes of 5", len(h.Outcomes))
		}
	})
}
