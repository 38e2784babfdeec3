package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Explanation is what is known of one person, and why a plan says of them what
// it says. Key is 0 for an account that is nobody's in OneLogin.
type Explanation struct {
	Key     Key    `json:"key,omitempty"`
	Email   string `json:"email"`
	Title   string `json:"title"`
	Known   bool   `json:"known"`   // to OneLogin
	Managed bool   `json:"managed"` // inside the configured scope
	Active  bool   `json:"active"`  // should have access
	Cause   string `json:"cause"`   // why, or why not
	Hold    string `json:"hold,omitempty"`

	Role      UserType `json:"role,omitempty"` // that the title gives
	RoleCause string   `json:"roleCause,omitempty"`
	RoleHold  string   `json:"roleHold,omitempty"`

	Account *Account      `json:"account"` // at Tomorro; null when there is none
	Rules   []RuleAnswer  `json:"rules"`
	Groups  []GroupAnswer `json:"groups"`
	Changes []Change      `json:"changes"`
	Held    []Held        `json:"held"`
}

// Answer is yes, no, or uncertain.
type Answer string

// The answers.
const (
	Yes    Answer = "yes"
	No     Answer = "no"
	Unsure Answer = "uncertain"
)

// RuleAnswer is what one rule says of a person.
type RuleAnswer struct {
	Rule       string            `json:"rule"` // id and name
	Matches    Answer            `json:"matches"`
	MatchAny   bool              `json:"matchAny,omitempty"` // one condition is enough
	Conditions []ConditionAnswer `json:"conditions"`
}

// ConditionAnswer is what one condition of a rule says of a person.
type ConditionAnswer struct {
	Condition string `json:"condition"` // as OneLogin's API has it
	Words     string `json:"words"`     // see Condition.Words
	Holds     Answer `json:"holds"`
}

// GroupAnswer is one group that a person is in, should be in, or may be in.
type GroupAnswer struct {
	Group  string `json:"group"`
	Member bool   `json:"member"` // now, at Tomorro
	Wanted Answer `json:"wanted"`
	Cause  string `json:"cause"` // the rule, or that no rule gives it
}

func answer(t truth) Answer { return [...]Answer{No, Unsure, Yes}[t] }

// Explainer explains people of one input.
type Explainer struct {
	in     Input
	plan   Plan
	join   *joined
	groups *groupDiff
}

// NewExplainer prepares for questions about a plan, which is what Decide and
// Guard made of the same input.
func NewExplainer(in Input, plan Plan) *Explainer {
	in.Directory, in.Current = in.Directory.sorted(), in.Current.sorted()
	wants, _ := Desired(in.Directory, in.Policy)
	who := join(wants, in)
	return &Explainer{in: in, plan: plan, join: who, groups: newGroupDiff(in, new(Plan), who.at)}
}

// About tells about everybody whom an e-mail or a OneLogin id names: usually one,
// several when they share an address, nobody when neither side knows them.
func (x *Explainer) About(who string) []Explanation {
	var all []Explanation
	name, id := Fold(who), strings.TrimSpace(who)
	for i := range x.join.pairs {
		if p := &x.join.pairs[i]; p.isCalled(name, id) {
			all = append(all, x.pair(p))
		}
	}
	for i := range x.in.Current.Accounts {
		a := &x.in.Current.Accounts[i]
		if x.join.owner.of(a.ID) == 0 && Fold(a.UserName) == name {
			cause := "matches nobody in OneLogin: it is not touched"
			if x.join.asked[a.ID] {
				cause = "has the address of somebody who has another account: it is not touched"
			}
			all = append(all, Explanation{Email: a.UserName, Cause: cause, Account: a,
				Rules: []RuleAnswer{}, Groups: x.groups.answers(a.ID, nil), Changes: []Change{}, Held: []Held{}})
		}
	}
	return all
}

// isCalled takes a folded address and a OneLogin id.
func (p *pair) isCalled(name, id string) bool {
	return p.want.Person.Key.String() == id || Fold(p.want.Person.Email) == name || p.account != nil && Fold(p.account.UserName) == name
}

func (x *Explainer) pair(p *pair) Explanation {
	w := p.want
	e := Explanation{Key: w.Person.Key, Email: address(p), Title: w.Person.Title, Known: !w.unknown, Managed: w.Managed,
		Active: w.Active, Cause: w.Cause, Hold: cmp.Or(w.Hold, p.clash), Role: w.Role.Type, RoleCause: w.Role.Cause, RoleHold: w.Role.Hold,
		Account: p.account, Rules: []RuleAnswer{}, Changes: []Change{}, Held: []Held{}}
	var verdict *Verdict
	if x.groups.book != nil && !x.in.Current.MembersUnknown && w.Managed && w.Active {
		v := x.groups.book.Evaluate(w.Person, x.in.Directory.ReadAt)
		verdict, e.Rules = &v, x.groups.book.explain(w.Person, x.in.Directory)
	}
	id := ""
	if p.account != nil {
		id = p.account.ID
	}
	e.Groups = x.groups.answers(id, verdict)
	for i := range x.plan.Changes {
		if c := &x.plan.Changes[i]; e.concerns(c) {
			e.Changes = append(e.Changes, *c)
		}
	}
	for i := range x.plan.Held {
		if h := &x.plan.Held[i]; e.concerns(&h.Change) {
			e.Held = append(e.Held, *h)
		}
	}
	return e
}

func (e *Explanation) concerns(c *Change) bool { return c.Key != 0 && c.Key == e.Key }

// Words says a condition as OneLogin's page does, as far as its API's words can be told: a role
// by its name, where that is among the roles given.
func (c Condition) Words(roles []OneLoginRole) string {
	operator := cmp.Or(map[string]string{"=": "is", "!=": "is not", "~": "contains", "!~": "does not contain", "bw": "begins with", "ew": "ends with", "ri": "includes", "rin": "does not include"}[c.Operator], c.Operator)
	value := c.Value
	for _, role := range roles {
		if c.Source == sourceRole && strconv.FormatInt(role.ID, 10) == strings.TrimSpace(c.Value) {
			value = fmt.Sprintf("%q (role %d)", role.Name, role.ID)
		}
	}
	return fmt.Sprintf("%s %s %s", c.Source, operator, value)
}

// explain answers each rule, condition by condition.
func (b *RuleBook) explain(p *Person, d *Directory) []RuleAnswer {
	answers := make([]RuleAnswer, 0, len(b.rules))
	for i := range b.rules {
		r := &b.rules[i]
		a := RuleAnswer{Rule: r.cause, Matches: answer(r.matches(p, d.ReadAt)), MatchAny: r.any, Conditions: []ConditionAnswer{}}
		for k, c := range r.rule.Conditions {
			a.Conditions = append(a.Conditions, ConditionAnswer{fmt.Sprintf("%s %s %s", c.Source, c.Operator, c.Value), c.Words(d.Roles), answer(r.conditions[k](p, d.ReadAt))})
		}
		answers = append(answers, a)
	}
	return answers
}

const additiveCause = "no rule gives it; groups.mode: additive lets it stay"

// answers lists the groups of an account and those that the rules give. Without a
// verdict no membership is looked at.
func (g *groupDiff) answers(account string, v *Verdict) []GroupAnswer {
	found := make(map[string]*GroupAnswer)
	entry := func(said string) *GroupAnswer {
		name := said
		if i := g.lookup(said); i >= 0 {
			name = g.in.Current.Groups[i].Name
		}
		if found[Fold(name)] == nil {
			found[Fold(name)] = &GroupAnswer{Group: name, Wanted: No}
		}
		return found[Fold(name)]
	}
	for _, i := range g.of.id(account) {
		a := entry(g.in.Current.Groups[i].ID)
		a.Member = true
		switch {
		case v == nil:
			a.Wanted, a.Cause = Unsure, "memberships of this account are not looked at"
		case v.MaybeAny != nil:
			a.Wanted, a.Cause = Unsure, v.MaybeAny.Cause+" may give it"
		case g.in.Policy.GroupMode == Additive:
			a.Wanted, a.Cause = Yes, additiveCause
		default:
			a.Cause = "no rule gives it"
		}
	}
	if v != nil {
		for _, grant := range v.Maybe {
			a := entry(grant.Group)
			a.Wanted, a.Cause = Unsure, grant.Cause+" may give it"
		}
		for _, grant := range v.Grants {
			a := entry(grant.Group)
			a.Wanted, a.Cause = Yes, grant.Cause
		}
	}
	for i := range g.asserted[account] {
		a := &g.asserted[account][i]
		if group, exists := g.byID[a.Group]; exists && (v != nil || g.book == nil) {
			switch e := entry(g.in.Current.Groups[group].ID); {
			case e.Wanted == Yes && e.Cause != additiveCause:
			case a.Off:
				e.Wanted, e.Cause = No, a.cause()
			default:
				e.Wanted, e.Cause = Yes, a.cause()
			}
		}
	}
	list := make([]GroupAnswer, 0, len(found))
	for _, a := range found {
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b GroupAnswer) int { return cmp.Compare(Fold(a.Group), Fold(b.Group)) })
	return list
}
