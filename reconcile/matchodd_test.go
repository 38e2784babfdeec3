package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// TestMatchThatIsNeither: whom a rule matches that asks for neither all of its conditions
// nor any is certain where that makes no difference.
func TestMatchThatIsNeither(t *testing.T) {
	t.Parallel()
	role := func(id string) reconcile.Condition {
		return reconcile.Condition{Source: "has_role", Operator: "ri", Value: id}
	}
	for name, conditions := range map[string][]reconcile.Condition{
		"no condition": nil,
		"one":          {role("1")},
		"two":          {role("1"), role("2")},
	} {
		rule := reconcile.Rule{ID: 9, Name: "odd", MatchOdd: "most", Conditions: conditions, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal"}}}}
		book := reconcile.CompileRules([]reconcile.Rule{rule}, nil, reconcile.RuleReading{})
		for _, roles := range [][]int64{nil, {1}, {2}, {1, 2}} {
			v := book.Evaluate(&reconcile.Person{Key: 1, Roles: roles}, time.Time{})
			gives, may := len(v.Grants) > 0, len(v.Maybe) > 0
			wantGives := len(conditions) == 0 || len(conditions) == 1 && slices.Contains(roles, 1) || len(roles) == 2
			wantMay := len(conditions) == 2 && len(roles) == 1
			if gives != wantGives || may != wantMay {
				t.Errorf("%s, roles %v: given %v, perhaps %v", name, roles, gives, may)
			}
		}
		if noted := len(book.Notes()) > 0; noted != (len(conditions) > 1) {
			t.Errorf("%s: noted %v", name, noted)
		}
	}
}

// TestMacros: whom a rule matches that sets groups by a macro or a scriplet may have any
// group, as by one that maps roles whose names could not be read; whom it does not match
// has none of it.
func TestMacros(t *testing.T) {
	all := ".*"
	for _, a := range []reconcile.Action{{Name: "set_groups", Macro: "{x}"}, {Name: "set_groups", Scriplet: "a1b2"}, {Name: "set_groups", Values: []string{"role"}, Expression: &all}} {
		for department, any := range map[string]bool{"Legal": true, "Sales": false} {
			rule := reconcile.Rule{ID: 1, Conditions: []reconcile.Condition{{Source: "department", Operator: "=", Value: department}}, Actions: []reconcile.Action{a}}
			p := iris()
			if v := reconcile.CompileRules([]reconcile.Rule{rule}, nil, reconcile.RuleReading{}).Evaluate(&p, at()); (v.MaybeAny != nil) != any || len(v.Grants)+len(v.Maybe) > 0 {
				t.Errorf("%+v for %s: %+v", a, department, v)
			}
		}
	}
}
