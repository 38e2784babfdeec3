package reconcile_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// firm is a company of n people with five memberships each, the groups that its rules
// give, and Tomorro as it should be.
func firm(n, groups int) (d *reconcile.Directory, empty, settled reconcile.Current) {
	emails := make([]string, n)
	for i := range emails {
		emails[i] = fmt.Sprintf("person%07d@acme.example", i)
	}
	d = people(emails...)
	for g := range groups {
		id := int64(1000 + g)
		d.Roles = append(d.Roles, reconcile.OneLoginRole{ID: id, Name: fmt.Sprintf("Role %d", g)})
		d.Rules = append(d.Rules, reconcile.Rule{ID: int64(g + 1), Name: fmt.Sprintf("rule %d", g), Position: g + 1,
			Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: strconv.FormatInt(id, 10)}},
			Actions:    []reconcile.Action{{Name: "set_groups", Values: []string{fmt.Sprintf("group %d", g)}}}})
		empty.Groups = append(empty.Groups, reconcile.Group{ID: fmt.Sprintf("g%03d", g), Name: fmt.Sprintf("Group %d", g)})
	}
	settled.Groups = slices.Clone(empty.Groups)
	for i := range d.People {
		x := &d.People[i]
		a := reconcile.Account{ID: fmt.Sprintf("a-%07d", i), UserName: x.Email, GivenName: x.FirstName, FamilyName: x.LastName, UserType: "user", Active: true, ExternalID: reconcile.ExternalID(x.Key)}
		settled.Accounts = append(settled.Accounts, a)
		for j := range 5 {
			g := (i + j*7) % groups
			x.Roles = append(x.Roles, int64(1000+g))
			settled.Groups[g].Members = append(settled.Groups[g].Members, a.ID)
		}
		slices.Sort(x.Roles)
	}
	return d, empty, settled
}

// BenchmarkDecide plans for a company with 200 groups: 10,000 people with everything to
// do and with nothing to do, and a million with nothing to do, unless -short. It reports
// nanoseconds and bytes for each person.
func BenchmarkDecide(b *testing.B) {
	sizes := []int{10_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		d, empty, settled := firm(n, 200)
		links := make(map[reconcile.Key]string, n)
		for i := range d.People {
			links[d.People[i].Key] = settled.Accounts[i].ID
		}
		plan := func(b *testing.B, current reconcile.Current, want int) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if got := len(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Links: links, Policy: open()}).Changes); got != want {
					b.Fatalf("%d changes, want %d", got, want)
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/person")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N*n), "B/person")
		}
		b.Run(fmt.Sprintf("nothing-%d", n), func(b *testing.B) { plan(b, settled, 0) })
		if n == sizes[0] {
			b.Run(fmt.Sprintf("everything-%d", n), func(b *testing.B) { plan(b, empty, 6*n) })
		}
	}
}

// BenchmarkRules evaluates 200 rules for one person who has five of the roles.
func BenchmarkRules(b *testing.B) {
	d, _, _ := firm(1, 200)
	book := reconcile.CompileRules(d.Rules, d.Roles, reconcile.RuleReading{})
	b.ReportAllocs()
	for b.Loop() {
		if v := book.Evaluate(&d.People[0], d.ReadAt); len(v.Grants) != 5 {
			b.Fatalf("%+v", v)
		}
	}
}

// nowhere takes every write.
type nowhere struct{}

func (nowhere) Write(_ context.Context, w reconcile.Write) (reconcile.Written, error) {
	return reconcile.Written{ID: "a-" + w.Account.UserName + w.GroupID}, nil
}

func (nowhere) Intent(context.Context, reconcile.Write) (string, error) { return "", nil }

func (nowhere) Outcome(context.Context, string, reconcile.Outcome) error { return nil }

// BenchmarkApply makes the 60,000 changes of an initial load at a service that takes no
// time.
func BenchmarkApply(b *testing.B) {
	d, empty, _ := firm(10_000, 200)
	plan := decide(d, empty, open())
	b.ReportAllocs()
	for b.Loop() {
		if r, err := reconcile.Apply(b.Context(), plan, nowhere{}, nowhere{}, reconcile.ApplyOptions{Concurrency: 16}); err != nil || r.Done[reconcile.OpAddMember] != 50_000 {
			b.Fatalf("%v %v", r.Done, err)
		}
	}
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
