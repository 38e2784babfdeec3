package reconciletest

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

// World is one random situation: what OneLogin says, what Tomorro has, what is
// remembered and what the administrator decided.
type World struct {
	Directory reconcile.Directory
	Current   reconcile.Current
	Links     map[reconcile.Key]string
	Policy    reconcile.Policy
	Asserted  []reconcile.Assertion // none in a drawn world
}

// Input gives the world as Decide takes it.
func (w *World) Input() reconcile.Input {
	return reconcile.Input{Directory: &w.Directory, Current: &w.Current, Links: w.Links, Policy: &w.Policy, Asserted: w.Asserted}
}

// The pools are small, so that people collide: the same address in another
// case, an address that another person had, a group that two rules name.
var (
	addresses = []string{"ann@x.io", "Ann@x.io", "bob@x.io", "cyd@x.io", "dee@x.io", "eve@x.io", "fay@x.io", "\u00e9lo@x.io", "e\u0301lo@x.io", "", "nobody"}
	titles    = []string{"admin", "manager", "user", "viewer", "Admin ", "Head of Legal", "Clerk", ""}
	statuses  = []reconcile.Status{1, 1, 1, 1, 1, 3, 0, 2, 6}
	families  = []string{"Doe", "O'Neil", "Øre", "", "نور"}
	groups    = []string{"legal", "Legal Ops", "sales", "hr", "équipe"}
)

// Worlds draws worlds. Roughly half of them have their accounts made from their
// people, with drift, so that most plans have something of everything.
func Worlds() *rapid.Generator[*World] {
	return rapid.Custom(func(t *rapid.T) *World {
		w := &World{Links: make(map[reconcile.Key]string)}
		w.Directory = drawDirectory(t)
		w.Current = drawCurrent(t, w)
		w.Policy = DrawPolicy(t)
		return w
	})
}

func pick[T any](t *rapid.T, name string, from []T) T { return rapid.SampledFrom(from).Draw(t, name) }

func chance(t *rapid.T, name string, percent int) bool {
	return rapid.IntRange(1, 100).Draw(t, name) <= percent
}

func drawDirectory(t *rapid.T) reconcile.Directory {
	d := reconcile.Directory{Receipt: reconcile.Receipt{Lists: []reconcile.ListReceipt{
		{List: reconcile.ListUsers}, {List: reconcile.ListAssigned}, {List: reconcile.ListRoles}, {List: reconcile.ListRules}}}}
	if chance(t, "incomplete", 15) {
		d.Receipt.Lists[rapid.IntRange(0, 3).Draw(t, "which list")].Why = "page 2 of 3 answered 502"
	}
	for id := int64(1); id <= 4; id++ {
		d.Roles = append(d.Roles, reconcile.OneLoginRole{ID: id, Name: fmt.Sprintf("Role %d", id)})
	}
	n := rapid.IntRange(0, 9).Draw(t, "people")
	for k := 1; k <= n; k++ {
		d.People = append(d.People, drawPerson(t, reconcile.Key(k)))
	}
	for id := 1; id <= rapid.IntRange(0, 5).Draw(t, "rules"); id++ {
		d.Rules = append(d.Rules, drawRule(t, id))
	}
	return d
}

func drawPerson(t *rapid.T, k reconcile.Key) reconcile.Person {
	p := reconcile.Person{
		Key: k, Email: pick(t, "email", addresses), FirstName: "Given" + k.String(), LastName: pick(t, "family", families),
		Title: pick(t, "title", titles), Status: pick(t, "status", statuses), Licence: reconcile.Approved,
		Assigned: chance(t, "assigned", 85), Department: pick(t, "department", []string{"Legal", "legal", "Sales", ""}),
	}
	if chance(t, "own address", 60) {
		p.Email = fmt.Sprintf("p%d@x.io", k)
	}
	if chance(t, "unlicensed", 5) {
		p.Licence = 3
	}
	for id := int64(1); id <= 4; id++ {
		if rapid.Bool().Draw(t, "role") {
			p.Roles = append(p.Roles, id)
		}
	}
	if chance(t, "unread", 5) {
		p.Unread = pick(t, "which fact", []reconcile.Fields{reconcile.FieldTitle, reconcile.FieldRoles, reconcile.FieldDepartment})
	}
	return p
}

func drawRule(t *rapid.T, id int) reconcile.Rule {
	r := reconcile.Rule{ID: int64(id), Name: fmt.Sprintf("rule %d", id), Position: id, MatchAny: rapid.Bool().Draw(t, "any")}
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		r.Conditions = append(r.Conditions, pick(t, "condition", []reconcile.Condition{
			{Source: "has_role", Operator: "ri", Value: "1"}, {Source: "has_role", Operator: "ri", Value: "2"},
			{Source: "has_role", Operator: "rin", Value: "3"}, {Source: "department", Operator: "=", Value: "Legal"},
			{Source: "title", Operator: "=", Value: "manager"}, {Source: "starsign", Operator: "=", Value: "Leo"},
		}))
	}
	r.Actions = []reconcile.Action{{Name: "set_groups", Values: []string{pick(t, "group", groups)}}}
	if chance(t, "by id", 20) {
		r.Actions[0].Values = []string{"g-1"}
	}
	if chance(t, "macro", 5) {
		r.Actions[0] = reconcile.Action{Name: "set_groups", Macro: "{department}"}
	}
	return r
}

func drawCurrent(t *rapid.T, w *World) reconcile.Current {
	var c reconcile.Current
	taken := make(map[string]bool)
	add := func(a reconcile.Account) bool {
		name := reconcile.Fold(a.UserName)
		if name == "" || taken[name] {
			return false
		}
		taken[name] = true
		a.ID = fmt.Sprintf("a-%d", len(c.Accounts)+1)
		c.Accounts = append(c.Accounts, a)
		return true
	}
	for _, p := range w.Directory.People {
		if chance(t, "has account", 65) && add(drawAccount(t, p)) && chance(t, "linked", 50) {
			w.Links[p.Key] = c.Accounts[len(c.Accounts)-1].ID
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "others") {
		a := reconcile.Account{UserName: fmt.Sprintf("other%d@x.io", i), GivenName: "O", FamilyName: "T",
			UserType: pick(t, "type", []reconcile.UserType{"admin", "user"}), Active: rapid.Bool().Draw(t, "active")}
		if chance(t, "takes an address", 20) {
			a.UserName = pick(t, "address", addresses)
		}
		left := reconcile.Key(100 + i)
		switch rapid.IntRange(0, 2).Draw(t, "kind of other") {
		case 1:
			a.ExternalID = reconcile.ExternalID(left)
			add(a)
		case 2:
			if add(a) {
				w.Links[left] = c.Accounts[len(c.Accounts)-1].ID
			}
		default:
			add(a)
		}
	}
	drawGroups(t, &c)
	return c
}

// drawAccount makes a person's account as it might have become.
func drawAccount(t *rapid.T, p reconcile.Person) reconcile.Account {
	a := reconcile.Account{UserName: p.Email, GivenName: p.FirstName, FamilyName: p.LastName, Active: chance(t, "still active", 80),
		UserType: pick(t, "current type", []reconcile.UserType{"admin", "manager", "user", "user", "user"})}
	if chance(t, "old address", 20) {
		a.UserName = pick(t, "previous address", addresses)
	}
	if chance(t, "marked", 40) {
		a.ExternalID = reconcile.ExternalID(p.Key)
	}
	return a
}

func drawGroups(t *rapid.T, c *reconcile.Current) {
	for i, name := range groups {
		if !chance(t, "group exists", 75) {
			continue
		}
		g := reconcile.Group{ID: fmt.Sprintf("g-%d", i+1), Name: name, Ours: rapid.Bool().Draw(t, "ours")}
		for _, a := range c.Accounts {
			if chance(t, "member", 30) {
				g.Members = append(g.Members, a.ID)
			}
		}
		slices.Sort(g.Members)
		c.Groups = append(c.Groups, g)
	}
}

// DrawPolicy draws an administrator's decisions.
func DrawPolicy(t *rapid.T) reconcile.Policy {
	p := reconcile.Policy{
		Pricing: pick(t, "pricing", []reconcile.Pricing{reconcile.PricingV5, reconcile.PricingV6}), AllowViewer: rapid.Bool().Draw(t, "viewer"),
		Titles:       map[string]reconcile.UserType{"head of legal": reconcile.Admin},
		GroupMode:    pick(t, "mode", []reconcile.GroupMode{reconcile.Exclusive, reconcile.Exclusive, reconcile.Additive}),
		CreateGroups: rapid.Bool().Draw(t, "create groups"), DeleteGroups: rapid.Bool().Draw(t, "delete groups"),
		DeleteUsers: chance(t, "delete users", 25), MinAdmins: rapid.IntRange(0, 2).Draw(t, "min admins"),
	}
	p.Limits.Allow = make(map[reconcile.Limit]reconcile.Allowance)
	for _, l := range []reconcile.Limit{reconcile.LimitDeactivate, reconcile.LimitDelete, reconcile.LimitRemoveMember,
		reconcile.LimitChangeRole, reconcile.LimitGrantAdmin, reconcile.LimitRename, reconcile.LimitCreate, reconcile.LimitRemoveFromGroup} {
		if chance(t, "limited", 25) {
			most := rapid.IntRange(0, 3).Draw(t, "limit")
			p.Limits.Allow[l] = reconcile.Allowance{Max: &most}
		}
	}
	if chance(t, "protects", 25) {
		p.Protect = []string{pick(t, "protected", []string{"p1@x.io", "2", "ann@x.io", "group:Legal"})}
	}
	if chance(t, "api account", 15) {
		p.APIAccount = pick(t, "api", []string{"p2@x.io", "other0@x.io"})
	}
	if chance(t, "substitute", 25) {
		p.DefaultSubstitute = pick(t, "who", []string{"p3@x.io", "other0@x.io"})
	}
	if chance(t, "scope", 15) {
		p.ScopeRoles = []string{"role 1"}
	}
	if chance(t, "approvals", 15) {
		p.Approve = []string{pick(t, "kind", []string{"create", "update", "delete"})}
	}
	return p
}
