package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// hopeless is after how many people who were refused alone, and nobody who was taken, a
// group is what is refused.
const hopeless = 4

// division is what became of a write so far that is made in parts.
type division struct {
	taken   bool // somebody was
	refused int
	why     error // of the last
}

// divides reports whether a write is made again in parts: what was refused may be one
// person's change, and is to stop nobody else.
func divides(o *Outcome) bool {
	_, divisible := errors.AsType[*DivisibleError](o.Err)
	return divisible && len(o.Write.Changes) > 1
}

// note takes down what became of a part.
func (d *division) note(o *Outcome) {
	switch o.Result {
	case Done:
		d.taken = true
	case Failed:
		d.refused, d.why = d.refused+1, o.Err
	}
}

// divide makes a write again in two parts, one after the other: additions come first, and
// what is taken away waits for them, as ever.
func (a *applier) divide(ctx context.Context, w Write, d *division) {
	all := w.Changes
	w.Add, w.Remove = nil, nil
	for _, half := range [][]Change{all[:len(all)/2], all[len(all)/2:]} {
		w.Changes = slices.Clone(half)
		if !d.taken && d.refused >= hopeless {
			a.finish(Outcome{Write: w, Result: Skipped, Err: fmt.Errorf("%d others of the group were refused, and nobody was taken: %w", d.refused, d.why)})
			continue
		}
		a.part(ctx, w, d)
	}
}
