package jobs_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source gives a directory, or an error.
type source struct {
	d     reconcile.Directory
	err   error
	asked int // people, by id
}

func (s *source) Pull(context.Context) (reconcile.Directory, error) { return s.d, s.err }

func (s *source) Witness(_ context.Context, keys []reconcile.Key) []reconcile.Testimony {
	s.asked += len(keys)
	return reconciletest.Testify(&s.d, keys)
}

func company() reconcile.Directory {
	d := reconcile.Directory{}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	for i, email := range []string{"ann@x.io", "bob@x.io", "cyd@x.io"} {
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(i + 1), Email: email, FirstName: "F", LastName: "L", Title: "user",
			Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	return d
}

type rig struct {
	source *source
	memory *reconciletest.Memory
	store  *redisstore.Store
	runner *jobs.Runner
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store, err := redisstore.Embedded(redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	r := &rig{source: &source{d: company()}, memory: reconciletest.NewMemory(reconcile.Current{}), store: store}
	r.runner = &jobs.Runner{Source: r.source, Target: r.memory, Locker: store, Journal: store, Ledger: store, Marks: store, Links: store, Recaller: store, Decisions: store,
		Policy: reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, Limits: reconcile.DefaultLimits()}}
	return r
}

func yes(reconcile.Plan) (bool, error) { return true, nil }

func (r *rig) reconcile(t *testing.T) jobs.Report {
	t.Helper()
	report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRunIsJournaled(t *testing.T) {
	r := newRig(t)
	report := r.reconcile(t)
	if report.Done[reconcile.OpCreate] != 3 || report.Exit != jobs.ExitDone {
		t.Errorf("%+v", report)
	}
	entries, err := r.store.Entries(t.Context(), report.Run)
	if err != nil {
		t.Fatal(err)
	}
	intents := map[string]bool{}
	outcomes := 0
	for _, e := range entries {
		switch e.Kind {
		case jobs.EntryIntent:
			intents[e.ID] = true
		case jobs.EntryOutcome:
			if !intents[e.Intent] || e.Result != reconcile.Done || e.Target == "" {
				t.Errorf("outcome %+v", e)
			}
			outcomes++
		}
	}
	if len(intents) != 3 || outcomes != 3 || entries[0].Kind != jobs.EntryBegin || entries[len(entries)-1].Kind != jobs.EntryEnd {
		t.Errorf("%d intents, %d outcomes in %d entries", len(intents), outcomes, len(entries))
	}
	links, err := r.store.Links(t.Context())
	if err != nil || len(links) != 3 {
		t.Errorf("links %v %v", links, err)
	}
	if again := r.reconcile(t); len(again.Planned) != 0 {
		t.Errorf("the second run planned %v", again.Planned)
	}
}

// TestBudgetSpansRuns: two runs under the limit are together over it.
func TestBudgetSpansRuns(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	one := 1
	r.runner.Policy.Limits.Allow[reconcile.LimitDeactivate] = reconcile.Allowance{Max: &one}
	r.source.d.People[0].Assigned = false
	if first := r.reconcile(t); first.Done[reconcile.OpDeactivate] != 1 {
		t.Fatalf("%+v", first)
	}
	r.source.d.People[1].Assigned = false
	second := r.reconcile(t)
	if second.Held[reconcile.HoldGuard] != 1 || second.Exit != jobs.ExitHeld || second.Done[reconcile.OpDeactivate] != 0 {
		t.Errorf("%+v", second)
	}
}

// TestLateYes: a yes is good for what is to be done when it is said. Who came back while
// somebody thought about the plan keeps their access, and what they did not see is asked
// for; a plan that stays the same is asked for once.
func TestLateYes(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	now := time.Now()
	r.runner.Now = func() time.Time { return now }
	r.source.d.People[0].Assigned = false
	var asked [][]string
	think := func(pause time.Duration, meanwhile func()) func(reconcile.Plan) (bool, error) {
		asked = nil
		return func(p reconcile.Plan) (bool, error) {
			var who []string
			for i := range p.Changes {
				who = append(who, string(p.Changes[i].Op)+" "+p.Changes[i].Who)
			}
			if asked = append(asked, who); len(asked) == 1 {
				meanwhile()
				now = now.Add(pause)
			}
			return true, nil
		}
	}
	report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, think(2*time.Hour, func() {
		r.source.d.People[0].Assigned, r.source.d.People[1].Title = true, "manager"
	}))
	if err != nil || report.Done[reconcile.OpDeactivate] != 0 || report.Done[reconcile.OpChangeRole] != 1 || report.Exit != jobs.ExitDone {
		t.Errorf("%+v, %v", report, err)
	}
	if want := [][]string{{"deactivate ann@x.io"}, {"change_role bob@x.io"}}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	r.source.d.People[0].Assigned = false
	report, err = r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, think(2*time.Hour, func() {}))
	if err != nil || report.Done[reconcile.OpDeactivate] != 1 || len(asked) != 1 || r.source.asked != 3 {
		t.Errorf("%+v, %v; asked for %v, OneLogin for %d people", report, err, asked, r.source.asked)
	}
}

// TestWitnessesAreAskedOnce: one question for each removal, and none when an
// incomplete pull or a limit holds it anyway.
func TestWitnessesAreAskedOnce(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	r.source.d.People[0].Status, r.source.d.People[1].Assigned = 2, false
	r.source.d.Receipt.Lists[0].Why = "page 2 of 3 failed"
	if report := r.reconcile(t); r.source.asked != 0 || report.Held[reconcile.HoldGuard] != 2 {
		t.Errorf("%d were asked for, %+v", r.source.asked, report)
	}
	r.source.d.Receipt.Lists[0].Why = ""
	one := 1
	deactivate := r.runner.Policy.Limits.Allow[reconcile.LimitDeactivate]
	r.runner.Policy.Limits.Allow[reconcile.LimitDeactivate] = reconcile.Allowance{Max: &one}
	if report := r.reconcile(t); r.source.asked != 0 || report.Held[reconcile.HoldGuard] != 2 {
		t.Errorf("over the limit %d were asked for, %+v", r.source.asked, report)
	}
	r.runner.Policy.Limits.Allow[reconcile.LimitDeactivate] = deactivate
	report := r.reconcile(t)
	if r.source.asked != 2 || report.Done[reconcile.OpDeactivate] != 2 {
		t.Errorf("%d were asked for, %+v", r.source.asked, report)
	}
	entries, err := r.store.Entries(t.Context(), report.Run)
	i := slices.IndexFunc(entries, func(e jobs.Entry) bool { return e.Kind == jobs.EntryWitness })
	if err != nil || i < 0 || len(entries[i].Said) != 2 {
		t.Errorf("what OneLogin answered is not in the journal: %+v %v", entries, err)
	}
}

// TestWitnessOfOnePerson: a run of one person asks once more, as any other.
func TestWitnessOfOnePerson(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	r.source.d.People[0].Status, r.source.d.People[1].Assigned = 2, false
	r.runner.User = "ann@x.io"
	if report := r.reconcile(t); r.source.asked != 1 || report.Done[reconcile.OpDeactivate] != 1 {
		t.Errorf("%d were asked for, %+v", r.source.asked, report)
	}
}

func TestLinksMakeARename(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	r.source.d.People[0].Email = "ann.ray@x.io"
	if report := r.reconcile(t); report.Done[reconcile.OpRename] != 1 || len(report.Planned) != 1 {
		t.Errorf("%+v", report)
	}
}

func TestDeclined(t *testing.T) {
	r := newRig(t)
	report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, func(p reconcile.Plan) (bool, error) { return false, nil })
	if err != nil || report.Run != "" || len(r.memory.Writes()) != 0 {
		t.Errorf("%+v %v, %d writes", report, err, len(r.memory.Writes()))
	}
	if runs, _ := r.store.Runs(t.Context(), 5); len(runs) != 0 {
		t.Errorf("a declined run is in the journal: %+v", runs)
	}
}

func TestFailedPullIsJournaled(t *testing.T) {
	r := newRig(t)
	r.source.err = errors.New("no such app")
	if _, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes); err == nil || !strings.Contains(err.Error(), "no such app") {
		t.Fatal(err)
	}
	runs, err := r.store.Runs(t.Context(), 5)
	if err != nil || len(runs) != 1 || runs[0].End == nil || runs[0].End.Report.Exit != jobs.ExitError {
		t.Errorf("%+v %v", runs, err)
	}
}

func TestExits(t *testing.T) {
	r := newRig(t)
	r.memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if w.Account.UserName == "bob@x.io" {
			return reconciletest.Refuses
		}
		return reconciletest.Works
	}
	report := r.reconcile(t)
	if report.Exit != jobs.ExitFailed || len(report.Errors) != 1 || !strings.Contains(report.Errors[0], "bob@x.io") {
		t.Errorf("%+v", report)
	}
	r.memory.Fail = nil
	r.runner.Policy.Approve = []string{"create"}
	if report := r.reconcile(t); report.Exit != jobs.ExitApproval {
		t.Errorf("%+v", report)
	}
	r.source.d.Receipt.Lists[0].Why = "page 2 of 3 failed"
	if report := r.reconcile(t); report.Exit != jobs.ExitHeld || len(report.Incomplete) != 1 {
		t.Errorf("%+v", report)
	}
}

func TestLocked(t *testing.T) {
	r := newRig(t)
	err := r.store.Do(t.Context(), "somebody", func(ctx context.Context, _ jobs.Lease) error {
		_, err := r.runner.Reconcile(ctx, jobs.Trigger{By: "test"}, yes)
		return err
	})
	if !errors.Is(err, jobs.ErrLocked) || len(r.memory.Writes()) != 0 {
		t.Errorf("%v, %d writes", err, len(r.memory.Writes()))
	}
}

// TestKeepsAll: where the journal is kept for ever, approvals that have ended are not.
func TestKeepsAll(t *testing.T) {
	r := newRig(t)
	r.runner.Keep = 0
	ended := func(string, reconcile.Decision) reconcile.Decision {
		return reconcile.Decision{By: []string{"ann"}, Approves: true, Until: time.Now().Add(-time.Minute)}
	}
	if err := r.store.Decide(t.Context(), []string{"a", "b"}, ended); err != nil {
		t.Fatal(err)
	}
	report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := r.store.Decisions(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%d approvals that have ended are left, %v", len(left), err)
	}
	if entries, err := r.store.Entries(t.Context(), report.Run); err != nil || len(entries) == 0 {
		t.Errorf("%d entries are left, %v", len(entries), err)
	}
}

// TestStopped: what was not sent is one line, however much it is.
func TestStopped(t *testing.T) {
	r := newRig(t)
	r.memory.Fail = func(reconcile.Write) reconciletest.Fault { return reconciletest.Forbids }
	r.runner.Concurrency = 1
	report, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes)
	if !errors.Is(err, reconcile.ErrRefused) || report.Exit != jobs.ExitError || len(report.Errors) != 2 || !strings.HasPrefix(report.Errors[1], "not sent: 2 changes, because") {
		t.Errorf("%v %+v", err, report)
	}
}

// TestStoreFailsInMidRun: what cannot be recorded is not written.
func TestStoreFailsInMidRun(t *testing.T) {
	r := newRig(t)
	broken := &breaking{Ledger: r.store, after: 1}
	r.runner.Ledger, r.runner.Concurrency = broken, 1
	_, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, yes)
	if err == nil || len(r.memory.Writes()) != 1 {
		t.Errorf("%v, %d writes; want an error and 1", err, len(r.memory.Writes()))
	}
}

type breaking struct {
	jobs.Ledger
	after int // claims
}

func (b *breaking) Claim(ctx context.Context, l jobs.Lease, c []jobs.Claim) ([]jobs.Claimed, error) {
	if b.after--; b.after < 0 {
		return nil, errors.New("connection refused")
	}
	return b.Ledger.Claim(ctx, l, c)
}
