package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// town is a OneLogin that changes, and the Tomorro beside it.
type town struct {
	t      *testing.T
	memory *reconciletest.Memory
	rush   bool // nobody dawdles

	mu      sync.Mutex
	d       reconcile.Directory
	version map[reconcile.Key]int
	written map[reconcile.Key]int // the version that the last write about somebody followed from
	fail    error                 // of each request to OneLogin
	looks   int
}

func newTown(t *testing.T, people int) *town {
	s := &stage{}
	tn := &town{t: t, d: s.directory(), version: make(map[reconcile.Key]int), written: make(map[reconcile.Key]int)}
	for k := range people {
		tn.d.People = append(tn.d.People, person(reconcile.Key(k+1), 0))
	}
	tn.memory = reconciletest.NewMemory(reconcile.Current{Groups: []reconcile.Group{{ID: "g-1", Name: "legal"}, {ID: "g-2", Name: "by hand"}}})
	return tn
}

// edit changes somebody at OneLogin.
func (tn *town) edit(key reconcile.Key, edit func(*reconcile.Person)) {
	tn.mu.Lock()
	defer tn.mu.Unlock()
	tn.version[key]++
	tn.d.People = slices.Clone(tn.d.People)
	edit(&tn.d.People[slices.IndexFunc(tn.d.People, func(p reconcile.Person) bool { return p.Key == key })])
}

func (tn *town) dawdle() {
	if !tn.rush {
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Microsecond)
	}
}

// desk is one process: a run, or a replica that answers pushes. It remembers what it
// read of whom.
type desk struct {
	*town
	name string
	mu   sync.Mutex
	seen map[reconcile.Key]int
}

func (d *desk) facts(only []reconcile.Key) (reconcile.Directory, error) {
	d.dawdle()
	defer d.dawdle()
	d.town.mu.Lock()
	defer d.town.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	if d.fail != nil {
		return reconcile.Directory{}, d.fail
	}
	out := d.d
	out.People = nil
	for _, p := range d.d.People {
		if only == nil || slices.Contains(only, p.Key) {
			out.People = append(out.People, p)
			d.seen[p.Key] = d.version[p.Key]
		}
	}
	return out, nil
}

// Pull and Witness implement jobs.Source, Look and Find jobs.Looker.
func (d *desk) Pull(context.Context) (reconcile.Directory, error) { return d.facts(nil) }

func (d *desk) Witness(_ context.Context, keys []reconcile.Key) []reconcile.Testimony {
	d.dawdle()
	d.town.mu.Lock()
	defer d.town.mu.Unlock()
	return reconciletest.Testify(&d.d, keys)
}

func (d *desk) Look(_ context.Context, keys []reconcile.Key) (reconcile.Directory, error) {
	return d.facts(append([]reconcile.Key{}, keys...))
}

func (d *desk) Find(_ context.Context, name string) (keys []reconcile.Key, err error) {
	d.town.mu.Lock()
	defer d.town.mu.Unlock()
	for _, p := range d.d.People {
		if reconcile.Fold(p.Email) == reconcile.Fold(name) {
			keys = append(keys, p.Key)
		}
	}
	return keys, d.fail
}

// Read and Write implement jobs.Target, the others jobs.AccountReader.
func (d *desk) Read(ctx context.Context) (reconcile.Current, error) {
	d.dawdle()
	return d.memory.Read(ctx)
}

func (d *desk) ReadGroups(ctx context.Context) (reconcile.Current, error) {
	c, err := d.Read(ctx)
	d.dawdle()
	return reconcile.Current{Groups: c.Groups}, err
}

func (d *desk) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	c, _ := d.Read(ctx)
	d.dawdle()
	for _, a := range c.Accounts {
		if a.ID == id {
			return a, nil
		}
	}
	return reconcile.Account{}, fmt.Errorf("account %s: %w", id, reconcile.ErrGone)
}

// Write holds the law that nobody is set back: what is written follows from what
// OneLogin said at the time of the last write about that person, or later.
func (d *desk) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	d.dawdle()
	defer d.dawdle()
	d.town.mu.Lock()
	defer d.town.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range w.Changes {
		k := w.Changes[i].Key
		if d.seen[k] < d.written[k] {
			d.t.Errorf("%s writes %s of %s by version %d, over version %d", d.name, w.Changes[i].Op, k, d.seen[k], d.written[k])
		}
		d.written[k] = d.seen[k]
	}
	return d.memory.Write(ctx, w)
}

func (tn *town) runner(name string, store *redisstore.Store) (*desk, *jobs.Runner) {
	d := &desk{town: tn, name: name, seen: make(map[reconcile.Key]int)}
	return d, &jobs.Runner{Source: d, Target: d, Ledger: store, Locker: store, Journal: store, Reader: store, Marks: store, Links: store, Recaller: store,
		Experience: store, Pins: store, Assertions: store, Concurrency: 2, MembersPerWrite: 3, Holder: name,
		Policy: reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, Limits: reconcile.Limits{Window: time.Hour}}}
}

// replica answers pushes until the test ends.
func (tn *town) replica(name string, store *redisstore.Store, set func(*jobs.Pushes)) *jobs.Pushes {
	d, r := tn.runner(name, store)
	p := &jobs.Pushes{Runner: r, Looker: d, Accounts: d, Queue: store, Idle: 5 * time.Millisecond, Retry: 2 * time.Millisecond}
	if set != nil {
		set(p)
	}
	p.Open()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.Serve(ctx) }()
	tn.t.Cleanup(func() { cancel(); <-done })
	return p
}

func (tn *town) reconcile(name string, store *redisstore.Store) error {
	_, r := tn.runner(name, store)
	_, err := r.Reconcile(tn.t.Context(), jobs.Trigger{By: "test"}, yes)
	return err
}

// left is what a run would still do.
func (tn *town) left(store *redisstore.Store) []reconcile.Change {
	tn.mu.Lock()
	d := tn.d
	tn.mu.Unlock()
	_, r := tn.runner("the end", store)
	current, _ := tn.memory.Read(tn.t.Context())
	links, err := store.Links(tn.t.Context())
	if err != nil {
		tn.t.Fatal(err)
	}
	asserted, err := store.Assertions(tn.t.Context())
	if err != nil {
		tn.t.Fatal(err)
	}
	return reconcile.Decide(reconcile.Input{Directory: &d, Current: &current, Links: links, Policy: &r.Policy, Asserted: asserted}).Changes
}

func open(t *testing.T, address string) *redisstore.Store {
	t.Helper()
	return openAs(t, address, "")
}

func openAs(t *testing.T, address, connection string) *redisstore.Store {
	t.Helper()
	store, err := redisstore.Open(t.Context(), "redis://"+address, redisstore.Options{Connection: connection})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func (tn *town) account(name string) reconcile.Account {
	c, _ := tn.memory.Read(tn.t.Context())
	for _, a := range c.Accounts {
		if reconcile.Fold(a.UserName) == reconcile.Fold(name) {
			return a
		}
	}
	return reconcile.Account{}
}

func (tn *town) in(group, account string) bool {
	c, _ := tn.memory.Read(tn.t.Context())
	i := slices.IndexFunc(c.Groups, func(g reconcile.Group) bool { return g.ID == group })
	return slices.Contains(c.Groups[i].Members, account)
}

func awaitQuiet(t *testing.T, store *redisstore.Store) {
	t.Helper()
	awaitMarks(t, store, 0)
}

// awaitMarks waits until that many marks are left and no intent is open.
func awaitMarks(t *testing.T, store *redisstore.Store, n int) jobs.Snapshot {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		snapshot, err := store.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(snapshot.Marks) == n && len(snapshot.Open) == 0 {
			return snapshot
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d marks and %d open intents are left: %+v", len(snapshot.Marks), len(snapshot.Open), snapshot.Marks)
		}
	}
}

// patient says that it ends soon, and does not: whoever waits for a look says for how long
// somebody may be looked at again, and a busy machine makes them give up nothing.
type patient struct {
	context.Context
	until time.Time
}

func (p patient) Deadline() (time.Time, bool) { return p.until, true }

// one looks at one person, whose OneLogin is not asked again while it is waited for.
func one(t *testing.T, p *jobs.Pushes, a jobs.Asked) jobs.Looked {
	t.Helper()
	got := p.Look(patient{t.Context(), time.Now().Add(2 * time.Second)}, a)
	if len(got) != 1 {
		t.Fatalf("%d answers", len(got))
	}
	return got[0]
}

// TestPush follows one person through what a push can be about.
func TestPush(t *testing.T) {
	tn := newTown(t, 3)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	p := tn.replica("replica", store, nil)

	l := one(t, p, jobs.Asked{What: "create", UserName: "P1@x.io", Want: jobs.WantIn})
	id := tn.account("p1@x.io").ID
	if l.Err != nil || l.Account.ID != id || id == "" || l.Key != 1 || !tn.in("g-1", id) || l.Late {
		t.Fatalf("create: %+v", l)
	}
	if l = one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err != nil || l.Account.ID != id {
		t.Fatalf("again: %+v", l)
	}
	tn.edit(1, func(p *reconcile.Person) { p.Title, p.Email = "manager", "new@x.io" })
	if l = one(t, p, jobs.Asked{What: "replace", Account: id}); l.Err != nil || l.Account.UserType != reconcile.Manager || l.Account.UserName != "new@x.io" {
		t.Fatalf("replace: %+v", l)
	}
	hand := jobs.Asked{What: "members", Account: id, Groups: []reconcile.Assertion{{Group: "g-2"}}}
	if l = one(t, p, hand); l.Err != nil || !tn.in("g-2", id) {
		t.Fatalf("a group by hand: %+v", l)
	}
	if err := tn.reconcile("a run", store); err != nil || !tn.in("g-2", id) {
		t.Fatalf("a run takes a group by hand away, %v", err)
	}
	hand.Groups[0].Off = true
	if l = one(t, p, hand); l.Err != nil || tn.in("g-2", id) {
		t.Fatalf("a group taken back: %+v", l)
	}
	one(t, p, jobs.Asked{What: "members", Account: id, Groups: []reconcile.Assertion{{Group: "g-2"}}})
	tn.edit(1, func(p *reconcile.Person) { p.Status = 2 })
	if l = one(t, p, jobs.Asked{What: "suspend", Account: id, Want: jobs.WantOut}); l.Err != nil || l.Account.Active || l.Late {
		t.Fatalf("suspend: %+v", l)
	}
	tn.edit(1, func(p *reconcile.Person) { p.Status = 1 })
	if l = one(t, p, jobs.Asked{What: "replace", Account: id, Want: jobs.WantIn}); l.Err != nil || !l.Account.Active || l.Account.ID != id || !tn.in("g-2", id) {
		t.Fatalf("return: %+v", l)
	}
	tn.edit(1, func(p *reconcile.Person) { p.Assigned = false })
	if l = one(t, p, jobs.Asked{What: "delete", Account: id, Want: jobs.WantOut}); l.Err != nil || l.Account.Active {
		t.Fatalf("delete: %+v", l)
	}
	tn.edit(1, func(p *reconcile.Person) { p.Assigned = true })
	if l = one(t, p, jobs.Asked{What: "create", UserName: "new@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Account.Active || l.Account.ID != id || tn.in("g-2", id) {
		t.Fatalf("assigned again, with a group by hand from before: %+v", l)
	}
	if l = one(t, p, jobs.Asked{What: "replace", Account: "none"}); !errors.Is(l.Err, reconcile.ErrGone) {
		t.Errorf("an account that is not there: %+v", l)
	}
	awaitQuiet(t, store)
}

// TestPushHeals: what fails now is done later, by whoever takes up the mark.
func TestPushHeals(t *testing.T) {
	tn := newTown(t, 2)
	tn.rush = true
	server := miniredis.RunT(t)
	store := open(t, server.Addr())
	tn.fail = errors.New("down")
	p := tn.replica("first", store, func(p *jobs.Pushes) { p.Idle = time.Hour })
	if l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err == nil || errors.Is(l.Err, jobs.ErrNotStored) {
		t.Fatalf("OneLogin is down: %+v", l)
	}
	status, err := store.Status(t.Context())
	if err != nil || status.Marks != 1 {
		t.Fatalf("%+v %v", status, err)
	}
	tn.mu.Lock()
	tn.fail = nil
	tn.mu.Unlock()
	server.FastForward(0)
	tn.replica("second", store, nil) // looks at marks whose time has come: after a backoff
	awaitQuiet(t, store)
	if a := tn.account("p1@x.io"); !a.Active {
		t.Error("nobody did it")
	}
}
