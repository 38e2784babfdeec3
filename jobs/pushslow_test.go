package jobs_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// long is a Tomorro whose lists take minutes: it has many accounts, and may be asked
// little.
type long struct {
	jobs.Target
	takes time.Duration
}

func (l long) Read(ctx context.Context) (reconcile.Current, error) {
	if at, bounded := ctx.Deadline(); bounded && time.Until(at) < l.takes {
		return reconcile.Current{}, context.DeadlineExceeded
	}
	return l.Target.Read(ctx)
}

// TestPushAtALongTomorro: however long it takes to read all of Tomorro, which a look does
// first, somebody is looked at after that.
func TestPushAtALongTomorro(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		p.Runner.Target, p.Idle = long{p.Runner.Target, 10 * time.Minute}, time.Hour
	})
	if l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Account.Active {
		t.Errorf("%+v", l)
	}
}

// unhurried is a Queue that notes how long marks are to wait, and lets none wait.
type unhurried struct {
	jobs.Queue
	mu    sync.Mutex
	waits []time.Duration
}

func (u *unhurried) Postpone(ctx context.Context, later []jobs.Later) error {
	u.mu.Lock()
	for i := range later {
		u.waits = append(u.waits, later[i].After)
		later[i].After = 0
	}
	u.mu.Unlock()
	return u.Queue.Postpone(ctx, later)
}

// TestPatienceWithALateAPI: OneLogin's API has minutes to say what a push says of
// somebody's access, and is asked half as often each time.
func TestPatienceWithALateAPI(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	tn.edit(1, func(p *reconcile.Person) { p.Assigned = false })
	store := open(t, miniredis.RunT(t).Addr())
	u := new(unhurried)
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		u.Queue = p.Queue
		p.Queue, p.Retry = u, 5*time.Second
	})
	if l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Late {
		t.Fatalf("%+v", l)
	}
	awaitQuiet(t, store)
	var all time.Duration
	for i, wait := range u.waits {
		if all += wait; wait != 5*time.Second<<i {
			t.Errorf("look %d after %s", i+1, wait)
		}
	}
	if all < 5*time.Minute {
		t.Errorf("given up after %s", all)
	}
}

// TestPatienceBeginsAgain: somebody who is pushed again is asked about soon again, however
// long the push before was waited for.
func TestPatienceBeginsAgain(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	tn.edit(1, func(p *reconcile.Person) { p.Assigned = false })
	u := new(unhurried)
	p := tn.replica("replica", open(t, miniredis.RunT(t).Addr()), func(p *jobs.Pushes) {
		u.Queue = keeping{p.Queue}
		p.Queue, p.Retry, p.Idle = u, 5*time.Second, time.Hour
	})
	for range 4 {
		if l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Late {
			t.Fatalf("%+v", l)
		}
	}
	for i, wait := range u.waits {
		if wait != 5*time.Second {
			t.Errorf("push %d is looked at again after %s", i+1, wait)
		}
	}
}

// TestPatienceOutlivesOthers: looks at somebody on whom another is at work all the time use
// up nothing of the patience with a late API.
func TestPatienceOutlivesOthers(t *testing.T) {
	p := newPair(t, 1, nil)
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	late := byName(1)
	late.Want = jobs.WantIn
	if l := one(t, p.b, late); !l.Late {
		t.Fatalf("%+v", l)
	}
	looks := awaitMarks(t, p.store, 1).Marks[0].Looks
	if _, err := p.store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "other", Subjects: []string{"1"}, Life: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	p.replica("C", p.store, func(c *jobs.Pushes) {
		c.Queue = &between{Queue: &unhurried{Queue: c.Queue}, postpone: func(later []jobs.Later) {
			i := slices.IndexFunc(later, func(l jobs.Later) bool { return l.Mark.Subject == jobs.AddressSubject("p1@x.io") })
			if i < 0 || n.Add(1) > 8 {
				return
			}
			if later[i].Looks != looks {
				t.Errorf("after %d looks %d of %d are left", n.Load(), later[i].Looks, looks)
			}
			if n.Load() == 8 {
				p.edit(1, func(x *reconcile.Person) { x.Assigned = true })
				if err := p.store.Settle(context.Background(), []jobs.Settled{{Run: "other", Subjects: []string{"1"}}}); err != nil {
					t.Error(err)
				}
			}
		}}
	})
	awaitQuiet(t, p.store)
	if !p.account("p1@x.io").Active {
		t.Errorf("given up after %d looks", n.Load())
	}
}

// keeping is a Queue whose marks wait for long.
type keeping struct{ jobs.Queue }

func (k keeping) Postpone(ctx context.Context, later []jobs.Later) error {
	for i := range later {
		later[i].After = time.Hour
	}
	return k.Queue.Postpone(ctx, later)
}

// TestAccountOfSomebodyNotKnownYet: whoever is pushed onto an account that Tomorro has, and
// whom OneLogin's API does not know yet, is asked about again as one without an account is.
func TestAccountOfSomebodyNotKnownYet(t *testing.T) {
	p := newPair(t, 1, nil)
	made, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "new@x.io", UserType: reconcile.Viewer}})
	if err != nil {
		t.Fatal(err)
	}
	pushed := jobs.Asked{What: "replace", Account: made.ID, Agrees: func(*reconcile.Person) bool { return true }}
	if l := one(t, p.b, pushed); l.Err != nil || !l.Foreign {
		t.Errorf("%+v", l)
	}
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if a := p.account("new@x.io"); a.ID != made.ID || !a.Active {
		t.Errorf("%+v", a)
	}
}

// TestSomebodyNotKnownYet: whoever is pushed before OneLogin's API knows them gets their
// account once it does.
func TestSomebodyNotKnownYet(t *testing.T) {
	p := newPair(t, 1, nil)
	if l := one(t, p.b, jobs.Asked{What: "create", UserName: "new@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Late {
		t.Errorf("%+v", l)
	}
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if !p.account("new@x.io").Active {
		t.Error("nobody asked again")
	}
}

// TestDeletedByHand: whose account somebody deleted at Tomorro gets another one from a
// push, also when what is known of them is old and is read again before.
func TestDeletedByHand(t *testing.T) {
	var later atomic.Int64
	p := newPair(t, 2, func(p *jobs.Pushes) {
		p.Runner.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	id := one(t, p.b, byName(1)).Account.ID
	awaitQuiet(t, p.store)
	if _, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteDeleteUser, Account: reconcile.Account{ID: id}}); err != nil {
		t.Fatal(err)
	}
	later.Store(int64(time.Minute))
	p.title(1, "manager")
	if l := one(t, p.b, byName(1)); l.Err != nil || !l.Account.Active || l.Account.ID == id || l.Account.UserType != reconcile.Manager {
		t.Errorf("%+v", l)
	}
	awaitQuiet(t, p.store)
}
