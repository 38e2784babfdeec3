package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs/audit"
	"tomorro-sync/reconcile/words"
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
			if p.asJSON() && format != "json" {
				return usage(fmt.Errorf("--format %s and --output json ask for two forms", format), "leave one of them out")
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
	err := writeAside(out, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	p.screen(p.stderr).line("Wrote %s: run %s, %s.", out, r.Run, words.Count(len(r.Changes), "change", "changes"))
	return nil
}

// writeAside writes beside a file that only we can read, and then puts it in its place:
// whoever has another there open, or owns it, reads nothing of ours, and what a link leads
// to stays. But what is no file, as /dev/stdout or a named pipe, is written to.
func writeAside(path string, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		out, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(out), out.Close())
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".tomorro-sync-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails when it was put in place
	if err = errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
