package reconcile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// limitsOf names the limits that a change counts towards.
func limitsOf(c *Change) []Limit {
	var l []Limit
	switch c.Op {
	case OpDeactivate:
		l = append(l, LimitDeactivate)
	case OpDelete:
		l = append(l, LimitDelete)
	case OpRemoveMember:
		l = append(l, LimitRemoveMember, LimitRemoveFromGroup.Of(c.GroupID))
	case OpChangeRole:
		l = append(l, LimitChangeRole)
	case OpRename:
		l = append(l, LimitRename)
	case OpCreate:
		l = append(l, LimitCreate)
	}
	if gainsAdmin(c) && c.Op != OpCreate {
		l = append(l, LimitGrantAdmin)
	}
	return l
}

// Spend counts, by limit, what these changes use. What somebody approved uses
// nothing: it was looked at by itself.
func Spend(changes []Change) map[Limit]int {
	spent := make(map[Limit]int)
	for i := range changes {
		if changes[i].Approved != "" {
			continue
		}
		for _, l := range limitsOf(&changes[i]) {
			spent[l]++
		}
	}
	return spent
}

func limitRule(plan *Plan, policy *Policy) reason {
	over := make(map[Limit]string)
	for l, n := range Spend(plan.Changes) {
		if reason := policy.Limits.exceeded(l, n, policy.Spent[l], plan.population(l)); reason != "" {
			over[l] = reason
		}
	}
	return func(c *Change) string {
		for _, l := range limitsOf(c) {
			if reason := over[l]; reason != "" {
				return reason
			}
		}
		return ""
	}
}

// exceeded says why n more changes are over the limit, or nothing. The share is
// looked at only where there is enough for a share to mean something.
func (l Limits) exceeded(limit Limit, n, spent, population int) string {
	kind, _ := limit.Group()
	a := l.Allow[kind]
	before := ""
	if spent > 0 {
		before = fmt.Sprintf(" after %s in the last %s", Number(spent), l.window())
	}
	if a.Max != nil && n+spent > *a.Max {
		return fmt.Sprintf("%s %s%s: more than limits.%s.max, which is %s", Number(n), kind.words(), before, kind, Number(*a.Max))
	}
	if a.Share != nil && population >= l.MinPopulation && n+spent > Portion(*a.Share, population) {
		return fmt.Sprintf("%s %s%s of %s: more than limits.%s.share, which is %s", Number(n), kind.words(), before, Number(population), kind, Percent(*a.Share))
	}
	return ""
}

// hair is more than the product of a share such as 29%, of which there is no exact
// float64, is off by.
const hair = 1e-6

// Portion is how many of a population a share is, in whole ones.
func Portion(share float64, population int) int {
	return int(math.Floor(share*float64(population) + hair))
}

// Percent is a share as people write it.
func Percent(share float64) string { return fmt.Sprintf("%.10g%%", share*100) }

// Number writes a number with its thousands apart: 12,345.
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// window writes 24h for 24h0m0s.
func (l Limits) window() string {
	if hours, whole := strings.CutSuffix(l.Window.String(), "h0m0s"); whole {
		return hours + "h"
	}
	return l.Window.String()
}

// Most gives, for each limit that the plan's changes count towards, how many may be
// done within the window at most, what was done before included. Shares are of the
// accounts with access, of all for deletions, and of memberships for those. A limit that bounds
// nothing is not in it. Guard holds nothing for a limit as long as the plan and
// Policy.Spent together stay within it.
func (p *Plan) Most(policy *Policy) map[Limit]int {
	most := make(map[Limit]int)
	for l := range Spend(p.Changes) {
		if n, bound := policy.Limits.most(l, p.population(l)); bound {
			most[l] = n
		}
	}
	return most
}

// most is the highest number that exceeded says nothing about; not bound when there
// is none.
func (l Limits) most(limit Limit, population int) (most int, bound bool) {
	kind, _ := limit.Group()
	a := l.Allow[kind]
	if a.Max != nil {
		most, bound = *a.Max, true
	}
	if a.Share != nil && population >= l.MinPopulation {
		share := Portion(*a.Share, population)
		if !bound || share < most {
			most, bound = share, true
		}
	}
	return most, bound
}

// population is what a share of the limit is a share of: of people, those with access,
// or a limit would grow with every leaver whose account stays. Deleting concerns the
// others as well.
func (p *Plan) population(l Limit) int {
	switch kind, group := l.Group(); kind {
	case LimitRemoveFromGroup:
		return p.sizes[group]
	case LimitRemoveMember:
		return p.Counts.Memberships
	case LimitDelete:
		return p.Counts.Accounts
	}
	return p.Counts.Active
}

func (l Limit) words() string {
	return map[Limit]string{
		LimitDeactivate: "deactivations", LimitDelete: "deletions", LimitRemoveMember: "membership removals",
		LimitChangeRole: "role changes", LimitGrantAdmin: "people made admin", LimitRename: "changes of e-mail", LimitCreate: "new accounts",
		LimitRemoveFromGroup: "removals from this group",
	}[l]
}
