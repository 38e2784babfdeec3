package jobstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// decisions: two people decide at once and both count; a write uses up what it
// was approved by, and nothing else.
func decisions(t *testing.T, open Open) {
	s := open(t, "decisions", 30*time.Second)
	digests := make([]string, 1200)
	for i := range digests {
		digests[i] = fmt.Sprint("digest ", i)
	}
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	var wg sync.WaitGroup
	for _, who := range []string{"ann", "bob"} {
		wg.Go(func() {
			edit := func(_ string, d reconcile.Decision) reconcile.Decision {
				return d.Said(who, reconcile.Decision{Approves: true, At: time.Now(), Until: until, Hold: "h"})
			}
			if err := s.Decide(t.Context(), digests, edit, jobs.Entry{Kind: jobs.EntryDecide, Trigger: &jobs.Trigger{Who: who}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := s.Decisions(t.Context())
	must(t, err)
	for _, digest := range digests {
		if d := all[digest]; len(d.By) != 2 || !d.Until.Equal(until) || d.Hold != "h" || !d.Enough(true) {
			t.Fatalf("%s: %+v", digest, d)
		}
	}
	if n := len(scan(t, s, time.Time{})); n != 2 {
		t.Errorf("%d entries, want a note for each", n)
	}
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		c, err := claim(ctx, s, l, "run", 0, "1")
		if err != nil {
			return err
		}
		for range 2 { // the second is too late to use up anything
			must(t, s.Settle(ctx, []jobs.Settled{{Run: "run", Subjects: []string{"1"}, Used: digests[:2], Entry: jobs.Entry{Intent: c.ID, Result: reconcile.Done}}}))
		}
		return nil
	})
	if all, err = s.Decisions(t.Context()); err != nil || len(all) != len(digests)-2 {
		t.Errorf("%d decisions are left, %v", len(all), err)
	}
	ended := func(_ string, d reconcile.Decision) reconcile.Decision {
		d.Until = time.Now().Add(-time.Second)
		return d
	}
	rejected := func(string, reconcile.Decision) reconcile.Decision {
		return reconcile.Decision{By: []string{"ann"}, Why: "no"}
	}
	must(t, errors.Join(s.Decide(t.Context(), digests[2:700], ended), s.Decide(t.Context(), digests[700:701], rejected), s.Trim(t.Context(), time.Hour, 1)))
	if all, err = s.Decisions(t.Context()); err != nil || len(all) != len(digests)-700 || all[digests[700]].Why != "no" {
		t.Errorf("%d decisions are left when %d have ended, %v", len(all), 698, err)
	}
	forgotten := func(string, reconcile.Decision) reconcile.Decision { return reconcile.Decision{} }
	must(t, errors.Join(s.Decide(t.Context(), digests[700:701], forgotten), s.Decide(t.Context(), []string{"never said"}, forgotten)))
	must(t, errors.Join(s.Decide(t.Context(), digests[701:702], ended), s.Trim(t.Context(), 0, 1))) // all of the journal is kept
	if all, err = s.Decisions(t.Context()); err != nil || len(all) != len(digests)-702 || len(scan(t, s, time.Time{})) == 0 {
		t.Errorf("%d decisions are left, and of the journal nothing is to be forgotten, %v", len(all), err)
	}
}

// experience: what a run saw is there for the next, and a run that lost the lock
// teaches nothing.
func experience(t *testing.T, open Open) {
	s := open(t, "experience", 30*time.Second)
	facts, err := s.Facts(t.Context())
	if err != nil || len(facts.People) != 0 || len(facts.Basis) != 0 {
		t.Fatalf("at first %+v %v", facts, err)
	}
	learned := reconcile.Learned{People: make(map[reconcile.Key]uint64), Rules: 1<<64 - 1, Basis: []byte(`{"a":1}`)}
	for k := range reconcile.Key(1200) {
		learned.People[k+1] = uint64(k) << 40
	}
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		return errors.Join(s.Learn(ctx, l, learned, &reconcile.Census{People: 1200, Rules: map[int64]int{7: 3}}),
			s.Learn(ctx, l, reconcile.Learned{Forgotten: []reconcile.Key{1, 2}, Rules: 5}, nil))
	})
	facts, err = s.Facts(t.Context())
	if err != nil || len(facts.People) != 1198 || facts.People[1200] != 1199<<40 || facts.Rules != 5 || string(facts.Basis) != `{"a":1}` {
		t.Errorf("%d people, rules %d, basis %s, %v", len(facts.People), facts.Rules, facts.Basis, err)
	}
	within(t, s, func(ctx context.Context, l jobs.Lease) error {
		for i := range 20 {
			if err := s.Learn(ctx, l, reconcile.Learned{}, &reconcile.Census{People: i}); err != nil {
				return err
			}
		}
		return nil
	})
	pulls, err := s.Pulls(t.Context())
	if err != nil || len(pulls) != 10 || pulls[0].People != 19 || pulls[9].People != 10 {
		t.Errorf("pulls %+v %v", pulls, err)
	}
	if err := s.Learn(t.Context(), jobs.Lease{Token: "old"}, learned, &reconcile.Census{}); !errors.Is(err, jobs.ErrLockLost) {
		t.Errorf("a lease that is over: %v", err)
	}
}
