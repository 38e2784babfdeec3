package tomorro_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// ofRun is the context of a run's writes.
func ofRun(t *testing.T) context.Context {
	return reconcile.WithFence(t.Context(), func() error { return nil })
}

// newBulkRig is a rig with Bulk on both sides.
func newBulkRig(t *testing.T, knobs tomorrotest.Bulk, edit func(*tomorro.Config)) *rig {
	t.Helper()
	if knobs.Operations == 0 {
		knobs.Operations = 100
	}
	return newRig(t, tomorrotest.Knobs{Bulk: knobs}, func(c *tomorro.Config) {
		c.Bulk, c.Retries = 20, 4
		if edit != nil {
			edit(c)
		}
	})
}

// written is what came of one write, in words that are the same for each server.
func written(got reconcile.Written, err error) string {
	exists, taken := errors.AsType[*reconcile.ExistsError](err)
	switch {
	case err == nil:
		return fmt.Sprintf("done %v %s", got.ID != "", got.Account.UserName)
	case taken:
		return "exists " + exists.Account.UserName
	case errors.Is(err, reconcile.ErrGone):
		return "gone"
	case errors.Is(err, reconcile.ErrUncertain):
		return "uncertain"
	}
	return "failed"
}

// all makes writes side by side, and gives what came of each.
func (r *rig) all(ctx context.Context, writes []reconcile.Write) []string {
	results := make([]string, len(writes))
	var wg sync.WaitGroup
	for i, w := range writes {
		wg.Go(func() { results[i] = written(r.client.Write(ctx, w)) })
	}
	wg.Wait()
	return results
}

// company is the state without ids.
func (r *rig) company() string {
	var lines []string
	s := r.sim.State()
	for _, u := range s.Users {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %v %s %v", u.UserName, u.GivenName, u.FamilyName, u.UserType, u.Active, u.ExternalID, u.Groups))
	}
	for _, g := range s.Groups {
		lines = append(lines, fmt.Sprintf("%s %v", g.DisplayName, g.Members))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// writesOf draws independent writes, some of which fail.
func writesOf(rng *rand.Rand, ids []string, groups []reconcile.Group, n int) []reconcile.Write {
	var writes []reconcile.Write
	for i := range n {
		id, name := ids[i], fmt.Sprintf("p%d@x.io", i)
		account := reconcile.Account{ID: id, UserName: name, GivenName: fmt.Sprint("G", rng.IntN(9)), FamilyName: "F", UserType: []reconcile.UserType{"user", "manager"}[rng.IntN(2)], Active: rng.IntN(3) > 0}
		switch rng.IntN(7) {
		case 0:
			writes = append(writes, create(fmt.Sprintf("n%d@x.io", i)))
		case 1:
			writes = append(writes, create(name)) // taken
		case 2, 3:
			writes = append(writes, reconcile.Write{Op: reconcile.WriteUpdateUser, Account: account})
		case 4:
			account.ID = "nobody"
			writes = append(writes, reconcile.Write{Op: reconcile.WriteUpdateUser, Account: account})
		case 5:
			writes = append(writes, reconcile.Write{Op: reconcile.WriteDeleteUser, Account: account})
		default:
			account.UserType = "queen" // refused
			writes = append(writes, reconcile.Write{Op: reconcile.WriteUpdateUser, Account: account})
		}
	}
	for i, g := range groups {
		w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: g.ID, Group: g.Name}
		for _, id := range ids[n:] { // of those who are not written
			if rng.IntN(2) == 0 {
				w.Add = append(w.Add, id)
			} else {
				w.Remove = append(w.Remove, id)
			}
		}
		if i%2 == 1 {
			w.Add = append(w.Add, "nobody")
		}
		writes = append(writes, w)
	}
	return writes
}

// TestBulkIsAsSingle: whatever is written, in whatever form the service answers, a Bulk
// request comes to what single requests do, for each write and at the service.
func TestBulkIsAsSingle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		knobs := tomorrotest.Bulk{Operations: rapid.SampledFrom([]int{1, 3, 8, 100}).Draw(rt, "operations"), Bytes: rapid.SampledFrom([]int{0, 900, 5000}).Draw(rt, "bytes"),
			Silent: rapid.Bool().Draw(rt, "silent"), Numbers: rapid.Bool().Draw(rt, "numbers"), Refused: rapid.IntRange(0, 9).Draw(rt, "refused") == 0,
			Throttles: rapid.IntRange(0, 3).Draw(rt, "throttles"), Status: rapid.SampledFrom([]int{0, 0, 201, 207}).Draw(rt, "status")}
		if knobs.Backwards = rapid.Bool().Draw(rt, "backwards"); !knobs.Backwards { // without names, the order is all there is
			knobs.Nameless = rapid.Bool().Draw(rt, "nameless")
		}
		n := rapid.IntRange(1, 15).Draw(rt, "writes")
		single, many := newRig(t, tomorrotest.Knobs{}, nil), newBulkRig(t, knobs, nil)
		var results [2][]string
		for i, r := range []*rig{single, many} {
			defer r.close()
			ids := r.fill(t, 20, 3)
			results[i] = r.all(ofRun(t), writesOf(rand.New(rand.NewPCG(seed, 1)), ids, r.check(t).Groups, n))
		}
		for i := range results[0] {
			want, got := results[0][i], results[1][i]
			if knobs.Silent { // what is not answered is not known
				want, got = strings.Join(strings.Fields(want)[:1], ""), strings.Join(strings.Fields(got)[:1], "")
			}
			if want != got {
				rt.Errorf("write %d: %q by itself, %q in a Bulk request", i, want, got)
			}
		}
		if a, b := single.company(), many.company(); a != b {
			rt.Errorf("single requests:\n%s\nBulk:\n%s", a, b)
		}
	})
}

// TestBulkLost: whatever happens to a Bulk request, no account is made twice, what is
// said to be done is done, and what is not known is said to be uncertain.
func TestBulkLost(t *testing.T) {
	kinds := []flaky.Fault{{Kind: flaky.KindLostAnswer}, {Kind: flaky.KindTruncated}, {Kind: flaky.KindReset}, {Kind: flaky.KindStatus, Status: 503}, {Kind: flaky.KindStatus, Status: 429},
		{Kind: flaky.KindStatus, Status: 403}, {Kind: flaky.KindHTML200}, {Kind: flaky.KindHTML429}, {Kind: flaky.KindStatus, Status: 400}, {Kind: flaky.KindStatus, Status: 413}, {Kind: flaky.KindStatus, Status: 404},
		{Kind: flaky.KindEmpty, Body: `{"Operations":[]}`}, {Kind: flaky.KindEmpty, Body: `{"Operations":[{"method":"POST","bulkId":"0","status":"200"},{"status":"abc"}]}`}}
	rapid.Check(t, func(rt *rapid.T) {
		fault := rapid.SampledFrom(kinds).Draw(rt, "fault")
		var knobs tomorrotest.Bulk
		if fault.Status != 403 { // which a second try would take for its own, as it does without Bulk
			knobs.Forgets = rapid.IntRange(0, 3).Draw(rt, "forgets")
		}
		r := newBulkRig(t, knobs, nil)
		defer r.close()
		fault.Method, fault.Path, fault.Times, fault.Skip = "POST", "/scim/v2/Bulk", rapid.IntRange(1, 3).Draw(rt, "times"), rapid.IntRange(0, 1).Draw(rt, "skip")
		r.flaky.Add(fault)
		ids := r.fill(t, 10, 0)
		var writes []reconcile.Write
		for i := range rapid.IntRange(2, 30).Draw(rt, "writes") {
			w := create(fmt.Sprintf("n%d@x.io", i))
			if i < len(ids) && i%2 == 0 {
				w = reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: ids[i], UserName: fmt.Sprintf("p%d@x.io", i), GivenName: "New", FamilyName: "F", UserType: "user", Active: true}}
			}
			writes = append(writes, w)
		}
		results := r.all(ofRun(t), writes)
		there := make(map[string]tomorrotest.UserState)
		for _, u := range r.sim.State().Users {
			if _, twice := there[u.UserName]; twice {
				rt.Errorf("%s is there twice", u.UserName)
			}
			there[u.UserName] = u
		}
		for i, w := range writes {
			u, is := there[w.Account.UserName]
			is = is && u.GivenName == w.Account.GivenName
			done := strings.HasPrefix(results[i], "done")
			if done && !is || !done && is && results[i] != "uncertain" {
				rt.Errorf("%s of %s: %q, and there is %+v", w.Op, w.Account.UserName, results[i], u)
			}
		}
	})
}

// TestBulkGathers: the writes of a run take few requests, and few at once.
func TestBulkGathers(t *testing.T) {
	r := newBulkRig(t, tomorrotest.Bulk{}, func(c *tomorro.Config) { c.Bulk = 100 })
	r.flaky.Latency = 20 * time.Millisecond
	var writes []reconcile.Write
	for i := range 400 {
		writes = append(writes, create(fmt.Sprintf("n%d@x.io", i)))
	}
	for i, result := range r.all(ofRun(t), writes) {
		if result != fmt.Sprintf("done true n%d@x.io", i) {
			t.Fatalf("write %d: %s", i, result)
		}
	}
	if s := r.flaky.Stats(); s.Total > 40 || s.MaxInFlight > 5 { // 5 if all are there in time; one that comes alone is sent alone
		t.Errorf("400 writes took %v, %d at once", s.ByRoute, s.MaxInFlight)
	}
	if got := r.client.Stats().Requests["POST /Bulk"]; got == 0 {
		t.Error("the client does not count them")
	}
}

// TestBulkOfASlowService: a service that needs a third of the timeout for a request gets
// smaller ones, and what it does within the timeout is known.
func TestBulkOfASlowService(t *testing.T) {
	r := newBulkRig(t, tomorrotest.Bulk{}, func(c *tomorro.Config) { c.Bulk, c.Timeout, c.Concurrency = 64, time.Second, 4 })
	r.flaky.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Bulk", Kind: flaky.KindSlow, Delay: 400 * time.Millisecond})
	for round := range 4 { // of 64, 32, 16 and 8 at most
		var writes []reconcile.Write
		for i := range 8 << (3 - round) {
			writes = append(writes, create(fmt.Sprintf("n%d-%d@x.io", round, i)))
		}
		for i, result := range r.all(ofRun(t), writes) {
			if !strings.HasPrefix(result, "done") {
				t.Fatalf("round %d, write %d: %s", round, i, result)
			}
		}
	}
	before := r.flaky.Stats().Total
	r.all(ofRun(t), []reconcile.Write{create("a@x.io"), create("b@x.io"), create("c@x.io"), create("d@x.io"), create("e@x.io"), create("f@x.io"), create("g@x.io"), create("h@x.io")})
	if n := r.flaky.Stats().Total - before; n < 2 {
		t.Errorf("eight writes in %d requests after four slow ones", n)
	}
}

// TestPushesAreNotGathered: somebody waits for each, and one that hangs is nobody else's.
func TestPushesAreNotGathered(t *testing.T) {
	r := newBulkRig(t, tomorrotest.Bulk{}, nil)
	ids := r.fill(t, 10, 0)
	r.all(t.Context(), writesOf(rand.New(rand.NewPCG(1, 1)), ids, nil, 10))
	if n := r.flaky.Stats().ByRoute["POST /scim/v2/Bulk"]; n != 0 {
		t.Errorf("%d Bulk requests without a run", n)
	}
}

// TestBulkAsksTheFence: what was not sent when the lock was lost is not sent after it.
func TestBulkAsksTheFence(t *testing.T) {
	r := newBulkRig(t, tomorrotest.Bulk{}, nil)
	ids := r.fill(t, 10, 0)
	before, lost := len(r.sim.Writes()), errors.New("the lock was lost")
	results := r.all(reconcile.WithFence(t.Context(), func() error { return lost }), writesOf(rand.New(rand.NewPCG(1, 1)), ids, nil, 10))
	if after := len(r.sim.Writes()); after != before {
		t.Errorf("%d writes after the lock was lost: %v", after-before, results)
	}
}

// TestBulkGivenUp: a request waits for its turn, and some of those who wait for it give
// up: they are not written, and the others are.
func TestBulkGivenUp(t *testing.T) {
	r := newBulkRig(t, tomorrotest.Bulk{}, func(c *tomorro.Config) { c.Concurrency = 1 })
	r.flaky.Add(flaky.Fault{Method: "GET", Path: "/scim/v2/Users", Kind: flaky.KindSlow, Delay: 300 * time.Millisecond, Times: 1})
	impatient, cancel := context.WithTimeout(ofRun(t), 100*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = r.client.Read(t.Context()) }) // has the only place
	for r.flaky.Stats().Total == 0 {
		time.Sleep(time.Millisecond)
	}
	var stay, leave []string
	wg.Go(func() {
		stay = r.all(ofRun(t), []reconcile.Write{create("a@x.io"), create("b@x.io"), create("c@x.io")})
	})
	wg.Go(func() { leave = r.all(impatient, []reconcile.Write{create("x@x.io"), create("y@x.io")}) })
	wg.Wait()
	for i, result := range append(stay, leave...) {
		if want := i < 3; strings.HasPrefix(result, "done") != want || !want && result != "uncertain" {
			t.Errorf("write %d: %s", i, result)
		}
	}
	if n, sent := len(r.sim.State().Users), r.flaky.Stats().ByRoute["POST /scim/v2/Bulk"]; n != 3 || sent != 1 {
		t.Errorf("%d accounts by %d Bulk requests, want 3 by one", n, sent)
	}
}

// TestBulkNotWaitedFor: who gives up is not written if that can be, and costs the others
// nothing.
func TestBulkNotWaitedFor(t *testing.T) {
	r := newBulkRig(t, tomorrotest.Bulk{}, func(c *tomorro.Config) { c.Concurrency = 1 })
	r.flaky.Add(flaky.Fault{Method: "POST", Path: "/scim/v2/Bulk", Kind: flaky.KindSlow, Delay: 150 * time.Millisecond, Times: 1})
	gone, cancel := context.WithCancel(ofRun(t))
	cancel()
	var wg sync.WaitGroup
	var first, second []string
	wg.Go(func() { first = r.all(ofRun(t), []reconcile.Write{create("a@x.io"), create("b@x.io")}) })
	wg.Go(func() { second = r.all(gone, []reconcile.Write{create("c@x.io"), create("d@x.io")}) })
	wg.Wait()
	for _, result := range first {
		if !strings.HasPrefix(result, "done") {
			t.Errorf("somebody who waits: %s", result)
		}
	}
	for _, result := range second {
		if result != "uncertain" {
			t.Errorf("who gave up: %s", result)
		}
	}
	if n := len(r.sim.State().Users); n != 2 {
		t.Errorf("%d accounts, want 2", n)
	}
}
