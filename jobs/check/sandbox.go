package check

import (
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// Real gives a function that says, in words, why a probe must not write to an account or a
// group, and nothing if it may: somebody in OneLogin has the address, links has the
// account, the configuration names one of them, or a rule gives the group. Without an ID,
// the group is not looked at. It is for tomorro.Sandbox.
func Real(f *Facts, policy *reconcile.Policy, links map[reconcile.Key]string) func(reconcile.Account, reconcile.Group) string {
	same := func(a, b string) bool { return a != "" && reconcile.Fold(a) == reconcile.Fold(b) }
	return func(a reconcile.Account, g reconcile.Group) string {
		for _, id := range links {
			if a.ID != "" && id == a.ID {
				return "is remembered as the account of somebody in OneLogin"
			}
		}
		for i := range f.Directory.People {
			if p := &f.Directory.People[i]; same(p.Email, a.UserName) || same(p.Username, a.UserName) {
				return "is the address of somebody in OneLogin"
			}
		}
		named := append([]string{policy.DefaultSubstitute, policy.APIAccount}, policy.Protect...)
		if slices.ContainsFunc(named, func(n string) bool { return same(n, a.UserName) }) {
			return "is named in the configuration"
		}
		if g.ID == "" {
			return ""
		}
		for i := range f.Directory.Rules {
			for _, action := range f.Directory.Rules[i].Actions {
				if slices.ContainsFunc(action.Values, func(v string) bool { return same(v, g.Name) || v == g.ID }) {
					return "is given by " + ruleName(&f.Directory.Rules[i])
				}
			}
		}
		if slices.ContainsFunc(policy.Protect, func(n string) bool { return same(strings.TrimPrefix(n, "group:"), g.Name) }) {
			return "is named in the configuration"
		}
		return ""
	}
}
