package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// pair is two replicas over one store that work off no marks, so that each look is
// one of the test.
type pair struct {
	*town
	store *redisstore.Store
	a, b  *jobs.Pushes
}

// undrained is a Queue of which nothing is taken up: who has it only does what they are
// asked. Else the first look for marks, which may come late, takes up marks that are due:
// those of the other, and those of whoever is asked about while the look before still ends.
type undrained struct{ jobs.Queue }

func (undrained) Due(context.Context, int, time.Duration) ([]jobs.Mark, error) { return nil, nil }

func newPair(t *testing.T, people int, ofB func(*jobs.Pushes)) *pair {
	tn := newTown(t, people)
	tn.rush = true
	p := &pair{town: tn, store: open(t, miniredis.RunT(t).Addr())}
	p.a = tn.replica("A", p.store, func(p *jobs.Pushes) { p.Queue = undrained{p.Queue} })
	p.b = tn.replica("B", p.store, func(p *jobs.Pushes) {
		p.Queue = undrained{p.Queue}
		if ofB != nil {
			ofB(p)
		}
	})
	return p
}

func byName(key int) jobs.Asked {
	return jobs.Asked{What: "replace", UserName: fmt.Sprintf("p%d@x.io", key)}
}

func (p *pair) title(key reconcile.Key, title string) {
	p.edit(key, func(x *reconcile.Person) { x.Title = title })
}

// hooked is an AccountReader in whose way something comes.
type hooked struct {
	jobs.AccountReader
	account func() error
	groups  func()
}

func (h *hooked) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	if h.account != nil {
		if err := h.account(); err != nil {
			return reconcile.Account{}, err
		}
	}
	return h.AccountReader.ReadAccount(ctx, id)
}

func (h *hooked) ReadGroups(ctx context.Context) (reconcile.Current, error) {
	c, err := h.AccountReader.ReadGroups(ctx)
	if h.groups != nil {
		h.groups()
	}
	return c, err
}

// TestFailedLookKnowsNothing: a look that could not read what another replica wrote
// is no look; the next one reads it.
func TestFailedLookKnowsNothing(t *testing.T) {
	var broken atomic.Bool
	p := newPair(t, 2, func(p *jobs.Pushes) {
		p.Accounts = &hooked{AccountReader: p.Accounts, account: func() error {
			if broken.Load() {
				return errors.New("Tomorro is slow")
			}
			return nil
		}}
	})
	one(t, p.b, byName(1))
	p.title(1, "manager")
	one(t, p.a, byName(1))
	p.title(1, "user")
	broken.Store(true)
	if l := one(t, p.b, byName(1)); l.Err == nil {
		t.Fatalf("%+v", l)
	}
	broken.Store(false)
	if l := one(t, p.b, byName(1)); l.Err != nil || p.account("p1@x.io").UserType != reconcile.User {
		t.Errorf("%+v, and Tomorro has %+v", l, p.account("p1@x.io"))
	}
}

// TestAdoptedByAnother: an account that was nobody's when it was read, and that
// another replica found and wrote since, is read again.
func TestAdoptedByAnother(t *testing.T) {
	p := newPair(t, 2, nil)
	if _, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "p1@x.io", GivenName: "Given", FamilyName: "Version 0", UserType: reconcile.User, Active: true}}); err != nil {
		t.Fatal(err)
	}
	one(t, p.b, byName(2))
	p.title(1, "manager")
	one(t, p.a, byName(1))
	p.title(1, "user")
	if l := one(t, p.b, byName(1)); l.Err != nil || p.account("p1@x.io").UserType != reconcile.User {
		t.Errorf("%+v, and Tomorro has %+v", l, p.account("p1@x.io"))
	}
}

// TestMadeByAnother: whose account another replica made gets no second one, also not under
// another address.
func TestMadeByAnother(t *testing.T) {
	p := newPair(t, 2, nil)
	one(t, p.b, byName(2))
	id := one(t, p.a, byName(1)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	l := one(t, p.b, jobs.Asked{What: "replace", UserName: "new@x.io"})
	if l.Err != nil || l.Account.ID != id || p.account("new@x.io").ID != id {
		t.Errorf("%+v, and Tomorro has %+v", l, p.account("new@x.io"))
	}
}

// TestWishesOfOnePerson: a push that waits for a late API keeps its mark when another
// push for the same person, which expects nothing, is over before.
func TestWishesOfOnePerson(t *testing.T) {
	for _, patience := range []time.Duration{2 * time.Second, 3 * time.Second} { // asked once, and again after a second
		t.Run(patience.String(), func(t *testing.T) { wishes(t, patience) })
	}
}

func wishes(t *testing.T, patience time.Duration) {
	p := newPair(t, 2, nil)
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	late := make(chan jobs.Looked)
	go func() {
		a := byName(1)
		a.Want = jobs.WantIn
		late <- p.b.Look(patient{context.Background(), time.Now().Add(patience)}, a)[0]
	}()
	for {
		if snapshot, err := p.store.Snapshot(t.Context()); err != nil || len(snapshot.Marks) > 0 {
			break
		}
	}
	for range 3 { // whichever look it shares, or comes after
		one(t, p.b, byName(1))
	}
	if l := <-late; !l.Late {
		t.Fatalf("%+v", l)
	}
	p.askedAgain(t) // the others may not have ended their marks yet
}

func (p *pair) askedAgain(t *testing.T) {
	t.Helper()
	snapshot, err := p.store.Snapshot(t.Context())
	if err != nil || !slices.ContainsFunc(snapshot.Marks, func(m jobs.Mark) bool { return m.Looks > 0 }) {
		t.Errorf("it is not asked again: %+v %v", snapshot.Marks, err)
	}
}

// between is a Queue in whose way something comes before marks are postponed.
type between struct {
	jobs.Queue
	postpone func([]jobs.Later)
}

func (b *between) Postpone(ctx context.Context, later []jobs.Later) error {
	b.postpone(later)
	return b.Queue.Postpone(ctx, later)
}

// TestWishAndAnotherReplica: the same, when the other push comes to another replica in
// the middle of it.
func TestWishAndAnotherReplica(t *testing.T) {
	var p *pair
	var once sync.Once
	p = newPair(t, 2, func(b *jobs.Pushes) {
		b.Queue = &between{Queue: b.Queue, postpone: func([]jobs.Later) { once.Do(func() { one(t, p.a, byName(1)) }) }}
	})
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	late := byName(1)
	late.Want = jobs.WantIn
	if l := one(t, p.b, late); !l.Late {
		t.Fatalf("%+v", l)
	}
	p.askedAgain(t)
}

// TestMarksOfNobody: marks that name nobody whom a look can take are not worked off
// for ever, whoever wrote their subjects last.
func TestMarksOfNobody(t *testing.T) {
	tn := newTown(t, 2)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	var wanted []jobs.Wanted
	for _, subject := range []string{"admins", "group named legal", "group g-1", "account none", "address nobody@x.io", "77"} {
		_, err := store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "other", Subjects: []string{subject}, Life: time.Minute}})
		if err == nil {
			err = store.Settle(t.Context(), []jobs.Settled{{Run: "other", Subjects: []string{subject}}})
		}
		if err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, jobs.Wanted{Subject: subject})
	}
	if _, err := store.Mark(t.Context(), 0, wanted); err != nil {
		t.Fatal(err)
	}
	tn.replica("replica", store, nil)
	awaitQuiet(t, store)
}

// TestWriteToNobody: an account that is gone when it is written is no reason to forget
// the person, who gets another.
func TestWriteToNobody(t *testing.T) {
	p := newPair(t, 2, nil)
	id := one(t, p.b, byName(1)).Account.ID
	if _, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteDeleteUser, Account: reconcile.Account{ID: id}}); err != nil {
		t.Fatal(err)
	}
	p.title(1, "manager")
	if l := one(t, p.b, jobs.Asked{What: "replace", Account: id}); l.Err == nil || errors.Is(l.Err, reconcile.ErrGone) {
		t.Errorf("%+v", l)
	}
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if a := p.account("p1@x.io"); !a.Active || a.UserType != reconcile.Manager {
		t.Errorf("%+v", a)
	}
}

// TestAddressOfAnother: an address that passes from one person to another is the
// other's in a push, although Tomorro still has it at the first one's account.
func TestAddressOfAnother(t *testing.T) {
	p := newPair(t, 2, nil)
	first := one(t, p.b, byName(1)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	p.edit(2, func(x *reconcile.Person) { x.Email = "p1@x.io" })
	a := byName(1)
	a.Want = jobs.WantIn
	if l := one(t, p.b, a); l.Key != 2 || l.Account.ID == first || len(l.Held) != 1 {
		t.Errorf("%+v", l)
	}
	if l := one(t, p.a, jobs.Asked{What: "replace", Account: first}); l.Err != nil || l.Account.UserName != "new@x.io" {
		t.Errorf("%+v", l)
	}
	if l := one(t, p.b, a); l.Err != nil || len(l.Held) > 0 || l.Key != 2 || !l.Account.Active || l.Account.UserName != "p1@x.io" {
		t.Errorf("the address is free, and B says %+v", l)
	}
	awaitQuiet(t, p.store)
}

// TestAddressIsGivenUp: who waits for an address gets it without another push.
func TestAddressIsGivenUp(t *testing.T) {
	p := newPair(t, 2, nil)
	first := one(t, p.b, byName(1)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	p.edit(2, func(x *reconcile.Person) { x.Email = "p1@x.io" })
	one(t, p.b, byName(1))
	one(t, p.a, jobs.Asked{What: "replace", Account: first})
	p.replica("C", p.store, nil)
	awaitQuiet(t, p.store)
	if a := p.account("p1@x.io"); !a.Active || a.ID == first {
		t.Errorf("%+v", a)
	}
}

// TestNewGroupByHand: a group that came since the groups were read can be given.
func TestNewGroupByHand(t *testing.T) {
	p := newPair(t, 2, nil)
	id := one(t, p.b, byName(1)).Account.ID
	made, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "new"})
	if err != nil {
		t.Fatal(err)
	}
	l := one(t, p.b, jobs.Asked{What: "members", Account: id, Groups: []reconcile.Assertion{{Group: made.ID}}})
	if l.Err != nil || !p.in(made.ID, id) {
		t.Errorf("%+v", l)
	}
	if asserted, err := p.store.Assertions(t.Context()); err != nil || len(asserted) != 1 {
		t.Errorf("%+v %v", asserted, err)
	}
}

// TestNewGroupOfARule: so it is with a group that a rule gives.
func TestNewGroupOfARule(t *testing.T) {
	p := newPair(t, 2, nil)
	p.town.mu.Lock()
	p.d.Rules[0].Actions[0].Values = []string{"new"}
	p.town.mu.Unlock()
	if l := one(t, p.b, byName(1)); len(l.Held) != 1 {
		t.Fatalf("%+v", l)
	}
	made, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "new"})
	if err != nil {
		t.Fatal(err)
	}
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) > 0 || !p.in(made.ID, l.Account.ID) {
		t.Errorf("%+v", l)
	}
}

// TestOneGroupOfAName: two replicas that create the same group make one.
func TestOneGroupOfAName(t *testing.T) {
	for _, rule := range []bool{false, true} {
		t.Run(fmt.Sprint(rule), func(t *testing.T) {
			var meanwhile atomic.Bool
			var p *pair
			p = newPair(t, 2, func(b *jobs.Pushes) {
				b.Runner.Policy.CreateGroups = true
				b.Accounts = &hooked{AccountReader: b.Accounts, groups: func() {
					if meanwhile.CompareAndSwap(true, false) {
						if _, err := p.a.MakeGroup(t.Context(), "", "Fresh"); err != nil {
							t.Error(err)
						}
					}
				}}
			})
			p.a.Runner.Policy.CreateGroups = true
			one(t, p.a, byName(2))
			one(t, p.b, byName(2))
			if rule {
				p.town.mu.Lock()
				p.d.Rules[0].Actions[0].Values = []string{"fresh"}
				p.town.mu.Unlock()
				if _, err := p.a.MakeGroup(t.Context(), "", "Fresh"); err != nil { // B does not know
					t.Fatal(err)
				}
				if l := one(t, p.b, byName(1)); l.Err != nil {
					t.Errorf("%+v", l)
				}
			} else {
				meanwhile.Store(true)
				if g, err := p.b.MakeGroup(t.Context(), "", "fresh"); err != nil || g.ID == "" {
					t.Errorf("%+v %v", g, err)
				}
			}
			c, _ := p.memory.Read(t.Context())
			named := slices.DeleteFunc(c.Groups, func(g reconcile.Group) bool { return reconcile.Fold(g.Name) != "fresh" })
			if len(named) != 1 || rule && len(named[0].Members) != 1 {
				t.Errorf("%+v", named)
			}
		})
	}
}

// TestAdminMeanwhile: nobody is kept for min_admins when another replica has made
// somebody else admin.
func TestAdminMeanwhile(t *testing.T) {
	p := newPair(t, 3, func(p *jobs.Pushes) { p.Runner.Policy.MinAdmins = 1 })
	p.title(1, "admin")
	one(t, p.b, byName(1))
	p.title(2, "admin")
	one(t, p.a, byName(2))
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	if l := one(t, p.b, byName(1)); l.Err != nil || l.Account.Active || len(l.Held) > 0 {
		t.Errorf("%+v", l)
	}
	p.edit(2, func(x *reconcile.Person) { x.Assigned = false })
	if l := one(t, p.b, byName(2)); l.Err != nil || !l.Account.Active || len(l.Held) != 1 {
		t.Errorf("the last one: %+v", l)
	}
}

// TestTwoWithOneAddress: a push names both, and the answer is about who has access.
func TestTwoWithOneAddress(t *testing.T) {
	p := newPair(t, 2, nil)
	p.edit(1, func(x *reconcile.Person) { x.Assigned = false })
	p.edit(2, func(x *reconcile.Person) { x.Email = "p1@x.io" })
	if l := one(t, p.b, byName(1)); l.Err != nil || l.Key != 2 || !l.Account.Active {
		t.Errorf("%+v", l)
	}
	p.edit(1, func(x *reconcile.Person) { x.Assigned = true })
	if l := one(t, p.b, byName(1)); l.Err != nil || len(l.Held) == 0 || l.Key != 2 {
		t.Errorf("now both have the app: %+v", l)
	}
}
