package jobstest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// said appends an entry that needs no lock.
func said(t *testing.T, s Store, run string) {
	t.Helper()
	_, err := s.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryPush, Run: run, Time: time.Now(), Trigger: &jobs.Trigger{By: "push", Who: run}})
	must(t, err)
}

func verdict(t *testing.T, s Store) jobs.Verdict {
	t.Helper()
	v, err := s.Verify(t.Context())
	must(t, err)
	return v
}

func sealed(t *testing.T, open Open) {
	a, b := open(t, "sealed", 30*time.Second), open(t, "sealed", 30*time.Second)
	if v := verdict(t, a); v.Seals != 0 || v.Unsealed != 0 || len(v.Broken) > 0 {
		t.Errorf("nothing yet: %+v", v)
	}
	must(t, a.Seal(t.Context()))
	for i := range 3 {
		said(t, a, fmt.Sprint("run-", i))
	}
	if v := verdict(t, a); v.Unsealed != 3 || v.Seals != 0 {
		t.Errorf("before the seal: %+v", v)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := []Store{a, b}[i%2].Seal(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first := verdict(t, b)
	if first.Seals != 1 || first.Entries != 3 || first.Unsealed != 0 || first.Head.Number != 1 || len(first.Head.Hash) != 64 || len(first.Broken) > 0 {
		t.Errorf("eight sealed at once: %+v", first)
	}
	said(t, b, "run-3")
	must(t, b.Seal(t.Context()))
	must(t, b.Seal(t.Context()))
	said(t, a, "run-4")
	v := verdict(t, a)
	if v.Seals != 2 || v.Entries != 4 || v.Unsealed != 1 || v.Head.Entries != 1 || v.Head.Hash == first.Head.Hash || len(v.Broken) > 0 {
		t.Errorf("two seals: %+v", v)
	}
	if _, err := a.Erase(t.Context(), func(e *jobs.Entry) bool {
		if e.Run != "run-1" {
			return false
		}
		e.Trigger.Who = ""
		return true
	}, jobs.Entry{Kind: jobs.EntryErase, Keys: []reconcile.Key{1}}); err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, a); v.Entries != 4 || v.Erased != 1 || len(v.Broken) > 0 {
		t.Errorf("what was erased is taken for changed: %+v", v)
	}
	must(t, a.Trim(t.Context(), time.Nanosecond, 1))
	must(t, b.Trim(t.Context(), time.Hour, 1)) // more is to be kept than before
	if v := verdict(t, a); len(v.Broken) > 0 || v.Gone == 0 {
		t.Errorf("what was trimmed is taken for lost: %+v", v)
	}
}
