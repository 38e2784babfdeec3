package jobs_test

import (
	"slices"
	"time"
)

// approval is who approved a change, and until when that is so.
type approval struct {
	by    []string
	until time.Time
}

const stands = 48 * time.Hour // an approval

// approves notes that one more person approves of a change.
func (w *world) approves(digest, who string) {
	x := w.approved[digest]
	if x == nil || !w.now().Before(x.until) {
		x = &approval{}
		w.approved[digest] = x
	}
	if !slices.Contains(x.by, who) {
		x.by = append(x.by, who)
	}
	x.until = w.now().Add(stands)
}

// enough reports whether a change is approved by as many as have to be.
func (w *world) enough(digest string) bool {
	x, need := w.approved[digest], 1
	if w.policy.FourEyes {
		need = 2
	}
	return x != nil && len(x.by) >= need && w.now().Before(x.until.Add(time.Minute)) // the time goes on between plan and write
}

// lose takes everything from Redis, as a disk does that nobody saved: nothing that was decided,
// pinned, linked or used up is known any more. Perhaps OneLogin does not know somebody either,
// of whom the mark is left then.
func (w *world) lose() {
	w.server.FlushAll()
	w.t.Logf("Redis is empty")
	w.allMoved, w.wentBack, w.runs = true, false, nil
	clear(w.pinned)
	clear(w.approved)
	clear(w.rejected)
	clear(w.lost)
	clear(w.wrote)
	for pair := range w.byHand { // the membership stays only where nothing is exclusive
		delete(w.byHand, pair)
	}
	clear(w.fuzzy)
	if p := w.somebody(); p != nil && w.pick("gone", 2) == 0 {
		w.gone(p.Key)
	}
}
