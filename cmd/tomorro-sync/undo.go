package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

type undoOptions struct {
	asking
	what jobs.UndoWhat
	who  string
}

func (p *program) undoCommand() *cobra.Command {
	var o undoOptions
	cmd := &cobra.Command{
		Use:   "undo RUN | --user EMAIL",
		Short: "Take back what a run did, or what was done to one person",
		Long: `undo takes back what a run wrote, from the journal: accounts, roles, names, e-mails and memberships become what they were, where
Tomorro still has what the run wrote. What somebody changed since stays, and is listed. A deletion cannot be taken back, and an
account that a run made stays, inactive. Limits, protect, min_admins and approve hold an undo as they hold a run; OneLogin is not
asked. With --user it takes back what the last run did to that person, with RUN as well what that run did to them, with --all-runs
whatever runs did to them.

Who is undone stays so: no run changes them until: tomorro-sync release EMAIL. Exit codes are those of reconcile.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.what.Run = args[0]
			}
			return p.undo(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.what.User, "user", "", "only what was done to the person with this `EMAIL` or OneLogin id")
	flags.BoolVar(&o.what.AllRuns, "all-runs", false, "with --user: what any run did to them, not only the last")
	flags.BoolVar(&o.yes, "yes", false, "do not ask before writing")
	flags.StringVar(&o.approved, "approve", "", "approve what waits in the undo with this `PLAN_ID`")
	flags.StringVar(&o.who, "as", "", "who undoes it, as a `NAME` for the journal; default the signed-in user")
	flags.BoolVar(&o.all, "all", false, "show every line")
	return cmd
}

func (o *undoOptions) problem() error {
	switch {
	case o.what.Run == "" && o.what.User == "":
		return usage(errors.New("undo needs a run or a person"), "name a run, as tomorro-sync journal lists them, or give --user EMAIL")
	case o.what.AllRuns && (o.what.User == "" || o.what.Run != ""):
		return usage(errors.New("--all-runs goes with --user and without a run"), "see: tomorro-sync undo --help")
	}
	return nil
}

func (p *program) undo(ctx context.Context, o undoOptions) error {
	if err := o.problem(); err != nil {
		return err
	}
	if !o.yes && !p.interactive {
		return usage(errors.New("undo asks before it writes, and this is not a terminal"), "add --yes to write without being asked")
	}
	by := jobs.Trigger{By: "undo", Who: whoIs(o.who)}
	return p.connected(ctx, session{approved: o.approved, store: true}, func(c *config, conn *connection) error {
		return p.make(ctx, c, o.asking, func(approve approval) (jobs.Report, error) {
			return conn.runner.Undo(ctx, by, o.what, approve)
		})
	})
}

// pinnedBy counts the people whom an undo changes.
func pinnedBy(plan *reconcile.Plan) int {
	keys := make(map[reconcile.Key]bool)
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Origin == reconcile.FromUndo && c.Key != 0 {
			keys[c.Key] = true
		}
	}
	return len(keys)
}

func (p *program) releaseCommand() *cobra.Command {
	var who string
	var all bool
	cmd := &cobra.Command{
		Use:   "release [EMAIL | --all]",
		Short: "Let runs change somebody again who was undone; without a name, list who is pinned",
		Long: `release ends what an undo began: the next run does again what OneLogin says for this person (by e-mail, also a former one, or by
OneLogin id), or with --all for everybody. Without either it lists who is pinned, since when, and by whom. It needs Redis only.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return usage(errors.New("--all is everybody"), "leave out the name, or --all")
			}
			by := jobs.Trigger{By: "command", Who: whoIs(who)}
			return p.withMemory(cmd, func(_ *config, m memory) error {
				if !all && len(args) == 0 {
					return p.listPins(cmd.Context(), m)
				}
				return p.release(cmd.Context(), m, by, strings.Join(args, ""))
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "everybody")
	cmd.Flags().StringVar(&who, "as", "", "who releases, as a `NAME` for the journal; default the signed-in user")
	return cmd
}

func (p *program) release(ctx context.Context, m memory, by jobs.Trigger, who string) error {
	keys, err := jobs.Release(ctx, m, by, who, time.Now())
	if err != nil {
		return err
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"released": append([]reconcile.Key{}, keys...)})
	}
	s := p.screen(p.stdout)
	s.line("%s released.", words.Count(len(keys), "person", "people"))
	if len(keys) > 0 {
		s.advise("next: ", "see what the next run would do with: tomorro-sync plan")
	}
	return nil
}

type pinJSON struct {
	Key   reconcile.Key `json:"key"`
	Email string        `json:"email,omitempty"` // the last that the journal knows
	jobs.Pin
}

func (p *program) listPins(ctx context.Context, m memory) error {
	pins, err := m.Pins(ctx)
	if err != nil {
		return err
	}
	names, err := jobs.Named(ctx, m, pins)
	if err != nil {
		return err
	}
	list := []pinJSON{}
	for _, key := range slices.Sorted(maps.Keys(pins)) {
		list = append(list, pinJSON{key, names[key], pins[key]})
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"pins": list})
	}
	s := p.screen(p.stdout)
	if len(list) == 0 {
		s.line("Nobody is pinned.")
	}
	for _, pin := range list {
		s.line("%s  OneLogin user %s, since %s by %s, run %s", s.clean(pin.Email), pin.Key, pin.At.Local().Format(time.DateTime), s.clean(pin.By), pin.Run)
	}
	return nil
}

// pinText says who was pinned or released, and by whom.
func pinText(e *jobs.Entry) string {
	keys := make([]string, len(e.Keys))
	for i, key := range e.Keys {
		keys[i] = key.String()
	}
	return "OneLogin user " + strings.TrimRight(strings.Join(keys, ", ")+" "+pinnedWho(e), " ")
}

func pinnedWho(e *jobs.Entry) string {
	if e.Trigger == nil || e.Trigger.Who == "" {
		return ""
	}
	return "by " + e.Trigger.Who
}
