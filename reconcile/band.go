package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Census counts what one pull of OneLogin found. A pull that is complete by its
// own numbers may still be wrong: the counts of the last good pulls say what is
// usual here.
type Census struct {
	At       time.Time `json:"at"`
	People   int       `json:"people"`
	Assigned int       `json:"assigned"` // of these, to the app
	Active   int       `json:"active"`   // of these, with access and inside the scope
	// Roles counts, by role id, the people with the app who have it; Rules, by
	// rule id, the active people whom it surely matches.
	Roles map[int64]int `json:"roles,omitempty"`
	Rules map[int64]int `json:"rules,omitempty"`
	// Fingerprint is the same for the same people and rules.
	Fingerprint string `json:"fingerprint"`
}

// count fills in all but the rules, which are counted as they are evaluated.
func (c *Census) count(wants []Want) {
	c.Roles = make(map[int64]int)
	for i := range wants {
		w := &wants[i]
		c.People++
		if w.Active {
			c.Active++
		}
		if !w.Person.Assigned {
			continue
		}
		c.Assigned++
		for _, id := range w.Person.Roles {
			c.Roles[id]++
		}
	}
}

// counted is one count of a census with its name.
type counted struct {
	name string
	of   func(*Census) int
}

// names lists what can be compared between c and other pulls.
func (c *Census) names(pulls []Census) []counted {
	all := []counted{
		{"people", func(c *Census) int { return c.People }},
		{"people with the app", func(c *Census) int { return c.Assigned }},
		{"people with access", func(c *Census) int { return c.Active }},
	}
	roles, rules := make(map[int64]int), make(map[int64]int)
	for i := range pulls {
		for id := range pulls[i].Roles {
			roles[id]++
		}
		for id := range pulls[i].Rules {
			rules[id]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(roles)) {
		all = append(all, counted{fmt.Sprintf("people with role %d", id), func(c *Census) int { return c.Roles[id] }})
	}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		all = append(all, counted{fmt.Sprintf("people matched by rule %d", id), func(c *Census) int { return c.Rules[id] }})
	}
	return all
}

// outside says which counts are further from those of the last good pulls than
// the band allows. What was always fewer than the minimum population says nothing.
func (c *Census) outside(pulls []Census, l Limits) []string {
	if l.Band == nil || len(pulls) == 0 {
		return nil
	}
	var why []string
	for _, n := range c.names(pulls) {
		least, most := n.of(&pulls[0]), n.of(&pulls[0])
		for i := range pulls {
			least, most = min(least, n.of(&pulls[i])), max(most, n.of(&pulls[i]))
		}
		now := n.of(c)
		if max(now, most) < l.MinPopulation {
			continue
		}
		if float64(now) < float64(least)*(1-*l.Band)-hair || now > Portion(1+*l.Band, max(most, l.MinPopulation)) {
			why = append(why, fmt.Sprintf("%s %s, and the last good pulls found %s", Number(now), n.name, span(least, most)))
		}
	}
	return why
}

func span(least, most int) string {
	if least == most {
		return Number(least)
	}
	return Number(least) + " to " + Number(most)
}

// bandNamed is how many counts a reason names.
const bandNamed = 3

// bandRule makes a plan additive whose pull is unlike the last good ones. A plan
// without one has nothing to compare.
func bandRule(plan *Plan, policy *Policy) reason {
	why := plan.Census.outside(policy.Pulls, policy.Limits)
	if len(why) == 0 || plan.Receipt.NotAsked {
		return func(*Change) string { return "" }
	}
	more := ""
	if len(why) > bandNamed {
		more = fmt.Sprintf(" and %d more counts", len(why)-bandNamed)
	}
	text := fmt.Sprintf("OneLogin gives %s%s: more than limits.band, which is %s, so nobody is removed until somebody looks",
		strings.Join(why[:min(bandNamed, len(why))], "; "), more, Percent(*policy.Limits.Band))
	return func(c *Change) string {
		if c.Op.Removes() {
			return text
		}
		return ""
	}
}

// Good reports whether this plan's pull may teach what is usual: it was complete, nothing
// is held because it was unusual, and nobody has said that it is wrong.
func (p *Plan) Good() bool {
	return p.Receipt.Complete() && !p.disbelieved() && !slices.ContainsFunc(p.Held, func(h Held) bool { return h.Rule == RuleBand })
}

// disbelieved reports whether people said no to most of what an unusual pull would remove.
// What they rejected is not held by the band any more, and the next pull, or another
// leaver, would be compared with what they said is wrong.
func (p *Plan) disbelieved() bool {
	rejected, made := 0, 0
	for i := range p.Held {
		if h := &p.Held[i]; h.Rule == RuleRejected && h.Op.Removes() {
			rejected++
		}
	}
	for i := range p.Changes {
		if p.Changes[i].Op.Removes() {
			made++
		}
	}
	return rejected > made && p.policy != nil && len(p.Census.outside(p.policy.Pulls, p.policy.Limits)) > 0
}
