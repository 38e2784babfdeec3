package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// lateLooks is how often OneLogin is asked again when its API does not say what a
// push says of somebody's access, with backoff, for minutes; behindLooks when it says
// something else of the person. After that the API is right.
const (
	lateLooks   = 6
	behindLooks = 3
)

// busyAgain is the pause before another look at a person whom another writer was changing.
const busyAgain = 250 * time.Millisecond

// heldAgain is the pause before another look at a person who is held: the window of a limit
// may have moved on, or somebody may have approved.
const heldAgain = time.Hour

// tellDone answers the requests that need no further look.
func (v *visit) tellDone() {
	for _, r := range v.requests {
		if r.answer != nil {
			continue // it needed no look
		}
		l := v.looked(r, nil)
		if r.answer = &l; v.p.later(r) == nil {
			r.tell(l)
		} else {
			r.answer = nil // it may need another look
		}
	}
}

// answer tells every request its result. It removes the marks of those that are done, and
// postpones the marks of those that need another look.
func (v *visit) answer(ctx context.Context, err error) {
	var done, open, answered []*request
	var later []Later
	for _, r := range v.requests {
		if r.answer == nil {
			l := v.looked(r, err)
			r.answer = &l
		}
		if v.p.later(r) == nil {
			done = append(done, r)
		} else {
			open = append(open, r)
		}
	}
	v.renew(ctx, open)
	for _, r := range open {
		if v.wait(ctx, r) {
			continue
		}
		if postponed := v.p.later(r); postponed != nil {
			answered, later = append(answered, r), append(later, *postponed)
		} else {
			done = append(done, r)
		}
	}
	v.remember(ctx, done, later)
	for _, r := range append(answered, done...) {
		r.tell(*r.answer)
	}
}

// renew marks the subjects of open requests again. A subject has one mark, which another
// request may end meanwhile, because that one is done. So that none does, the mark itself
// says from now on how many more looks are wanted.
func (v *visit) renew(ctx context.Context, open []*request) {
	open = slices.DeleteFunc(slices.Clone(open), func(r *request) bool { return r.drained })
	if len(open) == 0 {
		return
	}
	wanted := make([]Wanted, len(open))
	for i, r := range open {
		wanted[i] = Wanted{Subject: r.subject, Looks: v.p.later(r).Looks}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	marks, err := v.p.Queue.Mark(ctx, v.p.deadline()+spare, wanted)
	if err != nil {
		v.p.Runner.log().Warn("marks cannot be renewed; those that are there stay", "marks", len(open), "error", err)
		return
	}
	for i, r := range open {
		r.mark.Time, r.mark.Tries = marks[i].Time, marks[i].Tries
	}
}

// remember removes and postpones marks. A mark for which that fails leads to one more look.
func (v *visit) remember(ctx context.Context, done []*request, later []Later) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	p := v.p
	if len(done) > 0 {
		marks := lastMarks(done)
		if err := v.unmark(ctx, marks); err != nil {
			p.Runner.log().Warn("people who are as they should be stay marked", "people", len(done), "error", err)
		}
	}
	if len(later) > 0 {
		if err := p.Queue.Postpone(ctx, later); err != nil {
			p.Runner.log().Warn("marks cannot be postponed", "marks", len(later), "error", err)
		}
	}
	for _, r := range done {
		if len(r.asked.Groups) > 0 && (r.answer.Foreign || errors.Is(r.answer.Err, reconcile.ErrGone)) {
			if err := p.Runner.Assertions.EndAssertions(ctx, r.asked.Groups); err != nil {
				p.Runner.log().Warn("a group that was set for nobody's account stays remembered", "error", err)
			}
		}
	}
}

// unmark removes marks. Those of people are removed by the run that took these people; those
// of subjects that no look can take, such as groups, at any position, since they were read.
func (v *visit) unmark(ctx context.Context, marks []Mark) error {
	var people, others []Mark
	for _, m := range marks {
		if slices.Contains(v.taken, whose(m.Subject)) {
			people = append(people, m)
		} else {
			others = append(others, m)
		}
	}
	marker := v.p.Runner.Marks
	return errors.Join(marker.Unmark(ctx, v.run, Snapshot{Marks: people}), marker.Unmark(ctx, v.run, Snapshot{Marks: others, Position: math.MaxInt64}))
}

// wait passes a request on for another look while its caller waits: when somebody
// else is at work on the person, or OneLogin's API is behind its own push.
func (v *visit) wait(ctx context.Context, r *request) bool {
	switch l := r.answer; {
	case errors.Is(l.Err, ErrBusy):
		return v.p.again(ctx, r, min(50*time.Millisecond<<min(r.tries, 5), time.Second))
	case l.Err == nil && l.Late:
		return v.p.again(ctx, r, min(time.Second<<min(r.tries, 2), 4*time.Second))
	}
	return false
}

// later says when to look again; nil when there is no need.
func (p *Pushes) later(r *request) *Later {
	l := r.answer
	held := besidesNight(l.Held)
	looks := max(r.mark.Looks-1, 0)
	switch {
	case l.Late && !r.drained:
		looks = lateLooks
	case l.behind:
		looks = max(looks, behindLooks)
	}
	out := &Later{Mark: r.mark, Looks: max(looks, r.mark.Looks)} // only a look that found nothing to do is one less
	switch {
	case errors.Is(l.Err, reconcile.ErrGone):
		return nil
	case errors.Is(l.Err, ErrBusy):
		out.After, out.Failed = min(busyAgain<<min(r.mark.Tries, 10), p.backoff(0)), true
	case l.Err != nil:
		out.After, out.Failed = p.backoff(r.mark.Tries), true
	case slices.ContainsFunc(held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleReceipt || h.Rule == reconcile.RuleWitness }):
		out.After, out.Failed = p.backoff(r.mark.Tries), true // OneLogin has not answered clearly
	case slices.ContainsFunc(held, func(h reconcile.Held) bool {
		return h.Rule == reconcile.RuleData && (h.Op == reconcile.OpCreate || h.Op == reconcile.OpRename)
	}):
		out.After, out.Failed = p.backoff(r.mark.Tries), true // whoever has the address may be about to give it up
	case len(held) > 0:
		out.After = heldAgain
	case looks > 0:
		out.After, out.Failed, out.Looks = p.patience(r, looks), l.Late || r.mark.Tries > 0, looks
	default:
		return nil
	}
	return out
}

// patience is the pause before the next look, with so many looks left: short after a push,
// and doubled each time. A mark does not say why it needs more looks. One that was tried is
// about access, since only such looks count as tries.
func (p *Pushes) patience(r *request, looks int) time.Duration {
	most := behindLooks
	if r.answer.Late || r.mark.Tries > 0 {
		most = lateLooks
	}
	return p.backoff(max(0, most-looks))
}

// besidesNight is what is held for another reason than that a run decides, to which a
// further look would add nothing.
func besidesNight(held []reconcile.Held) []reconcile.Held {
	if !slices.ContainsFunc(held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleNight }) {
		return held
	}
	return slices.DeleteFunc(slices.Clone(held), func(h reconcile.Held) bool {
		return h.Rule == reconcile.RuleNight || h.Rule == reconcile.RuleDependent
	})
}

// looked is what came of one request.
func (v *visit) looked(r *request, err error) Looked {
	l := Looked{Err: err}
	if len(r.keys) == 0 {
		return l
	}
	l.Key = r.keys[0]
	for _, key := range r.keys {
		switch _, taken := v.touched[key]; {
		case err != nil:
		case v.spoiled[key] != nil:
			l.Err = v.spoiled[key]
		case !taken:
			l.Err = ErrBusy
		}
		for i := range v.plan.Held {
			if h := &v.plan.Held[i]; h.Key == key {
				l.Held = append(l.Held, *h)
			}
		}
		for i := range v.result.Problems {
			if o := &v.result.Problems[i]; l.Err == nil && slices.ContainsFunc(o.Write.Changes, func(c reconcile.Change) bool { return c.Key == key }) {
				l.Err = problem(o)
			}
		}
		if a := v.p.mirror.of(key); l.Account.ID == "" || a.Active && !l.Account.Active {
			l.Key, l.Account = key, a // of several with one address, whoever has access
		}
	}
	if r.asked.Account != "" && l.Account.ID != r.asked.Account && l.Err == nil {
		if a, known := v.p.mirror.account(r.asked.Account); known {
			l.Account = a
		}
	}
	in := l.Account.ID != "" && l.Account.Active
	l.behind = l.Err == nil && v.behind(r, &l)
	l.Late = l.Err == nil && len(l.Held) == 0 && (r.asked.Want == WantIn && !in || r.asked.Want == WantOut && in)
	return l
}

// behind reports whether OneLogin's API says something else than the request.
func (v *visit) behind(r *request, l *Looked) bool {
	people := v.seen.directory.People
	i := slices.IndexFunc(people, func(p reconcile.Person) bool { return p.Key == l.Key })
	if i >= 0 && r.asked.Agrees != nil && !r.asked.Agrees(&people[i]) {
		return true
	}
	return slices.ContainsFunc(r.asked.Groups, func(a reconcile.Assertion) bool {
		said := slices.ContainsFunc(v.seen.asserted, func(b reconcile.Assertion) bool {
			return a.Account == b.Account && a.Group == b.Group && a.Off == b.Off
		})
		g, known := v.p.mirror.group(a.Group)
		return said && known && slices.Contains(g.Members, a.Account) == a.Off // else another push has said otherwise since
	})
}

// ErrNotDone marks a write that Tomorro refused, or of which nobody knows what became
// of it. Its text says which and why.
//
//lint:ignore ST1005 Tomorro is a name
var ErrNotDone = errors.New("Tomorro has not done it")

// problem is why a write was not made. One that somebody else came before is theirs.
func problem(o *reconcile.Outcome) error {
	if _, newer := errors.AsType[*reconcile.NewerError](o.Err); newer {
		return ErrBusy
	}
	if errors.Is(o.Err, reconcile.ErrGone) { // whom the push is about may well be there, or be there again
		return fmt.Errorf("%w: %v", ErrNotDone, o.Err)
	}
	return fmt.Errorf("%w: %w", ErrNotDone, o.Err)
}
