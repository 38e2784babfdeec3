package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tomorro-sync/reconcile"
)

// look is one reading of both sides, kept for a while.
type look struct {
	directory reconcile.Directory
	current   reconcile.Current
	at        time.Time
}

// lookLife is how long a reading is shown before both sides are read again: it
// costs them as much as a run without changes.
const lookLife = time.Minute

// looks keeps the last reading; whoever comes while one is under way waits for it.
type looks struct {
	mu   sync.Mutex
	last *look
}

func (l *looks) get(ctx context.Context, services Looker, now func() time.Time, fresh bool) (*look, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil { // it took too long until it was their turn
		return nil, ctx.Err()
	}
	if l.last != nil && !fresh && now().Sub(l.last.at) < lookLife {
		return l.last, nil
	}
	d, cur, err := services.Look(ctx)
	if err != nil {
		return nil, err
	}
	l.last = &look{d, cur, now()}
	return l.last, nil
}

// groupList is all groups, and what the rules themselves have to say.
type groupList struct {
	Groups  []groupRow
	Notes   []reconcile.Note
	MayAny  bool // some rule takes groups from data: what it gives cannot be listed
	Unknown bool // Tomorro does not show memberships
	Why     []string
	ReadAt  time.Time
	Mode    reconcile.GroupMode
	Problem *problem
}

type groupRow struct {
	ID, Name string
	Members  int
	Rules    []string
	Missing  bool // a rule names it, and Tomorro does not have it
	Ours     bool
	Lost     allowance // what it may still lose
}

func (c *console) groups(v *visit) {
	p := v.page("groups", "Groups")
	v.announce(p)
	body := &groupList{Mode: v.conn.Policy.GroupMode}
	ctx, cancel := context.WithTimeout(v.r.Context(), lookTimeout)
	defer cancel()
	seen, err := v.conn.looks.get(ctx, v.conn.Services, c.Now, v.r.FormValue("fresh") != "")
	if err == nil {
		var spent map[reconcile.Limit]int
		spent, err = v.conn.Budget.Spent(ctx, c.Now().Add(-v.conn.Policy.Limits.Window))
		body.fill(seen, &v.conn.Policy, spent)
	}
	if err != nil {
		body.Problem = explain(err)
		body.Problem.Do = lookAtServices
	}
	p.Body = body
	v.conclude("groups", p)
}

func (g *groupList) fill(seen *look, policy *reconcile.Policy, spent map[reconcile.Limit]int) {
	book := reconcile.CompileRules(seen.directory.Rules, seen.directory.Roles, policy.Rules)
	g.Notes, g.MayAny, g.ReadAt, g.Unknown, g.Why = book.Notes(), book.MayGiveAny(), seen.at, seen.current.MembersUnknown, seen.directory.Receipt.Why()
	rules, names := rulesByGroup(book, &seen.current)
	limit := reconcile.LimitRemoveFromGroup
	for i := range seen.current.Groups {
		group := &seen.current.Groups[i]
		g.Groups = append(g.Groups, groupRow{ID: group.ID, Name: group.Name, Members: len(group.Members), Rules: rules[group.ID], Ours: group.Ours,
			Lost: allow(group.Name, &policy.Limits, policy.Limits.Allow[limit], spent[limit.Of(group.ID)], len(group.Members))})
	}
	for key, name := range names {
		g.Groups = append(g.Groups, groupRow{Name: name, Rules: rules[key], Missing: true})
	}
	slices.SortFunc(g.Groups, func(a, b groupRow) int { return cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)) })
}

// rulesByGroup gives the rules of each group by Tomorro's id; and of those that
// Tomorro does not have by their folded names, which missing lists as the rules
// say them.
func rulesByGroup(book *reconcile.RuleBook, current *reconcile.Current) (rules map[string][]string, missing map[string]string) {
	rules, missing = make(map[string][]string), make(map[string]string)
	id := make(map[string]string)
	for i := range current.Groups {
		id[current.Groups[i].ID] = current.Groups[i].ID
		id[reconcile.Fold(current.Groups[i].Name)] = current.Groups[i].ID
	}
	for _, g := range book.Groups() {
		key := cmp.Or(id[g.Group], id[reconcile.Fold(g.Group)])
		if key == "" {
			key = reconcile.Fold(g.Group)
			missing[key] = g.Group
		}
		if !slices.Contains(rules[key], g.Cause) {
			rules[key] = append(rules[key], g.Cause)
		}
	}
	return rules, missing
}

// groupPage is one group.
type groupPage struct {
	Name    string
	Rules   []ruleView
	Members []match
	Unknown bool // Tomorro does not show memberships
	Why     []string
	ReadAt  time.Time
}

// ruleView is one rule in words.
type ruleView struct {
	Name       string
	Joint      string // and, or
	Conditions []string
}

func (c *console) group(v *visit) {
	p := v.page("groups", "Group")
	ctx, cancel := context.WithTimeout(v.r.Context(), lookTimeout)
	defer cancel()
	seen, err := v.conn.looks.get(ctx, v.conn.Services, c.Now, false)
	if err != nil {
		v.broken("groups", err)
		return
	}
	i := slices.IndexFunc(seen.current.Groups, func(g reconcile.Group) bool { return g.ID == v.r.PathValue("group") })
	if i < 0 {
		v.missing("Tomorro has no such group (any more).", "Choose one from the list of groups.")
		return
	}
	g := &seen.current.Groups[i]
	p.Title = g.Name
	body := &groupPage{Name: g.Name, ReadAt: seen.at, Unknown: seen.current.MembersUnknown, Why: seen.directory.Receipt.Why()}
	book := reconcile.CompileRules(seen.directory.Rules, seen.directory.Roles, v.conn.Policy.Rules)
	rules, _ := rulesByGroup(book, &seen.current)
	for k := range seen.directory.Rules {
		r := &seen.directory.Rules[k]
		if name := fmt.Sprintf("rule %d %q", r.ID, r.Name); slices.Contains(rules[g.ID], name) {
			body.Rules = append(body.Rules, newRuleView(name, r, seen.directory.Roles))
		}
	}
	body.Members = members(g, &seen.current)
	p.Body = body
	v.show(http.StatusOK, "group", p)
}

func newRuleView(name string, r *reconcile.Rule, roles []reconcile.OneLoginRole) ruleView {
	v := ruleView{Name: name, Joint: "and"}
	if r.MatchAny {
		v.Joint = "or"
	}
	for _, c := range r.Conditions {
		v.Conditions = append(v.Conditions, c.Words(roles))
	}
	return v
}

func members(g *reconcile.Group, current *reconcile.Current) []match {
	list := make([]match, 0, len(g.Members))
	in := make(map[string]bool, len(g.Members))
	for _, id := range g.Members {
		in[id] = true
	}
	for i := range current.Accounts {
		if a := &current.Accounts[i]; in[a.ID] {
			m := match{Name: fullName(a), Email: a.UserName, Link: a.UserName}
			if !a.Active {
				m.Where = "inactive"
			}
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b match) int {
		return cmp.Or(cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)), cmp.Compare(a.Email, b.Email))
	})
	return list
}
