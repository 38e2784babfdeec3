package reconcile_test

import (
	"testing"

	"tomorro-sync/reconcile"
)

// standing says in a word what is wanted for the only person of a directory.
func standing(p reconcile.Person, policy reconcile.Policy, receipt reconcile.Receipt) string {
	d := &reconcile.Directory{People: []reconcile.Person{p}, Roles: []reconcile.OneLoginRole{{ID: 10, Name: "Legal"}}, Receipt: receipt}
	policy.Pricing, policy.Titles = reconcile.PricingV6, map[string]reconcile.UserType{"legal counsel": reconcile.User}
	wants, _ := reconcile.Desired(d, &policy)
	switch w := &wants[0]; {
	case !w.Managed:
		return "not ours"
	case w.Hold != "" || w.Role.Hold != "":
		return "held"
	case w.Active && w.Role.Type == reconcile.User && w.Account().UserName == "iris@acme.example" && !w.Left:
		return "active"
	case w.Active || w.Role.Type != "" || w.Account() != (reconcile.Account{}):
		return "neither active nor not"
	case w.Left:
		return "left"
	}
	return "inactive"
}

// TestWhoHasAccess: what each status and licence means, and that what OneLogin does not
// say, or says in a way that is not documented, takes access from nobody.
func TestWhoHasAccess(t *testing.T) {
	complete := reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: reconcile.ListRoles}}}
	scoped := reconcile.Policy{ScopeRoles: []string{" LEGAL "}}
	for name, c := range map[string]struct {
		person func(*reconcile.Person)
		policy reconcile.Policy
		want   string
	}{
		"status unread":              {person: func(p *reconcile.Person) { p.Status, p.Unread = 0, reconcile.FieldStatus }, want: "held"},
		"licence unread":             {person: func(p *reconcile.Person) { p.Licence, p.Unread = 0, reconcile.FieldLicence }, want: "held"},
		"title unread":               {person: func(p *reconcile.Person) { p.Title, p.Unread = "", reconcile.FieldTitle }, want: "held"},
		"what is not needed unread":  {person: func(p *reconcile.Person) { p.Unread = reconcile.FieldCompany | reconcile.FieldRoles }, want: "active"},
		"without the app":            {person: func(p *reconcile.Person) { p.Assigned = false }, want: "left"},
		"without it, suspended":      {person: func(p *reconcile.Person) { p.Assigned, p.Status = false, 2 }, want: "inactive"},
		"without it, unlicensed":     {person: func(p *reconcile.Person) { p.Assigned, p.Licence = false, 3 }, want: "inactive"},
		"without it, status unread":  {person: func(p *reconcile.Person) { p.Assigned, p.Unread = false, reconcile.FieldStatus }, want: "inactive"},
		"without it, licence unread": {person: func(p *reconcile.Person) { p.Assigned, p.Unread = false, reconcile.FieldLicence }, want: "inactive"},
		"blanks around the e-mail":   {person: func(p *reconcile.Person) { p.Email = " iris@acme.example\n" }, want: "active"},
		"no name":                    {person: func(p *reconcile.Person) { p.FirstName, p.LastName = " ", "" }, want: "held"},
		"a name unread":              {person: func(p *reconcile.Person) { p.Unread = reconcile.FieldLastName }, want: "held"},
		"no first name":              {person: func(p *reconcile.Person) { p.FirstName = " " }, want: "held"},
		"no name, suspended":         {person: func(p *reconcile.Person) { p.LastName, p.Status = "", 2 }, want: "inactive"},
		"in scope":                   {policy: scoped, want: "active"},
		"out of scope":               {person: func(p *reconcile.Person) { p.Roles = []int64{20} }, policy: scoped, want: "not ours"},
		"out of scope, suspended":    {person: func(p *reconcile.Person) { p.Roles, p.Status = nil, 2 }, policy: scoped, want: "not ours"},
		"scope unread":               {person: func(p *reconcile.Person) { p.Roles, p.Unread, p.Status = nil, reconcile.FieldRoles, 2 }, policy: scoped, want: "held"},
	} {
		p := iris()
		p.Assigned = true
		if c.person != nil {
			c.person(&p)
		}
		if got := standing(p, c.policy, complete); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	p := iris()
	p.Assigned, p.Status = true, 2
	if got := standing(p, scoped, reconcile.Receipt{}); got != "held" {
		t.Errorf("the roles were not read: %s, want held", got)
	}
	settled := reconcile.Policy{ActiveStatuses: []reconcile.Status{1, 6}, InactiveStatuses: []reconcile.Status{3}}
	for status, want := range map[reconcile.Status][2]string{-1: {"held", "held"}, 0: {"inactive", "held"}, 1: {"active", "active"}, 2: {"inactive", "held"}, 3: {"active", "inactive"},
		4: {"active", "held"}, 5: {"active", "held"}, 6: {"held", "active"}, 7: {"active", "held"}, 8: {"active", "held"}, 9: {"held", "held"}} {
		p := iris()
		p.Assigned, p.Status = true, status
		if got := [2]string{standing(p, reconcile.Policy{}, complete), standing(p, settled, complete)}; got != want {
			t.Errorf("status %d: %s, want %s", status, got, want)
		}
	}
	for licence, want := range map[reconcile.Licence]string{-1: "held", 0: "inactive", 1: "active", 2: "inactive", 3: "inactive", 4: "held"} {
		p := iris()
		p.Assigned, p.Licence = true, licence
		if got := standing(p, reconcile.Policy{}, complete); got != want {
			t.Errorf("licence %d: %s, want %s", licence, got, want)
		}
	}
}

// TestScopeNotes: a scope that names a role which OneLogin does not have manages nobody,
// and says so; not when the roles were not read.
func TestScopeNotes(t *testing.T) {
	policy := reconcile.Policy{ScopeRoles: []string{"Legal", "Gone"}}
	for want, d := range map[int]reconcile.Directory{
		1: {Roles: []reconcile.OneLoginRole{{ID: 10, Name: "Legal"}}, Receipt: reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: reconcile.ListRoles}}}},
		0: {},
	} {
		if _, notes := reconcile.Desired(&d, &policy); len(notes) != want {
			t.Errorf("%d notes, want %d: %v", len(notes), want, notes)
		}
	}
}
