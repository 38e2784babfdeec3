package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// runsShown is how many runs the page lists, and the chart draws.
const runsShown = 60

type runList struct {
	Runs  []jobs.RunRecord
	Chart *chart // nil when there is nothing to draw
	More  bool   // there may be earlier ones
	Busy  bool   // the first one, if it has no end, is under way
}

func (c *console) runs(v *visit) {
	ctx, cancel := v.brief()
	defer cancel()
	runs, err := v.conn.Journal.Runs(ctx, runsShown)
	if err != nil {
		v.broken("runs", err)
		return
	}
	status, err := v.conn.Observer.Status(ctx)
	if err != nil {
		v.broken("runs", err)
		return
	}
	p := v.page("runs", "Runs")
	p.Body = runList{Runs: runs, Chart: newChart(runs, p), More: len(runs) == runsShown, Busy: len(runs) > 0 && underWay(&runs[0].Begin, &status)}
	v.show(http.StatusOK, "runs", p)
}

func (c *console) startRun(v *visit) {
	if v.conn.Starter == nil {
		v.refused("overview", "No run can be asked for here.", "Make one with: "+v.conn.called()+" reconcile")
		return
	}
	said := "queued"
	stored, err := v.conn.Starter.Start(v.session.Who)
	switch {
	case err != nil:
		v.refused("overview", "The run could not be asked for.", err.Error())
		return
	case !stored:
		said = "already"
	}
	v.redirect("/c/" + v.conn.Name + "/?said=" + said)
}

// runPage is one run.
type runPage struct {
	Begin    *jobs.Entry
	Report   *jobs.Report // nil when it has not ended
	Going    bool         // and somebody is at work
	Progress *progress
	Kinds    []kindRow
	Origins  string // what moved, in words; empty when nothing is remembered to tell it by
	Rows     []changeRow
	More     int // rows that are not shown
	Holds    []heldRow
}

// kindRow counts the changes of one kind.
type kindRow struct {
	Op                             reconcile.Op
	Name                           string
	Planned, Done, Failed, Skipped int
}

// changeRow is one change and what became of it.
type changeRow struct {
	Op                   reconcile.Op
	Who, Link, What, Why string
	Result, Tone, Detail string
	Approved             string
}

// heldRow is what one reason held.
type heldRow struct {
	Rule   reconcile.HoldRule
	Reason string
	Kinds  []byKind
	Count  int
}

// rowsShown is how many changes a page shows unless it is asked for all.
const rowsShown = 200

func (c *console) run(v *visit) {
	ctx, cancel := v.brief()
	defer cancel()
	id := v.r.PathValue("run")
	entries, err := v.conn.Journal.Entries(ctx, id)
	if errors.Is(err, jobs.ErrNoRun) {
		v.missing("The journal has no run "+id+".", "It may be older than journal.keep. Choose one from the list of runs.")
		return
	}
	status, statusErr := v.conn.Observer.Status(ctx)
	if err = errors.Join(err, statusErr); err != nil {
		v.broken("runs", err)
		return
	}
	p := v.page("runs", "Run "+id)
	body := newRunPage(entries, v.conn)
	body.Going = body.Report == nil && underWay(body.Begin, &status)
	if v.r.FormValue("all") == "" && len(body.Rows) > rowsShown {
		body.More = len(body.Rows) - rowsShown
		body.Rows = body.Rows[:rowsShown]
	}
	p.Body, p.Reload = body, body.Going
	p.State = stateOf(&status, Asked{}, body.Progress)
	v.show(http.StatusOK, "run", p)
}

func newRunPage(entries []jobs.Entry, conn *Connection) *runPage {
	p := &runPage{Progress: newProgress(entries)}
	outcomes := make(map[string]*jobs.Entry)
	var held []reconcile.Held
	for i := range entries {
		switch e := &entries[i]; e.Kind {
		case jobs.EntryBegin:
			p.Begin = e
		case jobs.EntryOutcome:
			outcomes[e.Intent] = e
		case jobs.EntryHold:
			held = append(held, e.Held...)
		case jobs.EntryEnd:
			p.Report = e.Report
		}
	}
	origins := make(map[reconcile.Origin]int)
	for i := range entries {
		if e := &entries[i]; e.Kind == jobs.EntryIntent && e.Write != nil {
			countOrigins(origins, e.Write.Changes)
			for k := range e.Write.Changes {
				p.Rows = append(p.Rows, newChangeRow(&e.Write.Changes[k], outcomes[e.ID], conn))
			}
		}
	}
	slices.SortStableFunc(p.Rows, func(a, b changeRow) int { return worse(&a) - worse(&b) })
	p.Holds, p.Origins = foldHeld(held), originWords(origins)
	p.kinds()
	return p
}

func countOrigins(n map[reconcile.Origin]int, changes []reconcile.Change) {
	for i := range changes {
		n[changes[i].Origin]++
	}
}

// worse puts what needs a look before the rest.
func worse(r *changeRow) int {
	if r.Tone == "good" {
		return 1
	}
	return 0
}

func (p *runPage) kinds() {
	planned := p.Begin.Planned
	var done, failed, skipped map[reconcile.Op]int
	if p.Report != nil {
		planned, done, failed, skipped = p.Report.Planned, p.Report.Done, p.Report.Failed, p.Report.Skipped
	} else {
		done = make(map[reconcile.Op]int)
		for i := range p.Rows {
			if p.Rows[i].Tone == "good" {
				done[p.Rows[i].Op]++
			}
		}
	}
	for _, op := range reconcile.Ops() {
		if planned[op]+done[op]+failed[op] > 0 {
			_, many := words.Kind(op)
			p.Kinds = append(p.Kinds, kindRow{op, many, planned[op], done[op], failed[op], skipped[op]})
		}
	}
}

func newChangeRow(c *reconcile.Change, outcome *jobs.Entry, conn *Connection) changeRow {
	r := changeRow{Op: c.Op, Who: subject(*c), What: what(c, conn.Policy.Pricing), Why: words.Because(c), Approved: c.Approved, Result: "no outcome yet", Tone: "warn"}
	if c.Key != 0 {
		r.Link = c.Key.String()
	}
	if outcome != nil {
		r.Result, r.Detail = outcome.Result, outcome.Error
		if r.Detail == "" {
			r.Detail = outcome.Note
		}
		r.Tone = map[string]string{reconcile.Done: "good", reconcile.Failed: "bad"}[outcome.Result]
		if r.Tone == "" {
			r.Tone = "warn"
		}
	}
	return r
}

// foldHeld folds what was held for one reason.
func foldHeld(held []reconcile.Held) []heldRow {
	type key struct {
		rule   reconcile.HoldRule
		reason string
	}
	changes := make(map[key][]reconcile.Change)
	var order []key
	for i := range held {
		k := key{held[i].Rule, held[i].Reason}
		if changes[k] == nil {
			order = append(order, k)
		}
		changes[k] = append(changes[k], held[i].Change)
	}
	rows := make([]heldRow, len(order))
	for i, k := range order {
		reconcile.SortChanges(changes[k])
		rows[i] = heldRow{k.rule, k.reason, foldKinds(changes[k], fewHeld), len(changes[k])}
	}
	return rows
}

// chart draws what runs changed, the oldest first, and how long they took. It has
// no text: the table below it says the same.
type chart struct {
	Bars          []bar
	Width         int
	Most          int // changes
	Top           int // changes as high as the chart; more are cut
	Cut           bool
	Longest       string
	First, Latest Stamp
}

type bar struct {
	Run, Title string
	X, Width   int
	Segments   []segment
}

// segment is one rectangle. Class says what it stands for.
type segment struct {
	Class     string
	X, Width  int
	Y, Height string
}

const (
	chartHeight = 120 // of the changes
	tookHeight  = 36  // of the durations below
	tookTop     = chartHeight + 14
	barStep     = 12
)

func newChart(runs []jobs.RunRecord, p *page) *chart {
	var ended []jobs.RunRecord
	for _, r := range slices.Backward(runs) {
		if r.End != nil && r.End.Report != nil {
			ended = append(ended, r)
		}
	}
	if len(ended) < 2 {
		return nil
	}
	c := &chart{Width: max(40, len(ended)) * barStep, First: p.Stamp(ended[0].Begin.Time), Latest: p.Stamp(ended[len(ended)-1].Begin.Time)}
	var longest time.Duration
	for i := range ended {
		r := ended[i].End.Report
		c.Most = max(c.Most, total(r.Done)+total(r.Failed))
		longest = max(longest, r.Finished.Sub(r.Started))
	}
	c.Top, c.Cut = top(ended, c.Most)
	c.Longest = took(time.Time{}, time.Time{}.Add(longest))
	for i := range ended {
		c.Bars = append(c.Bars, c.bar(i, ended[i].End.Report, longest, p))
	}
	return c
}

// top is how many changes the chart has room for. A run many times as large as the
// usual one, such as the first, would make all others invisible.
func top(runs []jobs.RunRecord, most int) (n int, cut bool) {
	var sizes []int
	for i := range runs {
		if size := total(runs[i].End.Report.Done) + total(runs[i].End.Report.Failed); size > 0 {
			sizes = append(sizes, size)
		}
	}
	if len(sizes) == 0 {
		return 1, false
	}
	slices.Sort(sizes)
	room := 4 * sizes[len(sizes)/2]
	if room >= most {
		return most, false
	}
	n = 1
	for _, size := range sizes {
		if size <= room {
			n = size
		}
	}
	return n, true
}

func (c *chart) bar(i int, r *jobs.Report, longest time.Duration, p *page) bar {
	b := bar{Run: r.Run, X: i*barStep + 2, Width: barStep - 3}
	draw := func(class string, y, height float64) {
		b.Segments = append(b.Segments, segment{class, b.X, b.Width, fmt.Sprintf("%.1f", y), fmt.Sprintf("%.1f", height)})
	}
	by := map[string]int{"failed": total(r.Failed)}
	for op, n := range r.Done {
		by[kind(op)] += n
	}
	base := float64(chartHeight)
	for _, class := range []string{"adds", "alters", "removes", "failed"} {
		if n := by[class]; n > 0 {
			h := min(base, max(2, float64(n)/float64(c.Top)*(chartHeight-8)))
			base -= h
			draw(class, base, h)
		}
	}
	if total(r.Done)+total(r.Failed) > c.Top {
		draw("cut", 8, 4)
	}
	h := 2.0
	if longest > 0 {
		h = max(2, float64(r.Finished.Sub(r.Started))/float64(longest)*tookHeight)
	}
	draw("took", tookTop, h)
	text := cmp.Or(words.Changes(r.Done), "nothing changed")
	b.Title = fmt.Sprintf("%s: %s; %s, %s", p.Stamp(r.Started).Text, text, exitWords(r.Exit), took(r.Started, r.Finished))
	return b
}
