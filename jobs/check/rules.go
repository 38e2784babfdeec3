package check

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// rules looks at the app's rules: whether they can be read, whom each matches, and
// which of them can never do anything.
func (e *evaluation) rules() {
	readable := Result{ID: "rules.readable", Step: stepGroups, Status: Pass, Found: words.Count(len(e.f.Directory.Rules), "rule is", "rules are") + " read"}
	others := []string{"rules.roles", "rules.reachable", "rules.counts", "rules.idle", "rules.certain", "rules.actions"}
	if e.f.PullErr != nil || !e.f.Directory.Receipt.Read(reconcile.ListRules) {
		readable.Status, readable.Found = Fail, "the app's rules cannot be read, so no membership is looked at"
		readable.Do = later("OneLogin")
		if slices.ContainsFunc(e.f.Directory.Receipt.Lists, func(l reconcile.ListReceipt) bool { return l.List == reconcile.ListRules && isRefusal(l.Why) }) {
			readable.Do = "In OneLogin, Developers > API Credentials: give the pair Manage All"
		}
		if e.f.PullErr != nil {
			e.unread(readable.ID, readable.Step, "OneLogin")
		} else {
			e.add(readable)
		}
		for _, id := range others {
			e.unread(id, stepGroups, "they")
		}
		return
	}
	if len(e.f.Directory.Rules) == 0 {
		readable.Status, readable.Found = Warn, "the app has no rule: nobody gets a group at Tomorro, but by hand"
		readable.Do = "In the app, Rules > New Rule: a condition such as Roles include Legal, and the action Set Groups in Tomorro to legal"
	}
	e.add(readable)
	e.ruleRoles()
	e.reachable()
	book := e.book()
	people := make([]*reconcile.Person, 0, len(e.active))
	for _, w := range e.active {
		people = append(people, w.Person)
	}
	counts, _ := book.Count(people, e.f.Directory.ReadAt)
	if e.everybody() {
		e.matches(counts)
	} else {
		e.unread("rules.counts", stepGroups, "the list of people")
		e.unread("rules.idle", stepGroups, "the list of people")
	}
	e.certain(book, counts)
	e.actions()
}

// actions looks for what rules do beside setting groups.
func (e *evaluation) actions() {
	r := Result{ID: "rules.actions", Step: stepGroups, Status: Pass, Found: "rules set groups, and nothing that is not looked at here"}
	for i := range e.f.Directory.Rules {
		x := &e.f.Directory.Rules[i]
		for _, a := range x.Actions {
			if a.Name != groupsAction(e.s.Policy.Rules) && a.Name != setUserName { // which onelogin.active_rule looks at
				r.Items = append(r.Items, ruleName(x)+" has the action "+a.Name)
			}
		}
	}
	if len(r.Items) > 0 {
		r.Status, r.Found = Warn, "what some rules do is not looked at here: the role follows from the title, and userName is the e-mail"
		r.Do = "In the app, Rules: take these actions out, or map the title instead (OneLogin, Users > Mappings)"
	}
	e.add(r)
}

func (e *evaluation) book() *reconcile.RuleBook {
	roles := e.f.Directory.Roles
	if !e.f.Directory.Receipt.Read(reconcile.ListRoles) {
		roles = nil
	}
	return reconcile.CompileRules(e.f.Directory.Rules, roles, e.s.Policy.Rules)
}

func ruleName(r *reconcile.Rule) string { return fmt.Sprintf("rule %d %q", r.ID, r.Name) }

// ruleRoles looks for conditions on roles that are gone.
func (e *evaluation) ruleRoles() {
	r := Result{ID: "rules.roles", Step: stepGroups, Status: Pass, Found: "each role that a rule names exists"}
	if !e.f.Directory.Receipt.Read(reconcile.ListRoles) {
		e.unread(r.ID, r.Step, "the roles")
		return
	}
	for i := range e.f.Directory.Rules {
		rule := &e.f.Directory.Rules[i]
		for _, c := range rule.Conditions {
			if c.Source == "has_role" && !slices.ContainsFunc(e.f.Directory.Roles, func(x reconcile.OneLoginRole) bool {
				return strconv.FormatInt(x.ID, 10) == strings.TrimSpace(c.Value)
			}) {
				r.Items = append(r.Items, fmt.Sprintf("%s names role %s", ruleName(rule), c.Value))
			}
		}
	}
	if len(r.Items) > 0 {
		r.Status, r.Found = Fail, "a rule names a role that OneLogin does not have any more"
		r.Do = "In the app, Rules: choose another role in the rule, or delete the rule"
	}
	e.add(r)
}

// reachable looks for rules that can never give anybody anything.
func (e *evaluation) reachable() {
	r := Result{ID: "rules.reachable", Step: stepGroups, Status: Pass, Found: "each rule can match somebody, and none is switched off"}
	all := e.f.Directory.Rules
	for i := range all {
		if why := contradiction(&all[i]); why != "" {
			r.Items = append(r.Items, ruleName(&all[i])+" matches nobody, ever: "+why)
		}
		if by := shadow(all, i, e.s.Policy.Rules); by != "" {
			r.Items = append(r.Items, ruleName(&all[i])+" "+by)
		}
	}
	for i := range e.f.App.Disabled {
		r.Items = append(r.Items, ruleName(&e.f.App.Disabled[i])+" is switched off")
	}
	switch {
	case len(r.Items) > 0:
		r.Status, r.Found = Warn, words.Count(len(r.Items), "rule does", "rules do")+" nothing"
		r.Do = "In the app, Rules: correct the conditions, switch the rule on, or delete it"
	case e.f.AppErr != nil:
		e.unread(r.ID, r.Step, "the app")
		return
	case e.f.App.DisabledWhy != "":
		r.Status, r.Found, r.Do = Unseen, "which rules are switched off cannot be seen: "+e.f.App.DisabledWhy, later("OneLogin")
	}
	e.add(r)
}

// shadow says which other rule leaves nothing to rule i: one that gives the same to
// the same people, or, where the last rule wins, a later one that matches whoever i
// does.
func shadow(all []reconcile.Rule, i int, reading reconcile.RuleReading) string {
	sets := groupsAction(reading)
	for j := range all {
		same := covers(&all[j], &all[i]) && covers(&all[i], &all[j]) && sameActions(&all[j], &all[i])
		switch {
		case j < i && same:
			return "says the same as " + ruleName(&all[j])
		case reading.LastWins && j > i && covers(&all[j], &all[i]) && does(&all[j], sets) && does(&all[i], sets):
			return "is always replaced by " + ruleName(&all[j]) + ", which matches the same people and comes later"
		}
	}
	return ""
}

// covers reports whether a surely matches whoever b matches.
func covers(a, b *reconcile.Rule) bool {
	if len(a.Conditions) == 0 {
		return true
	}
	if len(b.Conditions) == 0 || a.MatchAny != b.MatchAny && len(a.Conditions)+len(b.Conditions) > 2 {
		return false
	}
	less, more := a, b // each condition of less is one of more
	if a.MatchAny && b.MatchAny {
		less, more = b, a
	}
	for _, c := range less.Conditions {
		if !slices.Contains(more.Conditions, c) {
			return false
		}
	}
	return true
}

// groupsAction is the action that sets groups.
func groupsAction(reading reconcile.RuleReading) string {
	return cmp.Or(reading.GroupsAction, "set_groups")
}

func does(r *reconcile.Rule, action string) bool {
	return slices.ContainsFunc(r.Actions, func(a reconcile.Action) bool { return a.Name == action })
}

func sameActions(a, b *reconcile.Rule) bool {
	text := func(r *reconcile.Rule) string {
		var parts []string
		for _, x := range r.Actions {
			expression := "-"
			if x.Expression != nil {
				expression = strconv.Quote(*x.Expression)
			}
			parts = append(parts, fmt.Sprintf("%s %q %s %q %q", x.Name, x.Values, expression, x.Macro, x.Scriplet))
		}
		return strings.Join(parts, "\n")
	}
	return text(a) == text(b)
}

// matches tells how many people each rule matches now, and which match nobody.
func (e *evaluation) matches(counts []reconcile.RuleCount) {
	r := Result{ID: "rules.counts", Step: stepGroups, Status: Pass, Found: "no rule sets groups"}
	idle := Result{ID: "rules.idle", Step: stepGroups, Status: Pass, Found: "each rule that sets groups matches somebody now"}
	most := 0
	for i := range counts {
		c := &counts[i]
		item := fmt.Sprintf("%s: %d", c.Name, c.Matches)
		if c.Maybe > 0 {
			item += fmt.Sprintf(", and perhaps %d more", c.Maybe)
		}
		r.Items = append(r.Items, item)
		most = max(most, c.Matches)
		if c.Matches+c.Maybe == 0 {
			idle.Items = append(idle.Items, c.Name)
		}
	}
	if len(counts) > 0 {
		r.Found = fmt.Sprintf("%s groups, for up to %s each", words.Count(len(counts), "rule sets", "rules set"), words.Count(most, "person", "people"))
	}
	e.add(r)
	if n := len(idle.Items); n > 0 {
		idle.Status, idle.Found = Warn, words.Count(n, "rule matches", "rules match")+" nobody now"
		idle.Do = "In the app, Rules: look at the value that the condition names; people get a role under Users > Roles"
	}
	e.add(idle)
}

// certain looks for rules whose answer depends on what OneLogin does not document.
func (e *evaluation) certain(book *reconcile.RuleBook, counts []reconcile.RuleCount) {
	r := Result{ID: "rules.certain", Step: stepGroups, Status: Pass, Found: "each rule can be evaluated with certainty"}
	for _, n := range book.Notes() {
		if strings.Contains(n.Text, "does not exist in OneLogin") || strings.Contains(n.Text, "has the action ") {
			continue // rules.roles and rules.actions tell of it
		}
		r.Items = append(r.Items, n.Subject+" "+n.Text)
	}
	for i := range counts {
		if counts[i].Maybe > 0 {
			r.Items = append(r.Items, fmt.Sprintf("%s: uncertain for %s", counts[i].Name, words.Count(counts[i].Maybe, "person", "people")))
		}
	}
	if len(r.Items) > 0 {
		r.Status, r.Found = Warn, "what some rules give depends on what OneLogin does not document; nobody is removed because of them"
		r.Do = "Settle it with onelogin.rules in the configuration (case, regexp, capture, member_of), or word the rule in another way"
	}
	e.addOfPeople(r)
}
