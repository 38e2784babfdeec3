package main

import (
	"cmp"
	"context"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/admin"
	"tomorro-sync/jobs/redisstore"
)

// takesWrites is how a connection stands whose Redis may be full, read-only or without
// room on its disk: it shows everything, and nothing can be done for it.
type takesWrites struct{ s *served }

// Status implements jobs.Observer.
func (t takesWrites) Status(ctx context.Context) (jobs.Status, error) {
	if t.s.refused.Load() {
		return jobs.Status{}, admin.ErrRefused
	}
	return t.s.conn.memory.Status(ctx)
}

// tellRefused remembers whether Redis took the last write, which err says, and logs once
// that it did not: a nightly schedule would find out at night only. Whatever Redis answers
// instead of taking it counts, also in words that nobody here knows.
func (s *served) tellRefused(err error) {
	refused := redisstore.Refused(err)
	if was := s.refused.Swap(refused); refused && !was {
		s.log.Error("Redis takes no writes: no run begins, and no push is stored", "error", err, "do", cmp.Or(redisstore.Remedy(err), "see what it answers, and its log"))
	} else if err == nil && was {
		s.log.Info("Redis takes writes again")
	}
}
