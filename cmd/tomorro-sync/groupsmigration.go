package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/migration"
	"tomorro-sync/reconcile/words"
)

func (p *program) planMigrationCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan-migration",
		Short: "Propose the roles and rules that give the memberships which Tomorro has",
		Long: `plan-migration compares who is in which group at Tomorro with what the rules of OneLogin's app give, and proposes the fewest rules it finds
that give exactly what there is: by roles, departments, titles and what else OneLogin knows of people, and by new roles, with the
people to put into them, for what nothing else explains. Accounts of nobody in OneLogin, and people without access, are listed: no
rule reaches them. It writes nothing; roles and rules are made by hand in OneLogin.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.surveyed(cmd.Context(), func(c *config, s *jobs.Survey) error { return p.planMigration(c, s) })
		},
	}
}

func (p *program) planMigration(c *config, s *jobs.Survey) error {
	switch {
	case s.Current.MembersUnknown:
		return jobs.ErrMembersUnknown
	case !s.Directory.Receipt.Complete():
		return &failure{exitError, fmt.Errorf("OneLogin could not be read completely: %s", strings.Join(s.Directory.Receipt.Why(), "; ")), "run tomorro-sync check; a proposal for half of the people would be wrong"}
	}
	policy := c.policy("")
	proposal := migration.Propose(migration.Input{Directory: &s.Directory, Current: &s.Current, Policy: &policy, Owner: s.Plan.Owner, Now: time.Now()})
	if p.asJSON() {
		return writeJSON(p.stdout, migrationJSON(&proposal, s.Directory.Roles))
	}
	view := p.view(c, true)
	view.migration(&proposal, s.Directory.Roles)
	return nil
}

// proposedRule is a rule as the program's JSON has it.
type proposedRule struct {
	When       string                `json:"when"`
	MatchAny   bool                  `json:"matchAny"`
	Conditions []reconcile.Condition `json:"conditions"`
	Groups     []string              `json:"groups"`
	People     int                   `json:"people"`
}

func migrationJSON(m *migration.Proposal, roles []reconcile.OneLoginRole) map[string]any {
	rules := make([]proposedRule, len(m.Rules))
	for i := range m.Rules {
		r := &m.Rules[i]
		rules[i] = proposedRule{m.Words(r, roles), r.MatchAny, listed(r.Conditions), listed(r.Groups), r.People}
	}
	return map[string]any{"exact": m.Exact, "newRoles": listed(m.Roles), "rules": rules, "groups": listed(m.Groups), "nobodyInOneLogin": listed(m.NoPerson), "withoutAccess": listed(m.NoAccess)}
}

// listed is a list that JSON has as one, also when nothing is in it.
func listed[T any](all []T) []T { return append([]T{}, all...) }

func (v *planView) migration(m *migration.Proposal, roles []reconcile.OneLoginRole) {
	v.heading("What Tomorro has, and what the present rules give")
	for _, g := range m.Groups {
		text := fmt.Sprintf("%s, %d of them by the present rules", words.Count(g.Members, "member", "members"), g.Given)
		if g.Extra > 0 {
			text += fmt.Sprintf("; these would add %d", g.Extra)
		}
		v.paragraph(v.clean(g.Name)+"  ", text, "")
	}
	v.heading("Rules that give exactly this")
	if len(m.Rules) == 0 {
		v.line("None is needed: nobody with access is in a group.")
	}
	for i := range m.Rules {
		r := &m.Rules[i]
		v.paragraph(fmt.Sprintf("%3d. ", i+1), v.clean(fmt.Sprintf("if %s: set groups %s (%s)", m.Words(r, roles), strings.Join(r.Groups, ", "), words.Count(r.People, "person", "people"))), "")
	}
	for _, role := range m.Roles {
		v.heading("New role: " + v.clean(role.Name))
		for _, who := range role.Who {
			v.line("  %s", v.clean(who))
		}
	}
	v.unreached("Accounts of nobody in OneLogin, whom no rule reaches", m.NoPerson)
	v.unreached("People without access, who lose their groups with it", m.NoAccess)
	v.line("")
	if m.Exact {
		v.paragraph("", "These rules, instead of the present ones, give everybody with access exactly what they have now.", "")
	} else {
		v.paragraph("", "What OneLogin tells is not certain enough for these rules to give exactly what there is. Look at: tomorro-sync check", yellow)
	}
	v.paragraph("", "Make the roles and rules in OneLogin, then look at: tomorro-sync plan", "")
}

func (v *planView) unreached(title string, all []migration.Membership) {
	if len(all) == 0 {
		return
	}
	v.heading(title)
	for _, m := range all {
		v.line("  %s: %s", v.clean(m.Who), v.clean(m.Group))
	}
}
