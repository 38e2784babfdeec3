package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/adopt"
	"tomorro-sync/reconcile/words"
)

func (p *program) adoptMatchCommand() *cobra.Command {
	recreated, yes := false, false
	cmd := p.adoptDecision("match ACCOUNT PERSON", "Decide that an account, by address or id, is a person's, by e-mail or OneLogin id", 2,
		func(ctx context.Context, m memory, s *jobs.Survey, by jobs.Trigger, args []string) error {
			return jobs.AdoptMatch(ctx, m, by, s, args[0], args[1], time.Now())
		})
	cmd.Long = `match decides that an account is a person's: the next run takes it for theirs, with its contracts and groups.

People who were deleted in OneLogin and made again, as a directory that is imported anew does with everybody, have new ids: no run takes
their accounts away, and none gives them to whoever has the e-mail now, before somebody says that they are the same. --recreated says so
of all whose e-mail and name are still the same, after it has listed them.`
	one := cmd.RunE
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if recreated {
			return arguments(cobra.NoArgs)(cmd, args)
		}
		return arguments(cobra.ExactArgs(2))(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !recreated {
			return one(cmd, args)
		}
		who, err := cmd.Flags().GetString("as")
		if err != nil {
			return err
		}
		if !yes && !p.interactive {
			return usage(errors.New("adopt match --recreated asks first, and this is not a terminal"), "add --yes to go on without being asked")
		}
		return p.adopting(cmd.Context(), who, func(c *config, m memory, s *jobs.Survey, by jobs.Trigger) error {
			return p.matchRecreated(cmd.Context(), c, m, s, by, yes)
		})
	}
	cmd.Flags().BoolVar(&recreated, "recreated", false, "all accounts of people whom OneLogin has under another id now, with the same e-mail and name")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --recreated: do not ask")
	return cmd
}

// matchRecreated gives each account of somebody made again in OneLogin to who they are now.
func (p *program) matchRecreated(ctx context.Context, c *config, m memory, s *jobs.Survey, by jobs.Trigger, yes bool) error {
	rows := adoptionRows(c, s)
	var same []adopt.Row
	others := 0
	for i := range rows {
		switch r := &rows[i]; {
		case r.Match != adopt.Recreated:
		case r.SameName:
			same = append(same, *r)
		default:
			others++
		}
	}
	if !p.asJSON() {
		p.view(c, true).recreated(same, others)
	}
	if len(same) > 0 && !yes {
		if agreed, err := p.ask(ctx, fmt.Sprintf("Are these %s the same people?", reconcile.Number(len(same)))); err != nil || !agreed {
			return err
		}
	}
	for i := range same {
		if err := jobs.AdoptRecreated(ctx, m, by, s, &same[i], time.Now()); err != nil {
			return fmt.Errorf("%d of %d accounts are matched; %s: %w", i, len(same), reconcile.Fold(same[i].UserName), err)
		}
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"decided": "match", "accounts": len(same), "undecided": others})
	}
	view := p.view(c, true)
	if len(same) > 0 {
		view.line("%s matched: the next run takes them for theirs.", words.Count(len(same), "account is", "accounts are"))
		view.advise("next: ", "see what the next run would do with: tomorro-sync plan")
	}
	return nil
}

// recreated lists whom an answer will be about.
func (v *planView) recreated(same []adopt.Row, others int) {
	if len(same) == 0 {
		v.line("Nobody has another OneLogin id with the same e-mail and name.")
	}
	for i := range same {
		r := &same[i]
		v.paragraph("  "+v.clean(r.UserName)+"  ", v.clean(fmt.Sprintf("%s, is OneLogin user %s now", r.Name, r.People[0].Key)), "")
	}
	if others > 0 {
		v.paragraph("", fmt.Sprintf("%s the same e-mail and another name, or several have it: decide about each. They are listed by: tomorro-sync adopt", words.Count(others, "more has", "more have")), yellow)
	}
}
