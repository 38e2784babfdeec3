package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// counted is a Tomorro that counts how often it is asked.
type counted struct {
	*desk
	single, whole *atomic.Int64
}

func (c counted) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	c.single.Add(1)
	return c.desk.ReadAccount(ctx, id)
}

func (c counted) Read(ctx context.Context) (reconcile.Current, error) {
	c.whole.Add(1)
	return c.desk.Read(ctx)
}

// TestPushOfACrowd: a push may name very many accounts that Tomorro does not have, such as
// those of another organisation. It is not asked for each of them, so that others are not
// held up; and who is there is found among them, however new the account is.
func TestPushOfACrowd(t *testing.T) {
	const strangers = 3000
	tn := newTown(t, 2)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	if err := tn.reconcile("the first run", store); err != nil {
		t.Fatal(err)
	}
	var single, whole atomic.Int64
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		c := counted{p.Accounts.(*desk), &single, &whole}
		p.Accounts, p.Runner.Target, p.Idle, p.Deadline = c, c, time.Hour, time.Minute
	})
	one(t, p, jobs.Asked{What: "replace", Account: tn.account("p1@x.io").ID}) // everything is read
	created, err := tn.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "new@x.io", Active: true}})
	if err != nil {
		t.Fatal(err)
	}
	single.Store(0)
	whole.Store(0)
	group := []reconcile.Assertion{{Group: "g-2"}}
	var asked []jobs.Asked
	for i := range strangers {
		asked = append(asked, jobs.Asked{What: "members", Account: fmt.Sprint("nobody-", i), Groups: append([]reconcile.Assertion{}, group...)})
	}
	known := tn.account("p2@x.io").ID
	asked = append(asked, jobs.Asked{What: "members", Account: known, Groups: group}, jobs.Asked{What: "members", Account: created.ID, Groups: append([]reconcile.Assertion{}, group...)})
	got := p.Look(t.Context(), asked...)
	for i, l := range got[:strangers] {
		if !gone(l.Err) {
			t.Fatalf("number %d: %+v", i, l)
		}
	}
	if l := got[strangers]; l.Err != nil || !tn.in("g-2", known) {
		t.Errorf("who has an account: %+v", l)
	}
	if l := got[strangers+1]; l.Err != nil || !l.Foreign || l.Account.ID != created.ID {
		t.Errorf("an account that is new: %+v", l)
	}
	if s, w := single.Load(), whole.Load(); s > 100 || w > 4 {
		t.Errorf("asked for %d accounts, and %d times for everything", s, w)
	}
	awaitQuiet(t, store)
	if left, err := store.Assertions(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("%d assertions are remembered: %v", len(left), err)
	}
}

// TestPushOfAFew: for a few accounts that are not known Tomorro is asked for each.
func TestPushOfAFew(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	var single, whole atomic.Int64
	p := tn.replica("replica", open(t, miniredis.RunT(t).Addr()), func(p *jobs.Pushes) {
		c := counted{p.Accounts.(*desk), &single, &whole}
		p.Accounts, p.Runner.Target, p.Idle = c, c, time.Hour
	})
	one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn})
	whole.Store(0)
	for i := range 40 {
		if l := one(t, p, jobs.Asked{What: "members", Account: fmt.Sprint("nobody-", i)}); !gone(l.Err) {
			t.Errorf("%+v", l)
		}
	}
	if s, w := single.Load(), whole.Load(); s < 40 || w > 0 {
		t.Errorf("asked for %d accounts, and %d times for everything", s, w)
	}
}

func gone(err error) bool { return errors.Is(err, reconcile.ErrGone) }
