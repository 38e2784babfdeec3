package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile/words"
)

func (p *program) journalCommand() *cobra.Command {
	var limit int
	var since string
	var follow bool
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "What runs did and why: list them, or show one run or one person",
		Long: `journal lists the runs, newest first. With --since or --follow it shows single entries instead: those from that time on, or
those that come from now on. Times for --since are written 36h, 7d, 2026-11-01 or 2026-11-01T02:00:00Z.

With --output json there is one document, but with --follow one for each entry. --output csv has a line for each change.`,
		Args:        arguments(cobra.NoArgs),
		Annotations: map[string]string{"csv": "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usage(fmt.Errorf("--limit %d is not a number of runs", limit), "write how many runs to list, such as 20")
			}
			return p.withMemory(cmd, func(c *config, m memory) error {
				from, err := parseSince(since, time.Now())
				if err != nil {
					return err
				}
				switch {
				case follow:
					return p.followJournal(cmd.Context(), c, m, from)
				case since != "" || p.output == "csv":
					return p.printEntries(c, "", func(yield func(jobs.Entry) bool) error { return m.Scan(cmd.Context(), from, yield) })
				}
				return p.listRuns(cmd.Context(), c, m, limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many runs to list")
	cmd.Flags().StringVar(&since, "since", "", "entries from this `TIME` on")
	cmd.Flags().BoolVar(&follow, "follow", false, "entries as they come, until Ctrl-C")
	cmd.AddCommand(p.journalShowCommand(), p.journalPersonCommand(), p.journalExportCommand(), p.journalEraseCommand(), p.journalVerifyCommand())
	return cmd
}

func (p *program) listRuns(ctx context.Context, c *config, m memory, limit int) error {
	runs, err := m.Runs(ctx, limit)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"runs": append([]jobs.RunRecord{}, runs...)})
	}
	p.view(c, true).showRuns(runs)
	return nil
}

func (p *program) journalShowCommand() *cobra.Command {
	var person string
	cmd := &cobra.Command{
		Use:         "show RUN",
		Short:       "Show what one run intended, did and held",
		Args:        arguments(cobra.ExactArgs(1)),
		Annotations: map[string]string{"csv": "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withMemory(cmd, func(c *config, m memory) error {
				entries, err := m.Entries(cmd.Context(), args[0])
				if err != nil {
					return fmt.Errorf("read run %s: %w", args[0], err)
				}
				var h jobs.History
				if person != "" {
					if h.Person, err = jobs.FindPerson(cmd.Context(), m, person); err != nil {
						return err
					}
				}
				return p.printEntries(c, args[0], func(yield func(jobs.Entry) bool) error {
					for _, e := range entries {
						if e, ok := h.Take(e); ok && !yield(e) {
							break
						}
					}
					return nil
				})
			})
		},
	}
	cmd.Flags().StringVar(&person, "person", "", "only what concerns the person with this `EMAIL` or OneLogin id")
	return cmd
}

func (p *program) journalPersonCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:         "person EMAIL",
		Short:       "Show one person's history, also under former e-mails; a OneLogin id does as well",
		Args:        arguments(cobra.ExactArgs(1)),
		Annotations: map[string]string{"csv": "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withMemory(cmd, func(c *config, m memory) error {
				from, err := parseSince(since, time.Now())
				if err != nil {
					return err
				}
				who, err := jobs.FindPerson(cmd.Context(), m, args[0])
				if err != nil {
					return err
				}
				h := jobs.History{Person: who}
				return p.printEntries(c, "", func(yield func(jobs.Entry) bool) error {
					return m.Scan(cmd.Context(), from, func(e jobs.Entry) bool {
						e, ok := h.Take(e)
						return !ok || yield(e)
					})
				})
			})
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "entries from this `TIME` on")
	return cmd
}

func (p *program) journalEraseCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase EMAIL",
		Short: "Take a person's e-mails, names and titles out of the journal; a OneLogin id does as well",
		Long: `erase replaces the person's values in every entry by "erased". What stays is that something was changed, when, by which run
and about which OneLogin id. What they decided or asked for stays as well, with their e-mail taken out of who did. The erasure is
journaled itself. It cannot be undone. Exported files are not touched.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withMemory(cmd, func(_ *config, m memory) error { return p.erase(cmd.Context(), m, args[0], yes) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before erasing")
	return cmd
}

func (p *program) erase(ctx context.Context, m memory, name string, yes bool) error {
	who, err := jobs.FindPerson(ctx, m, name)
	if errors.Is(err, jobs.ErrNobody) {
		who, err = jobs.Mentioned(ctx, m, name)
	}
	if err != nil {
		return err
	}
	if !yes && !p.interactive {
		return usage(errors.New("erase asks before it erases, and this is not a terminal"), "add --yes to erase without being asked")
	}
	subject := "the account of nobody at OneLogin"
	if len(who.Accounts) == 0 {
		subject = "somebody who is only named"
	}
	if who.Key != 0 {
		subject = "OneLogin user " + who.Key.String()
	}
	if !yes {
		if ok, err := p.ask(ctx, fmt.Sprintf("Erase the values of %s from the journal for good?", subject)); err != nil || !ok {
			return err
		}
	}
	note := jobs.Entry{Kind: jobs.EntryErase, Time: time.Now(), Trigger: &jobs.Trigger{By: "command", Who: whoAmI()}, Note: subject}
	if err := m.Forget(ctx, who.Subjects()); err != nil { // before the journal forgets under which addresses
		return err
	}
	n, err := m.Erase(ctx, who.Eraser(), note)
	if err != nil {
		return err
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"erased": n, "subject": subject})
	}
	p.screen(p.stdout).line("%s of %s erased.", words.Count(n, "entry", "entries"), subject)
	return nil
}

// parseSince reads a point in time: a distance back from now (36h, 7d), a day,
// or a moment (RFC 3339). Empty is the beginning.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage(fmt.Errorf("--since %q is not a time", text), "write 36h, 7d, 2026-11-01 or 2026-11-01T02:00:00Z")
}

// withMemory opens Redis only: what is remembered needs neither service.
func (p *program) withMemory(cmd *cobra.Command, work func(*config, memory) error) error {
	c, err := p.load()
	if err != nil {
		return err
	}
	return p.open(cmd.Context(), session{config: c, store: true}, func(conn *connection) error {
		return work(c, conn.memory)
	})
}
