package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
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

// TestLostByAFailover: a failover loses what a process asked last. That alone is no loss;
// with anything that matters, it is.
func TestLostByAFailover(t *testing.T) {
	entry := func(s *Store) error {
		_, err := s.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryEnd})
		return err
	}
	mark := func(s *Store) error { _, err := s.Mark(t.Context(), 0, []jobs.Wanted{{Subject: "7"}}); return err }
	pause := func(s *Store) error { return s.Pause(t.Context(), "ann") }
	end := func(s *Store) error { return s.EndAssertions(t.Context(), []reconcile.Assertion{{Account: "a"}}) }
	resume := func(s *Store) error { return s.Resume(t.Context()) }
	claim := func(s *Store) error {
		_, err := s.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "run", Subjects: []string{"7"}}})
		return err
	}
	settle := func(s *Store) error {
		return s.Settle(t.Context(), []jobs.Settled{{Run: "run", Subjects: []string{"7"}}})
	}
	const ours = true
	for name, c := range map[string]struct {
		before, after func(*Store) error // the look that is lost
		whose         bool               // who wrote that
		kept          bool
		looks         int // that are lost
		want          bool
	}{
		"nothing else":                               {looks: 1},
		"two looks":                                  {looks: 2, want: true},
		"the journal is kept":                        {before: entry, looks: 1, kept: true},
		"the journal is not kept":                    {before: entry, looks: 1, want: true},
		"a mark is kept":                             {before: mark, looks: 1, kept: true},
		"a mark is not kept":                         {before: mark, looks: 1, want: true},
		"a pause is kept":                            {before: pause, looks: 1, kept: true},
		"a pause is not kept":                        {before: pause, looks: 1, want: true},
		"another wrote on the new master":            {after: entry, looks: 1, kept: true},
		"our entry afterwards is not kept":           {after: entry, whose: ours, looks: 1, want: true},
		"our mark afterwards is not kept":            {after: mark, whose: ours, looks: 1, want: true},
		"our pause afterwards is not kept":           {after: pause, whose: ours, looks: 1, want: true},
		"our resuming afterwards is not kept":        {after: resume, whose: ours, looks: 1, want: true},
		"our claim afterwards is not kept":           {after: claim, whose: ours, looks: 1, want: true},
		"our outcome afterwards is not kept":         {after: settle, whose: ours, looks: 1, want: true},
		"our end of a group by hand is not":          {after: end, whose: ours, looks: 1, want: true},
		"another's entries before and after are not": {before: entry, after: entry, looks: 1, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := miniredis.RunT(t)
			us, them := openAt(t, server), openAt(t, server)
			if err := entry(them); err != nil {
				t.Fatal(err)
			}
			look := func() bool {
				since, err := us.Lost(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return !since.IsZero()
			}
			look()
			look()
			keep := replica(t, us)
			write := func(what func(*Store) error) {
				if what == nil {
					return
				}
				who := them
				if c.whose {
					who = us
				}
				if err := what(who); err != nil {
					t.Fatal(err)
				}
			}
			write(c.before)
			for range c.looks {
				look()
			}
			write(c.after)
			keep(c.kept)
			if look() != c.want {
				t.Errorf("a loss is found: %t, want %t", !c.want, c.want)
			}
			if look() {
				t.Error("it is found once more")
			}
			st, err := us.Schedule(t.Context())
			if err != nil || (st.PausedBy == jobs.PausedByLoss) != c.want {
				t.Errorf("paused by %q, %v", st.PausedBy, err)
			}
		})
	}
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

// replica remembers what a process counted, and what matters, as a replica would that gets
// nothing more. Its master is lost with failover: the count always, the rest unless kept.
func replica(t *testing.T, s *Store) (failover func(kept bool)) {
	t.Helper()
	ctx, k := t.Context(), s.keys
	count, err := s.client.Get(ctx, k.pulse(s.name)).Result()
	must := func(err error) {
		t.Helper()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
	}
	must(err)
	entries, position := s.client.XRange(ctx, k.journal(), "-", "+").Val(), s.client.Get(ctx, k.position()).Val()
	return func(kept bool) {
		must(s.client.Set(ctx, k.pulse(s.name), count, 0).Err())
		if kept {
			return
		}
		for _, e := range s.client.XRange(ctx, k.journal(), "("+entries[len(entries)-1].ID, "+").Val() {
			must(s.client.XDel(ctx, k.journal(), e.ID).Err())
		}
		must(s.client.HDel(ctx, k.schedule(), "paused").Err())
		if position == "" {
			must(s.client.Del(ctx, k.position(), k.marks(), k.due()).Err())
		}
	}
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

// TestLossIsTold also when the answer that tells of it is lost and the client asks again, and
// to a process whose clock is ahead of that of whoever found it.
func TestLossIsTold(t *testing.T) {
	server := miniredis.RunT(t)
	ahead, other := openAt(t, server), openAt(t, server)
	ahead.now = func() time.Time { return time.Now().Add(time.Hour) }
	look := func(s *Store) bool {
		t.Helper()
		since, err := s.Lost(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return !since.IsZero()
	}
	for range 2 {
		look(ahead)
		look(other)
	}
	server.FlushAll()
	last, before, loss := ahead.pulse.last, ahead.pulse.before, ahead.pulse.loss
	look(ahead)
	ahead.pulse.last, ahead.pulse.before, ahead.pulse.loss = last, before, loss
	if !look(ahead) {
		t.Error("a loss is not told whose answer was lost")
	}
	look(other)
	server.FlushAll()
	look(other)
	if err := other.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !look(ahead) {
		t.Error("a loss is not told that another found by a clock that is behind")
	}
	if st, err := other.Schedule(t.Context()); err != nil || !st.Paused.IsZero() {
		t.Errorf("paused once more: %+v %v", st, err)
	}
}
