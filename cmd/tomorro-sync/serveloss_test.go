package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
)

// restored is a memory that was copied back from before the last tick had its run.
type restored struct {
	memory
	since time.Time
	state jobs.ScheduleState
}

func (r *restored) Lost(context.Context) (time.Time, error) {
	since := r.since
	r.since = time.Time{}
	return since, nil
}

func (r *restored) Schedule(context.Context) (jobs.ScheduleState, error) { return r.state, nil }

func (r *restored) Pause(_ context.Context, who string) error {
	r.state.Paused, r.state.PausedBy = time.Now(), who
	return nil
}

func (r *restored) Take(context.Context, time.Time, jobs.Late, time.Duration) (jobs.Taken, error) {
	if !r.state.Paused.IsZero() {
		return jobs.TakenPaused, nil
	}
	return jobs.TakenRun, nil
}

func (r *restored) Done(context.Context, time.Time, jobs.Ended) error { return nil }

// TestNoRunFromABackup: a backup that is copied back does not know the last run, which would
// be made up for at once, by what people had said before the backup.
func TestNoRunFromABackup(t *testing.T) {
	t.Parallel()
	c := defaultConfig()
	c.Schedule.Cron = "@daily"
	m := &restored{since: time.Now(), state: jobs.ScheduleState{Done: time.Now().Add(-48 * time.Hour)}}
	var log strings.Builder
	s := newServed(&c, slog.New(slog.NewTextHandler(&log, nil)), &connection{memory: m, desk: &desk{tell: time.Hour, pushes: &jobs.Pushes{}}})
	runs := 0
	s.scheduler.Run = func(context.Context, time.Time) error {
		runs++
		m.state.Done = time.Now()
		return nil
	}
	s.scheduler.Look(t.Context())
	if runs != 0 || m.state.PausedBy != jobs.PausedByLoss || !strings.Contains(log.String(), "Redis does not remember") {
		t.Errorf("%d runs, paused by %q, log:\n%s", runs, m.state.PausedBy, log.String())
	}
	m.state.Paused, m.state.PausedBy = time.Time{}, "" // somebody has looked
	s.scheduler.Look(t.Context())
	if runs != 1 {
		t.Errorf("%d runs after it was resumed", runs)
	}
}
