package reconcile_test

import (
	"errors"
	"testing"

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
