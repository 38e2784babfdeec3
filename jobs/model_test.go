package jobs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawSequences: whatever OneLogin, people at Tomorro and an administrator do, one
// after the other, and whatever fails meanwhile.
//
//	no write           is about somebody else's account, a protected or pinned person, what
//	                   was rejected or is not approved, or gives or takes what OneLogin does
//	                   not say; uses more than a limit has left, or an approval twice; or
//	                   takes away what only the configuration changed: world.judge
//	an undo at once    restores what was there before
//	an erasure         leaves no value of the person in Redis
//	in the end         three runs in which all is approved leave nothing to do, and everybody
//	                   has what they are to have, or a hold says why not: world.settles
func TestLawSequences(t *testing.T) {
	fewer(t, "30")
	server := miniredis.RunT(t)
	var clock atomic.Int64 // what is added to the time
	now := func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
	store, err := redisstore.Open(t.Context(), "redis://"+server.Addr(), redisstore.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	rapid.Check(t, func(rt *rapid.T) {
		server.FlushAll()
		clock.Store(0)
		w := newWorld(rt, t.Context(), server, &mortal{Store: store}, now)
		w.later = func(d time.Duration) {
			clock.Add(int64(d))
			server.SetTime(now())
		}
		w.later(0)
		if w.pick("fresh", 4) > 0 {
			w.run("")
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			w.step()
		}
		w.settles()
	})
}

// fewer makes that many checks of a law that takes long, unless somebody says how many.
func fewer(t *testing.T, checks string) {
	f := flag.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		_ = f.Value.Set(checks) // a number
		t.Cleanup(func() { _ = f.Value.Set(was) })
	}
}

// world is everything that there is, and what the test knows of it.
type world struct {
	t      *rapid.T
	ctx    context.Context //nolint:containedctx // one case of a property
	server *miniredis.Miniredis
	store  *mortal
	now    func() time.Time
	later  func(time.Duration)

	d      reconcile.Directory
	memory *reconciletest.Memory
	policy reconcile.Policy
	nextID reconcile.Key

	mu            sync.Mutex
	actor         string                   // who writes now
	human         map[string]reconcile.Key // whose each account was made for; 0: nobody's
	byHand        map[[2]string]bool       // account and group: set (true) or taken back in OneLogin
	fuzzy         map[[2]string]bool       // of these, what may be forgotten
	fresh         map[string]bool          // accounts made in this step
	wrote         map[written]bool         // for whom each account was written
	names         map[string]string        // of groups that were renamed
	foreign       map[string]bool          // groups that were made by hand
	met           bool                     // a create of the run under way ran into an account: its groups no plan has seen
	linked        map[reconcile.Key]string // whose accounts were remembered before
	pinned        map[reconcile.Key]bool   // by an undo
	approved      map[string]*approval     // by digest
	rejected      map[string]bool          // digests
	lost          map[reconcile.Limit][]time.Time
	faults        []reconciletest.Fault  // of the next writes
	dies          int                    // after how many writes the process is killed
	late          map[reconcile.Key]bool // changed at OneLogin since the run under way has read
	moved         map[reconcile.Key]bool // since the last run that left nothing to do
	allMoved      bool                   // so did everybody
	swapped       bool                   // an address or an account is or was somebody else's
	only          map[reconcile.Key]bool // whom the run under way is about; nil: everybody
	heir          string                 // the default substitute's account when the step began
	meanwhile     func()                 // before each write
	whom          int                    // whom it is about
	loose         map[reconcile.Key]bool // who was being written when OneLogin changed them
	returned      map[reconcile.Key]bool // in this step
	wentBack      bool                   // groups did, to a snapshot
	canary, chunk int                    // people who go first, members in one write
	runs          []string
	failing       bool // OneLogin does
	activeOnly    bool // Tomorro lists nobody else
}

// written is an account and the person for whom it was written.
type written struct {
	account string
	key     reconcile.Key
}

func newWorld(t *rapid.T, ctx context.Context, server *miniredis.Miniredis, store *mortal, now func() time.Time) *world {
	w := &world{t: t, ctx: ctx, server: server, store: store, now: now, d: company(), allMoved: true, chunk: 2, human: make(map[string]reconcile.Key),
		byHand: make(map[[2]string]bool), fuzzy: make(map[[2]string]bool), fresh: make(map[string]bool), wrote: make(map[written]bool), names: make(map[string]string), foreign: make(map[string]bool),
		moved: make(map[reconcile.Key]bool), late: make(map[reconcile.Key]bool), loose: make(map[reconcile.Key]bool), returned: make(map[reconcile.Key]bool),
		pinned: make(map[reconcile.Key]bool), approved: make(map[string]*approval), rejected: make(map[string]bool), lost: make(map[reconcile.Limit][]time.Time)}
	w.d.People = nil
	w.d.Roles = []reconcile.OneLoginRole{{ID: 1, Name: "Legal"}, {ID: 2, Name: "Sales"}}
	for id, group := range map[int]string{1: "legal", 2: "sales"} {
		w.d.Rules = append(w.d.Rules, reconcile.Rule{ID: int64(id), Name: group, Position: id, Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: fmt.Sprint(id)}},
			Actions: []reconcile.Action{{Name: "set_groups", Values: []string{group}}}})
	}
	w.d.Rules = append(w.d.Rules, doubtful())
	slices.SortFunc(w.d.Rules, func(a, b reconcile.Rule) int { return a.Position - b.Position })
	w.memory = reconciletest.NewMemory(reconcile.Current{Groups: []reconcile.Group{{ID: "g-1", Name: "legal"}, {ID: "g-2", Name: "sales"}, {ID: "g-3", Name: "by hand"}}})
	w.policy = reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, Titles: map[string]reconcile.UserType{"boss": reconcile.Admin},
		Limits: reconcile.Limits{Window: 24 * time.Hour, MinPopulation: 20, Allow: make(map[reconcile.Limit]reconcile.Allowance)}}
	w.policy.FourEyes = w.pick("four eyes", 2) == 0
	for range 4 {
		w.hire()
	}
	w.tomorro()
	for range w.pick("settings", 4) {
		w.configure()
	}
	return w
}

func (w *world) runner() *jobs.Runner {
	return &jobs.Runner{Source: w, Target: service{w}, Accounts: service{w}, Ledger: w.store, Locker: w.store, Journal: w.store, Reader: w.store, Marks: w.store, Links: w.store,
		Recaller: w.store, Experience: w.store, Pins: w.store, Assertions: w.store, Ignored: w.store, Adoptions: w.store, Seals: w.store, Decisions: w.store, ReadBack: true,
		Policy: w.policy, Concurrency: 1, MembersPerWrite: w.chunk, Canary: w.canary, Holder: "model", Now: w.now}
}

// Pull, Witness, Look and Find are OneLogin.
func (w *world) Pull(context.Context) (reconcile.Directory, error) {
	if w.store.dead.Load() {
		return reconcile.Directory{}, errKilled
	}
	d := w.d
	d.People = slices.Clone(d.People)
	if w.failing {
		d.Receipt.Lists = slices.Clone(d.Receipt.Lists)
		d.Receipt.Lists[0].Why = "page 2 of 2 answered 502"
		d.People = d.People[:len(d.People)/2]
	}
	return d, nil
}

func (w *world) Witness(_ context.Context, keys []reconcile.Key) []reconcile.Testimony {
	return reconciletest.Testify(&w.d, keys)
}

func (w *world) Look(_ context.Context, keys []reconcile.Key) (reconcile.Directory, error) {
	d := w.d
	d.People = slices.DeleteFunc(slices.Clone(d.People), func(p reconcile.Person) bool { return !slices.Contains(keys, p.Key) })
	return d, nil
}

func (w *world) Find(_ context.Context, name string) (keys []reconcile.Key, err error) {
	for _, p := range w.d.People {
		if reconcile.Fold(p.Email) == reconcile.Fold(name) {
			keys = append(keys, p.Key)
		}
	}
	return keys, nil
}

// Read, ReadGroups, ReadAccount and Write are Tomorro.
func (w *world) Read(ctx context.Context) (reconcile.Current, error) {
	c, err := w.memory.Read(ctx)
	for i := range c.Groups {
		if name := w.names[c.Groups[i].ID]; name != "" {
			c.Groups[i].Name = name
		}
		c.Groups[i].Ours = c.Groups[i].Ours && !w.foreign[c.Groups[i].ID]
	}
	return c, err
}

func (w *world) ReadGroups(ctx context.Context) (reconcile.Current, error) {
	c, err := w.Read(ctx)
	return reconcile.Current{Groups: c.Groups}, err
}

func (w *world) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	c, _ := w.Read(ctx)
	if a := accountOf(&c, id); a != nil {
		return *a, nil
	}
	return reconcile.Account{}, fmt.Errorf("account %s: %w", id, reconcile.ErrGone)
}

func accountOf(c *reconcile.Current, id string) *reconcile.Account {
	if i := slices.IndexFunc(c.Accounts, func(a reconcile.Account) bool { return a.ID == id }); i >= 0 {
		return &c.Accounts[i]
	}
	return nil
}

func (w *world) Write(ctx context.Context, write reconcile.Write) (reconcile.Written, error) {
	if w.meanwhile != nil && w.actor != "push" {
		w.meanwhile()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store.dead.Load() {
		return reconcile.Written{}, fmt.Errorf("%w: %w", errKilled, reconcile.ErrUncertain)
	}
	fault := reconciletest.Works
	if len(w.faults) > 0 {
		fault, w.faults = w.faults[0], w.faults[1:]
	}
	w.memory.Fail = func(reconcile.Write) reconciletest.Fault { return fault }
	before, _ := w.Read(ctx)
	w.judge(&write, &before, fault)
	written, err := w.memory.Write(ctx, write)
	if _, ok := errors.AsType[*reconcile.ExistsError](err); ok {
		w.met = true
	}
	if c := write.Changes[0]; c.Op == reconcile.OpCreate {
		after, _ := w.memory.Read(ctx)
		for _, a := range after.Accounts {
			if _, known := w.human[a.ID]; !known {
				w.human[a.ID], w.fresh[a.ID] = c.Key, true
			}
		}
	}
	if w.dies--; w.dies == 0 {
		w.store.dead.Store(true)
		return reconcile.Written{}, fmt.Errorf("%w: %w", errKilled, reconcile.ErrUncertain)
	}
	for i := range write.Changes {
		if as := write.Changes[i].ApprovedAs; err == nil && as != "" {
			delete(w.approved, as) // it serves once
		}
	}
	return written, err
}
