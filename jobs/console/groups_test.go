package console

import (
	"testing"

	"tomorro-sync/reconcile"
)

// TestGroupTells: a rule is told as OneLogin means it, whether it names the group by its
// name or id, and once; of members who are inactive and of groups that are ours, that is said.
func TestGroupTells(t *testing.T) {
	w := newWorld()
	sets := func(groups ...string) []reconcile.Action {
		return []reconcile.Action{{Name: "set_groups", Values: groups}}
	}
	w.directory.Rules = append(w.directory.Rules,
		reconcile.Rule{ID: 2, Name: "Either", MatchAny: true, Actions: sets("g2", "BY HAND"), Conditions: []reconcile.Condition{{Source: "has_role", Operator: "rin", Value: "5"}, {Source: "title", Operator: "!=", Value: "Boss"}}},
		reconcile.Rule{ID: 3, Name: "Both", Actions: sets("By hand"), Conditions: []reconcile.Condition{{Source: "title", Operator: "~", Value: "law"}, {Source: "department", Operator: "bw", Value: "Fi"}}})
	w.current.Accounts = append(w.current.Accounts, reconcile.Account{ID: "a20", UserName: "gone@x.io", GivenName: "Zoe"})
	w.current.Groups[0].Members = append(w.current.Groups[0].Members, "a20")
	w.current.Groups = append(w.current.Groups, reconcile.Group{ID: "g3", Name: "Ours", Ours: true})
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	s.says("/c/acme/groups/g2", []string{"has_role does not include &#34;Lawyers&#34; (role 5) or title is not Boss", "title contains law and department begins with Fi"})
	s.says("/c/acme/groups/g1", []string{`gone@x.io</span> <span class="tag">inactive</span>`, `jo&lt;b&gt;@x.io</span></li>`, "2 members"}, "Either", "Both")
	s.says("/c/acme/groups", []string{`>Ours</a> <span class="tag">made by tomorro-sync</span>`, `>Legal</a></th>`,
		`>By hand</a></th><td class="n" data-label="Members">0</td><td data-label="Given by">rule 2 &#34;Either&#34;<br>rule 3 &#34;Both&#34;</td>`}, "BY HAND")
}
