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

// unusual is a count that is further from those of the last good pulls than the band allows.
type unusual struct {
	why     string
	missing int // to the least of those; none when there are more than usual
}

// outside finds the unusual counts. What was always fewer than the minimum population says
// nothing.
func (c *Census) outside(pulls []Census, l Limits) []unusual {
	if l.Band == nil || len(pulls) == 0 {
		return nil
	}
	var found []unusual
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
			found = append(found, unusual{fmt.Sprintf("%s %s, and the last good pulls found %s", Number(now), n.name, span(least, most)), max(0, least-now)})
		}
	}
	return found
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
	found := plan.Census.outside(policy.Pulls, policy.Limits)
	if len(found) == 0 || plan.Receipt.NotAsked {
		return func(*Change) string { return "" }
	}
	var why []string
	for _, u := range found[:min(bandNamed, len(found))] {
		why = append(why, u.why)
	}
	more := ""
	if len(found) > bandNamed {
		more = fmt.Sprintf(" and %d more counts", len(found)-bandNamed)
	}
	text := fmt.Sprintf("OneLogin gives %s%s: more than limits.band, which is %s, so nobody is removed until somebody looks",
		strings.Join(why, "; "), more, Percent(*policy.Limits.Band))
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

// disbelieved reports whether people said no to removals that are more than half of what an
// unusual pull lacks. What they rejected is not held by the band any more, and the next
// pull, or another leaver, would be compared with what they said is wrong. What they
// rejected on another day is a small part, if it is one, and says nothing of this pull.
func (p *Plan) disbelieved() bool {
	rejected := 0
	for i := range p.Held {
		if h := &p.Held[i]; h.Rule == RuleRejected && h.Op.Removes() {
			rejected++
		}
	}
	return rejected > 0 && p.policy != nil && slices.ContainsFunc(p.Census.outside(p.policy.Pulls, p.policy.Limits), func(u unusual) bool {
		return u.missing > 0 && 2*rejected > u.missing
	})
}
