package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/migrate"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// rig is a small company whose groups were set by hand, and what its rules would give.
type rig struct {
	t         *testing.T
	directory reconcile.Directory
	memory    *reconciletest.Memory
	redis     *miniredis.Miniredis
	file      string
	before    map[string][]string // members by group
	policy    reconcile.Policy

	// dies is after how many calls to Tomorro the process is gone; 0 is never. late says
	// that the last one was done, and its answer is lost.
	dies int
	late bool
}

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func newRig(t *testing.T, seed uint64) *rig {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 5))
	r := &rig{t: t, redis: miniredis.RunT(t), file: filepath.Join(t.TempDir(), "groups.json"),
		policy: reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Additive, Limits: reconcile.DefaultLimits()}}
	current := reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "Legal"}, {ID: "g2", Name: "IT"}, {ID: "g3", Name: "By hand"}}}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		r.directory.Receipt.Lists = append(r.directory.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	for i := 1; i <= 12; i++ {
		p := reconcile.Person{Key: reconcile.Key(i), Email: fmt.Sprintf("p%d@x.io", i), FirstName: "A", LastName: "B", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true,
			Department: []string{"Legal", "IT", "Sales"}[i%3]}
		r.directory.People = append(r.directory.People, p)
		id := fmt.Sprint("a", i)
		current.Accounts = append(current.Accounts, reconcile.Account{ID: id, UserName: p.Email, GivenName: "A", FamilyName: "B", UserType: reconcile.User, Active: true})
		for g := range current.Groups {
			if rnd.IntN(3) == 0 {
				current.Groups[g].Members = append(current.Groups[g].Members, id)
			}
		}
	}
	for i, department := range []string{"Legal", "IT"} {
		r.directory.Rules = append(r.directory.Rules, reconcile.Rule{ID: int64(i + 1), Position: i, Conditions: []reconcile.Condition{{Source: "department", Operator: "=", Value: department}},
			Actions: []reconcile.Action{{Name: "set_groups", Values: []string{department}}}})
	}
	r.memory = reconciletest.NewMemory(current)
	r.before = r.members()
	return r
}

func (r *rig) members() map[string][]string {
	current, err := r.memory.Read(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	all := make(map[string][]string)
	for _, g := range current.Groups {
		all[g.ID] = slices.Sorted(slices.Values(g.Members))
	}
	return all
}

// byRules are the members that the rules give.
func (r *rig) byRules() map[string][]string {
	all := map[string][]string{"g1": nil, "g2": nil, "g3": nil}
	for _, p := range r.directory.People {
		if g := map[string]string{"Legal": "g1", "IT": "g2"}[p.Department]; g != "" {
			all[g] = append(all[g], fmt.Sprint("a", p.Key))
		}
	}
	for g := range all {
		slices.Sort(all[g])
	}
	return all
}

func same(a, b map[string][]string) bool {
	for g := range a {
		if !slices.Equal(a[g], b[g]) {
			return false
		}
	}
	return len(a) == len(b)
}

// process is one life of the program.
type process struct {
	*rig
	cancel context.CancelCauseFunc
	calls  int
}

var errDied = errors.New("the process is gone")

// call counts a call to Tomorro; over says that the process is gone, and done that what
// was asked for was done all the same.
func (p *process) call() (over, done bool) {
	p.calls++
	if p.dies == 0 || p.calls < p.dies {
		return false, true
	}
	p.cancel(errDied)
	return true, p.late && p.calls == p.dies
}

func (p *process) Pull(context.Context) (reconcile.Directory, error) { return p.directory, nil }

func (p *process) Witness(_ context.Context, keys []reconcile.Key) []reconcile.Testimony {
	return reconciletest.Testify(&p.directory, keys)
}

func (p *process) Read(ctx context.Context) (reconcile.Current, error) {
	if over, _ := p.call(); over {
		return reconcile.Current{}, errDied
	}
	return p.memory.Read(ctx)
}

func (p *process) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	over, done := p.call()
	if !done {
		return reconcile.Written{}, fmt.Errorf("%w: %w", reconcile.ErrUncertain, errDied)
	}
	written, err := p.memory.Write(ctx, w)
	if over {
		return reconcile.Written{}, fmt.Errorf("%w: %w", reconcile.ErrUncertain, errDied)
	}
	return written, err
}

// start begins a process, and runs what it is to do.
func (r *rig) start(what func(context.Context, *migrate.Migration) (migrate.Outcome, error)) (migrate.Outcome, error) {
	r.t.Helper()
	ctx, cancel := context.WithCancelCause(r.t.Context())
	defer cancel(nil)
	p := &process{rig: r, cancel: cancel}
	store, err := redisstore.Open(ctx, "redis://"+r.redis.Addr(), redisstore.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer store.Close()
	runner := &jobs.Runner{Source: p, Target: p, Ledger: store, Locker: store, Journal: store, Reader: store, Marks: store, Links: store, Recaller: store,
		Experience: store, Pins: store, Assertions: store, Concurrency: 1, MembersPerWrite: 2, Policy: r.policy}
	return what(ctx, &migrate.Migration{Runner: runner, Reader: p, Target: "https://x", File: r.file, By: jobs.Trigger{By: "test"}, Now: func() time.Time { return now }})
}

func yes(reconcile.Plan) (bool, error) { return true, nil }

func forward(ctx context.Context, m *migrate.Migration) (migrate.Outcome, error) {
	return m.Forward(ctx, yes)
}

func back(ctx context.Context, m *migrate.Migration) (migrate.Outcome, error) {
	return m.Back(ctx, yes)
}

// TestThereAndBack: memberships become what the rules give, in any mode, over any limit,
// and what they were; the snapshot stays the first one.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := newRig(t, seed)
		out, err := r.start(forward)
		if err != nil || out.Report.Exit != jobs.ExitDone || !same(r.members(), r.byRules()) {
			t.Fatalf("forward: %v %+v\n%v\nwant %v", err, out.Report, r.members(), r.byRules())
		}
		first, err := os.ReadFile(r.file)
		if err != nil {
			t.Fatal(err)
		}
		if out, err = r.start(forward); err != nil || len(out.Report.Done) > 0 {
			t.Errorf("forward again: %v %+v", err, out.Report)
		}
		if again, _ := os.ReadFile(r.file); string(again) != string(first) {
			t.Error("the snapshot was written over")
		}
		if out, err = r.start(back); err != nil || differs(out) != 0 || !same(r.members(), r.before) {
			t.Fatalf("back: %v %+v\n%v\nwant %v", err, out, r.members(), r.before)
		}
		for _, m := range out.Moved {
			if m.Kept != len(r.before[map[string]string{"Legal": "g1", "IT": "g2", "By hand": "g3"}[m.Name]]) {
				t.Errorf("%+v", m)
			}
		}
	}
}

// differs is how many memberships are not as the snapshot says.
func differs(out migrate.Outcome) (n int) {
	for _, g := range out.Moved {
		n += g.Gone + g.New
	}
	return n
}

// TestKilledAtEveryStep: whenever the process dies, before a request or after it was
// done, one more forward ends complete, and one back ends at the snapshot.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for _, first := range []func(context.Context, *migrate.Migration) (migrate.Outcome, error){forward, back} {
			for n := 1; ; n++ {
				r := newRig(t, 3)
				if len(r.before["g3"]) == 0 {
					t.Fatal("a world without anything to clear")
				}
				there := fmt.Sprintf("killed at %d, late %v", n, late)
				returning := n%2 == 0
				if reaches(first, back) {
					if _, err := r.start(forward); err != nil {
						t.Fatal(err)
					}
					there = "on the way back, " + there
				}
				r.dies, r.late = n, late
				out, err := r.start(first)
				r.dies = 0
				if err == nil && out.Report.Exit == jobs.ExitDone {
					if n < 8 {
						t.Errorf("%s: nothing was there to be killed", there)
					}
					break // it ended before it was killed
				}
				r.redis.FastForward(time.Minute) // its lock is over
				if _, err := os.Stat(r.file); err != nil && returning {
					if !same(r.members(), r.before) {
						t.Errorf("%s: there is no snapshot, and something was written", there)
					}
					continue
				}
				next, want := forward, r.byRules()
				if returning {
					next, want = back, r.before
				}
				if out, err := r.start(next); err != nil || out.Report.Exit != jobs.ExitDone || !same(r.members(), want) {
					t.Errorf("%s: %v %+v\n%v\nwant %v", there, err, out.Report, r.members(), want)
				}
			}
		}
	}
}

func reaches(a, b func(context.Context, *migrate.Migration) (migrate.Outcome, error)) bool {
	return fmt.Sprintf("%p", a) == fmt.Sprintf("%p", b)
}

// TestProtectedStay: who is protected keeps their groups, both ways.
func TestProtectedStay(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	who := r.before["g3"][0]
	r.policy.Protect = []string{"p" + strings.TrimPrefix(who, "a") + "@x.io"}
	out, err := r.start(forward)
	if err != nil || out.Report.Exit != jobs.ExitHeld || !slices.Equal(r.members()["g3"], []string{who}) {
		t.Errorf("%v %+v %v", err, out.Report, r.members())
	}
}

// TestNotAllRead: a OneLogin that was not read to the end takes nobody out of a group.
func TestNotAllRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	r.directory.Receipt.Lists = r.directory.Receipt.Lists[:3]
	if out, err := r.start(forward); err != nil || out.Report.Exit != jobs.ExitHeld {
		t.Errorf("%v %+v", err, out.Report)
	}
	for g, members := range r.before {
		for _, id := range members {
			if !slices.Contains(r.members()[g], id) {
				t.Errorf("%s is not in %s any more", id, g)
			}
		}
	}
}

// TestTwoPeople: where it takes two, one person's yes does not lift a limit.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	r.policy.FourEyes = true
	one := 1
	r.policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitRemoveMember: {Max: &one}}
	out, err := r.start(forward)
	if err != nil || out.Report.Exit != jobs.ExitHeld || out.Report.Done["remove_member"] != 0 {
		t.Errorf("%v %+v", err, out.Report)
	}
	r.policy.FourEyes = false
	if out, err = r.start(forward); err != nil || out.Report.Exit != jobs.ExitDone || !same(r.members(), r.byRules()) {
		t.Errorf("%v %+v", err, out.Report)
	}
}

// TestDeclined: a plan that nobody agrees to writes nothing but the snapshot.
func TestDeclined(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	asked := 0
	_, err := r.start(func(ctx context.Context, m *migrate.Migration) (migrate.Outcome, error) {
		return m.Forward(ctx, func(p reconcile.Plan) (bool, error) { asked = len(p.Changes); return false, nil })
	})
	if err != nil || asked == 0 || !same(r.members(), r.before) {
		t.Errorf("%v, asked about %d changes: %v", err, asked, r.members())
	}
}

// TestSnapshotFile: of another Tomorro, of something else, and what is not there.
func TestSnapshotFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	if _, err := r.start(back); !errors.Is(err, migrate.ErrNoSnapshot) {
		t.Errorf("back without a snapshot: %v", err)
	}
	for name, text := range map[string]string{"of another": `{"target": "https://y"}`, "of something else": "hello"} {
		if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.start(forward); err == nil || !same(r.members(), r.before) {
			t.Errorf("%s: %v", name, err)
		}
		if again, _ := os.ReadFile(r.file); string(again) != text {
			t.Errorf("%s was written over", name)
		}
	}
	s := migrate.Take("https://x", &reconcile.Current{}, now)
	if err := s.Save(r.file); !errors.Is(err, migrate.ErrThere) {
		t.Errorf("%v", err)
	}
	path := filepath.Join(t.TempDir(), "new.json")
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("files are left: %v", left)
	}
}

// TestGoneMeanwhile: a group or an account that is not there any more is told, and holds
// up nothing else.
func TestGoneMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	if _, err := r.start(forward); err != nil {
		t.Fatal(err)
	}
	s, err := migrate.Load(r.file, "https://x")
	if err != nil {
		t.Fatal(err)
	}
	s.Groups = append(s.Groups, migrate.Group{ID: "gone", Name: "Gone", Members: []migrate.Member{{ID: "a1"}}})
	s.Groups[0].Members = append(s.Groups[0].Members, migrate.Member{ID: "nobody"})
	r.file = filepath.Join(t.TempDir(), "edited.json")
	if err := s.Save(r.file); err != nil {
		t.Fatal(err)
	}
	out, err := r.start(back)
	if err != nil || differs(out) != 2 || !same(r.members(), r.before) {
		t.Errorf("%v %d %v", err, differs(out), r.members())
	}
}
