package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

func (p *program) groupsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "Groups: those set by hand, where members come from, and moving the assignment to OneLogin",
		Long: `groups lists who has which group by hand: an administrator gave it to one person in OneLogin's app, and no rule does. OneLogin's API
does not tell of these; pushes do, so they are remembered, and a run in exclusive mode keeps them. They end when OneLogin takes the
group back, when the person leaves the app, or with: tomorro-sync groups forget EMAIL`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withGroups(cmd.Context(), func(_ context.Context, c *config, _ *connection, byHand []groupByHand) error {
				return p.listByHand(c, byHand)
			})
		},
	}
	group := ""
	forget := &cobra.Command{
		Use:   "forget EMAIL",
		Short: "Forget what was set by hand for one person",
		Long: `forget takes no group away by itself: the person is looked at again, by a process that serves or by the next run, and then has what the
rules give. OneLogin still shows the group there; it is pushed again when somebody changes it.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withGroups(cmd.Context(), func(ctx context.Context, _ *config, conn *connection, byHand []groupByHand) error {
				return p.forgetByHand(ctx, conn, byHand, args[0], group)
			})
		},
	}
	forget.Flags().StringVar(&group, "group", "", "only this `GROUP`")
	cmd.AddCommand(forget, p.groupsListCommand(), p.groupsCreateCommand(), p.planMigrationCommand(), p.groupsSnapshotCommand(), p.groupsMigrateCommand())
	return cmd
}

// groupByHand is one assertion as people read it.
type groupByHand struct {
	UserName string    `json:"userName"` // empty when Tomorro has no such account any more
	Group    string    `json:"group"`    // likewise
	Since    time.Time `json:"since"`
	// TakenBack says that OneLogin took the group back and that this is not done yet.
	TakenBack bool `json:"takenBack,omitempty"`

	said reconcile.Assertion
}

// withGroups reads what is remembered, and Tomorro for the names.
func (p *program) withGroups(ctx context.Context, do func(context.Context, *config, *connection, []groupByHand) error) error {
	return p.connected(ctx, session{store: true}, func(c *config, conn *connection) error {
		all, err := conn.memory.Assertions(ctx)
		if err != nil {
			return err
		}
		current, err := conn.target.Read(ctx)
		if err != nil {
			return fmt.Errorf("reading Tomorro: %w", err)
		}
		return do(ctx, c, conn, named(all, &current))
	})
}

func named(all []reconcile.Assertion, current *reconcile.Current) []groupByHand {
	out := make([]groupByHand, 0, len(all))
	for _, a := range all {
		g := groupByHand{Since: a.At, TakenBack: a.Off, said: a}
		if i := slices.IndexFunc(current.Accounts, func(x reconcile.Account) bool { return x.ID == a.Account }); i >= 0 {
			g.UserName = current.Accounts[i].UserName
		}
		if i := slices.IndexFunc(current.Groups, func(x reconcile.Group) bool { return x.ID == a.Group }); i >= 0 {
			g.Group = current.Groups[i].Name
		}
		out = append(out, g)
	}
	return out
}

func (p *program) listByHand(c *config, byHand []groupByHand) error {
	if p.asJSON() {
		return writeJSON(p.stdout, byHand)
	}
	view := p.view(c, true)
	if len(byHand) == 0 {
		view.line("No group was set by hand, as far as pushes told.")
	}
	for _, g := range byHand {
		what := "has " + orGone(g.Group) + " by hand"
		if g.TakenBack {
			what = "is to lose " + orGone(g.Group) + ", which OneLogin took back"
		}
		view.paragraph(view.clean(orGone(g.UserName))+"  ", view.clean(what)+", as pushed on "+g.Since.Local().Format(time.DateTime), "")
	}
	return nil
}

func orGone(name string) string {
	if name == "" {
		return "(what Tomorro has no more)"
	}
	return name
}

func (p *program) forgetByHand(ctx context.Context, conn *connection, byHand []groupByHand, who, group string) error {
	var ended []reconcile.Assertion
	for _, g := range byHand {
		if reconcile.Fold(g.UserName) == reconcile.Fold(who) && (group == "" || reconcile.Fold(g.Group) == reconcile.Fold(group)) {
			ended = append(ended, g.said)
		}
	}
	if len(ended) == 0 {
		return &failure{exitError, fmt.Errorf("no group was set by hand for %s", who), "see: tomorro-sync groups"}
	}
	by := jobs.Trigger{By: "command", Who: whoAmI()}
	if _, err := conn.memory.Append(ctx, jobs.Lease{}, jobs.Entry{Kind: jobs.EntryPush, Time: time.Now(), Trigger: &by, Pushed: []jobs.Pushed{{Asked: "forget groups"}}}); err != nil {
		return err
	}
	err := conn.memory.EndAssertions(ctx, ended)
	_, marked := conn.memory.Mark(ctx, 0, []jobs.Wanted{{Subject: jobs.AccountSubject(ended[0].Account)}})
	if err := errors.Join(err, marked); err != nil {
		return err
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]int{"forgotten": len(ended)})
	}
	fmt.Fprintf(p.stdout, "Forgot %s of %s. They are looked at again by a process that serves, or with: %s reconcile --user %s\n", words.Count(len(ended), "group", "groups"), who, p.command(), word(who))
	return nil
}
