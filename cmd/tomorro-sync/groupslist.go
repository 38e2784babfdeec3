package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/roster"
	"tomorro-sync/reconcile/words"
)

// surveyed reads both sides and what is remembered of them, if Redis can be reached.
func (p *program) surveyed(ctx context.Context, do func(*config, *jobs.Survey) error) error {
	return p.connected(ctx, session{remember: true}, func(c *config, conn *connection) error {
		s, err := conn.runner.Survey(ctx)
		if err != nil {
			return err
		}
		return do(c, &s)
	})
}

func (p *program) groupsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List Tomorro's groups, and where their members come from",
		Long: `list shows each group at Tomorro with how many are in it, which rules of OneLogin's app give it, how many have it by hand in OneLogin, and
how many are in it though neither says so; groups that rules name and Tomorro does not have; and which were made by tomorro-sync.

A group is called one of permission when all in it have one role at Tomorro that is more than a user's, and they are at least half of
those who do: it says the same as the title. All others are called groups of access. Which folders a group opens cannot be seen.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.surveyed(cmd.Context(), func(c *config, s *jobs.Survey) error {
				policy := c.policy("")
				rows := roster.List(roster.Input{Directory: &s.Directory, Current: &s.Current, Asserted: s.Asserted, Policy: &policy, Owner: s.Plan.Owner})
				return p.showRoster(c, rows, s)
			})
		},
	}
}

func (p *program) showRoster(c *config, rows []roster.Row, s *jobs.Survey) error {
	if p.asJSON() {
		return writeJSON(p.stdout, rows)
	}
	view := p.view(c, true)
	if len(rows) == 0 {
		view.line("Tomorro has no groups, and no rule names one.")
	}
	for i := range rows {
		view.group(&rows[i], c.Groups.Mode)
	}
	if !s.Directory.Receipt.Read(reconcile.ListRules) {
		view.paragraph("", "The rules of OneLogin's app could not be read: which of them gives a group is not shown. It needs the privilege Manage All.", yellow)
	}
	return nil
}

// group prints one group.
func (v *planView) group(r *roster.Row, mode string) {
	about := words.Count(r.Members, "member", "members")
	switch {
	case r.ID == "":
		about = "not at Tomorro"
		if r.Near != "" {
			about += fmt.Sprintf("; there is %q", r.Near)
		}
	case r.Kind == roster.Permission:
		about += fmt.Sprintf(", permission: all are %s", r.Role)
	case r.Kind == roster.Access:
		about += ", access"
	}
	if r.Ours {
		about += ", made by tomorro-sync"
	}
	color := style("")
	if r.ID == "" {
		color = yellow
	}
	v.paragraph(v.clean(r.Name)+"  ", v.clean(about), color)
	var from []string
	if len(r.Rules) > 0 {
		from = append(from, strings.Join(r.Rules, ", "))
	}
	if r.ByHand > 0 {
		from = append(from, words.Count(r.ByHand, "member", "members")+" by hand in OneLogin")
	}
	if r.NobodySays > 0 {
		what := words.Count(r.NobodySays, "member", "members") + " by neither"
		if mode == "exclusive" {
			what += ": a run takes them out, unless it is not sure"
		}
		from = append(from, what)
	}
	if len(from) == 0 {
		from = append(from, "no rule gives it")
	}
	v.paragraph("    ", v.clean(strings.Join(from, "; ")), dim)
}

func (p *program) groupsCreateCommand() *cobra.Command {
	near := false
	cmd := &cobra.Command{
		Use:   "create NAME...",
		Short: "Create groups at Tomorro",
		Long: `create makes groups at Tomorro, so that OneLogin's app finds them when its entitlements are refreshed. It needs groups.create: true, as a run
does, and journals what it makes. A name that is there already stays as it is, whatever its case; one that is there in nearly the
same spelling (accents, blanks, punctuation) is refused, unless --near is given.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return p.createGroups(cmd.Context(), args, near) },
	}
	cmd.Flags().BoolVar(&near, "near", false, "also those that are there in nearly the same spelling")
	return cmd
}

// made is what became of one name.
type made struct {
	Name   string `json:"name"`
	ID     string `json:"id,omitempty"`
	Result string `json:"result"` // created, exists, near, refused, failed
	Why    string `json:"why,omitempty"`

	err error
}

func (p *program) createGroups(ctx context.Context, names []string, near bool) error {
	return p.connected(ctx, session{store: true, serving: true}, func(_ *config, conn *connection) error {
		current, err := conn.target.Read(ctx)
		if err != nil {
			return fmt.Errorf("reading Tomorro: %w", err)
		}
		all := make([]made, len(names))
		for i, name := range names {
			all[i] = p.createGroup(ctx, conn, &current, strings.TrimSpace(name), near)
		}
		return p.tellMade(all)
	})
}

func (p *program) createGroup(ctx context.Context, conn *connection, current *reconcile.Current, name string, near bool) made {
	m := made{Name: name, Result: "failed"}
	if name == "" {
		m.err = errors.New("a group needs a name")
		return m
	}
	for i := range current.Groups {
		g := &current.Groups[i]
		switch {
		case reconcile.Fold(g.Name) == reconcile.Fold(name):
			m.ID, m.Name, m.Result = g.ID, g.Name, "exists"
			return m
		case !near && reconcile.Bare(g.Name) == reconcile.Bare(name) && reconcile.Bare(name) != "":
			m.Result, m.err = "near", fmt.Errorf("there is %q at Tomorro: give --near to make both", g.Name)
		}
	}
	if m.err != nil {
		return m
	}
	g, err := conn.desk.pushes.MakeGroup(ctx, "groups create", name)
	switch m.err = err; {
	case errors.Is(err, jobs.ErrNotAllowed):
		m.Result = "refused"
	case errors.Is(err, jobs.ErrBusy): // who was killed at it is at it until the claim ends
		m.err = errors.New("somebody else is creating it, or was interrupted at it: run this again in a minute")
	case err == nil:
		m.ID, m.Result = g.ID, "created"
		current.Groups = append(current.Groups, g)
	}
	return m
}

func (p *program) tellMade(all []made) error {
	failed, code := 0, exitSomeFailed
	for i := range all {
		if all[i].err != nil {
			all[i].Why = all[i].err.Error()
			failed++
		}
		if all[i].Result == "refused" {
			code = exitHeld
		}
	}
	if p.asJSON() {
		if err := writeJSON(p.stdout, all); err != nil {
			return err
		}
	} else {
		out := p.screen(p.stdout)
		for i := range all {
			line := all[i].Name + "  " + all[i].Result
			if all[i].Why != "" {
				line += ": " + all[i].Why
			}
			out.paragraph("", out.clean(line), map[bool]style{true: yellow}[all[i].err != nil])
		}
	}
	switch {
	case failed > 0 && p.asJSON(): // the document has the reasons
		return ended(code)
	case failed > 0:
		return &failure{code, fmt.Errorf("%s not made", words.Count(failed, "group was", "groups were")), "look at the reasons above"}
	}
	return nil
}
