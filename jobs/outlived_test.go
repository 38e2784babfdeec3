package jobs_test

import (
	"slices"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// say answers the one hold there is.
func (r *rig) say(t *testing.T, word jobs.Word) {
	t.Helper()
	book, err := jobs.ReadHolds(t.Context(), r.store)
	if err != nil {
		t.Fatal(err)
	}
	holds := book.Open(nil, false, time.Now())
	if len(holds) != 1 {
		t.Fatalf("%d holds: %+v", len(holds), holds)
	}
	if _, err := jobs.Answer(t.Context(), r.store, holds, holds[0].ID, word, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// held says which rule the run held the one change by that it came to.
func (r *rig) held(t *testing.T) reconcile.HoldRule {
	t.Helper()
	rule := reconcile.HoldRule("none")
	_, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, func(p reconcile.Plan) (bool, error) {
		for i := range p.Held {
			rule = p.Held[i].Rule
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

// TestRejectionIsOutlived: no to a removal stands as long as OneLogin says the same, also
// while it cannot be read. Once it took that back, the next leaving of that person is
// another one, and asked for again.
func TestRejectionIsOutlived(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	r.runner.Policy.Approve = []string{"delete"}
	leave := func(left bool) { r.source.d.People[0].Assigned = !left }
	steps := []struct {
		name string
		do   func()
		want reconcile.HoldRule
	}{
		{"leaves", func() { leave(true) }, reconcile.RuleApproval},
		{"is kept", func() { r.say(t, jobs.Word{Who: "bob", Why: "on leave"}) }, reconcile.RuleRejected},
		{"is still kept", func() {}, reconcile.RuleRejected},
		{"a run of somebody else", func() { leave(false); r.runner.User = "bob@x.io" }, "none"},
		{"which was of nobody", func() { leave(true); r.runner.User = "" }, reconcile.RuleRejected},
		{"OneLogin is not read to the end", func() { leave(false); r.source.d.Receipt.Lists[0].Why = "page 2 failed" }, "none"},
		{"nor said that anybody is back", func() { leave(true); r.source.d.Receipt.Lists[0].Why = "" }, reconcile.RuleRejected},
		{"is back", func() { leave(false) }, "none"},
		{"leaves for good", func() { leave(true) }, reconcile.RuleApproval},
	}
	for _, step := range steps {
		step.do()
		if got := r.held(t); got != step.want {
			t.Fatalf("%s: held by %q, want %q", step.name, got, step.want)
		}
	}
	if ended := r.outlived(t); len(ended) != 1 || ended[0].Decided.Why != "on leave" || !slices.Equal(ended[0].Decided.By, []string{"bob"}) || !slices.Equal(ended[0].Keys, []reconcile.Key{r.source.d.People[0].Key}) {
		t.Errorf("the journal says that these ended: %+v", ended)
	}
}

// outlived are the entries about rejections that ended.
func (r *rig) outlived(t *testing.T) (ended []jobs.Entry) {
	t.Helper()
	err := r.store.Scan(t.Context(), time.Time{}, func(e jobs.Entry) bool {
		if e.Kind == jobs.EntryOutlive {
			ended = append(ended, e)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

// TestRejectionOutlivesWhatIsUncertain: as long as OneLogin does not say enough of a person, or
// nobody sees who is in which group, nothing of them is taken back.
func TestRejectionOutlivesWhatIsUncertain(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	r.runner.Policy.Approve = []string{"delete"}
	p := &r.source.d.People[0]
	p.Status = 2
	r.reconcile(t)
	r.say(t, jobs.Word{Who: "bob", Why: "on leave"})
	p.Status, p.Unread = 0, reconcile.FieldStatus
	if got := r.held(t); got != reconcile.RuleData {
		t.Fatalf("without a status: held by %q", got)
	}
	p.Status, p.Unread = 2, 0
	if got := r.held(t); got != reconcile.RuleRejected {
		t.Errorf("with a status again: held by %q", got)
	}
	p.Status = 1
	r.reconcile(t)
	p.Status = 2
	if got := r.held(t); got != reconcile.RuleApproval {
		t.Errorf("after they were back: held by %q", got)
	}
}

// TestRejectionOutlivesMissingGroups: a night on which no membership can be compared says
// nothing of those that somebody wants to stay.
func TestRejectionOutlivesMissingGroups(t *testing.T) {
	r := newRig(t)
	gives := func(group string) []reconcile.Rule {
		return []reconcile.Rule{{ID: 1, Name: "all", Position: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{group}}}}}
	}
	r.runner.Policy.CreateGroups = true
	r.source.d.Rules = gives("Sales")
	r.reconcile(t)
	none := 0
	r.runner.Policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitRemoveMember: {Max: &none}}
	r.source.d.Rules = gives("Legal")
	r.reconcile(t)
	r.say(t, jobs.Word{Who: "bob", Why: "they move next month"})
	r.runner.Policy.Limits.Allow = nil
	r.source.d.Rules = nil
	if got := r.held(t); got != "none" {
		t.Fatalf("without rules: held by %q", got)
	}
	r.source.d.Rules = gives("Legal")
	if got := r.held(t); got != reconcile.RuleRejected {
		t.Errorf("with rules again: held by %q", got)
	}
}

// TestSaidSinceIsNotOutlived: what somebody says while a run is at work is about what comes
// after it.
func TestSaidSinceIsNotOutlived(t *testing.T) {
	r := newRig(t)
	r.reconcile(t)
	r.runner.Policy.Approve = []string{"delete"}
	r.source.d.People[0].Assigned = false
	r.reconcile(t)
	r.say(t, jobs.Word{Who: "bob"})
	r.source.d.People[0].Assigned = true
	_, err := r.runner.Reconcile(t.Context(), jobs.Trigger{By: "test"}, func(reconcile.Plan) (bool, error) {
		r.say(t, jobs.Word{Who: "cyd"}) // it is held as far as anybody can see
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.source.d.People[0].Assigned = false
	if got := r.held(t); got != reconcile.RuleRejected {
		t.Errorf("held by %q", got)
	}
	if ended := r.outlived(t); len(ended) > 0 {
		t.Errorf("the journal says that these ended: %+v", ended)
	}
}

// TestUndoIsNotOutlived: a run comes to nothing that an undo would do, which says nothing
// of what somebody said of it.
func TestUndoIsNotOutlived(t *testing.T) {
	r := newRig(t)
	r.runner.Reader, r.runner.Pins = r.store, r.store
	first := r.reconcile(t)
	r.runner.Policy.Approve = []string{"delete"}
	undo := func() (rules []reconcile.HoldRule) {
		t.Helper()
		_, err := r.runner.Undo(t.Context(), jobs.Trigger{By: "undo"}, jobs.UndoWhat{Run: first.Run}, func(p reconcile.Plan) (bool, error) {
			for i := range p.Held {
				rules = append(rules, p.Held[i].Rule)
			}
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return rules
	}
	if got := undo(); len(got) != 3 || got[0] != reconcile.RuleApproval {
		t.Fatalf("held by %q", got)
	}
	r.say(t, jobs.Word{Who: "bob"})
	r.reconcile(t)
	if got := undo(); len(got) != 3 || got[0] != reconcile.RuleRejected {
		t.Errorf("held by %q", got)
	}
}
