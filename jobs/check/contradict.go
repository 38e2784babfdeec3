package check

import (
	"fmt"
	"strconv"
	"strings"

	"tomorro-sync/reconcile"
)

// contradiction says which two conditions of a rule cannot hold together, or nothing.
// Where it depends on case, which OneLogin does not document, there is none.
func contradiction(r *reconcile.Rule) string {
	if r.MatchAny {
		return ""
	}
	for i, a := range r.Conditions {
		for _, b := range r.Conditions[i+1:] {
			if a.Source == b.Source && (excludes(a, b) || excludes(b, a)) {
				return fmt.Sprintf("%s %s %q and %s %s %q exclude each other", a.Source, a.Operator, a.Value, b.Source, b.Operator, b.Value)
			}
		}
	}
	return ""
}

// excludes reports whether a and b, of one source, never hold together.
func excludes(a, b reconcile.Condition) bool {
	switch a.Source {
	case "has_role":
		return a.Operator == "ri" && (b.Operator == "rin" || b.Operator == "nri") && strings.TrimSpace(a.Value) == strings.TrimSpace(b.Value)
	case "member_of": // of several values, one may hold a and another b
		return negates(a, b)
	}
	return negates(a, b) || differ(a, b) || noNumber(a, b)
}

// negates: what a says is what b denies.
func negates(a, b reconcile.Condition) bool {
	switch {
	case b.Operator == "!=":
		return a.Operator == "=" && a.Value == b.Value
	case b.Operator != "!~":
		return false
	}
	switch a.Operator {
	case "=", "~", "bw", "ew":
		return strings.Contains(a.Value, b.Value)
	}
	return false
}

// differ: one text cannot be both, whatever case means.
func differ(a, b reconcile.Condition) bool {
	v, w := reconcile.Fold(a.Value), reconcile.Fold(b.Value)
	switch a.Operator + " " + b.Operator {
	case "= =":
		return v != w
	case "= ~":
		return !strings.Contains(v, w)
	case "= bw":
		return !strings.HasPrefix(v, w)
	case "= ew":
		return !strings.HasSuffix(v, w)
	case "bw bw":
		return !strings.HasPrefix(v, w) && !strings.HasPrefix(w, v)
	case "ew ew":
		return !strings.HasSuffix(v, w) && !strings.HasSuffix(w, v)
	}
	return false
}

// noNumber: nothing is greater than a and less than b.
func noNumber(a, b reconcile.Condition) bool {
	v, err := strconv.ParseFloat(strings.TrimSpace(a.Value), 64)
	w, bad := strconv.ParseFloat(strings.TrimSpace(b.Value), 64)
	return err == nil && bad == nil && a.Operator == ">" && b.Operator == "<" && v >= w
}
