package jobs

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"tomorro-sync/reconcile"
)

// Standing is how a connection stands, in numbers, for metrics and alerts. It is computed
// from what Redis has, so that every replica sees the same, and a restart changes nothing.
type Standing struct {
	At     time.Time // when it was looked at
	Status Status
	// Last is the last run that ended and was to look at everybody; nil when there was
	// none. A run of one person, or an undo, is none.
	Last *Report
	// Complete is the last run that is complete: see CompleteRun.
	Complete *Report
	// Since is when the first run began that is known, or else when the process began
	// to look: without a complete run, how long there has been none.
	Since time.Time
	Held  []HeldCount // by rule and class, only those that hold something
}

// HeldCount is how many changes a rule holds now. Times are zero when there are none.
type HeldCount struct {
	Rule  reconcile.HoldRule
	Class reconcile.HoldClass
	// Changes is how many, Since since when the first of them was held.
	Changes int
	Since   time.Time
	// Removals is how many of them take something away from somebody.
	Removals      int
	RemovalsSince time.Time
}

// HeldRemovals is how many removals are held that nobody has decided about, and since
// when the first of them is.
func (s *Standing) HeldRemovals() (n int, since time.Time) {
	for i := range s.Held {
		if h := &s.Held[i]; h.Removals > 0 && h.Class != reconcile.HoldDecided {
			n += h.Removals
			since = earliest(since, h.RemovalsSince)
		}
	}
	return n, since
}

// CompleteRun reports whether a run looked at everybody, read OneLogin and Tomorro to
// the end, and was not broken off. What it held or could not write does not count.
func CompleteRun(r *RunRecord) bool {
	return !r.Begin.Partial && r.Begin.Receipt != nil && r.End != nil && r.End.Report != nil &&
		r.End.Report.Exit != ExitError && len(r.End.Report.Incomplete) == 0
}

// Watch looks at a connection for metrics and alerts. It may be asked at any rate, by
// several goroutines: it answers with what it saw less than Fresh ago.
type Watch struct {
	Observer Observer
	Journal  JournalReader
	Fresh    time.Duration    // default 5 s
	Now      func() time.Time // default time.Now

	mu    sync.Mutex
	seen  Standing
	known bool // seen.Last and what follows it are those of seen.Status.Last
	holds holdWatch
	began time.Time
}

// runsWatched is how many of the last runs are looked through for a complete one.
const runsWatched = 500

// Stand looks. The error says that Redis did not answer.
func (w *Watch) Stand(ctx context.Context) (Standing, error) {
	return w.stand(ctx, cmp.Or(w.Fresh, 5*time.Second))
}

// StandNow looks now, however fresh the last look is, for callers that must not act on
// something that another replica has changed.
func (w *Watch) StandNow(ctx context.Context) (Standing, error) { return w.stand(ctx, 0) }

func (w *Watch) stand(ctx context.Context, fresh time.Duration) (Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.began.IsZero() {
		w.began = now
	}
	if !w.seen.At.IsZero() && now.Sub(w.seen.At) < fresh && !now.Before(w.seen.At) {
		return w.seen, nil
	}
	status, err := w.Observer.Status(ctx)
	if err != nil {
		return Standing{}, err
	}
	next := w.seen
	next.At, next.Status = now, status
	if !w.known || status.Last == nil || w.seen.Status.Last == nil || status.Last.Run != w.seen.Status.Last.Run {
		if err := w.runs(ctx, &next); err != nil {
			return Standing{}, err
		}
	}
	book, err := w.holds.read(ctx, w.Journal, now)
	if err != nil {
		return Standing{}, err
	}
	next.Held = book.Counts()
	w.seen, w.known = next, true
	return next, nil
}

// runs finds the last run, and the last complete one. One that was seen before stays
// when it is not among the last any more.
func (w *Watch) runs(ctx context.Context, s *Standing) error {
	records, err := w.Journal.Runs(ctx, runsWatched)
	if err != nil {
		return err
	}
	s.Since = w.began
	var last, complete *Report
	for i := range records {
		r := &records[i]
		if r.Begin.Time.Before(s.Since) {
			s.Since = r.Begin.Time
		}
		if r.End == nil || r.End.Report == nil || r.Begin.Partial {
			continue
		}
		if last == nil {
			last = r.End.Report
		}
		if complete == nil && CompleteRun(r) {
			complete = r.End.Report
		}
	}
	if last != nil {
		s.Last = last
	}
	if complete != nil {
		s.Complete = complete
	}
	return nil
}

func (w *Watch) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

// holdWatch keeps a HoldBook up to date without reading all of the journal each time.
type holdWatch struct {
	book  *HoldBook
	since time.Time
	told  map[string]bool // the ids of what was read, from since on
}

const (
	// holdsBack is how far back the first look goes: holds are told anew by each run,
	// and only their age is lost with what is older.
	holdsBack = 31 * 24 * time.Hour
	// holdsOverlap is how much is read twice: more than clocks differ.
	holdsOverlap = 10 * time.Minute
)

// read takes up what is new. Entries that were read before are known by their ids. A look
// that is broken off, as the first one is where a month of the journal is longer than a
// look may take, is gone on with by the next.
func (w *holdWatch) read(ctx context.Context, journal JournalReader, now time.Time) (*HoldBook, error) {
	if w.book == nil {
		w.book, w.since, w.told = newHoldBook(), now.Add(-holdsBack), make(map[string]bool)
	}
	told := make(map[string]bool) // what the next look will read again
	next, reached := now.Add(-holdsOverlap), w.since
	err := journal.Scan(ctx, w.since, func(e Entry) bool {
		reached = e.stored()
		if !w.told[e.ID] {
			w.book.take(&e)
			w.told[e.ID] = true
		}
		if !e.Time.Before(next.Add(-holdsOverlap)) {
			told[e.ID] = true
		}
		return ctx.Err() == nil
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		if reached.After(w.since) && reached.Before(next) {
			w.since = reached
		}
		return nil, err
	}
	w.since, w.told = next, told
	return w.book, nil
}

// stored is when the store took the entry, by its own clock, which orders entries: its ids
// begin with that. Of another id that is not known, and it was not long before the entry's
// own time.
func (e *Entry) stored() time.Time {
	first, _, _ := strings.Cut(e.ID, "-")
	if ms, err := strconv.ParseInt(first, 10, 64); err == nil && first != e.ID {
		return time.UnixMilli(ms)
	}
	return e.Time.Add(-holdsOverlap)
}

// Counts tells how much each rule holds.
func (b *HoldBook) Counts() []HeldCount {
	type kind struct {
		rule  reconcile.HoldRule
		class reconcile.HoldClass
	}
	counts := make(map[kind]*HeldCount)
	for _, n := range b.open {
		k := kind{n.held.Rule, n.held.Class}
		c := counts[k]
		if c == nil {
			c = &HeldCount{Rule: k.rule, Class: k.class}
			counts[k] = c
		}
		c.Changes++
		c.Since = earliest(c.Since, n.since)
		if n.held.Op.Removes() {
			c.Removals++
			c.RemovalsSince = earliest(c.RemovalsSince, n.since)
		}
	}
	var all []HeldCount
	for _, rule := range reconcile.HoldRules() {
		for _, class := range reconcile.HoldClasses() {
			if c := counts[kind{rule, class}]; c != nil {
				all = append(all, *c)
			}
		}
	}
	return all
}

// earliest is the earlier of two times, of which the first may be zero.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) && !b.IsZero() {
		return b
	}
	return a
}
