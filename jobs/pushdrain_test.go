package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tomorro-sync/jobs"
)

// away is a Queue that cannot be read until it is back.
type away struct {
	jobs.Queue
	back time.Time
}

func (q *away) Due(context.Context, int, time.Duration) ([]jobs.Mark, error) {
	if time.Now().Before(q.back) {
		return nil, errors.New("connection refused")
	}
	return nil, nil
}

// TestMarksUnreadAreToldOnce: Redis is away for an hour. The log has that once, and that it
// is over, and is not filled with a line each second.
func TestMarksUnreadAreToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := &jobs.Pushes{Runner: &jobs.Runner{Log: slog.New(slog.NewTextHandler(&log, nil))}, Queue: &away{back: time.Now().Add(time.Hour)}}
		p.Open()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		p.Serve(ctx)
		if n := strings.Count(log.String(), "the marks can"); n != 2 {
			t.Errorf("%d lines\n%.600s", n, log.String())
		}
	})
}
