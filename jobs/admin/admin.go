// Package admin answers what a supervisor asks of a process that serves:
//
//	GET /healthz   200 as long as the process answers at all
//	GET /readyz    200 when it can work for any of its connections, else 503; either
//	               way a JSON document with what it cannot work for, and why, and the
//	               state of each connection
//
// What the last runs did does not make a process unready, not even when they put
// the schedule into quarantine: another one would do the same. It is among the
// notes. Nothing here names a person whose access is managed,
// or a secret.
package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"tomorro-sync/jobs"
)

// Connection is one connection that the process serves.
type Connection struct {
	Name     string
	Observer jobs.Observer
	Schedule cron.Schedule // nil when there is none
	// QuarantineAfter and Retry are those of the Scheduler.
	QuarantineAfter int
	Retry           time.Duration
	// Command is how the program is called for this connection; by its name alone when empty.
	Command string
}

// State is the answer of /readyz.
type State struct {
	Ready       bool              `json:"ready"`
	Reasons     []string          `json:"reasons"` // why it is not ready, or not for all connections
	Connections []ConnectionState `json:"connections"`
}

// ConnectionState is what can be seen of one connection.
type ConnectionState struct {
	Name        string     `json:"name"`
	NextRun     *time.Time `json:"nextRun,omitempty"`
	LastRun     *LastRun   `json:"lastRun,omitempty"`
	jobs.Status            // without it when Redis did not answer
	Notes       []string   `json:"notes"` // what an administrator may want to look at
}

// LastRun is the last run that ended.
type LastRun struct {
	Run      string    `json:"run"`
	Finished time.Time `json:"finished"`
	Exit     int       `json:"exit"`
}

// askTimeout bounds how long an answer waits for Redis.
const askTimeout = 2 * time.Second

// Handler serves both addresses. ctx is the life of the process: when it ends,
// the process is not ready any more.
func Handler(ctx context.Context, connections []Connection) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		state := look(r.Context(), connections, time.Now())
		if ctx.Err() != nil {
			state.refuse("the process is stopping")
		}
		w.Header().Set("Content-Type", "application/json")
		if !state.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(state) // the asker may have gone
	})
	return mux
}

// ErrNotServed is what the Observer says of a connection that this process could not begin
// to serve yet.
var ErrNotServed = errors.New("is not served yet; the log says why")

// ErrRefused is what the Observer says of a connection whose Redis can be read and takes
// no writes, so that no run begins.
var ErrRefused = errors.New("its Redis takes no writes; the log says what to do")

func (s *State) refuse(reason string) {
	s.Ready = false
	s.Reasons = append(s.Reasons, reason)
}

func look(ctx context.Context, connections []Connection, now time.Time) State {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	state := State{Ready: len(connections) == 0, Reasons: []string{}, Connections: make([]ConnectionState, len(connections))}
	failed := make([]error, len(connections))
	var wg sync.WaitGroup
	for i, c := range connections { // at once: one that hangs takes all of the time
		wg.Go(func() {
			one := ConnectionState{Name: c.Name, Notes: []string{}}
			status, err := c.Observer.Status(ctx)
			if failed[i] = err; err == nil {
				one.fill(&c, status, now)
			}
			state.Connections[i] = one
		})
	}
	wg.Wait()
	for i, err := range failed {
		state.Ready = state.Ready || err == nil
		if err != nil {
			why := "Redis does not answer"
			for _, known := range []error{ErrNotServed, ErrRefused} {
				if errors.Is(err, known) {
					why = known.Error()
				}
			}
			state.Reasons = append(state.Reasons, connections[i].Name+": "+why)
		}
	}
	return state
}

func (c *ConnectionState) fill(from *Connection, status jobs.Status, now time.Time) {
	c.Status = status
	note := func(format string, args ...any) { c.Notes = append(c.Notes, fmt.Sprintf(format, args...)) }
	if from.Schedule != nil {
		next := status.Schedule.NextRun(from.Schedule, from.QuarantineAfter, from.Retry, now)
		c.NextRun = &next
		if try := status.Schedule.NextTry(from.Schedule, from.QuarantineAfter); !try.IsZero() {
			note("the schedule is quarantined after %d failed runs in a row; next try at %s; one good run ends it", status.Schedule.Failures, try.UTC().Format(time.RFC3339))
		}
	}
	if at := status.Schedule.Paused; !at.IsZero() {
		note("the schedule is paused since %s by %s; to go on: %s", at.UTC().Format(time.RFC3339), status.Schedule.PausedBy, status.Schedule.Onward(cmp.Or(from.Command, "tomorro-sync")))
	}
	switch last := status.Last; {
	case last == nil:
		note("no run has ended yet")
	default:
		c.LastRun = &LastRun{Run: last.Run, Finished: last.Finished, Exit: last.Exit}
		if last.Exit != jobs.ExitDone {
			note("the last run ended with exit %d; see: %s journal show %s", last.Exit, cmp.Or(from.Command, "tomorro-sync"), last.Run)
		}
	}
	if status.Marks > 0 {
		note("who waits for another look: %d, the first for %s", status.Marks, now.Sub(status.Oldest).Round(time.Second))
	}
	if status.Open > 0 && status.Lock == nil {
		note("of %d changes nobody knows what became of them; the next run looks", status.Open)
	}
}
