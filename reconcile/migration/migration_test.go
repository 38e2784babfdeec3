package migration_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/migration"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// organisation is a company whose memberships rules have made.
type organisation struct {
	in    migration.Input
	rules int
}

func give(any bool, groups []string, of ...reconcile.Condition) reconcile.Rule {
	return reconcile.Rule{MatchAny: any, Conditions: of, Actions: []reconcile.Action{{Name: "set_groups", Values: groups}}}
}

func is(source, value string) reconcile.Condition {
	if source == "has_role" {
		return reconcile.Condition{Source: source, Operator: "ri", Value: value}
	}
	return reconcile.Condition{Source: source, Operator: "=", Value: value}
}

// company has n people with chosen attributes, and groups that nobody is in.
func company(n, groups int, attributes func(i int, p *reconcile.Person)) *organisation {
	d, c := &reconcile.Directory{}, &reconcile.Current{}
	for i := range n {
		p := reconcile.Person{Key: reconcile.Key(i + 1), Email: fmt.Sprintf("p%d@acme.example", i+1), FirstName: "A", LastName: "B", Title: "user", Status: 1, Licence: reconcile.Approved, Assigned: true}
		attributes(i, &p)
		d.People = append(d.People, p)
		c.Accounts = append(c.Accounts, reconcile.Account{ID: fmt.Sprint("a", i+1), UserName: p.Email, Active: true, UserType: reconcile.User})
	}
	for r := range 8 {
		d.Roles = append(d.Roles, reconcile.OneLoginRole{ID: int64(r + 1), Name: fmt.Sprint("Role ", r+1)})
	}
	for g := range groups {
		c.Groups = append(c.Groups, reconcile.Group{ID: fmt.Sprint("g", g+1), Name: fmt.Sprint("Group ", g+1)})
	}
	owner := func(account string) (reconcile.Key, bool) {
		var k reconcile.Key
		_, err := fmt.Sscanf(account, "a%d", &k)
		return k, err == nil
	}
	return &organisation{in: migration.Input{Directory: d, Current: c, Policy: &reconcile.Policy{Pricing: reconcile.PricingV6}, Owner: owner, Now: now}}
}

// apply makes the memberships that rules give, and says how many.
func (o *organisation) apply(rules ...reconcile.Rule) (memberships int) {
	o.rules = len(rules)
	book := reconcile.CompileRules(rules, o.in.Directory.Roles, reconcile.RuleReading{})
	for i := range o.in.Directory.People {
		for _, g := range book.Evaluate(&o.in.Directory.People[i], now).Grants {
			k := slices.IndexFunc(o.in.Current.Groups, func(x reconcile.Group) bool { return x.ID == g.Group })
			o.in.Current.Groups[k].Members = append(o.in.Current.Groups[k].Members, fmt.Sprint("a", i+1))
			memberships++
		}
	}
	return memberships
}

// generated is a company as chance has it, with 10 to 500 memberships that up to eight
// rules made: on a role, a department, a title, two of these together, or one of two.
func generated(seed uint64) *organisation {
	for try := uint64(0); ; try++ {
		rnd := rand.New(rand.NewPCG(seed, try))
		departments, titles, groups := 2+rnd.IntN(6), 2+rnd.IntN(4), 2+rnd.IntN(8)
		title := func() string { return []string{"user", "manager", "viewer", "admin", "head"}[rnd.IntN(titles)] }
		department := func() string { return fmt.Sprint("Department ", rnd.IntN(departments)) }
		o := company(8+rnd.IntN(90), groups, func(_ int, p *reconcile.Person) {
			p.Department, p.Title, p.Company = department(), title(), []string{"Acme", "Acme Ltd"}[rnd.IntN(2)]
			for r := range int64(8) {
				if rnd.IntN(4) == 0 {
					p.Roles = append(p.Roles, r+1)
				}
			}
		})
		one := func() reconcile.Condition {
			switch rnd.IntN(4) {
			case 0, 1:
				return is("has_role", fmt.Sprint(rnd.IntN(8)+1))
			case 2:
				return is("department", department())
			}
			return is("title", title())
		}
		var rules []reconcile.Rule
		for range 1 + rnd.IntN(8) {
			given := []string{fmt.Sprint("g", rnd.IntN(groups)+1)}
			for rnd.IntN(3) == 0 {
				given = append(given, fmt.Sprint("g", rnd.IntN(groups)+1))
			}
			switch rnd.IntN(6) {
			case 0:
				rules = append(rules, give(false, given, one(), one()))
			case 1:
				rules = append(rules, give(true, given, one(), one()))
			default:
				rules = append(rules, give(false, given, one()))
			}
		}
		if n := o.apply(rules...); n >= 10 && n <= 500 {
			return o
		}
	}
}

// reproduces evaluates a proposal by itself: each person gets what they have, and no more.
func reproduces(t *testing.T, o *organisation, p *migration.Proposal) {
	t.Helper()
	var rules []reconcile.Rule
	for i := range p.Rules {
		rules = append(rules, p.Rules[i].Rule)
	}
	has, roles := make(map[reconcile.Key][]int64), slices.Clone(o.in.Directory.Roles)
	for _, r := range p.Roles {
		roles = append(roles, reconcile.OneLoginRole{ID: r.ID, Name: r.Name})
		for _, k := range r.People {
			has[k] = append(has[k], r.ID)
		}
	}
	book := reconcile.CompileRules(rules, roles, o.in.Policy.Rules)
	for _, person := range o.in.Directory.People {
		person.Roles = slices.Sorted(slices.Values(slices.Concat(person.Roles, has[person.Key])))
		var given, want []string
		for _, g := range book.Evaluate(&person, now).Grants {
			given = append(given, g.Group)
		}
		for _, g := range o.in.Current.Groups {
			if slices.Contains(g.Members, fmt.Sprint("a", person.Key)) {
				want = append(want, g.ID)
			}
		}
		slices.Sort(given)
		if slices.Sort(want); !slices.Equal(given, want) {
			t.Errorf("%s gets %v and has %v", person.Email, given, want)
		}
	}
	if !p.Exact {
		t.Error("the proposal does not call itself exact")
	}
}

// TestOrganisations: in 200 companies whose memberships rules made, the proposal gives
// exactly these, and in 95 of a hundred has no more rules than there were.
func TestOrganisations(t *testing.T) {
	t.Parallel()
	more := 0
	for seed := range uint64(200) {
		o := generated(seed)
		p := migration.Propose(o.in)
		reproduces(t, o, &p)
		if len(p.Rules) > o.rules {
			more++
			t.Logf("company %d: %d rules made it, %d are proposed", seed, o.rules, len(p.Rules))
		}
		if len(p.NoPerson)+len(p.NoAccess) > 0 {
			t.Errorf("company %d: nobody's memberships: %+v %+v", seed, p.NoPerson, p.NoAccess)
		}
	}
	if t.Logf("%d of 200 have more rules than there were", more); more > 10 {
		t.Error("that is more than 5 percent")
	}
}

// TestPropose: what is proposed, and in what words.
func TestPropose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules []reconcile.Rule
		edit  func(o *organisation)
		want  string
	}{
		"a role":                  {[]reconcile.Rule{give(false, []string{"g1"}, is("has_role", "1"))}, nil, `has the role "Role 1" -> Group 1`},
		"one rule for two groups": {[]reconcile.Rule{give(false, []string{"g1"}, is("department", "IT")), give(false, []string{"g2"}, is("department", "IT"))}, nil, `department = "IT" -> Group 1, Group 2`},
		"one rule for two values": {[]reconcile.Rule{give(false, []string{"g1"}, is("department", "IT")), give(false, []string{"g1"}, is("department", "Legal"))}, nil, `department = "Legal" or department = "IT" -> Group 1`},
		"two things together":     {[]reconcile.Rule{give(false, []string{"g1"}, is("department", "IT"), is("title", "admin"))}, nil, `department = "IT" and title = "admin" -> Group 1`},
		"everybody":               {[]reconcile.Rule{give(false, []string{"g1"})}, nil, `everybody -> Group 1`},
		"nothing":                 {nil, nil, ""},
		"nothing explains it": {nil, func(o *organisation) {
			o.in.Current.Groups[0].Members = []string{"a1", "a2"}
		}, `has the role "Tomorro: Group 1 (new)" -> Group 1; Tomorro: Group 1 of p1@acme.example p2@acme.example`},
		"one more than the department": {[]reconcile.Rule{give(false, []string{"g1"}, is("department", "IT"))}, func(o *organisation) {
			o.in.Current.Groups[0].Members = append(o.in.Current.Groups[0].Members, "a1")
		}, `department = "IT" -> Group 1; has the role "Tomorro: Group 1 (new)" -> Group 1; Tomorro: Group 1 of p1@acme.example`},
		"an account of nobody": {nil, func(o *organisation) {
			o.in.Current.Accounts = append(o.in.Current.Accounts, reconcile.Account{ID: "x", UserName: "api@acme.example"})
			o.in.Current.Groups[0].Members = []string{"x"}
		}, "nobody: api@acme.example"},
		"somebody who left": {nil, func(o *organisation) {
			o.in.Directory.People[0].Status, o.in.Current.Groups[0].Members = 2, []string{"a1"}
		}, "no access: p1@acme.example"},
		"a present rule of another kind": {[]reconcile.Rule{give(false, []string{"g1"}, reconcile.Condition{Source: "email", Operator: "ew", Value: "1@acme.example"})}, func(o *organisation) {
			o.in.Directory.Rules = []reconcile.Rule{give(false, []string{"g2"}, reconcile.Condition{Source: "email", Operator: "ew", Value: "1@acme.example"})}
		}, `email ew "1@acme.example" -> Group 1`},
		"a fact that is not known": {[]reconcile.Rule{give(false, []string{"g1"}, is("department", "IT"))}, func(o *organisation) {
			o.in.Directory.People[0].Unread |= reconcile.FieldDepartment
		}, `has the role "Tomorro: Group 1 (new)" -> Group 1; Tomorro: Group 1 of p3@acme.example p6@acme.example p9@acme.example p12@acme.example`},
	} {
		o := company(12, 2, func(i int, p *reconcile.Person) {
			p.Department, p.Title = []string{"Legal", "Sales", "IT"}[i%3], []string{"user", "admin"}[i/3%2]
			if i%2 == 0 {
				p.Roles = []int64{1}
			}
		})
		o.apply(c.rules...)
		if c.edit != nil {
			c.edit(o)
		}
		p := migration.Propose(o.in)
		var lines []string
		for i := range p.Rules {
			lines = append(lines, p.Words(&p.Rules[i], o.in.Directory.Roles)+" -> "+strings.Join(p.Rules[i].Groups, ", "))
		}
		for _, r := range p.Roles {
			lines = append(lines, r.Name+" of "+strings.Join(r.Who, " "))
		}
		for _, m := range p.NoPerson {
			lines = append(lines, "nobody: "+m.Who)
		}
		for _, m := range p.NoAccess {
			lines = append(lines, "no access: "+m.Who)
		}
		if got := strings.Join(lines, "; "); got != c.want {
			t.Errorf("%s: %s\nwant %s", name, got, c.want)
		}
		if !p.Exact {
			t.Errorf("%s: not exact", name)
		}
	}
}

// TestLastRuleWins: where the last rule that matches decides alone, the proposal still
// gives what there is.
func TestLastRuleWins(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		o := generated(seed)
		o.in.Policy.Rules.LastWins = true
		p := migration.Propose(o.in)
		reproduces(t, o, &p)
	}
}

// TestReview: how far the present rules are from what there is.
func TestReview(t *testing.T) {
	t.Parallel()
	o := company(6, 1, func(i int, p *reconcile.Person) { p.Department = []string{"IT", "Sales"}[i%2] })
	o.in.Directory.Rules = []reconcile.Rule{give(false, []string{"group 1"}, is("department", "IT"))}
	o.in.Current.Groups[0].Members = []string{"a1", "a2"}
	want := migration.Group{ID: "g1", Name: "Group 1", Members: 2, Given: 1, Extra: 2}
	if p := migration.Propose(o.in); len(p.Groups) != 1 || p.Groups[0] != want {
		t.Errorf("%+v", p.Groups)
	}
}
