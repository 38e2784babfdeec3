package roster_test

import (
	"fmt"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/roster"
)

// small is a company of six: two admins, one of them without a person, and four users.
func small() (*reconcile.Directory, *reconcile.Current) {
	d, c := &reconcile.Directory{}, &reconcile.Current{}
	for i := 1; i <= 6; i++ {
		account := reconcile.Account{ID: fmt.Sprint("a", i), UserName: fmt.Sprintf("p%d@acme.example", i), Active: true, UserType: reconcile.User}
		if i <= 2 {
			account.UserType = reconcile.Admin
		}
		c.Accounts = append(c.Accounts, account)
		d.People = append(d.People, reconcile.Person{Key: reconcile.Key(i), Email: account.UserName, Department: []string{"IT", "Legal"}[i%2], Status: 1, Licence: reconcile.Approved, Assigned: true})
	}
	return d, c
}

func owner(account string) (reconcile.Key, bool) {
	var k reconcile.Key
	_, err := fmt.Sscanf(account, "a%d", &k)
	return k, err == nil
}

func list(d *reconcile.Directory, c *reconcile.Current, asserted ...reconcile.Assertion) string {
	rows := roster.List(roster.Input{Directory: d, Current: c, Asserted: asserted, Policy: &reconcile.Policy{}, Owner: owner})
	var lines []string
	for _, r := range rows {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s rules=%d hand=%d none=%d %s", r.Name, r.Kind, r.Role, len(r.Rules), r.ByHand, r.NobodySays, r.Near)))
	}
	return strings.Join(lines, "\n")
}

// TestAccessAndPermission: a group whose members are those with one role says the same
// as the title; one of some users, or of everybody, gives access.
func TestAccessAndPermission(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members []string
		edit    func(*reconcile.Current)
		want    string
	}{
		"all admins":             {[]string{"a1", "a2"}, nil, "permission admin"},
		"half of the admins":     {[]string{"a2"}, nil, "permission admin"},
		"users":                  {[]string{"a3", "a4", "a5", "a6"}, nil, "access"},
		"an admin and a user":    {[]string{"a1", "a3"}, nil, "access"},
		"nobody":                 {nil, nil, ""},
		"a manager of three":     {[]string{"a3"}, func(c *reconcile.Current) { manage(c, 2, 3, 4) }, "access"},
		"two managers of three":  {[]string{"a3", "a4"}, func(c *reconcile.Current) { manage(c, 2, 3, 4) }, "permission manager"},
		"who is inactive":        {[]string{"a1", "a2", "a3"}, func(c *reconcile.Current) { c.Accounts[2].Active = false }, "permission admin"},
		"only who is inactive":   {[]string{"a3"}, func(c *reconcile.Current) { c.Accounts[2].Active = false }, ""},
		"an account that is not": {[]string{"a1", "gone"}, nil, "permission admin"},
	} {
		d, current := small()
		if c.edit != nil {
			c.edit(current)
		}
		current.Groups = []reconcile.Group{{ID: "g", Name: "G", Members: c.members}}
		rows := roster.List(roster.Input{Directory: d, Current: current, Policy: &reconcile.Policy{}, Owner: owner})
		if got := strings.TrimSpace(string(rows[0].Kind) + " " + string(rows[0].Role)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func manage(c *reconcile.Current, accounts ...int) {
	for _, i := range accounts {
		c.Accounts[i].UserType = reconcile.Manager
	}
}

// TestWhereMembersComeFrom: by rule, by hand in OneLogin, by neither; and groups that
// only a rule knows.
func TestWhereMembersComeFrom(t *testing.T) {
	t.Parallel()
	d, c := small()
	rule := func(id int64, group string, conditions ...reconcile.Condition) reconcile.Rule {
		return reconcile.Rule{ID: id, Name: group, Conditions: conditions, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{group}}}}
	}
	it := reconcile.Condition{Source: "department", Operator: "=", Value: "IT"}
	d.Rules = []reconcile.Rule{rule(1, "légal-1", it), rule(2, "g2", it), rule(3, "team a", it), rule(4, "Nowhere", it), rule(5, "nowhere", it)}
	c.Groups = []reconcile.Group{{ID: "g1", Name: "Legal 1"}, {ID: "g2", Name: "Sales", Members: []string{"a2", "a3", "a5", "x"}}, {ID: "g3", Name: "Team A", Ours: true}}
	got := list(d, c, reconcile.Assertion{Account: "a3", Group: "g2"}, reconcile.Assertion{Account: "a5", Group: "g2", Off: true})
	want := `Legal 1   rules=0 hand=0 none=0
légal-1   rules=1 hand=0 none=0 Legal 1
Nowhere   rules=2 hand=0 none=0
Sales access  rules=1 hand=1 none=2
Team A   rules=1 hand=0 none=0`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
