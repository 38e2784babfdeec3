package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
)

// TestClockWasAhead: the clock of Redis's machine was a year ahead for some minutes, in
// which a process took what there was to take and died. When the clock is right again, others
// take it up, and not a year later.
func TestClockWasAhead(t *testing.T) {
	server := miniredis.RunT(t)
	now := time.Now()
	wrong := now.AddDate(1, 0, 0)
	s := opened(t, "redis://"+server.Addr(), redisstore.Options{})
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	take := func() (since time.Time, mine bool) {
		t.Helper()
		since, mine, err := s.TakePass(ctx, 5*time.Minute)
		must(err)
		return since, mine
	}
	claim := func(run string) jobs.Claimed {
		t.Helper()
		all, err := s.Claim(ctx, jobs.Lease{}, []jobs.Claim{{Run: run, Subjects: []string{"7", "9"}}})
		must(err)
		return all[0]
	}
	server.SetTime(wrong)
	_, _ = take()
	must(s.PassDone(ctx, wrong))
	_, err := s.Mark(ctx, 0, []jobs.Wanted{{Subject: "8"}})
	must(err)
	_, err = s.Due(ctx, 1, time.Minute)
	must(err)
	claim("of the dead process")
	_, err = s.Wish(ctx, jobs.Trigger{By: "console"})
	must(err)
	_, _, err = s.TakeWish(ctx, "the dead process", 30*time.Second)
	must(err)

	server.SetTime(now)
	if since, mine := take(); !mine || since.After(now) {
		t.Errorf("the fast pass: mine %v, from %s on", mine, since)
	}
	must(s.PassDone(ctx, now))
	server.SetTime(now.Add(6 * time.Minute))
	if since, mine := take(); !mine || since.UnixMilli() != now.UnixMilli() {
		t.Errorf("the next pass: mine %v, from %s on, want %s", mine, since, now)
	}
	if marks, err := s.Due(ctx, 5, time.Minute); err != nil || len(marks) != 1 {
		t.Errorf("due are %v %v", marks, err)
	}
	if err := s.Forget(ctx, []string{"9"}); err != nil {
		t.Error(err)
	}
	if c := claim("another"); len(c.Newer) > 0 {
		t.Error("a claim of next year binds others")
	}
	if _, mine, err := s.TakeWish(ctx, "another", 30*time.Second); err != nil || !mine {
		t.Errorf("the run that is asked for: mine %v, %v", mine, err)
	}
	if err := s.Do(ctx, "another", func(context.Context, jobs.Lease) error { return nil }); err != nil {
		t.Error(err)
	}
}
