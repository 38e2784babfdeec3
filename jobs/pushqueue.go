package jobs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// atOnce is how many requests one look takes, and how many marks are taken up at once.
const atOnce = 64

// dispatch puts requests that wait together to looks. Somebody who is being looked
// at waits for that to end: the next look is a new one, since what was pushed
// meanwhile may not be in the answer to the last.
func (p *Pushes) dispatch(ctx context.Context) {
	var waiting []*request
	busy, running := make(map[string]bool), make(map[*visit]time.Time)
	ticker := time.NewTicker(slow / 4) // some look may have become slow
	defer ticker.Stop()
	for {
		for ctx.Err() == nil && room(running) {
			if quick(running) > 0 && free(waiting, busy) < together {
				break // the look under way is soon over
			}
			batch := choose(&waiting, busy)
			if len(batch) == 0 {
				break
			}
			v := &visit{p: p, requests: batch}
			for _, r := range batch {
				v.subjects = append(v.subjects, r.subject)
				busy[r.subject] = true
			}
			running[v] = time.Now()
			go func() {
				v.contained(ctx)
				p.freed <- v
			}()
		}
		select {
		case r := <-p.ready:
			waiting = append(waiting, r)
		case v := <-p.told:
			running[v] = time.Time{} // only its bookkeeping is left, which holds up nobody else
		case v := <-p.freed:
			delete(running, v)
			for _, s := range v.subjects {
				delete(busy, s)
			}
		case <-ticker.C:
		case <-ended(ctx, len(running)):
			for _, r := range waiting {
				r.tell(Looked{Err: context.Cause(ctx)})
			}
			return
		}
	}
}

// room reports whether one more look may begin.
func room(running map[*visit]time.Time) bool {
	return quick(running) < quickOnes && len(running) < visits
}

// quick counts the looks that may soon be over.
func quick(running map[*visit]time.Time) (n int) {
	for _, since := range running {
		if time.Since(since) < slow {
			n++
		}
	}
	return n
}

// free counts the requests whose subject nobody is looking at.
func free(waiting []*request, busy map[string]bool) (n int) {
	for _, r := range waiting {
		if !busy[r.subject] {
			n++
		}
	}
	return n
}

// ended is closed when nothing is under way any more and nothing is to begin.
func ended(ctx context.Context, running int) <-chan struct{} {
	if running > 0 {
		return nil
	}
	return ctx.Done()
}

// choose takes the first requests whose subject nobody is looking at.
func choose(waiting *[]*request, busy map[string]bool) (batch []*request) {
	rest := (*waiting)[:0]
	for _, r := range *waiting {
		if len(batch) < atOnce && !busy[r.subject] {
			batch = append(batch, r)
		} else {
			rest = append(rest, r)
		}
	}
	clear((*waiting)[len(rest):])
	*waiting = rest
	return batch
}

// dueLease is how long a mark that was taken up is left to whoever did.
const dueLease = time.Minute

// drain takes up marks whose time has come, from whomever: pushes that failed or
// whose process died, and people whom a run left to the next look. That they cannot be read
// is told once, and not each second of an outage.
func (p *Pushes) drain(ctx context.Context) {
	told := false
	Repeat(ctx, cmp.Or(p.Idle, time.Second), func() {
		more, err := p.drainSome(ctx)
		for more {
			more, err = p.drainSome(ctx)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil && !told:
			p.Runner.log().Warn("the marks cannot be read; trying again until they can", "error", err)
			told = true
		case err == nil && told:
			p.Runner.log().Info("the marks can be read again")
			told = false
		}
	})
}

// drainSome works off some marks, and reports whether there may be more. An error is that
// they cannot be read.
func (p *Pushes) drainSome(ctx context.Context) (bool, error) {
	marks, err := p.Queue.Due(ctx, atOnce, dueLease)
	if err != nil {
		return false, err
	}
	requests := make([]*request, 0, len(marks))
	for _, m := range marks {
		requests = append(requests, &request{asked: askedBy(m), subject: m.Subject, mark: m, drained: true, reply: make(chan Looked, 1)})
	}
	for _, r := range requests {
		p.pass(ctx, r)
	}
	failed := false
	for _, r := range requests {
		select {
		case l := <-r.reply:
			failed = failed || l.Err != nil
		case <-ctx.Done():
			return false, nil
		}
	}
	return len(marks) == atOnce && !failed, nil
}

// askedBy reads back whom a mark is about.
func askedBy(m Mark) Asked {
	a := Asked{What: "mark"}
	if id, is := strings.CutPrefix(m.Subject, accountPrefix); is {
		a.Account = id
	}
	if name, is := strings.CutPrefix(m.Subject, addressPrefix); is {
		a.UserName = name
	}
	if strings.HasPrefix(m.Subject, updatedPrefix) {
		a.What = "updated"
	}
	return a
}

// backoff is how long a look that came to nothing is not made again.
func (p *Pushes) backoff(tries int) time.Duration {
	return min(cmp.Or(p.Retry, 5*time.Second)<<min(tries, 10), 10*time.Minute)
}

// lastMarks gives one mark a subject, the last of each.
func lastMarks(requests []*request) []Mark {
	last := make(map[string]Mark)
	for _, r := range requests {
		if m, had := last[r.mark.Subject]; !had || m.Time.Before(r.mark.Time) {
			last[r.mark.Subject] = r.mark
		}
	}
	marks := make([]Mark, 0, len(last))
	for _, m := range last {
		marks = append(marks, m)
	}
	slices.SortFunc(marks, func(a, b Mark) int { return cmp.Compare(a.Subject, b.Subject) })
	return marks
}
