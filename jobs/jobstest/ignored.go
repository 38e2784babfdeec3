package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// ignored remembers, forgets, and needs the lease; and tells who was written by
// somebody else since a position.
func ignored(t *testing.T, open Open) {
	s := open(t, "ignored", 30*time.Second)
	at := time.UnixMilli(1_790_000_000_000)
	once, twice := make(map[string]jobs.Sighting), make(map[string]jobs.Sighting)
	var many []string
	for i := range 1200 {
		many = append(many, fmt.Sprintf("effect %04d", i))
		once[many[i]] = jobs.Sighting{Times: 1, Last: at}
		if i >= 1190 {
			twice[many[i]] = jobs.Sighting{Times: 2, Last: at.Add(time.Hour)}
		}
	}
	var old jobs.Lease
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		old = l
		if err := s.Ignore(ctx, l, once, nil); err != nil {
			return err
		}
		return s.Ignore(ctx, l, twice, many[:1100])
	})
	all, err := s.Recall(t.Context(), at)
	must(t, err)
	got := all.Ignored
	if len(got) != 100 || got[many[1100]] != once[many[1100]] || got[many[1199]] != twice[many[1199]] {
		t.Errorf("%d are remembered, %v, %v", len(got), got[many[1100]], got[many[1199]])
	}
	if err := s.Ignore(t.Context(), old, nil, many); !errors.Is(err, jobs.ErrLockLost) {
		t.Errorf("with a lost lease: %v", err)
	}
	if all, err = s.Recall(t.Context(), at); err != nil || len(all.Ignored) != 100 {
		t.Errorf("a lost lease forgot: %d left, %v", len(all.Ignored), err)
	}

	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		before, err := claim(ctx, s, l, "earlier", 0, "1")
		if err != nil {
			return err
		}
		if err := s.Settle(ctx, []jobs.Settled{{Run: "earlier", Subjects: []string{"1"}, Entry: jobs.Entry{Intent: before.ID, Result: reconcile.Done}}}); err != nil {
			return err
		}
		snap, err := s.Snapshot(ctx)
		if err != nil {
			return err
		}
		if _, err := claim(ctx, s, l, "mine", snap.Position, "1", "2"); err != nil {
			return err
		}
		if _, err := claim(ctx, s, jobs.Lease{}, "a push", snap.Position, "3"); err != nil { // and its answer is still to come
			return err
		}
		if _, err := claim(ctx, s, l, "before mine", 0, "5"); err != nil {
			return err
		}
		later, err := s.Snapshot(ctx)
		if err != nil {
			return err
		}
		if newer, err := s.Newer(ctx, "mine", later.Position, []string{"5"}); err != nil || len(newer) > 0 {
			return fmt.Errorf("who was written before are newer: %v, %w", newer, err)
		}
		newer, err := s.Newer(ctx, "mine", snap.Position, []string{"1", "2", "3", "4"})
		if err != nil || !slices.Equal(newer, []string{"3"}) {
			return fmt.Errorf("newer are %v, %w", newer, err)
		}
		return nil
	})
}
