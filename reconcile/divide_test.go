package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// picky is a service that refuses to change some members' membership, and all that is
// asked for with theirs. It keeps who was changed.
type picky struct {
	refuses map[string]error
	changed []string
	sent    int
}

func (p *picky) Write(_ context.Context, w reconcile.Write) (reconcile.Written, error) {
	p.sent++
	for _, id := range slices.Concat(w.Add, w.Remove) {
		if err := p.refuses[id]; err != nil {
			if len(w.Add)+len(w.Remove) > 1 {
				err = &reconcile.DivisibleError{Err: err}
			}
			return reconcile.Written{}, err
		}
	}
	p.changed = append(p.changed, slices.Concat(w.Add, w.Remove)...)
	return reconcile.Written{ID: w.GroupID}, nil
}

var errNo = errors.New("no")

// membershipsOf is a plan that puts some accounts into a group, and takes others out.
func membershipsOf(adds, removals int) (plan reconcile.Plan) {
	for i := range adds + removals {
		c := reconcile.Change{Op: reconcile.OpAddMember, Key: reconcile.Key(i + 1), Account: fmt.Sprint("a", i), Group: "G", GroupID: "g"}
		if i >= adds {
			c.Op = reconcile.OpRemoveMember
		}
		plan.Changes = append(plan.Changes, c)
	}
	return plan
}

// TestOneRefusedStopsNobody: whose change is refused stops nobody's addition; removals of the
// group wait, but not because somebody is gone.
func TestOneRefusedStopsNobody(t *testing.T) {
	for _, test := range []struct {
		name                  string
		refuses               map[string]error
		done, failed, skipped int
	}{
		{"nobody", nil, 12, 0, 0},
		{"one who is to come in", map[string]error{"a3": errNo}, 7, 1, 4},
		{"one who is gone", map[string]error{"a3": fmt.Errorf("account a3: %w", reconcile.ErrGone)}, 11, 1, 0},
		{"one who is to go", map[string]error{"a9": errNo}, 9, 1, 2},
		{"the last", map[string]error{"a11": errNo}, 11, 1, 0},
	} {
		p, log := &picky{refuses: test.refuses}, &reconciletest.Log{}
		result, err := reconcile.Apply(t.Context(), membershipsOf(8, 4), p, log, reconcile.ApplyOptions{})
		done := result.Done[reconcile.OpAddMember] + result.Done[reconcile.OpRemoveMember]
		failed := result.Failed[reconcile.OpAddMember] + result.Failed[reconcile.OpRemoveMember]
		skipped := result.Skipped[reconcile.OpAddMember] + result.Skipped[reconcile.OpRemoveMember]
		if err != nil || done != test.done || failed != test.failed || skipped != test.skipped || len(p.changed) != done {
			t.Errorf("%s: %v; %d done, %d failed, %d skipped, changed %v", test.name, err, done, failed, skipped, p.changed)
		}
		if len(log.Intents) != p.sent || len(log.Outcomes) != p.sent {
			t.Errorf("%s: %d requests, %d intents, %d outcomes", test.name, p.sent, len(log.Intents), len(log.Outcomes))
		}
	}
}

// TestAGroupThatTakesNobody: what is refused is then the group, and is not tried for everybody.
func TestAGroupThatTakesNobody(t *testing.T) {
	plan := membershipsOf(100, 0)
	p := &picky{refuses: make(map[string]error)}
	for _, c := range plan.Changes {
		p.refuses[c.Account] = errNo
	}
	result, err := reconcile.Apply(t.Context(), plan, p, &reconciletest.Log{}, reconcile.ApplyOptions{})
	if err != nil || result.Failed[reconcile.OpAddMember] != 4 || result.Skipped[reconcile.OpAddMember] != 96 || p.sent > 14 {
		t.Errorf("%v; %d requests, %+v", err, p.sent, result)
	}
	delete(p.refuses, "a0")
	p.sent = 0
	if result, _ = reconcile.Apply(t.Context(), plan, p, &reconciletest.Log{}, reconcile.ApplyOptions{}); result.Failed[reconcile.OpAddMember] != 99 || result.Done[reconcile.OpAddMember] != 1 {
		t.Errorf("%d requests, %+v", p.sent, result)
	}
}

// TestLawPartsAreTheWhole: whatever is refused, each change is booked once, whoever is not
// refused comes in while one of the group does, and nobody is changed twice.
func TestLawPartsAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		adds, removals := rapid.IntRange(0, 30).Draw(t, "adds"), rapid.IntRange(0, 10).Draw(t, "removals")
		plan := membershipsOf(adds, removals)
		p, log := &picky{refuses: make(map[string]error)}, &reconciletest.Log{}
		for i := range adds + removals {
			if rapid.IntRange(0, 5).Draw(t, "refused") == 0 {
				p.refuses[fmt.Sprint("a", i)] = errNo
			}
		}
		result, err := reconcile.Apply(t.Context(), plan, p, log, reconcile.ApplyOptions{MembersPerWrite: rapid.IntRange(1, 12).Draw(t, "chunk")})
		booked := 0
		for _, by := range []map[reconcile.Op]int{result.Done, result.Failed, result.Skipped} {
			booked += by[reconcile.OpAddMember] + by[reconcile.OpRemoveMember]
		}
		slices.Sort(p.changed)
		if err != nil || booked != len(plan.Changes) || len(slices.Compact(slices.Clone(p.changed))) != len(p.changed) || len(log.Outcomes) != p.sent {
			t.Fatalf("%v; %d booked of %d, changed %v", err, booked, len(plan.Changes), p.changed)
		}
		for i := range result.Problems {
			o := &result.Problems[i]
			for _, c := range o.Write.Changes {
				if p.refuses[c.Account] == nil && c.Op == reconcile.OpAddMember && !errors.Is(o.Err, errNo) {
					t.Errorf("%s waits for somebody else: %v", c.Account, o.Err)
				}
			}
		}
		for _, id := range p.changed {
			if p.refuses[id] != nil {
				t.Errorf("%s was refused", id)
			}
		}
	})
}
