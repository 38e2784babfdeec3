package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// visit is one look at a few people: whom the requests are about, take them, read,
// decide, write, answer.
type visit struct {
	p        *Pushes
	requests []*request // to be answered
	subjects []string   // of all of them, for the dispatcher

	run     string
	rec     *recorder
	began   time.Time
	touched map[reconcile.Key]Touch // who is taken, and who wrote them last
	spoiled map[reconcile.Key]error // whose account cannot be read
	taken   []string                // subjects to give back
	said    []reconcile.Testimony
	seen    observation
	plan    reconcile.Plan
	result  reconcile.Result

	mu       sync.Mutex
	outcomes []reconcile.Outcome
	settled  []Settled // what became of the intents, to be stored
}

// visitLimit bounds a look, once all of Tomorro was read.
const visitLimit = 30 * time.Second

// readWait is how long a look reads the accounts of its people. Who is not read by then
// waits for the next, so that where Tomorro may be asked little some are done by each,
// and not all of them by none.
func (p *Pushes) readWait() time.Duration { return p.life() / 4 }

func (p *Pushes) life() time.Duration { return cmp.Or(p.Life, 45*time.Second) }

// make answers every request, or passes it on for another look.
func (v *visit) make(serving context.Context) {
	r := v.p.Runner
	v.run = newRunID(r.now())
	v.touched = make(map[reconcile.Key]Touch)
	var crowd time.Time
	for _, request := range v.requests {
		crowd = later(crowd, request.crowd)
	}
	err := v.p.mirror.ensure(serving, r, 0, crowd) // nobody is taken yet: it may take as long as a run's does
	v.began = r.now()                              // after that, whose first page may be old by now
	ctx, cancel := context.WithTimeout(serving, visitLimit)
	defer cancel()
	if err == nil {
		v.resolve(ctx)
		err = v.take(ctx)
	}
	if err == nil && len(v.touched) > 0 {
		err = v.decided(ctx)
	}
	err = errors.Join(err, v.giveBack(ctx))
	if serving.Err() == nil {
		v.log(err)
	}
	v.answer(serving, err)
}

// decided reads, decides and writes. Whoever waits is answered as soon as Tomorro has
// it: the outcomes are stored, and people given back, after that.
func (v *visit) decided(ctx context.Context) error {
	v.rec = newRecorder(v.p.Runner, Lease{}, v.run)
	v.rec.life = v.p.life() // the claims of a run outlive much longer requests
	defer v.rec.close()
	var known []string // those of whom what others wrote was read
	err := v.look(ctx)
	if err == nil {
		err = v.write(ctx)
		known = slices.DeleteFunc(slices.Clone(v.taken), func(subject string) bool {
			key, _ := keyOf(subject)
			return v.spoiled[key] != nil
		})
	}
	v.p.mirror.written(v.run, v.outcomes, known, v.p.Runner.now())
	if err == nil {
		v.tellDone()
		v.p.told <- v
	}
	return err
}

// contained makes the look. A panic costs its requests, which stay marked, and nothing
// else.
func (v *visit) contained(ctx context.Context) {
	caught := panics.Try(func() { v.make(ctx) })
	if caught == nil {
		return
	}
	v.p.Runner.log().Error("a look at single people panicked; they stay marked", "run", v.run, "panic", fmt.Sprintf("%T", caught.Value), "stack", string(caught.Stack))
	for _, r := range v.requests {
		r.tell(Looked{Err: errPanicked})
	}
}

var errPanicked = errors.New("a look at single people panicked")

// log says what went wrong, without names: those are in the journal.
func (v *visit) log(err error) {
	failed := 0
	for i := range v.result.Problems {
		if !errors.Is(problem(&v.result.Problems[i]), ErrBusy) {
			failed++
		}
	}
	log := v.p.Runner.log().With("run", v.run)
	if err != nil && !errors.Is(err, ErrBusy) {
		log.Warn("a look at single people failed; they stay marked", "marks", len(v.requests), "error", err)
	}
	if failed > 0 {
		log.Warn("Tomorro has not done all that a look at single people found; they stay marked", "writes", failed)
	}
}

// resolve finds out whom each request is about, some at a time.
func (v *visit) resolve(ctx context.Context) {
	w := pool.New().WithMaxGoroutines(cmp.Or(v.p.Runner.Concurrency, 8))
	for _, r := range v.requests {
		w.Go(func() { r.answer = v.whom(ctx, r) })
	}
	w.Wait()
}

// whom finds out whom a request is about. Its answer is one that needs no look.
func (v *visit) whom(ctx context.Context, r *request) *Looked {
	r.keys = nil
	if key, is := keyOf(r.subject); is {
		r.keys = []reconcile.Key{key}
		return nil
	}
	name := r.asked.UserName
	var account reconcile.Account
	if r.asked.Account != "" {
		var err error
		if account, err = v.account(ctx, r); err != nil {
			return &Looked{Err: err}
		}
		name = account.UserName
	}
	if name == "" {
		return &Looked{} // a mark about a group, or about nobody: runs look at those
	}
	if key, known := v.p.mirror.ownerOf(account.ID); known {
		r.keys = []reconcile.Key{key}
		return nil
	}
	keys, err := v.p.Looker.Find(ctx, name)
	if key, known := v.p.mirror.named(name); err == nil && len(keys) == 0 && known {
		keys = []reconcile.Key{key} // who is known by another name in OneLogin
	}
	switch {
	case err != nil:
		return &Looked{Err: fmt.Errorf("reading OneLogin: %w", err)}
	case len(keys) == 0 && account.ID != "":
		return &Looked{Account: account, Foreign: true, Late: r.asked.Agrees != nil} // OneLogin pushes nobody whom it does not know
	case len(keys) == 0:
		return &Looked{Late: true}
	}
	r.keys = keys
	return nil
}

// account reads an account that is not known here, or whose owner is not. For a request of
// a crowd, all of Tomorro was read since: what is not in that does not exist.
func (v *visit) account(ctx context.Context, r *request) (reconcile.Account, error) {
	id := r.asked.Account
	if !r.crowd.IsZero() {
		if a, known := v.p.mirror.account(id); known {
			return a, nil
		}
		return reconcile.Account{}, fmt.Errorf("account %s: Tomorro lists none: %w", id, reconcile.ErrGone)
	}
	if _, err := v.p.mirror.newLinks(ctx, v.p.Runner); err != nil {
		return reconcile.Account{}, err
	}
	return v.p.mirror.readAccount(ctx, v.p, id)
}

// take takes everybody whom the requests are about, and who is not taken yet. Whose
// claim somebody else holds is looked at later.
func (v *visit) take(ctx context.Context) error {
	wanted := make(map[reconcile.Key]bool)
	for _, r := range v.requests {
		for _, key := range r.keys {
			if _, taken := v.touched[key]; !taken {
				wanted[key] = true
			}
		}
	}
	keys := slices.Sorted(maps.Keys(wanted))
	subjects := make([]string, len(keys))
	for i, key := range keys {
		subjects[i] = key.String()
	}
	got, err := v.claim(ctx, subjects)
	if err != nil {
		return err
	}
	for i, key := range keys {
		if len(got[i].Newer) == 0 && len(got[i].Taken) == 1 {
			v.touched[key] = got[i].Taken[0]
		}
	}
	return nil
}

// claim takes each subject by itself.
func (v *visit) claim(ctx context.Context, subjects []string) ([]Claimed, error) {
	if len(subjects) == 0 {
		return nil, nil
	}
	claims := make([]Claim, len(subjects))
	for i, s := range subjects {
		claims[i] = Claim{Run: v.run, Subjects: []string{s}, Life: v.p.life()}
	}
	got, err := v.p.Runner.Ledger.Claim(ctx, Lease{}, claims)
	if err != nil {
		return nil, err
	}
	for i := range got {
		if len(got[i].Newer) == 0 {
			v.taken = append(v.taken, subjects[i])
		}
	}
	return got, nil
}

// look reads what OneLogin says of the people who are taken and what is remembered,
// and makes sure that what is known of Tomorro is no older than the take.
func (v *visit) look(ctx context.Context) error {
	r, m := v.p.Runner, &v.p.mirror
	keys := slices.Sorted(maps.Keys(v.touched))
	w := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	w.Go(func(ctx context.Context) (err error) {
		if v.seen.directory, err = v.p.Looker.Look(ctx, keys); err != nil {
			return fmt.Errorf("reading OneLogin: %w", err)
		}
		return nil
	})
	w.Go(func(ctx context.Context) error {
		s := m.stale(v.touched, v.began, r.now())
		return v.refresh(ctx, &s)
	})
	w.Go(func(ctx context.Context) error { return r.recallFew(ctx, &v.seen) })
	if err := w.Wait(); err != nil {
		return err
	}
	if v.succeeded() {
		if err := v.take(ctx); err != nil {
			return err
		}
		return v.look(ctx)
	}
	return v.decide(ctx)
}

// spared are the people whom no other request is about than the fast pass's.
func (v *visit) spared() map[reconcile.Key]bool {
	spared := make(map[reconcile.Key]bool)
	for _, pass := range []bool{true, false} {
		for _, r := range v.requests {
			if strings.HasPrefix(r.subject, updatedPrefix) != pass {
				continue
			}
			for _, key := range r.keys {
				spared[key] = pass
			}
		}
	}
	return spared
}

// write journals what is about to happen, and makes it happen.
func (v *visit) write(ctx context.Context) error {
	var groups []string
	for i := range v.plan.Changes {
		if c := &v.plan.Changes[i]; c.Op == reconcile.OpCreateGroup {
			groups = append(groups, c.Group)
		}
	}
	if err := v.claimGroups(ctx, groups); err != nil {
		return err
	}
	if len(v.plan.Links) > 0 {
		if err := v.p.Runner.Links.Link(ctx, Lease{}, v.plan.Links); err != nil {
			return err
		}
		v.p.mirror.identities(v.plan.Links)
	}
	r := v.p.Runner
	journalled := make(chan error, 1)
	go func() { // beside the first intents, which say themselves what they are about
		_, err := r.Journal.Append(ctx, Lease{}, v.entries()...)
		journalled <- err
	}()
	var err error
	v.result, err = reconcile.Apply(ctx, v.plan, r.Target, v, reconcile.ApplyOptions{
		Concurrency:     atOnce, // intents that come together share a round trip; the target bounds its own requests
		MembersPerWrite: r.MembersPerWrite, Grace: cmp.Or(r.Grace, 20*time.Second), Within: v.rec.within(), OwnerOf: r.ownerOf})
	return errors.Join(err, <-journalled, r.endAssertions(ctx, &v.plan, &v.result))
}

// entries are what the journal has of a look: why, what OneLogin answered about
// people to be removed, and what was held.
func (v *visit) entries() []Entry {
	e := Entry{Kind: EntryPush, Trigger: &Trigger{By: "push"}}
	for _, r := range v.requests {
		for _, key := range r.keys {
			if _, taken := v.touched[key]; taken {
				e.Pushed = append(e.Pushed, Pushed{Request: r.asked.Request, Asked: r.asked.What, Key: key})
			}
		}
	}
	entries := []Entry{e}
	if len(v.said) > 0 {
		entries = append(entries, Entry{Kind: EntryWitness, Said: v.said})
	}
	if len(v.plan.Held) > 0 {
		entries = append(entries, Entry{Kind: EntryHold, Held: v.plan.Held})
	}
	for i := range entries {
		entries[i].Run, entries[i].Time = v.run, v.p.Runner.now()
	}
	return entries
}

// Intent implements reconcile.Recorder.
func (v *visit) Intent(ctx context.Context, w reconcile.Write) (string, error) {
	return v.rec.Intent(ctx, w)
}

// Outcome implements reconcile.Recorder, and keeps what was written: all of it is
// stored at the end of the look, in one round trip. What is lost before is settled by
// looking.
func (v *visit) Outcome(_ context.Context, ticket string, o reconcile.Outcome) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.outcomes = append(v.outcomes, o)
	v.settled = append(v.settled, *heard(v.run, ticket, v.p.Runner.now(), &o))
	return nil
}

// giveBack stores the outcomes and ends the takes, also when the process is being
// stopped.
func (v *visit) giveBack(ctx context.Context) error {
	if len(v.taken) > 0 {
		v.settled = append(v.settled, Settled{Run: v.run, Subjects: v.taken})
	}
	if len(v.settled) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := v.p.Runner.Ledger.Settle(ctx, v.settled)
	if err != nil {
		v.p.Runner.log().Warn("people stay claimed for a while after a push", "people", len(v.taken), "error", err)
	}
	return err
}
