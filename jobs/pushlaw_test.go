package jobs_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// TestLawPushes: people change at OneLogin, two replicas are pushed to, and runs are
// made, all at the same time, in orders that chance gives.
//
//	nobody is set back   see desk.Write
//	nobody is forgotten  when nothing is under way any more, no mark is left and
//	                     everybody is as OneLogin says, without another run
func TestLawPushes(t *testing.T) {
	server := miniredis.RunT(t)
	interleavings(t, 24, 4, func(t *testing.T, connection string) *redisstore.Store { return openAs(t, server.Addr(), connection) })
}

// interleavings plays rounds, some at a time, each with a connection of its own.
func interleavings(t *testing.T, rounds, atOnce int, open func(t *testing.T, connection string) *redisstore.Store) {
	var wg sync.WaitGroup
	for first := range atOnce {
		wg.Go(func() {
			for i := first; i < rounds; i += atOnce {
				connection := fmt.Sprint("round-", i)
				t.Run(connection, func(t *testing.T) {
					interleave(t, func() *redisstore.Store { return open(t, connection) })
				})
			}
		})
	}
	wg.Wait()
}

// interleave plays one round.
func interleave(t *testing.T, open func() *redisstore.Store) {
	const people = 5
	tn := newTown(t, people)
	stores := []*redisstore.Store{open(), open(), open()}
	tn.rush = true
	if err := tn.reconcile("the first run", stores[2]); err != nil {
		t.Fatal(err)
	}
	tn.rush = false
	replicas := []*jobs.Pushes{tn.replica("replica A", stores[0], nil), tn.replica("replica B", stores[1], nil)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range rand.IntN(3) {
			if err := tn.reconcile("a run", stores[2]); err != nil {
				t.Error(err)
			}
		}
	})
	for range 12 {
		key := reconcile.Key(rand.IntN(people) + 1)
		tn.edit(key, func(p *reconcile.Person) { *p = person(key, tn.version[key]) })
		a := jobs.Asked{What: "replace", UserName: fmt.Sprintf("p%d@x.io", key)}
		id := tn.account(a.UserName).ID
		if id != "" && rand.IntN(2) == 0 {
			a = jobs.Asked{What: "replace", Account: id}
		}
		if id != "" && rand.IntN(3) == 0 {
			a = jobs.Asked{What: "members", Account: id, Groups: []reconcile.Assertion{{Group: "g-2", Off: rand.IntN(2) == 0}}}
		}
		replica := replicas[rand.IntN(2)]
		wg.Go(func() {
			if l := replica.Look(t.Context(), a)[0]; l.Err != nil {
				t.Errorf("%+v: %v", a, l.Err)
			}
		})
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
	}
	wg.Wait()
	awaitQuiet(t, stores[2])
	if left := tn.left(stores[2]); len(left) > 0 {
		t.Errorf("nothing is under way, and this is left: %+v", left)
	}
}

// TestPushesKeepWithinLimits: removals that arrive together, at two replicas and
// during a run, use no more than the limit has, and exactly that; the others are held.
func TestPushesKeepWithinLimits(t *testing.T) {
	for i := range 10 {
		t.Run(fmt.Sprint(i), keepWithinLimits)
	}
}

func keepWithinLimits(t *testing.T) {
	tn := newTown(t, 30)
	server := miniredis.RunT(t)
	stores := []*redisstore.Store{open(t, server.Addr()), open(t, server.Addr())}
	tn.rush = true
	if err := tn.reconcile("the first run", stores[0]); err != nil {
		t.Fatal(err)
	}
	tn.rush = false
	most := 7
	limit := func(p *jobs.Pushes) {
		p.Runner.Policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitDeactivate: {Max: &most}}
	}
	replicas := []*jobs.Pushes{tn.replica("replica A", stores[0], limit), tn.replica("replica B", stores[1], limit)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	held := 0
	for k := range 20 {
		key := reconcile.Key(k + 1)
		id := tn.account(fmt.Sprintf("p%d@x.io", key)).ID
		tn.edit(key, func(p *reconcile.Person) { p.Status = 2 })
		wg.Go(func() {
			l := replicas[k%2].Look(t.Context(), jobs.Asked{What: "suspend", Account: id, Want: jobs.WantOut})[0]
			if l.Err != nil || l.Account.Active == (len(l.Held) == 0) {
				t.Errorf("%+v", l)
			}
			mu.Lock()
			defer mu.Unlock()
			held += len(l.Held)
		})
	}
	wg.Wait()
	current, _ := tn.memory.Read(t.Context())
	removed := 0
	for _, a := range current.Accounts {
		if !a.Active {
			removed++
		}
	}
	if removed != most || held != 20-most {
		t.Errorf("%d were removed and %d held with a limit of %d", removed, held, most)
	}
}

// TestPushesLeaveAnAdmin: two replicas are told at the same time that each of the two
// last admins has left.
func TestPushesLeaveAnAdmin(t *testing.T) {
	for i := range 10 {
		t.Run(fmt.Sprint(i), leaveAnAdmin)
	}
}

func leaveAnAdmin(t *testing.T) {
	tn := newTown(t, 4)
	server := miniredis.RunT(t)
	stores := []*redisstore.Store{open(t, server.Addr()), open(t, server.Addr())}
	tn.rush = true
	tn.edit(1, func(p *reconcile.Person) { p.Title = "admin" })
	tn.edit(2, func(p *reconcile.Person) { p.Title = "admin" })
	if err := tn.reconcile("the first run", stores[0]); err != nil {
		t.Fatal(err)
	}
	tn.rush = false
	least := func(p *jobs.Pushes) { p.Runner.Policy.MinAdmins = 1 }
	replicas := []*jobs.Pushes{tn.replica("replica A", stores[0], least), tn.replica("replica B", stores[1], least)}
	var wg sync.WaitGroup
	for k := range 2 {
		key := reconcile.Key(k + 1)
		id := tn.account(fmt.Sprintf("p%d@x.io", key)).ID
		tn.edit(key, func(p *reconcile.Person) { p.Assigned = false })
		wg.Go(func() { replicas[k].Look(t.Context(), jobs.Asked{What: "delete", Account: id, Want: jobs.WantOut}) })
	}
	wg.Wait()
	a, b := tn.account("p1@x.io"), tn.account("p2@x.io")
	if a.Active == b.Active {
		t.Fatalf("of two last admins %v and %v remain", a.Active, b.Active)
	}
}

// TestPushWaitsForALateAPI: a push that OneLogin's API does not confirm yet is done as
// soon as it does, while its caller waits.
func TestPushWaitsForALateAPI(t *testing.T) {
	tn := newTown(t, 2)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	p := tn.replica("replica", store, nil)
	tn.edit(1, func(p *reconcile.Person) { p.Assigned = false })
	go func() {
		time.Sleep(200 * time.Millisecond)
		tn.edit(1, func(p *reconcile.Person) { p.Assigned = true })
	}()
	if l := p.Look(t.Context(), jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn})[0]; l.Err != nil || l.Late || !l.Account.Active {
		t.Errorf("%+v", l)
	}
	awaitQuiet(t, store)
	tn.edit(2, func(p *reconcile.Person) { p.Assigned = false })
	q := tn.replica("impatient", store, func(p *jobs.Pushes) { p.Idle = time.Hour })
	if l := one(t, q, jobs.Asked{What: "create", UserName: "p2@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Late {
		t.Errorf("%+v", l)
	}
	snapshot, err := store.Snapshot(t.Context())
	if err != nil || len(snapshot.Marks) != 1 || snapshot.Marks[0].Looks == 0 {
		t.Errorf("it is not asked again: %+v %v", snapshot.Marks, err)
	}
}
