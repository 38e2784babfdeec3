package audit

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed report.html
var files embed.FS

// Formats are what Write takes.
func Formats() []string { return []string{"html", "md", "csv", "json"} }

// Write writes a report in one of Formats.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "html":
		return r.html(w)
	case "md":
		return r.markdown(w)
	case "csv":
		return r.csv(w)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	return fmt.Errorf("%q is no format; write one of %s", format, strings.Join(Formats(), ", "))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func join(list []string) string { return strings.Join(list, ", ") }

// op is a kind of change in words.
func op(o any) string { return strings.ReplaceAll(fmt.Sprint(o), "_", " ") }

// whom a line is about.
func whom(who, group string) string {
	switch {
	case who == "":
		return group
	case group == "":
		return who
	}
	return who + " in " + group
}

// span is a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
	return d.Round(time.Second).String()
}

// SealWords tells how the journal stands to its seals.
func (r *Report) SealWords() string {
	v := &r.Verdict
	switch {
	case v.Seals == 0:
		return "The journal has no seal yet."
	case len(v.Broken) > 0:
		return fmt.Sprintf("The journal was changed after it was sealed: %d of %d seals do not fit it.", len(v.Broken), v.Seals)
	}
	return fmt.Sprintf("The journal is as it was sealed: %d entries under %d seals.", v.Entries, v.Seals)
}

func (r *Report) html(w io.Writer) error {
	t, err := template.New("report.html").Funcs(template.FuncMap{"stamp": stamp, "op": op, "whom": whom, "span": span}).ParseFS(files, "report.html")
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return err
	}
	_, err = io.WriteString(w, visibleLines(b.String()))
	return err
}

// markdown writes tables. What comes from outside cannot end a cell or begin anything.
func (r *Report) markdown(w io.Writer) error {
	var b strings.Builder
	cell := func(text string) string {
		text = strings.Join(strings.Fields(text), " ")
		return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "[", `\[`, "`", "\\`", "*", `\*`, "_", `\_`).Replace(text)
	}
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	head := func(title string, names ...string) {
		fmt.Fprintf(&b, "\n## %s\n\n| %s |\n|%s\n", title, strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	}
	fmt.Fprintf(&b, "# tomorro-sync %s: run %s\n\n%s\n", cell(r.Connection), cell(r.Run), cell(r.Result))
	head("The run", "", "")
	row("Asked for by", r.By)
	row("Began", stamp(r.Began))
	row("Ended", stamp(r.Ended))
	row("Exit code", fmt.Sprint(r.Exit))
	row("Plan", r.PlanID)
	row("Reading", r.Read)
	for _, e := range r.Errors {
		row("Error", e)
	}
	head("Changes", "What", "Whom", "Before", "After", "Why", "Result")
	for _, c := range r.Changes {
		row(op(c.Op), whom(c.Who, c.Group), c.Before, c.After, c.because(), c.outcome())
	}
	head("Held", "What", "Whom", "Rule", "Reason", "Decision")
	for _, h := range r.Held {
		row(op(h.Op), whom(h.Who, h.Group), string(h.Rule), h.Reason, h.Decided)
	}
	head("Leavers", "Who", "Last seen with access", "Inactive at Tomorro", "Access after leaving, at most")
	for _, l := range r.Leavers {
		row(l.Who, stamp(l.Seen), stamp(l.Done), l.most())
	}
	fmt.Fprintf(&b, "\n%s Last seal: `%s`. Written %s.\n", r.SealWords(), r.Verdict.Head.Hash, stamp(r.Made))
	_, err := io.WriteString(w, visibleLines(b.String()))
	return err
}

func (l *Leaver) most() string {
	if l.Seen.IsZero() {
		return "not known: no earlier run read everybody"
	}
	return span(l.AtMost)
}

// because is the cause, and what moved.
func (c *Change) because() string {
	text := c.Cause
	if c.Origin != "" {
		text += " (" + string(c.Origin) + ")"
	}
	if c.Approved != "" {
		text += ", approved by " + c.Approved
	}
	return text
}

func (c *Change) outcome() string {
	if c.Why == "" {
		return c.Result
	}
	return c.Result + ": " + c.Why
}

// csv writes a line for each change and each hold.
func (r *Report) csv(w io.Writer) error {
	t := csv.NewWriter(w)
	lines := [][]string{{"run", "at", "kind", "op", "who", "group", "before", "after", "cause", "origin", "result", "reason", "decision", "journal_seal"}}
	for i := range r.Changes {
		c := &r.Changes[i]
		lines = append(lines, []string{r.Run, stamp(c.At), "change", string(c.Op), c.Who, c.Group, c.Before, c.After, c.Cause, string(c.Origin), c.Result, c.Why, c.Approved, r.Verdict.Head.Hash})
	}
	for i := range r.Held {
		h := &r.Held[i]
		lines = append(lines, []string{r.Run, stamp(r.Began), "held", string(h.Op), h.Who, h.Group, "", "", "", "", "held", string(h.Rule) + ": " + h.Reason, h.Decided, r.Verdict.Head.Hash})
	}
	for _, line := range lines {
		for i, field := range line {
			line[i] = Cell(field)
		}
		if err := t.Write(line); err != nil {
			return err
		}
	}
	t.Flush()
	return t.Error()
}
