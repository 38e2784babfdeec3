package reconcile_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// BenchmarkDecide plans for a company of 10,000 people and 200 groups, five
// memberships each, with everything to do and with nothing to do.
func BenchmarkDecide(b *testing.B) {
	const n, groups = 10_000, 200
	var emails []string
	for i := range n {
		emails = append(emails, fmt.Sprintf("person%05d@acme.example", i))
	}
	d := people(emails...)
	current := reconcile.Current{}
	for g := range groups {
		id := int64(1000 + g)
		d.Roles = append(d.Roles, reconcile.OneLoginRole{ID: id, Name: fmt.Sprintf("Role %d", g)})
		d.Rules = append(d.Rules, reconcile.Rule{ID: int64(g + 1), Name: fmt.Sprintf("rule %d", g), Position: g + 1,
			Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: strconv.FormatInt(id, 10)}},
			Actions:    []reconcile.Action{{Name: "set_groups", Values: []string{fmt.Sprintf("group %d", g)}}}})
		current.Groups = append(current.Groups, reconcile.Group{ID: fmt.Sprintf("g%03d", g), Name: fmt.Sprintf("Group %d", g)})
	}
	for i := range d.People {
		for j := range 5 {
			d.People[i].Roles = append(d.People[i].Roles, int64(1000+(i+j*7)%groups))
		}
	}
	b.Run("everything", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := len(decide(d, current, open()).Changes); got != 6*n {
				b.Fatalf("%d changes, want %d", got, 6*n)
			}
		}
	})
	memory := reconciletest.NewMemory(current)
	if _, err := reconcile.Apply(b.Context(), decide(d, current, open()), memory, &reconciletest.Log{}, reconcile.ApplyOptions{}); err != nil {
		b.Fatal(err)
	}
	after, _ := memory.Read(b.Context())
	b.Run("nothing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if plan := decide(d, after, open()); !plan.Empty() {
				b.Fatalf("%d changes, want none", len(plan.Changes))
			}
		}
	})
}

// BenchmarkGuard plans for 100,000 people, of whom a few changed, bare and
// with everything that guards: what was seen before, the band, limits, decisions,
// confirmations. It reports the ratio of the two, measured in one run.
func BenchmarkGuard(b *testing.B) {
	const n = 100_000
	d, current := company(n, 20)
	links := make(map[reconcile.Key]string, n)
	for i := range d.People {
		links[d.People[i].Key] = current.Accounts[i].ID
		if i%5000 == 4999 {
			d.People[i].Title = "manager"
		}
	}
	policy := open()
	policy.Limits = reconcile.DefaultLimits()
	policy.Protect = []string{"p000@x.io", "group:Board"}
	in := reconcile.Input{Directory: d, Current: &current, Links: links, Policy: policy}
	last := in
	last.Last = &reconcile.Facts{}
	first := reconcile.Decide(last)
	learned := first.Learn(last.Last, nil)
	policy.Pulls = []reconcile.Census{first.Census}
	policy.Decisions = map[string]reconcile.Decision{"x": {Approves: true, By: []string{"ann"}}}
	guarded := in
	guarded.Last = &reconcile.Facts{People: learned.People, Rules: learned.Rules, Basis: learned.Basis}
	var bare, full time.Duration
	for b.Loop() {
		began := time.Now()
		reconcile.Decide(in)
		middle := time.Now()
		plan := reconcile.Guard(reconcile.Decide(guarded), policy)
		plan = reconcile.Guard(reconcile.Confirm(plan, reconciletest.Testify(d, plan.ToConfirm()), policy), policy)
		bare, full = bare+middle.Sub(began), full+time.Since(middle)
		if len(plan.Changes) == 0 {
			b.Fatal("nothing is left")
		}
	}
	b.ReportMetric(float64(full)/float64(bare), "guarded/bare")
	b.ReportMetric(float64(bare.Milliseconds())/float64(b.N), "ms-bare/op")
}
