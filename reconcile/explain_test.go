package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// TestLawExplain: over any world, what is explained of a person is what the plan does about
// them: no more, no less, and with an answer to each rule that its conditions bear out.
func TestLawExplain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		plan := planOf(w)
		x := reconcile.NewExplainer(w.Input(), plan)
		for i := range w.Directory.People {
			p := &w.Directory.People[i]
			about := x.About(p.Key.String())
			if len(about) != 1 || about[0].Key != p.Key {
				t.Fatalf("about OneLogin user %s: %+v", p.Key, about)
			}
			e := &about[0]
			explainsPlan(t, e, &plan)
			explainsGroups(t, w, e)
			explainsRules(t, w, e, p)
		}
	})
}

func explainsPlan(t *rapid.T, e *reconcile.Explanation, plan *reconcile.Plan) {
	changes := slices.DeleteFunc(slices.Clone(plan.Changes), func(c reconcile.Change) bool { return c.Key != e.Key })
	held := slices.DeleteFunc(slices.Clone(plan.Held), func(h reconcile.Held) bool { return h.Key != e.Key })
	if len(changes) != len(e.Changes) || len(held) != len(e.Held) {
		t.Fatalf("of OneLogin user %s, %d changes and %d holds are planned, and explained are %+v and %+v", e.Key, len(changes), len(held), e.Changes, e.Held)
	}
	if (e.Hold != "" || !e.Managed) && len(changes) > 0 {
		t.Fatalf("OneLogin user %s is held or not managed, and changed: %+v", e.Key, changes)
	}
}

// explainsGroups: each change of a membership is one that the answers ask for, and each that
// they ask for of an account is planned or held.
func explainsGroups(t *rapid.T, w *reconciletest.World, e *reconcile.Explanation) {
	told := func(op reconcile.Op, group string) (done, held bool) {
		is := func(c *reconcile.Change) bool { return c.Op == op && reconcile.Fold(c.Group) == reconcile.Fold(group) }
		return slices.ContainsFunc(e.Changes, func(c reconcile.Change) bool { return is(&c) }),
			slices.ContainsFunc(e.Held, func(h reconcile.Held) bool { return is(&h.Change) })
	}
	certain := e.Managed && e.Active && e.Hold == "" && e.RoleHold == "" && e.Account != nil && !w.Current.MembersUnknown
	for _, g := range e.Groups {
		in := e.Account != nil && slices.ContainsFunc(w.Current.Groups, func(c reconcile.Group) bool {
			return reconcile.Fold(c.Name) == reconcile.Fold(g.Group) && slices.Contains(c.Members, e.Account.ID)
		})
		added, addHeld := told(reconcile.OpAddMember, g.Group)
		removed, removeHeld := told(reconcile.OpRemoveMember, g.Group)
		switch {
		case g.Member != in:
			t.Fatalf("%s: a member of %q is explained as %v", e.Email, g.Group, g.Member)
		case added && g.Wanted != reconcile.Yes, removed && g.Wanted != reconcile.No:
			t.Fatalf("%s: %+v, and the plan says %+v", e.Email, g, e.Changes)
		case certain && g.Wanted != reconcile.Unsure && ((added || addHeld) != (g.Wanted == reconcile.Yes && !g.Member) || (removed || removeHeld) != (g.Wanted == reconcile.No && g.Member)):
			t.Fatalf("%s: %+v, and the plan says %+v, held %+v", e.Email, g, e.Changes, e.Held)
		}
	}
	for _, c := range e.Changes {
		if c.Group != "" && !slices.ContainsFunc(e.Groups, func(g reconcile.GroupAnswer) bool { return reconcile.Fold(g.Group) == reconcile.Fold(c.Group) }) {
			t.Fatalf("%s: nothing explains %s %s", e.Email, c.Op, c.Group)
		}
	}
}

// explainsRules: a condition holds as a rule of it alone would match, and a rule matches as
// its conditions together.
func explainsRules(t *rapid.T, w *reconciletest.World, e *reconcile.Explanation, p *reconcile.Person) {
	for _, r := range e.Rules {
		weakest, strongest := reconcile.Yes, reconcile.No
		for _, c := range r.Conditions {
			i := slices.IndexFunc(w.Directory.Rules, func(rule reconcile.Rule) bool {
				return slices.ContainsFunc(rule.Conditions, func(d reconcile.Condition) bool { return d.Source+" "+d.Operator+" "+d.Value == c.Condition })
			})
			if i < 0 {
				t.Fatalf("no rule has the condition %q", c.Condition)
			}
			k := slices.IndexFunc(w.Directory.Rules[i].Conditions, func(d reconcile.Condition) bool { return d.Source+" "+d.Operator+" "+d.Value == c.Condition })
			if alone := matches(w, w.Directory.Rules[i].Conditions[k], p); c.Holds != alone {
				t.Fatalf("%s: %q is explained as %s, and is %s", e.Email, c.Condition, c.Holds, alone)
			}
			if c.Holds == reconcile.No || c.Holds == reconcile.Unsure && weakest == reconcile.Yes {
				weakest = c.Holds
			}
			if c.Holds == reconcile.Yes || c.Holds == reconcile.Unsure && strongest == reconcile.No {
				strongest = c.Holds
			}
		}
		if len(r.Conditions) > 0 && r.Matches != map[bool]reconcile.Answer{false: weakest, true: strongest}[r.MatchAny] {
			t.Fatalf("%s: %+v", e.Email, r)
		}
	}
}

func matches(w *reconciletest.World, c reconcile.Condition, p *reconcile.Person) reconcile.Answer {
	rule := reconcile.Rule{ID: 1, Conditions: []reconcile.Condition{c}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"G"}}}}
	v := reconcile.CompileRules([]reconcile.Rule{rule}, w.Directory.Roles, w.Policy.Rules).Evaluate(p, w.Directory.ReadAt)
	switch {
	case len(v.Grants) > 0:
		return reconcile.Yes
	case len(v.Maybe) > 0:
		return reconcile.Unsure
	}
	return reconcile.No
}

// office is a company in which each person's groups have another reason.
func office() reconcile.Input {
	d := people("ann@x.io", "bob@x.io", "cyd@x.io", "dan@x.io", "eve@x.io")
	d.ReadAt = time.Unix(1e9, 0)
	d.People[0].Roles = []int64{7}
	d.People[1].Assigned = false
	d.People[2].Title = "wizard"
	d.Roles = []reconcile.OneLoginRole{{ID: 7, Name: "Lawyers"}}
	role := func(operator string) []reconcile.Condition {
		return []reconcile.Condition{{Source: "has_role", Operator: operator, Value: "7"}}
	}
	gives := func(group string) []reconcile.Action {
		return []reconcile.Action{{Name: "set_groups", Values: []string{group}}}
	}
	d.Rules = []reconcile.Rule{{ID: 1, Name: "lawyers", Conditions: role("ri"), Actions: gives("Legal")},
		{ID: 2, Name: "others", Conditions: role("rin"), Actions: gives("Staff")},
		{ID: 3, Name: "stars", Conditions: []reconcile.Condition{{Source: "starsign", Operator: "=", Value: "Leo"}}, Actions: gives("Stars")}}
	current := &reconcile.Current{Groups: []reconcile.Group{{ID: "g1", Name: "Legal", Members: []string{"a2", "a6"}}, {ID: "g2", Name: "Staff"},
		{ID: "g3", Name: "Stars", Members: []string{"a1"}}, {ID: "g4", Name: "Left over", Members: []string{"a1"}}, {ID: "g5", Name: "By hand"}}}
	for id, name := range map[string]string{"a1": "ann.old@x.io", "a2": "bob@x.io", "a3": "cyd@x.io", "a4": "dan@x.io", "a5": "DAN@x.io", "a6": "zoe@x.io", "a7": "ann@x.io"} {
		current.Accounts = append(current.Accounts, reconcile.Account{ID: id, UserName: name, GivenName: "F", FamilyName: "L", UserType: reconcile.User, Active: true})
	}
	return reconcile.Input{Directory: d, Current: current, Policy: open(), Links: map[reconcile.Key]string{1: "a1", 2: "a2"},
		Asserted: []reconcile.Assertion{{Account: "a1", Group: "g5"}}}
}

// TestExplainGroups: what is said of each group, and why.
func TestExplainGroups(t *testing.T) {
	t.Parallel()
	in := office()
	answers := func(who string) map[string]reconcile.GroupAnswer {
		about := reconcile.NewExplainer(in, reconcile.Decide(in)).About(who)
		if len(about) != 1 {
			t.Fatalf("about %s: %+v", who, about)
		}
		all := make(map[string]reconcile.GroupAnswer)
		for _, g := range about[0].Groups {
			all[g.Group] = g
		}
		return all
	}
	is := func(who string, want reconcile.GroupAnswer) {
		t.Helper()
		if got := answers(who)[want.Group]; got != want {
			t.Errorf("%s: %+v, want %+v", who, got, want)
		}
	}
	const stars, unseen = `rule 3 "stars" may give it`, "memberships of this account are not looked at"
	is("1", reconcile.GroupAnswer{Group: "Legal", Wanted: reconcile.Yes, Cause: `rule 1 "lawyers"`})
	is("1", reconcile.GroupAnswer{Group: "Stars", Member: true, Wanted: reconcile.Unsure, Cause: stars})
	is("1", reconcile.GroupAnswer{Group: "Left over", Member: true, Wanted: reconcile.No, Cause: "no rule gives it"})
	if hand := answers("1")["By hand"]; hand.Wanted != reconcile.Yes || hand.Member {
		t.Errorf("set by hand: %+v", hand)
	}
	is("bob@x.io", reconcile.GroupAnswer{Group: "Legal", Member: true, Wanted: reconcile.Unsure, Cause: unseen}) // left
	is("zoe@x.io", reconcile.GroupAnswer{Group: "Legal", Member: true, Wanted: reconcile.Unsure, Cause: unseen}) // nobody's
	is("5", reconcile.GroupAnswer{Group: "Stars", Wanted: reconcile.Unsure, Cause: stars})
	in.Asserted = []reconcile.Assertion{{Account: "a2", Group: "g1", Off: true}}
	is("bob@x.io", reconcile.GroupAnswer{Group: "Legal", Member: true, Wanted: reconcile.Unsure, Cause: unseen}) // whatever was set by hand
	in.Asserted = []reconcile.Assertion{{Account: "a1", Group: "g3", Off: true}, {Account: "a1", Group: "g4", Off: true}}
	in.Policy.GroupMode = reconcile.Additive
	if taken := answers("1")["Left over"]; taken.Wanted != reconcile.No {
		t.Errorf("taken back by hand, where what no rule gives may stay: %+v", taken)
	}
	in.Asserted = nil
	if stays := answers("1")["Left over"]; stays.Wanted != reconcile.Yes {
		t.Errorf("where what no rule gives may stay: %+v", stays)
	}
	in.Policy.GroupMode = reconcile.Exclusive
	in.Directory.Rules[2] = reconcile.Rule{ID: 3, Name: "macro", Actions: []reconcile.Action{{Name: "set_groups", Macro: "{department}"}}}
	is("1", reconcile.GroupAnswer{Group: "Left over", Member: true, Wanted: reconcile.Unsure, Cause: `rule 3 "macro" may give it`}) // any group
	in.Current.MembersUnknown = true
	if got := answers("1"); got["Legal"].Wanted == reconcile.Yes {
		t.Errorf("where Tomorro shows no memberships: %+v", got)
	}
}

// TestExplainWhom: who is found by which name, whose an account is, and what holds them.
func TestExplainWhom(t *testing.T) {
	t.Parallel()
	in := office()
	x := reconcile.NewExplainer(in, reconcile.Decide(in))
	about := func(who string) []reconcile.Explanation { return x.About(who) }
	if all := about("ANN.old@x.io"); len(all) != 1 || all[0].Key != 1 || all[0].Account.ID != "a1" {
		t.Errorf("by the address at Tomorro: %+v", all)
	}
	if all := about("ann@x.io"); len(all) != 2 || all[0].Key != 1 || all[1].Key != 0 || all[1].Account.ID != "a7" ||
		all[1].Cause != "has the address of somebody who has another account: it is not touched" {
		t.Errorf("with an address that another account has: %+v", all)
	}
	if all := about("zoe@x.io"); len(all) != 1 || all[0].Key != 0 || all[0].Cause != "matches nobody in OneLogin: it is not touched" || len(all[0].Changes) > 0 {
		t.Errorf("of nobody's account: %+v", all)
	}
	if all := about("4"); len(all) != 1 || all[0].Hold == "" || len(all[0].Changes) > 0 {
		t.Errorf("of whom two accounts may be: %+v", all)
	}
	if all := about("3"); len(all) != 1 || all[0].RoleHold == "" || all[0].Role != "" || !all[0].Active {
		t.Errorf("with a title that nobody mapped: %+v", all)
	}
	if all := about("2"); len(all) != 1 || all[0].Active || len(all[0].Rules) > 0 || len(all[0].Changes) == 0 {
		t.Errorf("of one who left: %+v", all)
	}
	if all := about("nobody@x.io"); len(all) != 0 {
		t.Errorf("of nobody: %+v", all)
	}
}

// TestConditionWords: the words say what the operator does, and not its opposite.
func TestConditionWords(t *testing.T) {
	t.Parallel()
	roles := []reconcile.OneLoginRole{{ID: 7, Name: "Lawyers"}}
	for want, c := range map[string]reconcile.Condition{
		`has_role includes "Lawyers" (role 7)`:         {Source: "has_role", Operator: "ri", Value: "7"},
		`has_role does not include "Lawyers" (role 7)`: {Source: "has_role", Operator: "rin", Value: "7"},
		"title is 7":               {Source: "title", Operator: "=", Value: "7"},
		"title is not 7":           {Source: "title", Operator: "!=", Value: "7"},
		"title contains 7":         {Source: "title", Operator: "~", Value: "7"},
		"title does not contain 7": {Source: "title", Operator: "!~", Value: "7"},
		"title begins with 7":      {Source: "title", Operator: "bw", Value: "7"},
		"title ends with 7":        {Source: "title", Operator: "ew", Value: "7"},
		"last_login > 7":           {Source: "last_login", Operator: ">", Value: "7"},
	} {
		if got := c.Words(roles); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}
