package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// lateLooks is how often OneLogin is asked again when its API does not say what a
// push says of somebody's access, behindLooks when it says something else of the
// person: with backoff, for minutes. After that the API is right.
const (
	lateLooks   = 6
	behindLooks = 3
)

// busyAgain is when somebody is looked at again on whom somebody else was at work.
const busyAgain = 250 * time.Millisecond

// heldAgain is when somebody who is held is looked at again: limits are windows that
// roll on, and somebody may have approved.
const heldAgain = time.Hour

// answer tells every request what came of it, forgets the marks of those who are as
// they should be, and says when to look at the others again.
func (v *visit) answer(ctx context.Context, err error) {
	var done, answered []*request
	var later []Later
	for _, r := range v.requests {
		if r.answer == nil {
			l := v.looked(r, err)
			r.answer = &l
		}
		if v.wait(ctx, r) {
			continue
		}
		answered = append(answered, r)
		if postponed := v.p.later(r); postponed != nil {
			later = append(later, *postponed)
		} else {
			done = append(done, r)
		}
	}
	v.remember(ctx, done, later)
	for _, r := range answered {
		r.reply <- *r.answer
	}
}

// remember settles the marks. When that fails they are worked off once more.
func (v *visit) remember(ctx context.Context, done []*request, later []Later) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	p := v.p
	if len(done) > 0 {
		marks := lastMarks(done)
		if err := p.Runner.Marks.Unmark(ctx, v.run, Snapshot{Marks: marks}); err != nil {
			p.Runner.log().Warn("people who are as they should be stay marked", "people", len(done), "error", err)
		}
		for _, m := range marks { // those that are still there: somebody else came in between
			later = append(later, Later{Mark: m, After: busyAgain, Looks: m.Looks})
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
	looks := max(r.mark.Looks-1, 0)
	switch {
	case l.Late && !r.drained:
		looks = lateLooks
	case l.behind:
		looks = max(looks, behindLooks)
	}
	out := &Later{Mark: r.mark, Looks: looks}
	switch {
	case errors.Is(l.Err, reconcile.ErrGone):
		return nil
	case errors.Is(l.Err, ErrBusy):
		out.After, out.Failed = min(busyAgain<<min(r.mark.Tries, 10), p.backoff(0)), true
	case l.Err != nil:
		out.After, out.Failed, out.Looks = p.backoff(r.mark.Tries), true, max(looks, r.mark.Looks)
	case slices.ContainsFunc(l.Held, func(h reconcile.Held) bool { return h.Rule == reconcile.RuleReceipt || h.Rule == reconcile.RuleWitness }):
		out.After, out.Failed = p.backoff(r.mark.Tries), true // OneLogin has not answered clearly
	case len(l.Held) > 0:
		out.After = heldAgain
	case looks > 0:
		out.After = p.backoff(max(0, behindLooks-looks))
	default:
		return nil
	}
	return out
}

// looked is what came of one request.
func (v *visit) looked(r *request, err error) Looked {
	l := Looked{Err: err}
	if len(r.keys) == 0 {
		return l
	}
	l.Key = r.keys[0]
	for _, key := range r.keys {
		if _, taken := v.touched[key]; !taken && err == nil {
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
		g, known := v.p.mirror.group(a.Group)
		return known && slices.Contains(g.Members, a.Account) == a.Off
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
	if o.Err == nil {
		return fmt.Errorf("%w: it does not know some members any more", ErrNotDone)
	}
	return fmt.Errorf("%w: %w", ErrNotDone, o.Err)
}
