package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// newVerifiedRig has a store that remembers what is ignored, and a clock.
func newVerifiedRig(t *testing.T) (*rig, *time.Time) {
	t.Helper()
	r, now := newRig(t), time.Now()
	r.runner.Ignored, r.runner.ReadBack = r.store, true
	r.runner.Now = func() time.Time { return now }
	return r, &now
}

// ignoresRoles confirms a change of userType and does not make it.
func ignoresRoles(w *reconcile.Write, before reconcile.Account) {
	if w.Op == reconcile.WriteUpdateUser {
		w.Account.UserType = before.UserType
	}
}

// TestIgnoredIsNotRewritten: a role that Tomorro confirms and does not keep is
// reported twice, then held, and tried again when the title changes and after 30
// days.
func TestIgnoredIsNotRewritten(t *testing.T) {
	r, now := newVerifiedRig(t)
	if report := r.reconcile(t); len(report.Ignored) != 0 {
		t.Fatalf("an honest first run: %+v", report)
	}
	r.memory.Ignore = ignoresRoles
	r.source.d.People[0].Title = "manager"
	night := func(what string, planned, held int) jobs.Report {
		t.Helper()
		report := r.reconcile(t)
		if report.Planned[reconcile.OpChangeRole] != planned || len(report.Ignored) != planned || report.Held[reconcile.HoldData] != held || report.Exit != jobs.ExitDone {
			t.Fatalf("%s: %+v", what, report)
		}
		*now = now.Add(24 * time.Hour)
		return report
	}
	first := night("the first night", 1, 0)
	if n := first.Ignored[0]; n.Who != "ann@x.io" || n.Sent != "manager" || n.There != "user" || n.Access {
		t.Errorf("%+v", n)
	}
	entries, err := r.store.Entries(t.Context(), first.Run)
	if err != nil || len(entries[len(entries)-1].Report.Ignored) != 1 {
		t.Errorf("the journal's end entry: %+v, %v", entries[len(entries)-1], err)
	}
	night("the second, it may have been one lost answer", 1, 0)
	night("the third", 0, 1)
	night("the fourth", 0, 1)
	r.source.d.People[0].Title = "admin"
	night("another title", 1, 0)
	night("another title, again", 1, 0)
	night("another title, held", 0, 1)
	plan, err := r.runner.Plan(t.Context())
	if err != nil || len(plan.Held) != 1 || plan.Held[0].Rule != reconcile.RuleIgnored || !strings.Contains(plan.Held[0].Reason, now.AddDate(0, 0, -2).UTC().Format(time.DateOnly)) {
		t.Errorf("%+v, %v", plan.Held, err)
	}
	*now = now.Add(31 * 24 * time.Hour)
	night("a month later", 1, 0)
	night("and then", 0, 1)
	*now = now.Add(31 * 24 * time.Hour)
	r.memory.Ignore = nil
	if report := r.reconcile(t); report.Done[reconcile.OpChangeRole] != 1 || len(report.Ignored) != 0 {
		t.Errorf("Tomorro keeps it at last: %+v", report)
	}
	if left, err := r.store.Recall(t.Context(), time.Now()); err != nil || len(left.Ignored) != 0 {
		t.Errorf("still remembered: %v, %v", left, err)
	}
}

// TestOnePersonForgetsNobodyElse: a run of one person leaves alone what Tomorro did not keep
// of others.
func TestOnePersonForgetsNobodyElse(t *testing.T) {
	r, _ := newVerifiedRig(t)
	r.reconcile(t)
	r.memory.Ignore = ignoresRoles
	r.source.d.People[0].Title = "manager"
	r.reconcile(t)
	r.reconcile(t)
	r.runner.User = "bob@x.io"
	r.reconcile(t)
	r.runner.User = ""
	if report := r.reconcile(t); report.Planned[reconcile.OpChangeRole] != 0 || report.Held[reconcile.HoldData] != 1 {
		t.Errorf("what was not kept twice is sent again: %+v", report)
	}
}

// TestALeaverWhoStaysIsNeverQuiet: it is sent and told in each run, exit 3, and
// stops no canary once it is known.
func TestALeaverWhoStaysIsNeverQuiet(t *testing.T) {
	r, _ := newVerifiedRig(t)
	r.reconcile(t)
	r.memory.Ignore = func(w *reconcile.Write, before reconcile.Account) {
		if w.Op == reconcile.WriteUpdateUser && before.Active {
			w.Account.Active = true
		}
	}
	r.source.d.People[0].Assigned = false
	for range 4 {
		report := r.reconcile(t)
		if report.Exit != jobs.ExitFailed || report.Done[reconcile.OpDeactivate] != 1 || len(report.Ignored) != 1 || !report.Ignored[0].Access {
			t.Fatalf("%+v", report)
		}
		if line := report.Ignored[0].String(); !strings.Contains(line, "ann@x.io") || !strings.Contains(line, "keep access") {
			t.Errorf("%s", line)
		}
	}
	r.runner.Canary = 1
	r.source.d.People[1].LastName, r.source.d.People[2].LastName = "New", "New"
	if report := r.reconcile(t); report.Done[reconcile.OpUpdateName] != 2 || report.Exit != jobs.ExitFailed {
		t.Errorf("one who stays keeps everybody else from being updated: %+v", report)
	}
}

// crowd is a company of n more people.
func crowd(n int) reconcile.Directory {
	d := company()
	for i := range n {
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(100 + i), Email: fmt.Sprintf("p%03d@x.io", i), FirstName: "F", LastName: "L", Title: "user",
			Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	return d
}

// TestCanaryStopsAtTen: of 60 changes of role that Tomorro does not keep, ten are
// sent.
func TestCanaryStopsAtTen(t *testing.T) {
	r, _ := newVerifiedRig(t)
	r.source.d = crowd(60)
	r.reconcile(t)
	sent := len(r.memory.Writes())
	r.runner.Canary = 10
	r.runner.Policy.Limits.Allow = nil
	for i := range r.source.d.People {
		r.source.d.People[i].Title = "manager"
	}
	r.memory.Ignore = ignoresRoles
	report := r.reconcile(t)
	if got := len(r.memory.Writes()) - sent; got != 10 || report.Skipped[reconcile.OpChangeRole] != 53 || report.Exit != jobs.ExitFailed || len(report.Ignored) != 10 {
		t.Errorf("%d writes, %+v", got, report)
	}
	if len(report.Errors) != 1 || !strings.Contains(report.Errors[0], "not sent: 53 changes") || !strings.Contains(report.Errors[0], "did not keep 10") {
		t.Errorf("%q", report.Errors)
	}
	r.memory.Ignore = nil
	if report := r.reconcile(t); report.Done[reconcile.OpChangeRole] != 63 || report.Exit != jobs.ExitDone {
		t.Errorf("an honest Tomorro: %+v", report)
	}
}

// TestCanaryIsReadFromTheLists: a service that answers with what it was sent, and
// keeps something else, is found by the canary.
func TestCanaryIsReadFromTheLists(t *testing.T) {
	r, _ := newVerifiedRig(t)
	r.source.d, r.runner.Canary = crowd(20), 5
	r.runner.Target = &echo{Memory: r.memory}
	r.memory.Ignore = func(w *reconcile.Write, _ reconcile.Account) { w.Account.UserType = reconcile.Viewer }
	report := r.reconcile(t)
	if report.Done[reconcile.OpCreate] != 5 || report.Skipped[reconcile.OpCreate] != 18 || len(report.Ignored) != 5 {
		t.Errorf("%+v", report)
	}
}

// echo answers what it was sent, whatever became of it.
type echo struct{ *reconciletest.Memory }

func (e *echo) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	written, err := e.Memory.Write(ctx, w)
	id := written.Account.ID
	if written.Account = w.Account; id != "" {
		written.Account.ID = id
	}
	return written, err
}

// reads counts how Tomorro is read, and does something before the next read.
type reads struct {
	*reconciletest.Memory
	all, groups int
	before      func() error
	silent      bool // writes are answered with nothing
}

func (c *reads) Read(ctx context.Context) (reconcile.Current, error) {
	if c.all++; c.before != nil && c.all+c.groups > 1 {
		if err := c.before(); err != nil {
			return reconcile.Current{}, err
		}
	}
	return c.Memory.Read(ctx)
}

func (c *reads) ReadGroups(ctx context.Context) (reconcile.Current, error) {
	c.all--
	c.groups++
	current, err := c.Read(ctx)
	current.Accounts = nil
	return current, err
}

func (c *reads) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	written, err := c.Memory.Write(ctx, w)
	if c.silent {
		written.Account = reconcile.Account{}
	}
	return written, err
}

// withGroup gives everybody with the title user the group legal.
func (r *rig) withGroup() {
	r.source.d.Rules = []reconcile.Rule{{ID: 1, Name: "rule", Conditions: []reconcile.Condition{{Source: "title", Operator: "=", Value: "user"}},
		Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	r.memory = reconciletest.NewMemory(reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "legal"}}})
	r.runner.Target = r.memory
}

// TestReadBackReads no more than it must: nothing for accounts that were answered,
// the groups where memberships were written, everything where nothing was answered.
func TestReadBackReads(t *testing.T) {
	for _, tt := range []struct {
		name               string
		groups, silent     bool
		wantAll, wantGroup int
	}{
		{"answered", false, false, 1, 0}, {"memberships", true, false, 1, 1}, {"not answered", false, true, 2, 0}, {"not answered, and memberships", true, true, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := newVerifiedRig(t)
			if tt.groups {
				r.withGroup()
			}
			target := &reads{Memory: r.memory, silent: tt.silent}
			r.runner.Target = target
			report := r.reconcile(t)
			if len(report.Ignored) != 0 || report.Unread != "" || target.all != tt.wantAll || target.groups != tt.wantGroup {
				t.Errorf("read %d times, groups %d times: %+v", target.all, target.groups, report)
			}
			target.all, target.groups = 0, 0
			if r.reconcile(t); target.all != 1 || target.groups != 0 {
				t.Errorf("a run without writes read %d and %d times", target.all, target.groups)
			}
		})
	}
}

// TestReadBackKnowsWhatOthersWrote: a push that takes somebody out again, before
// the run reads back, is not Tomorro ignoring the run.
func TestReadBackKnowsWhatOthersWrote(t *testing.T) {
	for _, pushed := range []bool{true, false} {
		r, _ := newVerifiedRig(t)
		r.withGroup()
		target := &reads{Memory: r.memory}
		r.runner.Target = target
		target.before = func() error {
			ctx, w := t.Context(), reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g1", Group: "legal", Remove: []string{"a-new-0001"},
				Changes: []reconcile.Change{{Op: reconcile.OpRemoveMember, Key: 1}}}
			links, err := r.store.Links(ctx)
			if err != nil {
				return err
			}
			w.Remove[0] = links[1]
			if _, err := r.memory.Write(ctx, w); err != nil || !pushed {
				return err
			}
			snap, err := r.store.Snapshot(ctx)
			if err != nil {
				return err
			}
			got, err := r.store.Claim(ctx, jobs.Lease{}, []jobs.Claim{{Run: "push", Position: snap.Position, Entry: jobs.Entry{Write: &w}, Subjects: []string{"1"}}})
			if err != nil || got[0].ID == "" {
				return fmt.Errorf("%+v %w", got, err)
			}
			return nil
		}
		want := map[bool]int{true: 0, false: 1}[pushed]
		if report := r.reconcile(t); len(report.Ignored) != want {
			t.Errorf("pushed %v: %+v", pushed, report)
		}
	}
}

// TestReadBackFails: the writes were made, so the run is what it was, and says so.
func TestReadBackFails(t *testing.T) {
	r, _ := newVerifiedRig(t)
	r.withGroup()
	r.runner.Target = &reads{Memory: r.memory, before: func() error { return errors.New("Tomorro is away") }}
	report := r.reconcile(t)
	if report.Exit != jobs.ExitDone || !strings.Contains(report.Unread, "Tomorro is away") || report.Done[reconcile.OpAddMember] != 3 {
		t.Errorf("%+v", report)
	}
	r.source.d, r.runner.Canary = crowd(9), 2
	r.withGroup()
	r.runner.Target = &reads{Memory: r.memory, before: func() error { return errors.New("Tomorro is away") }}
	if report := r.reconcile(t); report.Exit != jobs.ExitFailed || report.Done[reconcile.OpCreate] != 2 || !strings.Contains(strings.Join(report.Errors, "\n"), "Tomorro is away") {
		t.Errorf("a canary that cannot be read back: %+v", report)
	}
}

// TestErasedFromNotKept: the report of a run names nobody who was erased.
func TestErasedFromNotKept(t *testing.T) {
	r, _ := newVerifiedRig(t)
	r.reconcile(t)
	r.memory.Ignore = func(w *reconcile.Write, before reconcile.Account) { w.Account.FamilyName = before.FamilyName }
	r.source.d.People[0].LastName = "Featherstone"
	run := r.reconcile(t).Run
	person, err := jobs.FindPerson(t.Context(), r.store, "ann@x.io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Erase(t.Context(), person.Eraser(), jobs.Entry{Kind: jobs.EntryErase}); err != nil {
		t.Fatal(err)
	}
	entries, err := r.store.Entries(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	n := entries[len(entries)-1].Report.Ignored[0]
	if text := fmt.Sprintf("%+v", n); strings.Contains(text, "ann@") || strings.Contains(text, "Featherstone") || n.Key != 1 {
		t.Errorf("%s", text)
	}
}
