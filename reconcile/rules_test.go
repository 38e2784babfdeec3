package reconcile_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

func at() time.Time { return time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC) }

func iris() reconcile.Person {
	return reconcile.Person{Key: 1, Email: "iris@acme.example", FirstName: "Iris", LastName: "Kaya", Title: "Legal Counsel", Department: "Legal",
		Company: "Acme", Status: 1, Licence: 1, GroupID: 7, Roles: []int64{10, 20}, MemberOf: []string{"CN=Legal", "CN=All"},
		LastLogin: at().Add(-50 * 24 * time.Hour), Custom: map[string]string{"cost": "4410"}}
}

// verdictOf evaluates one condition as the only one of a rule: "yes", "no", "maybe".
func verdictOf(c reconcile.Condition, p reconcile.Person, reading reconcile.RuleReading) string {
	rule := reconcile.Rule{ID: 1, Name: "r", Conditions: []reconcile.Condition{c}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g"}}}}
	v := reconcile.CompileRules([]reconcile.Rule{rule}, []reconcile.OneLoginRole{{ID: 10, Name: "Legal"}, {ID: 20, Name: "Sales"}}, reading).Evaluate(&p, at())
	switch {
	case len(v.Grants) == 1:
		return "yes"
	case len(v.Maybe) == 1:
		return "maybe"
	}
	return "no"
}

func TestConditions(t *testing.T) {
	for _, c := range []struct{ source, operator, value, want string }{
		{"has_role", "ri", "10", "yes"}, {"has_role", "ri", "11", "no"}, {"has_role", "rin", "10", "no"}, {"has_role", "rin", "11", "yes"},
		{"has_role", "nri", "11", "yes"}, {"has_role", "=", "10", "maybe"}, {"has_role", "ri", "Legal", "maybe"},
		{"department", "=", "Legal", "yes"}, {"department", "=", "legal", "maybe"}, {"department", "=", "Sales", "no"},
		{"department", "!=", "Sales", "yes"}, {"department", "!=", "Legal", "no"}, {"department", "!=", "LEGAL", "maybe"},
		{"title", "~", "Coun", "yes"}, {"title", "~", "coun", "maybe"}, {"title", "!~", "Head", "yes"}, {"title", "bw", "Legal", "yes"}, {"title", "ew", "sel", "yes"},
		{"title", "ew", "Legal", "no"}, {"email", "ew", "@acme.example", "yes"}, {"username", "=", "", "yes"}, {"company", "=", "Acme", "yes"},
		{"firstname", "=", "Iris", "yes"}, {"lastname", "bw", "K", "yes"}, {"custom_attribute_cost", "=", "4410", "yes"}, {"custom_attribute_cost", ">", "4000", "yes"},
		{"custom_attribute_cost", ">", "4410", "no"}, {"custom_attribute_cost", "<", "4410", "no"}, {"custom_attribute_cost", "<", "5000", "yes"}, {"custom_attribute_cost", ">", "much", "maybe"},
		{"custom_attribute_none", "=", "", "yes"}, {"custom_attribute_", "=", "", "maybe"}, {"title", ">", "4", "maybe"},
		{"member_of", "=", "CN=All", "maybe"}, {"member_of", "!=", "CN=All", "maybe"}, {"member_of", "!=", "CN=Board", "yes"}, {"member_of", "~", "Leg", "yes"},
		{"status", "=", "1", "yes"}, {"status", "!=", "2", "yes"}, {"status", ">", "0", "yes"}, {"status", ">", "1", "no"}, {"status", "<", "1", "no"}, {"status", "<", "2", "yes"}, {"status", "~", "1", "maybe"},
		{"status", "=", "Active", "maybe"}, {"status", "!=", "Suspended", "maybe"}, {"status", "=", "", "maybe"},
		{"group_id", "=", "7", "yes"}, {"group_id", "=", "", "no"}, {"group_id", "!=", "", "yes"}, {"group_id", "=", "Paris", "maybe"}, {"group_id", "!=", "Paris", "maybe"}, {"group_id", ">", "1", "maybe"}, {"group_id", "<", "9", "maybe"},
		{"last_login", ">", "30", "yes"}, {"last_login", ">", "120", "no"}, {"last_login", "<", "120", "yes"}, {"last_login", ">", "50", "maybe"}, {"last_login", "=", "10", "maybe"}, {"last_login", "<", "ever", "maybe"},
		{"starsign", "=", "Leo", "maybe"}, {"title", "contains", "x", "maybe"},
	} {
		if got := verdictOf(reconcile.Condition{Source: c.source, Operator: c.operator, Value: c.value}, iris(), reconcile.RuleReading{}); got != c.want {
			t.Errorf("%s %s %q: %s, want %s", c.source, c.operator, c.value, got, c.want)
		}
	}
}

func TestCaseCanBeSettled(t *testing.T) {
	c := reconcile.Condition{Source: "department", Operator: "=", Value: "legal"}
	for reading, want := range map[string]string{"": "maybe", "sensitive": "no", "insensitive": "yes"} {
		if got := verdictOf(c, iris(), reconcile.RuleReading{Case: reading}); got != want {
			t.Errorf("%q: %s, want %s", reading, got, want)
		}
	}
}

// TestMemberOfCanBeSettled: somebody in two directory groups has one text with both.
// What holds of each group and of the text holds; what holds of one of them is uncertain,
// and nobody who is in one group depends on it. Who is in none has a text without anything
// in it, and no group to compare.
func TestMemberOfCanBeSettled(t *testing.T) {
	two, one, none := iris(), iris(), iris()
	one.MemberOf, none.MemberOf = []string{"CN=Legal"}, nil
	for _, c := range []struct {
		of                     reconcile.Person
		operator, value        string
		unsettled, each, whole string
	}{
		{of: two, operator: "=", value: "CN=All", unsettled: "maybe", each: "yes", whole: "no"},
		{of: two, operator: "=", value: "CN=Legal;CN=All", unsettled: "maybe", each: "no", whole: "yes"},
		{of: two, operator: "!=", value: "CN=All", unsettled: "maybe", each: "no", whole: "yes"},
		{of: two, operator: "bw", value: "CN=All", unsettled: "maybe", each: "yes", whole: "no"},
		{of: two, operator: "ew", value: "=Legal", unsettled: "maybe", each: "yes", whole: "no"},
		{of: two, operator: "bw", value: "CN=L", unsettled: "yes", each: "yes", whole: "yes"},
		{of: two, operator: "~", value: "All", unsettled: "yes", each: "yes", whole: "yes"},
		{of: two, operator: "!~", value: "Board", unsettled: "yes", each: "yes", whole: "yes"},
		{of: one, operator: "=", value: "CN=Legal", unsettled: "yes", each: "yes", whole: "yes"},
		{of: none, operator: "=", value: "CN=Legal", unsettled: "no", each: "no", whole: "no"},
		{of: none, operator: "!=", value: "CN=Legal", unsettled: "yes", each: "yes", whole: "yes"},
		{of: none, operator: "=", value: "", unsettled: "maybe", each: "no", whole: "yes"},
		{of: none, operator: "!=", value: "", unsettled: "maybe", each: "yes", whole: "no"},
		{of: one, operator: "!=", value: "", unsettled: "yes", each: "yes", whole: "yes"},
	} {
		for reading, want := range map[string]string{"": c.unsettled, "each": c.each, "whole": c.whole} {
			if got := verdictOf(reconcile.Condition{Source: "member_of", Operator: c.operator, Value: c.value}, c.of, reconcile.RuleReading{MemberOf: reading}); got != want {
				t.Errorf("%q: %q %s %q: %s, want %s", reading, c.of.MemberOf, c.operator, c.value, got, want)
			}
		}
	}
}

// TestBlanksAreUncertain: whether OneLogin trims what it compares is not documented, and
// settling case does not settle that.
func TestBlanksAreUncertain(t *testing.T) {
	for _, reading := range []string{"", "sensitive", "insensitive"} {
		for _, c := range []struct{ has, operator, value, want string }{
			{"Legal ", "=", "Legal", "maybe"}, {"Legal", "=", "Legal ", "maybe"}, {"Legal ", "!=", "Legal", "maybe"},
			{"Legal ", "ew", "gal", "maybe"}, {" Legal", "bw", "Leg", "maybe"}, {"Legal Ops", "bw", "Legal ", "yes"},
			{"Legal ", "bw", "Leg", "yes"}, {"Legal ", "~", "ega", "yes"}, {"Legal ", "=", "Sales", "no"}, {"", "=", " ", "maybe"},
		} {
			p := iris()
			p.Department = c.has
			if got := verdictOf(reconcile.Condition{Source: "department", Operator: c.operator, Value: c.value}, p, reconcile.RuleReading{Case: reading}); got != c.want {
				t.Errorf("case %q: %q %s %q: %s, want %s", reading, c.has, c.operator, c.value, got, c.want)
			}
		}
	}
}

func TestUnreadFactsAreUncertain(t *testing.T) {
	for source, f := range map[string]reconcile.Fields{"title": reconcile.FieldTitle, "department": reconcile.FieldDepartment, "company": reconcile.FieldCompany,
		"email": reconcile.FieldEmail, "username": reconcile.FieldUsername, "firstname": reconcile.FieldFirstName, "lastname": reconcile.FieldLastName,
		"member_of": reconcile.FieldMemberOf, "group_id": reconcile.FieldGroup, "status": reconcile.FieldStatus, "custom_attribute_x": reconcile.FieldCustom} {
		p := iris()
		p.Unread = f
		if got := verdictOf(reconcile.Condition{Source: source, Operator: "=", Value: "1"}, p, reconcile.RuleReading{}); got != "maybe" {
			t.Errorf("%s: %s", source, got)
		}
	}
	p := iris()
	p.Unread, p.Roles = reconcile.FieldRoles, nil
	if got := verdictOf(reconcile.Condition{Source: "has_role", Operator: "ri", Value: "10"}, p, reconcile.RuleReading{}); got != "maybe" {
		t.Errorf("has_role: %s", got)
	}
	p = iris()
	p.LastLogin = time.Time{}
	if got := verdictOf(reconcile.Condition{Source: "last_login", Operator: ">", Value: "10"}, p, reconcile.RuleReading{}); got != "maybe" {
		t.Errorf("last_login: %s", got)
	}
}

func TestMapFromOneLogin(t *testing.T) {
	roles := []reconcile.OneLoginRole{{ID: 10, Name: "AWS - Ops"}, {ID: 20, Name: "Ops Team"}}
	for _, c := range []struct {
		source, expression string
		reading            reconcile.RuleReading
		unread             reconcile.Fields
		grants, maybe      string
		any                bool
	}{
		{source: "role", expression: ".*", grants: "AWS - Ops,Ops Team"},
		{source: "roles", expression: "", grants: "AWS - Ops,Ops Team"},
		{source: "member_of", expression: "/.*/", grants: "CN=All,CN=Legal"},
		{source: "department", expression: ".*", grants: "Legal"},
		{source: "role", expression: "Ops", maybe: "Ops"},
		{source: "role", expression: "Ops", reading: reconcile.RuleReading{Regexp: "anchored"}},
		{source: "role", expression: "Ops", reading: reconcile.RuleReading{Regexp: "unanchored"}, grants: "Ops"},
		{source: "role", expression: "AWS - (.*)", maybe: "AWS - Ops,Ops"},
		{source: "role", expression: "AWS - (.*)", reading: reconcile.RuleReading{Capture: "group"}, grants: "Ops"},
		{source: "role", expression: "AWS - (.*)", reading: reconcile.RuleReading{Capture: "whole"}, grants: "AWS - Ops"},
		// The same expression in other case: a role that only one of the two readings maps.
		{source: "role", expression: "aws - .*", reading: reconcile.RuleReading{Regexp: "anchored"}, maybe: "AWS - Ops"},
		{source: "role", expression: "aws - .*", reading: reconcile.RuleReading{Regexp: "anchored", Case: "sensitive"}},
		{source: "role", expression: "aws - .*", reading: reconcile.RuleReading{Regexp: "anchored", Case: "insensitive"}, grants: "AWS - Ops"},
		{source: "role", expression: "AWS - .*", reading: reconcile.RuleReading{Regexp: "anchored"}, grants: "AWS - Ops"},
		{source: "department", expression: "/Legal/", grants: "Legal"},
		{source: "department", expression: "/Legal"}, // no slashes around it, so they are its own
		{source: "department", expression: "Legal/"},
		{source: "role", expression: "(?!x)", any: true}, // Ruby's, which Go cannot read
		{source: "horoscope", expression: ".*", any: true},
		{source: "department", expression: ".*", unread: reconcile.FieldDepartment, any: true},
		{source: "role", expression: ".*", unread: reconcile.FieldRoles, any: true},
		{source: "role", expression: ".*", unread: reconcile.FieldDepartment, grants: "AWS - Ops,Ops Team"},
	} {
		rule := reconcile.Rule{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{c.source}, Expression: &c.expression}}}
		p := iris()
		p.Unread = c.unread
		book := reconcile.CompileRules([]reconcile.Rule{rule}, roles, c.reading)
		v := book.Evaluate(&p, at())
		if !book.MayGiveAny() {
			t.Errorf("%s %q: its groups could be listed", c.source, c.expression)
		}
		if names(v.Grants) != c.grants || names(v.Maybe) != c.maybe || (v.MaybeAny != nil) != c.any {
			t.Errorf("%s %q: grants %q, maybe %q, any %v", c.source, c.expression, names(v.Grants), names(v.Maybe), v.MaybeAny != nil)
		}
	}
}

func names(grants []reconcile.Grant) string {
	var out []string
	for _, g := range grants {
		out = append(out, g.Group)
	}
	return strings.Join(out, ",")
}

func TestHowRulesCombine(t *testing.T) {
	set := func(id, position int, when string, groups ...string) reconcile.Rule {
		r := reconcile.Rule{ID: int64(id), Name: fmt.Sprint(id), Position: position, Actions: []reconcile.Action{{Name: "set_groups", Values: groups}}}
		if when != "" {
			r.Conditions = []reconcile.Condition{{Source: "department", Operator: "=", Value: when}}
		}
		return r
	}
	mapped := func(id, position int, source, expression string) reconcile.Rule {
		return reconcile.Rule{ID: int64(id), Name: fmt.Sprint(id), Position: position, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{source}, Expression: &expression}}}
	}
	role, other := set(1, 1, "", "a"), set(2, 2, "", "x")
	role.Conditions = []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "10"}}
	other.Actions[0].Name = "set_role"
	for name, c := range map[string]struct {
		rules         []reconcile.Rule
		lastWins      bool
		grants, maybe string
	}{
		"union":                      {rules: []reconcile.Rule{set(1, 1, "", "a"), set(2, 2, "Legal", "b", "a"), set(3, 3, "Sales", "c")}, grants: "a,b"},
		"last wins":                  {rules: []reconcile.Rule{set(2, 2, "Legal", "b"), set(1, 1, "", "a"), set(3, 3, "Sales", "c")}, lastWins: true, grants: "b"},
		"position null is last":      {rules: []reconcile.Rule{set(1, -1, "", "a"), set(2, 2, "Legal", "b")}, lastWins: true, grants: "a"},
		"uncertain":                  {rules: []reconcile.Rule{set(1, 1, "", "a"), set(2, 2, "LEGAL", "b")}, grants: "a", maybe: "b"},
		"uncertain and last wins":    {rules: []reconcile.Rule{set(1, 1, "", "a"), set(2, 2, "LEGAL", "b")}, lastWins: true, maybe: "a,b"},
		"last wins, gives nothing":   {rules: []reconcile.Rule{set(1, 1, "", "a"), mapped(2, 2, "company", "Acme.+")}, lastWins: true, maybe: "a"},
		"last wins, gives something": {rules: []reconcile.Rule{set(1, 1, "", "a"), mapped(2, 2, "company", ".*")}, lastWins: true, grants: "Acme"},
		"last wins, may give":        {rules: []reconcile.Rule{set(1, 1, "", "a"), mapped(2, 2, "company", "Acm")}, lastWins: true, maybe: "Acm,a"},
		"last wins, gives several":   {rules: []reconcile.Rule{set(1, 1, "", "a"), mapped(2, 2, "member_of", ".*")}, lastWins: true, grants: "CN=All,CN=Legal"},
		"last wins, after a role's":  {rules: []reconcile.Rule{role, set(2, 2, "Legal", "b")}, lastWins: true, grants: "b"},
		"last wins, not of groups":   {rules: []reconcile.Rule{set(1, 1, "", "a"), other}, lastWins: true, grants: "a"},
		"no group":                   {rules: []reconcile.Rule{set(1, 1, "", "", " ", " a ")}, grants: "a"},
		"uncertain, certain as well": {rules: []reconcile.Rule{set(1, 1, "LEGAL", "a"), set(2, 2, "", "a")}, grants: "a"},
	} {
		p := iris()
		v := reconcile.CompileRules(c.rules, nil, reconcile.RuleReading{LastWins: c.lastWins}).Evaluate(&p, at())
		if names(v.Grants) != c.grants || names(v.Maybe) != c.maybe {
			t.Errorf("%s: grants %q, maybe %q", name, names(v.Grants), names(v.Maybe))
		}
	}
}

func TestKleene(t *testing.T) {
	yes, no, maybe := reconcile.Condition{Source: "department", Operator: "=", Value: "Legal"}, reconcile.Condition{Source: "department", Operator: "=", Value: "Sales"}, reconcile.Condition{Source: "x", Operator: "=", Value: "y"}
	for _, c := range []struct {
		any        bool
		conditions []reconcile.Condition
		want       string
	}{
		{false, []reconcile.Condition{yes, maybe}, "maybe"}, {false, []reconcile.Condition{no, maybe}, "no"}, {false, []reconcile.Condition{yes, yes}, "yes"},
		{true, []reconcile.Condition{yes, maybe}, "yes"}, {true, []reconcile.Condition{no, maybe}, "maybe"}, {true, []reconcile.Condition{no, no}, "no"},
		{false, nil, "yes"}, {true, nil, "yes"},
	} {
		rule := reconcile.Rule{ID: 1, MatchAny: c.any, Conditions: c.conditions, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g"}}}}
		p := iris()
		v := reconcile.CompileRules([]reconcile.Rule{rule}, nil, reconcile.RuleReading{}).Evaluate(&p, at())
		got := map[[2]bool]string{{true, false}: "yes", {false, true}: "maybe", {false, false}: "no"}[[2]bool{len(v.Grants) > 0, len(v.Maybe) > 0}]
		if got != c.want {
			t.Errorf("any %v, %d conditions: %s, want %s", c.any, len(c.conditions), got, c.want)
		}
	}
}

func TestRuleNotes(t *testing.T) {
	rules := []reconcile.Rule{
		{ID: 1, Name: "ghost", Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "99"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g"}}}},
		{ID: 2, Name: "macro", Actions: []reconcile.Action{{Name: "set_groups", Macro: "{x}"}}},
		{ID: 3, Name: "user name", Actions: []reconcile.Action{{Name: "set_scimusername", Values: []string{"x"}}}},
		{ID: 4, Name: "odd", Conditions: []reconcile.Condition{{Source: "title", Operator: "like", Value: "x"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"g"}}}},
	}
	book := reconcile.CompileRules(rules, []reconcile.OneLoginRole{{ID: 10, Name: "Legal"}}, reconcile.RuleReading{})
	var text strings.Builder
	for _, n := range book.Notes() {
		fmt.Fprintf(&text, "%s: %s\n", n.Subject, n.Text)
	}
	for _, want := range []string{`rule 1 "ghost": names role 99, which does not exist`, `rule 2 "macro": sets groups by a macro`, `rule 3 "user name": has the action set_scimusername`, `rule 4 "odd": has the operator "like"`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no note %q in\n%s", want, text.String())
		}
	}
	if !book.MayGiveAny() || len(book.Groups()) != 2 {
		t.Errorf("any %v, groups %v", book.MayGiveAny(), book.Groups())
	}
}

// naive evaluates certain rules straight from the documentation, one by one:
// "set_groups" of every matching rule, "ri", "rin", "=" with exact case.
func naive(rules []reconcile.Rule, p *reconcile.Person) []string {
	var out []string
	for _, r := range rules {
		hits := 0
		for _, c := range r.Conditions {
			id, _ := strconv.ParseInt(c.Value, 10, 64)
			if c.Operator == "ri" && slices.Contains(p.Roles, id) || c.Operator == "rin" && !slices.Contains(p.Roles, id) || c.Operator == "=" && p.Department == c.Value {
				hits++
			}
		}
		if hits == len(r.Conditions) || r.MatchAny && hits > 0 {
			out = append(out, r.Actions[0].Values...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestLawIndexEqualsNaive(t *testing.T) {
	condition := rapid.SampledFrom([]reconcile.Condition{
		{Source: "has_role", Operator: "ri", Value: "1"}, {Source: "has_role", Operator: "ri", Value: "2"}, {Source: "has_role", Operator: "ri", Value: "3"},
		{Source: "has_role", Operator: "rin", Value: "2"}, {Source: "department", Operator: "=", Value: "A"}, {Source: "department", Operator: "=", Value: "B"}})
	rapid.Check(t, func(t *rapid.T) {
		var rules []reconcile.Rule
		for id := range rapid.IntRange(0, 8).Draw(t, "rules") {
			rules = append(rules, reconcile.Rule{ID: int64(id), Position: rapid.IntRange(-1, 9).Draw(t, "position"), MatchAny: rapid.Bool().Draw(t, "any"),
				Conditions: rapid.SliceOfN(condition, 0, 3).Draw(t, "conditions"),
				Actions:    []reconcile.Action{{Name: "set_groups", Values: rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 2).Draw(t, "groups")}}})
		}
		p := &reconcile.Person{Department: rapid.SampledFrom([]string{"A", "B", ""}).Draw(t, "department")}
		for id := int64(1); id <= 3; id++ {
			if rapid.Bool().Draw(t, "role") {
				p.Roles = append(p.Roles, id)
			}
		}
		reading := reconcile.RuleReading{Case: "sensitive"}
		v := reconcile.CompileRules(rules, nil, reading).Evaluate(p, at())
		if got, want := names(v.Grants), strings.Join(naive(rules, p), ","); got != want || len(v.Maybe) > 0 {
			t.Fatalf("%q and maybe %q, want %q", got, names(v.Maybe), want)
		}
		// Not knowing a fact never turns what is certain into its opposite.
		less := *p
		if rapid.Bool().Draw(t, "roles unread") {
			less.Unread, less.Roles = reconcile.FieldRoles, nil
		} else {
			less.Unread, less.Department = reconcile.FieldDepartment, ""
		}
		u := reconcile.CompileRules(rules, nil, reading).Evaluate(&less, at())
		possible := append(slices.Clone(u.Grants), u.Maybe...)
		for _, g := range v.Grants {
			if !slices.ContainsFunc(possible, func(x reconcile.Grant) bool { return x.Group == g.Group }) {
				t.Fatalf("%s is certain, and impossible when %b is unread", g.Group, less.Unread)
			}
		}
		for _, g := range u.Grants {
			if !slices.ContainsFunc(v.Grants, func(x reconcile.Grant) bool { return x.Group == g.Group }) {
				t.Fatalf("%s is granted only because %b is unread", g.Group, less.Unread)
			}
		}
	})
}

func TestTitles(t *testing.T) {
	p := reconcile.Policy{Pricing: reconcile.PricingV6, Titles: map[string]reconcile.UserType{" Head  of LEGAL": "admin", "Straße": "user"}}
	for title, want := range map[string]reconcile.UserType{"admin": "admin", " Manager\t": "manager", "USER": "user", "viewer": "viewer", "head of legal": "admin", "Head Of  Legal ": "admin", "STRASSE": "user"} {
		if got, cause, hold := p.UserTypeOf(title); got != want || hold != "" || cause == "" {
			t.Errorf("%q: %s %q %q", title, got, cause, hold)
		}
	}
	for _, title := range []string{"", "  ", "contributor", "Creator", "Paralegal"} {
		if got, _, hold := p.UserTypeOf(title); got != "" || hold == "" {
			t.Errorf("%q: %s %q; want it held", title, got, hold)
		}
	}
	p.Pricing = reconcile.PricingV5
	if _, _, hold := p.UserTypeOf("viewer"); !strings.Contains(hold, "allow_viewer") {
		t.Errorf("viewer on V5: %q", hold)
	}
	if got, _, hold := p.UserTypeOf("admin"); got != reconcile.Admin || hold != "" {
		t.Errorf("admin on V5: %s %q", got, hold)
	}
	p.AllowViewer = true
	if got, _, hold := p.UserTypeOf("viewer"); got != reconcile.Viewer || hold != "" {
		t.Errorf("viewer allowed on V5: %s %q", got, hold)
	}
	got := map[string]string{}
	for _, u := range []reconcile.UserType{"admin", "manager", "user", "viewer"} {
		got[string(u)] = reconcile.PricingV5.Shows(u) + " / " + reconcile.PricingV6.Shows(u)
	}
	// The table of step 5 of the set-up guide.
	if diff := cmp.Diff(map[string]string{"admin": "Admin / Admin", "manager": "Manager / Creator - Manager", "user": "Contributor / Creator - Contributor", "viewer": "viewer / Viewer"}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzExpression(f *testing.F) {
	f.Add("/AWS - (.*)/", "AWS - Ops")
	f.Add("(", "x")
	f.Add("/", "a/b")
	f.Fuzz(func(t *testing.T, expression, value string) {
		rule := reconcile.Rule{ID: 1, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"department"}, Expression: &expression}}}
		v := reconcile.CompileRules([]reconcile.Rule{rule}, nil, reconcile.RuleReading{}).Evaluate(&reconcile.Person{Department: value}, at())
		for _, g := range append(v.Grants, v.Maybe...) {
			if strings.TrimSpace(g.Group) == "" {
				t.Errorf("%q on %q gives a group without a name", expression, value)
			}
		}
	})
}
