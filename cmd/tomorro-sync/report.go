package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs/audit"
)

func (p *program) reportCommand() *cobra.Command {
	format, out := "html", ""
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Write what one run did for a manager or an auditor",
		Long: `report writes one run, the last one unless another is named: who asked for it, what it changed about whom and why, what it held and who
decided about that, how long leavers can have kept access, and the hash of the journal's last seal. --format is html (one file that
needs nothing else), md, csv or json; --out writes a file that only you can read, instead of the screen.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.asJSON() && !cmd.Flags().Changed("format") {
				format = "json"
			}
			if !slices.Contains(audit.Formats(), format) {
				return usage(fmt.Errorf("--format %q is none", format), "write one of "+strings.Join(audit.Formats(), ", "))
			}
			return p.withMemory(cmd, func(c *config, m memory) error {
				decisions, err := m.Decisions(cmd.Context())
				if err != nil {
					return err
				}
				r, err := audit.Read(cmd.Context(), m, strings.Join(args, ""), decisions, time.Now())
				if err != nil {
					return fmt.Errorf("read the journal: %w", err)
				}
				r.Connection = c.Connection
				return p.writeReport(r, format, out)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "`FORMAT`: html, md, csv or json")
	cmd.Flags().StringVar(&out, "out", "", "write `FILE` instead of the screen")
	return cmd
}

func (p *program) writeReport(r *audit.Report, format, out string) error {
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		return err
	}
	if out == "" {
		_, err := b.WriteTo(p.stdout)
		return err
	}
	var err error
	if info, missing := os.Stat(out); missing == nil && info.Mode().IsRegular() {
		err = os.Chmod(out, 0o600) // one that is there would stay as readable as it is
	}
	if err == nil {
		err = os.WriteFile(out, b.Bytes(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	p.screen(p.stderr).line("Wrote %s: run %s, %s.", out, r.Run, plural(len(r.Changes), "change", "changes"))
	return nil
}
