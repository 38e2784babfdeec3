package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
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
	// position is that of the snapshot that the plan follows from
	position int64
	// most is what may be used of each limit since a time, by everybody
	most  map[reconcile.Limit]int
	since time.Time
	life  time.Duration // of claims
	queue chan *note
	done  chan struct{}
	lost  bool // the store did not answer; known to the loop only

	mu     sync.Mutex
	unsaid error // the first outcome that could not be stored
}

// note is one thing to be stored: a claim, an outcome, or entries. Nobody waits
// for an outcome, which has no reply.
type note struct {
	claim   *Claim
	settled *Settled
	entries []Entry
	reply   chan stored
}

type stored struct {
	claimed Claimed
	err     error
}

// runLife is how long the claims of a run bind others when it says nothing more: much
// longer than a request takes that need not wait.
const runLife = 10 * time.Minute

// within is how long after its intent a request may be sent, so that it is answered
// while the claim still binds others.
func (rec *recorder) within() time.Duration { return rec.life * 2 / 3 }

// mostAtOnce bounds how many notes share a round trip.
const mostAtOnce = 64

func newRecorder(r *Runner, lease Lease, id string) *recorder {
	rec := &recorder{r: r, lease: lease, id: id, life: runLife, queue: make(chan *note, mostAtOnce), done: make(chan struct{})}
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

// loop stores notes until the queue is closed. It has no context of its own: the
// store bounds each call.
func (rec *recorder) loop() {
	for first := range rec.queue {
		runtime.Gosched() // whoever is about to submit as well shares the round trip
		batch := []*note{first}
		for len(batch) < mostAtOnce && len(rec.queue) > 0 {
			batch = append(batch, <-rec.queue)
		}
		rec.store(batch)
	}
}

// storeTimeout bounds one round trip for a batch.
const storeTimeout = 10 * time.Second

// lostTimeout bounds one round trip after one that failed: the run is ending.
const lostTimeout = time.Second

// store sends what happened before what is to happen.
func (rec *recorder) store(batch []*note) {
	timeout := storeTimeout
	if rec.lost {
		timeout = lostTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	rec.settle(ctx, batch)
	rec.claim(ctx, batch)
	for _, n := range batch {
		if n.entries != nil {
			_, err := rec.r.Journal.Append(ctx, rec.lease, n.entries...)
			rec.lost = err != nil
			n.reply <- stored{err: err}
		}
	}
}

func (rec *recorder) settle(ctx context.Context, batch []*note) {
	var all []Settled
	for _, n := range batch {
		if n.settled != nil {
			all = append(all, *n.settled)
		}
	}
	if len(all) == 0 {
		return
	}
	err := rec.r.Ledger.Settle(ctx, all)
	rec.lost = err != nil
	if err != nil {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		if rec.unsaid == nil {
			rec.unsaid = err
		}
	}
}

func (rec *recorder) failure() error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.unsaid
}

func (rec *recorder) claim(ctx context.Context, batch []*note) {
	var all []Claim
	for _, n := range batch {
		if n.claim != nil {
			all = append(all, *n.claim)
		}
	}
	if len(all) == 0 {
		return
	}
	claimed, err := rec.r.Ledger.Claim(ctx, rec.lease, all)
	rec.lost = err != nil
	for _, n := range batch {
		switch {
		case n.claim == nil:
		case err != nil:
			n.reply <- stored{err: err}
		default:
			n.reply <- stored{claimed: claimed[0]}
			claimed = claimed[1:]
		}
	}
}

// submit stores one note. Once it is queued it waits for the answer, which the
// store bounds: a write that is remembered must be known to be.
func (rec *recorder) submit(ctx context.Context, n *note) (Claimed, error) {
	n.reply = make(chan stored, 1)
	select {
	case rec.queue <- n:
	case <-ctx.Done():
		return Claimed{}, context.Cause(ctx)
	}
	s := <-n.reply
	return s.claimed, s.err
}

func (rec *recorder) entries(ctx context.Context, entries ...Entry) error {
	for i := range entries {
		entries[i].Run, entries[i].Time = rec.id, rec.r.now()
	}
	_, err := rec.submit(ctx, &note{entries: entries})
	return err
}

// Intent implements reconcile.Recorder.
func (rec *recorder) Intent(ctx context.Context, w reconcile.Write) (string, error) {
	if err := rec.failure(); err != nil {
		return "", err
	}
	c := &Claim{Run: rec.id, Position: rec.position, Entry: Entry{Time: rec.r.now(), Write: &w}, Subjects: Subjects(&w),
		Spends: reconcile.Spend(w.Changes), Most: rec.most, Since: rec.since, Life: rec.life}
	got, err := rec.submit(ctx, &note{claim: c})
	if err != nil {
		return "", err
	}
	if newer := got.leaveOut(&w); newer != nil {
		return "", newer
	}
	return got.ID, nil
}

// bound sets aside for each write what it uses of the limits, as far as the plan may.
func (rec *recorder) bound(plan *reconcile.Plan) {
	rec.most = plan.Most(&rec.r.Policy)
	rec.since = rec.r.now().Add(-rec.r.Policy.Limits.Window)
}

// leaveOut names the changes of a write that a refused claim is about; nil when it
// was not refused.
func (c *Claimed) leaveOut(w *reconcile.Write) *reconcile.NewerError {
	if len(c.Newer) == 0 && c.Over == "" {
		return nil
	}
	out := &reconcile.NewerError{}
	if len(c.Newer) == 0 {
		kind, _ := c.Over.Group()
		out.Why = fmt.Sprintf("the limit %s has no room left: others used it meanwhile", kind)
	}
	for i := range w.Changes {
		change := &w.Changes[i]
		newer := slices.Contains(c.Newer, Subject(change)) || change.LosesAdmin() && slices.Contains(c.Newer, adminsSubject)
		if newer || reconcile.Spend(w.Changes[i : i+1])[c.Over] > 0 {
			out.Changes = append(out.Changes, i)
		}
	}
	return out
}

// Outcome implements reconcile.Recorder. It does not wait for the store: what is
// lost before it is stored is settled by the next run. An outcome that could not
// be stored stops the run at the next intent, or at the end.
func (rec *recorder) Outcome(ctx context.Context, ticket string, o reconcile.Outcome) error {
	select {
	case rec.queue <- &note{settled: heard(rec.id, ticket, rec.r.now(), &o)}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// heard words what the answer to a write says, or that there was none. What became of
// that is for the next run to see: a service that was away for a minute may have done
// nothing at all, which would otherwise use up the limits of a day, and approvals.
func heard(run, intent string, now time.Time, o *reconcile.Outcome) *Settled {
	s := settled(run, intent, now, o)
	if o.Result == reconcile.Uncertain {
		s.Open, s.Spent, s.Reserved, s.Used = true, nil, nil, nil
	}
	return s
}

// settled words an outcome for the ledger: what happened, and the identities and
// spent budget that follow from it.
func settled(run, intent string, now time.Time, o *reconcile.Outcome) *Settled {
	s := &Settled{Run: run, Subjects: Subjects(&o.Write), Reserved: reconcile.Spend(o.Write.Changes),
		Entry: Entry{Time: now, Intent: intent, Result: o.Result, Target: o.ID, Note: o.Note}}
	if o.Err != nil {
		s.Entry.Error = o.Err.Error()
	}
	if o.Result == reconcile.Done {
		s.Links, s.Ended = identities(o)
	}
	if o.Result == reconcile.Done || o.Result == reconcile.Uncertain { // what may have happened counts
		s.Spent = s.Reserved
		for i := range o.Write.Changes {
			if as := o.Write.Changes[i].ApprovedAs; as != "" {
				s.Used = append(s.Used, as)
			}
		}
	}
	return s
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

// perEntry keeps single journal entries small.
const perEntry = 200

// begin journals the plan, and remembers the identities that it relies on.
func (rec *recorder) begin(ctx context.Context, by Trigger, p *prepared) error {
	plan := &p.plan
	if err := rec.r.Links.Link(ctx, rec.lease, plan.Links); err != nil {
		return fmt.Errorf("begin the run: %w", err)
	}
	entries := []Entry{{Kind: EntryBegin, Trigger: &by, PlanID: plan.ID, Counts: &plan.Counts, Planned: plan.Count(), Receipt: &plan.Receipt, Census: &plan.Census, Partial: !p.full}}
	for said := range slices.Chunk(p.said, perEntry) {
		entries = append(entries, Entry{Kind: EntryWitness, Said: said})
	}
	for held := range slices.Chunk(plan.Held, perEntry) {
		entries = append(entries, Entry{Kind: EntryHold, Held: held})
	}
	if err := rec.entries(ctx, entries...); err != nil {
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
	err := rec.entries(ctx, Entry{Kind: EntryEnd, Report: report})
	if err != nil {
		err = fmt.Errorf("end the run: %w", err)
	}
	if failed := rec.failure(); failed != nil {
		err = errors.Join(fmt.Errorf("record an outcome: %w", failed), err)
	}
	return err
}

// failed journals a run that got no plan.
func (rec *recorder) failed(ctx context.Context, by Trigger, started time.Time, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	report := Report{Run: rec.id, Trigger: by, Started: started, Finished: rec.r.now(), Errors: []string{why.Error()}, Refused: refusedBy(why), Exit: ExitError}
	return rec.entries(ctx, Entry{Kind: EntryBegin, Trigger: &by}, Entry{Kind: EntryEnd, Report: &report})
}
