package reconcile_test

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestStandInOfTheRun: whoever has the substitute's address after the run is the one who
// inherits, and not whoever has it before.
func TestStandInOfTheRun(t *testing.T) {
	t.Parallel()
	account := func(id, name string, role reconcile.UserType) reconcile.Account {
		return reconcile.Account{ID: id, UserName: name, GivenName: "F", FamilyName: "L", UserType: role, Active: true}
	}
	leaver := account("a1", "ann@x.io", "manager")
	for name, c := range map[string]struct {
		people  map[string]string // title by address, of OneLogin users 2 and 3 in this order
		emails  []string
		current []reconcile.Account
		held    bool
	}{
		"is created as a manager":             {emails: []string{"sub@x.io"}, people: map[string]string{"sub@x.io": "manager"}, current: []reconcile.Account{leaver}},
		"is created as a user":                {emails: []string{"sub@x.io"}, people: map[string]string{"sub@x.io": "user"}, current: []reconcile.Account{leaver}, held: true},
		"is renamed to it, a manager":         {emails: []string{"sub@x.io"}, people: map[string]string{"sub@x.io": "manager"}, current: []reconcile.Account{leaver, account("a2", "old@x.io", "manager")}},
		"is renamed to it, a user":            {emails: []string{"sub@x.io"}, people: map[string]string{"sub@x.io": "user"}, current: []reconcile.Account{leaver, account("a2", "old@x.io", "user")}, held: true},
		"a manager hands it on to a user":     {emails: []string{"sub@x.io", "new@x.io"}, people: map[string]string{"sub@x.io": "user", "new@x.io": "manager"}, current: []reconcile.Account{leaver, account("a2", "old@x.io", "user"), account("a3", "sub@x.io", "manager")}, held: true},
		"a user hands it on to a manager":     {emails: []string{"sub@x.io", "new@x.io"}, people: map[string]string{"sub@x.io": "manager", "new@x.io": "user"}, current: []reconcile.Account{leaver, account("a2", "old@x.io", "manager"), account("a3", "sub@x.io", "user")}},
		"a manager hands it on to a new user": {emails: []string{"sub@x.io", "new@x.io"}, people: map[string]string{"sub@x.io": "user", "new@x.io": "manager"}, current: []reconcile.Account{leaver, account("a3", "sub@x.io", "manager")}, held: true},
	} {
		d := people(append([]string{"ann@x.io"}, c.emails...)...)
		d.People[0].Assigned = false
		links := map[reconcile.Key]string{1: "a1"}
		for i := range d.People[1:] {
			p := &d.People[i+1]
			p.Title = c.people[p.Email]
		}
		for _, a := range c.current[1:] {
			links[map[string]reconcile.Key{"a2": 2, "a3": 3}[a.ID]] = a.ID
		}
		current, policy := reconcile.Current{Accounts: c.current}, open()
		policy.DefaultSubstitute = "sub@x.io"
		plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: links}), policy)
		held := false
		for _, h := range plan.Held {
			held = held || h.Key == 1 && h.Rule == reconcile.RuleSubstitute
		}
		if gone := plan.Count()[reconcile.OpDeactivate] == 1; held != c.held || gone == held {
			t.Errorf("%s: held %v, want %v: %+v %+v", name, held, c.held, plan.Changes, plan.Held)
		}
	}
}
