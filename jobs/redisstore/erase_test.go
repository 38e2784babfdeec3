package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

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
	const ann, joann = "ann@x.io", "joann@x.io"
	by := jobs.Trigger{By: "console", Who: "Ann@x.io [0a1b2c]"}
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
	_, err = s.Wish(t.Context(), by)
	must(err)

	who, err := jobs.FindPerson(t.Context(), s, ann)
	must(err)
	must(s.Forget(t.Context(), who.Subjects()))
	note := jobs.Entry{Kind: jobs.EntryErase, Note: "OneLogin user 1"}
	_, err = s.Erase(t.Context(), who.Eraser(), note)
	must(err)
	left := everything(t, server)
	for line := range strings.Lines(left) {
		if plain := strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(line), "%40", "@"), joann, ""); strings.Contains(plain, ann) || strings.Contains(plain, "annabel") {
			t.Errorf("Redis still has\n%s", line)
		}
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
