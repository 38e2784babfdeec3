package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile/words"
)

func (p *program) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Show when runs are made; stop them with: schedule pause, and go on with: schedule resume",
		Long: `schedule shows the next ticks of schedule.cron, the last run, and who is at work now. A schedule that is paused stays so for all
replicas and across restarts, until it is resumed; what came meanwhile is not made up for. reconcile works all the same.

A run that fails is made again, schedule.retry after its tick and then after twice as long each time, until the next tick. A schedule
whose runs fail, schedule.quarantine_after of them in a row, is quarantined: it slows down until one goes well, scheduled or by
reconcile. It is shown how many failed, and when the next try is.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withSchedule(cmd, func(context.Context, memory) error { return nil })
		},
	}
	cmd.AddCommand(
		&cobra.Command{Use: "pause", Short: "Make no scheduled runs until: schedule resume", Args: arguments(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return p.withSchedule(cmd, func(ctx context.Context, m memory) error { return m.Pause(ctx, whoAmI()) })
			}},
		&cobra.Command{Use: "resume", Short: "Make scheduled runs again", Args: arguments(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return p.withSchedule(cmd, func(ctx context.Context, m memory) error { return m.Resume(ctx) })
			}},
	)
	return cmd
}

type scheduleJSON struct {
	Cron     string             `json:"cron"`
	Timezone string             `json:"timezone"`
	Next     []time.Time        `json:"next"`             // also while it is paused
	NextTry  time.Time          `json:"nextTry,omitzero"` // while it is quarantined
	State    jobs.ScheduleState `json:"state"`
	Lock     *jobs.LockedError  `json:"lock,omitempty"`
	Wish     *jobs.Wish         `json:"wish,omitempty"` // the run that somebody asked for
	LastRun  string             `json:"lastRun,omitempty"`
	LastExit *int               `json:"lastExit,omitempty"`
}

// withSchedule changes something and shows how it stands then.
func (p *program) withSchedule(cmd *cobra.Command, change func(context.Context, memory) error) error {
	return p.withMemory(cmd, func(c *config, m memory) error {
		if err := usage(c.Schedule.problem(), configHint); err != nil {
			return err
		}
		if err := change(cmd.Context(), m); err != nil {
			return err
		}
		status, err := m.Status(cmd.Context())
		if err != nil {
			return err
		}
		doc := scheduleJSON{Cron: c.Schedule.Cron, Timezone: c.Schedule.Timezone, State: status.Schedule, Lock: status.Lock, Next: []time.Time{}}
		wish, err := m.Wished(cmd.Context())
		if err != nil {
			return err
		}
		if wish.Pending() || wish.Failed != "" {
			doc.Wish = &wish
		}
		if status.Last != nil {
			doc.LastRun, doc.LastExit = status.Last.Run, &status.Last.Exit
		}
		if spec := c.Schedule.parsed(); spec != nil {
			after := c.Schedule.QuarantineAfter
			doc.NextTry = status.Schedule.NextTry(spec, after)
			for at := status.Schedule.NextRun(spec, after, c.Schedule.Retry, time.Now()); len(doc.Next) < 3 && !at.IsZero(); at = spec.Next(at) {
				doc.Next = append(doc.Next, at)
			}
		}
		if p.asJSON() {
			return writeJSON(p.stdout, doc)
		}
		p.showSchedule(&doc)
		return nil
	})
}

const dayAndTime = "Mon 2006-01-02 15:04 MST"

func (p *program) showSchedule(doc *scheduleJSON) {
	s := p.screen(p.stdout)
	if doc.Cron == "" { // what others serve by their own configuration is shown all the same
		s.paragraph("", "There is no schedule in this configuration. Write schedule.cron into it, and start: tomorro-sync serve", "")
	} else {
		s.line("schedule  %s  %s", doc.Cron, doc.Timezone)
	}
	if at := doc.State.Paused; !at.IsZero() {
		s.paragraph("paused    ", fmt.Sprintf("since %s by %s; to go on: %s", at.Format(dayAndTime), s.clean(doc.State.PausedBy), doc.State.Onward("tomorro-sync")), "")
	}
	if n := doc.State.Failures; n > 0 {
		s.line("failing   %s in a row, the last one that of %s", words.Count(n, "run", "runs"), doc.State.Tried.Format(dayAndTime))
	}
	if at := doc.NextTry; !at.IsZero() {
		s.paragraph("slowed    ", fmt.Sprintf("quarantined until one good run; next try at %s, or now with: tomorro-sync reconcile", at.Format(dayAndTime)), "")
	}
	if n := doc.State.Retries; n > 0 {
		s.line("again     that one was made again %s", words.Count(n, "time", "times"))
	}
	next := "next"
	if !doc.State.Paused.IsZero() {
		next = "would be"
	}
	for i, at := range doc.Next {
		s.line("%-9s %s", []string{next, "", ""}[i], at.Format(dayAndTime))
	}
	if doc.LastExit != nil {
		s.line("last run  %s, exit %d", doc.LastRun, *doc.LastExit)
	}
	if w := doc.Wish; w != nil && w.Pending() {
		taker := "nobody has taken it yet"
		if w.Taker != "" {
			taker = "made by " + w.Taker
		}
		s.paragraph("asked     ", fmt.Sprintf("a run, by %s since %s; %s", s.clean(w.Who), w.Since.Format(dayAndTime), s.clean(taker)), "")
	} else if w != nil {
		s.paragraph("asked     ", fmt.Sprintf("a run, by %s at %s, which could not be made: %s", s.clean(w.Who), w.Since.Format(dayAndTime), s.clean(w.Failed)), "")
	}
	if doc.Lock != nil {
		s.line("now       %s is at work since %s", s.clean(doc.Lock.Holder), doc.Lock.Since.Format(time.TimeOnly))
	}
	if doc.Cron != "" && doc.State.Done.IsZero() {
		s.line("No process has served this connection yet. Start one with: tomorro-sync serve")
	}
}
