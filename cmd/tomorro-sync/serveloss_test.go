package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
)

// lossy are processes that serve one connection, whose Redis forgets.
type lossy struct {
	t     *testing.T
	redis *miniredis.Miniredis
	all   []*served
	logs  []*strings.Builder
	runs  int
}

// newLossy starts processes that have looked twice. Each has a run to make at once, if it may.
func newLossy(t *testing.T, n int) *lossy {
	t.Helper()
	l := &lossy{t: t, redis: miniredis.RunT(t)}
	for range n {
		store, err := redisstore.Open(t.Context(), "redis://"+l.redis.Addr(), redisstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		c, log := defaultConfig(), &strings.Builder{}
		c.Schedule.Cron = "@daily"
		s := newServed(&c, slog.New(slog.NewTextHandler(log, nil)), &connection{memory: store, desk: &desk{tell: time.Hour, pushes: &jobs.Pushes{}}})
		s.scheduler.Run = func(context.Context, time.Time) error { l.runs++; return nil }
		l.all, l.logs = append(l.all, s), append(l.logs, log)
		for range 2 {
			l.look(s)
		}
	}
	l.missed()
	return l
}

func (l *lossy) look(s *served) {
	l.t.Helper()
	if err := s.lookForLoss(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// missed has everybody remember that the last run was two days ago.
func (l *lossy) missed() {
	l.t.Helper()
	if err := l.all[0].conn.memory.Done(l.t.Context(), time.Now().Add(-48*time.Hour), jobs.EndedWell); err != nil {
		l.t.Fatal(err)
	}
}

// pausedBy is who paused the schedule.
func (l *lossy) pausedBy() string {
	l.t.Helper()
	st, err := l.all[0].conn.memory.Schedule(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return st.PausedBy
}

// said is how often a process said that Redis forgot.
func (l *lossy) said(i int) int {
	return strings.Count(l.logs[i].String(), "Redis does not remember")
}

// TestNoRunFromABackup: a backup that is copied back does not know the last run, which would
// be made up for at once, by what people had said before the backup.
func TestNoRunFromABackup(t *testing.T) {
	t.Parallel()
	l := newLossy(t, 1)
	s := l.all[0]
	l.redis.FlushAll()
	l.missed()
	s.scheduler.Look(t.Context())
	if l.runs != 0 || l.pausedBy() != jobs.PausedByLoss || l.said(0) != 1 {
		t.Errorf("%d runs, paused by %q, log:\n%s", l.runs, l.pausedBy(), l.logs[0].String())
	}
	if err := s.conn.memory.Resume(t.Context()); err != nil { // somebody has looked
		t.Fatal(err)
	}
	l.redis.HDel("tomorro-sync:{default}:schedule", "done")
	l.missed()
	s.scheduler.Look(t.Context())
	if l.runs != 1 || l.said(0) != 1 {
		t.Errorf("%d runs after it was resumed; log:\n%s", l.runs, l.logs[0].String())
	}
}

// TestNoRunUntilLossIsKnown: while it cannot be seen whether Redis lost something, no tick is
// taken.
func TestNoRunUntilLossIsKnown(t *testing.T) {
	t.Parallel()
	l := newLossy(t, 1)
	s := l.all[0]
	away := surely{s.conn.memory, &served{conn: &connection{memory: &refusing{err: errors.New("no answer")}}, log: s.log}}
	if taken, err := away.Take(t.Context(), time.Now(), jobs.Due, time.Minute); err == nil {
		t.Errorf("%q", taken)
	}
}

// TestServedAsConfigured: the schedule and the fast pass are as the configuration says.
func TestServedAsConfigured(t *testing.T) {
	t.Parallel()
	c := defaultConfig()
	c.Schedule.Cron, c.Schedule.Missed, c.Schedule.Jitter, c.Schedule.QuarantineAfter, c.Schedule.Retry = "@daily", "skip", 1, 2, 3
	c.Schedule.Delta, c.Schedule.DeltaOverlap, c.Schedule.DeltaMost = 4, 5, 6
	s := newServed(&c, slog.New(slog.DiscardHandler), &connection{memory: &refusing{}, changes: noChanges{}, desk: &desk{}})
	if x := s.scheduler; x.Missed != jobs.LateSkip || x.Jitter != 1 || x.QuarantineAfter != 2 || x.Retry != 3 {
		t.Errorf("%+v", x)
	}
	if x := s.fast; x == nil || x.Every != 4 || x.Overlap != 5 || x.Most != 6 {
		t.Errorf("%+v", x)
	}
}

// noChanges is a OneLogin that reports none.
type noChanges struct{ jobs.Changes }

// TestLossIsPausedForOnce: a process that slept through a loss says so when it wakes, and
// does not pause the schedule again that somebody has resumed; one more loss is another.
func TestLossIsPausedForOnce(t *testing.T) {
	t.Parallel()
	l := newLossy(t, 2)
	awake, asleep := l.all[0], l.all[1]
	for range 2 {
		l.redis.FlushAll()
		l.look(awake)
		if by := l.pausedBy(); by != jobs.PausedByLoss {
			t.Fatalf("paused by %q after a loss", by)
		}
		if err := awake.conn.memory.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.look(asleep)
	if by := l.pausedBy(); by != "" || l.said(0) != 2 || l.said(1) != 1 {
		t.Errorf("paused by %q; the log of who was awake has %d losses, of who slept %d", by, l.said(0), l.said(1))
	}
	l.redis.FlushAll()
	l.look(asleep)
	l.look(awake)
	if by := l.pausedBy(); by != jobs.PausedByLoss || l.said(0) != 3 || l.said(1) != 2 {
		t.Errorf("paused by %q after one more; the log of who was awake has %d losses, of who slept %d", by, l.said(0), l.said(1))
	}
}
