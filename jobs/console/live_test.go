package console

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// listen opens the live page's stream, and gives what it is told.
func (s *site) listen(ctx context.Context) (int, <-chan liveState) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/c/acme/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	told := make(chan liveState, 100)
	go func() {
		defer close(told)
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			var l liveState
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(text), &l) == nil {
				told <- l
			}
		}
	}()
	return resp.StatusCode, told
}

// until waits for what a live page should be told.
func until(t *testing.T, told <-chan liveState, what string, good func(liveState) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case l, open := <-told:
			if !open {
				t.Fatalf("it ended before it told %s", what)
			}
			if good(l) {
				return
			}
		case <-deadline:
			t.Fatalf("it never told %s", what)
		}
	}
}

// TestLive: whoever comes in the middle of a run is told what was done, then what
// is being done, and when it has ended.
func TestLive(t *testing.T) {
	w := newWorld()
	w.status.Lock = &jobs.LockedError{Holder: "me", Since: evening}
	write := func(id string, n int) jobs.Entry {
		return jobs.Entry{ID: id, Kind: jobs.EntryIntent, Run: "r2", Write: &reconcile.Write{Changes: []reconcile.Change{leaver(n)}}}
	}
	w.entries = append(w.entries, jobs.Entry{ID: "6-0", Time: evening, Kind: jobs.EntryBegin, Run: "r2", Planned: map[reconcile.Op]int{reconcile.OpDeactivate: 3}},
		write("7-0", 1), jobs.Entry{ID: "8-0", Kind: jobs.EntryOutcome, Run: "r2", Intent: "7-0", Result: reconcile.Done}, write("9-0", 2))
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	if _, body := s.get("/c/acme/"); !strings.Contains(body, "A run is being made.") || !strings.Contains(body, `http-equiv="refresh"`) || !strings.Contains(body, "<strong data-done>1</strong>") {
		t.Errorf("the page says\n%s", body)
	}
	if _, body := s.get("/c/acme/runs/r2"); !strings.Contains(body, "no outcome yet") || !strings.Contains(body, `data-live="/c/acme/events`) {
		t.Errorf("the run's page says\n%s", body)
	}
	code, told := s.listen(t.Context())
	if code != http.StatusOK {
		t.Fatal(code)
	}
	until(t, told, "what was done before", func(l liveState) bool { return l.Progress != nil && l.Progress.Done == 1 && l.Progress.Planned == 3 })
	w.mu.Lock()
	follow := w.followers[0]
	w.mu.Unlock()
	follow(jobs.Entry{ID: "8-0", Kind: jobs.EntryOutcome, Run: "r2", Intent: "7-0", Result: reconcile.Done}) // told before: counts once
	follow(jobs.Entry{ID: "10-0", Kind: jobs.EntryOutcome, Run: "r2", Intent: "9-0", Result: reconcile.Failed})
	until(t, told, "a failure", func(l liveState) bool {
		return l.Progress != nil && l.Progress.Failed == 1 && l.Progress.Done == 1 && len(l.Lines) > 0 && strings.Contains(strings.Join(l.Lines, " "), "leaver2@x.io: deactivate — failed")
	})
	w.mu.Lock()
	w.status = jobs.Status{Last: &jobs.Report{Run: "r2"}}
	w.mu.Unlock()
	follow(jobs.Entry{ID: "11-0", Kind: jobs.EntryEnd, Run: "r2", Report: &jobs.Report{Run: "r2"}})
	until(t, told, "the end", func(l liveState) bool { return strings.HasPrefix(l.State, "r2 busy=false") })
}

// TestLiveEndsWithTheSession: a page left open shows nothing to whoever signed out,
// and keeps no session from ending.
func TestLiveEndsWithTheSession(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	_, told := s.listen(t.Context())
	until(t, told, "how things stand", func(l liveState) bool { return l.State != "" })
	w.pass(sessionIdle - time.Minute)
	_, again := s.listen(t.Context()) // what browsers do by themselves is no visit
	until(t, again, "how things stand", func(l liveState) bool { return l.State != "" })
	w.pass(2 * time.Minute)
	if code, _ := s.listen(t.Context()); code != http.StatusSeeOther {
		t.Errorf("a live page kept the session: %d", code)
	}
	for _, stream := range []<-chan liveState{told, again} {
		for range stream { // ends at the next beat
		}
	}
}

// TestLivePagesAreBounded: each follows the journal by itself.
func TestLivePagesAreBounded(t *testing.T) {
	s := newWorld().serve(t, nil).signIn("Ann", sharedSecret)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range mostStreams {
		code, told := s.listen(ctx)
		if code != http.StatusOK {
			t.Fatalf("number %d: %d", i, code)
		}
		until(t, told, "how things stand", func(l liveState) bool { return l.State != "" })
	}
	if code, _ := s.listen(ctx); code != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", code)
	}
}

// TestGoing: a run that died before the lock was taken is not the one under way.
func TestGoing(t *testing.T) {
	w := newWorld()
	w.entries = append(w.entries, jobs.Entry{ID: "6-0", Time: evening.Add(-time.Hour), Kind: jobs.EntryBegin, Run: "dead"})
	w.status.Lock = &jobs.LockedError{Holder: "me", Since: evening}
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	if _, body := s.get("/c/acme/"); strings.Contains(body, "runs/dead") || !strings.Contains(body, "A run is being made.") {
		t.Errorf("the page says\n%s", body)
	}
	w.entries[len(w.entries)-1].Time = evening
	if _, body := s.get("/c/acme/"); !strings.Contains(body, "runs/dead") {
		t.Errorf("the page says\n%s", body)
	}
}
