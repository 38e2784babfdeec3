package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/iter"
)

// Sink makes one write at Tomorro.
type Sink interface {
	// Write returns when the service has confirmed the effect, retrying as often
	// as that is safe. Its error wraps *ExistsError when a create met an account
	// with the same userName, ErrRefused when no write can succeed, ErrGone when
	// the account or group is not there any more (a delete of something gone is
	// no error), *DivisibleError when one of several members may be why none was
	// changed, ErrUncertain when the effect is unknown; any other error is about
	// this write only, and had no effect.
	Write(ctx context.Context, w Write) (Written, error)
}

// Recorder is told of each write before it is sent and of what became of it.
type Recorder interface {
	// Intent returns when it is certain that the write will be remembered. Its
	// error stops the run: nothing is written that is not recorded. But a
	// *NewerError only takes the changes that it names out of the write.
	Intent(ctx context.Context, w Write) (ticket string, err error)
	// Outcome records what became of the write with this ticket. It may return
	// before that is stored; what fails later is the next Intent's error. Its
	// error stops the run.
	Outcome(ctx context.Context, ticket string, o Outcome) error
}

// The results of a write.
const (
	Done      = "done"
	Failed    = "failed"
	Skipped   = "skipped"   // not sent, because of something else that failed
	Uncertain = "uncertain" // sent, and nobody knows; the next run looks
)

// Outcome is what became of one write.
type Outcome struct {
	Write   Write
	Result  string
	ID      string  // of the account or group, when known
	Account Account // as in Written
	Note    string  // from Written.Note, or how an existing account was adopted
	Err     error   // nil when done
}

// ApplyOptions bound an Apply. The zero value means one write at a time, at
// most 100 members in one request, nobody told.
type ApplyOptions struct {
	Concurrency     int
	MembersPerWrite int
	// Grace is how long a request under way may still take after ctx ended with
	// ErrStopping.
	Grace time.Duration
	// Within is how long after its intent was asked for a request may be sent, its
	// retries included: less than the intent keeps others away, by the time that an
	// answer takes. 0 is no limit.
	Within time.Duration
	// Canary is how many people's changes are made first, see Plan.Canary; 0
	// makes all at once. When one of these fails, or Check then returns an error,
	// the rest is skipped with that reason.
	Canary int
	Check  func(context.Context) error
	// OwnerOf tells whose an account is by what is remembered, 0 is nobody's, when a create
	// meets one that the plan has not seen; optional.
	OwnerOf func(ctx context.Context, account string) (Key, error)
	// Progress is called after each write with the changes dealt with so far and
	// in all. It may be called by several goroutines at once.
	Progress func(done, total int)
}

// Result is what became of a plan.
type Result struct {
	Done    map[Op]int // changes, not writes
	Failed  map[Op]int // includes uncertain ones
	Skipped map[Op]int
	// Problems are the outcomes that were not plainly done, in no given order.
	Problems []Outcome
	// Links are the identities of the accounts that were created or adopted.
	Links []Link
}

// Apply makes the plan's changes, in phases:
//
//	groups created | people created and updated | memberships | admins demoted, people
//	deactivated | people deleted | groups deleted
//
// With a canary, all phases are gone through for a few people and then for the
// rest. Within a phase, writes are independent and run side by side; a group's own
// requests follow each other. After a failure, whatever would take something
// away from that person or group is skipped. One failure stops nobody else, but
// for ErrRefused, an error of the recorder and the end of ctx: these stop the
// run, are returned, and leave the rest skipped. Everything is in the Result in either case.
func Apply(ctx context.Context, plan Plan, sink Sink, rec Recorder, opts ApplyOptions) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &applier{
		plan: &plan, sink: sink, rec: rec, opts: opts, cancel: cancel, slots: make(chan struct{}, max(1, opts.Concurrency)),
		made: make(map[Key]string), groups: make(map[string]string),
		failed: make(map[Key]bool), failedGroup: make(map[string]bool),
		result: Result{Done: make(map[Op]int), Failed: make(map[Op]int), Skipped: make(map[Op]int)},
	}
	a.lost, a.leaving = adminsLost(plan.Changes)
	a.stages(ctx)
	if a.stopped == nil && ctx.Err() != nil {
		a.stopped = context.Cause(ctx)
	}
	return a.result, a.stopped
}

type applier struct {
	plan    *Plan
	changes []Change // those of the plan that are being made
	sink    Sink
	rec     Recorder
	opts    ApplyOptions
	cancel  context.CancelCauseFunc
	slots   chan struct{} // one for each request that may be under way

	mu          sync.Mutex
	made        map[Key]string    // accounts created or adopted in this run
	groups      map[string]string // folded name -> id of groups created in this run
	failed      map[Key]bool
	failedGroup map[string]bool // by id or, for one that could not be created, folded name
	gained      int             // admins that this run really made
	lost        int             // admins that it is to make less, at most
	leaving     map[string]bool // accounts that are to lose access
	finished    int
	result      Result
	stopped     error
}

// run sends the chains of one wave side by side. A chain's writes follow each other.
// While some are under way, the intents of as many others are recorded: so no request
// waits for that.
func (a *applier) run(ctx context.Context, wave []chain) {
	n := cap(a.slots)
	if n > 1 {
		n *= 2
	}
	mapper := iter.Iterator[chain]{MaxGoroutines: n}
	mapper.ForEach(wave, func(c *chain) {
		for w := range *c {
			a.one(ctx, w)
		}
	})
}

// one deals with one write: whether it may still be made, the intent, the
// request, the outcome.
func (a *applier) one(ctx context.Context, w Write) { a.part(ctx, w, new(division)) }

// part deals with a write that may be a part of one that was divided.
func (a *applier) part(ctx context.Context, w Write, d *division) {
	w, dropped := a.ready(ctx, w)
	for reason, changes := range dropped {
		a.finish(Outcome{Write: Write{Op: w.Op, Changes: changes, Group: w.Group, GroupID: w.GroupID}, Result: Skipped, Err: errors.New(reason)})
	}
	if len(w.Changes) == 0 {
		return
	}
	asked := time.Now()
	ticket, err := a.rec.Intent(ctx, w)
	if newer, ok := errors.AsType[*NewerError](err); ok {
		a.without(ctx, w, newer)
		return
	}
	if err != nil {
		a.stop(fmt.Errorf("record the intent: %w", err))
		a.finish(Outcome{Write: w, Result: Skipped, Err: err})
		return
	}
	o := a.send(ctx, w, asked)
	d.note(&o)
	a.finish(o)
	// The outcome is recorded even when the run is being stopped.
	rctx, done := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer done()
	if err := a.rec.Outcome(rctx, ticket, o); err != nil {
		a.stop(fmt.Errorf("record the outcome: %w", err))
		return
	}
	if exists, ok := errors.AsType[*ExistsError](o.Err); ok && w.Op == WriteCreateUser && o.Result == Skipped {
		a.one(ctx, adopt(w, exists.Account))
	}
	if divides(&o) {
		a.divide(ctx, w, d)
	}
}

// without sends a write again for those whom nobody else wrote meanwhile.
func (a *applier) without(ctx context.Context, w Write, newer *NewerError) {
	var left, kept []Change
	for i, c := range w.Changes {
		if slices.Contains(newer.Changes, i) {
			left = append(left, c)
		} else {
			kept = append(kept, c)
		}
	}
	a.finish(Outcome{Write: Write{Op: w.Op, Changes: left, Group: w.Group, GroupID: w.GroupID}, Result: Skipped, Err: newer})
	if len(kept) == 0 || len(left) == 0 {
		return
	}
	w.Changes, w.Add, w.Remove = kept, nil, nil
	a.one(ctx, w)
}

// recordTimeout bounds how long a stopped run waits to record what it did.
const recordTimeout = 5 * time.Second

// send makes the request and says what became of it. A create that met an
// existing account which is nobody else's is "skipped" in favour of an update.
func (a *applier) send(ctx context.Context, w Write, asked time.Time) Outcome {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return Outcome{Write: w, Result: Skipped, Err: context.Cause(ctx)}
	}
	if err := Fence(ctx); err != nil {
		a.stop(err)
		return Outcome{Write: w, Result: Skipped, Err: err}
	}
	wctx, done := graceful(ctx, a.opts.Grace)
	defer done()
	if a.opts.Within > 0 {
		var stop context.CancelFunc
		wctx, stop = until(wctx, asked.Add(a.opts.Within))
		defer stop()
		if err := Fence(wctx); err != nil {
			return Outcome{Write: w, Result: Skipped, Err: err}
		}
	}
	written, err := a.sink.Write(wctx, w)
	o := Outcome{Write: w, Result: Done, ID: written.ID, Account: written.Account, Note: written.Note, Err: err}
	if exists, ok := errors.AsType[*ExistsError](err); ok && w.Op == WriteCreateUser {
		o.Result, o.ID, o.Err = a.mayAdopt(ctx, w, exists)
		return o
	}
	switch {
	case err == nil:
	case divides(&o):
		o.Result = Skipped // in favour of its parts
	case errors.Is(err, ErrUncertain):
		o.Result = Uncertain
	default:
		o.Result = Failed
		if errors.Is(err, ErrRefused) {
			a.stop(err)
		}
	}
	return o
}

// graceful gives a context that outlives one which ends with ErrStopping by at
// most the grace, and ends with any other cause at once.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	if grace <= 0 {
		return ctx, func() {}
	}
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if !errors.Is(cause, ErrStopping) {
			cancel(cause)
			return
		}
		timer := time.AfterFunc(grace, func() { cancel(cause) })
		context.AfterFunc(inner, func() { timer.Stop() })
	})
	return inner, func() { stop(); cancel(nil) }
}

// finish books an outcome.
func (a *applier) finish(o Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, adopting := errors.AsType[*ExistsError](o.Err); o.Result == Skipped && (adopting || divides(&o)) {
		return // what follows counts: the update, or the parts
	}
	for i := range o.Write.Changes {
		a.book(&o.Write.Changes[i], o.Result)
	}
	if o.Result == Done {
		a.learn(&o)
	}
	if o.Result != Done {
		a.result.Problems = append(a.result.Problems, o)
		if o.Write.Op == WriteCreateGroup {
			a.failedGroup[Fold(o.Write.Group)] = true
		} else if (o.Result == Failed && !errors.Is(o.Err, ErrGone) || o.Result == Uncertain) && o.Write.GroupID != "" {
			a.failedGroup[o.Write.GroupID] = true
		}
	}
	if a.opts.Progress != nil {
		a.opts.Progress(a.finished, len(a.plan.Changes))
	}
}

func (a *applier) book(c *Change, result string) {
	a.finished++
	switch result {
	case Done:
		a.result.Done[c.Op]++
		if gainsAdmin(c) && !a.leaving[c.Account] {
			a.gained++
		}
		return
	case Skipped:
		a.result.Skipped[c.Op]++
	default:
		a.result.Failed[c.Op]++
	}
	if c.Key != 0 {
		a.failed[c.Key] = true
	}
}

// learn keeps the ids that later phases need.
func (a *applier) learn(o *Outcome) {
	key := Key(0)
	if len(o.Write.Changes) > 0 {
		key = o.Write.Changes[0].Key
	}
	switch o.Write.Op {
	case WriteCreateGroup:
		a.groups[Fold(o.Write.Group)] = o.ID
	case WriteCreateUser:
		a.made[key] = o.ID
		a.result.Links = append(a.result.Links, Link{Key: key, Account: o.ID})
	case WriteUpdateUser:
		if o.Write.Changes[0].Op == OpCreate { // adopted
			a.made[key] = o.Write.Account.ID
			a.result.Links = append(a.result.Links, Link{Key: key, Account: o.Write.Account.ID})
		}
	}
}

func (a *applier) accountOf(c *Change) string {
	if c.Account != "" {
		return c.Account
	}
	return a.made[c.Key]
}

// stop ends the run with its first reason.
func (a *applier) stop(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped == nil {
		a.stopped = err
	}
	a.cancel(err)
}
