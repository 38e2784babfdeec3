package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// groupDiff compares memberships, one person at a time. Groups are numbered, so
// that a person's groups are a few small integers.
type groupDiff struct {
	in   Input
	plan *Plan
	book *evaluator // nil when the rules could not be read, or there are none

	asserted     asserted       // groups set by hand
	byID, byName map[string]int // name is folded; ambiguous names are -1
	of           memberships
	wanted       map[string]int   // a grant as the rule says it -> index into groups, or missing
	missing      map[string]Grant // folded name -> first grant of a group Tomorro does not have
	ruled        map[int]bool     // groups that some rule names; see named
}

const ambiguous = "Tomorro has several groups of this name; rename all but one"

// missingGroup stands for a group that Tomorro does not have; ambiguousGroup for
// a name that several groups have.
const (
	missingGroup   = -1
	ambiguousGroup = -2
)

func newGroupDiff(in Input, plan *Plan, at map[string]int32) *groupDiff {
	g := &groupDiff{
		in: in, plan: plan, asserted: indexAssertions(in.Asserted), byID: make(map[string]int), byName: make(map[string]int),
		of: newMemberships(in.Current, at), wanted: make(map[string]int), missing: make(map[string]Grant),
	}
	for i := range in.Current.Groups {
		group := &in.Current.Groups[i]
		g.byID[group.ID] = i
		name := Fold(group.Name)
		if _, twice := g.byName[name]; twice {
			g.byName[name] = ambiguousGroup
			plan.Notes = append(plan.Notes, Note{Subject: group.Name, Text: "Tomorro has several groups whose names differ only in case or form; rules that name them are not applied"})
		} else {
			g.byName[name] = i
		}
	}
	switch {
	case !in.Directory.Receipt.Read(ListRules):
		// The receipt says why.
	case len(in.Directory.Rules) == 0:
		plan.Notes = append(plan.Notes, Note{Subject: "groups", Text: "the app has no enabled rule in OneLogin, which is never taken to mean that nobody belongs anywhere: no membership is changed"})
	default:
		roles := in.Directory.Roles
		if !in.Directory.Receipt.Read(ListRoles) {
			roles = nil
		}
		book := CompileRules(in.Directory.Rules, roles, in.Policy.Rules)
		g.book = &evaluator{RuleBook: book, matched: make([]int, len(book.rules))}
		plan.Notes = append(plan.Notes, g.book.Notes()...)
	}
	if in.Current.MembersUnknown {
		plan.Notes = append(plan.Notes, Note{Subject: "groups", Text: "Tomorro shows no memberships, so none is changed"})
	}
	return g
}

// lookup finds the group that a rule means: by Tomorro's id, else by name.
func (g *groupDiff) lookup(said string) int {
	if i, ok := g.wanted[said]; ok {
		return i
	}
	i, ok := g.byID[said]
	if !ok {
		if i, ok = g.byName[Fold(said)]; !ok {
			i = missingGroup
		}
	}
	g.wanted[said] = i
	return i
}

// person compares the groups that rules give with those the account has.
func (g *groupDiff) person(p *pair) {
	if !g.evaluates() {
		return
	}
	var has []int32
	if p.account != nil {
		has = g.of.account(p.at)
	}
	if g.book == nil { // no rules: what was set by hand is all there is to say
		g.assertions(p, has, nil)
		g.takenBack(p, has, nil, nil)
		return
	}
	verdict := g.book.evaluate(p.want.Person, g.in.Directory.ReadAt)
	granted := make([]int32, 0, len(verdict.Grants))
	for _, grant := range verdict.Grants {
		i := g.lookup(grant.Group)
		if i < 0 {
			g.unresolved(p, grant, i)
			continue
		}
		if slices.Contains(granted, int32(i)) {
			continue // named by id and by name
		}
		granted = append(granted, int32(i))
		if !slices.Contains(has, int32(i)) {
			g.plan.Changes = append(g.plan.Changes, g.member(OpAddMember, p, i, grant.Cause))
		}
	}
	granted = g.assertions(p, has, granted)
	if g.in.Policy.GroupMode == Additive {
		g.takenBack(p, has, granted, &verdict)
		return
	}
	for _, i := range has {
		if !slices.Contains(granted, i) {
			g.remove(p, int(i), &verdict)
		}
	}
}

// takenBack removes what OneLogin took back, where other memberships stay.
func (g *groupDiff) takenBack(p *pair, has, granted []int32, v *Verdict) {
	for _, i := range has {
		a := g.asserted.of(p.account.ID, g.in.Current.Groups[i].ID)
		if a != nil && a.Off && !slices.Contains(granted, i) {
			g.remove(p, int(i), v)
		}
	}
}

// remove takes a membership away that no rule gives, unless a rule that cannot
// be evaluated might, or one that names several groups or none: somebody may have
// renamed what it names. Without a verdict there are no rules.
func (g *groupDiff) remove(p *pair, group int, v *Verdict) {
	c := g.member(OpRemoveMember, p, group, "no rule gives this group")
	a := g.asserted.of(p.account.ID, c.GroupID)
	told := a != nil && a.Off
	if told {
		c = g.pushed(OpRemoveMember, p, group, a)
	}
	if v == nil {
		g.plan.Changes = append(g.plan.Changes, c)
		return
	}
	if named := g.namedAmbiguously(group, v); named != nil {
		c.Cause = named.Cause
		g.plan.Held = append(g.plan.Held, Held{Change: c, Class: HoldData, Rule: RuleData, Reason: ambiguous})
		return
	}
	if lost := g.mayBe(group, v.Grants); lost != nil && !told {
		c.Cause = lost.Cause
		g.plan.Held = append(g.plan.Held, Held{Change: c, Class: HoldData, Rule: RuleData,
			Reason: fmt.Sprintf("%s gives group %s, which Tomorro does not have, and this may be it by another name; rename one of the two, or create that group", lost.Cause, lost.Group)})
		return
	}
	frozen := v.MaybeAny
	if lost := g.mayBe(group, v.Maybe); lost != nil && !told {
		frozen = lost
	}
	for i := range v.Maybe {
		if g.lookup(v.Maybe[i].Group) == group {
			frozen = &v.Maybe[i]
		}
	}
	if frozen == nil {
		g.plan.Changes = append(g.plan.Changes, c)
		return
	}
	c.Cause = frozen.Cause
	reason := frozen.Cause + " cannot be evaluated with certainty, so nobody is removed because of it"
	if settings := g.book.settings(frozen.Cause); settings != "" {
		reason += "; see " + settings + " in the configuration"
	}
	g.plan.Held = append(g.plan.Held, Held{Change: c, Class: HoldData, Rule: RuleData, Reason: reason})
}

// namedAmbiguously is what gives, or may give, a group of this one's name, when
// Tomorro has several; else nil.
func (g *groupDiff) namedAmbiguously(group int, v *Verdict) *Grant {
	name := Fold(g.in.Current.Groups[group].Name)
	if g.byName[name] != ambiguousGroup {
		return nil
	}
	for _, said := range slices.Concat(v.Grants, v.Maybe) {
		if Fold(said.Group) == name {
			return &said
		}
	}
	return nil
}

// mayBe is which of these grants is of a group that Tomorro does not have and no run makes,
// when this one is named by no rule; else nil.
func (g *groupDiff) mayBe(group int, grants []Grant) *Grant {
	if g.in.Policy.CreateGroups || g.named()[group] {
		return nil
	}
	for i := range grants {
		if g.lookup(grants[i].Group) == missingGroup {
			return &grants[i]
		}
	}
	return nil
}

// named are the groups that some rule names.
func (g *groupDiff) named() map[int]bool {
	if g.ruled == nil {
		g.ruled = make(map[int]bool)
		for _, grant := range g.book.Groups() {
			g.ruled[g.lookup(grant.Group)] = true
		}
	}
	return g.ruled
}

func (g *groupDiff) member(op Op, p *pair, group int, cause string) Change {
	c := Change{Op: op, Key: p.want.Person.Key, Who: address(p), Group: g.in.Current.Groups[group].Name,
		GroupID: g.in.Current.Groups[group].ID, Cause: cause}
	if p.account != nil {
		c.Account = p.account.ID
	}
	return c
}

var idShape = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-`)

// unresolved deals with a grant of a group that Tomorro does not have.
func (g *groupDiff) unresolved(p *pair, grant Grant, why int) {
	c := Change{Op: OpAddMember, Key: p.want.Person.Key, Who: address(p), Group: grant.Group, Cause: grant.Cause}
	if p.account != nil {
		c.Account = p.account.ID
	}
	var reason string
	switch {
	case why == ambiguousGroup:
		reason = ambiguous
	case idShape.MatchString(grant.Group):
		reason = "Tomorro has no group with this id any more; press Refresh in OneLogin's Provisioning tab and pick the group again in the rule"
	case !g.in.Policy.CreateGroups:
		reason = "Tomorro has no such group; create it in Tomorro, or set groups.create: true"
	default:
		name := Fold(grant.Group)
		first, seen := g.missing[name]
		if !seen || cmp.Compare(grant.Group, first.Group) < 0 {
			g.missing[name] = grant
		}
		g.plan.Changes = append(g.plan.Changes, c)
		return
	}
	g.plan.Held = append(g.plan.Held, Held{Change: c, Class: HoldData, Rule: RuleData, Reason: reason})
}

// finish adds the groups' own changes, and what was counted.
func (g *groupDiff) finish() {
	if g.book != nil {
		g.plan.Census.Rules = make(map[int64]int, len(g.book.matched))
		for i, n := range g.book.matched {
			g.plan.Census.Rules[g.book.rules[i].rule.ID] += n
		}
	}
	for _, grant := range g.missing {
		g.plan.Changes = append(g.plan.Changes, Change{Op: OpCreateGroup, Group: grant.Group, Cause: grant.Cause})
	}
	for i := range g.plan.Changes {
		// Everybody who is added to a new group calls it by the same spelling.
		c := &g.plan.Changes[i]
		if c.Op == OpAddMember && c.GroupID == "" {
			c.Group = g.missing[Fold(c.Group)].Group
		}
	}
	g.deleteEmpty()
	g.endForgotten()
}

// deleteEmpty deletes the groups of ours that no rule names, that nobody was given
// by hand, and that nobody is in, or will be in after this plan.
func (g *groupDiff) deleteEmpty() {
	if g.book == nil || g.in.Only != nil || !g.in.Policy.DeleteGroups || g.in.Current.MembersUnknown || g.book.MayGiveAny() {
		return
	}
	named := maps.Clone(g.named())
	for i := range g.in.Asserted {
		a := &g.in.Asserted[i]
		if group, exists := g.byID[a.Group]; exists && !a.Off {
			named[group] = true // also while that person is held, or out of it for now
		}
	}
	leaving := leavingMembers(g.plan.Changes)
	for i := range g.in.Current.Groups {
		group := &g.in.Current.Groups[i]
		if !group.Ours || named[i] || g.byName[Fold(group.Name)] != i || !leaving.all(group.ID, group.Members) {
			continue
		}
		if g.plan.emptied == nil {
			g.plan.emptied = make(map[string][]string)
		}
		g.plan.emptied[group.ID] = group.Members
		g.plan.Changes = append(g.plan.Changes, Change{Op: OpDeleteGroup, Group: group.Name, GroupID: group.ID,
			Cause: "made by this program, empty, and named by no rule"})
	}
}

// leaving is what a plan takes out of groups: single memberships, and whole accounts.
type leaving struct {
	deleted map[string]bool
	removed map[[2]string]bool // group id, account id
}

func leavingMembers(changes []Change) leaving {
	l := leaving{deleted: make(map[string]bool), removed: make(map[[2]string]bool)}
	for i := range changes {
		switch c := &changes[i]; c.Op {
		case OpDelete:
			l.deleted[c.Account] = true
		case OpRemoveMember:
			l.removed[[2]string{c.GroupID, c.Account}] = true
		}
	}
	return l
}

// all reports whether every one of the members leaves the group.
func (l leaving) all(group string, members []string) bool {
	for _, m := range members {
		if !l.deleted[m] && !l.removed[[2]string{group, m}] {
			return false
		}
	}
	return true
}
