package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

type explainOptions struct {
	facts []string // title=…
	roles []string
}

func (p *program) explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain EMAIL",
		Short: "Show why one person has, gets or loses what they do; writes nothing",
		Long: `explain shows one person (by e-mail, also a former one at Tomorro, or by OneLogin id): what OneLogin says, whether they should have
access and why, the role that the title gives, each rule with each of its conditions, each group with the rule that gives it, the
account at Tomorro, what a run would change or hold, and what runs did before. It reads what plan reads and writes nothing.

With --if title="Head of Legal" or --if-role Legal it shows what would follow if OneLogin said so.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return p.explain(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringArrayVar(&o.facts, "if", nil, "as if OneLogin said `FACT=VALUE`: title, department, email, first, last")
	cmd.Flags().StringArrayVar(&o.roles, "if-role", nil, "as if the person also had the role with this `NAME`")
	return cmd
}

// explanationJSON is an explanation with what the journal knows.
type explanationJSON struct {
	reconcile.Explanation
	History []jobs.Entry `json:"history"`
}

func (p *program) explain(ctx context.Context, who string, o explainOptions) error {
	change, err := o.whatIf(who)
	if err != nil {
		return err
	}
	return p.connected(ctx, session{remember: true}, func(c *config, conn *connection) error {
		all, err := conn.runner.Explain(ctx, who, change)
		if err != nil {
			return err
		}
		docs := make([]explanationJSON, len(all))
		for i, e := range all {
			docs[i] = explanationJSON{Explanation: e, History: []jobs.Entry{}}
			if conn.memory != nil && e.Key != 0 {
				if docs[i].History, err = history(ctx, conn.memory, e.Key.String()); err != nil {
					return err
				}
			}
		}
		if p.asJSON() {
			return writeJSON(p.stdout, docs)
		}
		for i := range docs {
			p.view(c, true).explain(&docs[i], len(o.facts)+len(o.roles) > 0)
		}
		return nil
	})
}

// historyShown is how many entries of a person's past are shown, each change as one.
const historyShown = 12

// history gives the last entries about a person; none when the journal knows
// nothing of them.
func history(ctx context.Context, m memory, who string) ([]jobs.Entry, error) {
	entries := []jobs.Entry{}
	person, err := jobs.FindPerson(ctx, m, who)
	if errors.Is(err, jobs.ErrNobody) {
		return entries, nil
	}
	if err != nil {
		return nil, err
	}
	h := jobs.History{Person: person}
	err = m.Scan(ctx, time.Time{}, func(e jobs.Entry) bool {
		if e, ok := h.Take(e); ok {
			entries = append(entries, e)
		}
		return true
	})
	return recent(entries, historyShown), err
}

// recent gives the last n entries, and with each outcome what it is of, which does not count.
func recent(entries []jobs.Entry, n int) []jobs.Entry {
	became := make(map[string]int) // where the outcome of an intent is
	for i := range entries {
		if of := entries[i].Intent; of != "" {
			became[of] = i
		}
	}
	from := len(entries)
	for ; from > 0 && n > 0; from-- {
		if _, settled := became[entries[from-1].ID]; !settled {
			n--
		}
	}
	kept := []jobs.Entry{}
	for i := range entries {
		if i >= from || became[entries[i].ID] >= max(from, 1) {
			kept = append(kept, entries[i])
		}
	}
	return kept
}

// whatIf changes what OneLogin said of one person.
func (o explainOptions) whatIf(who string) (func(*reconcile.Directory) error, error) {
	set := map[string]func(*reconcile.Person, string){
		"title":      func(p *reconcile.Person, v string) { p.Title = v },
		"department": func(p *reconcile.Person, v string) { p.Department = v },
		"email":      func(p *reconcile.Person, v string) { p.Email = v },
		"first":      func(p *reconcile.Person, v string) { p.FirstName = v },
		"last":       func(p *reconcile.Person, v string) { p.LastName = v },
	}
	for _, f := range o.facts {
		if name, _, ok := strings.Cut(f, "="); !ok || set[name] == nil {
			return nil, usage(fmt.Errorf("--if %q is not FACT=VALUE with a fact that can be supposed", f), "write title=…, department=…, email=…, first=… or last=…")
		}
	}
	return func(d *reconcile.Directory) error {
		if len(o.facts)+len(o.roles) == 0 {
			return nil
		}
		roles, err := rolesNamed(d, o.roles)
		if err != nil {
			return err
		}
		d.People = slices.Clone(d.People)
		for i := range d.People {
			p := &d.People[i]
			if reconcile.Fold(p.Email) != reconcile.Fold(who) && p.Key.String() != who {
				continue
			}
			for _, f := range o.facts {
				name, value, _ := strings.Cut(f, "=")
				set[name](p, value)
			}
			p.Roles = append(slices.Clone(p.Roles), roles...)
			slices.Sort(p.Roles)
			p.Roles = slices.Compact(p.Roles)
		}
		return nil
	}, nil
}

func rolesNamed(d *reconcile.Directory, names []string) ([]int64, error) {
	var ids []int64
	for _, name := range names {
		i := slices.IndexFunc(d.Roles, func(r reconcile.OneLoginRole) bool { return reconcile.Fold(r.Name) == reconcile.Fold(name) })
		if i < 0 {
			return nil, usage(fmt.Errorf("OneLogin has no role %q", name), "look at Users > Roles in OneLogin for its name")
		}
		ids = append(ids, d.Roles[i].ID)
	}
	return ids, nil
}

// explain prints one explanation, from OneLogin to Tomorro.
func (v *planView) explain(doc *explanationJSON, supposed bool) {
	e := &doc.Explanation
	title := v.clean(e.Email)
	if e.Key != 0 {
		title += "  OneLogin user " + e.Key.String()
	}
	v.line("%s", v.paint(bold, title))
	if supposed {
		v.paragraph("! ", "supposing what --if and --if-role say; nothing of it is real", yellow)
	}
	v.fact("access", map[bool]string{true: "yes", false: "no"}[e.Active], e.Cause)
	if e.Key != 0 && !e.Managed {
		v.fact("scope", "outside", "has none of onelogin.scope_roles: the account is left alone")
	}
	if e.Hold != "" {
		v.fact("held", "everything", e.Hold)
	}
	switch {
	case e.RoleHold != "":
		v.fact("role", "held", e.RoleHold)
	case e.Role != "":
		v.fact("role", v.role(e.Role), e.RoleCause)
	}
	switch a := e.Account; {
	case a == nil:
		v.fact("Tomorro", "no account", "")
	default:
		v.fact("Tomorro", map[bool]string{true: "active", false: "inactive"}[a.Active], fmt.Sprintf("%s, %s, account %s", fullName(a), v.role(a.UserType), a.ID))
	}
	v.explainRules(e.Rules)
	v.explainGroups(e.Groups)
	v.explainChanges(e)
	if len(doc.History) > 0 {
		v.heading("before")
		v.folded = true
		for i := range doc.History {
			v.showEntry(&doc.History[i], true)
		}
		v.unsettled(true)
	}
	v.line("")
}

func (v *planView) fact(name, value, cause string) {
	v.paragraph(pad(name, 9), strings.TrimSuffix(v.clean(value)+"  "+v.clean(cause), "  "), "")
}

func (v *planView) explainRules(rules []reconcile.RuleAnswer) {
	var rows []row
	for _, r := range rules {
		var tests []string
		for _, c := range r.Conditions {
			tests = append(tests, fmt.Sprintf("%s: %s", c.Words, c.Holds))
		}
		joint := " and "
		if r.MatchAny {
			joint = " or "
		}
		cause := strings.Join(tests, joint)
		if cause == "" {
			cause = "no conditions: everyone"
		}
		rows = append(rows, row{answerMark(r.Matches), r.Rule, string(r.Matches), cause})
	}
	v.section("rules", rows)
}

func answerMark(a reconcile.Answer) string {
	return map[reconcile.Answer]string{reconcile.Yes: "+", reconcile.No: "·", reconcile.Unsure: "!"}[a]
}

func (v *planView) explainGroups(groups []reconcile.GroupAnswer) {
	var rows []row
	for _, g := range groups {
		now := "not a member"
		if g.Member {
			now = "member"
		}
		rows = append(rows, row{answerMark(g.Wanted), g.Group, now, g.Cause})
	}
	v.section("groups", rows)
}

func (v *planView) explainChanges(e *reconcile.Explanation) {
	var rows []row
	for i := range e.Changes {
		c := &e.Changes[i]
		rows = append(rows, row{mark(c.Op), verb(c.Op) + strings.TrimRight(" "+c.Group, " "), "", words.Because(c)})
	}
	for i := range e.Held {
		h := &e.Held[i]
		rows = append(rows, row{"!", verb(h.Op) + strings.TrimRight(" "+h.Group, " "), "held", h.Reason})
	}
	if len(rows) == 0 {
		rows = append(rows, row{"·", "nothing", "", "Tomorro is what OneLogin says"})
	}
	v.section("a run would do", rows)
}
