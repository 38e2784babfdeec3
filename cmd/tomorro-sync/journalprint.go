package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/audit"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// printEntries shows entries in the format that was asked for. run is their one
// run, or empty.
func (p *program) printEntries(c *config, run string, entries func(yield func(jobs.Entry) bool) error) error {
	switch p.output {
	case "json":
		all := []jobs.Entry{}
		if err := entries(func(e jobs.Entry) bool { all = append(all, e); return true }); err != nil {
			return err
		}
		doc := map[string]any{"entries": all}
		if run != "" {
			doc["run"] = run
		}
		return writeJSON(p.stdout, doc)
	case "csv":
		return writeCSV(p.stdout, entries)
	}
	view, shown := p.view(c, true), 0
	view.folded = true
	err := entries(func(e jobs.Entry) bool {
		shown++
		view.showEntry(&e, run == "")
		return true
	})
	view.unsettled(run == "")
	if err == nil && shown == 0 {
		view.line("The journal has nothing of that.")
	}
	return err
}

// followJournal shows entries from a time on, and then those that come, until ctx ends.
func (p *program) followJournal(ctx context.Context, c *config, m memory, from time.Time) error {
	var problem error
	table := csv.NewWriter(p.stdout)
	view := p.view(c, true)
	if p.output == "csv" {
		problem = table.Write(csvHeader)
	}
	show := func(e jobs.Entry) bool {
		switch p.output {
		case "json":
			problem = json.NewEncoder(p.stdout).Encode(e)
		case "csv":
			problem = errors.Join(problem, table.WriteAll(csvRows(&e)))
		default:
			view.showEntry(&e, true)
		}
		return problem == nil
	}
	if !from.IsZero() {
		if err := m.Scan(ctx, from, show); err != nil {
			return err
		}
	}
	if err := m.Follow(ctx, show); err != nil && ctx.Err() == nil {
		return err
	}
	return problem
}

var csvHeader = []string{"id", "time", "kind", "run", "fence", "op", "onelogin_id", "who", "account", "group", "cause", "before", "after", "intent", "result", "detail"}

// csvRows gives a row for each change of an entry, or one for an entry without changes.
func csvRows(e *jobs.Entry) [][]string {
	base := func() []string {
		row := make([]string, len(csvHeader))
		copy(row, []string{e.ID, e.Time.UTC().Format(time.RFC3339Nano), string(e.Kind), e.Run, fmt.Sprint(e.Fence)})
		row[13], row[14], row[15] = e.Intent, e.Result, strings.TrimSpace(e.Target+" "+e.Note+" "+e.Error)
		if e.Kind == jobs.EntryOutlive {
			row[15] = "no longer: " + decidedText(e)
		}
		return row
	}
	var rows [][]string
	add := func(c *reconcile.Change, detail string) {
		row := base()
		copy(row[5:], []string{string(c.Op), keyText(c.Key), c.Who, c.Account, c.Group, c.Cause, image(c.Before), image(c.After)})
		if detail != "" {
			row[15] = detail
		}
		rows = append(rows, row)
	}
	if e.Write != nil {
		for i := range e.Write.Changes {
			add(&e.Write.Changes[i], "")
		}
	}
	for i := range e.Held {
		detail := string(e.Held[i].Class) + ": " + e.Held[i].Reason
		if e.Kind == jobs.EntryDecide {
			detail = decidedText(e)
		}
		add(&e.Held[i].Change, detail)
	}
	for _, key := range e.Keys {
		row := base()
		row[6], row[15] = key.String(), cmp.Or(pinnedWho(e), row[15])
		rows = append(rows, row)
	}
	for i := range e.Pushed {
		row := base()
		row[6], row[15] = keyText(e.Pushed[i].Key), strings.TrimSpace(e.Pushed[i].Asked+" "+e.Pushed[i].Request)
		rows = append(rows, row)
	}
	if rows == nil {
		rows = append(rows, base())
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = audit.Cell(cell)
		}
	}
	return rows
}

func keyText(k reconcile.Key) string {
	if k == 0 {
		return ""
	}
	return k.String()
}

func image(a *reconcile.Account) string {
	if a == nil {
		return ""
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func writeCSV(w io.Writer, entries func(yield func(jobs.Entry) bool) error) error {
	table := csv.NewWriter(w)
	if err := table.Write(csvHeader); err != nil {
		return err
	}
	var problem error
	err := entries(func(e jobs.Entry) bool {
		for _, row := range csvRows(&e) {
			if problem = table.Write(row); problem != nil {
				return false
			}
		}
		return true
	})
	table.Flush()
	return errors.Join(err, problem, table.Error())
}

func (p *program) journalExportCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write all entries into a file: a JSON document a line, or .csv",
		Long: `export writes every entry, or those from --since on, into a file that only you can read: CSV when its name ends with .csv, else a
JSON document a line. The file is there only when it is complete, unless it is a device or a pipe. It names people: keep it accordingly.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withMemory(cmd, func(_ *config, m memory) error {
				from, err := parseSince(since, time.Now())
				if err != nil {
					return err
				}
				n, err := exportTo(args[0], func(yield func(jobs.Entry) bool) error { return m.Scan(cmd.Context(), from, yield) })
				if err != nil {
					return fmt.Errorf("export the journal: %w", err)
				}
				if p.asJSON() {
					return writeJSON(p.stdout, map[string]any{"file": args[0], "entries": n})
				}
				p.screen(p.stdout).line("%s written to %s", words.Count(n, "entry", "entries"), args[0])
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "entries from this `TIME` on")
	return cmd
}

// exportTo writes entries to a file, see writeAside, and counts them.
func exportTo(path string, entries func(yield func(jobs.Entry) bool) error) (n int, err error) {
	err = writeAside(path, func(w io.Writer) (err error) {
		n, err = export(w, path, entries)
		return err
	})
	return n, err
}

// export writes entries as the name of the file asks for.
func export(w io.Writer, path string, entries func(yield func(jobs.Entry) bool) error) (n int, err error) {
	out := bufio.NewWriter(w)
	counted := func(yield func(jobs.Entry) bool) error {
		return entries(func(e jobs.Entry) bool { n++; return yield(e) })
	}
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		err = writeCSV(out, counted)
	} else {
		encoder := json.NewEncoder(out)
		var problem error
		err = counted(func(e jobs.Entry) bool { problem = encoder.Encode(&e); return problem == nil })
		err = errors.Join(err, problem)
	}
	return n, errors.Join(err, out.Flush())
}
