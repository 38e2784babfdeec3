package jobstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// pins: they last until they are released, for all replicas, and only who holds the lock can
// set one. What a run saw of those people is forgotten, and of nobody else.
func pins(t *testing.T, open Open) {
	s := open(t, "pins", 30*time.Second)
	at := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	var old jobs.Lease
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		old = l
		must(t, s.Learn(ctx, l, reconcile.Learned{People: map[reconcile.Key]uint64{1: 5, 3: 5, 9: 5}}, nil))
		return s.Pin(ctx, l, map[reconcile.Key]jobs.Pin{1: {Run: "r1", By: "ann", At: at}, 2: {Run: "r1", At: at}, 3: {Run: "r1", At: at}})
	})
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		return s.Pin(ctx, l, map[reconcile.Key]jobs.Pin{2: {Run: "r2", By: "bob", At: at}})
	})
	if facts, err := s.Facts(t.Context()); err != nil || len(facts.People) != 1 || facts.People[9] != 5 {
		t.Errorf("known of people is %v, %v", facts.People, err)
	}
	if err := s.Pin(t.Context(), old, map[reconcile.Key]jobs.Pin{9: {}}); !errors.Is(err, jobs.ErrLockLost) {
		t.Errorf("a pin with a lost lease: %v", err)
	}
	other := open(t, "pins", time.Second)
	got, err := other.Pins(t.Context())
	must(t, err)
	if len(got) != 3 || got[1] != (jobs.Pin{Run: "r1", By: "ann", At: at}) || got[2].Run != "r2" || got[3].Run != "r1" {
		t.Errorf("pins %+v", got)
	}
	must(t, other.Unpin(t.Context(), []reconcile.Key{1, 77, 3}))
	if got, err = s.Pins(t.Context()); err != nil || len(got) != 1 || got[2].By != "bob" {
		t.Errorf("released, pins are %+v %v", got, err)
	}
	must(t, s.Unpin(t.Context(), nil))
	if none, err := open(t, "pins elsewhere", time.Second).Pins(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("another connection has pins %+v %v", none, err)
	}
}
