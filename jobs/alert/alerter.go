package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"tomorro-sync/jobs"
)

// Stander looks at a connection anew; see jobs.Watch.
type Stander interface {
	StandNow(ctx context.Context) (jobs.Standing, error)
}

// Message is what somebody is told.
type Message struct {
	Subject string // one line
	Lines   []string
}

// Sink takes messages to people.
type Sink interface {
	// Name tells it from others; what was told is remembered under it.
	Name() string
	// Send returns when the message was taken. Its error has no secret, such as the
	// address of a webhook; it wraps ErrSomeRefused when others have the message.
	Send(ctx context.Context, m Message) error
}

// ErrSomeRefused marks a message that some of a sink's recipients have: it is not sent
// again.
var ErrSomeRefused = errors.New("some recipients were refused, the others have the message")

// Beater requests the heartbeat address. Its error does not have that address.
type Beater interface {
	Beat(ctx context.Context) error
}

// Alerter tells what is wrong with one connection.
type Alerter struct {
	Connection string
	Stander    Stander
	Book       jobs.AlertBook
	When       When
	// Credentials are those of now, for When; nil when no end is known.
	Credentials func() []jobs.Credential
	Sinks       []Sink
	Heart       Beater           // told of each good run; nil: nobody is
	Repeat      time.Duration    // after how long it is told again; default 24 h
	Every       time.Duration    // how often it looks; default 1 min
	Log         *slog.Logger     // required
	Now         func() time.Time // default time.Now
}

const (
	// life is how long one process may be telling; sendTimeout is for one message.
	life        = 2 * time.Minute
	sendTimeout = 20 * time.Second
	// settled is how long something must have been told before it can be over: longer
	// than the clocks of replicas differ, which would not agree at a threshold.
	settled = 2 * time.Minute
	// beatWithin is how old a run may be that is told by a heartbeat: one that nobody
	// could tell of for longer says nothing of now.
	beatWithin = time.Hour
	// forgotten is when it is forgotten what a sink was told that is not there any more.
	forgotten = 31 * 24 * time.Hour
)

// Serve looks until ctx ends.
func (a *Alerter) Serve(ctx context.Context) {
	jobs.Repeat(ctx, cmp.Or(a.Every, time.Minute), func() { a.Look(ctx) })
}

// Look tells what is to be told now, unless another process is telling.
func (a *Alerter) Look(ctx context.Context) {
	_, err := a.Book.Tell(ctx, life, func(ctx context.Context, told map[string]jobs.Told) map[string]jobs.Told {
		s, err := a.Stander.StandNow(ctx)
		if err != nil {
			a.Log.Warn("nothing is known to raise alerts about; trying again", "error", err)
			return told
		}
		when := a.When
		if a.Credentials != nil {
			when.Credentials = a.Credentials()
		}
		alerts := Find(&s, &when)
		for _, sink := range a.Sinks {
			a.tell(ctx, sink, alerts, told)
		}
		a.beat(ctx, &s, told)
		maps.DeleteFunc(told, func(_ string, t jobs.Told) bool { return a.now().Sub(t.Sent) > forgotten+a.repeat() })
		return told
	})
	if err != nil && ctx.Err() == nil {
		a.Log.Warn("alerts are not told, or may be told twice; trying again", "error", err)
	}
}

// news is what is to be told to one sink.
type news struct {
	fresh, still []Alert
	over         []string // keys of what was told
	due          bool
}

func key(sink Sink, kind Kind) string { return sink.Name() + " " + string(kind) }

func (a *Alerter) news(sink Sink, alerts []Alert, told map[string]jobs.Told) (n news) {
	now := a.now()
	lasting := make(map[string]bool)
	for _, alert := range alerts {
		k := key(sink, alert.Kind)
		lasting[k] = true
		t, known := told[k]
		if !known {
			n.fresh = append(n.fresh, alert)
			continue
		}
		n.still = append(n.still, alert)
		n.due = n.due || now.Sub(t.Sent) >= a.repeat()
	}
	for _, k := range slices.Sorted(maps.Keys(told)) {
		if strings.HasPrefix(k, sink.Name()+" ") && !lasting[k] && now.Sub(told[k].Sent) >= settled {
			n.over = append(n.over, k)
		}
	}
	n.due = n.due || len(n.fresh)+len(n.over) > 0
	return n
}

// tell tells one sink in one message what it does not know, and notes what it was told.
func (a *Alerter) tell(ctx context.Context, sink Sink, alerts []Alert, told map[string]jobs.Told) {
	n := a.news(sink, alerts, told)
	if !n.due {
		return
	}
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	switch err := sink.Send(limited, a.message(sink, &n, told)); {
	case errors.Is(err, ErrSomeRefused):
		a.Log.Error("an alert does not reach everybody", "sink", sink.Name(), "error", err)
	case err != nil:
		a.Log.Error("an alert could not be sent; trying again", "sink", sink.Name(), "error", err)
		return
	}
	now := a.now()
	for _, alert := range append(n.fresh, n.still...) {
		k := key(sink, alert.Kind)
		t := told[k]
		if t.Since.IsZero() {
			t.Since = now
		}
		t.Sent, t.What = now, alert.Title
		told[k] = t
	}
	for _, k := range n.over {
		delete(told, k)
	}
	a.Log.Info("told of alerts", "sink", sink.Name(), "new", len(n.fresh), "still", len(n.still), "over", len(n.over))
}

func (a *Alerter) message(sink Sink, n *news, told map[string]jobs.Told) Message {
	var m Message
	for _, alert := range n.fresh {
		m.Lines = append(m.Lines, fmt.Sprintf("NEW: %s Next: %s", alert.What, alert.Do))
	}
	for _, alert := range n.still {
		m.Lines = append(m.Lines, fmt.Sprintf("STILL, since %s: %s Next: %s", clock(told[key(sink, alert.Kind)].Since), alert.What, alert.Do))
	}
	for _, k := range n.over {
		m.Lines = append(m.Lines, fmt.Sprintf("OVER: %s (told at %s).", told[k].What, clock(told[k].Since)))
	}
	state := "all is well again"
	switch all := append(n.fresh, n.still...); len(all) {
	case 0:
	case 1:
		state = all[0].Title
	default:
		state = fmt.Sprintf("%s, and %d more", all[0].Title, len(all)-1)
	}
	m.Subject = fmt.Sprintf("tomorro-sync %s: %s", a.Connection, state)
	return m
}

// heartbeat is the key of the run that was told last.
const heartbeat = "heartbeat"

// beat tells of a good run, once: complete, and none of its changes failed.
func (a *Alerter) beat(ctx context.Context, s *jobs.Standing, told map[string]jobs.Told) {
	run, now := s.Complete, a.now()
	if a.Heart == nil || run == nil || run.Exit == jobs.ExitFailed || told[heartbeat].What == run.Run || now.Sub(run.Finished) > beatWithin {
		return
	}
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := a.Heart.Beat(limited); err != nil {
		a.Log.Error("the heartbeat could not be sent; trying again", "run", run.Run, "error", err)
		return
	}
	told[heartbeat] = jobs.Told{Since: now, Sent: now, What: run.Run}
}

func (a *Alerter) repeat() time.Duration { return cmp.Or(a.Repeat, 24*time.Hour) }

func (a *Alerter) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}
