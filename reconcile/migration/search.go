package migration

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tomorro-sync/reconcile"
)

const (
	roleSource   = "has_role"
	customPrefix = "custom_attribute_"
)

// fewest is how many people a condition must match to be one: what only one person has
// explains nothing, and the next who has it would get the group by chance.
const fewest = 2

// mostPairs bounds how many conditions of two are looked at: the pairs of very many
// values are mostly people one by one.
const mostPairs = 20_000

// search is one under way.
type search struct {
	people  []*reconcile.Person // with access and an account, by Key
	groups  []reconcile.Group
	members []set  // of each group, those of people
	action  string // that sets groups
	atoms   []condition
	others  []condition // of two, and those of the present rules

	noPerson, noAccess []Membership
}

// condition is what a rule may look at, and whom it then matches.
type condition struct {
	any        bool
	conditions []reconcile.Condition
	matches    set
	gives      []int // the groups that all of them are in
}

func newSearch(in Input) *search {
	s := &search{groups: in.Current.Groups, action: cmp.Or(in.Policy.Rules.GroupsAction, "set_groups")}
	s.enlist(in)
	s.findConditions(in)
	return s
}

// enlist finds who is in which group today.
func (s *search) enlist(in Input) {
	place := make(map[string]int) // of an account
	account, name := make(map[reconcile.Key]string), make(map[string]string)
	for i := range in.Current.Accounts {
		a := &in.Current.Accounts[i]
		name[a.ID] = a.UserName
		if key, sure := in.Owner(a.ID); sure {
			account[key] = a.ID
		}
	}
	wants, _ := reconcile.Desired(in.Directory, in.Policy)
	gone := make(map[string]bool)
	for i := range wants {
		id, has := account[wants[i].Person.Key]
		switch {
		case !has:
		case wants[i].Managed && wants[i].Active:
			s.people = append(s.people, wants[i].Person)
		default:
			gone[id] = true
		}
	}
	slices.SortFunc(s.people, func(a, b *reconcile.Person) int { return cmp.Compare(a.Key, b.Key) })
	for i, p := range s.people {
		place[account[p.Key]] = i
	}
	s.members = make([]set, len(s.groups))
	for g := range s.groups {
		s.members[g] = newSet(len(s.people))
		for _, id := range s.groups[g].Members {
			i, known := place[id]
			m := Membership{Who: cmp.Or(name[id], id), Group: s.groups[g].Name}
			switch {
			case known:
				s.members[g].add(i)
			case gone[id]:
				s.noAccess = append(s.noAccess, m)
			default:
				s.noPerson = append(s.noPerson, m)
			}
		}
	}
}

// values are what a person has, as conditions that match them.
func values(p *reconcile.Person) (all []reconcile.Condition) {
	is := func(source, operator, value string) {
		if value != "" {
			all = append(all, reconcile.Condition{Source: source, Operator: operator, Value: value})
		}
	}
	for _, r := range p.Roles {
		is(roleSource, "ri", strconv.FormatInt(r, 10))
	}
	is("department", "=", p.Department)
	is("title", "=", p.Title)
	is("company", "=", p.Company)
	if p.GroupID != 0 {
		is("group_id", "=", strconv.FormatInt(p.GroupID, 10))
	}
	for _, g := range p.MemberOf {
		is("member_of", "=", g)
	}
	for _, short := range slices.Sorted(maps.Keys(p.Custom)) {
		is(customPrefix+short, "=", p.Custom[short])
	}
	return all
}

// findConditions finds those that give nobody what they do not have.
func (s *search) findConditions(in Input) {
	seen, everything := make(map[reconcile.Condition]bool), []reconcile.Condition(nil)
	for _, p := range s.people {
		for _, c := range values(p) {
			if !seen[c] {
				seen[c], everything = true, append(everything, c)
			}
		}
	}
	var wide []condition
	for _, c := range everything {
		if one, sure := s.condition(in, false, c); sure {
			wide = append(wide, one)
		}
	}
	for _, c := range wide {
		if len(c.gives) > 0 && c.matches.count() >= fewest {
			s.atoms = append(s.atoms, c)
		}
	}
	if all, sure := s.condition(in, false); sure && len(all.gives) > 0 {
		s.others = append(s.others, all)
	}
	for _, r := range in.Directory.Rules {
		if one, sure := s.condition(in, r.MatchAny, r.Conditions...); sure && len(one.gives) > 0 {
			s.others = append(s.others, one)
		}
	}
	s.pair(wide)
}

// condition evaluates one for everybody. It is not sure when it may match somebody, as
// far as is known, or nobody does.
func (s *search) condition(in Input, anyOf bool, of ...reconcile.Condition) (condition, bool) {
	probe := reconcile.Rule{MatchAny: anyOf, Conditions: of, Actions: []reconcile.Action{{Name: s.action, Values: []string{"x"}}}}
	book := reconcile.CompileRules([]reconcile.Rule{probe}, nil, in.Policy.Rules)
	c := condition{any: anyOf && len(of) > 1, conditions: of, matches: newSet(len(s.people))}
	for i, p := range s.people {
		v := book.Evaluate(p, in.Now)
		if len(v.Maybe) > 0 || v.MaybeAny != nil {
			return condition{}, false
		}
		if len(v.Grants) > 0 {
			c.matches.add(i)
		}
	}
	c.gives = s.within(c.matches)
	return c, c.matches.count() > 0
}

// within are the groups that a set of people is in as a whole.
func (s *search) within(people set) (groups []int) {
	for g := range s.groups {
		if people.within(s.members[g]) {
			groups = append(groups, g)
		}
	}
	return groups
}

// pair looks at two values of different kinds together, where neither says it alone.
func (s *search) pair(wide []condition) {
	for i := range wide {
		for k := i + 1; k < len(wide) && len(s.others) < mostPairs; k++ {
			a, b := &wide[i], &wide[k]
			if a.conditions[0].Source == b.conditions[0].Source && a.conditions[0].Source != roleSource && a.conditions[0].Source != "member_of" {
				continue // nobody has two departments
			}
			both := condition{conditions: slices.Concat(a.conditions, b.conditions), matches: a.matches.and(b.matches)}
			n := both.matches.count()
			if n < fewest || n == a.matches.count() || n == b.matches.count() {
				continue
			}
			if both.gives = s.within(both.matches); len(both.gives) > max(len(a.gives), len(b.gives)) {
				s.others = append(s.others, both)
			}
		}
	}
}

// rule words a rule for OneLogin.
func (s *search) rule(c condition) Rule {
	r := Rule{Rule: reconcile.Rule{MatchAny: c.any, Conditions: c.conditions}, People: c.matches.count()}
	action := reconcile.Action{Name: s.action}
	for _, g := range c.gives {
		r.Groups, action.Values = append(r.Groups, s.groups[g].Name), append(action.Values, s.groups[g].ID)
	}
	r.Actions = []reconcile.Action{action}
	slices.Sort(r.Groups)
	r.Name = "Tomorro: " + strings.Join(r.Groups, ", ")
	return r
}
