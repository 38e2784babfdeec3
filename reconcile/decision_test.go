package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// judged guards a plan of a company that lost too many, with what people said of
// its changes.
func judged(d *reconcile.Directory, current reconcile.Current, policy *reconcile.Policy, said map[string]reconcile.Decision) reconcile.Plan {
	p := *policy
	p.Decisions = said
	return decide(d, current, &p)
}

func approvedBy(names ...string) reconcile.Decision {
	return reconcile.Decision{Approves: true, By: names}
}

func TestApprovalReleasesExactlyWhatWasShown(t *testing.T) {
	d, current := company(100, 20)
	policy := open()
	policy.Limits = reconcile.DefaultLimits()
	shown := decide(d, current, policy)
	if len(shown.Held) != 20 || shown.Held[0].Rule != reconcile.RuleLimit {
		t.Fatalf("%d held by %s", len(shown.Held), shown.Held[0].Rule)
	}
	said := make(map[string]reconcile.Decision)
	for i := range shown.Held[:15] {
		said[shown.Held[i].Digest()] = approvedBy("ann")
	}
	d.People[90].Assigned = false // one more leaves meanwhile
	plan := judged(d, current, policy, said)
	if len(plan.Changes) != 21 {
		t.Fatalf("%d changes, want the 15 approved, and 6 that are within the limit by themselves", len(plan.Changes))
	}
	if n := len(reconcile.Spend(plan.Changes)); n != 1 || reconcile.Spend(plan.Changes)[reconcile.LimitDeactivate] != 6 {
		t.Errorf("spent %v, want 6 deactivations: what was approved is not counted", reconcile.Spend(plan.Changes))
	}
	for i := range d.People[50:60] {
		d.People[50+i].Assigned = false
	}
	if plan := judged(d, current, policy, said); len(plan.Changes) != 15 || plan.Changes[0].Approved != "ann" {
		t.Errorf("%d changes, want exactly the approved ones while the rest is over the limit", len(plan.Changes))
	}
	current.Accounts[0].GivenName = "Edited"
	if plan := judged(d, current, policy, said); len(plan.Changes) != 14 {
		t.Errorf("%d changes; the account that changed since is not what was approved", len(plan.Changes))
	}
}

func TestDecisions(t *testing.T) {
	d, current := company(100, 20)
	policy := open()
	policy.Limits = reconcile.DefaultLimits()
	digest := decide(d, current, policy).Held[0].Digest()
	one := func(decision reconcile.Decision, edit func(*reconcile.Policy)) reconcile.Plan {
		p := *policy
		edit(&p)
		return judged(d, current, &p, map[string]reconcile.Decision{digest: decision})
	}
	none := func(*reconcile.Policy) {}
	eyes := func(p *reconcile.Policy) { p.FourEyes = true }
	for name, c := range map[string]struct {
		plan    reconcile.Plan
		changes int
	}{
		"one approves":                  {one(approvedBy("ann"), none), 1},
		"four eyes, one approves":       {one(approvedBy("ann"), eyes), 0},
		"four eyes, two approve":        {one(approvedBy("ann", "bob"), eyes), 1},
		"rejected":                      {one(reconcile.Decision{By: []string{"ann"}, Why: "they stay"}, none), 0},
		"approved, and protected":       {one(approvedBy("ann"), func(p *reconcile.Policy) { p.Protect = []string{"p000@x.io"} }), 0},
		"approved, and the substitute":  {one(approvedBy("ann"), func(p *reconcile.Policy) { p.DefaultSubstitute = "p000@x.io" }), 0},
		"approved, nobody would remain": {one(approvedBy("ann"), func(p *reconcile.Policy) { p.DefaultSubstitute = "gone@x.io" }), 0},
	} {
		if len(c.plan.Changes) != c.changes {
			t.Errorf("%s: %d changes, want %d", name, len(c.plan.Changes), c.changes)
		}
	}
	rejected := one(reconcile.Decision{By: []string{"ann"}, Why: "they stay"}, none)
	i := slices.IndexFunc(rejected.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleRejected })
	if i < 0 || rejected.Held[i].Class != reconcile.HoldDecided || rejected.Held[i].Reason != "rejected by ann: they stay" {
		t.Errorf("rejected: %+v", rejected.Held)
	}
	p := *policy
	p.Decisions = map[string]reconcile.Decision{digest: approvedBy("ann")}
	plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: &p}), &p)
	present := []reconcile.Testimony{{Key: plan.Changes[0].Key, Answer: reconcile.WitnessPresent}}
	if plan = reconcile.Confirm(plan, present, &p); len(plan.Changes) != 0 {
		t.Error("an approval stood in for OneLogin's second answer")
	}
	current.Accounts[0].UserType = "admin" // the only one
	p.MinAdmins, p.Decisions = 1, nil
	for _, h := range decide(d, current, &p).Held {
		if h.Account == current.Accounts[0].ID {
			p.Decisions = map[string]reconcile.Decision{h.Digest(): approvedBy("ann")}
		}
	}
	if plan := decide(d, current, &p); len(plan.Changes) != 0 || len(p.Decisions) != 1 {
		t.Errorf("an approval let the last admin go:\n%s", render(plan))
	}
	d.Receipt.Lists[0].Why = "page 2 answered 502"
	if plan := one(approvedBy("ann"), none); len(plan.Changes) != 0 {
		t.Error("an approval stood in for a complete pull")
	}
}

// TestDigest: an approval is bound to what is done to whom, and to what was there
// before; not to why.
func TestDigest(t *testing.T) {
	full := reconcile.Change{Op: reconcile.OpDelete, Key: 1, Account: "a", Group: "g", GroupID: "i", Before: &reconcile.Account{UserName: "u"}, After: &reconcile.Account{UserName: "v"}}
	same := full
	same.Who, same.Cause, same.Origin, same.Approved = "w", "c", reconcile.FromDrift, "ann"
	if same.Digest() != full.Digest() {
		t.Error("wording counts")
	}
	seen := map[string]bool{full.Digest(): true}
	for _, edit := range []func(*reconcile.Change){
		func(c *reconcile.Change) { c.Op = reconcile.OpDeactivate }, func(c *reconcile.Change) { c.Key = 2 }, func(c *reconcile.Change) { c.Account = "b" },
		func(c *reconcile.Change) { c.Group = "h" }, func(c *reconcile.Change) { c.GroupID = "j" },
		func(c *reconcile.Change) { c.Before = &reconcile.Account{UserName: "x"} }, func(c *reconcile.Change) { c.After = nil },
	} {
		other := full
		edit(&other)
		if seen[other.Digest()] {
			t.Errorf("%+v is taken for another change", other)
		}
		seen[other.Digest()] = true
	}
}

func TestSaid(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	yes := reconcile.Decision{Approves: true, At: at, Until: at.Add(time.Hour)}
	no := reconcile.Decision{At: at}
	first := reconcile.Decision{}.Said("ann", yes)
	if again := first.Said("ann", yes); len(again.By) != 1 || again.Enough(true) {
		t.Errorf("the same person counts twice: %+v", again)
	}
	if both := first.Said("bob", yes); !both.Enough(true) || strings.Join(both.By, " ") != "ann bob" {
		t.Errorf("two people: %+v", both)
	}
	late := yes
	late.At, late.Until = at.Add(2*time.Hour), at.Add(3*time.Hour)
	if both := first.Said("bob", late); both.Enough(true) {
		t.Errorf("an approval that had ended was counted: %+v", both)
	}
	if turned := first.Said("bob", no); turned.Approves || len(turned.By) != 1 || turned.Enough(false) {
		t.Errorf("a rejection after an approval: %+v", turned)
	}
}

// TestLeftOut: what was over a limit with what somebody let through waits, also after an
// approval of its own that has ended; what somebody said of it and still holds stays.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	yes := reconcile.Decision{Approves: true, By: []string{"ann"}, At: at, Until: at.Add(time.Hour)}
	for name, c := range map[string]struct {
		said  reconcile.Decision
		after time.Duration
		waits bool
	}{
		"nothing was said":     {reconcile.Decision{}, 0, true},
		"an approval":          {yes, time.Minute, false},
		"one that has ended":   {yes, 2 * time.Hour, true},
		"a rejection":          {reconcile.Decision{By: []string{"ann"}, At: at}, 100 * time.Hour, false},
		"it waits for a while": {reconcile.Decision{Waits: true, By: []string{"ann"}, At: at}, 100 * time.Hour, true},
	} {
		if got := c.said.LeftOut("bob", reconcile.Decision{Approves: true, At: at.Add(c.after)}); got.Waits != c.waits || got.Waits && got.Enough(false) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// learned is what a first run of a world leaves behind.
func learned(w *reconciletest.World) *reconcile.Facts {
	in := w.Input()
	in.Last = &reconcile.Facts{}
	plan := reconcile.Decide(in)
	l := plan.Learn(in.Last, nil)
	return &reconcile.Facts{People: l.People, Rules: l.Rules, Basis: l.Basis}
}

func TestOrigins(t *testing.T) {
	d := people("ann@x.io", "bob@x.io", "cyd@x.io", "new@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	account := func(id, name string) reconcile.Account {
		return reconcile.Account{ID: id, UserName: name, GivenName: "F", FamilyName: "L", UserType: "user", Active: true}
	}
	current := reconcile.Current{Accounts: []reconcile.Account{account("a1", "ann@x.io"), account("a2", "bob@x.io"), account("a3", "cyd@x.io")},
		Groups: []reconcile.Group{{ID: "g1", Name: "legal", Members: []string{"a1", "a2", "a3"}}}}
	before := *d
	before.People = slices.Clone(d.People)[:3]
	w := &reconciletest.World{Directory: before, Current: current, Policy: *open(), Links: map[reconcile.Key]string{1: "a1", 2: "a2"}}
	last := learned(w)

	d.People[0].Title = "manager"              // OneLogin: ann
	current.Accounts[1].UserType = "admin"     // by hand at Tomorro: bob
	current.Accounts[2].GivenName = "Somebody" // never remembered: cyd
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Links: w.Links, Policy: open(), Last: last})
	got := make(map[string]reconcile.Origin)
	for _, c := range plan.Changes {
		got[fmt.Sprint(c.Op, " ", c.Who)] = c.Origin
	}
	for what, want := range map[string]reconcile.Origin{
		"change_role ann@x.io": reconcile.FromSource, "change_role bob@x.io": reconcile.FromDrift,
		"update_name cyd@x.io": reconcile.FromAdoption, "create new@x.io": reconcile.FromSource,
	} {
		if got[what] != want {
			t.Errorf("%s comes from %q, want %q; all: %v", what, got[what], want, got)
		}
	}
}

func TestConfigurationRemovalsWait(t *testing.T) {
	d, current := company(30, 1)
	links := make(map[reconcile.Key]string)
	for i := range d.People {
		links[d.People[i].Key] = current.Accounts[i].ID
	}
	d.Roles = []reconcile.OneLoginRole{{ID: 1, Name: "Legal"}, {ID: 2, Name: "Others"}}
	w := &reconciletest.World{Directory: *d, Current: current, Links: links, Policy: *open()}
	last := learned(w)
	guarded := func(edit func(*reconcile.Policy)) reconcile.Plan {
		policy := *open()
		edit(&policy)
		plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Links: links, Policy: &policy, Last: last}), &policy)
		return reconcile.Guard(reconcile.Confirm(plan, reconciletest.Testify(d, plan.ToConfirm()), &policy), &policy)
	}
	if plan := guarded(func(*reconcile.Policy) {}); len(plan.Changes) != 1 || len(plan.Held) != 0 {
		t.Errorf("the same configuration:\n%s", render(plan))
	}
	typo := guarded(func(p *reconcile.Policy) {
		p.ActiveStatuses, p.InactiveStatuses = []reconcile.Status{3}, []reconcile.Status{0, 1, 2}
	})
	if len(typo.Changes) != 1 || typo.HeldBy(reconcile.HoldApproval) != 29 || typo.Held[0].Rule != reconcile.RuleConfiguration || typo.Held[0].Origin != reconcile.FromConfiguration {
		t.Errorf("a mistake in active_statuses:\n%s", render(typo))
	}
	if l := typo.Learn(last, nil); l.Basis != nil {
		t.Error("a configuration became the one to compare with while its removals wait")
	}
	other := guarded(func(p *reconcile.Policy) { p.Source = "https://other.onelogin.com app 2" })
	if len(other.Changes) != 0 || other.HeldBy(reconcile.HoldApproval) != 1 {
		t.Errorf("another app:\n%s", render(other))
	}
	harmless := guarded(func(p *reconcile.Policy) { p.Titles = map[string]reconcile.UserType{"paralegal": "user"} })
	if l := harmless.Learn(last, nil); len(harmless.Changes) != 1 || l.Basis == nil {
		t.Errorf("a harmless change:\n%s", render(harmless))
	}
}

// TestLawConfigurationRemovesNobody: whatever the former policy was, a removal
// that it would not have asked for waits.
func TestLawConfigurationRemovesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		last := learned(w)
		former := make(map[string]bool)
		for _, c := range reconcile.Decide(w.Input()).Changes {
			former[c.Digest()] = true
		}
		w.Policy = reconciletest.DrawPolicy(t)
		in := w.Input()
		in.Last = last
		for _, c := range reconcile.Guard(reconcile.Decide(in), &w.Policy).Changes {
			if c.Op.Removes() && !former[c.Digest()] {
				t.Fatalf("%s of %s by a change of configuration only", c.Op, c.Who)
			}
		}
	})
}

// TestSamePerson: an id that somebody vouched for tells who it is, and the name does
// where there is none.
func TestSamePerson(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"ann", "ann", true},
		{"ann", "ben", false},
		{"ann@x.io [0a]", "ann.else@x.io [0a]", true},
		{"ann@x.io [0a]", "ann@x.io [0b]", false},
		{"ann@x.io [0a]", "ann@x.io", false},
		{"ann []", "ben []", false},
		{"ann [0a", "ben [0a", false},
		{"ann 0a]", "ben 0a]", false},
		{"ann on laptop", "ann on server", true},
		{"ann on laptop", "ann", true},
		{"ann on laptop", "ben on laptop", false},
		{"ann on laptop [0a]", "ann on laptop", false},
	} {
		if reconcile.SamePerson(test.a, test.b) != test.want || reconcile.SamePerson(test.b, test.a) != test.want {
			t.Errorf("%q and %q: want %v", test.a, test.b, test.want)
		}
	}
	at := time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)
	d := reconcile.Decision{}.Said("ann@x.io [0a]", reconcile.Decision{Approves: true, At: at}).Said("ann.else@x.io [0a]", reconcile.Decision{Approves: true, At: at})
	if d.Enough(true) || len(d.By) != 1 {
		t.Errorf("one person said it twice: %+v", d)
	}
}
