package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// company makes n people with accounts, of whom the first `leaving` lost the app.
func company(n, leaving int) (*reconcile.Directory, reconcile.Current) {
	var emails []string
	var current reconcile.Current
	for i := range n {
		emails = append(emails, fmt.Sprintf("p%03d@x.io", i))
		current.Accounts = append(current.Accounts, reconcile.Account{ID: fmt.Sprintf("a%03d", i), UserName: emails[i],
			GivenName: "F", FamilyName: "L", UserType: "user", Active: true})
	}
	d := people(emails...)
	for i := range leaving {
		d.People[i].Assigned = false
	}
	return d, current
}

func TestGuardLimits(t *testing.T) {
	for _, c := range []struct {
		n, leaving, spent int
		held              bool
		says              string
	}{
		{100, 10, 0, false, ""},
		{100, 11, 0, true, "11 deactivations of 100: more than limits.deactivate.share, which is 10%"},
		{1000, 25, 0, false, ""},
		{1000, 26, 0, true, "26 deactivations: more than limits.deactivate.max, which is 25"},
		{1000, 20, 6, true, "20 deactivations after 6 in the last 24h: more than limits.deactivate.max, which is 25"},
		{19, 10, 0, false, ""}, // below the minimum population only the number counts
		{20, 3, 0, true, "3 deactivations of 20: more than limits.deactivate.share"},
		{3000, 2733, 0, true, "2,733 deactivations: more than limits.deactivate.max, which is 25"}, // as everything else writes it
		{3000, 20, 1500, true, "20 deactivations after 1,500 in the last 24h"},
	} {
		d, current := company(c.n, c.leaving)
		policy := open()
		policy.Limits = reconcile.DefaultLimits()
		policy.Spent = map[reconcile.Limit]int{reconcile.LimitDeactivate: c.spent}
		plan := decide(d, current, policy)
		if held := plan.HeldBy(reconcile.HoldGuard); (held == c.leaving) != c.held || held+len(plan.Changes) != c.leaving {
			t.Errorf("%d of %d after %d: %d held, %d changes; want all held: %v", c.leaving, c.n, c.spent, held, len(plan.Changes), c.held)
			continue
		}
		if c.held && !strings.Contains(plan.Held[0].Reason, c.says) {
			t.Errorf("reason %q, want %q", plan.Held[0].Reason, c.says)
		}
	}
}

// TestGuardWritesNumbers: reasons write large numbers as the pages and lists around them do.
func TestGuardWritesNumbers(t *testing.T) {
	most, share, band := 1200, 0.1, 0.2
	limits := reconcile.Limits{MinPopulation: 20, Band: &band, Allow: map[reconcile.Limit]reconcile.Allowance{reconcile.LimitDeactivate: {Max: &most}}}
	policy := open()
	policy.Limits = limits
	d, current := company(3000, 1500)
	says := func(want string) {
		t.Helper()
		if plan := decide(d, current, policy); len(plan.Held) == 0 || !strings.Contains(plan.Held[0].Reason, want) {
			t.Errorf("held are %d, want %q: %v", len(plan.Held), want, plan.Held[:min(1, len(plan.Held))])
		}
	}
	says("1,500 deactivations: more than limits.deactivate.max, which is 1,200")
	limits.Allow[reconcile.LimitDeactivate] = reconcile.Allowance{Share: &share}
	says("1,500 deactivations of 3,000: more than")
	delete(limits.Allow, reconcile.LimitDeactivate)
	policy.Pulls = []reconcile.Census{{People: 9000}, {People: 12000}}
	says("OneLogin gives 3,000 people, and the last good pulls found 9,000 to 12,000")
	policy.Pulls = policy.Pulls[:1]
	says("the last good pulls found 9,000")
	quota := reconcile.QuotaError{Quota: reconcile.Quota{Limit: 5000, Left: 1200, Reserve: 1000}, Needs: 4321}
	if want := "has 1,200 calls left until 00:00, of which 1,000 are left to others; a full read needs 4,321, more than an hour has (5,000)"; !strings.Contains(quota.Error(), want) {
		t.Errorf("%v, want %q", &quota, want)
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -999: "-999", -1234567: "-1,234,567"} {
		if got := reconcile.Number(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}

// TestTokensAccount: a change of the account whose token this is says that no run makes it,
// and how it is made.
func TestTokensAccount(t *testing.T) {
	for what, c := range map[string]struct {
		edit func(*reconcile.Person)
		want string
	}{
		"a new e-mail": {func(p *reconcile.Person) { p.Email = "new@x.io" }, "set the e-mail new@x.io at Tomorro by hand, and in tomorro.api_account"},
		"a leaver":     {func(p *reconcile.Person) { p.Status = 2 }, "make a token with another account first"},
		"a new name":   {func(p *reconcile.Person) { p.FirstName = "Anne" }, "make this change at Tomorro by hand"},
	} {
		d, current := company(3, 0)
		policy := open()
		current.Accounts[1].ExternalID = reconcile.ExternalID(d.People[1].Key)
		policy.APIAccount = current.Accounts[1].UserName
		c.edit(&d.People[1])
		plan := decide(d, current, policy)
		if len(plan.Changes) != 0 || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Reason, "which no run changes: "+c.want) {
			t.Errorf("%s: %d changes, held %+v; want %q", what, len(plan.Changes), plan.Held, c.want)
		}
	}
}

// TestGuardLimitsAreExact: as many as a share allows are no more than it, whatever
// binary numbers make of it.
func TestGuardLimitsAreExact(t *testing.T) {
	for percent := range 100 {
		share := float64(percent) / 100
		policy := open()
		policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitDeactivate: {Share: &share}}
		d, current := company(100, 1)
		for spent, held := range map[int]bool{percent - 1: false, percent: true} {
			policy.Spent = map[reconcile.Limit]int{reconcile.LimitDeactivate: max(0, spent)}
			plan := decide(d, current, policy)
			if (len(plan.Held) == 1) != (held || percent == 0) {
				t.Errorf("one more than %d of 100, with a share of %d%%: held %v", spent, percent, plan.Held)
			}
			if len(plan.Held) == 1 && !strings.HasSuffix(plan.Held[0].Reason, fmt.Sprintf("which is %d%%", percent)) {
				t.Errorf("%s", plan.Held[0].Reason)
			}
		}
	}
}

// TestGuardDoesNotCountTheInactive: who has no access any more is no removal, and nobody
// of whom a share is allowed.
func TestGuardDoesNotCountTheInactive(t *testing.T) {
	for leaving, held := range map[int]int{55: 0, 56: 6} {
		d, current := company(100, leaving)
		for i := range 50 {
			current.Accounts[i].Active = false
		}
		policy := open()
		policy.Limits = reconcile.DefaultLimits()
		if plan := decide(d, current, policy); len(plan.Changes) != leaving-50-held || len(plan.Held) != held {
			t.Errorf("%d changes, %d held; want %d held of %d", len(plan.Changes), len(plan.Held), held, leaving-50)
		}
	}
}

func TestGuardApproval(t *testing.T) {
	d, current := company(30, 1)
	d.People = append(d.People, people("new@x.io").People[0])
	d.People[30].Key = 99
	policy := open()
	policy.Limits.Window = time.Hour
	policy.Approve = []string{"delete"}
	plan := decide(d, current, policy)
	if plan.HeldBy(reconcile.HoldApproval) != 1 || len(plan.Changes) != 1 {
		t.Fatalf("%d held for approval, %d changes; want 1 and 1", plan.HeldBy(reconcile.HoldApproval), len(plan.Changes))
	}
	policy.Approved = plan.ID
	if again := decide(d, current, policy); len(again.Changes) != 2 {
		t.Errorf("approved, but %d changes; want 2", len(again.Changes))
	}
	policy.FourEyes = true
	if alone := decide(d, current, policy); alone.HeldBy(reconcile.HoldApproval) != 1 || strings.Contains(alone.Held[0].Reason, "--approve") {
		t.Errorf("one person's word was enough where two must say so: %+v", alone.Held)
	}
	policy.FourEyes = false
	d.People[1].Assigned = false // one more leaver: not what was approved
	if other := decide(d, current, policy); other.HeldBy(reconcile.HoldApproval) != 2 {
		t.Errorf("another plan went through with this approval: %d held", other.HeldBy(reconcile.HoldApproval))
	}
}

func TestReceiptWithoutListsProvesNothing(t *testing.T) {
	if (reconcile.Receipt{}).Complete() {
		t.Error("an empty receipt counts as complete")
	}
}

func TestOnly(t *testing.T) {
	d := people("ann@x.io", "bob@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	policy := open()
	policy.CreateGroups = true
	plan := decide(d, reconcile.Current{}, policy)
	only := plan.Only("ANN@x.io")
	if got := only.Count(); len(only.Changes) != 3 || got[reconcile.OpCreateGroup] != 1 || got[reconcile.OpCreate] != 1 || got[reconcile.OpAddMember] != 1 {
		t.Errorf("%v", got)
	}
	if only.ID == plan.ID {
		t.Error("the narrowed plan has the whole plan's ID")
	}
}

func TestFold(t *testing.T) {
	same := [][2]string{{"Ann@X.io ", "ann@x.io"}, {"\u00e9lo@x.io", "E\u0301LO@X.IO"}, {"Straße", "STRASSE"}, {"ΣΑΣ", "σας"}}
	for _, s := range same {
		if reconcile.Fold(s[0]) != reconcile.Fold(s[1]) {
			t.Errorf("%q and %q differ", s[0], s[1])
		}
	}
	if reconcile.Fold("a+b@x.io") == reconcile.Fold("a@x.io") {
		t.Error("plus-addresses are addresses of their own")
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Ann@X.io")
	f.Add("e\u0301\u00df\u0130")
	f.Fuzz(func(t *testing.T, s string) {
		once := reconcile.Fold(s)
		if twice := reconcile.Fold(once); twice != once {
			t.Errorf("Fold(%q) = %q, and folded again %q", s, once, twice)
		}
	})
}

func FuzzParseExternalID(f *testing.F) {
	f.Add("onelogin:12")
	f.Add("12")
	f.Fuzz(func(t *testing.T, s string) {
		if k, ok := reconcile.ParseExternalID(s); ok && (k <= 0) {
			t.Errorf("ParseExternalID(%q) = %d", s, k)
		}
	})
}

// TestOnlyByEitherAddress: a plan for one person is all of it, whether they are called
// by the e-mail that OneLogin has or by the one that Tomorro still has.
func TestOnlyByEitherAddress(t *testing.T) {
	d := people("anna@x.io", "bob@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	current := reconcile.Current{Accounts: accounts(ann(func(a *reconcile.Account) { a.GivenName, a.FamilyName = "F", "L" })), Groups: []reconcile.Group{{ID: "g1", Name: "legal"}}}
	current.Accounts[0].ExternalID = reconcile.ExternalID(1)
	plan := decide(d, current, open())
	for _, email := range []string{"anna@x.io", "ANN@x.io"} {
		if got := plan.Only(email).Count(); len(got) != 2 || got[reconcile.OpRename] != 1 || got[reconcile.OpAddMember] != 1 {
			t.Errorf("%s: %v", email, got)
		}
	}
}
