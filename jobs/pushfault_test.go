package jobs_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// unreadable is a Tomorro that cannot show one account.
type unreadable struct {
	*desk
	id string
}

func (u unreadable) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	if id == u.id {
		return reconcile.Account{}, errors.New("500")
	}
	return u.desk.ReadAccount(ctx, id)
}

// crowded is a OneLogin that keeps a look at somebody waiting, so that whoever is pushed
// meanwhile is looked at together.
type crowded struct {
	jobs.Looker
	slow reconcile.Key
	wait chan struct{}
}

func (c crowded) Look(ctx context.Context, keys []reconcile.Key) (reconcile.Directory, error) {
	if slices.Contains(keys, c.slow) {
		<-c.wait
	}
	return c.Looker.Look(ctx, keys)
}

// TestPushOfOneThatCannotBeRead: who comes together with somebody whose account Tomorro
// cannot show, or whose address an account has that it cannot show, is done all the same,
// and that one is tried again.
func TestPushOfOneThatCannotBeRead(t *testing.T) {
	for _, address := range []bool{false, true} {
		tn := newTown(t, 3)
		tn.rush = true
		store := open(t, miniredis.RunT(t).Addr())
		if err := tn.reconcile("the first run", store); err != nil {
			t.Fatal(err)
		}
		ids := []string{tn.account("p1@x.io").ID, tn.account("p2@x.io").ID}
		bad := ids[0]
		if address {
			made, err := tn.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "new@x.io"}})
			if err != nil {
				t.Fatal(err)
			}
			bad = made.ID
		}
		c := &clock{at: time.Now()}
		wait := make(chan struct{})
		p := tn.replica("replica", store, func(p *jobs.Pushes) {
			p.Accounts = unreadable{p.Accounts.(*desk), bad}
			p.Looker = crowded{p.Looker, 3, wait}
			p.Idle, p.Retry = time.Hour, time.Hour
			p.Runner.Now = c.now
		})
		one(t, p, jobs.Asked{What: "replace", Account: ids[1]}) // everything is read
		c.set(c.now().Add(time.Minute))                         // and old
		for k := range reconcile.Key(2) {
			tn.edit(k+1, func(p *reconcile.Person) { p.Title = "manager" })
		}
		if address {
			tn.edit(1, func(p *reconcile.Person) { p.Email = "new@x.io" })
		}
		third := make(chan jobs.Looked)
		go func() { third <- p.Look(context.Background(), byName(3))[0] }()
		awaitMarks(t, store, 1)
		time.AfterFunc(100*time.Millisecond, func() { close(wait) })
		got := p.Look(t.Context(), jobs.Asked{What: "replace", Account: ids[0]}, jobs.Asked{What: "replace", Account: ids[1]})
		if <-third; got[0].Err == nil || got[1].Err != nil || got[1].Account.UserType != reconcile.Manager {
			t.Errorf("%+v", got)
		}
		if a := tn.account("p1@x.io"); a.UserType != reconcile.User {
			t.Errorf("%+v was written without being read", a)
		}
		s := awaitMarks(t, store, 1) // the others' are forgotten after the answer
		if s.Marks[0].Tries != 1 {
			t.Errorf("%+v", s.Marks)
		}
	}
}

// panicking is a OneLogin client with a fault of its own.
type panicking struct{ *desk }

func (panicking) Look(context.Context, []reconcile.Key) (reconcile.Directory, error) {
	panic("a fault")
}

// TestPushThatPanics: it costs its requests, which stay marked, and nothing else.
func TestPushThatPanics(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		p.Looker, p.Idle = panicking{p.Looker.(*desk)}, time.Hour
	})
	for range 2 {
		if l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err == nil {
			t.Errorf("%+v", l)
		}
	}
	if s, err := store.Snapshot(t.Context()); err != nil || len(s.Marks) == 0 {
		t.Errorf("%+v %v", s.Marks, err)
	}
}

// stuck is a Tomorro that answers no write. It notes for how long it could be tried.
type stuck struct {
	jobs.Target
	left chan time.Duration
}

func (s stuck) Write(ctx context.Context, _ reconcile.Write) (reconcile.Written, error) {
	ends, _ := ctx.Deadline()
	s.left <- time.Until(ends)
	return reconcile.Written{}, errors.New("no answer")
}

// TestPushIsNotSentWithoutItsClaim: once others may be at work on the person, what a push
// found is not sent any more.
func TestPushIsNotSentWithoutItsClaim(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	const life = 12 * time.Second
	target := stuck{left: make(chan time.Duration, 1)}
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		target.Target = p.Runner.Target
		p.Runner.Target, p.Life, p.Idle, p.Retry = target, life, time.Hour, time.Hour
	})
	l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn})
	select {
	case left := <-target.left:
		if l.Err == nil || left < -time.Hour || left > life*3/4 { // the zero time is no end
			t.Errorf("tried for %s: %+v", left, l)
		}
	default:
		t.Errorf("not tried at all: %+v", l)
	}
	if s := awaitMarks(t, store, 1); s.Marks[0].Tries != 1 {
		t.Errorf("%+v", s.Marks)
	}
}

// TestGroupBeforeAnythingElse: a replica that has read nothing yet makes a group.
func TestGroupBeforeAnythingElse(t *testing.T) {
	p := newPair(t, 1, func(p *jobs.Pushes) { p.Runner.Policy.CreateGroups = true })
	g, err := p.b.MakeGroup(t.Context(), "", "Fresh")
	if c, _ := p.memory.Read(t.Context()); err != nil || !slices.ContainsFunc(c.Groups, func(x reconcile.Group) bool { return x.ID == g.ID && x.Name == "Fresh" }) {
		t.Errorf("%+v %v %+v", g, err, c.Groups)
	}
}

// reading is a OneLogin, a Tomorro and a memory that tell when somebody is read.
type reading struct {
	*desk
	jobs.Recaller
	what func(string)
}

func (r reading) Look(ctx context.Context, keys []reconcile.Key) (reconcile.Directory, error) {
	r.what("OneLogin")
	return r.desk.Look(ctx, keys)
}

func (r reading) Witness(ctx context.Context, keys []reconcile.Key) []reconcile.Testimony {
	r.what("the witness")
	return r.desk.Witness(ctx, keys)
}

func (r reading) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	r.what("the account")
	return r.desk.ReadAccount(ctx, id)
}

func (r reading) Recall(ctx context.Context, since time.Time) (jobs.Recalled, error) {
	r.what("the memory")
	return r.Recaller.Recall(ctx, since)
}

// TestTakenBeforeRead: whoever is looked at is taken before anything is read of them: else
// others could write in between, and what was read be written over it.
func TestTakenBeforeRead(t *testing.T) {
	c := &clock{at: time.Now()}
	var mu sync.Mutex
	read := make(map[string]bool)
	var p *pair
	p = newPair(t, 1, func(b *jobs.Pushes) {
		r := reading{b.Looker.(*desk), b.Runner.Recaller, func(what string) {
			got, err := p.store.Claim(context.Background(), jobs.Lease{}, []jobs.Claim{{Run: "other", Subjects: []string{"1"}, Life: time.Minute}})
			if err != nil || len(got[0].Newer) == 0 {
				t.Errorf("%s is read before the person is taken: %+v %v", what, got, err)
			}
			mu.Lock()
			defer mu.Unlock()
			read[what] = true
		}}
		b.Looker, b.Accounts, b.Runner.Source, b.Runner.Recaller, b.Runner.Now = r, r, r, r, c.now
		b.Deadline = time.Hour // the first look may not have given them back
	})
	id := one(t, p.b, byName(1)).Account.ID
	c.set(c.now().Add(time.Minute)) // what is known is old
	p.edit(1, func(x *reconcile.Person) { x.Status = 2 })
	l := p.b.Look(patient{t.Context(), time.Now().Add(time.Hour)}, jobs.Asked{What: "suspend", Account: id, Want: jobs.WantOut})[0]
	if l.Err != nil || p.account("p1@x.io").Active || len(read) != 4 {
		t.Errorf("%+v, and %v was read", l, read)
	}
}
