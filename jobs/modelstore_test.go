package jobs_test

import (
	"context"
	"errors"
	"sync/atomic"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// mortal is a store whose process can be killed.
type mortal struct {
	*redisstore.Store
	dead atomic.Bool
}

var errKilled = errors.New("the process was killed")

// Claim and Settle implement jobs.Ledger, Append jobs.Journal, Unmark jobs.Marks, Learn
// jobs.Experience, EndAssertions jobs.Assertions and Seal jobs.Sealer.
func (m *mortal) Claim(ctx context.Context, l jobs.Lease, c []jobs.Claim) ([]jobs.Claimed, error) {
	if m.dead.Load() {
		return nil, errKilled
	}
	return m.Store.Claim(ctx, l, c)
}

func (m *mortal) Settle(ctx context.Context, s []jobs.Settled) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Store.Settle(ctx, s)
}

func (m *mortal) Append(ctx context.Context, l jobs.Lease, e ...jobs.Entry) ([]string, error) {
	if m.dead.Load() {
		return nil, errKilled
	}
	return m.Store.Append(ctx, l, e...)
}

func (m *mortal) Unmark(ctx context.Context, run string, s jobs.Snapshot) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Store.Unmark(ctx, run, s)
}

func (m *mortal) Learn(ctx context.Context, l jobs.Lease, learned reconcile.Learned, pull *reconcile.Census) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Store.Learn(ctx, l, learned, pull)
}

func (m *mortal) EndAssertions(ctx context.Context, ended []reconcile.Assertion) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Store.EndAssertions(ctx, ended)
}

func (m *mortal) Seal(ctx context.Context) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Store.Seal(ctx)
}
