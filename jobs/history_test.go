package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

func (r *rig) scan(t *testing.T, who *jobs.Person) []jobs.Entry {
	t.Helper()
	h := jobs.History{Person: who}
	var out []jobs.Entry
	if err := r.store.Scan(t.Context(), time.Time{}, func(e jobs.Entry) bool {
		if e, ok := h.Take(e); ok {
			out = append(out, e)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// changedPeople is a company whose people joined, were renamed, and left.
func changedPeople(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.source.d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"G"}}}}}
	r.runner.Policy.CreateGroups = true
	r.reconcile(t)
	r.source.d.People[0].Email = "ann.ray@x.io"
	r.source.d.People[1].Email = "ann@x.io" // what was Ann's is Bob's now
	r.reconcile(t)
	r.source.d.People[0].Status = 2
	r.source.d.People[2].Title = "wizard" // held
	r.reconcile(t)
	return r
}

func TestHistoryOfAPerson(t *testing.T) {
	r := changedPeople(t)
	ann, err := jobs.FindPerson(t.Context(), r.store, "ANN.ray@x.io")
	if err != nil {
		t.Fatal(err)
	}
	var ops []reconcile.Op
	results := 0
	for _, e := range r.scan(t, ann) {
		if e.Write != nil {
			for _, c := range e.Write.Changes {
				ops = append(ops, c.Op)
				if c.Key != 1 {
					t.Errorf("%+v is about somebody else", c)
				}
			}
		}
		if e.Kind == jobs.EntryOutcome {
			results++
		}
	}
	want := []reconcile.Op{reconcile.OpCreate, reconcile.OpAddMember, reconcile.OpRename, reconcile.OpDeactivate}
	if len(ops) != len(want) || results != len(want) || ops[0] != want[0] || ops[3] != want[3] {
		t.Errorf("ops %v with %d outcomes, want %v", ops, results, want)
	}
	if _, err := jobs.FindPerson(t.Context(), r.store, "ann@x.io"); err == nil || !strings.Contains(err.Error(), "OneLogin user 1, OneLogin user 2") {
		t.Errorf("an e-mail that two people had: %v", err)
	}
	if _, err := jobs.FindPerson(t.Context(), r.store, "zoe@x.io"); !errors.Is(err, jobs.ErrNobody) {
		t.Errorf("somebody unknown: %v", err)
	}
	cyd, err := jobs.FindPerson(t.Context(), r.store, "3")
	if err != nil {
		t.Fatal(err)
	}
	held := false
	for _, e := range r.scan(t, cyd) {
		held = held || e.Kind == jobs.EntryHold && e.Held[0].Key == 3
	}
	if !held {
		t.Error("what is held is not in the history")
	}
}

// TestHistoryOfPushes: of many who were looked at, a person's history has their part.
func TestHistoryOfPushes(t *testing.T) {
	e := jobs.Entry{Kind: jobs.EntryPush, Pushed: []jobs.Pushed{{Request: "q1", Asked: "create", Key: 1}, {Request: "q2", Asked: "members", Key: 2}, {Request: "q3", Asked: "members"}}}
	for key, want := range map[reconcile.Key]int{1: 1, 2: 1, 3: 0, 0: 0} {
		h := jobs.History{Person: &jobs.Person{Key: key}}
		got, found := h.Take(e)
		if len(got.Pushed) != want || found != (want > 0) || want > 0 && got.Pushed[0].Key != key || len(e.Pushed) != 3 {
			t.Errorf("of user %d: %+v, %v", key, got.Pushed, found)
		}
	}
}

// TestErase takes a person's values out of everything that Redis has, and nothing else.
func TestErase(t *testing.T) {
	r := changedPeople(t)
	r.source.d.People[0].LastName = "Rayleigh"
	r.reconcile(t)
	if _, err := r.store.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryDecide, Decided: &reconcile.Decision{By: []string{"cyd"}, Why: "Ann.Ray@x.io returns"}}); err != nil {
		t.Fatal(err)
	}
	before := r.scan(t, nil)
	ann, err := jobs.FindPerson(t.Context(), r.store, "1")
	if err != nil {
		t.Fatal(err)
	}
	note := jobs.Entry{Kind: jobs.EntryErase, Time: time.Now(), Trigger: &jobs.Trigger{By: "command", Who: "admin"}, Note: "OneLogin user 1"}
	n, err := r.store.Erase(t.Context(), ann.Eraser(), note)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	after := r.scan(t, nil)
	if len(after) != len(before)+1 || after[len(after)-1].Erased != n {
		t.Errorf("%d entries became %d; %+v", len(before), len(after), after[len(after)-1])
	}
	text, err := json.Marshal(after)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"ann.ray", "Rayleigh"} {
		if strings.Contains(strings.ToLower(string(text)), strings.ToLower(word)) {
			t.Errorf("%q is still in the journal", word)
		}
	}
	for _, word := range []string{"cyd@x.io", `"key":2`, `"key":1`} {
		if !strings.Contains(string(text), word) {
			t.Errorf("%q is gone from the journal", word)
		}
	}
	if again, err := r.store.Erase(context.Background(), ann.Eraser(), note); err != nil || again != 0 {
		t.Errorf("a second time: %d, %v", again, err)
	}
	if h := r.scan(t, ann); len(h) == 0 {
		t.Error("the facts are gone")
	}
	if report := r.reconcile(t); report.Exit != jobs.ExitDone {
		t.Errorf("a run after it: %+v", report)
	}
}
