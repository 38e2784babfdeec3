package jobs

import (
	"context"
	"time"
)

// Shelf keeps small things for a while, the same ones for all replicas: who is signed
// in to the console. Nothing that a run relies on is kept there.
type Shelf interface {
	// Keep stores data under a name, instead of what was there, for the life given.
	Keep(ctx context.Context, name string, data []byte, life time.Duration) error
	// Kept gives what is kept under a name; found is false when nothing is, or no longer.
	// With a life above zero it is kept for that long from now on.
	Kept(ctx context.Context, name string, life time.Duration) (data []byte, found bool, err error)
	// Withdraw gives what is kept and forgets it: of those who withdraw it at once, one gets it.
	Withdraw(ctx context.Context, name string) (data []byte, found bool, err error)
}
