package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// Pin keeps a person as an undo left them, until it is released.
type Pin struct {
	Run string    `json:"run"` // of the undo
	By  string    `json:"by,omitempty"`
	At  time.Time `json:"at"`
}

// Pins are people whom no run changes, because somebody undid what a run did to them.
type Pins interface {
	// Pins gives everybody who is pinned.
	Pins(ctx context.Context) (map[reconcile.Key]Pin, error)
	// Pin pins people, anew if they are already, and forgets the facts about them: what
	// is different from now on was not edited by hand. It fails like Journal.Append.
	Pin(ctx context.Context, lease Lease, pins map[reconcile.Key]Pin) error
	// Unpin releases people; it is no error if they were not pinned.
	Unpin(ctx context.Context, keys []reconcile.Key) error
}

// ErrNotPinned marks somebody who is not pinned.
var ErrNotPinned = errors.New("not pinned")

// reason says why a pinned person is held, and how that ends.
func (p Pin) reason(key reconcile.Key) string {
	by := ""
	if p.By != "" {
		by = " by " + p.By
	}
	return fmt.Sprintf("was undone%s on %s (run %s), and stays so until: tomorro-sync release %s", by, p.At.Format(time.DateOnly), p.Run, key)
}

// reasons gives the reason for each pinned person.
func reasons(pins map[reconcile.Key]Pin) map[reconcile.Key]string {
	why := make(map[reconcile.Key]string, len(pins))
	for key, p := range pins {
		why[key] = p.reason(key)
	}
	return why
}

// pin pins people for the run, and journals that. It comes before the first write:
// else a run that dies in between would leave people whom the next one changes back.
func (rec *recorder) pin(ctx context.Context, by Trigger, pins map[reconcile.Key]Pin) error {
	if len(pins) == 0 {
		return nil
	}
	if err := rec.r.Pins.Pin(ctx, rec.lease, pins); err != nil {
		return fmt.Errorf("pin who is undone: %w", err)
	}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(pins)), perEntry) {
		if err := rec.entries(ctx, Entry{Kind: EntryPin, Trigger: &by, Keys: keys}); err != nil {
			return fmt.Errorf("pin who is undone: %w", err)
		}
	}
	return nil
}

// Releaser is what a release needs of a store.
type Releaser interface {
	Pins
	Journal
	JournalReader
}

// Release ends pins, and journals who did it: that of the person with this e-mail
// or OneLogin id, or all when who is empty. The next run does what OneLogin says.
// It fails with ErrNotPinned when there is no such pin.
func Release(ctx context.Context, store Releaser, by Trigger, who string, now time.Time) ([]reconcile.Key, error) {
	pins, err := store.Pins(ctx)
	if err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(pins))
	if who != "" {
		key, err := pinnedAs(ctx, store, pins, who)
		if err != nil {
			return nil, err
		}
		keys = []reconcile.Key{key}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	// The note comes first: a pin never ends without one.
	for part := range slices.Chunk(keys, perEntry) {
		if _, err := store.Append(ctx, Lease{}, Entry{Kind: EntryRelease, Time: now, Trigger: &by, Keys: part}); err != nil {
			return nil, err
		}
	}
	return keys, store.Unpin(ctx, keys)
}

// pinnedAs finds a pinned person by OneLogin id, or by e-mail in the journal.
func pinnedAs(ctx context.Context, journal JournalReader, pins map[reconcile.Key]Pin, who string) (reconcile.Key, error) {
	key, byID := reconcile.ParseKey(who)
	if !byID {
		person, err := FindPerson(ctx, journal, who)
		if err != nil {
			return 0, err
		}
		key = person.Key
	}
	if _, is := pins[key]; !is {
		return 0, fmt.Errorf("%s is %w", who, ErrNotPinned)
	}
	return key, nil
}

// Named gives, for each pinned person, the last e-mail that the journal has of them.
func Named(ctx context.Context, journal JournalReader, pins map[reconcile.Key]Pin) (map[reconcile.Key]string, error) {
	names := make(map[reconcile.Key]string)
	err := eachChange(ctx, journal, func(c *reconcile.Change) {
		if _, is := pins[c.Key]; is && c.Who != "" {
			names[c.Key] = c.Who
		}
	})
	return names, err
}
