package reconcile

import (
	"slices"
	"time"
)

// RuleCount is how many people one rule matches.
type RuleCount struct {
	Rule    Rule
	Name    string // id and name, as causes have it
	Matches int
	Maybe   int // of whom it is uncertain
}

// Count evaluates each rule that sets groups, in order, for people at the time now.
// wanted are the groups that some of them get, or may get, sorted.
func (b *RuleBook) Count(people []*Person, now time.Time) (counts []RuleCount, wanted []Grant) {
	counts = make([]RuleCount, len(b.rules))
	for i := range b.rules {
		counts[i] = RuleCount{Rule: b.rules[i].rule, Name: b.rules[i].cause}
	}
	first := make(map[string]Grant)
	for _, p := range people {
		for _, i := range b.appendCandidates(nil, p) {
			switch b.rules[i].matches(p, now) {
			case yes:
				counts[i].Matches++
			case maybe:
				counts[i].Maybe++
			}
		}
		v := b.Evaluate(p, now)
		for _, g := range slices.Concat(v.Grants, v.Maybe) {
			if _, known := first[g.Group]; !known {
				first[g.Group] = g
			}
		}
	}
	for _, g := range first {
		wanted = append(wanted, g)
	}
	slices.SortFunc(wanted, byGroup)
	return counts, wanted
}

// countOnly counts the rules that match somebody who is at work and of whom something is
// held: what OneLogin gives does not depend on that, and a count that falls looks like a
// disaster.
func (g *groupDiff) countOnly(w *Want) {
	if w.Active && g.book != nil && g.evaluates() {
		g.book.evaluate(w.Person, g.in.Directory.ReadAt)
	}
}

// evaluates reports whether what rules give can be compared with what there is.
func (g *groupDiff) evaluates() bool {
	return !g.in.Current.MembersUnknown && g.in.Directory.Receipt.Read(ListRules)
}
