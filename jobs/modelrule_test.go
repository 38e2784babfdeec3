package jobs_test

import (
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// doubtful is a rule of which nobody knows whom it matches before somebody says how OneLogin
// compares: in capitals or not.
func doubtful() reconcile.Rule {
	return reconcile.Rule{ID: 3, Name: "law", Position: 3, Conditions: []reconcile.Condition{{Source: "department", Operator: "=", Value: "Law"}},
		Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"by hand"}}}}
}

// human is a person of OneLogin, or nobody.
type human struct{ *reconcile.Person }

// matches reports whether a rule matches somebody, or may.
func (h *human) matches(r *reconcile.Rule, reading string) (matches, maybe bool) {
	if h.Person == nil {
		return false, false
	}
	c := r.Conditions[0]
	if c.Source == "has_role" {
		return slices.Contains(h.Roles, r.ID), false
	}
	exactly, folded := h.Department == c.Value, strings.EqualFold(h.Department, c.Value)
	switch reading {
	case "sensitive":
		return exactly, false
	case "insensitive":
		return folded, false
	}
	return exactly && folded, exactly != folded
}

// mayMatch reports whether a rule may give somebody a group.
func (w *world) mayMatch(k reconcile.Key, g *reconcile.Group) bool {
	h := &human{w.person(k)}
	return slices.ContainsFunc(w.d.Rules, func(r reconcile.Rule) bool {
		_, maybe := h.matches(&r, w.policy.Rules.Case)
		return maybe && r.Actions[0].Values[0] == reconcile.Fold(g.Name)
	})
}

// ruled reports whether a rule gives somebody a group for certain.
func (w *world) ruled(c *reconcile.Current, k reconcile.Key, group string) bool {
	h := &human{w.person(k)}
	return slices.ContainsFunc(w.d.Rules, func(r reconcile.Rule) bool {
		matches, _ := h.matches(&r, w.policy.Rules.Case)
		return matches && slices.ContainsFunc(c.Groups, func(g reconcile.Group) bool {
			return g.ID == group && reconcile.Fold(g.Name) == r.Actions[0].Values[0]
		})
	})
}
