package reconcile

import (
	"context"
	"errors"
	"time"
)

type (
	fenceKey struct{}
	untilKey struct{}
)

// WithFence gives a context that carries a check to be made right before each
// request that changes something. A context alone is not enough: when a process
// was paused and goes on, its timers fire after whatever goroutine comes first.
func WithFence(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, fenceKey{}, check)
}

// Fenced reports whether ctx carries a check.
func Fenced(ctx context.Context) bool { return ctx.Value(fenceKey{}) != nil }

// until gives a context that ends at a time, and after which Fence lets nothing pass.
func until(ctx context.Context, ends time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadlineCause(ctx, ends, errTooLate)
	return context.WithValue(ctx, untilKey{}, ends), cancel
}

var errTooLate = errors.New("it could not be sent for so long that somebody else may be at work on it; the next run decides")

// Fence makes the check that ctx carries, and whether it is too late. Its error means
// that nothing may be sent. A context without either passes.
func Fence(ctx context.Context) error {
	if check, ok := ctx.Value(fenceKey{}).(func() error); ok {
		if err := check(); err != nil {
			return err
		}
	}
	ends, ok := ctx.Value(untilKey{}).(time.Time)
	if now := time.Now(); ok && !(now.Before(ends) && now.Round(0).Before(ends.Round(0))) { // the monotonic clock stands still while a machine sleeps
		return errTooLate
	}
	return nil
}
