package tomorro

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestCleaningUpLasts: a probe that nobody interrupts may clean up for as long as that
// takes, and one that somebody does for half a minute from then on.
func TestCleaningUpLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		calm, cancel := outlasting(ctx)
		time.Sleep(time.Hour)
		if calm.Err() != nil {
			t.Error("nobody interrupted it")
		}
		interrupt()
		time.Sleep(cleanupTimeout - time.Second)
		if calm.Err() != nil {
			t.Error("it has some time left")
		}
		time.Sleep(2 * time.Second)
		if calm.Err() == nil {
			t.Error("it takes longer than half a minute")
		}
		cancel()
		late, cancel := outlasting(ctx) // interrupted before it began
		defer cancel()
		time.Sleep(cleanupTimeout - time.Second)
		if late.Err() != nil {
			t.Error("cleaning up after an interruption has no time")
		}
	})
}
