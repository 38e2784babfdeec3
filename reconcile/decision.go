package reconcile

import (
	"slices"
	"strings"
	"time"
)

// Decision is what people said of one held change. It is bound to the change's
// Digest: another content is another change. An approval serves once and ends by
// itself. A rejection, or that the change was left out (Waits), stands as long as runs come
// to the same change: see Plan.Outlived.
type Decision struct {
	Approves bool `json:"approves"` // otherwise it rejects
	// Waits says neither: somebody decided about others of what was over a limit, which
	// must not let this one through because fewer are left.
	Waits bool `json:"waits,omitempty"`
	// Undo says that it is about what an undo would do, to which no run comes by itself.
	Undo  bool      `json:"undo,omitempty"`
	By    []string  `json:"by"` // each once, in the order in which they said it
	At    time.Time `json:"at"` // when the last of them did
	Until time.Time `json:"until,omitzero"`
	Why   string    `json:"why,omitempty"`
	Hold  string    `json:"hold,omitempty"` // the id under which it was shown
	// Key is whom the change is about, and Member says that it is about their place in a
	// group.
	Key    Key  `json:"key,omitempty"`
	Member bool `json:"member,omitempty"`
}

// About binds what is said of several changes to one of them.
func (d Decision) About(c *Change) Decision {
	d.Key, d.Member = c.Key, c.Op == OpAddMember || c.Op == OpRemoveMember
	return d
}

// Enough reports whether the decision lets a change through.
func (d Decision) Enough(fourEyes bool) bool {
	return d.Approves && (len(d.By) > 1 || len(d.By) == 1 && !fourEyes)
}

// Said adds what one more person says. The same verdict of another person joins
// the earlier ones; the opposite verdict replaces them.
func (d Decision) Said(by string, next Decision) Decision {
	if d.Approves == next.Approves && d.Waits == next.Waits && len(d.By) > 0 && (d.Until.IsZero() || next.At.Before(d.Until)) {
		next.By = slices.Clone(d.By)
	}
	if !slices.ContainsFunc(next.By, func(other string) bool { return SamePerson(other, by) }) {
		next.By = append(next.By, by)
	}
	return next
}

// LeftOut is what becomes of a change when next is said of others that were over a limit
// with it: what somebody said of it itself stays.
func (d Decision) LeftOut(by string, next Decision) Decision {
	if len(d.By) > 0 && (d.Until.IsZero() || next.At.Before(d.Until)) {
		return d
	}
	return Decision{Waits: true, Undo: next.Undo, By: []string{by}, At: next.At, Hold: next.Hold, Key: next.Key, Member: next.Member}
}

// Outlived lists, by digest, those of the decisions that the plan was made with which
// reject a change or leave it out, and whose change the plan neither makes nor holds any
// more. The plan must be one of everybody. A rejection of a removal that OneLogin then took
// back must not keep a leaver inside years later. A plan from an incomplete pull outlives
// nothing; nor does any plan outlive what is about somebody of whom it cannot tell what they
// should have, or about memberships that it cannot compare.
func (p *Plan) Outlived(decisions map[string]Decision) (digests []string) {
	if !p.Receipt.Complete() {
		return nil
	}
	for digest, d := range decisions {
		if d.Until.IsZero() && !d.Undo && !p.unclear[d.Key] && !(d.Member && p.unmatched) {
			digests = append(digests, digest)
		}
	}
	if len(digests) == 0 {
		return nil
	}
	planned := make(map[string]bool, len(p.Changes)+len(p.Held))
	for i := range p.Changes {
		planned[p.Changes[i].Digest()] = true
	}
	for i := range p.Held {
		planned[p.Held[i].Digest()] = true
	}
	digests = slices.DeleteFunc(digests, func(digest string) bool { return planned[digest] })
	slices.Sort(digests)
	return digests
}

// SamePerson reports whether two names of who decided are one person's. A name that ends
// with an id in brackets, which a sign-in puts there, is whose id that is, so that somebody
// whose e-mail changes stays one person. Any other is compared without the machine that a
// command adds ("ann on laptop"): nobody is two people by deciding on two machines.
func SamePerson(a, b string) bool { return person(a) == person(b) }

// person is what tells apart the person with this name.
func person(name string) string {
	if i := strings.LastIndexByte(name, '['); i >= 0 && strings.HasSuffix(name, "]") && i < len(name)-2 {
		return name[i:]
	}
	who, _, _ := strings.Cut(name, " on ")
	return who
}

// decide marks what somebody approved, and holds what somebody rejected or left out.
func (p Plan) decide(policy *Policy) Plan {
	if len(policy.Decisions) == 0 {
		return p
	}
	p.Changes = slices.Clone(p.Changes)
	rejected, waits := make(map[string]string), make(map[string]bool) // by digest
	for i := range p.Changes {
		c := &p.Changes[i]
		digest := c.Digest()
		switch d, said := policy.Decisions[digest]; {
		case !said:
		case d.Enough(policy.FourEyes):
			c.Approved, c.ApprovedAs = strings.Join(d.By, ", "), digest
		case d.Waits:
			waits[digest] = true
		case !d.Approves:
			rejected[digest] = "rejected by " + strings.Join(d.By, ", ") + strings.TrimRight(": "+d.Why, ": ")
		}
	}
	if len(rejected) > 0 {
		p = p.hold(RuleRejected, HoldDecided, func(c *Change) string { return rejected[c.Digest()] })
	}
	if len(waits) > 0 {
		p = p.hold(RuleLimit, HoldGuard, func(c *Change) string {
			if !waits[c.Digest()] {
				return ""
			}
			return "was over a limit when somebody decided about others of it, and waits for a word of its own"
		})
	}
	return p
}
