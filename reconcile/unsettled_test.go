package reconcile_test

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestPlanNamesTheSetting: what is held because of how OneLogin may read a rule says which
// setting settles that, and none that is given already or has nothing to do with it.
func TestPlanNamesTheSetting(t *testing.T) {
	condition := func(source, operator, value string) reconcile.Rule {
		return reconcile.Rule{Conditions: []reconcile.Condition{{Source: source, Operator: operator, Value: value}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}
	}
	mapping := func(expression string) reconcile.Rule {
		return reconcile.Rule{Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"department"}, Expression: &expression}}}
	}
	for name, c := range map[string]struct {
		rule    reconcile.Rule
		reading reconcile.RuleReading
		want    string // the settings, in order
	}{
		"case":             {rule: condition("department", "=", "LEGAL"), want: "onelogin.rules.case"},
		"member of":        {rule: condition("member_of", "=", "CN=All"), want: "onelogin.rules.case, onelogin.rules.member_of"},
		"member of, case":  {rule: condition("member_of", "=", "CN=All"), reading: reconcile.RuleReading{Case: "sensitive"}, want: "onelogin.rules.member_of"},
		"expression":       {rule: mapping("(L)egal"), want: "onelogin.rules.capture, onelogin.rules.case, onelogin.rules.regexp"},
		"no letters":       {rule: mapping(".(.*)"), want: "onelogin.rules.capture, onelogin.rules.regexp"},
		"macro":            {rule: reconcile.Rule{Conditions: condition("department", "=", "LEGAL").Conditions, Actions: []reconcile.Action{{Name: "set_groups", Macro: "{x}"}}}},
		"word for a state": {rule: condition("status", "=", "Active")},
		"unknown source":   {rule: condition("starsign", "=", "Leo")},
	} {
		p := iris()
		p.Assigned = true
		c.rule.ID, c.rule.Name = 7, "r"
		plan := reconcile.Decide(reconcile.Input{
			Directory: &reconcile.Directory{People: []reconcile.Person{p}, Rules: []reconcile.Rule{c.rule}, ReadAt: at(), Receipt: reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: reconcile.ListUsers}, {List: reconcile.ListAssigned}, {List: reconcile.ListRoles}, {List: reconcile.ListRules}}}},
			Current: &reconcile.Current{Accounts: []reconcile.Account{{ID: "a", UserName: p.Email, GivenName: "Iris", FamilyName: "Kaya", UserType: "user", Active: true}},
				Groups: []reconcile.Group{{ID: "1", Name: "Legal", Members: []string{"a"}}}},
			Policy: &reconcile.Policy{Pricing: reconcile.PricingV6, Titles: map[string]reconcile.UserType{"legal counsel": "user"}, Rules: c.reading},
		})
		want := `rule 7 "r" cannot be evaluated with certainty, so nobody is removed because of it`
		if c.want != "" {
			want += "; see " + c.want + " in the configuration"
		}
		if len(plan.Held) != 1 || plan.Held[0].Reason != want {
			t.Errorf("%s: %+v, want held with %q", name, plan.Held, want)
		}
	}
}

// TestMembersUnknown: where Tomorro shows no memberships, none is written, as nobody knows
// which are there.
func TestMembersUnknown(t *testing.T) {
	p := iris()
	p.Assigned = true
	for _, unknown := range []bool{false, true} {
		plan := reconcile.Decide(reconcile.Input{
			Directory: &reconcile.Directory{People: []reconcile.Person{p}, ReadAt: at(), Rules: []reconcile.Rule{{ID: 7, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}},
				Receipt: reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: reconcile.ListUsers}, {List: reconcile.ListAssigned}, {List: reconcile.ListRoles}, {List: reconcile.ListRules}}}},
			Current: &reconcile.Current{MembersUnknown: unknown, Accounts: []reconcile.Account{{ID: "a", UserName: p.Email, GivenName: "Iris", FamilyName: "Kaya", UserType: "user", Active: true}},
				Groups: []reconcile.Group{{ID: "1", Name: "Legal"}}},
			Policy: &reconcile.Policy{Pricing: reconcile.PricingV6, Titles: map[string]reconcile.UserType{"legal counsel": "user"}},
		})
		if given := len(plan.Changes) == 1 && plan.Changes[0].Op == reconcile.OpAddMember; given == unknown || len(plan.Held) > 0 {
			t.Errorf("unknown %v: %+v, held %+v", unknown, plan.Changes, plan.Held)
		}
	}
}
