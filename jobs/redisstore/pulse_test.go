package redisstore

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
)

// TestLost: a store that was emptied or restored is noticed, once by each process, and a
// call whose answer was lost, or that is asked twice, is no loss.
func TestLost(t *testing.T) {
	server := miniredis.RunT(t)
	now := time.Unix(1_700_000_000, 0)
	process := func() *Store {
		s, err := Open(t.Context(), "redis://"+server.Addr()+"/0", Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	one, other := process(), process()
	lost := func(what string, want bool) {
		t.Helper()
		for _, s := range []*Store{one, other} {
			before := s.pulse.at
			now = now.Add(time.Minute)
			since, err := s.Lost(t.Context())
			if err != nil || since.IsZero() == want || want && !since.Equal(before) {
				t.Errorf("%s: since %s, %v; the last was confirmed at %s", what, since, err, before)
			}
		}
	}
	lost("at the start", false)
	lost("later", false)
	lost("later still", false)
	server.FlushAll()
	lost("emptied", true)
	lost("after that", false)
	key := one.keys.pulse(one.name)
	yesterday, err := server.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	lost("later", false)
	lost("later still", false)
	for _, s := range []*Store{one, other} { // yesterday's backup is copied back
		_ = server.Set(s.keys.pulse(s.name), yesterday)
	}
	lost("restored", true)
	server.SetError("away")
	if _, err := one.Lost(t.Context()); err == nil {
		t.Error("no error from a server that is away")
	}
	server.SetError("")
	lost("back again", false)
	_ = server.Set(key, "99") // the answer to a later one was lost
	one.pulse.said = 99
	lost("unheard", false)
	now = now.Add(pulseKept)
	server.FastForward(pulseKept)
	lost("after a week of silence", false)
}

func openAt(t *testing.T, server *miniredis.Miniredis) *Store {
	t.Helper()
	s, err := Open(t.Context(), "redis://"+server.Addr()+"/0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestLossIsWhyItIsPaused: a backup may be one of a paused schedule, and who resumes it has
// to know. It is paused with the look, of which the process may not live to see the answer.
func TestLossIsWhyItIsPaused(t *testing.T) {
	server := miniredis.RunT(t)
	s := openAt(t, server)
	for range 2 {
		if _, err := s.Lost(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	server.FlushAll()
	if err := s.Pause(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if since, err := s.Lost(t.Context()); err != nil || since.IsZero() {
		t.Errorf("since %s, %v", since, err)
	}
	if err := s.Pause(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Schedule(t.Context()); err != nil || st.PausedBy != jobs.PausedByLoss || time.Since(st.Paused) > time.Minute {
		t.Errorf("%+v %v", st, err)
	}
}
