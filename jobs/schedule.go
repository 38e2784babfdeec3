package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Late says what becomes of a tick of the schedule.
type Late string

// Due: the tick has just come. LateRun and LateSkip: it came while no process was there,
// and is to be run now, or skipped, as configured.
const (
	Due      Late = "due"
	LateRun  Late = "run"
	LateSkip Late = "skip"
)

// Taken is the answer to taking a tick.
type Taken string

// The answers. Only TakenRun is a reason to run.
const (
	TakenRun     Taken = "run"
	TakenLate    Taken = "late"   // it is late, and late ones are skipped
	TakenPaused  Taken = "paused" // the schedule is paused
	TakenDone    Taken = "done"   // its run was made
	TakenByOther Taken = "taken"  // another replica has it
	TakenFirst   Taken = "first"  // nothing was remembered: from now on, ticks count
)

// Ticks lets one of several replicas have each tick of the schedule.
type Ticks interface {
	Schedule(ctx context.Context) (ScheduleState, error)
	// Take asks for a tick. Its run must hold the lock before within has passed; otherwise
	// another replica may take it. When what is remembered is a day or more after the tick,
	// a clock was wrong, and the tick is not refused because of it.
	Take(ctx context.Context, tick time.Time, late Late, within time.Duration) (Taken, error)
	// Done remembers that the tick's run was made. A failed one is counted, unless
	// that tick or a later one is remembered already; one that went well forgets
	// those that failed before. A run that was made again is remembered like a tick.
	Done(ctx context.Context, tick time.Time, ended Ended) error
}

// ScheduleState is what is remembered of a schedule. Times are zero when there is none.
type ScheduleState struct {
	Done     time.Time `json:"done,omitzero"`   // the last tick that needs nothing more
	Paused   time.Time `json:"paused,omitzero"` // since when
	PausedBy string    `json:"pausedBy,omitempty"`
	Failures int       `json:"failures,omitempty"` // scheduled runs that failed since one went well
	Tried    time.Time `json:"tried,omitzero"`     // the tick of the last of them
	Retries  int       `json:"retries,omitempty"`  // how often that run was made again, and failed
}

// PausedByLoss is ScheduleState.PausedBy when the program itself paused the schedule, after
// a loss (see Memory.Lost): what people had decided may be as it was before, or gone, so that no
// night acts on it until somebody has looked.
const PausedByLoss = "tomorro-sync itself, because Redis lost what it had confirmed"

// Onward says what to do before a paused schedule goes on, and how it does; command is how
// the program is called.
func (s *ScheduleState) Onward(command string) string {
	resume := command + " schedule resume"
	if s.PausedBy == PausedByLoss {
		return "press Reapply entitlement mappings in OneLogin; look at what a run would do (plan), who is still pinned (release) and what is held (holds); then: " + resume
	}
	return resume
}

// Pauser stops and starts the schedule of all replicas, across restarts. Resume counts none
// of the ticks that came meanwhile as missed.
type Pauser interface {
	Schedule(ctx context.Context) (ScheduleState, error)
	// Pause leaves a schedule that is paused as it is.
	Pause(ctx context.Context, who string) error
	Resume(ctx context.Context) error
}

// ParseSchedule reads a cron expression of five fields, or @daily and the like,
// for a time zone. It refuses one that never comes.
//
// The expression is about wall clocks. Where a clock is set forward, a time that
// it leaves out comes as much later as the clock jumped; where it is set back, a
// time that comes twice counts once. (The cron package by itself leaves the run
// out, or makes two.)
func ParseSchedule(expression string, zone *time.Location) (cron.Schedule, error) {
	if strings.Contains(expression, "TZ=") { // the parser panics on some of these
		return nil, errors.New("the time zone belongs in schedule.timezone")
	}
	spec, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, err
	}
	if every, ok := spec.(cron.ConstantDelaySchedule); ok {
		return aligned(every.Delay), nil // a distance in time knows no clock
	}
	s := wallClock{spec: spec, zone: zone}
	if s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, zone)).IsZero() {
		return nil, fmt.Errorf("%q never comes", expression)
	}
	return s, nil
}

// aligned ticks whenever its distance divides the time since year 1, so that all
// replicas mean the same ticks. (The cron package counts from its start.)
type aligned time.Duration

// Next implements cron.Schedule.
func (a aligned) Next(after time.Time) time.Time {
	d := time.Duration(a)
	return after.Truncate(d).Add(d)
}

// wallClock evaluates a schedule on the face of the zone's clocks.
type wallClock struct {
	spec cron.Schedule
	zone *time.Location
}

// Next implements cron.Schedule.
func (w wallClock) Next(after time.Time) time.Time {
	t := after.In(w.zone)
	naive := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	for range 100 { // a clock set back shows a few faces again
		naive = w.spec.Next(naive)
		if naive.IsZero() {
			return naive
		}
		if next := w.on(naive); next.After(after) {
			return next
		}
	}
	return time.Time{}
}

// on is when the zone's clocks show a face: the first time if they show it
// twice; if never, when as much time has passed since the jump.
func (w wallClock) on(face time.Time) time.Time {
	t := time.Date(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), face.Second(), 0, w.zone)
	for _, shift := range []time.Duration{time.Hour, 30 * time.Minute, 2 * time.Hour} {
		if earlier := t.Add(-shift); sameFace(earlier, t) {
			t = earlier
			break
		}
	}
	if !sameFace(t, face) { // a face that is left out: whichever side Date chose, take the later
		_, before := t.Add(-24 * time.Hour).Zone()
		if later := time.Date(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), face.Second(), 0, time.FixedZone("", before)); later.After(t) {
			t = later.In(w.zone)
		}
	}
	return t
}

func sameFace(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd && a.Hour() == b.Hour() && a.Minute() == b.Minute() && a.Second() == b.Second()
}

// latest is the last tick at or before now, after since; zero if there is none. It looks
// back as far as it has to: since may be years ago, or of a clock that began in 1970.
func latest(s cron.Schedule, since, now time.Time) time.Time {
	const longest = 100 * 365 * 24 * time.Hour
	for back := time.Minute; ; back *= 2 {
		from := now.Add(-back)
		if from.Before(since) || back > longest {
			from = since
		}
		var last time.Time
		for t := s.Next(from); !t.IsZero() && !t.After(now); t = s.Next(t) {
			last = t
		}
		if !last.IsZero() || from.Equal(since) {
			return last
		}
	}
}
