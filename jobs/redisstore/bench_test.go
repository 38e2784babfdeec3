//go:build integration

package redisstore_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/redisstore/redistest"
	"tomorro-sync/reconcile"
)

// BenchmarkJournalCost makes 10,000 changes at 20 ms a request, 16 at once, with a
// journal in a real Redis that appends to its file, and with one that remembers
// nothing. It prints the ratio of the two times:
//
//	go test -tags integration ./jobs/redisstore -run '^$' -bench JournalCost -benchtime 1x
func BenchmarkJournalCost(b *testing.B) {
	for _, sync := range []string{"everysec", "always"} {
		b.Run(sync, func(b *testing.B) {
			server := redistest.Start(b, "--appendonly", "yes", "--appendfsync", sync)
			for b.Loop() {
				store := open(b, server.URL())
				journaled := tenThousand(b, store, store, store)
				without := tenThousand(b, store, nothing{}, nothing{})
				b.ReportMetric(journaled.Seconds()/without.Seconds(), "ratio")
				b.ReportMetric(journaled.Seconds(), "journaled-s")
				b.ReportMetric(without.Seconds(), "without-s")
			}
		})
	}
}

func open(b *testing.B, url string) *redisstore.Store {
	b.Helper()
	store, err := redisstore.Open(b.Context(), url, redisstore.Options{Connection: strconv.FormatInt(time.Now().UnixNano(), 36)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	return store
}

// tenThousand times one run that creates 10,000 people.
func tenThousand(b *testing.B, store *redisstore.Store, journal jobs.Journal, ledger jobs.Ledger) time.Duration {
	b.Helper()
	d := reconcile.Directory{}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	for i := range 10_000 {
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(i + 1), Email: fmt.Sprintf("person%d@acme.example", i), FirstName: "First", LastName: "Last",
			Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	r := jobs.Runner{Source: directory{d}, Target: &slowTarget{}, Locker: store, Journal: journal, Ledger: ledger, Marks: store, Links: store, Recaller: store, Concurrency: 16,
		Policy: reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, Limits: reconcile.Limits{Window: time.Hour}}}
	began := time.Now()
	report, err := r.Reconcile(b.Context(), jobs.Trigger{By: "benchmark"}, func(reconcile.Plan) (bool, error) { return true, nil })
	if err != nil || report.Done[reconcile.OpCreate] != len(d.People) {
		b.Fatalf("%v %v", report.Done, err)
	}
	return time.Since(began)
}

type directory struct{ d reconcile.Directory }

func (s directory) Pull(context.Context) (reconcile.Directory, error) { return s.d, nil }

func (s directory) Witness(context.Context, []reconcile.Key) []reconcile.Testimony { return nil }

// slowTarget is empty, and answers each write after 20 ms.
type slowTarget struct{ made atomic.Int64 }

func (s *slowTarget) Read(context.Context) (reconcile.Current, error) {
	return reconcile.Current{Lists: []reconcile.ListReceipt{{List: "accounts"}}}, nil
}

func (s *slowTarget) Write(context.Context, reconcile.Write) (reconcile.Written, error) {
	time.Sleep(20 * time.Millisecond)
	return reconcile.Written{ID: strconv.FormatInt(s.made.Add(1), 10)}, nil
}

// nothing remembers nothing.
type nothing struct{}

func (nothing) Append(_ context.Context, _ jobs.Lease, entries ...jobs.Entry) ([]string, error) {
	return make([]string, len(entries)), nil
}

func (nothing) Trim(context.Context, time.Duration, int) error { return nil }

func (nothing) Snapshot(context.Context) (jobs.Snapshot, error) { return jobs.Snapshot{}, nil }

func (nothing) Claim(_ context.Context, _ jobs.Lease, claims []jobs.Claim) ([]jobs.Claimed, error) {
	out := make([]jobs.Claimed, len(claims))
	for i := range out {
		out[i].ID = "1-1"
	}
	return out, nil
}

func (nothing) Settle(context.Context, []jobs.Settled) error { return nil }

// BenchmarkAppend stores entries of the size of an intent, 64 in a round trip, as
// the journal does, and compares with what redis-benchmark reaches with as many
// plain XADD in a pipeline on the same server:
//
//	go test -tags integration ./jobs/redisstore -run '^$' -bench Append -benchtime 2s
func BenchmarkAppend(b *testing.B) {
	server := redistest.Start(b, "--appendonly", "yes")
	after := reconcile.Account{UserName: "person1@acme.example", GivenName: "First", FamilyName: "Last", UserType: reconcile.User, Active: true}
	write := reconcile.Write{Op: reconcile.WriteCreateUser, Account: after,
		Changes: []reconcile.Change{{Op: reconcile.OpCreate, Key: 1, Who: after.UserName, After: &after, Cause: "assigned to the app; title user"}}}
	const batch = 64
	bound := xadds(b, server, 500, batch)
	b.Run("append", func(b *testing.B) {
		store := open(b, server.URL())
		n, began := 0, time.Now()
		for b.Loop() {
			entries := make([]jobs.Entry, batch)
			for i := range entries {
				entries[i] = jobs.Entry{Kind: jobs.EntryIntent, Run: "r", Time: began, Write: &write}
			}
			if _, err := store.Append(b.Context(), jobs.Lease{}, entries...); err != nil {
				b.Fatal(err)
			}
			n += batch
		}
		rates(b, n, began, bound)
	})
	b.Run("claim and settle", func(b *testing.B) {
		store := open(b, server.URL())
		n, began := 0, time.Now()
		for b.Loop() {
			claims, settled := make([]jobs.Claim, batch), make([]jobs.Settled, batch)
			for i := range claims {
				claims[i] = jobs.Claim{Run: "r", Position: 1 << 50, Subjects: []string{strconv.Itoa(i)}, Entry: jobs.Entry{Time: began, Write: &write}}
			}
			got, err := store.Claim(b.Context(), jobs.Lease{}, claims)
			if err != nil {
				b.Fatal(err)
			}
			for i := range settled {
				settled[i] = jobs.Settled{Run: "r", Subjects: claims[i].Subjects, Entry: jobs.Entry{Time: began, Intent: got[i].ID, Result: reconcile.Done}}
			}
			if err := store.Settle(b.Context(), settled); err != nil {
				b.Fatal(err)
			}
			n += 2 * batch
		}
		rates(b, n, began, bound)
	})
}

func rates(b *testing.B, n int, began time.Time, bound float64) {
	rate := float64(n) / time.Since(began).Seconds()
	b.ReportMetric(rate, "entries/s")
	b.ReportMetric(bound, "xadd/s")
	b.ReportMetric(bound/rate, "xadd-to-entry")
}

// xadds asks redis-benchmark for its rate with values of a size.
func xadds(b *testing.B, server *redistest.Server, size, pipeline int) float64 {
	b.Helper()
	out, err := exec.Command("redis-benchmark", "-p", strconv.Itoa(server.Port), "-c", "1", "-P", strconv.Itoa(pipeline), "-n", "200000", "--csv",
		"XADD", "bench", "*", "kind", "intent", "run", "r", "data", strings.Repeat("x", size)).Output()
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	cells := strings.Split(string(lines[len(lines)-1]), ",")
	rate, err := strconv.ParseFloat(strings.Trim(cells[len(cells)-7], `"`), 64)
	if err != nil {
		b.Fatalf("%v in %s", err, out)
	}
	return rate
}
