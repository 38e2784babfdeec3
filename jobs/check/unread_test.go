package check_test

import (
	"errors"
	"testing"

	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile"
)

// TestUnreadPassesNothing: a check of what could not be read does not pass, as if there were
// nothing wrong in a list of nothing.
func TestUnreadPassesNothing(t *testing.T) {
	t.Parallel()
	away := errors.New("it is away")
	all := []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules}
	without := func(broken string) (d reconcile.Directory) {
		for _, name := range all {
			l := reconcile.ListReceipt{List: name}
			if name == broken {
				l.Why = "OneLogin answered 502"
			}
			d.Receipt.Lists = append(d.Receipt.Lists, l)
		}
		return d
	}
	rules := []string{"groups.exist", "rules.readable", "rules.roles", "rules.reachable", "rules.certain", "rules.actions", "onelogin.active_rule"}
	for name, c := range map[string]struct {
		facts check.Facts
		ids   []string
	}{
		"no people":        {check.Facts{Directory: without(reconcile.ListUsers)}, []string{"onelogin.privileges"}},
		"no rules":         {check.Facts{Directory: without(reconcile.ListRules)}, append(rules, "onelogin.privileges")},
		"no roles":         {check.Facts{Directory: without(reconcile.ListRoles)}, []string{"rules.roles", "onelogin.app_roles", "onelogin.privileges"}},
		"not who has it":   {check.Facts{Directory: without(reconcile.ListAssigned)}, []string{"onelogin.assigned", "onelogin.privileges"}},
		"nothing at all":   {check.Facts{PullErr: away}, append(rules, "onelogin.privileges", "onelogin.assigned", "people.emails", "people.data", "people.titles")},
		"nothing, Tomorro": {check.Facts{Directory: without(""), ReadErr: away}, []string{"groups.exist", "tomorro.reachable", "tomorro.memberships", "tomorro.default_substitute"}},
	} {
		found := make(map[string]check.Status)
		for _, r := range check.Evaluate(&c.facts, &check.Settings{Policy: &reconcile.Policy{}}).Results {
			found[r.ID] = r.Status
		}
		for _, id := range c.ids {
			if status, is := found[id]; !is || status == check.Pass {
				t.Errorf("%s: %s is %q", name, id, status)
			}
		}
	}
}
