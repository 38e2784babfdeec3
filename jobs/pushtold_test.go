package jobs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// entries are those of the journal.
func (p *pair) entries(t *testing.T) (all []jobs.Entry) {
	t.Helper()
	if err := p.store.Scan(t.Context(), time.Time{}, func(e jobs.Entry) bool { all = append(all, e); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPushIsJournaled: who was looked at and for which request, what OneLogin answered
// about somebody to be removed, and what was held are in the journal, under one run.
func TestPushIsJournaled(t *testing.T) {
	p := newPair(t, 3, nil)
	p.a.Runner.Policy.Approve = []string{"delete"}
	began := time.Now().Add(-time.Second)
	for k, replica := range []*jobs.Pushes{p.b, p.a} {
		key := reconcile.Key(k + 1)
		id := one(t, replica, byName(k+1)).Account.ID
		awaitMarks(t, p.store, 0)
		before := len(p.entries(t))
		p.edit(key, func(x *reconcile.Person) { x.Status = 2 })
		one(t, replica, jobs.Asked{Request: "r-1", What: "suspend", Account: id, Want: jobs.WantOut})
		told := make(map[jobs.EntryKind]jobs.Entry)
		for _, e := range p.entries(t)[before:] {
			told[e.Kind] = e
		}
		why, witness, hold := told[jobs.EntryPush], told[jobs.EntryWitness], told[jobs.EntryHold]
		if why.Trigger == nil || why.Trigger.By != "push" || !slices.Equal(why.Pushed, []jobs.Pushed{{Request: "r-1", Asked: "suspend", Key: key}}) {
			t.Errorf("%+v", why)
		}
		if asked := replica == p.b; asked && (len(witness.Said) != 1 || witness.Said[0].Key != key || witness.Said[0].Answer != reconcile.WitnessInactive) || !asked && (len(hold.Held) != 1 || hold.Held[0].Key != key) {
			t.Errorf("%+v", told)
		}
		for kind, e := range told {
			if e.Run == "" || e.Run != why.Run || e.Time.Before(began) {
				t.Errorf("%s is of run %q, and the push of %q; at %s", kind, e.Run, why.Run, e.Time)
			}
		}
	}
}

// forgetful is a journal that takes no entry of why.
type forgetful struct{ jobs.Journal }

func (forgetful) Append(context.Context, jobs.Lease, ...jobs.Entry) ([]string, error) {
	return nil, errors.New("full")
}

// TestPushThatIsNotJournaled: a push of which the journal does not say why is not
// answered as done.
func TestPushThatIsNotJournaled(t *testing.T) {
	p := newPair(t, 2, func(p *jobs.Pushes) { p.Runner.Journal, p.Retry = forgetful{p.Runner.Journal}, time.Hour })
	if l := one(t, p.b, byName(1)); l.Err == nil {
		t.Errorf("%+v", l)
	}
	awaitMarks(t, p.store, 1)
}

// unmarking is a Queue that stores nothing.
type unmarking struct{ jobs.Queue }

func (unmarking) Mark(context.Context, time.Duration, []jobs.Wanted) ([]jobs.Mark, error) {
	return nil, errors.New("Redis is away")
}

// TestPushIsNotStored: whoever asks for what could not be stored is told so, and soon.
func TestPushIsNotStored(t *testing.T) {
	p := newPair(t, 2, func(p *jobs.Pushes) { p.Queue = unmarking{p.Queue} })
	for _, l := range p.b.Look(t.Context(), byName(1), byName(2)) {
		if !errors.Is(l.Err, jobs.ErrNotStored) {
			t.Errorf("%+v", l)
		}
	}
	if a := p.account("p1@x.io"); a.ID != "" {
		t.Errorf("%+v", a)
	}
}

// asking is a OneLogin that finds people by name as it is told to.
type asking struct {
	jobs.Looker
	fail error
}

func (a *asking) Find(ctx context.Context, name string) ([]reconcile.Key, error) {
	if a.fail != nil {
		return nil, a.fail
	}
	return a.Looker.Find(ctx, name)
}

// TestAddressThatCannotBeAskedFor: who is gone is not removed as long as OneLogin does not
// say whether somebody else has their address now.
func TestAddressThatCannotBeAskedFor(t *testing.T) {
	onelogin := &asking{}
	p := newPair(t, 3, func(p *jobs.Pushes) { onelogin.Looker, p.Looker = p.Looker, onelogin })
	id := one(t, p.b, byName(1)).Account.ID
	p.mu.Lock()
	p.d.People = slices.Delete(slices.Clone(p.d.People), 0, 1)
	p.mu.Unlock()
	out := jobs.Asked{What: "delete", Account: id, Want: jobs.WantOut}
	onelogin.fail = errors.New("502")
	l := one(t, p.b, out)
	if !p.account("p1@x.io").Active || len(l.Held) != 1 || l.Held[0].Rule != reconcile.RuleWitness || !strings.Contains(l.Held[0].Reason, "502") {
		t.Errorf("%+v", l)
	}
	if s := awaitMarks(t, p.store, 1); s.Marks[0].Tries != 1 { // and is asked again soon, not in an hour
		t.Errorf("%+v", s.Marks)
	}
	onelogin.fail = nil
	if l := one(t, p.b, out); l.Err != nil || p.account("p1@x.io").Active {
		t.Errorf("%+v", l)
	}
}

// TestWhoseCannotBeTold: as long as Tomorro does not show an account of which it is not known
// whose it is, or OneLogin does not say, it is neither gone nor nobody's: the push is tried
// again, and what it said of groups stays.
func TestWhoseCannotBeTold(t *testing.T) {
	for _, fails := range []string{"Tomorro", "OneLogin"} {
		p := newPair(t, 1, func(p *jobs.Pushes) {
			if fails == "OneLogin" {
				p.Looker = &asking{p.Looker, errors.New("502")}
			} else {
				p.Accounts = &hooked{AccountReader: p.Accounts, account: func() error { return errors.New("502") }}
			}
		})
		made, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "p1@x.io", Active: true}})
		if err != nil {
			t.Fatal(err)
		}
		l := one(t, p.b, jobs.Asked{What: "members", Account: made.ID, Groups: []reconcile.Assertion{{Group: "g-2"}}})
		if l.Err == nil || errors.Is(l.Err, reconcile.ErrGone) || l.Foreign {
			t.Errorf("%s fails: %+v", fails, l)
		}
		p.replica("C", p.store, nil)
		awaitQuiet(t, p.store)
		if !p.in("g-2", made.ID) {
			t.Errorf("%s fails, and what was pushed is lost", fails)
		}
	}
}

// TestPushRemembersWhose: an account that a push finds by its address stays the person's,
// under whatever address OneLogin has them later, also for others.
func TestPushRemembersWhose(t *testing.T) {
	p := newPair(t, 2, nil)
	made, err := p.memory.Write(t.Context(), reconcile.Write{Op: reconcile.WriteCreateUser,
		Account: reconcile.Account{UserName: "p1@x.io", GivenName: "Given", FamilyName: "Version 0", UserType: reconcile.User, Active: true}})
	if err != nil {
		t.Fatal(err)
	}
	one(t, p.b, byName(1))
	if links, err := p.store.Links(t.Context()); err != nil || links[1] != made.ID {
		t.Errorf("%v %v", links, err)
	}
	p.edit(1, func(x *reconcile.Person) { x.Email = "new@x.io" })
	for _, replica := range []*jobs.Pushes{p.b, p.a} {
		if l := one(t, replica, jobs.Asked{What: "replace", UserName: "new@x.io"}); l.Err != nil || l.Account.ID != made.ID || l.Account.UserName != "new@x.io" {
			t.Errorf("%+v", l)
		}
	}
}

// TestPushHeldIsLookedAtAgain: who is held is looked at again after an hour, and not at once.
func TestPushHeldIsLookedAtAgain(t *testing.T) {
	u := new(unhurried)
	p := newPair(t, 3, func(p *jobs.Pushes) {
		u.Queue = keeping{p.Queue}
		p.Queue, p.Runner.Policy.Approve = u, []string{"delete"}
	})
	id := one(t, p.b, byName(1)).Account.ID
	p.edit(1, func(x *reconcile.Person) { x.Status = 2 })
	if l := one(t, p.b, jobs.Asked{What: "suspend", Account: id, Want: jobs.WantOut}); len(l.Held) != 1 {
		t.Fatalf("%+v", l)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Equal(u.waits, []time.Duration{time.Hour}) {
		t.Errorf("%v", u.waits)
	}
	awaitMarks(t, p.store, 1)
}
