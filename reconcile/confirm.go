package reconcile

import (
	"fmt"
	"maps"
	"slices"
)

// ToConfirm lists the people whom the plan would deactivate or delete. Each is
// asked for once more, by id, before anything is written.
func (p *Plan) ToConfirm() []Key {
	seen := make(map[Key]bool)
	var keys []Key
	for i := range p.Changes {
		c := &p.Changes[i]
		if (c.Op == OpDeactivate || c.Op == OpDelete) && !seen[c.Key] {
			seen[c.Key] = true
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// Confirm holds each removal of a person that OneLogin, asked once more, does
// not clearly confirm: the person is unknown, inactive or without the app. No
// testimony is no confirmation.
func Confirm(plan Plan, testimonies []Testimony, policy *Policy) Plan {
	plan.successors = maps.Clone(plan.successors) // which the plan that was given has as well
	said := make(map[Key]Testimony, len(testimonies))
	for _, t := range testimonies {
		said[t.Key] = t
		if t.Answer == WitnessGone && t.Successor != 0 {
			plan.succeeds(t.Key, t.Successor)
		}
	}
	return plan.hold(RuleWitness, HoldGuard, func(c *Change) string {
		if c.Op != OpDeactivate && c.Op != OpDelete {
			return ""
		}
		t, asked := said[c.Key]
		if !asked {
			t = Testimony{Answer: WitnessUnknown, Why: "OneLogin was not asked"}
		}
		return t.contradicts(c, policy)
	})
}

// contradicts says why the testimony does not confirm a removal, or nothing.
func (t Testimony) contradicts(c *Change, policy *Policy) string {
	switch t.Answer {
	case WitnessGone:
		return ""
	case WitnessUnassigned:
		return ""
	case WitnessInactive:
		active, known := policy.keepsAccess(t.Status)
		if t.Licence == Approved && (active || !known) {
			return fmt.Sprintf("asked once more, OneLogin gives status %s, which keeps access", statusName(t.Status))
		}
		if c.Op == OpDelete {
			return "asked once more, OneLogin says suspended, not gone: the account would be deleted for good"
		}
		return ""
	case WitnessPresent:
		return "asked once more, OneLogin says that this person still has the app; run again, and look at the role or mapping that assigns it"
	}
	return "could not be confirmed with OneLogin: " + t.Why
}

// reason says why a change is held, or nothing.
type reason = func(*Change) string

// hold moves the changes for which why gives a reason to the holds. What somebody
// approved stays, if the rule is one that can be approved. The plan's ID stays: it
// names what the plan wants, held or not.
func (p Plan) hold(rule HoldRule, class HoldClass, why reason) Plan {
	if unless := why; rule.Approvable() {
		why = func(c *Change) string {
			if c.Approved != "" {
				return ""
			}
			return unless(c)
		}
	}
	// Most passes hold nothing, and a plan can be large: copy only when needed.
	first := 0
	for first < len(p.Changes) && why(&p.Changes[first]) == "" {
		first++
	}
	if first == len(p.Changes) {
		return p
	}
	kept := append(make([]Change, 0, len(p.Changes)), p.Changes[:first]...)
	held := slices.Clone(p.Held)
	for i := first; i < len(p.Changes); i++ {
		if reason := why(&p.Changes[i]); reason != "" {
			held = append(held, Held{Change: p.Changes[i], Class: class, Rule: rule, Reason: reason})
		} else {
			kept = append(kept, p.Changes[i])
		}
	}
	p.Changes, p.Held = kept, held
	p.sortHeld()
	return p
}
