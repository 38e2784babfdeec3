package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawForecast: over any world, the writes that are foreseen are those that Apply sends.
func TestLawForecast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		opts := reconcile.ApplyOptions{MembersPerWrite: rapid.IntRange(1, 4).Draw(t, "members"), Concurrency: 2}
		plan := planOf(w)
		f := reconcile.NewForecast(&plan, reconcile.ForecastOptions{MembersPerWrite: opts.MembersPerWrite})
		log := &reconciletest.Log{}
		if _, err := reconcile.Apply(t.Context(), plan, reconciletest.NewMemory(w.Current), log, opts); err != nil {
			t.Fatal(err)
		}
		sent := make(map[reconcile.WriteOp]int)
		for i := range log.Outcomes {
			sent[log.Outcomes[i].Write.Op]++
		}
		for op := range f.Tomorro.Writes {
			if f.Tomorro.Writes[op] != sent[op] {
				t.Fatalf("%d of %s are foreseen, %d were sent", f.Tomorro.Writes[op], op, sent[op])
			}
		}
		if f.Tomorro.Edits != len(log.Outcomes) {
			t.Fatalf("%d are foreseen, %d were sent", f.Tomorro.Edits, len(log.Outcomes))
		}
	})
}

// TestForecastChunks: the members of one group go one after the other, whatever may go at
// once.
func TestForecastChunks(t *testing.T) {
	d, c := &reconcile.Directory{}, &reconcile.Current{Groups: []reconcile.Group{{ID: "g", Name: "Legal"}}}
	for i := range 250 {
		id := fmt.Sprint(i + 1)
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(i + 1), Email: id + "@x.io", FirstName: "F", LastName: "L", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true, Department: "Legal"})
		c.Accounts = append(c.Accounts, reconcile.Account{ID: id, UserName: id + "@x.io", GivenName: "F", FamilyName: "L", UserType: reconcile.User, Active: true})
	}
	d.Rules = []reconcile.Rule{{ID: 1, Conditions: []reconcile.Condition{{Source: "department", Operator: "=", Value: "Legal"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	policy := &reconcile.Policy{Pricing: reconcile.PricingV6}
	plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: c, Policy: policy}), policy)
	f := reconcile.NewForecast(&plan, reconcile.ForecastOptions{MembersPerWrite: 100})
	if got := f.Writing(reconcile.Speed{Concurrency: 10, Latency: time.Second}); f.Tomorro.Edits != 3 || got != 3*time.Second {
		t.Errorf("%d writes in %s", f.Tomorro.Edits, got)
	}
	f = reconcile.NewForecast(&plan, reconcile.ForecastOptions{MembersPerWrite: 100, Bulk: 50}) // nor do they share a request
	if got := f.Writing(reconcile.Speed{Concurrency: 10, Latency: time.Second}); f.Tomorro.Bulk != 3 || got != 3*time.Second {
		t.Errorf("in %d Bulk requests, in %s", f.Tomorro.Bulk, got)
	}
}

// TestForecastTime: rounds of requests at once, or the limit a second.
func TestForecastTime(t *testing.T) {
	d := &reconcile.Directory{}
	for i := range 100 {
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(i + 1), Email: string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@x.io", FirstName: "F", LastName: "L", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	d.Receipt.Lists = []reconcile.ListReceipt{{List: reconcile.ListUsers, Pages: 41}, {List: reconcile.ListAssigned}, {List: reconcile.ListRoles}, {List: reconcile.ListRules}}
	policy := &reconcile.Policy{Pricing: reconcile.PricingV6}
	plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &reconcile.Current{}, Policy: policy}), policy)
	f := reconcile.NewForecast(&plan, reconcile.ForecastOptions{})
	to := reconcile.Speed{Concurrency: 10, Latency: 20 * time.Millisecond}
	if f.Tomorro.Edits != 100 || f.Writing(to) != 200*time.Millisecond {
		t.Errorf("%d writes in %s", f.Tomorro.Edits, f.Writing(to))
	}
	if got := f.Reading(to, to); got != 6*20*time.Millisecond { // token, first pages, forty others ten at once
		t.Errorf("read in %s", got)
	}
	few := reconcile.NewForecast(&plan, reconcile.ForecastOptions{Bulk: 30})
	if few.Tomorro.Edits != 100 || few.Tomorro.Bulk != 4 || few.Tomorro.Total != f.Tomorro.Total-96 || few.Writing(to) != 20*time.Millisecond {
		t.Errorf("%d writes in %d requests of %d, in %s", few.Tomorro.Edits, few.Tomorro.Bulk, few.Tomorro.Total, few.Writing(to))
	}
	to.PerSecond = 25
	if got := f.Writing(to); got != 4*time.Second {
		t.Errorf("written in %s at 25 a second", got)
	}
}
