package main

import (
	"context"
	"time"

	"tomorro-sync/jobs"
)

// tellLoss looks for a loss at every interval of reports, whether or not a run is due.
func (s *served) tellLoss(ctx context.Context) {
	jobs.Repeat(ctx, s.conn.desk.tell, func() { _ = s.lookForLoss(ctx) }) // others report that Redis cannot be reached
}

// lookForLoss detects that Redis has lost what it had confirmed, because it was emptied or
// restored from a backup; nothing else would show that. Decisions and groups set by hand may
// then be outdated or gone, so it pauses the schedule until somebody has looked. When it
// returns no error, nothing is lost or the schedule was paused.
func (s *served) lookForLoss(ctx context.Context) error {
	since, err := s.conn.memory.Lost(ctx)
	s.tellRefused(err)
	if err == nil && !since.IsZero() {
		s.conn.desk.pushes.Forget()
		s.log.Error("Redis does not remember what it had confirmed: it was emptied, restored from a backup, or lost its last writes. Approvals that were used, groups by hand that were taken back, "+
			"and what the limits had counted may be as before, and pins, rejections and an adoption that was done may be gone. The schedule was paused because of it",
			"since", since, "do", "press Reapply entitlement mappings in OneLogin; look at plan, release and holds; then run schedule resume", "command", s.command)
	}
	return err
}

// surely looks for a loss before it takes a tick: a restored backup does not know of the
// last run, which would be made up for at once.
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
