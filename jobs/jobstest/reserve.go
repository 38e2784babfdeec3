package jobstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// reserving is a claim without the lock that uses one of a limit.
func reserving(who string, spends, most map[reconcile.Limit]int) jobs.Claim {
	return jobs.Claim{Run: "push " + who, Position: 1 << 50, Subjects: []string{who}, Spends: spends, Most: most, Since: time.Now().Add(-time.Hour),
		Entry: jobs.Entry{Time: time.Now(), Write: &reconcile.Write{Op: reconcile.WriteUpdateUser}}}
}

func ask(t *testing.T, s Store, c jobs.Claim) jobs.Claimed {
	t.Helper()
	got, err := s.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{c})
	must(t, err)
	return got[0]
}

func spent(t *testing.T, s Store, l reconcile.Limit) int {
	t.Helper()
	all, err := s.Spent(t.Context(), time.Now().Add(-time.Hour))
	must(t, err)
	return all[l]
}

type amounts = map[reconcile.Limit]int

// reserved: of many writers who all saw the same rest, only as many write as there
// is room for.
func reserved(t *testing.T, open Open) {
	a, b := open(t, "reserve", 30*time.Second), open(t, "reserve", 30*time.Second)
	var made, over atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		store := []Store{a, b}[i%2]
		wg.Go(func() {
			c := reserving(fmt.Sprint(i), amounts{reconcile.LimitDeactivate: 1, reconcile.LimitRename: 1, reconcile.LimitCreate: 0},
				amounts{reconcile.LimitDeactivate: 10, reconcile.LimitCreate: 0})
			got, err := store.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{c})
			switch {
			case err != nil:
				t.Error(err)
			case got[0].ID != "":
				made.Add(1)
			case got[0].Over == reconcile.LimitDeactivate && got[0].Newer == nil:
				over.Add(1)
			}
		})
	}
	wg.Wait()
	snap := snapshot(t, a)
	if made.Load() != 10 || over.Load() != 40 || len(snap.Open) != 10 || len(snap.Marks) != 0 {
		t.Errorf("%d intents for 10, %d refused; %d are open, marks %v", made.Load(), over.Load(), len(snap.Open), snap.Marks)
	}
	if d, r := spent(t, a, reconcile.LimitDeactivate), spent(t, b, reconcile.LimitRename); d != 10 || r != 10 {
		t.Errorf("%d deactivations and %d renamings count; who was refused uses nothing of any limit", d, r)
	}
	free := reserving("free", amounts{reconcile.LimitDeactivate: 1}, nil)
	approved := reserving("approved", nil, amounts{reconcile.LimitDeactivate: 0})
	late := reserving("late", amounts{reconcile.LimitDeactivate: 1}, amounts{reconcile.LimitDeactivate: 10})
	late.Since = time.Now().Add(time.Hour)
	for _, c := range []jobs.Claim{free, approved, late} {
		if got := ask(t, a, c); got.ID == "" {
			t.Errorf("%s: %+v; no limit, no use, or a window that is empty", c.Run, got)
		}
	}
	if got := ask(t, a, reserving("0", amounts{reconcile.LimitDeactivate: 1}, amounts{reconcile.LimitDeactivate: 0})); got.Over == "" {
		t.Errorf("%+v with no room at all", got)
	}
}

// unknown: what nobody knows keeps what was set aside for it, and stays open, until
// somebody has looked; others may be at work on its subjects.
func unknown(t *testing.T, s Store) {
	t.Helper()
	two := amounts{reconcile.LimitDeactivate: 2}
	for _, result := range []string{reconcile.NotDone, reconcile.Done, reconcile.Uncertain} {
		before := spent(t, s, reconcile.LimitDeactivate)
		c := reserving("unknown "+result, two, nil)
		journal := func(kind jobs.EntryKind) {
			_, err := s.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: kind, Run: c.Run})
			must(t, err)
		}
		journal(jobs.EntryBegin)
		got := ask(t, s, c)
		for range 2 { // asked again because the answer was lost
			must(t, s.Settle(t.Context(), []jobs.Settled{{Run: c.Run, Subjects: c.Subjects, Open: true, Entry: jobs.Entry{Intent: got.ID, Result: reconcile.Uncertain}}}))
		}
		if n, open := spent(t, s, reconcile.LimitDeactivate), snapshot(t, s).Open; n != before+2 || len(open) != 1 || open[0].ID != got.ID {
			t.Errorf("%d count after %d, open are %+v", n, before, open)
		}
		journal(jobs.EntryEnd)
		if other := ask(t, s, jobs.Claim{Run: "another", Subjects: c.Subjects}); len(other.Newer) > 0 {
			t.Errorf("nobody may look at it: %+v", other)
		}
		must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "another", Subjects: c.Subjects}}))
		o := jobs.Settled{Run: c.Run, By: "next", Subjects: c.Subjects, Reserved: two, Entry: jobs.Entry{Intent: got.ID, Result: result}}
		after := before
		if result != reconcile.NotDone {
			o.Spent, after = two, before+2
		}
		for range 2 {
			must(t, s.Settle(t.Context(), []jobs.Settled{o}))
		}
		if n, open := spent(t, s, reconcile.LimitDeactivate), snapshot(t, s).Open; n != after || len(open) != 0 {
			t.Errorf("%s: %d count, want %d; open are %+v", result, n, after, open)
		}
		var told []string
		must(t, s.Scan(t.Context(), time.Time{}, func(e jobs.Entry) bool {
			if e.Kind == jobs.EntryOutcome && e.Intent == got.ID {
				told = append(told, e.Result)
			}
			return true
		}))
		if !slices.Equal(told, []string{reconcile.Uncertain, result}) {
			t.Errorf("the journal has the outcomes %v", told)
		}
		entries, err := s.Entries(t.Context(), c.Run)
		must(t, err)
		if last := entries[len(entries)-1]; len(entries) != 5 || entries[3].Kind != jobs.EntryEnd || last.Intent != got.ID || last.Result != result {
			t.Errorf("what became of it is not among the entries of its run: %+v", entries)
		}
	}
}

// givenBack: what did not happen uses nothing, what may have happened does, and once.
func givenBack(t *testing.T, open Open) {
	s := open(t, "give back", 30*time.Second)
	two := amounts{reconcile.LimitRemoveMember: 2, reconcile.LimitRemoveFromGroup.Of("g/1"): 2}
	for i, result := range []string{reconcile.Failed, reconcile.Skipped, reconcile.NotDone, reconcile.Done, reconcile.Uncertain} {
		c := reserving(fmt.Sprint(i), two, nil)
		got := ask(t, s, c)
		before := spent(t, s, reconcile.LimitRemoveMember)
		o := jobs.Settled{Run: c.Run, Subjects: c.Subjects, Reserved: two, Entry: jobs.Entry{Intent: got.ID, Result: result}}
		after := before - 2
		if result == reconcile.Done || result == reconcile.Uncertain {
			o.Spent, after = two, before
		}
		for range 2 {
			must(t, s.Settle(t.Context(), []jobs.Settled{o}))
		}
		if n, g := spent(t, s, reconcile.LimitRemoveMember), spent(t, s, reconcile.LimitRemoveFromGroup.Of("g/1")); n != after || g != after {
			t.Errorf("%s: %d count, %d for the group; want %d after %d", result, n, g, after, before)
		}
	}
	unknown(t, s)
	c := reserving("part", amounts{reconcile.LimitDelete: 3}, nil)
	got := ask(t, s, c)
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: c.Run, Subjects: c.Subjects, Reserved: c.Spends, Spent: amounts{reconcile.LimitDelete: 1},
		Entry: jobs.Entry{Intent: got.ID, Result: reconcile.Done}}}))
	if n := spent(t, s, reconcile.LimitDelete); n != 1 {
		t.Errorf("%d of 3 count, and 1 was used", n)
	}
}

// together: outcomes of one call are as those of several, each for the run of its intent, and
// what comes later about the same intents changes nothing.
func together(t *testing.T, open Open) {
	s := open(t, "together", 30*time.Second)
	_, err := s.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryBegin, Run: "push 0"})
	must(t, err)
	must(t, s.Decide(t.Context(), []string{"d"}, func(string, reconcile.Decision) reconcile.Decision { return reconcile.Decision{By: []string{"ann"}} }))
	two := amounts{reconcile.LimitDeactivate: 2}
	var all, late []jobs.Settled
	for i, result := range []string{reconcile.Failed, reconcile.Done, reconcile.NotDone} {
		c := reserving(fmt.Sprint(i), two, nil)
		o := jobs.Settled{Run: c.Run, By: "next", Subjects: c.Subjects, Reserved: two, Links: []reconcile.Link{{Key: 7, Account: fmt.Sprint("a", i)}},
			Entry: jobs.Entry{Intent: ask(t, s, c).ID, Result: result}}
		if result == reconcile.Done {
			o.Spent = two
		}
		all = append(all, o)
		o.Links, o.Ended, o.Used = []reconcile.Link{{Key: 8, Account: "late"}}, []reconcile.Key{7}, []string{"d"}
		late = append(late, o)
	}
	must(t, s.Settle(t.Context(), all))
	position := snapshot(t, s).Position
	must(t, s.Settle(t.Context(), append(late, jobs.Settled{Run: "push 9", Subjects: []string{"9"}}))) // which is news
	if n, open := spent(t, s, reconcile.LimitDeactivate), snapshot(t, s).Open; n != 2 || len(open) > 0 {
		t.Errorf("%d count, 2 were used; open are %+v", n, open)
	}
	if got, err := s.Links(t.Context()); err != nil || len(got) != 1 || got[7] != "a2" {
		t.Errorf("links %v %v", got, err)
	}
	if got, err := s.Decisions(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("decisions %v %v", got, err)
	}
	if got, err := s.Entries(t.Context(), "push 0"); err != nil || len(got) != 3 || got[2].Result != reconcile.Failed {
		t.Errorf("the run's entries are %+v %v", got, err)
	}
	for i, touch := range ask(t, s, jobs.Claim{Run: "third", Subjects: []string{"0", "1", "2"}}).Taken {
		if touch.Run != "next" || touch.Position > position {
			t.Errorf("%d was written last by %+v, and who looked at %d saw that", i, touch, position)
		}
	}
}

// crowd: a claim may name more subjects than one call of Redis takes.
func crowd(t *testing.T, open Open) {
	s := open(t, "crowd", 30*time.Second)
	subjects := make([]string, 4500)
	for i := range subjects {
		subjects[i] = fmt.Sprint(i)
	}
	if got := ask(t, s, jobs.Claim{Run: "push", Subjects: subjects}); len(got.Taken) != len(subjects) {
		t.Fatalf("%d of %d are taken", len(got.Taken), len(subjects))
	}
	if got := ask(t, s, jobs.Claim{Run: "another", Subjects: subjects}); len(got.Newer) != len(subjects) {
		t.Errorf("%d of %d are in other hands", len(got.Newer), len(subjects))
	}
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "push", By: "next", Subjects: subjects}}))
	got := ask(t, s, jobs.Claim{Run: "another", Subjects: subjects}).Taken
	if len(got) != len(subjects) || slices.ContainsFunc(got, func(touch jobs.Touch) bool { return touch.Run != "next" }) {
		t.Errorf("given back, %d of %d are free", len(got), len(subjects))
	}
}

// perGroup: a group's limit counts that group's removals only, whether they come one
// after another or together.
func perGroup(t *testing.T, open Open) {
	cases := []struct {
		group string
		n     int
		made  bool
	}{{"g/1", 2, true}, {"1", 3, true}, {"g/1", 2, false}, {"g/1", 1, true}, {"g", 3, true}, {"g/1", 1, false}, {"1", 1, false}}
	claims := make([]jobs.Claim, len(cases))
	for i, c := range cases {
		l := reconcile.LimitRemoveFromGroup.Of(c.group)
		claims[i] = reserving(fmt.Sprint(i), amounts{reconcile.LimitRemoveMember: c.n, l: c.n}, amounts{l: 3, reconcile.LimitRemoveMember: 100})
	}
	one, all := open(t, "per group", 30*time.Second), open(t, "per group at once", 30*time.Second)
	together, err := all.Claim(t.Context(), jobs.Lease{}, slices.Clone(claims))
	must(t, err)
	for i, c := range cases {
		for _, got := range []jobs.Claimed{ask(t, one, claims[i]), together[i]} {
			if (got.ID != "") != c.made || !c.made && got.Over != reconcile.LimitRemoveFromGroup.Of(c.group) {
				t.Errorf("%d from %s: %+v; want it made: %v", c.n, c.group, got, c.made)
			}
		}
	}
	for _, s := range []Store{one, all} {
		if n := spent(t, s, reconcile.LimitRemoveMember); n != 9 {
			t.Errorf("%d removals count, 9 were let through", n)
		}
	}
}

// lastTouch: who takes a person learns who wrote them last.
func lastTouch(t *testing.T, open Open) {
	s := open(t, "touch", 30*time.Second)
	take := func(run string, subjects ...string) jobs.Claimed {
		return ask(t, s, jobs.Claim{Run: run, Subjects: subjects})
	}
	if got := take("first", "1"); got.ID != "" || !slices.Equal(got.Taken, []jobs.Touch{{}}) {
		t.Errorf("nobody was there before: %+v", got)
	}
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "first", Subjects: []string{"1"}}}))
	position := snapshot(t, s).Position
	if got := take("run with spaces", "2", "1"); !slices.Equal(got.Taken, []jobs.Touch{{}, {Position: position, Run: "first"}}) {
		t.Errorf("taken %+v, want the last touch of 1 at %d", got.Taken, position)
	}
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "run with spaces", Subjects: []string{"2", "1"}}}))
	if got := take("third", "1"); len(got.Taken) != 1 || got.Taken[0].Run != "run with spaces" || got.Taken[0].Position <= position {
		t.Errorf("taken %+v", got.Taken)
	}
	if got, err := claim(t.Context(), s, jobs.Lease{}, "third", 0, "1"); err != nil || got.ID == "" || got.Taken != nil {
		t.Errorf("a write is no take: %+v %v", got, err)
	}
}

// lifeEnds: a claim binds others for as long as it said, and who comes back later has
// nothing to give back.
func lifeEnds(t *testing.T, open Open) {
	s := open(t, "life", 30*time.Second)
	short, long := jobs.Claim{Run: "dead", Subjects: []string{"1"}, Life: 50 * time.Millisecond}, jobs.Claim{Run: "alive", Subjects: []string{"2"}}
	ask(t, s, short)
	ask(t, s, long)
	ask(t, s, jobs.Claim{Run: "alive", Subjects: []string{"2"}, Life: time.Millisecond})
	eventually(t, "the claim of the dead ends", func() bool {
		return ask(t, s, jobs.Claim{Run: "next", Subjects: []string{"1"}}).Newer == nil
	})
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "dead", Subjects: []string{"1"}}}))
	if got := ask(t, s, jobs.Claim{Run: "third", Subjects: []string{"1"}}); len(got.Newer) != 1 {
		t.Errorf("who comes back after the claim is over ends that of the next: %+v", got)
	}
	if got := ask(t, s, jobs.Claim{Run: "next", Subjects: []string{"1"}}); got.Newer != nil {
		t.Errorf("who comes back after the claim is over has that of the next: %+v", got)
	}
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "next", Subjects: []string{"1"}}}))
	if got := ask(t, s, jobs.Claim{Run: "third", Subjects: []string{"1"}}); len(got.Newer) != 1 {
		t.Errorf("who comes back after the claim is over counts as one of two writes of the next: %+v", got)
	}
	if got := ask(t, s, jobs.Claim{Run: "next", Subjects: []string{"2"}}); len(got.Newer) != 1 {
		t.Errorf("a claim with the store's own life, renewed for less, is over already: %+v", got)
	}
}

// eventually asks until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("it did not come to pass that %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
