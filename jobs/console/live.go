package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// beat is how often a live page is told how things stand, and whether whoever
// looks is still signed in.
const beat = 3 * time.Second

// liveState is what a live page is told. State is that of the page: when it is
// another one, the page loads itself again.
type liveState struct {
	State    string    `json:"state"`
	Progress *progress `json:"progress,omitempty"`
	Lines    []string  `json:"lines,omitempty"` // what has just been done
}

// stateOf names what a page is about: another name is another page.
func stateOf(status *jobs.Status, asked Asked, going *progress) string {
	last, run := "", ""
	if status.Last != nil {
		last = status.Last.Run
	}
	if going != nil && !going.Ended {
		run = going.Run
	}
	return fmt.Sprintf("%s busy=%t asked=%t run=%s", last, status.Lock != nil, asked.Who != "", run)
}

// events streams how things stand, and a run while it is made (server-sent events).
func (c *console) events(v *visit) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		v.w.Header().Set("Retry-After", "30")
		http.Error(v.w, "too many live pages; this one is as it was when it was loaded", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithCancel(v.r.Context())
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel)
	defer stop()
	s := &stream{v: v, out: http.NewResponseController(v.w), progress: newProgress(nil)}
	entries, followed := make(chan jobs.Entry, 256), make(chan struct{})
	go func() {
		defer close(followed)
		_ = v.conn.Follower.Follow(ctx, func(e jobs.Entry) bool { // when it fails, the beat still tells
			select {
			case entries <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	defer func() { cancel(); <-followed }()
	v.w.Header().Set("Content-Type", "text/event-stream")
	s.serve(ctx, entries)
}

type stream struct {
	v        *visit
	out      *http.ResponseController
	progress *progress
	lines    []string
	dirty    bool
	turned   bool // a run began or ended: the page is another one
}

// most how often a page is told of changes: nobody reads faster.
const tellEvery = 250 * time.Millisecond

func (s *stream) serve(ctx context.Context, entries <-chan jobs.Entry) {
	tell, look := time.NewTicker(tellEvery), time.NewTicker(beat)
	defer tell.Stop()
	defer look.Stop()
	s.catchUp(ctx)
	if !s.state(ctx) {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-entries:
			s.take(&e)
		case <-tell.C:
			if !s.dirty {
				continue
			}
			if !s.send(liveState{Progress: s.progress, Lines: s.lines}) || s.turned && !s.state(ctx) {
				return
			}
			s.lines, s.dirty, s.turned = nil, false, false
		case <-look.C:
			if _, in, err := s.v.c.session(s.v.r, false); err == nil && !in || !s.state(ctx) {
				return
			}
		}
	}
}

// catchUp reads what a run under way has done before this page came.
func (s *stream) catchUp(ctx context.Context) {
	status, err := s.v.conn.Observer.Status(ctx)
	if err != nil {
		return // the next beat tells
	}
	runs, err := s.v.conn.Journal.Runs(ctx, 1)
	if err != nil {
		return
	}
	if going, err := s.v.conn.going(ctx, &status, runs); err == nil && going != nil {
		s.progress, s.dirty = going, true
	}
}

// mostLines is how many changes are told at once; the numbers tell of all.
const mostLines = 8

func (s *stream) take(e *jobs.Entry) {
	s.progress.take(e)
	s.dirty = true
	s.turned = s.turned || e.Kind == jobs.EntryBegin || e.Kind == jobs.EntryEnd
	w := s.progress.intents[e.Intent]
	if e.Kind != jobs.EntryOutcome || w == nil || len(s.lines) >= mostLines {
		return
	}
	for i := range w.Changes {
		c := &w.Changes[i]
		text := subject(*c) + ": " + what(c, s.v.conn.Policy.Pricing)
		if e.Result != reconcile.Done {
			text += " — " + e.Result
		}
		if s.lines = append(s.lines, text); len(s.lines) >= mostLines {
			return
		}
	}
}

// state tells how things stand. That Redis does not answer now is no reason to end.
func (s *stream) state(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	status, err := s.v.conn.Observer.Status(ctx)
	if err != nil {
		return s.write(": Redis does not answer\n\n")
	}
	var asked Asked
	if s.v.conn.Starter != nil && s.v.r.FormValue("asked") != "" {
		asked = s.v.conn.Starter.Asked()
	}
	return s.send(liveState{State: stateOf(&status, asked, s.progress)})
}

func (s *stream) send(l liveState) bool {
	text, err := json.Marshal(l)
	return err == nil && s.write("data: "+string(text)+"\n\n")
}

// writeTimeout is how long somebody may not read before they are left alone.
const writeTimeout = 20 * time.Second

func (s *stream) write(text string) bool {
	_ = s.out.SetWriteDeadline(time.Now().Add(writeTimeout)) // where it cannot be set, the server's own holds
	if _, err := s.v.w.Write([]byte(text)); err != nil {
		return false
	}
	return s.out.Flush() == nil
}
