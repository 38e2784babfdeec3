package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
)

func (p *program) journalCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "List the runs, newest first; show one with: journal show RUN",
		Args:  arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withJournal(cmd, func(c *config, j jobs.JournalReader) error {
				runs, err := j.Runs(cmd.Context(), limit)
				if err != nil {
					return fmt.Errorf("read the journal: %w", err)
				}
				if p.asJSON() {
					return writeJSON(p.stdout, map[string]any{"runs": append([]jobs.RunRecord{}, runs...)})
				}
				p.view(c, true).showRuns(runs)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many runs")
	cmd.AddCommand(p.journalShowCommand())
	return cmd
}

func (p *program) journalShowCommand() *cobra.Command {
	var person string
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show what one run intended, did and held",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withJournal(cmd, func(c *config, j jobs.JournalReader) error {
				entries, err := j.Entries(cmd.Context(), args[0])
				if err != nil {
					return fmt.Errorf("read run %s: %w", args[0], err)
				}
				if p.asJSON() {
					return writeJSON(p.stdout, map[string]any{"run": args[0], "entries": narrow(entries, person)})
				}
				p.view(c, true).showEntries(entries, person)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&person, "person", "", "only what concerns the person with this `EMAIL`")
	return cmd
}

// withJournal opens Redis only: reading the journal needs neither service.
func (p *program) withJournal(cmd *cobra.Command, work func(*config, jobs.JournalReader) error) error {
	c, err := loadConfig(p.configFile, p.environ)
	if err != nil {
		return usage(err, "correct the configuration file or the environment")
	}
	if err := c.storeGiven(); err != nil {
		return err
	}
	return p.open(cmd.Context(), session{config: c, store: true}, func(conn *connection) error {
		return work(c, conn.journal)
	})
}

// narrow keeps the entries that concern one person; an empty person keeps all.
func narrow(entries []jobs.Entry, person string) []jobs.Entry {
	kept := make([]jobs.Entry, 0, len(entries))
	intents := make(map[string]bool)
	for _, e := range entries {
		keep := person == ""
		if e.Write != nil {
			for i := range e.Write.Changes {
				keep = keep || concerns(&e.Write.Changes[i], person)
			}
			intents[e.ID] = keep
		}
		for i := range e.Held {
			keep = keep || concerns(&e.Held[i].Change, person)
		}
		if keep || (e.Intent != "" && intents[e.Intent]) {
			kept = append(kept, e)
		}
	}
	return kept
}
