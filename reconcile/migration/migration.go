package migration

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// Input is what is known of both sides, at the time Now, and the policy by which runs would
// read it.
type Input struct {
	Directory *reconcile.Directory
	Current   *reconcile.Current
	Policy    *reconcile.Policy
	// Owner gives the person whose account this is, by the account's id; false when that is
	// not certain.
	Owner func(account string) (reconcile.Key, bool)
	Now   time.Time
}

// Proposal is the roles to make first, and the rules to make then, so that OneLogin gives
// what Tomorro has.
type Proposal struct {
	Roles []Role
	Rules []Rule
	// Groups compares what Tomorro has with what the present rules give, by name.
	Groups []Group
	// NoPerson are memberships of accounts that are nobody's in OneLogin, NoAccess of
	// people who are to have none: no rule reaches either.
	NoPerson, NoAccess []Membership
	// Exact says that the rules give to everybody with access exactly what they have.
	Exact bool
}

// Role is a role to be made at OneLogin, for people whom no condition tells from others.
type Role struct {
	ID     int64           `json:"id"` // below zero, and used in the conditions of Proposal.Rules only: OneLogin gives the role another id
	Name   string          `json:"name"`
	People []reconcile.Key `json:"people"`
	Who    []string        `json:"who"` // their e-mails, in the same order
}

// Rule is a rule to be made in OneLogin's app.
type Rule struct {
	reconcile.Rule
	Groups []string // names
	People int      // how many it matches
}

// Group compares the members that one group has at Tomorro with those whom the present
// rules give it.
type Group struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Members int    `json:"members"` // those who are people with access
	Given   int    `json:"given"`   // how many of these the present rules give it
	Extra   int    `json:"extra"`   // how many more the present rules would give it
}

// Membership is one account in one group, by their names.
type Membership struct {
	Who   string `json:"who"`
	Group string `json:"group"`
}

// Propose finds the roles and rules. It asks nobody; see Proposal.Exact for what its own
// check found.
func Propose(in Input) Proposal {
	s := newSearch(in)
	var out Proposal
	out.NoPerson, out.NoAccess = s.noPerson, s.noAccess
	out.Groups = s.review(in)
	var chosen []condition
	if !in.Policy.Rules.LastWins { // where the last rule that matches decides alone, nobody may match two
		chosen = s.cover()
	}
	out.Roles = s.roles(&chosen, in.Policy.Rules.LastWins)
	for _, c := range chosen {
		out.Rules = append(out.Rules, s.rule(c))
	}
	slices.SortFunc(out.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(b.People, a.People), slices.Compare(a.Groups, b.Groups), cmp.Compare(words(a.Rule, nil), words(b.Rule, nil)))
	})
	for i := range out.Rules {
		out.Rules[i].ID, out.Rules[i].Position = int64(i+1), i+1
	}
	out.Exact = s.exact(in, &out)
	return out
}

// Words says for whom a rule is, in words. roles are those that OneLogin has, for their
// names.
func (p *Proposal) Words(r *Rule, roles []reconcile.OneLoginRole) string {
	names := make(map[string]string)
	for _, known := range roles {
		names[fmt.Sprint(known.ID)] = known.Name
	}
	for _, fresh := range p.Roles {
		names[fmt.Sprint(fresh.ID)] = fresh.Name + " (new)"
	}
	return words(r.Rule, names)
}

func words(r reconcile.Rule, names map[string]string) string {
	if len(r.Conditions) == 0 {
		return "everybody"
	}
	joint, text := " and ", ""
	if r.MatchAny {
		joint = " or "
	}
	for i, c := range r.Conditions {
		if i > 0 {
			text += joint
		}
		if c.Source == roleSource && c.Operator == "ri" {
			text += fmt.Sprintf("has the role %q", cmp.Or(names[c.Value], c.Value))
		} else {
			text += fmt.Sprintf("%s %s %q", c.Source, c.Operator, c.Value)
		}
	}
	return text
}

// exact evaluates the proposal as a run would.
func (s *search) exact(in Input, p *Proposal) bool {
	rules := make([]reconcile.Rule, len(p.Rules))
	for i := range p.Rules {
		rules[i] = p.Rules[i].Rule
	}
	roles := slices.Clone(in.Directory.Roles)
	has := make(map[reconcile.Key][]int64)
	for _, r := range p.Roles {
		roles = append(roles, reconcile.OneLoginRole{ID: r.ID, Name: r.Name})
		for _, k := range r.People {
			has[k] = append(has[k], r.ID)
		}
	}
	book := reconcile.CompileRules(rules, roles, in.Policy.Rules)
	for i, person := range s.people {
		with := *person
		with.Roles = slices.Concat(person.Roles, has[person.Key])
		slices.Sort(with.Roles)
		v := book.Evaluate(&with, in.Now)
		if len(v.Maybe) > 0 || v.MaybeAny != nil {
			return false
		}
		given := make(map[string]bool)
		for _, g := range v.Grants {
			given[g.Group] = true
		}
		for g := range s.groups {
			if s.members[g].has(i) != given[s.groups[g].ID] {
				return false
			}
		}
	}
	return true
}

// review compares with the present rules.
func (s *search) review(in Input) []Group {
	book := reconcile.CompileRules(in.Directory.Rules, in.Directory.Roles, in.Policy.Rules)
	out := make([]Group, len(s.groups))
	index := make(map[string]int)
	for g := range s.groups {
		out[g] = Group{ID: s.groups[g].ID, Name: s.groups[g].Name, Members: s.members[g].count()}
		index[s.groups[g].ID], index[reconcile.Fold(s.groups[g].Name)] = g, g
	}
	for i, person := range s.people {
		seen := make(map[int]bool)
		for _, grant := range book.Evaluate(person, in.Now).Grants {
			g, known := index[grant.Group]
			if !known {
				g, known = index[reconcile.Fold(grant.Group)]
			}
			switch {
			case !known || seen[g]:
			case s.members[g].has(i):
				out[g].Given++
			default:
				out[g].Extra++
			}
			seen[g] = true
		}
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return out
}
