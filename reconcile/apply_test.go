package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// people makes a directory of active people with the given e-mails, keys from 1.
func people(emails ...string) *reconcile.Directory {
	d := &reconcile.Directory{Receipt: reconcile.Receipt{Lists: []reconcile.ListReceipt{
		{List: reconcile.ListUsers}, {List: reconcile.ListAssigned}, {List: reconcile.ListRoles}, {List: reconcile.ListRules}}}}
	for i, e := range emails {
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(i + 1), Email: e, FirstName: "F", LastName: "L",
			Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	return d
}

func open() *reconcile.Policy {
	return &reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive}
}

func decide(d *reconcile.Directory, c reconcile.Current, p *reconcile.Policy) reconcile.Plan {
	plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &c, Policy: p})
	return reconcile.Guard(reconcile.Confirm(plan, reconciletest.Testify(d, plan.ToConfirm()), p), p)
}

func TestApplyAdoptsAnAccountThatAppearedMeanwhile(t *testing.T) {
	d := people("ann@x.io")
	plan := decide(d, reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{Accounts: []reconcile.Account{
		{ID: "a9", UserName: "ANN@x.io", GivenName: "A", FamilyName: "B", UserType: "viewer"}}})
	log := &reconciletest.Log{}
	result, err := reconcile.Apply(t.Context(), plan, memory, log, reconcile.ApplyOptions{})
	if err != nil || len(result.Problems) > 0 {
		t.Fatalf("%v %+v", err, result.Problems)
	}
	got, _ := memory.Read(t.Context())
	want := reconcile.Account{ID: "a9", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true, ExternalID: "onelogin:1"}
	if len(got.Accounts) != 1 || got.Accounts[0] != want {
		t.Errorf("accounts %+v, want %+v", got.Accounts, want)
	}
	if len(result.Links) != 1 || result.Links[0] != (reconcile.Link{Key: 1, Account: "a9"}) {
		t.Errorf("links %+v", result.Links)
	}
	if len(log.Intents) != 2 || len(log.Outcomes) != 2 {
		t.Errorf("%d intents and %d outcomes, want 2 and 2: the create that was refused and the update", len(log.Intents), len(log.Outcomes))
	}
}

func TestApplyNeverAdoptsSomebodyElsesAccount(t *testing.T) {
	plan := decide(people("ann@x.io"), reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{Accounts: []reconcile.Account{
		{ID: "a9", UserName: "ann@x.io", GivenName: "Old", FamilyName: "Ann", UserType: "admin", Active: true, ExternalID: "onelogin:77"}}})
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{})
	if err != nil || result.Failed[reconcile.OpCreate] != 1 {
		t.Fatalf("%v %+v", err, result)
	}
	got, _ := memory.Read(t.Context())
	if got.Accounts[0].GivenName != "Old" {
		t.Errorf("the account was written: %+v", got.Accounts[0])
	}
	if len(result.Links) != 0 {
		t.Errorf("links %+v", result.Links)
	}
}

// TestApplyLeavesAloneWhatNobodyPlannedFor: an account that a create runs into is bound by
// what people said of it, as one that the plan has seen.
func TestApplyLeavesAloneWhatNobodyPlannedFor(t *testing.T) {
	there := reconcile.Account{ID: "a9", UserName: "Ann@x.io", GivenName: "Ext", FamilyName: "Counsel", UserType: "user", Active: true}
	admin := there
	admin.UserType = reconcile.Admin
	leaver, marked := there, there // whose address was given away
	leaver.Active, marked.Active, marked.ExternalID = false, false, reconcile.ExternalID(77)
	for name, c := range map[string]struct {
		account reconcile.Account
		edit    func(*reconcile.Policy)
	}{
		"declared foreign":  {there, func(p *reconcile.Policy) { p.Adoption.Foreign = map[string]bool{"a9": true} }},
		"decided another's": {there, func(p *reconcile.Policy) { p.Adoption.Owners = map[string]reconcile.Key{"a9": 77} }},
		"protected":         {there, func(p *reconcile.Policy) { p.Protect = []string{"ANN@x.io"} }},
		"protected by id":   {there, func(p *reconcile.Policy) { p.Protect = []string{"1"} }},
		"the token's own":   {there, func(p *reconcile.Policy) { p.APIAccount = "ann@x.io" }},
		"an admin's":        {admin, func(*reconcile.Policy) {}},
		"a leaver's":        {leaver, func(p *reconcile.Policy) { p.Adoption.Owners = map[string]reconcile.Key{"a9": 77} }},
		"a leaver's, by id": {marked, func(*reconcile.Policy) {}},
	} {
		policy := open()
		c.edit(policy)
		plan := decide(people("ann@x.io"), reconcile.Current{}, policy)
		memory := reconciletest.NewMemory(reconcile.Current{Accounts: []reconcile.Account{c.account}})
		result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{})
		if err != nil || result.Failed[reconcile.OpCreate] != 1 || len(result.Links) > 0 {
			t.Errorf("%s: %v %+v", name, err, result)
		}
		if got, _ := memory.Read(t.Context()); len(got.Accounts) != 1 || got.Accounts[0] != c.account {
			t.Errorf("%s: it became %+v", name, got.Accounts)
		}
	}
}

func TestApplyStopsWhenRefused(t *testing.T) {
	plan := decide(people("a@x.io", "b@x.io", "c@x.io"), reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{})
	memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if w.Account.UserName == "b@x.io" {
			return reconciletest.Forbids
		}
		return reconciletest.Works
	}
	result, err := reconcile.Apply(t.Context(), plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{})
	if !errors.Is(err, reconcile.ErrRefused) {
		t.Fatalf("error %v, want ErrRefused", err)
	}
	if result.Done[reconcile.OpCreate] != 1 || result.Failed[reconcile.OpCreate] != 1 || result.Skipped[reconcile.OpCreate] != 1 {
		t.Errorf("%+v", result)
	}
	if n := len(memory.Writes()); n != 2 {
		t.Errorf("%d writes were sent, want 2", n)
	}
}

func TestApplyWritesNothingThatIsNotRecorded(t *testing.T) {
	plan := decide(people("a@x.io", "b@x.io", "c@x.io"), reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{})
	lost := errors.New("the lock was lost")
	log := &reconciletest.Log{Break: func(n int) error {
		if n > 1 {
			return lost
		}
		return nil
	}}
	_, err := reconcile.Apply(t.Context(), plan, memory, log, reconcile.ApplyOptions{})
	if !errors.Is(err, lost) || len(memory.Writes()) != 1 {
		t.Fatalf("error %v, %d writes; want the recorder's error and 1", err, len(memory.Writes()))
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	plan := decide(people("a@x.io", "b@x.io", "c@x.io"), reconcile.Current{}, open())
	memory := reconciletest.NewMemory(reconcile.Current{})
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	memory.Fail = func(reconcile.Write) reconciletest.Fault { cancel(why); return reconciletest.Works }
	result, err := reconcile.Apply(ctx, plan, memory, &reconciletest.Log{}, reconcile.ApplyOptions{})
	if !errors.Is(err, why) || result.Done[reconcile.OpCreate] != 1 || result.Skipped[reconcile.OpCreate] != 2 {
		t.Fatalf("error %v, %+v", err, result)
	}
}

// TestApplyHoldsRemovalsAfterAFailure: the update of ann fails, so neither is she
// taken out of the group nor is anybody else kept waiting.
func TestApplyHoldsRemovalsAfterAFailure(t *testing.T) {
	d := people("ann@x.io", "bob@x.io")
	d.People[0].LastName = "New"
	d.Rules = []reconcile.Rule{{ID: 1, Name: "board", Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "9"}},
		Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	current := reconcile.Current{
		Accounts: []reconcile.Account{
			{ID: "a1", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true},
			{ID: "a2", UserName: "bob@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true}},
		Groups: []reconcile.Group{{ID: "g1", Name: "legal", Members: []string{"a1", "a2"}}},
	}
	memory := reconciletest.NewMemory(current)
	memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if w.Op == reconcile.WriteUpdateUser {
			return reconciletest.Refuses
		}
		return reconciletest.Works
	}
	result, err := reconcile.Apply(t.Context(), decide(d, current, open()), memory, &reconciletest.Log{}, reconcile.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	after, _ := memory.Read(t.Context())
	if got := after.Groups[0].Members; !slices.Equal(got, []string{"a1"}) {
		t.Errorf("members %v, want [a1]", got)
	}
	if result.Skipped[reconcile.OpRemoveMember] != 1 || result.Done[reconcile.OpRemoveMember] != 1 {
		t.Errorf("%+v", result)
	}
}

// TestApplyKeepsTheLastAdmin: bob was to become admin before ann stops being one.
func TestApplyKeepsTheLastAdmin(t *testing.T) {
	d := people("ann@x.io", "bob@x.io")
	d.People[1].Title = "admin"
	current := reconcile.Current{Accounts: []reconcile.Account{
		{ID: "a1", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: "admin", Active: true},
		{ID: "a2", UserName: "bob@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true}}}
	policy := open()
	policy.MinAdmins = 1
	memory := reconciletest.NewMemory(current)
	memory.Fail = func(w reconcile.Write) reconciletest.Fault {
		if w.Account.ID == "a2" {
			return reconciletest.Refuses
		}
		return reconciletest.Works
	}
	_, err := reconcile.Apply(t.Context(), decide(d, current, policy), memory, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 8})
	after, _ := memory.Read(t.Context())
	if err != nil || after.Accounts[0].UserType != reconcile.Admin {
		t.Fatalf("%v; ann is %s, want admin still", err, after.Accounts[0].UserType)
	}
}

func TestApplyReportsMembersTomorroDoesNotKnow(t *testing.T) {
	d := people("ann@x.io", "bob@x.io")
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	current := reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "legal"}}, Accounts: []reconcile.Account{
		{ID: "a1", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true},
		{ID: "a2", UserName: "bob@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true}}}
	plan := decide(d, current, open())
	current.Accounts = current.Accounts[:1] // somebody deleted bob meanwhile
	result, err := reconcile.Apply(t.Context(), plan, reconciletest.NewMemory(current), &reconciletest.Log{}, reconcile.ApplyOptions{})
	if err != nil || result.Done[reconcile.OpAddMember] != 1 || result.Failed[reconcile.OpAddMember] != 1 {
		t.Fatalf("%v %+v", err, result)
	}
}

func TestApplyChunksMembers(t *testing.T) {
	var emails []string
	for i := range 7 {
		emails = append(emails, fmt.Sprintf("p%d@x.io", i))
	}
	d := people(emails...)
	d.Rules = []reconcile.Rule{{ID: 1, Name: "all", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}}
	memory := reconciletest.NewMemory(reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "legal"}}})
	current, _ := memory.Read(t.Context())
	if _, err := reconcile.Apply(t.Context(), decide(d, current, open()), memory, &reconciletest.Log{}, reconcile.ApplyOptions{Concurrency: 4, MembersPerWrite: 3}); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, w := range memory.Writes() {
		if w.Op == reconcile.WriteMembers {
			sizes = append(sizes, len(w.Add))
		}
	}
	if !slices.Equal(sizes, []int{3, 3, 1}) {
		t.Errorf("chunks of %v, want [3 3 1]", sizes)
	}
}
