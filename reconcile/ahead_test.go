package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"tomorro-sync/reconcile"
)

// gate is a service at which each write waits until it is let through, and a recorder
// that counts.
type gate struct {
	intents, under, sent, skipped, done atomic.Int32
	through                             chan struct{}
}

func (g *gate) Write(_ context.Context, w reconcile.Write) (reconcile.Written, error) {
	g.under.Add(1)
	g.sent.Add(1)
	defer g.under.Add(-1)
	<-g.through
	return reconcile.Written{ID: "a-" + w.Account.UserName}, nil
}

func (g *gate) Intent(context.Context, reconcile.Write) (string, error) {
	return fmt.Sprint(g.intents.Add(1)), nil
}

func (g *gate) Outcome(_ context.Context, _ string, o reconcile.Outcome) error {
	if o.Result == reconcile.Skipped {
		g.skipped.Add(1)
	} else {
		g.done.Add(1)
	}
	return nil
}

// TestIntentsGoAhead: while as many requests are under way as may be, the intents of the
// next are recorded, so that none waits for that; and whose request is not sent any more
// when the run is stopped, has an outcome that says so.
func TestIntentsGoAhead(t *testing.T) {
	var emails []string
	for i := range 20 {
		emails = append(emails, fmt.Sprintf("p%d@x.io", i))
	}
	plan := decide(people(emails...), reconcile.Current{}, open())
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() {
			_, err := reconcile.Apply(ctx, plan, g, g, reconcile.ApplyOptions{Concurrency: 3})
			ended <- err
		}()
		for sent := range int32(5) {
			synctest.Wait()
			if g.intents.Load() != 6+sent || g.under.Load() != 3 || g.sent.Load() != 3+sent {
				t.Fatalf("after %d answers %d intents are recorded and %d of %d requests under way", sent, g.intents.Load(), g.under.Load(), g.sent.Load())
			}
			g.through <- struct{}{}
		}
		synctest.Wait()
		why := errors.New("interrupted")
		cancel(why)
		close(g.through)
		if err := <-ended; !errors.Is(err, why) {
			t.Errorf("ended with %v", err)
		}
		if g.sent.Load() != 8 || g.done.Load() != 8 || g.skipped.Load() != 3 || g.intents.Load() != 11 {
			t.Errorf("%d intents, %d sent, %d done, %d skipped", g.intents.Load(), g.sent.Load(), g.done.Load(), g.skipped.Load())
		}
	})
}

// TestOneAtATimeKeepsItsOrder: with one request at a time, writes follow each other as
// the plan has them, and nothing is recorded ahead.
func TestOneAtATimeKeepsItsOrder(t *testing.T) {
	plan := decide(people("c@x.io", "a@x.io", "b@x.io"), reconcile.Current{}, open())
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		go func() { _, _ = reconcile.Apply(t.Context(), plan, g, g, reconcile.ApplyOptions{}) }()
		for sent := range int32(3) {
			synctest.Wait()
			if g.intents.Load() != 1+sent || g.sent.Load() != 1+sent {
				t.Fatalf("%d intents and %d sent after %d answers", g.intents.Load(), g.sent.Load(), sent)
			}
			g.through <- struct{}{}
		}
	})
}
