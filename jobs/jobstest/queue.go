package jobstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

func mark(t *testing.T, s Store, wait time.Duration, subjects ...string) []jobs.Mark {
	t.Helper()
	wanted := make([]jobs.Wanted, len(subjects))
	for i, subject := range subjects {
		wanted[i].Subject = subject
	}
	marks, err := s.Mark(t.Context(), wait, wanted)
	must(t, err)
	if len(marks) != len(subjects) {
		t.Fatalf("%d marks of %d subjects", len(marks), len(subjects))
	}
	return marks
}

func due(t *testing.T, s Store, n int, lease time.Duration) []jobs.Mark {
	t.Helper()
	marks, err := s.Due(t.Context(), n, lease)
	must(t, err)
	return marks
}

func subjectsOf(marks []jobs.Mark) []string {
	var all []string
	for _, m := range marks {
		all = append(all, m.Subject)
	}
	return all
}

// marked: marks are what a snapshot sees, and each is younger than each earlier
// snapshot and mark.
func marked(t *testing.T, open Open) {
	s := open(t, "mark", 30*time.Second)
	before := snapshot(t, s).Position
	first := mark(t, s, time.Hour, "1", "address jane doe@x.io")
	second := mark(t, s, time.Hour, "1")
	snap := snapshot(t, s)
	if first[0].Subject != "1" || first[0].Time.UnixMilli() <= before || !second[0].Time.After(first[0].Time) || snap.Position != second[0].Time.UnixMilli() {
		t.Errorf("%+v, then %+v, after position %d, before %d", first, second, before, snap.Position)
	}
	if len(snap.Marks) != 2 || !snap.Marks[0].Time.Equal(first[1].Time) || !snap.Marks[1].Time.Equal(second[0].Time) {
		t.Errorf("marks %+v", snap.Marks)
	}
	if time.Since(first[0].Time).Abs() > time.Minute {
		t.Errorf("marked at %s", first[0].Time)
	}
	if none := due(t, s, 10, time.Minute); none != nil {
		t.Errorf("whoever marked them looks now, and others in an hour: %+v", none)
	}
	if status, err := s.Status(t.Context()); err != nil || status.Marks != 2 || !status.Oldest.Equal(first[1].Time) {
		t.Errorf("status %+v %v", status, err)
	}
	many := make([]string, 450) // more than one call of a script
	for i := range many {
		many[i] = fmt.Sprint("many ", i)
	}
	all := mark(t, s, 0, many...)
	for i, m := range all {
		if m.Subject != many[i] || m.Time.UnixMilli() <= snap.Position {
			t.Fatalf("mark %d is %+v", i, m)
		}
	}
	last := all[449].Time
	for range 100 { // some of them in one millisecond
		m := mark(t, s, 0, "often")[0]
		if !m.Time.After(last) {
			t.Fatalf("marked at %s after %s: whoever saw the one takes it for the other", m.Time, last)
		}
		last = m.Time
	}
	must(t, s.Unmark(t.Context(), "run", jobs.Snapshot{Position: 1 << 50, Marks: snapshot(t, s).Marks}))
	if left := snapshot(t, s).Marks; len(left) != 0 {
		t.Errorf("%d marks are left", len(left))
	}
}

// handedOut: each mark is given to one of those who ask, the oldest first.
func handedOut(t *testing.T, open Open) {
	a, b := open(t, "due", 30*time.Second), open(t, "due", 30*time.Second)
	var subjects []string
	for i := range 40 {
		subjects = append(subjects, fmt.Sprint(i))
	}
	mark(t, a, 0, subjects...)
	var mu sync.Mutex
	var given []string
	var wg sync.WaitGroup
	for i := range 20 {
		store := []Store{a, b}[i%2]
		wg.Go(func() {
			marks, err := store.Due(t.Context(), 3, time.Hour)
			mu.Lock()
			defer mu.Unlock()
			if given = append(given, subjectsOf(marks)...); err != nil || len(marks) > 3 {
				t.Errorf("%d marks, %v", len(marks), err)
			}
		})
	}
	wg.Wait()
	slices.Sort(given)
	slices.Sort(subjects)
	if !slices.Equal(given, subjects) {
		t.Errorf("given %v", given)
	}
	s := open(t, "due order", 30*time.Second)
	var later []jobs.Later
	for i, m := range mark(t, s, 0, "2", "1", "3") { // marked in one step, and so is when each is due
		later = append(later, jobs.Later{Mark: m, After: []time.Duration{-20, -30, -10}[i] * time.Second})
	}
	must(t, s.Postpone(t.Context(), later))
	if first, rest := due(t, s, 1, time.Hour), due(t, s, 10, time.Hour); !slices.Equal(subjectsOf(append(first, rest...)), []string{"1", "2", "3"}) {
		t.Errorf("%+v first, then %+v", first, rest)
	}
	if none := due(t, s, 0, time.Hour); none != nil {
		t.Errorf("none were asked for: %+v", none)
	}
}

// leased: when who was given a mark says nothing more, another is given it.
func leased(t *testing.T, open Open) {
	a, b := open(t, "lease", 30*time.Second), open(t, "lease", 30*time.Second)
	m := mark(t, a, 0, "1")
	if got := due(t, a, 5, 80*time.Millisecond); !slices.Equal(got, m) {
		t.Fatalf("given %+v, want %+v", got, m)
	}
	if early := due(t, b, 5, time.Hour); early != nil {
		t.Errorf("given twice: %+v", early)
	}
	var again []jobs.Mark
	eventually(t, "the lease is over", func() bool { again = due(t, b, 5, time.Hour); return again != nil })
	if !slices.Equal(again, m) || due(t, a, 5, time.Hour) != nil {
		t.Errorf("given %+v, want %+v", again, m)
	}
}

// postponed: who could not be dealt with comes back later, and only if the mark is
// still the same.
func postponed(t *testing.T, open Open) {
	s := open(t, "postpone", 30*time.Second)
	later := func(m jobs.Mark, after time.Duration, failed bool, looks int) {
		must(t, s.Postpone(t.Context(), []jobs.Later{{Mark: m, After: after, Failed: failed, Looks: looks}}))
	}
	mark(t, s, 0, "1")
	m := due(t, s, 1, time.Hour)[0]
	later(m, 0, true, 2)
	got := due(t, s, 1, time.Hour)
	if want := (jobs.Mark{Subject: "1", Time: m.Time, Tries: 1, Looks: 2}); len(got) != 1 || got[0] != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if seen := snapshot(t, s).Marks; !slices.Equal(seen, got) {
		t.Errorf("a snapshot sees %+v", seen)
	}
	later(got[0], time.Hour, true, 0)
	later(got[0], time.Hour, false, 1)
	if early := due(t, s, 1, time.Hour); early != nil {
		t.Errorf("an hour is not over: %+v", early)
	}
	renewed := mark(t, s, 0, "1")
	if want := (jobs.Mark{Subject: "1", Time: renewed[0].Time, Tries: 1, Looks: 1}); renewed[0] != want || !want.Time.After(m.Time) {
		t.Errorf("renewed, it is %+v, want %+v", renewed[0], want)
	}
	later(got[0], time.Hour, true, 0) // by one who looked before it was renewed
	if now := due(t, s, 1, time.Hour); !slices.Equal(now, renewed) {
		t.Errorf("a renewed mark is %+v, want %+v", now, renewed)
	}
	must(t, s.Unmark(t.Context(), "run", jobs.Snapshot{Position: 1 << 50, Marks: renewed}))
	later(renewed[0], 0, true, 3)
	if snap := snapshot(t, s); len(snap.Marks) != 0 || due(t, s, 1, time.Hour) != nil {
		t.Errorf("a mark that is gone is back: %+v", snap.Marks)
	}
	if fresh := mark(t, s, 0, "1"); fresh[0].Tries != 0 || fresh[0].Looks != 0 {
		t.Errorf("a new mark knows of the old one's tries: %+v", fresh)
	}
}

// renewed: a mark comes sooner when it is asked for again, and never later; who lost
// against another writer is due at once.
func renewed(t *testing.T, open Open) {
	s := open(t, "renew", 30*time.Second)
	mark(t, s, time.Hour, "sooner", "lost")
	mark(t, s, 0, "sooner", "later")
	mark(t, s, time.Hour, "later")
	if got := subjectsOf(due(t, s, 5, 2*time.Hour)); len(got) != 2 || !slices.Contains(got, "sooner") || !slices.Contains(got, "later") {
		t.Errorf("due are %v", got)
	}
	ask(t, s, jobs.Claim{Run: "push", Subjects: []string{"lost", "new"}})
	ask(t, s, jobs.Claim{Run: "another", Subjects: []string{"lost", "new"}})
	if got := subjectsOf(due(t, s, 5, time.Hour)); len(got) != 2 || !slices.Contains(got, "lost") || !slices.Contains(got, "new") {
		t.Errorf("due are %v, want who was in other hands", got)
	}
	mark(t, s, time.Minute, "lost")
	seen := snapshot(t, s)
	must(t, s.Unmark(t.Context(), "run", seen))
	if left := subjectsOf(snapshot(t, s).Marks); slices.Contains(left, "sooner") || !slices.Contains(left, "lost") {
		t.Errorf("left are %v", left)
	}
}

// assertions are there when their mark is, until they end.
func assertions(t *testing.T, open Open) {
	s := open(t, "assert", 30*time.Second)
	at := time.UnixMilli(1_790_000_000_123)
	set := func(account, group string, at time.Time) reconcile.Assertion {
		return reconcile.Assertion{Account: account, Group: group, At: at}
	}
	all := func() []reconcile.Assertion {
		t.Helper()
		got, err := s.Assertions(t.Context())
		must(t, err)
		return got
	}
	if got := all(); len(got) != 0 {
		t.Errorf("at the beginning %v", got)
	}
	_, err := s.Mark(t.Context(), time.Hour, []jobs.Wanted{
		{Subject: "2", Assert: []reconcile.Assertion{set("b", "g", at), set("a c", "g", at)}},
		{Subject: "1", Assert: []reconcile.Assertion{set("a", "c g", at), set("a", `b"]`, at)}}})
	must(t, err)
	if got, want := all(), []reconcile.Assertion{set("a", `b"]`, at), set("a", "c g", at), set("a c", "g", at), set("b", "g", at)}; !sameAssertions(got, want) {
		t.Errorf("asserted %v, want %v", got, want)
	}
	if marks := subjectsOf(snapshot(t, s).Marks); len(marks) != 2 {
		t.Errorf("marks %v", marks)
	}
	off := set("b", "g", at.Add(time.Second))
	off.Off = true
	_, err = s.Mark(t.Context(), time.Hour, []jobs.Wanted{{Subject: "2", Assert: []reconcile.Assertion{off}}})
	must(t, err)
	must(t, s.EndAssertions(t.Context(), []reconcile.Assertion{set("a", "c g", at), set("a c", "g", at), set("nobody", "nothing", at),
		set("b", "g", at)})) // the last was replaced
	must(t, s.EndAssertions(t.Context(), nil))
	if got, want := all(), []reconcile.Assertion{set("a", `b"]`, at), off}; !sameAssertions(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Mark(ctx, 0, []jobs.Wanted{{Subject: "3", Assert: []reconcile.Assertion{set("x", "x", at)}}}); err == nil {
		t.Error("a mark that could not be stored is no error")
	}
	if got := all(); len(got) != 2 || len(snapshot(t, s).Marks) != 2 {
		t.Errorf("stored one without the other: %v", got)
	}
}

// insisted: whoever marks a subject has the looks that others want as well.
func insisted(t *testing.T, open Open) {
	s := open(t, "insist", 30*time.Second)
	ask := func(looks, tries, want int) jobs.Mark {
		t.Helper()
		marks, err := s.Mark(t.Context(), time.Hour, []jobs.Wanted{{Subject: "other"}, {Subject: "1", Looks: looks}})
		must(t, err)
		if got := marks[1]; got.Looks != want || got.Tries != tries || marks[0].Looks != 0 {
			t.Errorf("asked for %d looks: %+v, want %d looks after %d tries", looks, marks, want, tries)
		}
		return marks[1]
	}
	ask(0, 0, 0)
	ask(3, 0, 3)
	ask(0, 0, 3)
	last := ask(2, 0, 3)
	must(t, s.Postpone(t.Context(), []jobs.Later{{Mark: last, After: time.Hour, Failed: true, Looks: 1}}))
	ask(0, 1, 1)
	last = ask(4, 1, 4)
	if marks := snapshot(t, s).Marks; !slices.ContainsFunc(marks, func(m jobs.Mark) bool { return m.Subject == "1" && m.Looks == 4 && m.Tries == 1 }) {
		t.Errorf("%+v", marks)
	}
	must(t, s.Unmark(t.Context(), "run", jobs.Snapshot{Position: last.Time.UnixMilli(), Marks: []jobs.Mark{last}}))
	ask(0, 0, 0)
}

func sameAssertions(a, b []reconcile.Assertion) bool {
	return slices.EqualFunc(a, b, func(x, y reconcile.Assertion) bool {
		return x.Account == y.Account && x.Group == y.Group && x.Off == y.Off && x.At.Equal(y.At)
	})
}

// forgotten: what names a person by their address goes, unless somebody is about to
// write it again.
func forgotten(t *testing.T, open Open) {
	s := open(t, "forget", 30*time.Second)
	jane, john := jobs.AddressSubject("Jane@x.io"), jobs.AddressSubject("john@x.io")
	mark(t, s, 0, jane, john)
	take := jobs.Claim{Run: "push", Subjects: []string{jane}}
	ask(t, s, take)
	if err := s.Forget(t.Context(), []string{jane, john}); err == nil {
		t.Error("somebody is at work on one, and it is not said")
	}
	must(t, s.Settle(t.Context(), []jobs.Settled{{Run: "push", Subjects: []string{jane}}}))
	must(t, s.Forget(t.Context(), []string{jane}))
	must(t, s.Forget(t.Context(), nil))
	if got := ask(t, s, take); len(got.Taken) != 1 || got.Taken[0] != (jobs.Touch{}) {
		t.Errorf("it is still known when they were written: %+v", got)
	}
	if marks := snapshot(t, s).Marks; len(marks) != 0 || due(t, s, 5, time.Hour) != nil {
		t.Errorf("marks %+v", marks)
	}
	ask(t, s, jobs.Claim{Run: "dead", Subjects: []string{john}, Life: -time.Second})
	if err := s.Forget(t.Context(), []string{john}); err != nil {
		t.Errorf("nobody is at work on him any more: %v", err)
	}
}

// overtaken: a run forgets no mark that was renewed since it looked, whoever wrote the
// person, and none of the fast pass's whose person is in other hands.
func overtaken(t *testing.T, open Open) {
	s := open(t, "overtaken", 30*time.Second)
	mark(t, s, time.Hour, "1", jobs.UpdatedSubject(2), jobs.UpdatedSubject(3), "4")
	seen := snapshot(t, s)
	ask(t, s, jobs.Claim{Run: "run", Subjects: []string{"1"}})
	ask(t, s, jobs.Claim{Run: "push", Subjects: []string{"2"}})
	mark(t, s, time.Hour, "1", "4")
	must(t, s.Unmark(t.Context(), "run", seen))
	left := subjectsOf(snapshot(t, s).Marks)
	slices.Sort(left)
	if !slices.Equal(left, []string{"1", "4", jobs.UpdatedSubject(2)}) {
		t.Errorf("left are %q", left)
	}
}
