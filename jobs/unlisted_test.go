package jobs_test

import (
	"context"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// behind is a Tomorro whose first list is from before all its accounts were made.
type behind struct {
	jobs.Target
	jobs.AccountReader
	reads int
}

func (b *behind) Read(ctx context.Context) (reconcile.Current, error) {
	c, err := b.Target.Read(ctx)
	if b.reads++; b.reads == 1 {
		c.Accounts = nil
	}
	return c, err
}

func (b *behind) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	c, err := b.Target.Read(ctx)
	for _, a := range c.Accounts {
		if a.ID == id {
			return a, err
		}
	}
	return reconcile.Account{}, reconcile.ErrGone
}

// TestMadeWhileTheListWasRead: accounts that pushes made while the list was read are no
// reason to give up, and one more list settles all of them.
func TestMadeWhileTheListWasRead(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	b := &behind{Target: r.memory}
	r.runner.Target, r.runner.Accounts = b, b
	if _, err := r.runner.Plan(t.Context()); err != nil || b.reads != 2 {
		t.Errorf("%d lists were read: %v", b.reads, err)
	}
}
