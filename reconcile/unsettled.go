package reconcile

import (
	"cmp"
	"slices"
	"strings"
)

// settings names what in the configuration settles how OneLogin reads the rules of this
// cause, as far as that is not settled yet; empty when nothing does.
func (b *RuleBook) settings(cause string) string {
	var names []string
	for i := range b.rules {
		if b.rules[i].cause == cause && !b.rules[i].anything { // a macro stays one
			names = append(names, b.rules[i].rule.unsettled(b.reading)...)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// unsettled are the settings on which the answer of a rule may depend.
func (r *Rule) unsettled(reading RuleReading) (names []string) {
	need := func(name, value string, matters bool) {
		if value == "" && matters {
			names = append(names, "onelogin.rules."+name)
		}
	}
	for _, c := range r.Conditions {
		_, text := attribute(c.Source)
		need("case", reading.Case, text && slices.Contains([]string{"=", "!=", "~", "!~", "bw", "ew"}, c.Operator))
		need("member_of", reading.MemberOf, c.Source == sourceMemberOf)
	}
	for _, a := range r.Actions {
		if a.Name != cmp.Or(reading.GroupsAction, "set_groups") || a.Expression == nil {
			continue
		}
		if pattern := bare(*a.Expression); pattern != ".*" {
			need("case", reading.Case, cased(pattern))
			need("regexp", reading.Regexp, true)
			need("capture", reading.Capture, strings.Contains(pattern, "("))
		}
	}
	return names
}
