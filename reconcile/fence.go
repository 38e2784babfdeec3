package reconcile

import "context"

type fenceKey struct{}

// WithFence gives a context that carries a check to be made right before each
// request that changes something. A context alone is not enough: when a process
// was paused and goes on, its timers fire after whatever goroutine comes first.
func WithFence(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, fenceKey{}, check)
}

// Fenced reports whether ctx carries a check.
func Fenced(ctx context.Context) bool { return ctx.Value(fenceKey{}) != nil }

// Fence makes the check that ctx carries. Its error means that nothing may be
// sent. A context without one passes.
func Fence(ctx context.Context) error {
	if check, ok := ctx.Value(fenceKey{}).(func() error); ok {
		return check()
	}
	return nil
}
