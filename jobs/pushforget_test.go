package jobs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// wholeReads is a Tomorro that counts how often it is read as a whole.
type wholeReads struct {
	jobs.Target
	reads *atomic.Int32
}

func (c wholeReads) Read(ctx context.Context) (reconcile.Current, error) {
	c.reads.Add(1)
	return c.Target.Read(ctx)
}

// TestForget: what a process knows of Tomorro is read once, and anew after it is told to
// forget, as it is after a run and when Redis was lost: else somebody would be decided about
// by what the run changed, or by links that nothing remembers.
func TestForget(t *testing.T) {
	tn, store := newTown(t, 3), open(t, miniredis.RunT(t).Addr())
	if err := tn.reconcile("night", store); err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int32
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		p.Idle = time.Hour
		p.Runner.Target = wholeReads{p.Runner.Target, &reads}
	})
	for i, want := range []int32{1, 1, 2, 2} {
		if i == 2 {
			p.Forget()
		}
		if got := p.Look(t.Context(), jobs.Asked{UserName: tn.d.People[i%3].Email})[0]; got.Err != nil || got.Account.ID == "" {
			t.Fatalf("look %d: %+v", i, got)
		}
		if got := reads.Load(); got != want {
			t.Errorf("read %d times by look %d, want %d", got, i, want)
		}
	}
}

// TestAnotherAccountByAnother: whose account was gone, so that another replica made them
// another, is not left in that one when they leave.
func TestAnotherAccountByAnother(t *testing.T) {
	p := newPair(t, 2, nil)
	first := one(t, p.b, byName(1)).Account
	if _, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteDeleteUser, Account: first}); err != nil {
		t.Fatal(err)
	}
	if again := one(t, p.a, byName(1)).Account; again.ID == first.ID || !again.Active {
		t.Fatalf("%+v", again)
	}
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	if l := one(t, p.b, byName(1)); l.Err != nil || p.account("p1@x.io").Active {
		t.Errorf("Tomorro has %+v, and B says %+v", p.account("p1@x.io"), l)
	}
}
