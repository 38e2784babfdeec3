package migration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// cover chooses rules until nothing that is left can be explained.
func (s *search) cover() []condition {
	candidates := s.candidates()
	left := s.everything()
	var chosen []condition
	for {
		best, most := -1, 0
		for i := range candidates {
			if n := candidates[i].gain(left); n > most || n == most && n > 0 && candidates[i].simpler(&candidates[best]) {
				best, most = i, n
			}
		}
		if best < 0 {
			break
		}
		chosen = append(chosen, candidates[best])
		candidates[best].explain(left)
	}
	return s.needed(chosen)
}

// everything is what is to be explained: the members of each group.
func (s *search) everything() []set {
	left := make([]set, len(s.members))
	for g := range left {
		left[g] = s.members[g].clone()
	}
	return left
}

func (c *condition) gain(left []set) (n int) {
	for _, g := range c.gives {
		n += c.matches.shared(left[g])
	}
	return n
}

func (c *condition) explain(left []set) {
	for _, g := range c.gives {
		left[g].take(c.matches)
	}
}

// simpler prefers few conditions, and roles to what people write.
func (c *condition) simpler(d *condition) bool {
	roles := func(x *condition) (n int) {
		for i := range x.conditions {
			if x.conditions[i].Source != roleSource {
				n++
			}
		}
		return n
	}
	return cmp.Or(cmp.Compare(len(c.conditions), len(d.conditions)), cmp.Compare(roles(c), roles(d))) < 0
}

// candidates are all conditions, and those values together that give the same groups,
// which one rule has with "any".
func (s *search) candidates() []condition {
	all := slices.Concat(s.atoms, s.others)
	seen := make(map[string]bool)
	join := func(groups []int) {
		if key := fmt.Sprint(groups); len(groups) == 0 || seen[key] {
			return
		} else {
			seen[key] = true
		}
		all = append(all, s.joined(groups))
	}
	for i := range s.atoms {
		join(s.atoms[i].gives)
		for k := range i {
			join(intersect(s.atoms[i].gives, s.atoms[k].gives))
		}
	}
	for g := range s.groups {
		join([]int{g})
	}
	return all
}

// joined is the rule of all values whose people are in all these groups.
func (s *search) joined(groups []int) condition {
	c := condition{any: true, matches: newSet(len(s.people))}
	for i := range s.atoms {
		if len(intersect(s.atoms[i].gives, groups)) == len(groups) {
			c.conditions = append(c.conditions, s.atoms[i].conditions...)
			c.matches.unite(s.atoms[i].matches)
		}
	}
	c.any, c.gives = len(c.conditions) > 1, s.within(c.matches)
	if len(c.conditions) == 0 {
		c.gives = nil
	}
	return c
}

func intersect(a, b []int) (out []int) {
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// needed leaves out the rules, and then of each rule the values and groups, without
// which all that is explained still is.
func (s *search) needed(chosen []condition) []condition {
	goal := s.explained(chosen)
	for i := len(chosen) - 1; i >= 0; i-- {
		if without := slices.Delete(slices.Clone(chosen), i, i+1); covers(s.explained(without), goal) {
			chosen = without
		}
	}
	for i := range chosen {
		for k := len(chosen[i].conditions) - 1; k >= 0 && chosen[i].any; k-- {
			try := slices.Clone(chosen)
			try[i] = s.withoutValue(&chosen[i], k)
			if covers(s.explained(try), goal) {
				chosen = try
			}
		}
		for k := len(chosen[i].gives) - 1; k >= 0; k-- {
			try := slices.Clone(chosen)
			try[i].gives = slices.Delete(slices.Clone(chosen[i].gives), k, k+1)
			if len(try[i].gives) > 0 && covers(s.explained(try), goal) {
				chosen = try
			}
		}
	}
	return chosen
}

// withoutValue is a rule of several values with one less.
func (s *search) withoutValue(c *condition, k int) condition {
	out := condition{conditions: slices.Delete(slices.Clone(c.conditions), k, k+1), matches: newSet(len(s.people)), gives: c.gives}
	out.any = len(out.conditions) > 1
	for i := range s.atoms {
		if slices.Contains(out.conditions, s.atoms[i].conditions[0]) {
			out.matches.unite(s.atoms[i].matches)
		}
	}
	return out
}

func (s *search) explained(chosen []condition) []set {
	out := make([]set, len(s.members))
	for g := range out {
		out[g] = newSet(len(s.people))
	}
	for i := range chosen {
		for _, g := range chosen[i].gives {
			out[g].unite(chosen[i].matches)
		}
	}
	return out
}

func covers(have, want []set) bool {
	for g := range want {
		if !want[g].within(have[g]) {
			return false
		}
	}
	return true
}

// roles makes new roles of what is left, and a rule for each: by groups with the same
// people, or by people with the same groups, whichever are fewer. Alone asks for the
// latter: then nobody has two of them.
func (s *search) roles(chosen *[]condition, alone bool) (roles []Role) {
	left := s.everything()
	have := s.explained(*chosen)
	for g := range left {
		left[g].take(have[g])
	}
	byGroup, byPerson := s.leftByGroup(left), s.leftByPerson(left)
	parts := byGroup
	if alone || len(byPerson) < len(byGroup) {
		parts = byPerson
	}
	for i, part := range parts {
		role := Role{ID: -int64(i + 1)}
		var names []string
		for _, g := range part.gives {
			names = append(names, s.groups[g].Name)
		}
		role.Name = "Tomorro: " + strings.Join(names, ", ")
		for k, p := range s.people {
			if part.matches.has(k) {
				role.People, role.Who = append(role.People, p.Key), append(role.Who, p.Email)
			}
		}
		roles = append(roles, role)
		part.conditions = []reconcile.Condition{{Source: roleSource, Operator: "ri", Value: fmt.Sprint(role.ID)}}
		*chosen = append(*chosen, part)
	}
	return roles
}

func (s *search) leftByGroup(left []set) (parts []condition) {
	at := make(map[string]int)
	for g := range left {
		if left[g].count() == 0 {
			continue
		}
		i, had := at[left[g].key()]
		if !had {
			i = len(parts)
			at[left[g].key()], parts = i, append(parts, condition{matches: left[g]})
		}
		parts[i].gives = append(parts[i].gives, g)
	}
	return parts
}

func (s *search) leftByPerson(left []set) (parts []condition) {
	at := make(map[string]int)
	for k := range s.people {
		var gives []int
		for g := range left {
			if left[g].has(k) {
				gives = append(gives, g)
			}
		}
		if len(gives) == 0 {
			continue
		}
		i, had := at[fmt.Sprint(gives)]
		if !had {
			i = len(parts)
			at[fmt.Sprint(gives)], parts = i, append(parts, condition{matches: newSet(len(s.people)), gives: gives})
		}
		parts[i].matches.add(k)
	}
	return parts
}
