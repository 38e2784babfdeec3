package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/migrate"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

type migrateOptions struct {
	asking
	file, who string
	back      bool
}

const snapshotFile = "tomorro-groups.json"

func (p *program) groupsSnapshotCommand() *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Write into a file who is in which group at Tomorro",
		Long: `snapshot writes who is in which group at Tomorro into a file that only you can read, for groups migrate --back. It takes no other file's
place. It asks Tomorro only.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.migration(cmd.Context(), o, session{}, func(c *config, m *migrate.Migration) error {
				s, err := m.Snapshot(cmd.Context())
				if err != nil {
					return err
				}
				if p.asJSON() {
					return writeJSON(p.stdout, s)
				}
				p.view(c, true).line("%s", snapshotLine(o.file, s))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&o.file, "file", snapshotFile, "the `FILE`")
	return cmd
}

func snapshotLine(file string, s *migrate.Snapshot) string {
	return fmt.Sprintf("%s has %s in %s, as of %s.", file, words.Count(s.Memberships(), "membership", "memberships"), words.Count(len(s.Groups), "group", "groups"), s.Taken.Local().Format(time.DateTime))
}

func (p *program) groupsMigrateCommand() *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make memberships what OneLogin's rules give, with a way back",
		Long: `migrate does what the set-up guide calls migrating group assignments: existing memberships go, and what OneLogin's rules give comes. It
first writes who is in which group into a file, then shows what would change, asks, and makes the difference: additions first, so
that nobody is without a group that they keep. Groups alone change, in any groups.mode; who has no rule for a group leaves it. Limits on
memberships do not hold what you say yes to, unless four_eyes asks for two; protect, and an incomplete pull, hold as ever.

With --back memberships become what the file says. Whatever was interrupted is made by the same command once more: a file that is
there stays the one to come back to. Exit codes are those of reconcile.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !o.yes && !p.interactive {
				return usage(errors.New("groups migrate asks before it writes, and this is not a terminal"), "add --yes to write without being asked")
			}
			return p.migration(cmd.Context(), o, session{store: true}, func(c *config, m *migrate.Migration) error {
				return p.migrateGroups(cmd.Context(), c, m, o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.file, "file", snapshotFile, "the `FILE` of the snapshot")
	flags.BoolVar(&o.back, "back", false, "make memberships what the file says")
	flags.BoolVar(&o.yes, "yes", false, "do not ask before writing")
	flags.StringVar(&o.who, "as", "", "who does it, as a `NAME` for the journal; default the signed-in user")
	flags.BoolVar(&o.all, "all", false, "show every line")
	return cmd
}

// migration opens what a migration needs.
func (p *program) migration(ctx context.Context, o migrateOptions, s session, do func(*config, *migrate.Migration) error) error {
	return p.connected(ctx, s, func(c *config, conn *connection) error {
		return do(c, &migrate.Migration{Runner: conn.runner, Reader: conn.target, Target: c.Tomorro.URL, File: o.file, Now: time.Now,
			By: jobs.Trigger{By: "migrate", Who: whoIs(o.who)}})
	})
}

func (p *program) migrateGroups(ctx context.Context, c *config, m *migrate.Migration, o migrateOptions) error {
	view := p.view(c, o.all)
	if !p.asJSON() {
		m.Have = func(s *migrate.Snapshot) { view.line("%s", snapshotLine(o.file, s)) }
	}
	way := m.Forward
	if o.back {
		way = m.Back
	}
	var out migrate.Outcome
	err := p.make(ctx, c, o.asking, func(approve approval) (jobs.Report, error) {
		var err error
		out, err = way(ctx, approve)
		return out.Report, err
	})
	if !p.asJSON() && out.Moved != nil {
		view.moved(c, &out, &o)
	}
	return err
}

// moved tells what became of each group, and what to do next.
func (v *planView) moved(c *config, out *migrate.Outcome, o *migrateOptions) {
	v.heading("Since the snapshot")
	for _, g := range out.Moved {
		v.paragraph(v.clean(g.Name)+"  ", fmt.Sprintf("%d stay, %d left, %d came", g.Kept, g.Gone, g.New), "")
	}
	exclusive := c.policy("").GroupMode == reconcile.Exclusive
	switch {
	case o.back && exclusive:
		v.paragraph("next: ", "groups.mode is exclusive: the next run makes memberships what the rules give again. Set it to additive first.", yellow)
	case o.back:
		v.advise("next: ", "groups.mode is additive: runs add what the rules give, and take nobody out.")
	case exclusive:
		v.advise("back: ", "tomorro-sync groups migrate --back --file "+word(o.file))
	default:
		v.advise("next: ", "set groups.mode to exclusive, or runs leave what is added at Tomorro by hand")
		v.advise("back: ", "tomorro-sync groups migrate --back --file "+word(o.file))
	}
}
