package jobs

import (
	"context"
	"fmt"
	"time"

	"tomorro-sync/reconcile"
)

// recorder writes one run into the journal. What arrives while a round trip is
// under way travels with the next: writes in flight share round trips, and none
// is sent before its intent is stored.
type recorder struct {
	r     *Runner
	lease Lease
	id    string
	queue chan *note
	done  chan struct{}
}

// note is something to be stored: journal entries and what follows from them.
type note struct {
	entries []Entry
	links   []reconcile.Link
	unlink  []reconcile.Key
	spend   map[reconcile.Limit]int
	reply   chan stored
}

type stored struct {
	ids []string
	err error
}

// mostAtOnce bounds how many notes share a round trip.
const mostAtOnce = 64

func newRecorder(r *Runner, lease Lease, id string) *recorder {
	rec := &recorder{r: r, lease: lease, id: id, queue: make(chan *note, mostAtOnce), done: make(chan struct{})}
	go func() {
		defer close(rec.done)
		rec.loop()
	}()
	return rec
}

func (rec *recorder) close() {
	close(rec.queue)
	<-rec.done
}

// loop stores notes until the queue is closed. It has no context of its own:
// each caller waits for its reply as long as its own context lasts, and the
// store bounds each call.
func (rec *recorder) loop() {
	for first := range rec.queue {
		batch := []*note{first}
		for len(batch) < mostAtOnce && len(rec.queue) > 0 {
			batch = append(batch, <-rec.queue)
		}
		rec.store(batch)
	}
}

// storeTimeout bounds one round trip for a batch.
const storeTimeout = 10 * time.Second

func (rec *recorder) store(batch []*note) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	var all note
	all.spend = make(map[reconcile.Limit]int)
	for _, n := range batch {
		all.entries = append(all.entries, n.entries...)
		all.links = append(all.links, n.links...)
		all.unlink = append(all.unlink, n.unlink...)
		for l, k := range n.spend {
			all.spend[l] += k
		}
	}
	ids, err := rec.r.Journal.Append(ctx, rec.lease, all.entries...)
	if err == nil {
		err = rec.follow(ctx, &all)
	}
	for _, n := range batch {
		if err != nil {
			n.reply <- stored{err: err}
			continue
		}
		n.reply <- stored{ids: ids[:len(n.entries)]}
		ids = ids[len(n.entries):]
	}
}

// follow stores what follows from outcomes: identities and spent budget.
func (rec *recorder) follow(ctx context.Context, all *note) error {
	if len(all.links) > 0 {
		if err := rec.r.Links.Link(ctx, rec.lease, all.links); err != nil {
			return err
		}
	}
	if len(all.unlink) > 0 {
		if err := rec.r.Links.Unlink(ctx, rec.lease, all.unlink); err != nil {
			return err
		}
	}
	if len(all.spend) > 0 {
		return rec.r.Budget.Spend(ctx, rec.lease, all.spend)
	}
	return nil
}

func (rec *recorder) submit(ctx context.Context, n *note) ([]string, error) {
	n.reply = make(chan stored, 1)
	for i := range n.entries {
		n.entries[i].Run, n.entries[i].Time = rec.id, rec.r.now()
	}
	select {
	case rec.queue <- n:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case s := <-n.reply:
		return s.ids, s.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Intent implements reconcile.Recorder.
func (rec *recorder) Intent(ctx context.Context, w reconcile.Write) (string, error) {
	ids, err := rec.submit(ctx, &note{entries: []Entry{{Kind: EntryIntent, Write: &w}}})
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// Outcome implements reconcile.Recorder.
func (rec *recorder) Outcome(ctx context.Context, ticket string, o reconcile.Outcome) error {
	e := Entry{Kind: EntryOutcome, Intent: ticket, Result: o.Result, Target: o.ID, Note: o.Note}
	if o.Err != nil {
		e.Error = o.Err.Error()
	}
	n := &note{entries: []Entry{e}}
	if o.Result == reconcile.Done {
		n.links, n.unlink = identities(&o)
	}
	if o.Result == reconcile.Done || o.Result == reconcile.Uncertain {
		n.spend = reconcile.Spend(o.Write.Changes) // what may have happened counts
	}
	_, err := rec.submit(ctx, n)
	return err
}

// identities are the links that a done write makes and ends.
func identities(o *reconcile.Outcome) (made []reconcile.Link, ended []reconcile.Key) {
	if len(o.Write.Changes) == 0 {
		return nil, nil
	}
	c := &o.Write.Changes[0]
	switch {
	case c.Op == reconcile.OpCreate && o.ID != "":
		made = append(made, reconcile.Link{Key: c.Key, Account: o.ID})
	case c.Op == reconcile.OpDelete:
		ended = append(ended, c.Key)
	}
	return made, ended
}

// heldPerEntry keeps single journal entries small.
const heldPerEntry = 200

// begin journals the plan, and remembers the identities that it relies on.
func (rec *recorder) begin(ctx context.Context, by Trigger, plan *reconcile.Plan) error {
	n := &note{links: plan.Links}
	n.entries = append(n.entries, Entry{Kind: EntryBegin, Trigger: &by, PlanID: plan.ID, Counts: &plan.Counts, Receipt: &plan.Receipt})
	for held := plan.Held; len(held) > 0; {
		part := held[:min(len(held), heldPerEntry)]
		held = held[len(part):]
		n.entries = append(n.entries, Entry{Kind: EntryHold, Held: part})
	}
	if _, err := rec.submit(ctx, n); err != nil {
		return fmt.Errorf("begin the run: %w", err)
	}
	return nil
}

// endTimeout bounds how long a stopped run waits to write down that it ended.
const endTimeout = 5 * time.Second

// end journals the report, also of a run that is being stopped.
func (rec *recorder) end(ctx context.Context, report *Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if _, err := rec.submit(ctx, &note{entries: []Entry{{Kind: EntryEnd, Report: report}}}); err != nil {
		return fmt.Errorf("end the run: %w", err)
	}
	return nil
}

// failed journals a run that got no plan.
func (rec *recorder) failed(ctx context.Context, by Trigger, started time.Time, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	report := Report{Run: rec.id, Trigger: by, Started: started, Finished: rec.r.now(), Errors: []string{why.Error()}, Exit: ExitError}
	_, err := rec.submit(ctx, &note{entries: []Entry{{Kind: EntryBegin, Trigger: &by}, {Kind: EntryEnd, Report: &report}}})
	return err
}
