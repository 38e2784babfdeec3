package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// whoGoes lists, each once, the people of changes by key.
func whoGoes(changes []reconcile.Change) (keys []reconcile.Key) {
	for _, c := range changes {
		if c.Key != 0 && !slices.Contains(keys, c.Key) {
			keys = append(keys, c.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// TestCanaryLeavesOut: nobody goes first on whom the order of a run depends, or who is known
// to be ignored, also when too few are left to go.
func TestCanaryLeavesOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*reconcile.Directory, *reconcile.Current)
		want []reconcile.Key // of the four who are changed
	}{
		"a new name each": {func(*reconcile.Directory, *reconcile.Current) {}, []reconcile.Key{1, 2, 3}},
		"a former admin":  {func(_ *reconcile.Directory, c *reconcile.Current) { c.Accounts[1].UserType = "admin" }, []reconcile.Key{1, 3, 4}},
		"an address that is handed on": {func(d *reconcile.Directory, _ *reconcile.Current) {
			d.People[0].Email, d.People[1].Email = "new@x.io", d.People[0].Email
		}, []reconcile.Key{3, 4}},
	} {
		d, current := company(4, 0)
		links := make(map[reconcile.Key]string)
		for i := range current.Accounts {
			current.Accounts[i].GivenName = "Other"
			links[reconcile.Key(i+1)] = current.Accounts[i].ID
		}
		c.edit(d, &current)
		policy := open()
		plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: &current, Policy: policy, Links: links}), policy)
		if first, rest := plan.Canary(3); !slices.Equal(whoGoes(first), c.want) || len(first)+len(rest) != len(plan.Changes) {
			t.Errorf("%s: %v go first, want %v", name, whoGoes(first), c.want)
		}
	}
}

// TestCanaryWithoutTheIgnored: a leaver whom Tomorro does not let go is sent in every run,
// and would stop each at its canary.
func TestCanaryWithoutTheIgnored(t *testing.T) {
	t.Parallel()
	d, current := company(3, 3)
	policy := open()
	plan := decide(d, current, policy)
	if first, _ := plan.Canary(1); !slices.Equal(whoGoes(first), []reconcile.Key{1}) {
		t.Fatalf("%v go first", whoGoes(first))
	}
	policy.Ignored = map[string]time.Time{plan.Changes[0].Effect(): {}}
	plan = decide(d, current, policy)
	if first, _ := plan.Canary(1); len(plan.Changes) != 3 || !slices.Equal(whoGoes(first), []reconcile.Key{2}) {
		t.Errorf("%v go first of %d", whoGoes(first), len(plan.Changes))
	}
}

// TestCanaryTakesItsGroups: who goes first has the new groups made that they are to be in,
// and no others.
func TestCanaryTakesItsGroups(t *testing.T) {
	t.Parallel()
	d, policy := people("ann@x.io", "bob@x.io"), open()
	policy.CreateGroups = true
	d.People[0].Roles, d.People[1].Roles = []int64{1}, []int64{2}
	d.Roles = []reconcile.OneLoginRole{{ID: 1, Name: "Legal"}, {ID: 2, Name: "Sales"}}
	for i, role := range []string{"1", "2"} {
		d.Rules = append(d.Rules, reconcile.Rule{ID: int64(i + 1), Name: role, Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: role}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{d.Roles[i].Name}}}})
	}
	plan := decide(d, reconcile.Current{}, policy)
	first, rest := plan.Canary(1)
	groups := func(changes []reconcile.Change) (names []string) {
		for _, c := range changes {
			if c.Op == reconcile.OpCreateGroup {
				names = append(names, c.Group)
			}
		}
		return names
	}
	if !slices.Equal(groups(first), []string{"Legal"}) || !slices.Equal(groups(rest), []string{"Sales"}) {
		t.Errorf("first %+v, then %+v", first, rest)
	}
}
