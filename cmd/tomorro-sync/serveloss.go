package main

import (
	"context"
	"time"

	"tomorro-sync/jobs"
)

// tellLoss looks for a loss again and again, also while nothing is due.
func (s *served) tellLoss(ctx context.Context) {
	jobs.Repeat(ctx, s.conn.desk.tell, func() { _ = s.lookForLoss(ctx) }) // that Redis is away, others say
}

// lookForLoss says when Redis does not remember any more what it had confirmed: nothing else
// shows on a store that was emptied or restored from a backup. What people had said is as
// it was, or gone, and groups set by hand with it: the schedule waits for somebody to look.
// Without an error, it is known that nothing is lost, or the schedule is paused.
func (s *served) lookForLoss(ctx context.Context) error {
	s.loss.Lock()
	defer s.loss.Unlock()
	since, err := s.conn.memory.Lost(ctx)
	s.tellRefused(err)
	if err == nil && !since.IsZero() {
		s.lost = true
		s.conn.desk.pushes.Forget()
		s.log.Error("Redis does not remember what it had confirmed: it was emptied, restored from a backup, or lost its last writes. Approvals that were used, groups by hand that were taken back, "+
			"and what the limits had counted may be as before, and pins, rejections and an adoption that was done may be gone. The schedule is paused",
			"since", since, "do", "press Reapply entitlement mappings in OneLogin; look at plan, release and holds; then run schedule resume", "command", s.command)
	}
	if s.lost {
		if err := s.conn.memory.Pause(ctx, jobs.PausedByLoss); err != nil {
			return err
		}
		s.lost = false
	}
	return err
}

// surely takes no tick before it has looked for a loss: a backup does not know the last run
// either, which would be made up for at once.
type surely struct {
	jobs.Ticks
	s *served
}

// Take implements jobs.Ticks.
func (t surely) Take(ctx context.Context, tick time.Time, late jobs.Late, within time.Duration) (jobs.Taken, error) {
	if err := t.s.lookForLoss(ctx); err != nil {
		return "", err
	}
	return t.Ticks.Take(ctx, tick, late, within)
}
