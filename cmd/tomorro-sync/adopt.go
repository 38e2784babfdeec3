package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
	"tomorro-sync/reconcile/words"
)

func (p *program) adoptCommand() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Look through the accounts that Tomorro had before: whose each is, and how sure that is",
		Long: `adopt lists the accounts at Tomorro with the people of OneLogin whose they are, and by what: a mark in externalId, what is remembered,
the e-mail to the letter, the e-mail but for case. Accounts of nobody, of whom somebody without an account has the name, and those
that two people or two accounts contend for wait for a decision, which is remembered.

When the first run finds accounts that are people's, an adoption begins: until adopt done nobody is removed from anything, no
address changes, and nobody gets a second account beside one of the same name. Roles, names and additions are made meanwhile.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.surveyed(cmd.Context(), func(c *config, s *jobs.Survey) error { return p.showAdoption(c, s, all) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also list each account that is sure")
	cmd.AddCommand(
		p.adoptMatchCommand(),
		p.adoptDecision("foreign ACCOUNT", "Decide that an account is nobody's in OneLogin: no run touches it", 1,
			func(ctx context.Context, m memory, s *jobs.Survey, by jobs.Trigger, args []string) error {
				return jobs.AdoptForeign(ctx, m, by, s, args[0], time.Now())
			}),
		p.adoptDecision("forget ACCOUNT", "Forget what was decided of an account", 1,
			func(ctx context.Context, m memory, s *jobs.Survey, by jobs.Trigger, args []string) error {
				return jobs.AdoptForget(ctx, m, by, s, args[0], time.Now())
			}),
		p.adoptDoneCommand())
	return cmd
}

// adopting reads both sides with Redis, and takes who decides.
func (p *program) adopting(ctx context.Context, who string, do func(*config, memory, *jobs.Survey, jobs.Trigger) error) error {
	return p.connected(ctx, session{store: true}, func(c *config, conn *connection) error {
		s, err := conn.runner.Survey(ctx)
		if err != nil {
			return err
		}
		return do(c, conn.memory, &s, jobs.Trigger{By: "command", Who: whoIs(who)})
	})
}

func (p *program) adoptDecision(use, short string, args int, decide func(context.Context, memory, *jobs.Survey, jobs.Trigger, []string) error) *cobra.Command {
	who := ""
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  arguments(cobra.ExactArgs(args)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.adopting(cmd.Context(), who, func(c *config, m memory, s *jobs.Survey, by jobs.Trigger) error {
				if err := decide(cmd.Context(), m, s, by, args); err != nil {
					return err
				}
				return p.decided(c, cmd.Name(), args)
			})
		},
	}
	cmd.Flags().StringVar(&who, "as", "", "who decides, as a `NAME` for the journal; default the signed-in user")
	return cmd
}

func (p *program) decided(c *config, what string, args []string) error {
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"decided": what, "account": args[0]})
	}
	view := p.view(c, true)
	text := map[string]string{"match": args[0] + " is " + args[len(args)-1] + "'s: the next run takes it for theirs.", "foreign": args[0] + " is nobody's in OneLogin: no run touches it.",
		"forget": "Nothing is decided of " + args[0] + " any more."}[what]
	view.paragraph("", view.clean(text), "")
	view.advise("next: ", "see what the next run would do with: tomorro-sync plan")
	return nil
}

func (p *program) adoptDoneCommand() *cobra.Command {
	who, yes := "", false
	cmd := &cobra.Command{
		Use:   "done",
		Short: "End the adoption: runs remove and rename from now on",
		Args:  arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !p.interactive {
				return usage(errors.New("adopt done asks first, and this is not a terminal"), "add --yes to go on without being asked")
			}
			return p.adopting(cmd.Context(), who, func(c *config, m memory, s *jobs.Survey, by jobs.Trigger) error {
				if !yes {
					if err := p.showAdoption(c, s, false); err != nil {
						return err
					}
					if agreed, err := p.ask(cmd.Context(), "End the adoption?"); err != nil || !agreed {
						return err
					}
				}
				if err := jobs.AdoptDone(cmd.Context(), m, by, time.Now()); err != nil {
					return err
				}
				if p.asJSON() {
					return writeJSON(p.stdout, map[string]any{"done": true})
				}
				view := p.view(c, true)
				view.line("The adoption is done.")
				view.newAccounts(adoptionRows(c, s))
				view.advise("next: ", "see what the next run would do with: tomorro-sync plan")
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&who, "as", "", "who says so, as a `NAME` for the journal; default the signed-in user")
	return cmd
}

func (p *program) showAdoption(c *config, s *jobs.Survey, all bool) error {
	rows := adoptionRows(c, s)
	waits := make(map[reconcile.Op]int)
	for i := range s.Plan.Changes {
		if op := s.Plan.Changes[i].Op; op.Removes() || op == reconcile.OpRename {
			waits[op]++
		}
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"adoption": s.Adoption.Phase, "waits": waits, "accounts": rows})
	}
	view := p.view(c, all)
	view.adoption(s, rows, waits)
	return nil
}

// adoptionRows say whose each account is.
func adoptionRows(c *config, s *jobs.Survey) []adopt.Row {
	policy := c.policy("")
	return adopt.List(adopt.Input{Directory: &s.Directory, Current: &s.Current, Policy: &policy, Links: s.Links, Decided: s.Adoption.Decided})
}

// adoption prints accounts: those that wait for a decision, those of nobody, and the rest.
func (v *planView) adoption(s *jobs.Survey, rows []adopt.Row, waits map[reconcile.Op]int) {
	phase := s.Adoption.Phase
	if !s.Directory.Receipt.Complete() {
		v.paragraph("", "OneLogin could not be read to the end: who is missing there seems to be nobody. See: tomorro-sync check", yellow)
	}
	counts := make(map[adopt.Match]int)
	asks := 0
	for i := range rows {
		counts[rows[i].Match]++
		if rows[i].Asks() {
			asks++
		}
	}
	if asks > 0 {
		v.heading("wait for a decision")
	}
	for i := range rows[:asks] {
		v.undecided(&rows[i])
	}
	if counts[adopt.Recreated] > 0 {
		v.advise("next: ", "whose name is the same as well is matched at once with: tomorro-sync adopt match --recreated")
		v.paragraph("", "An account of somebody else, who left, is taken away by an approval of what waits: tomorro-sync holds", "")
	}
	v.heading("accounts at Tomorro")
	for _, m := range []adopt.Match{adopt.Mark, adopt.Link, adopt.Address, adopt.Folded, adopt.Name, adopt.Recreated, adopt.Unclear, adopt.Foreign, adopt.Nobody} {
		if counts[m] > 0 {
			v.paragraph(fmt.Sprintf("%6s  ", reconcile.Number(counts[m])), matchText(m), "")
		}
	}
	for i := range rows[asks:] {
		if r := &rows[asks+i]; v.all || r.Active && (r.Match == adopt.Nobody || r.Match == adopt.Foreign) {
			v.paragraph("  "+v.clean(r.UserName)+"  ", v.clean(rowText(r)), "")
		}
	}
	v.line("")
	switch {
	case phase.State == jobs.AdoptionDone:
		v.paragraph("", "The adoption is done, as "+v.clean(phase.By)+" said on "+phase.At.Local().Format(time.DateOnly)+".", green)
	case s.Forgetful:
		v.paragraph("", "Without Redis nobody knows whether an adoption is open. The first run with one begins it, if accounts here are people's.", yellow)
	case phase.State == "":
		v.paragraph("", "No adoption is open: runs go by what is remembered, and have nothing to adopt.", "")
	case len(waits) > 0:
		v.paragraph("", "What a run would remove or rename waits for: tomorro-sync adopt done. As of now that is "+words.Changes(waits)+".", yellow)
	case newcomers(rows) == 0:
		v.paragraph("", "Nothing is to be removed or renamed now. End the adoption with: tomorro-sync adopt done", yellow)
	default:
		v.paragraph("", "Nothing is to be removed or renamed now. Decide first what waits above, then: tomorro-sync adopt done", yellow)
	}
	if phase.State != "" && phase.State != jobs.AdoptionDone {
		v.newAccounts(rows)
	}
}

// newcomers are the people without an account, while one of the same name waits for a
// decision.
func newcomers(rows []adopt.Row) int {
	keys := make(map[reconcile.Key]bool)
	for i := range rows {
		if rows[i].Match == adopt.Name {
			for _, p := range rows[i].People {
				keys[p.Key] = true
			}
		}
	}
	return len(keys)
}

// newAccounts says what the end of the adoption does with who still waits: it is hard to
// take back, since nobody can be given an account while they have another.
func (v *planView) newAccounts(rows []adopt.Row) {
	if n := newcomers(rows); n > 0 {
		v.paragraph("", words.Count(n, "person without a decision gets a new account", "people without a decision get new accounts")+" once the adoption is done, and what the account of the same name has, contracts and groups, stays there.", yellow)
	}
}

// undecided prints an account and what can be said of it.
func (v *planView) undecided(r *adopt.Row) {
	v.paragraph("  "+v.clean(r.UserName)+"  ", v.clean(rowText(r)), yellow)
	if r.Match == adopt.Unclear {
		return
	}
	for _, p := range r.People {
		who := cmp.Or(p.Email, p.Key.String())
		if r.Match == adopt.Recreated { // whose address is the account's
			who = p.Key.String()
		}
		v.line("      %s", v.paint(dim, "tomorro-sync adopt match "+v.clean(word(r.UserName))+" "+v.clean(word(who))))
	}
	if r.Match == adopt.Name {
		v.line("      %s", v.paint(dim, "tomorro-sync adopt foreign "+v.clean(word(r.UserName))))
	}
}

func matchText(m adopt.Match) string {
	return map[adopt.Match]string{
		adopt.Mark: "by mark: externalId names the person", adopt.Link: "remembered", adopt.Address: "by e-mail", adopt.Folded: "by e-mail, but for case",
		adopt.Name: "of nobody, with somebody's name", adopt.Recreated: "of somebody whom OneLogin no longer knows, with the e-mail of somebody without an account", adopt.Unclear: "unclear", adopt.Foreign: "of nobody in OneLogin, as somebody decided", adopt.Nobody: "of nobody in OneLogin: never touched",
	}[m]
}

// rowText says whose an account is, and why that is not sure.
func rowText(r *adopt.Row) string {
	var who []string
	for _, p := range r.People {
		who = append(who, fmt.Sprintf("%s (OneLogin user %s)", cmp.Or(p.Email, "unknown to OneLogin"), p.Key))
	}
	text := matchText(r.Match)
	switch {
	case r.Match == adopt.Name:
		text = "perhaps " + strings.Join(who, " or ") + ", with the same name and no account"
	case r.Match == adopt.Recreated:
		text = "perhaps " + strings.Join(who, " or ") + ", with the same e-mail and no account"
	case len(who) > 0:
		text = strings.Join(who, " or ") + ": " + text
	}
	if r.Why != "" {
		text += ", " + r.Why
	}
	if r.DecidedBy != "" {
		text += fmt.Sprintf(" (decided by %s on %s)", r.DecidedBy, r.DecidedAt.Local().Format(time.DateOnly))
	}
	if !r.Active {
		text += "; inactive"
	}
	return text
}
