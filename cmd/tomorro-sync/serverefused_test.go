package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/admin"
)

// refusing is a memory that can be read, and takes writes or refuses them.
type refusing struct {
	memory
	err error
}

func (r *refusing) Lost(context.Context) (time.Time, error)     { return time.Time{}, r.err }
func (r *refusing) Status(context.Context) (jobs.Status, error) { return jobs.Status{}, nil }

// TestRedisRefusesWrites: while Redis takes no writes, serve says so once, and is not
// ready, although everything can be read.
func TestRedisRefusesWrites(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	m := &refusing{}
	c := defaultConfig()
	s := newServed(&c, slog.New(slog.NewTextHandler(&log, nil)), &connection{memory: m, desk: &desk{tell: time.Hour}})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i, step := range []struct {
		err   error
		ready bool
		lines int
	}{
		{nil, true, 0},
		{redisRefusal("OOM command not allowed when used memory > 'maxmemory'."), false, 1},
		{redisRefusal("OOM command not allowed when used memory > 'maxmemory'."), false, 1},
		{nil, true, 2},
		{errors.New("connection refused"), true, 2}, // who looks is told that by Redis itself
		{redisRefusal("NOREPLICAS Not enough good replicas to write."), false, 3},
		{nil, true, 4},
		{redisRefusal("ERR this service has a word of its own for it"), false, 5},
		{nil, true, 6},
	} {
		m.err = step.err
		s.tellLoss(ended)
		_, err := s.watch.Observer.Status(t.Context())
		if ready := err == nil; ready != step.ready || !ready && !errors.Is(err, admin.ErrRefused) || strings.Count(log.String(), "\n") != step.lines {
			t.Errorf("%d: %v, and the log says\n%s", i, err, log.String())
		}
	}
	if !strings.Contains(log.String(), "raise its maxmemory") {
		t.Error(log.String())
	}
}
