package tomorro_test

import (
	"fmt"
	"strconv"

	"tomorro-sync/reconcile"
)

// directory is a company of 200 people in 20 groups, three each.
func directory() *reconcile.Directory {
	d := &reconcile.Directory{}
	for _, list := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: list})
	}
	for g := range 20 {
		d.Roles = append(d.Roles, reconcile.OneLoginRole{ID: int64(g + 1), Name: fmt.Sprintf("Role %d", g)})
		d.Rules = append(d.Rules, reconcile.Rule{ID: int64(g + 1), Name: fmt.Sprintf("r%d", g), Position: g,
			Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: strconv.Itoa(g + 1)}},
			Actions:    []reconcile.Action{{Name: "set_groups", Values: []string{fmt.Sprintf("Group %d", g)}}}})
	}
	for i := range 200 {
		p := reconcile.Person{Key: reconcile.Key(i + 1), Email: fmt.Sprintf("p%d@x.io", i), FirstName: "Zoë", LastName: fmt.Sprintf("O'Neil %d", i),
			Title: []string{"user", "manager", "viewer"}[i%3], Status: 1, Licence: reconcile.Approved, Assigned: true}
		for j := range 3 {
			p.Roles = append(p.Roles, int64((i+j*5)%20+1))
		}
		d.People = append(d.People, p)
	}
	return d
}
