package console

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// overview is the state now.
type overview struct {
	Tone, Headline, Do string
	Status             jobs.Status
	Last               *jobs.RunRecord // see telling
	Broken             string          // a run since that did not end by itself
	Going              *progress       // the run that is being made
	Next               time.Time
	NextTry            time.Time // while the schedule is quarantined
	Asked              Asked
	CanStart           bool
	Holds              []jobs.Hold
	Drift              int // what somebody had changed at Tomorro by hand, as the last run found
	Budget             []allowance
	Window             time.Duration
}

// allowance is one limit and what is left of it.
type allowance struct {
	Name      string
	Used      int
	Most      int // as far as the counts of the last run say
	Left      int
	Unlimited bool
	Tone      string
	Filled    int // percent
	Why       string
}

func (c *console) overview(v *visit) {
	ctx, cancel := v.brief()
	defer cancel()
	o, err := c.stateNow(ctx, v.conn)
	if err != nil {
		v.broken("overview", err)
		return
	}
	p := v.page("overview", "State now")
	if o.Asked.Who == "" { // the run that the notice was about has ended since
		p.Notice = ""
	}
	p.Body, p.Reload, p.State = o, o.Going != nil || o.Asked.Who != "", stateOf(&o.Status, o.Asked, o.Going)
	v.show(http.StatusOK, "overview", p)
}

func (c *console) stateNow(ctx context.Context, conn *Connection) (*overview, error) {
	o := &overview{Window: conn.Policy.Limits.Window}
	var err error
	if o.Status, err = conn.Observer.Status(ctx); err != nil {
		return nil, err
	}
	runs, err := conn.Journal.Runs(ctx, 50)
	if err != nil {
		return nil, err
	}
	o.Last = telling(runs)
	if o.Status.Lock == nil && len(runs) > 0 && runs[0].End == nil {
		o.Broken = runs[0].Begin.Run
	}
	if o.Going, err = conn.going(ctx, &o.Status, runs); err != nil {
		return nil, err
	}
	if o.Holds, err = conn.openHolds(ctx, &o.Status, c.Now()); err != nil {
		return nil, err
	}
	if o.Last != nil {
		if o.Drift, err = conn.drifts.of(ctx, conn.Journal, o.Last.Begin.Run); err != nil {
			return nil, err
		}
	}
	spent, err := conn.Budget.Spent(ctx, c.Now().Add(-o.Window))
	if err != nil {
		return nil, err
	}
	o.Budget = budget(&conn.Policy.Limits, spent, lastCounts(runs))
	if conn.Schedule != nil {
		o.Next = o.Status.Schedule.NextRun(conn.Schedule, conn.QuarantineAfter, conn.Retry, c.Now())
		o.NextTry = o.Status.Schedule.NextTry(conn.Schedule, conn.QuarantineAfter)
	}
	if conn.Starter != nil {
		o.Asked, o.CanStart = conn.Starter.Asked(), true
	}
	o.judge(conn.called())
	return o, nil
}

// clockSkew is how far the clocks of two replicas may be apart.
const clockSkew = time.Minute

// telling is the last run that ended. One of some people that went well does not tell how
// everybody stands: then it is the last run before it that looked at them.
func telling(runs []jobs.RunRecord) *jobs.RunRecord {
	first := true
	for i := range runs {
		if r := &runs[i]; r.End != nil && r.End.Report != nil {
			exit := r.End.Report.Exit
			if !r.Begin.Partial || first && (exit == jobs.ExitError || exit == jobs.ExitFailed) {
				return r
			}
			first = false
		}
	}
	return nil
}

// underWay reports whether a run without an end is made by whoever holds the lock. One from
// before the lock was taken has died.
func underWay(begin *jobs.Entry, status *jobs.Status) bool {
	return status.Lock != nil && !begin.Time.Before(status.Lock.Since.Add(-clockSkew))
}

// going is the run that whoever holds the lock has begun; nil while nobody does, or
// they still plan.
func (conn *Connection) going(ctx context.Context, status *jobs.Status, runs []jobs.RunRecord) (*progress, error) {
	if len(runs) == 0 || runs[0].End != nil || !underWay(&runs[0].Begin, status) {
		return nil, nil
	}
	entries, err := conn.Journal.Entries(ctx, runs[0].Begin.Run)
	if err != nil {
		return nil, err
	}
	return newProgress(entries), nil
}

// lastCounts are the counts of the last plan that there was.
func lastCounts(runs []jobs.RunRecord) reconcile.Counts {
	for i := range runs {
		if runs[i].Begin.Counts != nil && !runs[i].Begin.Partial {
			return *runs[i].Begin.Counts
		}
	}
	return reconcile.Counts{}
}

// judge puts the state into one sentence, and says what to do about it.
func (o *overview) judge(called string) {
	waiting, do := o.waiting(called)
	paused := !o.Status.Schedule.Paused.IsZero()
	last := func() int {
		if o.Last == nil {
			return 0
		}
		return o.Last.End.Report.Exit
	}()
	switch {
	case o.Status.Lock != nil:
		o.Tone, o.Headline = "busy", "A run is being made."
	case o.Asked.Who != "":
		o.Tone, o.Headline = "busy", "A run is asked for, and about to begin."
	case o.Lost():
		o.Tone, o.Headline, o.Do = "bad", "Redis lost what it had confirmed, and the schedule is paused.", "It was emptied or restored from a backup: what people had decided may be gone, or as it was then. Before any run: "+o.Status.Schedule.Onward(called)
	case o.Asked.Failed != "" && (o.Last == nil || o.Last.End.Report.Finished.Before(o.Asked.Since)): // a run since tells more
		o.Tone, o.Headline, o.Do = "bad", "The run that was asked for could not be made.", o.Asked.Failed
	case o.Broken != "":
		o.Tone, o.Headline, o.Do = "warn", "The last run was broken off.", "The process that made it ended in the middle. Nothing is lost: the next run looks at Tomorro, settles what was left open, and makes the rest."
	case o.Last == nil:
		first := "The first one is made at the next tick of the schedule, or now with the button below."
		if paused || o.Next.IsZero() {
			first = "None is made by itself: there is no schedule, or it is paused. Make the first with the button below."
		}
		o.Tone, o.Headline, o.Do = "warn", "No run has looked at everybody yet.", first+" Look at what it would do with: "+called+" plan"
	case last == jobs.ExitError && o.Last.End.Report.Refused != "":
		service := o.Last.End.Report.Refused
		o.Tone, o.Headline, o.Do = "bad", service+" refuses the credentials.", "Make new ones there, put them into the configuration, start serve again, and then press Run now. Until then nothing is read and nothing changes."
	case last == jobs.ExitError:
		o.Tone, o.Headline, o.Do = "bad", "The last run could not be made.", "Open it to read why. Nothing is lost: the next run starts from what OneLogin and Tomorro have then."
	case last == jobs.ExitFailed && o.Last.End.Report.NoSeat > 0:
		o.Tone, o.Headline, o.Do = "bad", "Tomorro has no seat left.", words.Count(o.Last.End.Report.NoSeat, "change was", "changes were")+" refused in the last run. Buy seats at Tomorro or free some; the next run tries again."
	case last == jobs.ExitFailed:
		o.Tone, o.Headline, o.Do = "bad", "Some changes of the last run failed.", "Open it to read which and why. The next run tries them again."
	case waiting > 0:
		o.Tone, o.Headline, o.Do = "warn", words.Count(waiting, "change waits", "changes wait")+" for somebody's word.", do
	case o.approved() > 0:
		o.Tone, o.Headline, o.Do = "warn", words.Count(o.approved(), "change is", "changes are")+" approved, and not made yet.", "The next run makes them: press Run now, or wait for it."
	case last == jobs.ExitHeld && len(o.Last.End.Report.Incomplete) > 0:
		o.Tone, o.Headline, o.Do = "warn", "OneLogin could not be read to the end.", o.Last.End.Report.Incomplete[0]+". So nobody was removed. The next run reads again; if it stays so, look with: "+called+" check"
	case last == jobs.ExitHeld:
		o.Tone, o.Headline, o.Do = "warn", "The guard held something in the last run.", "Look at why under Holds. It ends when its reason does."
	case paused:
		o.Tone, o.Headline, o.Do = "warn", "The schedule is paused.", "Tomorro was what OneLogin says after the last run; what changed since waits for somebody to ask for a run, or for: "+o.Status.Schedule.Onward(called)
	case !o.Status.Adopting.IsZero():
		o.Tone, o.Headline, o.Do = "warn", "The adoption is open: runs neither remove nor rename.", "So a leaver keeps access until it ends. Look whose the accounts are that Tomorro had before: "+called+" adopt"
	default:
		o.Tone, o.Headline = "good", "Tomorro is what OneLogin says."
		if held := o.held(); held > 0 {
			o.Headline = "Tomorro is what OneLogin says, but for " + words.Count(held, "change", "changes") + " held."
		}
	}
}

// waiting counts what nobody decided about, and says what to do first.
func (o *overview) waiting(called string) (n int, do string) {
	rather := ""
	for i := range o.Holds {
		if h := &o.Holds[i]; h.Approvable {
			n += len(h.Changes) - h.Approved - h.Rejected
			if h.Rule == reconcile.RuleRecreated || rather == "" {
				rather = h.Rather(called)
			}
		}
	}
	if rather == "" {
		return n, "Look at who it is about under Holds, then approve or reject."
	}
	return n, "Look at who it is about under Holds; " + rather
}

// Lost reports whether Redis lost its data, and nobody has said yet that runs go on.
func (o *overview) Lost() bool { return o.Status.Schedule.PausedBy == jobs.PausedByLoss }

// approved counts what people let through and the next run makes: what an undo had held,
// another undo makes.
func (o *overview) approved() (n int) {
	for i := range o.Holds {
		if h := &o.Holds[i]; !h.OfUndo() {
			n += h.Approved
		}
	}
	return n
}

func (o *overview) held() (n int) {
	for i := range o.Holds {
		n += len(o.Holds[i].Changes)
	}
	return n
}

// budget tells what is left of each limit. A share is of what the last run counted.
func budget(limits *reconcile.Limits, spent map[reconcile.Limit]int, counts reconcile.Counts) []allowance {
	var list []allowance
	for _, l := range reconcile.LimitNames() {
		if l == reconcile.LimitRemoveFromGroup {
			continue // each group has its own: see Groups
		}
		population := counts.Accounts
		if l == reconcile.LimitRemoveMember {
			population = counts.Memberships
		}
		list = append(list, allow(limitWords[l], limits, limits.Allow[l], spent[l], population))
	}
	return list
}

func allow(name string, limits *reconcile.Limits, of reconcile.Allowance, used, population int) allowance {
	a := allowance{Name: name, Used: used, Unlimited: true, Tone: "good"}
	lower := func(most int, why string) {
		if a.Unlimited || most < a.Most {
			a.Most, a.Why, a.Unlimited = most, why, false
		}
	}
	if of.Max != nil {
		lower(*of.Max, fmt.Sprintf("max %s", reconcile.Number(*of.Max)))
	}
	if of.Share != nil && population >= limits.MinPopulation {
		lower(reconcile.Portion(*of.Share, population), fmt.Sprintf("%s of %s", reconcile.Percent(*of.Share), reconcile.Number(population)))
	}
	if a.Unlimited {
		return a
	}
	a.Left = max(0, a.Most-a.Used)
	if a.Most > 0 {
		a.Filled = min(100, 100*a.Used/a.Most)
	}
	switch {
	case a.Left == 0 && a.Most > 0:
		a.Tone = "bad"
	case a.Filled >= 60:
		a.Tone = "warn"
	}
	return a
}

// bookshelf keeps what was read of the holds, for as long as no run could have
// changed it: reading them takes a month of the journal.
type bookshelf struct {
	mu   sync.Mutex
	of   string
	at   time.Time
	book *jobs.HoldBook
}

// bookLife is how long a book is kept at most: pushes make changes without a run.
const bookLife = 10 * time.Second

func (conn *Connection) book(ctx context.Context, status *jobs.Status, now time.Time) (*jobs.HoldBook, error) {
	conn.books.mu.Lock()
	defer conn.books.mu.Unlock()
	of := ""
	if status.Last != nil && status.Lock == nil {
		of = status.Last.Run
	}
	if b := &conn.books; b.book != nil && of != "" && b.of == of && now.Sub(b.at) < bookLife {
		return b.book, nil
	}
	book, err := jobs.ReadLateHolds(ctx, conn.Journal, now)
	if err != nil {
		return nil, err
	}
	conn.books.of, conn.books.at, conn.books.book = of, now, book
	return book, nil
}

// drifts keeps what a run found to be changed by hand: runs that ended do not change.
type drifts struct {
	mu  sync.Mutex
	run string
	n   int
}

func (d *drifts) of(ctx context.Context, journal jobs.JournalReader, run string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.run == run {
		return d.n, nil
	}
	entries, err := journal.Entries(ctx, run)
	if err != nil {
		return 0, err
	}
	origins := make(map[reconcile.Origin]int)
	for i := range entries {
		if w := entries[i].Write; w != nil {
			countOrigins(origins, w.Changes)
		}
	}
	d.run, d.n = run, origins[reconcile.FromDrift]
	return d.n, nil
}

// openHolds are the holds with what people said of them.
func (conn *Connection) openHolds(ctx context.Context, status *jobs.Status, now time.Time) ([]jobs.Hold, error) {
	book, err := conn.book(ctx, status, now)
	if err != nil {
		return nil, err
	}
	decisions, err := conn.Decisions.Decisions(ctx)
	if err != nil {
		return nil, err
	}
	return book.Open(decisions, conn.Policy.FourEyes, now), nil
}
