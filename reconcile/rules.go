package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rule is one enabled rule of the OneLogin app, as GET /api/2/apps/{id}/rules
// gives it.
type Rule struct {
	ID       int64
	Name     string
	MatchAny bool // "any"; otherwise all conditions must hold, and none is enough
	// MatchOdd is what OneLogin says instead of "all" or "any": whom such a rule matches
	// is uncertain where the two differ.
	MatchOdd   string
	Position   int // ascending; -1 when OneLogin gives null
	Conditions []Condition
	Actions    []Action
}

// Condition is one condition of a Rule. Value is always text, ids included.
type Condition struct {
	Source   string // has_role, title, department, email, custom_attribute_<shortname>, …
	Operator string // =, !=, ~, !~, bw, ew, >, <, ri, rin
	Value    string
}

// Action is one action of a Rule.
type Action struct {
	Name   string // set_groups is the one that matters here
	Values []string
	// Expression is nil when the key is absent ("from existing"); its presence,
	// even empty, selects "map from OneLogin".
	Expression *string
	Macro      string
	Scriplet   string // sic: the API's spelling
}

// RuleReading settles what the public record leaves open about rules. The zero
// value takes nothing for granted: what depends on the answer is uncertain.
type RuleReading struct {
	// LastWins makes a later matching rule replace the groups of earlier ones.
	// The default is their union, for which there is more evidence.
	LastWins bool
	// Case is "", "sensitive" or "insensitive": how text operators compare, and how
	// "map from OneLogin" matches.
	Case string
	// Regexp is "", "anchored" or "unanchored": how "map from OneLogin" matches.
	Regexp string
	// Capture is "", "whole" or "group": what "map from OneLogin" extracts.
	Capture string
	// MemberOf is "", "each" or "whole": whether a condition on member_of is compared
	// with each of somebody's directory groups, or with all of them as one text.
	MemberOf string
	// GroupsAction is the action that sets groups; empty means set_groups.
	GroupsAction string
}

// Grant is a group that a rule gives to a person.
type Grant struct {
	Group string // as the rule says it: Tomorro's group id or its name
	Cause string // "rule 12 'Legal'"
}

// Verdict is what all rules together say about one person's groups.
type Verdict struct {
	Grants []Grant // certain; unique by Group, sorted by Group
	// Maybe are groups that a rule which cannot be evaluated with certainty may
	// give: nobody is added to or removed from them because of it.
	Maybe []Grant
	// MaybeAny says that such a rule may give any group; Cause names it.
	MaybeAny *Grant
}

// RuleBook is the app's rules, made ready to be evaluated for many people.
type RuleBook struct {
	rules   []compiled
	byRole  map[int64][]int // rules whose one condition is that a person has this role
	others  []int
	reading RuleReading
	notes   []Note
}

// compiled is one rule, ready to be evaluated.
type compiled struct {
	rule       Rule
	cause      string
	any        bool
	conditions []predicate
	grants     []Grant   // what it gives outright
	mappings   []mapping // what it gives by a person's own values
	anything   bool      // a macro or scriplet: it may give any group
}

// CompileRules prepares rules. roles are OneLogin's roles, for rules that map
// role names to groups and to report rules on roles that do not exist; nil means
// that they could not be read.
func CompileRules(rules []Rule, roles []OneLoginRole, reading RuleReading) *RuleBook {
	b := &RuleBook{byRole: make(map[int64][]int), reading: reading}
	names := roleNames(roles)
	for _, r := range inOrder(rules) {
		b.add(r, names)
	}
	return b
}

// inOrder gives the rules as OneLogin applies them: by position, rules without
// one last.
func inOrder(rules []Rule) []Rule {
	last := func(r Rule) int {
		if r.Position < 0 {
			return 1
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(rules), func(a, b Rule) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID))
	})
}

func roleNames(roles []OneLoginRole) map[int64]string {
	if roles == nil {
		return nil
	}
	names := make(map[int64]string, len(roles))
	for _, r := range roles {
		names[r.ID] = r.Name
	}
	return names
}

func (b *RuleBook) add(r Rule, names map[int64]string) {
	c := compiled{rule: r, cause: fmt.Sprintf("rule %d %q", r.ID, r.Name), any: r.MatchAny}
	for _, cond := range r.Conditions {
		test, why := cond.compile(b.reading)
		if why != "" {
			b.note(c.cause, "%s, so it is uncertain whom it matches and nobody is removed because of it", why)
		}
		b.checkRole(c.cause, cond, names)
		c.conditions = append(c.conditions, test)
	}
	if r.MatchOdd != "" && len(r.Conditions) > 1 {
		b.note(c.cause, "says %q where all or any is known, so it is uncertain whom it matches and nobody is removed because of it", r.MatchOdd)
	}
	for _, a := range r.Actions {
		b.action(&c, a, names)
	}
	if len(c.grants) == 0 && len(c.mappings) == 0 && !c.anything {
		return
	}
	i := len(b.rules)
	b.rules = append(b.rules, c)
	if id, ok := onlyRole(r); ok {
		b.byRole[id] = append(b.byRole[id], i)
	} else {
		b.others = append(b.others, i)
	}
}

func (b *RuleBook) note(subject, format string, args ...any) {
	b.notes = append(b.notes, Note{Subject: subject, Text: fmt.Sprintf(format, args...)})
}

// checkRole reports a condition on a role that OneLogin does not have (any more).
func (b *RuleBook) checkRole(cause string, c Condition, names map[int64]string) {
	if c.Source != sourceRole || names == nil {
		return
	}
	id, err := strconv.ParseInt(strings.TrimSpace(c.Value), 10, 64)
	if _, known := names[id]; err != nil || !known {
		b.note(cause, "names role %s, which does not exist in OneLogin; choose another role in the rule or remove it", c.Value)
	}
}

// onlyRole gives the role of a rule whose one condition is to have it.
func onlyRole(r Rule) (int64, bool) {
	if len(r.Conditions) != 1 || r.Conditions[0].Source != sourceRole || r.Conditions[0].Operator != "ri" {
		return 0, false
	}
	id, err := strconv.ParseInt(r.Conditions[0].Value, 10, 64)
	return id, err == nil
}

// action adds what one action gives to a rule.
func (b *RuleBook) action(c *compiled, a Action, names map[int64]string) {
	sets := cmp.Or(b.reading.GroupsAction, "set_groups")
	switch {
	case a.Name != sets:
		b.otherAction(c.cause, a)
	case a.Macro != "" || a.Scriplet != "":
		c.anything = true
		b.note(c.cause, "sets groups by a macro or scriplet, which only OneLogin can evaluate: nobody it matches is removed from a group")
	case a.Expression == nil:
		for _, v := range a.Values {
			if v = strings.TrimSpace(v); v != "" {
				c.grants = append(c.grants, Grant{Group: v, Cause: c.cause})
			}
		}
	default:
		for _, source := range a.Values {
			m, why := newMapping(source, *a.Expression, names, b.reading)
			if why != "" {
				b.note(c.cause, "%s, so it may give any group and nobody it matches is removed from one", why)
				c.anything = true
				continue
			}
			c.mappings = append(c.mappings, m)
		}
	}
}

func (b *RuleBook) otherAction(cause string, a Action) {
	switch a.Name {
	case "set_scimusername", "set_usertype":
		b.note(cause, "has the action %s, which changes what OneLogin itself would send; it is not looked at here: userName is the e-mail and userType follows from the title", a.Name)
	default:
		b.note(cause, "has the action %s, which has nothing to do with groups and is not looked at", a.Name)
	}
}

// Evaluate tells which groups the rules give to p at the time now. All matching
// rules apply, in order.
func (b *RuleBook) Evaluate(p *Person, now time.Time) Verdict {
	e := evaluator{RuleBook: b, candidates: make([]int, 0, len(b.others)+2*len(p.Roles)), tally: tally{certain: make([]Grant, 0, 2+len(p.Roles))}}
	return e.evaluate(p, now)
}

// evaluator evaluates a book's rules for one person after another, in the same room.
type evaluator struct {
	*RuleBook
	matched    []int // how many people each rule surely matches, by its index; nil: nobody counts
	candidates []int
	tally      tally
}

// evaluate gives a verdict that is valid until the next one.
func (b *evaluator) evaluate(p *Person, now time.Time) Verdict {
	b.candidates = b.appendCandidates(b.candidates[:0], p)
	v := &b.tally
	*v = tally{certain: v.certain[:0], possible: v.possible[:0]}
	for _, i := range b.candidates {
		r := &b.rules[i]
		matches := r.matches(p, now)
		if matches == no {
			continue
		}
		if matches == yes && b.matched != nil {
			b.matched[i]++
		}
		if b.reading.LastWins {
			v.replace(both(matches, r.gives(p)))
		}
		for _, g := range r.grants {
			v.give(g, matches)
		}
		for k := range r.mappings {
			for name, certain := range r.mappings[k].values(p) {
				v.give(Grant{Group: name, Cause: r.cause}, both(matches, certain))
			}
			if r.mappings[k].unread(p) {
				v.anything(r.cause)
			}
		}
		if r.anything {
			v.anything(r.cause)
		}
	}
	return v.verdict()
}

// appendCandidates adds the rules that may match p, in order: those on a role that p
// has, and all that are not on one role only.
func (b *RuleBook) appendCandidates(found []int, p *Person) []int {
	if p.Unread.Has(FieldRoles) {
		for i := range b.rules {
			found = append(found, i)
		}
		return found
	}
	found = append(found, b.others...)
	for _, id := range p.Roles {
		found = append(found, b.byRole[id]...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// gives says whether a rule that matches p gives them a group for certain. What a rule
// that gives none leaves of those before it, where the last one wins, is not documented.
func (c *compiled) gives(p *Person) truth {
	if len(c.grants) > 0 {
		return yes
	}
	for i := range c.mappings {
		for _, certain := range c.mappings[i].values(p) {
			if certain == yes {
				return yes
			}
		}
	}
	return maybe
}

func (c *compiled) matches(p *Person, now time.Time) truth {
	if len(c.conditions) == 0 {
		return yes // "leave Conditions blank" applies to everyone
	}
	first := c.conditions[0](p, now)
	all, one := first, first
	for _, test := range c.conditions[1:] {
		holds := test(p, now)
		all, one = both(all, holds), either(one, holds)
	}
	switch {
	case c.rule.MatchOdd != "" && all != one:
		return maybe
	case c.any:
		return one
	}
	return all
}

// tally collects what rules give, in the order of the rules.
type tally struct {
	certain, possible []Grant
	any               *Grant // the first rule that may give any group
}

func (t *tally) give(g Grant, sure truth) {
	switch sure {
	case yes:
		t.certain = append(t.certain, g)
	case maybe:
		t.possible = append(t.possible, g)
	}
}

func (t *tally) anything(cause string) {
	if t.any == nil {
		t.any = &Grant{Cause: cause}
	}
}

// replace drops what earlier rules gave, when a later rule surely replaces it,
// and makes it merely possible when that is uncertain.
func (t *tally) replace(sure truth) {
	if sure == yes {
		*t = tally{certain: t.certain[:0], possible: t.possible[:0]}
		return
	}
	t.possible = append(t.possible, t.certain...)
	t.certain = t.certain[:0]
}

// verdict sorts by group; of several rules that give one, the first is named.
func (t *tally) verdict() Verdict {
	v := Verdict{Grants: unique(t.certain), Maybe: unique(t.possible), MaybeAny: t.any}
	v.Maybe = slices.DeleteFunc(v.Maybe, func(g Grant) bool {
		_, sure := slices.BinarySearchFunc(v.Grants, g, byGroup)
		return sure
	})
	return v
}

func byGroup(a, b Grant) int { return cmp.Compare(a.Group, b.Group) }

func unique(grants []Grant) []Grant {
	slices.SortStableFunc(grants, byGroup)
	return slices.CompactFunc(grants, func(a, b Grant) bool { return a.Group == b.Group })
}

// Notes reports what an administrator should know of the rules themselves:
// rules that cannot be evaluated and why, rules on roles that do not exist,
// actions that are not looked at.
func (b *RuleBook) Notes() []Note { return b.notes }

// Groups lists every group that a rule names outright, with the rules that do.
func (b *RuleBook) Groups() []Grant {
	var all []Grant
	for i := range b.rules {
		all = append(all, b.rules[i].grants...)
	}
	return all
}

// MayGiveAny reports whether some rule takes its groups from data, so that the
// groups it gives cannot be listed.
func (b *RuleBook) MayGiveAny() bool {
	return slices.ContainsFunc(b.rules, func(c compiled) bool { return c.anything || len(c.mappings) > 0 })
}
