package jobs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestServeEnds: nothing is left of a Serve that ended, and whoever asked has an answer.
func TestServeEnds(t *testing.T) {
	tn := newTown(t, 20)
	tn.fail = errors.New("down")
	store := open(t, miniredis.RunT(t).Addr())
	already := goleak.IgnoreCurrent()
	d, r := tn.runner("short", store)
	p := &jobs.Pushes{Runner: r, Looker: d, Accounts: d, Queue: store, Idle: time.Millisecond, Retry: time.Millisecond}
	p.Open()
	ctx, cancel := context.WithCancel(t.Context())
	served, answered := make(chan struct{}), make(chan []jobs.Looked)
	go func() { defer close(served); p.Serve(ctx) }()
	var asked []jobs.Asked
	for k := range 20 {
		a := byName(k + 1)
		a.Want = jobs.WantIn
		asked = append(asked, a)
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		answered <- p.Look(ctx, asked...)
	}()
	cancel()
	<-served
	for _, l := range <-answered {
		if l.Err == nil {
			t.Errorf("%+v", l)
		}
	}
	redis := "github.com/alicebob/miniredis/v2/server.(*Server)." // connections that the pool keeps
	goleak.VerifyNone(t, already, goleak.IgnoreAnyFunction(redis+"servePeer"), goleak.IgnoreAnyFunction(redis+"servePeer.func2"))
}

// TestPushHeldAndApproved: what a push held is among the holds; approved, the next look
// does it, and nothing is held any more.
func TestPushHeldAndApproved(t *testing.T) {
	p := newPair(t, 3, func(p *jobs.Pushes) { p.Runner.Policy.Approve = []string{"delete"} })
	id := one(t, p.b, byName(1)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Status = 2 })
	out := jobs.Asked{What: "suspend", Account: id, Want: jobs.WantOut}
	for range 2 { // it is one hold, however often it is pushed
		if l := one(t, p.b, out); l.Err != nil || len(l.Held) != 1 || l.Late || !l.Account.Active {
			t.Fatalf("%+v", l)
		}
	}
	holds := func() []jobs.Hold {
		book, err := jobs.ReadHolds(t.Context(), p.store)
		if err != nil {
			t.Fatal(err)
		}
		decisions, err := p.store.Decisions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return book.Open(decisions, false, time.Now())
	}
	held := holds()
	if len(held) != 1 || !held[0].Approvable || len(held[0].Changes) != 1 {
		t.Fatalf("%+v", held)
	}
	if _, err := jobs.Answer(t.Context(), p.store, held, held[0].ID, jobs.Word{Who: "somebody", Approves: true, For: time.Hour}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if l := one(t, p.b, out); l.Err != nil || len(l.Held) > 0 || l.Account.Active {
		t.Errorf("approved: %+v", l)
	}
	awaitQuiet(t, p.store) // what was used is stored after the answer
	if held := holds(); len(held) > 0 {
		t.Errorf("still held: %+v", held)
	}
	if decisions, err := p.store.Decisions(t.Context()); err != nil || len(decisions) > 0 {
		t.Errorf("the approval is good for another: %+v %v", decisions, err)
	}
}

// TestPushHeldAndOver: a hold goes when OneLogin says otherwise.
func TestPushHeldAndOver(t *testing.T) {
	p := newPair(t, 3, func(p *jobs.Pushes) { p.Runner.Policy.Approve = []string{"delete"} })
	one(t, p.b, byName(1))
	p.edit(1, func(x *reconcile.Person) { x.Status = 2 })
	one(t, p.b, byName(1))
	p.edit(1, func(x *reconcile.Person) { x.Status = 1 })
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) > 0 {
		t.Errorf("%+v", l)
	}
	book, err := jobs.ReadHolds(t.Context(), p.store)
	if held := book.Open(nil, false, time.Now()); err != nil || len(held) > 0 {
		t.Errorf("still held: %+v %v", held, err)
	}
	awaitQuiet(t, p.store)
}

// TestPushOfPinned: whom somebody undid stays as they are, until released.
func TestPushOfPinned(t *testing.T) {
	p := newPair(t, 3, nil)
	one(t, p.b, byName(1))
	err := p.store.Do(t.Context(), "somebody", func(ctx context.Context, lease jobs.Lease) error {
		return p.store.Pin(ctx, lease, map[reconcile.Key]jobs.Pin{1: {Run: "r", By: "somebody", At: time.Now()}})
	})
	if err != nil {
		t.Fatal(err)
	}
	p.title(1, "manager")
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) != 1 || l.Held[0].Rule != reconcile.RulePinned || l.Account.UserType != reconcile.User {
		t.Errorf("%+v", l)
	}
	if err := p.store.Unpin(t.Context(), []reconcile.Key{1}); err != nil {
		t.Fatal(err)
	}
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) > 0 || l.Account.UserType != reconcile.Manager {
		t.Errorf("released: %+v", l)
	}
	awaitQuiet(t, p.store)
}

// TestBusy: somebody on whom another is at work is looked at when that ends, and not
// taken to be as they should be, also where nothing would be to do.
func TestBusy(t *testing.T) {
	p := newPair(t, 2, nil)
	if err := p.reconcile("a run", p.store); err != nil {
		t.Fatal(err)
	}
	p.title(1, "manager")
	both := []string{"1", "2"}
	if _, err := p.store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "other", Subjects: both, Life: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	for k := range both {
		if l := p.b.Look(patient{t.Context(), time.Now()}, byName(k+1))[0]; !errors.Is(l.Err, jobs.ErrBusy) {
			t.Errorf("%+v", l)
		}
	}
	if err := p.store.Settle(t.Context(), []jobs.Settled{{Run: "other", Subjects: both}}); err != nil {
		t.Fatal(err)
	}
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if a := p.account("p1@x.io"); a.UserType != reconcile.Manager {
		t.Errorf("%+v", a)
	}
}

// TestBehind: when OneLogin's API says something else of a person than the push, it is asked
// again, and what it says then is done.
func TestBehind(t *testing.T) {
	p := newPair(t, 1, nil)
	married := jobs.Asked{What: "replace", UserName: "p1@x.io", Agrees: func(x *reconcile.Person) bool { return x.LastName == "Married" }}
	if l := one(t, p.b, married); l.Err != nil || l.Late || !l.Account.Active {
		t.Errorf("%+v", l)
	}
	p.edit(1, func(x *reconcile.Person) { x.LastName = "Married" })
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if a := p.account("p1@x.io"); a.FamilyName != "Married" {
		t.Errorf("%+v", a)
	}
}

// TestLateRemoval: who is pushed off, and has the app by OneLogin's API, stays, and is
// asked about again.
func TestLateRemoval(t *testing.T) {
	p := newPair(t, 2, nil)
	id := one(t, p.b, byName(1)).Account.ID
	if l := one(t, p.b, jobs.Asked{What: "delete", Account: id, Want: jobs.WantOut}); l.Err != nil || !l.Late || !l.Account.Active {
		t.Errorf("%+v", l)
	}
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if p.account("p1@x.io").Active {
		t.Error("they are still there")
	}
}

// TestWhoHasAccess: of two people with one address, the answer is about who has access.
func TestWhoHasAccess(t *testing.T) {
	p := newPair(t, 2, nil)
	one(t, p.b, byName(1))
	id := one(t, p.b, byName(2)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Assigned, x.Email = false, "both@x.io" })
	p.edit(2, func(x *reconcile.Person) { x.Email = "both@x.io" })
	if l := one(t, p.b, jobs.Asked{What: "replace", UserName: "both@x.io"}); l.Err != nil || l.Key != 2 || l.Account.ID != id {
		t.Errorf("%+v", l)
	}
}

// TestKnownByAnotherName: who is called at Tomorro as OneLogin finds nobody is known by
// their account.
func TestKnownByAnotherName(t *testing.T) {
	p := newPair(t, 2, nil)
	id := one(t, p.b, byName(1)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	if l := one(t, p.b, byName(1)); l.Err != nil || l.Key != 1 || l.Account.ID != id || l.Account.UserName != "new@x.io" {
		t.Errorf("%+v", l)
	}
}

// TestPushOfRecreated: who is pushed off and gone, and whose address somebody has under
// another OneLogin id by then, keeps the account until somebody says whose it is.
func TestPushOfRecreated(t *testing.T) {
	p := newPair(t, 3, nil)
	id := one(t, p.b, byName(1)).Account.ID
	left := one(t, p.b, byName(2)).Account.ID
	p.mu.Lock()
	p.d.People[0].Key = 50
	p.d.People = slices.Delete(p.d.People, 1, 2)
	p.mu.Unlock()
	if l := one(t, p.b, jobs.Asked{What: "delete", Account: id, Want: jobs.WantOut}); !p.account("p1@x.io").Active || !slices.ContainsFunc(l.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleRecreated }) {
		t.Errorf("%+v", l)
	}
	if l := one(t, p.b, jobs.Asked{What: "delete", Account: left, Want: jobs.WantOut}); l.Err != nil || p.account("p2@x.io").Active {
		t.Errorf("who left is still there: %+v", l)
	}
	if l := one(t, p.b, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); len(l.Held) != 1 || !strings.Contains(l.Held[0].Reason, "tomorro-sync adopt") {
		t.Errorf("who is made anew is to have the account removed that is theirs: %+v", l)
	}
}

// silentAboutNames is a OneLogin that answers for ids, and while it is on for no name.
type silentAboutNames struct {
	jobs.Looker
	on *atomic.Bool
}

func (s silentAboutNames) Find(ctx context.Context, name string) ([]reconcile.Key, error) {
	if s.on.Load() {
		return nil, errors.New("OneLogin does not answer")
	}
	return s.Looker.Find(ctx, name)
}

// TestPushWithoutSuccessor: whoever is gone keeps their account as long as OneLogin does not
// say whether somebody at work has their address, who may be the same person.
func TestPushWithoutSuccessor(t *testing.T) {
	var silent atomic.Bool
	p := newPair(t, 2, func(b *jobs.Pushes) { b.Looker = silentAboutNames{b.Looker, &silent} })
	id := one(t, p.b, byName(1)).Account.ID
	p.mu.Lock()
	p.d.People[0].Key = 50
	p.mu.Unlock()
	silent.Store(true)
	l := one(t, p.b, jobs.Asked{What: "delete", Account: id, Want: jobs.WantOut})
	if !p.account("p1@x.io").Active || !slices.ContainsFunc(l.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleWitness }) {
		t.Errorf("%+v", l)
	}
}

// TestAssertionsOfNobody: what was said of groups of an account that is gone, or
// nobody's, is not remembered.
func TestAssertionsOfNobody(t *testing.T) {
	p := newPair(t, 2, nil)
	made, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "foreign@x.io", Active: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{made.ID, "gone"} {
		l := one(t, p.b, jobs.Asked{What: "members", Account: id, Groups: []reconcile.Assertion{{Group: "g-2"}}})
		if !l.Foreign && !errors.Is(l.Err, reconcile.ErrGone) {
			t.Errorf("%s: %+v", id, l)
		}
	}
	if p.in("g-2", made.ID) {
		t.Error("an account that is nobody's was touched")
	}
	id := one(t, p.b, byName(1)).Account.ID
	one(t, p.b, jobs.Asked{What: "members", Account: id, Groups: []reconcile.Assertion{{Group: "g-2"}}})
	awaitQuiet(t, p.store) // a run leaves out who is still taken, for another look, and nobody looks here
	if _, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteDeleteUser, Account: reconcile.Account{ID: id}}); err != nil {
		t.Fatal(err)
	}
	if err := p.reconcile("a run", p.store); err != nil {
		t.Fatal(err)
	}
	if asserted, err := p.store.Assertions(t.Context()); err != nil || len(asserted) > 0 {
		t.Errorf("%+v %v", asserted, err)
	}
	awaitQuiet(t, p.store)
}

// TestPushAfterAdoptMatch: a push that names an account is about whom somebody gave it to,
// whatever was known of its owner before.
func TestPushAfterAdoptMatch(t *testing.T) {
	p := newPair(t, 2, nil)
	given, left := one(t, p.b, byName(1)).Account.ID, one(t, p.b, byName(2)).Account.ID
	p.mu.Lock()
	p.d.People[0].Key, p.d.People[1].Key = 50, 60
	p.mu.Unlock()
	for former, account := range map[reconcile.Key]string{1: given, 2: left} {
		now := map[reconcile.Key]reconcile.Key{1: 50, 2: 60}[former]
		if err := p.store.DecideAdoption(t.Context(), account, reconcile.AdoptionDecision{Key: now, Former: former, By: "somebody", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	p.title(50, "manager")
	if l := one(t, p.b, jobs.Asked{What: "replace", Account: given, Want: jobs.WantIn}); l.Err != nil || l.Key != 50 || p.account("p1@x.io").UserType != reconcile.Manager {
		t.Errorf("%+v, and Tomorro has %+v", l, p.account("p1@x.io"))
	}
	p.edit(60, func(x *reconcile.Person) { x.Assigned = false })
	if l := one(t, p.b, jobs.Asked{What: "delete", Account: left, Want: jobs.WantOut}); l.Err != nil || l.Late || p.account("p2@x.io").Active {
		t.Errorf("who left keeps access: %+v", l)
	}
}

// TestPushedTwin: where Tomorro has two accounts with somebody's address, a push takes neither,
// as a run does.
func TestPushedTwin(t *testing.T) {
	p := newPair(t, 1, nil)
	twins := []reconcile.Account{
		{ID: "t1", UserName: "p1@x.io", GivenName: "Given", FamilyName: "Doe", UserType: reconcile.User, Active: true},
		{ID: "t2", UserName: "P1@x.io", GivenName: "Given", FamilyName: "Roe", UserType: reconcile.User, Active: true},
	}
	p.memory = reconciletest.NewMemory(reconcile.Current{Accounts: twins})
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) != 1 || !strings.Contains(l.Held[0].Reason, "p1@x.io (t1) and P1@x.io (t2)") {
		t.Errorf("%+v", l)
	}
}
