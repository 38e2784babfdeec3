package jobs

import (
	"context"
	"time"
)

// Wish is a run that somebody asked for, to be made by whichever process is free.
type Wish struct {
	ID    string    `json:"id"`
	By    string    `json:"by"` // as in Trigger
	Who   string    `json:"who,omitempty"`
	Since time.Time `json:"since"`
	// Taker names the process that makes it; empty while nobody does.
	Taker string `json:"taker,omitempty"`
	// Over says that it has ended, and Failed why it could not be made; empty when it was.
	Over   bool   `json:"over,omitempty"`
	Failed string `json:"failed,omitempty"`
}

// Pending reports whether the run is yet to be made, or is being made.
func (w *Wish) Pending() bool { return w.ID != "" && !w.Over }

// Wishes keep the run that somebody asked for until it is made: one at a time, since
// a run looks at everybody.
type Wishes interface {
	// Wish asks for a run; false when one is asked for already.
	Wish(ctx context.Context, by Trigger) (bool, error)
	// Wished is the run that was asked for last; the zero Wish when none ever was.
	Wished(ctx context.Context) (Wish, error)
	// TakeWish gives what is asked for to one process, for a while. Whoever has it
	// asks again to keep it; when they do not, because they died, others are given it.
	TakeWish(ctx context.Context, taker string, hold time.Duration) (wish Wish, mine bool, err error)
	// EndWish says that the run was made, or why it could not be. It ends no other
	// wish, and none that somebody else was given meanwhile.
	EndWish(ctx context.Context, wish Wish, failed string) error
}
