package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// claim asks for one write about the subjects.
func claim(ctx context.Context, s Store, l jobs.Lease, run string, position int64, subjects ...string) (jobs.Claimed, error) {
	c := jobs.Claim{Run: run, Position: position, Subjects: subjects, Entry: jobs.Entry{Time: time.Now(), Write: &reconcile.Write{Op: reconcile.WriteUpdateUser}}}
	got, err := s.Claim(ctx, l, []jobs.Claim{c})
	if err != nil {
		return jobs.Claimed{}, err
	}
	return got[0], nil
}

func settle(t *testing.T, s Store, run, intent string, subjects ...string) {
	t.Helper()
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: run, Subjects: subjects, Entry: jobs.Entry{Intent: intent, Result: reconcile.Done}}}))
}

// within runs work under the lock.
func within(t *testing.T, s Store, work func(ctx context.Context, l jobs.Lease) error) {
	t.Helper()
	must(t, s.Do(t.Context(), "test", work))
}

func snapshot(t *testing.T, s Store) jobs.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	must(t, err)
	return snap
}

func claims(t *testing.T, open Open) {
	s := open(t, "claims", 30*time.Second)
	var old jobs.Lease
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		old = l
		before := snapshot(t, s)
		first, err := claim(ctx, s, l, "run-1", before.Position, "1", "2")
		if err != nil || first.ID == "" {
			return fmt.Errorf("%+v %w", first, err)
		}
		open := snapshot(t, s)
		if len(open.Open) != 1 || open.Open[0].ID != first.ID || open.Open[0].Run != "run-1" || open.Open[0].Fence != l.Fence || open.Position <= before.Position {
			t.Errorf("open intents %+v", open)
		}
		if again, err := claim(ctx, s, l, "run-1", before.Position, "1"); err != nil || again.ID == "" { // a run may write somebody twice
			t.Errorf("its own second claim: %+v %v", again, err)
		} else {
			settle(t, s, "run-1", again.ID, "1")
		}
		settle(t, s, "run-1", first.ID, "1", "2")
		return nil
	})
	recovered(t, s)
	if _, err := claim(t.Context(), s, old, "run-1", 1<<40, "9"); !errors.Is(err, jobs.ErrLockLost) {
		t.Errorf("a claim with a lost lease: %v", err)
	}
	if snap := snapshot(t, s); len(snap.Open) != 0 || len(snap.Marks) != 0 {
		t.Errorf("left over: %+v", snap)
	}
}

// recovered: what a dead run left open is settled by the next, which may then
// write the same people; who looked before that may not.
func recovered(t *testing.T, s Store) {
	t.Helper()
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		left, err := claim(ctx, s, l, "dead", snapshot(t, s).Position, "5")
		if err != nil || left.ID == "" {
			return fmt.Errorf("%+v %w", left, err)
		}
		position := snapshot(t, s).Position
		must(t, s.Settle(ctx, []jobs.Settled{{Run: "dead", By: "next", Subjects: []string{"5"}, Entry: jobs.Entry{Intent: left.ID, Result: reconcile.NotDone}}}))
		if c, err := claim(ctx, s, jobs.Lease{}, "push", position, "5"); err != nil || c.ID != "" {
			t.Errorf("who looked before it was settled may write: %+v %v", c, err)
		}
		c, err := claim(ctx, s, l, "next", position, "5")
		if err != nil || c.ID == "" {
			return fmt.Errorf("the run that settled it may not write: %+v %w", c, err)
		}
		settle(t, s, "next", c.ID, "5")
		return nil
	})
	must(t, s.Unmark(t.Context(), "next", snapshot(t, s)))
}

// taken: who looks at one person takes them before, against everybody who looked
// earlier, and gives them back.
func taken(t *testing.T, open Open) {
	s := open(t, "taken", 30*time.Second)
	take := jobs.Claim{Run: "push", Subjects: []string{"1"}}
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		before := snapshot(t, s)
		if got, err := s.Claim(ctx, jobs.Lease{}, []jobs.Claim{take}); err != nil || got[0].ID != "" || got[0].Newer != nil {
			return fmt.Errorf("%+v %w", got, err)
		}
		if snap := snapshot(t, s); len(snap.Open) != 0 {
			t.Errorf("taking is no intent: %+v", snap.Open)
		}
		other := take
		other.Run = "another push"
		if got, err := s.Claim(ctx, jobs.Lease{}, []jobs.Claim{other}); err != nil || len(got[0].Newer) != 1 {
			t.Errorf("taken twice: %+v %v", got, err)
		}
		if c, err := claim(ctx, s, l, "run", snapshot(t, s).Position, "1"); err != nil || c.ID != "" {
			t.Errorf("a run writes who is taken: %+v %v", c, err)
		}
		mine, err := claim(ctx, s, jobs.Lease{}, "push", 0, "1")
		if err != nil || mine.ID == "" {
			return fmt.Errorf("who took may not write: %+v %w", mine, err)
		}
		settle(t, s, "push", mine.ID, "1")
		if c, err := claim(ctx, s, l, "run", snapshot(t, s).Position, "1"); err != nil || c.ID != "" {
			t.Errorf("a run writes who is still taken: %+v %v", c, err)
		}
		must(t, s.Settle(ctx, []jobs.Settled{{Run: "push", Subjects: []string{"1"}}}))
		if c, err := claim(ctx, s, l, "run", before.Position, "1"); err != nil || c.ID != "" {
			t.Errorf("a run writes who was taken since it looked: %+v %v", c, err)
		}
		if c, err := claim(ctx, s, l, "run", snapshot(t, s).Position, "1"); err != nil || c.ID == "" {
			t.Errorf("given back, and not free: %+v %v", c, err)
		}
		return nil
	})
}

// unmarked: a run forgets the marks that it saw, but not those of somebody whom
// another writer wrote since, or has in hand.
func unmarked(t *testing.T, open Open) {
	s := open(t, "unmarked", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		before := snapshot(t, s)
		for _, who := range []string{"written", "in hand", "quiet"} { // each is marked by a run that looked earlier
			c, err := claim(ctx, s, jobs.Lease{}, "push", 0, who)
			must(t, err)
			if late, err := claim(ctx, s, l, "run-1", before.Position, who); err != nil || len(late.Newer) != 1 {
				t.Errorf("%s: %+v %v", who, late, err)
			}
			settle(t, s, "push", c.ID, who)
		}
		take := func(who string) {
			_, err := s.Claim(ctx, jobs.Lease{}, []jobs.Claim{{Run: "push", Subjects: []string{who}}})
			must(t, err)
		}
		take("in hand")
		seen := snapshot(t, s)
		if len(seen.Marks) != 3 {
			t.Errorf("marks %+v", seen.Marks)
		}
		take("written")
		must(t, s.Settle(ctx, []jobs.Settled{{Run: "push", Subjects: []string{"written"}}}))
		return s.Unmark(ctx, "run-2", seen)
	})
	left := snapshot(t, s).Marks
	slices.SortFunc(left, func(a, b jobs.Mark) int { return strings.Compare(a.Subject, b.Subject) })
	if len(left) != 2 || left[0].Subject != "in hand" || left[1].Subject != "written" {
		t.Errorf("marks left %+v", left)
	}
}

// pushes interleaves a run with writers that hold no lock.
func pushes(t *testing.T, open Open) {
	s := open(t, "pushes", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		before := snapshot(t, s)
		push, err := claim(ctx, s, jobs.Lease{}, "push-1", before.Position, "1")
		if err != nil || push.ID == "" {
			return fmt.Errorf("a push: %+v %w", push, err)
		}
		both, err := claim(ctx, s, l, "run", before.Position, "1", "2")
		if err != nil || both.ID != "" || !slices.Equal(both.Newer, []string{"1"}) {
			t.Errorf("somebody who is being written: %+v %v", both, err)
		}
		if n := len(snapshot(t, s).Open); n != 1 {
			t.Errorf("%d intents are open; a refused claim stores none", n)
		}
		settle(t, s, "push-1", push.ID, "1")
		if late, err := claim(ctx, s, l, "run", before.Position, "1"); err != nil || len(late.Newer) != 1 {
			t.Errorf("somebody written since the snapshot: %+v %v", late, err)
		}
		if other, err := claim(ctx, s, l, "run", before.Position, "2"); err != nil || other.ID == "" {
			t.Errorf("somebody else: %+v %v", other, err)
		} else {
			settle(t, s, "run", other.ID, "2")
		}
		status, err := s.Status(ctx)
		if err != nil || status.Lock == nil || status.Lock.Holder != "test" || status.Marks != 1 || time.Since(status.Oldest) > time.Minute || status.Open != 0 {
			t.Errorf("status %+v %v", status, err)
		}
		seen := snapshot(t, s)
		if len(seen.Marks) != 1 || seen.Marks[0].Subject != "1" {
			t.Errorf("marks %+v", seen.Marks)
		}
		if fresh, err := claim(ctx, s, l, "run-2", seen.Position, "1"); err != nil || fresh.ID == "" {
			t.Errorf("after another look: %+v %v", fresh, err)
		}
		return s.Unmark(ctx, "run-2", seen)
	})
	if status, err := s.Status(t.Context()); err != nil || status.Lock != nil || status.Marks != 0 || status.Open != 1 {
		t.Errorf("status %+v %v", status, err)
	}
}

// outcomes: of those that settle the same intent, also at once, the first is stored.
func outcomes(t *testing.T, open Open) {
	s := open(t, "outcomes", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		if _, err := s.Append(ctx, l, jobs.Entry{Kind: jobs.EntryBegin, Run: "r"}); err != nil {
			return err
		}
		c, err := claim(ctx, s, l, "r", 0, "1")
		if err != nil {
			return err
		}
		outcome := func(result string) jobs.Settled {
			return jobs.Settled{Run: "r", Subjects: []string{"1"}, Spent: map[reconcile.Limit]int{reconcile.LimitRename: 1},
				Entry: jobs.Entry{Intent: c.ID, Result: result}}
		}
		must(t, s.Settle(ctx, []jobs.Settled{outcome(reconcile.Done), outcome(reconcile.Failed)}))
		must(t, s.Settle(ctx, []jobs.Settled{outcome(reconcile.Failed)}))
		return nil
	})
	entries, err := s.Entries(t.Context(), "r")
	must(t, err)
	if len(entries) != 3 || entries[2].Result != reconcile.Done {
		t.Errorf("entries %+v", entries)
	}
	if spent, err := s.Spent(t.Context(), time.Now().Add(-time.Hour)); err != nil || spent[reconcile.LimitRename] != 1 {
		t.Errorf("spent %v %v", spent, err)
	}
}

func links(t *testing.T, open Open) {
	s := open(t, "links", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		if err := s.Link(ctx, l, []reconcile.Link{{Key: 1, Account: "a1"}, {Key: 2, Account: "a2"}}); err != nil {
			return err
		}
		c, err := claim(ctx, s, l, "r", 0, "1", "3")
		if err != nil {
			return err
		}
		return s.Settle(ctx, []jobs.Settled{{Run: "r", Subjects: []string{"1", "3"}, Ended: []reconcile.Key{1, 77},
			Links: []reconcile.Link{{Key: 2, Account: "a9"}, {Key: 3, Account: "a3"}}, Entry: jobs.Entry{Intent: c.ID, Result: reconcile.Done}}})
	})
	got, err := s.Links(t.Context())
	must(t, err)
	if len(got) != 2 || got[2] != "a9" || got[3] != "a3" {
		t.Errorf("links %v", got)
	}
	var old jobs.Lease
	within(t, s, func(_ context.Context, l jobs.Lease) error { old = l; return nil })
	if err := s.Link(t.Context(), old, []reconcile.Link{{Key: 9, Account: "a9"}}); !errors.Is(err, jobs.ErrLockLost) {
		t.Errorf("a link with a lost lease: %v", err)
	}
}

func budget(t *testing.T, open Open) {
	s := open(t, "budget", 30*time.Second)
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		for _, spent := range []map[reconcile.Limit]int{
			{reconcile.LimitDeactivate: 3, reconcile.LimitCreate: 0}, {reconcile.LimitDeactivate: 2, reconcile.LimitRename: 1},
			{reconcile.LimitRemoveMember: 2, reconcile.LimitRemoveFromGroup.Of("g/1"): 2}, {reconcile.LimitRemoveMember: 1, reconcile.LimitRemoveFromGroup.Of("g2"): 1},
		} {
			c, err := claim(ctx, s, l, "r", 0, "1")
			if err != nil {
				return err
			}
			if err := s.Settle(ctx, []jobs.Settled{{Run: "r", Subjects: []string{"1"}, Spent: spent, Entry: jobs.Entry{Intent: c.ID}}}); err != nil {
				return err
			}
		}
		return nil
	})
	spent, err := s.Spent(t.Context(), time.Now().Add(-time.Hour))
	must(t, err)
	if spent[reconcile.LimitDeactivate] != 5 || spent[reconcile.LimitRename] != 1 || spent[reconcile.LimitCreate] != 0 ||
		spent[reconcile.LimitRemoveMember] != 3 || spent[reconcile.LimitRemoveFromGroup.Of("g/1")] != 2 || spent[reconcile.LimitRemoveFromGroup.Of("g2")] != 1 {
		t.Errorf("spent %v", spent)
	}
	later, err := s.Spent(t.Context(), time.Now().Add(time.Hour))
	must(t, err)
	if later[reconcile.LimitDeactivate] != 0 {
		t.Errorf("outside the window: %v", later)
	}
}
