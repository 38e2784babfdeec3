package alert_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/alert"
	"tomorro-sync/jobs/redisstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what all replicas see: the connection, the clock, and what was told.
type world struct {
	mu     sync.Mutex
	now    time.Time
	broken *jobs.Report // the last run, when it failed
	marks  bool
	blind  bool // Redis does not answer
	good   jobs.Report
	sent   []alert.Message
	fails  map[string]bool // sinks that do
	left   bool            // somebody whom each sink should reach
	beats  []string
	log    bytes.Buffer
}

func newWorld() *world {
	return &world{now: start, good: jobs.Report{Run: "r1", Finished: start.Add(-10 * time.Hour)}, fails: make(map[string]bool)}
}

func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) pass(d time.Duration) { w.locked(func() { w.now = w.now.Add(d) }) }

func (w *world) clock() (now time.Time) { w.locked(func() { now = w.now }); return now }

func (w *world) StandNow(context.Context) (s jobs.Standing, err error) {
	w.locked(func() {
		good := w.good
		s = jobs.Standing{At: w.now, Last: &good, Complete: &good}
		if w.broken != nil {
			s.Last = w.broken
		}
		if w.marks {
			s.Status.Marks, s.Status.Oldest = 3, w.now.Add(-2*time.Hour)
		}
		if w.blind {
			err = errors.New("Redis does not answer")
		}
	})
	return s, err
}

// receiver is one sink of all replicas.
type receiver struct {
	w    *world
	name string
}

func (r receiver) Name() string { return r.name }

func (r receiver) Send(_ context.Context, m alert.Message) (err error) {
	r.w.locked(func() {
		if r.w.fails[r.name] {
			err = errors.New("it is away")
			return
		}
		if r.w.left {
			err = fmt.Errorf("mail server: %w", alert.ErrSomeRefused)
		}
		m.Subject = r.name + ": " + m.Subject
		r.w.sent = append(r.w.sent, m)
	})
	return err
}

func (w *world) Beat(context.Context) (err error) {
	w.locked(func() {
		if w.fails["heartbeat"] {
			err = errors.New("it is away")
			return
		}
		w.beats = append(w.beats, w.good.Run)
	})
	return err
}

// Write takes the log.
func (w *world) Write(b []byte) (n int, err error) {
	w.locked(func() { n, err = w.log.Write(b) })
	return n, err
}

// said gives what was sent since the last call.
func (w *world) said() (text string) {
	w.locked(func() {
		for _, m := range w.sent {
			text += fmt.Sprintf("%s\n%s\n", m.Subject, strings.Join(m.Lines, "\n"))
		}
		w.sent = nil
	})
	return text
}

func (w *world) replica(t *testing.T, book jobs.AlertBook, sinks ...string) *alert.Alerter {
	t.Helper()
	a := &alert.Alerter{Connection: "acme", Stander: w, Book: book, When: nightly(t), Heart: w, Log: slog.New(slog.NewTextHandler(w, nil)), Now: w.clock}
	for _, name := range sinks {
		a.Sinks = append(a.Sinks, receiver{w, name})
	}
	return a
}

func book(t *testing.T) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Embedded(redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// told wants exactly one message with these parts, in this order; none without parts.
func (w *world) told(t *testing.T, parts ...string) {
	t.Helper()
	text := w.said()
	if len(parts) == 0 && text != "" || len(parts) > 0 && strings.Count(text, "tomorro-sync acme") != 1 {
		t.Fatalf("told %q, want %q", text, parts)
	}
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("told %q, which lacks %q", text, part)
		}
		rest = after
	}
}

var failure = jobs.Report{Run: "r2", Exit: jobs.ExitError, Errors: []string{"ann@acme.com"}}

// TestLifeOfAnAlert: once when it opens, again after a day, once when it is over.
func TestLifeOfAnAlert(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "webhook")
	look := func() { a.Look(t.Context()) }
	look()
	w.told(t)
	w.broken = &failure
	look()
	w.told(t, "acme: the last run failed", "NEW: The last run (r2) failed", "tomorro-sync journal show r2")
	for range 20 {
		w.pass(time.Minute)
		look()
	}
	w.told(t)
	w.marks = true // another one is new: one message has both
	look()
	w.told(t, "people wait for another look, and 1 more", "NEW: 3 people wait", "STILL, since 2026-11-25 12:00 UTC: The last run")
	w.pass(23*time.Hour + 59*time.Minute)
	w.good.Finished = w.clock() // it is not late
	look()
	w.told(t)
	w.pass(time.Minute)
	look()
	w.told(t, "STILL, since 2026-11-25 12:00 UTC: The last run", "STILL, since 2026-11-25 12:20 UTC: 3 people")
	w.pass(3 * time.Minute)
	w.broken = nil
	look()
	w.told(t, "acme: people wait for another look", "STILL", "OVER: the last run failed (told at 2026-11-25 12:00 UTC)")
	w.pass(3 * time.Minute)
	w.marks = false
	look()
	w.told(t, "all is well again", "OVER: people wait for another look")
	w.pass(48 * time.Hour)
	w.good.Finished = w.clock()
	look()
	w.told(t)
	if strings.Contains(w.log.String(), "ann@") {
		t.Error(w.log.String())
	}
}

// TestClocksDiffer: at a threshold one replica sees what the other does not see yet.
// That is one alert and not one a look.
func TestClocksDiffer(t *testing.T) {
	w := newWorld()
	store := book(t)
	a, b := w.replica(t, store, "webhook"), w.replica(t, store, "webhook")
	for range 5 {
		w.marks = true
		a.Look(t.Context())
		w.marks = false
		b.Look(t.Context())
		w.pass(20 * time.Second)
	}
	w.told(t, "NEW: 3 people")
}

// TestReplicasTellOnce: however many replicas look at the same time, each thing is told once.
func TestReplicasTellOnce(t *testing.T) {
	w := newWorld()
	store := book(t)
	var replicas []*alert.Alerter
	for range 5 {
		replicas = append(replicas, w.replica(t, store, "webhook"))
	}
	everybody := func() {
		for range 3 {
			var wg sync.WaitGroup
			for _, a := range replicas {
				wg.Go(func() { a.Look(t.Context()) })
			}
			wg.Wait()
		}
	}
	w.broken = &failure
	everybody()
	w.told(t, "NEW: The last run")
	w.pass(24 * time.Hour)
	w.good.Finished = w.clock()
	everybody()
	w.told(t, "STILL")
	w.pass(time.Hour)
	w.broken = nil
	w.locked(func() { w.good = jobs.Report{Run: "r3", Finished: w.now} })
	everybody()
	w.told(t, "OVER")
	if len(w.beats) < 1 || w.beats[len(w.beats)-1] != "r3" || strings.Count(fmt.Sprint(w.beats), "r3") != 1 {
		t.Errorf("heartbeats %v", w.beats)
	}
}

// TestFailedSinkIsTriedAgain: alone, until it takes the message.
func TestFailedSinkIsTriedAgain(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "webhook", "smtp")
	w.broken, w.fails["webhook"] = &failure, true
	for range 3 {
		a.Look(t.Context())
		w.pass(time.Minute)
	}
	w.told(t, "smtp: tomorro-sync acme", "NEW")
	if n := strings.Count(w.log.String(), "could not be sent"); n != 3 {
		t.Errorf("%d tries in\n%s", n, w.log.String())
	}
	w.fails["webhook"] = false
	a.Look(t.Context())
	w.told(t, "webhook: tomorro-sync acme", "NEW")
	a.Look(t.Context())
	w.told(t)
}

// TestSomebodyLeft: what the others were told is not told again because of it.
func TestSomebodyLeft(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "smtp")
	w.broken, w.left = &failure, true
	for range 3 {
		a.Look(t.Context())
		w.pass(time.Minute)
	}
	w.told(t, "NEW")
	if !strings.Contains(w.log.String(), "does not reach everybody") {
		t.Errorf("the log is\n%s", w.log.String())
	}
}

// TestBlindTellsNothing: who does not see the connection raises no alert and ends none.
func TestBlindTellsNothing(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "webhook")
	w.broken = &failure
	a.Look(t.Context())
	w.told(t, "NEW")
	w.blind, w.broken = true, nil
	w.pass(time.Hour)
	a.Look(t.Context())
	w.told(t)
	w.blind = false
	a.Look(t.Context())
	w.told(t, "OVER")
}

// TestHeartbeat: once for each good run, again until it is taken, and never for one
// that is long over.
func TestHeartbeat(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t))
	ran := func(run string, exit int) {
		w.locked(func() { w.good = jobs.Report{Run: run, Exit: exit, Finished: w.now} })
		w.pass(time.Minute)
		a.Look(t.Context())
		a.Look(t.Context())
	}
	a.Look(t.Context()) // r1 ended ten hours ago
	ran("r2", jobs.ExitDone)
	ran("r3", jobs.ExitFailed)
	w.fails["heartbeat"] = true
	ran("r4", jobs.ExitHeld)
	w.fails["heartbeat"] = false
	a.Look(t.Context())
	w.fails["heartbeat"] = true
	ran("r5", jobs.ExitDone)
	w.fails["heartbeat"] = false
	w.pass(2 * time.Hour)
	a.Look(t.Context())
	if fmt.Sprint(w.beats) != "[r2 r4]" {
		t.Errorf("heartbeats for %v", w.beats)
	}
}

func TestServeLooksUntilItIsStopped(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "webhook")
	a.Every = time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.Serve(ctx) }()
	w.locked(func() { w.broken = &failure })
	for w.said() == "" {
		time.Sleep(time.Millisecond)
	}
	stop()
	<-done
}

// TestCredentialsOfNow: the end of a credential is told, and that it is over once there is
// a new one.
func TestCredentialsOfNow(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "webhook")
	ends := start.Add(24 * time.Hour)
	a.Credentials = func() []jobs.Credential { return []jobs.Credential{{Key: "tomorro.token", Expires: ends}} }
	a.Look(t.Context())
	w.told(t, "a credential is about to end", "NEW: tomorro.token ends at 2026-11-26")
	ends = start.Add(365 * 24 * time.Hour)
	w.pass(10 * time.Minute)
	a.Look(t.Context())
	w.told(t, "all is well again", "OVER: a credential is about to end")
}

// TestBeforeTheFirstRun: there is no run to tell of, and nothing to complain about.
func TestBeforeTheFirstRun(t *testing.T) {
	w := newWorld()
	a := w.replica(t, book(t), "webhook")
	a.Stander = fresh{w}
	a.Look(t.Context())
	w.told(t)
	if len(w.beats) != 0 {
		t.Errorf("beats %v", w.beats)
	}
	a.Stander, a.Heart = w, nil // and a run, of which nobody asked to hear
	w.good.Finished = start
	a.Look(t.Context())
	w.told(t)
}

// fresh is a connection at which nothing has happened yet.
type fresh struct{ w *world }

func (f fresh) StandNow(context.Context) (jobs.Standing, error) {
	return jobs.Standing{At: f.w.clock()}, nil
}
