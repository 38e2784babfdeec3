package reconcile_test

import (
	"strings"
	"testing"

	"tomorro-sync/reconcile"
)

// twins are two accounts whose addresses differ in case only.
func twins() reconcile.Current {
	return reconcile.Current{Accounts: []reconcile.Account{
		{ID: "a1", UserName: "ann@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true},
		{ID: "a2", UserName: "Ann@x.io", GivenName: "F", FamilyName: "L", UserType: "user", Active: true}}}
}

// TestTwins: of two accounts with a person's address, the one that is remembered does not
// hide the other, whichever is listed first; where neither is remembered, neither is taken.
func TestTwins(t *testing.T) {
	t.Parallel()
	for _, works := range []bool{true, false} {
		for own, other := range map[string]string{"a1": "a2", "a2": "a1", "": ""} {
			d := people("ann@x.io")
			d.People[0].Assigned = works
			current := twins()
			in := reconcile.Input{Directory: d, Current: &current, Policy: open()}
			if own != "" {
				in.Links = map[reconcile.Key]string{1: own}
			}
			plan := reconcile.Decide(in)
			removed := ""
			for _, c := range plan.Changes {
				removed += string(c.Op) + " " + c.Account
			}
			want := ""
			if !works && own != "" {
				want = "deactivate " + own
			}
			held := len(plan.Held) == 1 && (other == "" || works || plan.Held[0].Account == other && strings.Contains(plan.Held[0].Reason, "second account of a leaver"))
			if removed != want || !held {
				t.Errorf("at work %v, remembered %q: %s, held %+v", works, own, removed, plan.Held)
			}
		}
	}
}

// TestDeclaredForeignStays: an account of which somebody said that it is nobody's in
// OneLogin is not taken from whoever uses it because a leaver had that address.
func TestDeclaredForeignStays(t *testing.T) {
	t.Parallel()
	d, current := people("ann@x.io"), twins()
	d.People[0].Assigned = false
	current.Accounts = current.Accounts[:1]
	policy := open()
	policy.Adoption.Foreign = map[string]bool{"a1": true}
	if plan := decide(d, current, policy); len(plan.Changes)+len(plan.Held) > 0 {
		t.Errorf("planned %+v, held %+v", plan.Changes, plan.Held)
	}
}

// TestTwinsOfNoLeaver: of whom nobody can say that they have left, no account is told as
// that of a leaver.
func TestTwinsOfNoLeaver(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*reconcile.Person, *reconcile.Policy){
		"odd status":   func(p *reconcile.Person, _ *reconcile.Policy) { p.Status = 6 },
		"out of scope": func(_ *reconcile.Person, p *reconcile.Policy) { p.ScopeRoles = []string{"Legal"} },
	} {
		d, current, policy := people("ann@x.io"), twins(), open()
		d.Roles = []reconcile.OneLoginRole{{ID: 1, Name: "Legal"}}
		edit(&d.People[0], policy)
		plan := reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: map[reconcile.Key]string{1: "a2"}})
		for _, h := range plan.Held {
			if strings.Contains(h.Reason, "leaver") {
				t.Errorf("%s: %s", name, h.Reason)
			}
		}
	}
}

// TestTwinOfAnother: where one of two accounts with a person's address is somebody else's,
// the question is about the other one, and each answer is one that can be given.
func TestTwinOfAnother(t *testing.T) {
	t.Parallel()
	for theirs, other := range map[string]string{"a1": "a2", "a2": "a1"} {
		d, current, policy := people("ann@x.io", "bob@x.io"), twins(), open()
		in := reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: map[reconcile.Key]string{2: theirs}}
		asks := func(h reconcile.Held) bool {
			return h.Key == 1 && h.Account == other && strings.Contains(h.Reason, "("+theirs+"), which is OneLogin user 2's") &&
				strings.Contains(h.Reason, "adopt foreign "+other+", ") && strings.Contains(h.Reason, "adopt match "+other+" 1")
		}
		if plan := reconcile.Decide(in); len(plan.Held) != 1 || !asks(plan.Held[0]) {
			t.Errorf("%s is another's: held %+v", theirs, plan.Held)
		}
		policy.Adoption.Owners = map[string]reconcile.Key{other: 1}
		if plan := reconcile.Decide(in); len(plan.Held) != 0 || plan.Count()[reconcile.OpCreate] != 0 {
			t.Errorf("it was said that %s is theirs: held %+v, planned %+v", other, plan.Held, plan.Changes)
		}
		policy.Adoption = reconcile.Adoption{Foreign: map[string]bool{other: true}}
		if plan := reconcile.Decide(in); len(plan.Held) != 0 || plan.Count()[reconcile.OpCreate] != 1 {
			t.Errorf("it was said that %s is nobody's: held %+v, planned %+v", other, plan.Held, plan.Changes)
		}
	}
}
