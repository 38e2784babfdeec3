package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tomorro-sync/reconcile"
)

// Source reads OneLogin.
type Source interface {
	// Pull reads everything a plan needs. A list that could not be read to its
	// end is in the receipt with its reason and is no error; an error means that
	// nothing usable was read (bad credentials, unknown app, nothing answered).
	Pull(ctx context.Context) (reconcile.Directory, error)
	// Witness asks for each person once more, by id. The result has one
	// testimony for each key; one that could not be had says so.
	Witness(ctx context.Context, keys []reconcile.Key) []reconcile.Testimony
}

// Target reads Tomorro and writes to it.
type Target interface {
	reconcile.Sink
	// Read reads all accounts and groups, completely or not at all.
	Read(ctx context.Context) (reconcile.Current, error)
}

// Trigger says what began a run, and who.
type Trigger struct {
	By  string `json:"by"`            // "command", "schedule", "push", "demo"
	Who string `json:"who,omitempty"` // the person or process, when known
}

// Lease is a held lock. Fence grows with each lease of the same lock, so that
// what an older holder still sends can be told apart.
type Lease struct {
	Fence int64
	Name  string // the lock's name, one per connection
}

// Locker lets one run at a time work on a connection.
type Locker interface {
	// Do takes the lock, calls work and releases it, whatever work returns. The
	// context given to work ends, with a cause that wraps ErrLockLost, before
	// the lock can pass to somebody else. A lock that somebody else holds gives a *LockedError.
	Do(ctx context.Context, holder string, work func(context.Context, Lease) error) error
}

// ErrLocked is wrapped by every *LockedError.
var ErrLocked = errors.New("another run holds the lock")

// ErrLockLost is the cause of a context that ended with its lock.
var ErrLockLost = errors.New("the lock was lost")

// LockedError says who holds the lock.
type LockedError struct {
	Holder string
	Since  time.Time
	Until  time.Time // when it ends unless it is extended
}

// Error tells who, since when and until when.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%v: %s since %s, at least until %s", ErrLocked, e.Holder,
		e.Since.Format(time.RFC3339), e.Until.Format(time.RFC3339))
}

// Unwrap gives ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

// EntryKind says what a journal entry records.
type EntryKind string

// The kinds of journal entries.
const (
	EntryBegin   EntryKind = "begin"   // a run begins: trigger, plan id, counts, receipt
	EntryIntent  EntryKind = "intent"  // a write is about to be sent
	EntryOutcome EntryKind = "outcome" // what became of it
	EntryHold    EntryKind = "hold"    // what was not done, and why
	EntryEnd     EntryKind = "end"     // a run ended: its report
)

// Entry is one line of the journal. Which fields are set depends on Kind.
type Entry struct {
	ID    string    `json:"id"` // the store's position; grows with time
	Time  time.Time `json:"time"`
	Kind  EntryKind `json:"kind"`
	Run   string    `json:"run"`
	Fence int64     `json:"fence,omitempty"`

	Trigger *Trigger           `json:"trigger,omitempty"` // begin
	PlanID  string             `json:"planId,omitempty"`  // begin
	Counts  *reconcile.Counts  `json:"counts,omitempty"`  // begin
	Receipt *reconcile.Receipt `json:"receipt,omitempty"` // begin
	Write   *reconcile.Write   `json:"write,omitempty"`   // intent
	Intent  string             `json:"intent,omitempty"`  // outcome: the id of its intent
	Result  string             `json:"result,omitempty"`  // outcome: done, failed, skipped, uncertain
	Target  string             `json:"target,omitempty"`  // outcome: the account's or group's id
	Error   string             `json:"error,omitempty"`   // outcome
	Note    string             `json:"note,omitempty"`    // outcome
	Held    []reconcile.Held   `json:"held,omitempty"`    // hold
	Report  *Report            `json:"report,omitempty"`  // end
}

// Journal is the append-only record of what runs did. It is a log and never an
// input to a plan.
type Journal interface {
	// Append writes entries in order and returns their ids. It fails with an
	// error that wraps ErrLockLost when the lease is not current any more.
	Append(ctx context.Context, lease Lease, entries ...Entry) ([]string, error)
}

// JournalReader reads the journal back.
type JournalReader interface {
	// Runs lists the newest runs first, at most limit of them: the begin entry
	// of each and, when it ended, its end entry.
	Runs(ctx context.Context, limit int) ([]RunRecord, error)
	// Entries gives all entries of one run, oldest first. An unknown run gives
	// an error that wraps ErrNoRun.
	Entries(ctx context.Context, run string) ([]Entry, error)
}

// ErrNoRun marks a run id that the journal does not know.
var ErrNoRun = errors.New("the journal has no such run")

// RunRecord is one run as the journal lists it. End is nil for a run that did
// not end by itself or is still going on.
type RunRecord struct {
	Begin Entry  `json:"begin"`
	End   *Entry `json:"end,omitempty"`
}

// Links remembers whose each account is.
type Links interface {
	// Links gives every remembered link.
	Links(ctx context.Context) (map[reconcile.Key]string, error)
	// Link remembers or replaces links.
	Link(ctx context.Context, lease Lease, links []reconcile.Link) error
	// Unlink forgets the links of accounts that were deleted.
	Unlink(ctx context.Context, lease Lease, keys []reconcile.Key) error
}

// Budget counts what was spent in a rolling window, over all channels.
type Budget interface {
	// Spent counts, by limit name, what was done since the given time.
	Spent(ctx context.Context, since time.Time) (map[reconcile.Limit]int, error)
	// Spend records what was done now.
	Spend(ctx context.Context, lease Lease, done map[reconcile.Limit]int) error
}
