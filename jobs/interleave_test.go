package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawInterleaving: two runs, and a push for each change at OneLogin, in any
// order of their steps, with a lock that ends in the middle.
//
//	nobody is ever set back  what is written follows from what OneLogin said at the
//	                         time of the last write about that person, or later
//	nobody is forgotten      who was pushed and is not as OneLogin says in the end is marked
//	all's well that ends     the next run brings everybody to the desired state
func TestLawInterleaving(t *testing.T) {
	server := miniredis.RunT(t)
	store, err := redisstore.Open(t.Context(), "redis://"+server.Addr(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	rapid.Check(t, func(rt *rapid.T) {
		server.FlushAll()
		s := newStage(rt, t.Context(), store)
		defer close(s.quit)
		s.enter("run A", s.run)
		s.enter("run B", s.run)
		pushes, expired := rapid.IntRange(0, 6).Draw(rt, "pushes"), false
		for len(s.waiting) > 0 || pushes > 0 {
			switch n := rapid.IntRange(0, 9).Draw(rt, "what"); {
			case pushes > 0 && (n < 3 || len(s.waiting) == 0):
				pushes--
				s.change(rapid.IntRange(0, len(s.people)-1).Draw(rt, "who"))
			case n == 3 && !expired && s.mayExpire():
				server.Del("tomorro-sync:{default}:lock")
				expired = true
			case len(s.waiting) > 0:
				s.step(rapid.IntRange(0, len(s.waiting)-1).Draw(rt, "next"))
			}
		}
		s.settled()
	})
}

// stage lets one actor at a time make one step: from one look or write to the next.
type stage struct {
	t       *rapid.T
	ctx     context.Context //nolint:containedctx // one case of a property
	store   *redisstore.Store
	memory  *reconciletest.Memory
	people  []reconcile.Person // as OneLogin has them now
	version map[reconcile.Key]int
	written map[reconcile.Key]int // the version that the last write about somebody followed from

	waiting []*actor
	reached chan *actor // an actor is at its next step, or has ended
	quit    chan struct{}
}

type actor struct {
	stage   *stage
	name    string
	at      string // what it does next; empty when it has ended
	proceed chan struct{}
	seen    map[reconcile.Key]int // the versions that it has read
	read    chan struct{}         // closed when it has read OneLogin
}

func newStage(t *rapid.T, ctx context.Context, store *redisstore.Store) *stage {
	s := &stage{t: t, ctx: ctx, store: store, version: make(map[reconcile.Key]int), written: make(map[reconcile.Key]int),
		memory:  reconciletest.NewMemory(reconcile.Current{Groups: []reconcile.Group{{ID: "g-1", Name: "legal"}}}),
		reached: make(chan *actor), quit: make(chan struct{})}
	for k := range reconcile.Key(4) {
		s.people = append(s.people, person(k+1, 0))
	}
	return s
}

// person is how OneLogin describes somebody after so many changes.
func person(k reconcile.Key, version int) reconcile.Person {
	p := reconcile.Person{Key: k, Email: fmt.Sprintf("p%d@x.io", k), FirstName: "Given", LastName: fmt.Sprintf("Version %d", version),
		Title: []string{"user", "manager"}[version/2%2], Status: 1, Licence: reconcile.Approved, Assigned: true}
	if version%2 == 0 {
		p.Roles = []int64{1}
	}
	if version%4 == 3 {
		p.Status = 2
	}
	return p
}

func (s *stage) directory() reconcile.Directory {
	d := company()
	d.Roles = []reconcile.OneLoginRole{{ID: 1, Name: "Legal"}}
	d.Rules = []reconcile.Rule{{ID: 1, Name: "legal", Position: 1, Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "1"}},
		Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	d.People = slices.Clone(s.people)
	return d
}

func (s *stage) policy() reconcile.Policy {
	return reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, Limits: reconcile.Limits{Window: time.Hour}}
}

// enter starts an actor, up to its first step.
func (s *stage) enter(name string, play func(*actor) error) {
	a := &actor{stage: s, name: name, proceed: make(chan struct{}), seen: make(map[reconcile.Key]int), read: make(chan struct{})}
	go func() {
		a.wait("enter")
		if err := play(a); err != nil && !errors.Is(err, jobs.ErrLockLost) {
			if _, locked := errors.AsType[*jobs.LockedError](err); !locked {
				s.t.Errorf("%s: %v", name, err)
			}
		}
		a.tell("")
	}()
	s.waiting = append(s.waiting, <-s.reached)
}

// step lets one actor go on to its next step.
func (s *stage) step(i int) {
	a := s.waiting[i]
	s.t.Logf("%s: %s", a.name, a.at)
	a.proceed <- struct{}{}
	if <-s.reached; a.at == "" {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}

func (a *actor) tell(at string) {
	a.at = at
	select {
	case a.stage.reached <- a:
	case <-a.stage.quit:
	}
}

func (a *actor) wait(at string) {
	a.tell(at)
	select {
	case <-a.proceed:
	case <-a.stage.quit:
	}
}

// mayExpire: a lock does not end before the requests of its holder do.
func (s *stage) mayExpire() bool {
	return !slices.ContainsFunc(s.waiting, func(a *actor) bool { return a.at == "write" && a.name[:3] == "run" })
}

// change changes somebody at OneLogin, which pushes it.
func (s *stage) change(i int) {
	k := s.people[i].Key
	s.version[k]++
	s.people[i] = person(k, s.version[k])
	s.t.Logf("OneLogin: %s is version %d", s.people[i].Email, s.version[k])
	s.enter(fmt.Sprintf("push %d of %s", s.version[k], s.people[i].Email), func(a *actor) error { return s.push(a, s.people[i].Email) })
}

// Pull implements jobs.Source: it remembers what was said.
func (a *actor) Pull(context.Context) (reconcile.Directory, error) {
	a.wait("read OneLogin")
	maps.Copy(a.seen, a.stage.version)
	d := a.stage.directory()
	close(a.read)
	return d, nil
}

// Witness implements jobs.Source.
func (a *actor) Witness(_ context.Context, keys []reconcile.Key) []reconcile.Testimony {
	a.wait("ask for witnesses")
	d := a.stage.directory()
	return reconciletest.Testify(&d, keys)
}

// Read implements jobs.Target. It follows the other reading, which may be long
// over: that is the worse order.
func (a *actor) Read(ctx context.Context) (reconcile.Current, error) {
	<-a.read
	a.wait("read Tomorro")
	return a.stage.memory.Read(ctx)
}

// Write implements jobs.Target, and holds the first law.
func (a *actor) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	a.wait("write")
	s := a.stage
	for i := range w.Changes {
		k := w.Changes[i].Key
		if a.seen[k] < s.written[k] {
			s.t.Errorf("%s writes %s of %s by version %d, over version %d", a.name, w.Changes[i].Op, k, a.seen[k], s.written[k])
		}
		s.written[k] = a.seen[k]
	}
	return s.memory.Write(ctx, w)
}

// Snapshot, Claim and Settle implement jobs.Ledger.
func (a *actor) Snapshot(ctx context.Context) (jobs.Snapshot, error) {
	a.wait("take a snapshot")
	return a.stage.store.Snapshot(ctx)
}

func (a *actor) Claim(ctx context.Context, l jobs.Lease, c []jobs.Claim) ([]jobs.Claimed, error) {
	a.wait("claim")
	return a.stage.store.Claim(ctx, l, c)
}

func (a *actor) Settle(ctx context.Context, o []jobs.Settled) error {
	a.wait("settle")
	return a.stage.store.Settle(ctx, o)
}

// run is one run under the lock.
func (s *stage) run(a *actor) error {
	r := &jobs.Runner{Source: a, Target: a, Ledger: a, Locker: s.store, Journal: s.store, Marks: s.store, Links: s.store, Recaller: s.store,
		Policy: s.policy(), Concurrency: 1, MembersPerWrite: 3, Holder: a.name}
	_, err := r.Reconcile(s.ctx, jobs.Trigger{By: "test"}, yes)
	return err
}

// push brings one person up to date without the lock, as a listener does.
func (s *stage) push(a *actor, email string) error {
	i := slices.IndexFunc(s.people, func(p reconcile.Person) bool { return p.Email == email })
	subjects := []string{s.people[i].Key.String()}
	got, err := a.Claim(s.ctx, jobs.Lease{}, []jobs.Claim{{Run: a.name, Subjects: subjects}})
	if err != nil || len(got[0].Newer) > 0 { // it is marked
		return err
	}
	d, _ := a.Pull(s.ctx)
	current, _ := a.Read(s.ctx)
	links, err := s.store.Links(s.ctx)
	if err != nil {
		return err
	}
	policy := s.policy()
	plan := reconcile.Decide(reconcile.Input{Directory: &d, Current: &current, Links: links, Policy: &policy}).Only(email)
	plan = reconcile.Guard(reconcile.Confirm(plan, a.Witness(s.ctx, plan.ToConfirm()), &policy), &policy)
	_, err = reconcile.Apply(s.ctx, plan, a, &pushed{a}, reconcile.ApplyOptions{})
	return errors.Join(err, a.Settle(s.ctx, []jobs.Settled{{Run: a.name, Subjects: subjects}}))
}

// pushed records what a push writes.
type pushed struct{ *actor }

func (p *pushed) Intent(ctx context.Context, w reconcile.Write) (string, error) {
	got, err := p.Claim(ctx, jobs.Lease{}, []jobs.Claim{{Run: p.name, Entry: jobs.Entry{Time: time.Now(), Write: &w}, Subjects: jobs.Subjects(&w)}})
	if err != nil {
		return "", err
	}
	if len(got[0].Newer) > 0 {
		newer := &reconcile.NewerError{}
		for i := range w.Changes {
			if slices.Contains(got[0].Newer, jobs.Subject(&w.Changes[i])) {
				newer.Changes = append(newer.Changes, i)
			}
		}
		return "", newer
	}
	return got[0].ID, nil
}

func (p *pushed) Outcome(ctx context.Context, ticket string, o reconcile.Outcome) error {
	out := jobs.Settled{Run: p.name, Subjects: jobs.Subjects(&o.Write), Entry: jobs.Entry{Time: time.Now(), Intent: ticket, Result: o.Result, Target: o.ID}}
	if c := o.Write.Changes; o.Result == reconcile.Done && c[0].Op == reconcile.OpCreate {
		out.Links = []reconcile.Link{{Key: c[0].Key, Account: o.ID}}
	}
	return p.Settle(ctx, []jobs.Settled{out})
}

// settled holds the other two laws, when all actors have ended.
func (s *stage) settled() {
	left := s.open()
	snapshot, err := s.store.Snapshot(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range left {
		marked := slices.ContainsFunc(snapshot.Marks, func(m jobs.Mark) bool { return m.Subject == jobs.Subject(&c) })
		if s.version[c.Key] > 0 && !marked { // the others wait for a run, and it may have lost its lock
			s.t.Errorf("%s of %s is still to be done, and no mark says so", c.Op, c.Key)
		}
	}
	r := &jobs.Runner{Source: &source{d: s.directory()}, Target: s.memory, Ledger: s.store, Locker: s.store, Journal: s.store, Marks: s.store,
		Links: s.store, Recaller: s.store, Policy: s.policy()}
	if _, err := r.Reconcile(s.ctx, jobs.Trigger{By: "test"}, yes); err != nil {
		s.t.Fatal(err)
	}
	if left := s.open(); len(left) > 0 {
		s.t.Errorf("the last run leaves %+v", left)
	}
	snapshot, err = s.store.Snapshot(s.ctx)
	if err != nil || len(snapshot.Open) > 0 || len(snapshot.Marks) > 0 {
		s.t.Errorf("%d intents without an outcome and %d marks are left, %v", len(snapshot.Open), len(snapshot.Marks), err)
	}
}

// open lists what is still to be done.
func (s *stage) open() []reconcile.Change {
	d, policy := s.directory(), s.policy()
	current, _ := s.memory.Read(s.ctx)
	links, err := s.store.Links(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return reconcile.Decide(reconcile.Input{Directory: &d, Current: &current, Links: links, Policy: &policy}).Changes
}
