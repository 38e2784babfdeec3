package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// TestStarter: one run at a time over two replicas, as soon as the lock is free; what
// cannot be made is told at both, and a crash is no end.
func TestStarter(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var made, at atomic.Int32
	answers := make(chan error, 10)
	ctx, stop := context.WithCancel(context.Background())
	var replicas []*starter
	ended := make(chan struct{}, 2)
	for _, name := range []string{"a", "b"} {
		store, err := redisstore.Open(t.Context(), "redis://"+server.Addr(), redisstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		s := &starter{wishes: store, taker: name, log: slog.New(slog.DiscardHandler), run: func(_ context.Context, by jobs.Trigger) error {
			defer at.Add(-1)
			if at.Add(1) > 1 {
				t.Error("two replicas make the same run")
			}
			made.Add(1)
			if by.Who == "Crash" {
				panic("what")
			}
			return <-answers
		}}
		replicas = append(replicas, s)
	}
	a, b := replicas[0], replicas[1]
	start := func(s *starter, who string, want bool) {
		t.Helper()
		if ok, err := s.Start(who); err != nil || ok != want {
			t.Errorf("%s asks: %v, want %v; %v", who, ok, want, err)
		}
	}
	over := func(failed string) {
		t.Helper()
		eventually(t, "the run is over", func() bool { return a.Asked().Who == "" && b.Asked().Who == "" })
		if got := b.Asked(); !strings.Contains(got.Failed, failed) || failed == "" && got.Failed != "" {
			t.Errorf("%+v, want %q", got, failed)
		}
	}
	start(a, "Ann", true)
	start(b, "Bob", false)
	if b.Asked().Who != "Ann" {
		t.Errorf("the other replica shows %+v", b.Asked())
	}
	for _, s := range replicas {
		go func() { s.serve(ctx); ended <- struct{}{} }()
	}
	answers <- &jobs.LockedError{}
	answers <- nil
	over("")
	if made.Load() != 2 {
		t.Errorf("tried %d times", made.Load())
	}
	answers <- errors.New("OneLogin refuses")
	start(b, "Bob", true)
	over("OneLogin refuses")
	start(a, "Crash", true)
	over("what")
	stop()
	<-ended
	<-ended
}

// TestStarterLetsRunsLast: a run that was asked for may take as long as any other: ten
// thousand accounts at a hundred requests a minute take longer than an hour and a half.
func TestStarterLetsRunsLast(t *testing.T) {
	s := &starter{run: func(ctx context.Context, _ jobs.Trigger) error {
		if at, bounded := ctx.Deadline(); bounded {
			t.Errorf("it is broken off at %s", at)
		}
		return nil
	}}
	if err := s.make(t.Context(), jobs.Trigger{By: "console"}); err != nil {
		t.Error(err)
	}
}

// granted gives a run that was asked for, and notes for how long its taker said nothing, and
// how it ended.
type granted struct {
	jobs.Wishes
	last    time.Time
	longest time.Duration
	ended   int
}

func (g *granted) TakeWish(context.Context, string, time.Duration) (jobs.Wish, bool, error) {
	now := time.Now()
	g.longest, g.last = max(g.longest, now.Sub(g.last)), now
	return jobs.Wish{}, true, nil
}

func (g *granted) EndWish(ctx context.Context, _ jobs.Wish, _ string) error {
	if ctx.Err() == nil {
		g.ended++
	}
	return ctx.Err()
}

// TestStarterKeepsItsRun: a run that was asked for stays with who makes it, however long it
// takes, or another process would make it at the same time.
func TestStarterKeepsItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &granted{last: time.Now()}
		s := &starter{wishes: g, log: slog.New(slog.DiscardHandler), run: func(context.Context, jobs.Trigger) error { time.Sleep(time.Hour); return nil }}
		s.grant(t.Context(), jobs.Wish{})
		if end := time.Since(g.last); max(g.longest, end) > wishHold/2 || g.ended != 1 {
			t.Errorf("nothing said for %s and %s, ended %d times", g.longest, end, g.ended)
		}
	})
}

// TestStarterStops: a run that was broken off because the process is to stop is left to
// another one, and one that was made is not.
func TestStarterStops(t *testing.T) {
	for err, want := range map[error]int{nil: 1, reconcile.ErrStopping: 0} {
		g := &granted{}
		ctx, stop := context.WithCancel(t.Context())
		s := &starter{wishes: g, log: slog.New(slog.DiscardHandler), run: func(context.Context, jobs.Trigger) error { stop(); return err }}
		if s.grant(ctx, jobs.Wish{}); g.ended != want {
			t.Errorf("%v: ended %d times, want %d", err, g.ended, want)
		}
	}
}

// TestQueue: reconcile --queue makes no run itself, says who asked, and a process that
// serves makes it.
func TestQueue(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 8, groups: 2, seed: 3, plain: true}, "schedule: {cron: \"0 2 29 2 *\", missed: skip}\nlisten: {admin: \"127.0.0.1:0\"}\n")
	if out := o.must(exitDone, "reconcile", "--queue"); !strings.Contains(out, "asked for") || len(o.lab.tomorro.Writes()) > 0 {
		t.Errorf("it says %q after %d writes", out, len(o.lab.tomorro.Writes()))
	}
	if out := o.must(exitDone, "reconcile", "--queue"); !strings.Contains(out, "already") {
		t.Errorf("the second time it says %q", out)
	}
	if out := o.must(exitDone, "schedule"); !strings.Contains(out, "asked     a run, by ") || !regexp.MustCompile(`since [A-Z][a-z]{2} 20\d\d-`).MatchString(out) {
		t.Errorf("schedule says %q", out)
	}
	if code, _, stderr := o.run("reconcile", "--queue", "--user", "a@x.io"); code != exitUsage || !strings.Contains(stderr, "--queue") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	var out, log tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"--config", o.config, "serve"}, nil, strings.NewReader(""), &out, &log)
	}()
	eventually(t, "the run was made", func() bool { return !strings.Contains(o.must(exitDone, "schedule"), "asked     a run") })
	time.Sleep(10 * time.Millisecond)
	stop(errors.New("the test is over"))
	<-ended
	o.equal()
	if out := o.must(exitDone, "journal"); strings.Count(out, "command") != 1 {
		t.Errorf("the journal lists\n%s", out)
	}
}
