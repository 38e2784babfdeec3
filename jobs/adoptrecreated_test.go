package jobs_test

import (
	"context"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
)

// decided keeps the last decision about each account.
type decided struct {
	jobs.Adopter
	last map[string]reconcile.AdoptionDecision
}

func (decided) Append(context.Context, jobs.Lease, ...jobs.Entry) ([]string, error) { return nil, nil }

func (d decided) DecideAdoption(_ context.Context, account string, a reconcile.AdoptionDecision) error {
	d.last[account] = a
	return nil
}

// TestAdoptRecreated: what is decided about a row is what AdoptMatch decides about its
// account, whether the former owner is remembered or known by the mark alone.
func TestAdoptRecreated(t *testing.T) {
	for _, links := range []map[reconcile.Key]string{{1: "a"}, {}} {
		s := &jobs.Survey{Links: links}
		s.Directory.Receipt.NotAsked = true // complete
		s.Directory.People = []reconcile.Person{{Key: 2, Email: "ann@x.io", FirstName: "Ann", LastName: "Lee", Status: 1, Licence: reconcile.Approved, Assigned: true}}
		s.Current.Accounts = []reconcile.Account{{ID: "a", UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Lee", ExternalID: "onelogin:1", Active: true}}
		rows := adopt.List(adopt.Input{Directory: &s.Directory, Current: &s.Current, Policy: &reconcile.Policy{}, Links: links})
		if len(rows) != 1 || rows[0].Match != adopt.Recreated || !rows[0].SameName {
			t.Fatalf("%+v", rows)
		}
		all, one, now, by := decided{last: map[string]reconcile.AdoptionDecision{}}, decided{last: map[string]reconcile.AdoptionDecision{}}, time.Now(), jobs.Trigger{Who: "bob"}
		if err := jobs.AdoptRecreated(t.Context(), all, by, s, &rows[0], now); err != nil {
			t.Fatal(err)
		}
		if err := jobs.AdoptMatch(t.Context(), one, by, s, "a", "2", now); err != nil {
			t.Fatal(err)
		}
		if all.last["a"] != one.last["a"] || one.last["a"].Key != 2 {
			t.Errorf("%+v, and of one %+v", all.last, one.last)
		}
	}
}
