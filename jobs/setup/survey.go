package setup

import (
	"fmt"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// Survey is what both sides have now, and what a run would make of it.
type Survey struct {
	People, WithApp, Active int // of OneLogin; Active should have access
	NoTitle                 int // of these Active people, who have none
	Accounts, Admins        int // active ones, of Tomorro
	Groups                  int
	Rules                   []RuleSeen
	Notes                   []reconcile.Note // what is odd about the rules
	Missing                 []string         // groups that rules name and Tomorro does not have
	Unfed                   []string         // groups that Tomorro has and no rule names
	MayGiveAny              bool             // some rule takes its groups from data
	Changes                 map[reconcile.Op]int
	Held                    int
}

// RuleSeen is what one rule of the app does now.
type RuleSeen struct {
	Rule   string   // its name and id
	People int      // whom it surely matches, of those who should have access
	Maybe  int      // whom it may match
	Gives  []string // the groups that it names, by the names of Tomorro
	ByData bool     // it takes groups from a person's data
}

// Look makes the survey. It is pure: it makes no requests.
func Look(d *reconcile.Directory, current *reconcile.Current, p *reconcile.Policy) Survey {
	s := Survey{People: len(d.People), Groups: len(current.Groups), Changes: make(map[reconcile.Op]int)}
	for i := range current.Accounts {
		if a := &current.Accounts[i]; a.Active {
			s.Accounts++
			if a.UserType == reconcile.Admin {
				s.Admins++
			}
		}
	}
	var active []*reconcile.Person
	wants, _ := reconcile.Desired(d, p)
	for i := range wants {
		if wants[i].Person.Assigned {
			s.WithApp++
		}
		if wants[i].Active {
			active = append(active, wants[i].Person)
			if reconcile.FoldTitle(wants[i].Person.Title) == "" {
				s.NoTitle++
			}
		}
	}
	s.Active = len(active)
	s.rules(d, current, p, active)
	plan := reconcile.Guard(reconcile.Decide(reconcile.Input{Directory: d, Current: current, Policy: p}), p)
	s.Changes, s.Held = plan.Count(), len(plan.Held)
	return s
}

// rules compiles each rule by itself, to count whom it matches.
func (s *Survey) rules(d *reconcile.Directory, current *reconcile.Current, p *reconcile.Policy, active []*reconcile.Person) {
	groups := newGroupNames(current)
	whole := reconcile.CompileRules(d.Rules, d.Roles, p.Rules)
	s.Notes, s.MayGiveAny = whole.Notes(), whole.MayGiveAny()
	named := make(map[string]bool)
	for _, r := range d.Rules {
		one := reconcile.CompileRules([]reconcile.Rule{r}, d.Roles, p.Rules)
		seen := RuleSeen{Rule: fmt.Sprintf("%s (rule %d)", r.Name, r.ID), ByData: one.MayGiveAny()}
		for _, g := range one.Groups() {
			name, known := groups.name(g.Group)
			named[name] = true
			seen.Gives = append(seen.Gives, name)
			if !known && !slices.Contains(s.Missing, name) {
				s.Missing = append(s.Missing, name)
			}
		}
		for _, person := range active {
			switch v := one.Evaluate(person, d.ReadAt); {
			case len(v.Grants) > 0:
				seen.People++
			case len(v.Maybe) > 0 || v.MaybeAny != nil:
				seen.Maybe++
			}
		}
		s.Rules = append(s.Rules, seen)
	}
	for i := range current.Groups {
		if !named[current.Groups[i].Name] {
			s.Unfed = append(s.Unfed, current.Groups[i].Name)
		}
	}
	slices.Sort(s.Missing)
	slices.Sort(s.Unfed)
}

// groupNames finds Tomorro's groups by what rules say: an id, or a name whose case
// and form do not matter.
type groupNames map[string]string

func newGroupNames(current *reconcile.Current) groupNames {
	g := make(groupNames, 2*len(current.Groups))
	for i := range current.Groups {
		g[reconcile.Fold(current.Groups[i].Name)] = current.Groups[i].Name
	}
	for i := range current.Groups {
		g[current.Groups[i].ID] = current.Groups[i].Name
	}
	return g
}

func (g groupNames) name(said string) (name string, known bool) {
	for _, key := range []string{said, reconcile.Fold(said)} {
		if name, ok := g[key]; ok {
			return name, true
		}
	}
	return said, false
}

// String is the line that tells what the rule does.
func (r RuleSeen) String() string {
	what := "sets no group"
	switch {
	case len(r.Gives) > 0:
		what = "gives " + strings.Join(r.Gives, ", ")
	case r.ByData:
		what = "takes its groups from people's data"
	}
	who := fmt.Sprintf("%d people now", r.People)
	if r.People == 1 {
		who = "1 person now"
	}
	if r.Maybe > 0 {
		who += fmt.Sprintf(", and %d of whom it cannot be told", r.Maybe)
	}
	if what == "sets no group" {
		return r.Rule + ": " + what
	}
	return r.Rule + ": " + what + "; matches " + who
}
