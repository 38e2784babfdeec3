package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	miniserver "github.com/alicebob/miniredis/v2/server"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// TestEraseEverywhere: who was erased stands nowhere in Redis any more, whatever they
// decided, asked for or were the reason of; and nobody else whose address is like theirs
// is erased with them.
func TestEraseEverywhere(t *testing.T) {
	server := miniredis.RunT(t)
	s := opened(t, "redis://"+server.Addr()+"/0", redisstore.Options{})
	must := mustFor(t)
	by := aboutAnn(t, s)

	who, err := jobs.FindPerson(t.Context(), s, ann)
	must(err)
	must(s.Forget(t.Context(), who.Subjects()))
	note := jobs.Entry{Kind: jobs.EntryErase, Note: "OneLogin user 1"}
	_, err = s.Erase(t.Context(), who.Eraser(), note)
	must(err)
	left := everything(t, server)
	for _, line := range saysAnn(left) {
		t.Errorf("Redis still has\n%s", line)
	}
	if !strings.Contains(left, joann) || strings.Contains(left, "joerased") {
		t.Errorf("somebody else was erased:\n%s", left)
	}
	decisions, err := s.Decisions(t.Context())
	must(err)
	if d := decisions["d2"]; !d.Approves || d.Until.IsZero() || !reconcile.SamePerson(d.By[0], by.Who) {
		t.Errorf("the approval is now %+v", d)
	}
	if st, err := s.Schedule(t.Context()); err != nil || st.Paused.IsZero() || st.PausedBy != "erased [0a1b2c]" {
		t.Errorf("the schedule is now %+v, %v", st, err)
	}
	if w, err := s.Wished(t.Context()); err != nil || !w.Pending() || w.By != "console" {
		t.Errorf("the run that is asked for is now %+v, %v", w, err)
	}
	if again, err := s.Erase(t.Context(), who.Eraser(), note); err != nil || again != 0 {
		t.Errorf("a second time: %d, %v", again, err)
	}
}

// Two people whose addresses are alike, of whom the first is erased.
const ann, joann = "ann@x.io", "joann@x.io"

// aboutAnn stores something about her wherever something can be.
func aboutAnn(t *testing.T, s *redisstore.Store) (by jobs.Trigger) {
	t.Helper()
	must, by := mustFor(t), jobs.Trigger{By: "console", Who: "Ann@x.io [0a1b2c]"}
	theirs := reconcile.Change{Op: reconcile.OpDeactivate, Key: 1, Account: "t1", Who: ann, Before: &reconcile.Account{ID: "t1", UserName: ann, GivenName: "Annabel", FamilyName: "Ray"}}
	others := reconcile.Change{Op: reconcile.OpDeactivate, Key: 2, Account: "t2", Who: joann, Approved: by.Who}
	_, err := s.Append(t.Context(), jobs.Lease{},
		jobs.Entry{Kind: jobs.EntryBegin, Run: "r1", Trigger: &by, Receipt: &reconcile.Receipt{Fallbacks: []string{"ann@x.io, ann@x.io was read by id"}}},
		jobs.Entry{Kind: jobs.EntryIntent, Run: "r1", Write: &reconcile.Write{Op: reconcile.WriteUpdateUser, Changes: []reconcile.Change{theirs, others}}},
		jobs.Entry{Kind: jobs.EntryWitness, Run: "r1", Said: []reconcile.Testimony{{Key: 1, Answer: "unknown", Why: "GET ann@x.io: 502"}}},
		jobs.Entry{Kind: jobs.EntryEnd, Run: "r1", Report: &jobs.Report{Run: "r1", Trigger: by, Unread: "read ann@x.io back: 502", Errors: []string{`Get "https://t/Users?filter=userName+eq+%22ann%40x.io%22": EOF`}}})
	must(err)
	decide := func(digest string, d reconcile.Decision) {
		must(s.Decide(t.Context(), []string{digest}, func(_ string, was reconcile.Decision) reconcile.Decision { return was.Said(by.Who, d) }, jobs.Entry{Kind: jobs.EntryDecide, Trigger: &by, Decided: &d}))
	}
	decide("d1", reconcile.Decision{Why: "ann@x.io is only on leave"})
	decide("d2", reconcile.Decision{Approves: true, Until: time.Now().Add(time.Hour)})
	must(s.DecideAdoption(t.Context(), "t3", reconcile.AdoptionDecision{Key: 3, By: by.Who}))
	must(s.SetAdoption(t.Context(), jobs.AdoptionPhase{State: jobs.AdoptionDone, By: by.Who}))
	must(s.Do(t.Context(), "somebody", func(ctx context.Context, lease jobs.Lease) error {
		return s.Pin(ctx, lease, map[reconcile.Key]jobs.Pin{4: {Run: "r1", By: by.Who}})
	}))
	must(s.Pause(t.Context(), by.Who))
	_, err = s.Mark(t.Context(), 0, []jobs.Wanted{{Subject: jobs.AddressSubject(ann), Looks: 2}})
	must(err)
	_, err = s.Claim(t.Context(), jobs.Lease{}, []jobs.Claim{{Run: "dead", Subjects: []string{jobs.AddressSubject(ann)}, Life: -time.Second}})
	must(err)
	_, err = s.Wish(t.Context(), by)
	must(err)
	return by
}

// saysAnn gives the lines that still tell of her.
func saysAnn(text string) (lines []string) {
	for line := range strings.Lines(text) {
		plain := strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(line), "%40", "@"), joann, "")
		if strings.Contains(plain, ann) || strings.Contains(plain, "annabel") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestEraseKilled: whenever the process dies, the same command again leaves nothing of the
// person, and each erasure is in the journal.
func TestEraseKilled(t *testing.T) {
	t.Parallel()
	erase := func(s *redisstore.Store) error {
		who, err := jobs.FindPerson(t.Context(), s, ann)
		if err == nil {
			err = s.Forget(t.Context(), who.Subjects())
		}
		if err == nil {
			_, err = s.Erase(t.Context(), who.Eraser(), jobs.Entry{Kind: jobs.EntryErase, Note: "OneLogin user 1"})
		}
		return err
	}
	for at := 1; ; at++ {
		server := miniredis.RunT(t)
		s := opened(t, "redis://"+server.Addr()+"/0", redisstore.Options{})
		aboutAnn(t, s)
		mustFor(t)(s.Seal(t.Context()))
		asked := 0
		server.Server().SetPreHook(func(c *miniserver.Peer, cmd string, _ ...string) bool {
			switch cmd {
			case "EVALSHA", "EXEC", "XRANGE", "HGETALL": // no part of a script
				asked++
			}
			if asked >= at {
				c.WriteError("ERR the process is dead")
			}
			return asked >= at
		})
		err := erase(s)
		server.Server().SetPreHook(nil)
		left := saysAnn(everything(t, server))
		s = opened(t, "redis://"+server.Addr()+"/0", redisstore.Options{})
		if again := erase(s); len(left) > 0 && again != nil {
			t.Errorf("killed at %d (%v), and then: %v", at, err, again)
		}
		text := everything(t, server)
		if lines := saysAnn(text); len(lines) > 0 {
			t.Errorf("killed at %d (%v), and erased again, Redis still has\n%s", at, err, strings.Join(lines, ""))
		}
		if !strings.Contains(text, `"kind":"erase"`) {
			t.Errorf("killed at %d (%v): the erasure is not in the journal", at, err)
		}
		if v, verr := s.Verify(t.Context()); verr != nil || len(v.Broken) > 0 {
			t.Errorf("killed at %d: %+v %v", at, v, verr)
		}
		if err == nil {
			if at < 10 {
				t.Errorf("there were only %d points", at)
			}
			return
		}
	}
}

func mustFor(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// everything is all that a Redis has, a value a line.
func everything(t *testing.T, server *miniredis.Miniredis) string {
	t.Helper()
	var b strings.Builder
	for _, key := range server.Keys() {
		fmt.Fprintln(&b, key)
		switch server.Type(key) {
		case "hash":
			fields, err := server.HKeys(key)
			if err != nil {
				t.Fatal(err)
			}
			for _, field := range fields {
				fmt.Fprintln(&b, field, server.HGet(key, field))
			}
		case "stream":
			entries, err := server.Stream(key)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				fmt.Fprintln(&b, e.ID, e.Values)
			}
		case "zset":
			members, err := server.ZMembers(key)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, members)
		case "list":
			values, err := server.List(key)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, values)
		case "string":
			text, err := server.Get(key)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, text)
		default:
			t.Fatalf("%s is a %s", key, server.Type(key))
		}
	}
	return b.String()
}
