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
	By  string `json:"by"`            // "command", "console", "schedule", "push", "undo", "demo"
	Who string `json:"who,omitempty"` // the person, as in reconcile.SamePerson, or for a schedule the host; empty when nobody is known
}

// Lease is a held lock. The zero Lease is that of a writer without the lock,
// which is bound by claims alone.
type Lease struct {
	Fence int64  // grows with each lease of the same lock
	Token string // what the lock holds as long as this lease is current
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
	Holder string    `json:"holder"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"` // when it ends unless it is extended
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
	EntryErase   EntryKind = "erase"   // a person's values were erased from the journal
	EntryWitness EntryKind = "witness" // what OneLogin answered about people to be removed
	EntryPin     EntryKind = "pin"     // people stay as an undo leaves them, from now on
	EntryRelease EntryKind = "release" // and no longer
	EntryDecide  EntryKind = "decide"  // somebody approved or rejected what was held
	EntryOutlive EntryKind = "outlive" // a rejection ended: a run does not come to the change any more
	EntryAdopt   EntryKind = "adopt"   // an adoption begins or ends, or somebody decided whose an account is
	EntryPush    EntryKind = "push"    // people were looked at because of pushes or marks; see Entry.Pushed
)

// Entry is one line of the journal. Which fields are set depends on Kind.
type Entry struct {
	ID    string    `json:"id"` // the store's position; grows with time
	Time  time.Time `json:"time"`
	Kind  EntryKind `json:"kind"`
	Run   string    `json:"run"`
	Fence int64     `json:"fence,omitempty"`

	Trigger *Trigger              `json:"trigger,omitempty"` // begin, and what people did themselves
	PlanID  string                `json:"planId,omitempty"`  // begin
	Counts  *reconcile.Counts     `json:"counts,omitempty"`  // begin
	Planned map[reconcile.Op]int  `json:"planned,omitempty"` // begin: how many changes the plan makes
	Receipt *reconcile.Receipt    `json:"receipt,omitempty"` // begin
	Census  *reconcile.Census     `json:"census,omitempty"`  // begin: what OneLogin was counted to have
	Partial bool                  `json:"partial,omitempty"` // begin: the run looked at some people only
	Write   *reconcile.Write      `json:"write,omitempty"`   // intent
	Intent  string                `json:"intent,omitempty"`  // outcome: the id of its intent
	Result  string                `json:"result,omitempty"`  // outcome: done, failed, skipped, uncertain
	Target  string                `json:"target,omitempty"`  // outcome: the account's or group's id; adopt: the account
	Error   string                `json:"error,omitempty"`   // outcome
	Note    string                `json:"note,omitempty"`    // outcome; adopt: open, match, foreign, forget, done
	Held    []reconcile.Held      `json:"held,omitempty"`    // hold, and what a decision is about
	Decided *reconcile.Decision   `json:"decided,omitempty"` // decide, outlive
	Said    []reconcile.Testimony `json:"said,omitempty"`    // witness
	Report  *Report               `json:"report,omitempty"`  // end
	Keys    []reconcile.Key       `json:"keys,omitempty"`    // pin, release, outlive, adopt: who
	Erased  int                   `json:"erased,omitempty"`  // erase: how many entries lost a person's values
	Pushed  []Pushed              `json:"pushed,omitempty"`  // push: what was asked for
}

// Journal is the append-only record of what runs did. It is a log and never an
// input to a plan.
type Journal interface {
	// Append writes entries in order and returns their ids. It fails with an
	// error that wraps ErrLockLost when the lease is not current any more.
	Append(ctx context.Context, lease Lease, entries ...Entry) ([]string, error)
	// Trim forgets approvals that have ended, and entries that are older than keep, except
	// those of the newest runs, as many as runs says. With a keep of 0 it forgets no entry.
	Trim(ctx context.Context, keep time.Duration, runs int) error
}

// Ledger is the part of the journal that writes go through: each is claimed
// before it is sent and settled after, in one step each.
type Ledger interface {
	// Snapshot says where writes stand now. Take it before reading Tomorro.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Claim stores intents, each only if the lease is current and none of its
	// subjects was written by somebody else since the snapshot. The error wraps
	// ErrLockLost when the lease is not current; then nothing is stored.
	Claim(ctx context.Context, lease Lease, claims []Claim) ([]Claimed, error)
	// Settle stores outcomes and what follows from them. An intent that has its
	// outcome already keeps it. No lease is asked for: what was done was done.
	Settle(ctx context.Context, settled []Settled) error
}

// Snapshot is where writes stood at one moment.
type Snapshot struct {
	Position int64   // grows with each claim and outcome
	Open     []Entry // intents without an outcome
	Marks    []Mark  // who is to be looked at again
}

// Mark asks for another look at somebody.
type Mark struct {
	Subject string    `json:"subject"` // see Subject
	Time    time.Time `json:"time"`
	// Tries counts the looks that came to nothing. Looks is how many more are wanted
	// although the last one found nothing to do: see Later.
	Tries int `json:"tries,omitempty"`
	Looks int `json:"looks,omitempty"`
}

// Claim asks to make one write. A claim without one, with a nil Entry.Write, takes its
// subjects: whoever decides about a person without the lock begins with it, since nobody
// may write between the look and a decision that nothing is to do either. It holds against
// everybody who looked before, until a Settled without an intent gives it back.
type Claim struct {
	Run      string
	Position int64 // Snapshot.Position of the look that the write follows from
	Entry    Entry // the intent
	Subjects []string
	// Spends is what the write uses of each limit. It is set aside with the claim, unless
	// more than Most would then be used since Since; a limit that is not in Most is not
	// checked. So writers that plan at the same time cannot both use what is left of a
	// limit.
	Spends map[reconcile.Limit]int
	Most   map[reconcile.Limit]int
	Since  time.Time
	// Life is how long the claim binds others when its owner is not heard of any more; 0 is
	// the store's default.
	Life time.Duration
}

// Claimed answers a Claim. ID is the intent's id; it is empty when the claim was refused or
// is without a write. A refused claim has stored no intent: Newer are the subjects that
// somebody wrote since the snapshot, which are marked now, or Over is the limit that has no
// room.
type Claimed struct {
	ID    string
	Newer []string
	Over  reconcile.Limit
	// Taken is, for a claim without a write, the last claim or outcome before it about each
	// of its subjects, in their order; nil when that is not known.
	Taken []Touch
}

// Touch is the last claim or outcome about a subject. The zero one is none.
type Touch struct {
	Position int64
	Run      string
}

// Settled is the outcome of one claimed write, or the end of a claim without one.
type Settled struct {
	Run string
	// By is the run that settles what a dead one left open: it looked after its
	// snapshot, so to it this write is not a newer one. Empty means Run itself.
	By       string
	Entry    Entry // the outcome; Entry.Intent names the intent
	Subjects []string
	Links    []reconcile.Link
	Ended    []reconcile.Key // identities whose account was deleted
	// Spent is what the write used of each limit. Reserved is what was set aside for it;
	// what of that is not in Spent is given back.
	Spent    map[reconcile.Limit]int
	Reserved map[reconcile.Limit]int
	// Used are the approvals that this write used up, by digest.
	Used []string
	// Open says that nobody knows what became of the write: the intent stays open, and what
	// was set aside for it stays so, until somebody has looked. Spent, Reserved and Used
	// are ignored then.
	Open bool
}

// JournalReader reads the journal back.
type JournalReader interface {
	// Runs lists the newest runs first, at most limit of them: the begin entry
	// of each and, when it ended, its end entry.
	Runs(ctx context.Context, limit int) ([]RunRecord, error)
	// Entries gives all entries of one run, oldest first; after its end, what others found
	// out of writes of which it did not know what became. An unknown run gives an error that
	// wraps ErrNoRun.
	Entries(ctx context.Context, run string) ([]Entry, error)
	// Scan gives every entry from a time on, oldest first, until yield says no.
	Scan(ctx context.Context, since time.Time, yield func(Entry) bool) error
}

// Follower gives entries of the journal as they come.
type Follower interface {
	// Follow gives entries as they are stored, from now on, until ctx ends.
	Follow(ctx context.Context, yield func(Entry) bool) error
}

// Eraser rewrites what the journal knows of somebody.
type Eraser interface {
	// Erase passes each entry to edit, puts those that edit changed, and so reports, in the
	// place of the old ones, appends note, and returns how many were changed. What is
	// remembered beside the journal of who decided or asked for something passes through
	// edit as well, in entries without a kind. It fails with ErrStillOpen, and changes
	// nothing, when edit would change an intent without an outcome: what such an intent says
	// is needed to find out what became of it.
	Erase(ctx context.Context, edit func(*Entry) bool, note Entry) (int, error)
	// Forget drops what is remembered of subjects that are named by a value of a
	// person: their marks, and when they were last written. It fails when somebody is
	// at work on one of them, who would write it down again.
	Forget(ctx context.Context, subjects []string) error
}

// ErrStillOpen is why somebody cannot be erased yet.
var ErrStillOpen = errors.New("it is not known yet what became of a write that names them")

// ErrNoRun marks a run id that the journal does not know.
var ErrNoRun = errors.New("the journal has no such run")

// RunRecord is one run as the journal lists it. End is nil for a run that did
// not end by itself or is still going on.
type RunRecord struct {
	Begin Entry  `json:"begin"`
	End   *Entry `json:"end,omitempty"`
}

// Links remembers whose each account is: from OneLogin's id to Tomorro's.
type Links interface {
	// Links gives every remembered link.
	Links(ctx context.Context) (map[reconcile.Key]string, error)
	// Link remembers or replaces links. It fails like Journal.Append.
	Link(ctx context.Context, lease Lease, links []reconcile.Link) error
}

// Marks forgets who was to be looked at again.
type Marks interface {
	// Unmark forgets the marks in a run's snapshot, since the run has looked. Marks of
	// people whom somebody else wrote since, or is at work on, stay and come due soon.
	Unmark(ctx context.Context, run string, seen Snapshot) error
}

// Queue keeps the marks, and gives them to the processes that work them off.
type Queue interface {
	// Mark marks each subject and stores what is asserted with it, all in one step. The
	// caller looks by itself at once, and takes the marks away then. Should it not come to
	// that, the marks come due for others after wait, or sooner if they were to before.
	Mark(ctx context.Context, wait time.Duration, wanted []Wanted) ([]Mark, error)
	// Due gives marks whose time has come, the oldest first and at most n. Nobody
	// else is given them until lease is over.
	Due(ctx context.Context, n int, lease time.Duration) ([]Mark, error)
	// Postpone says when to look again. Marks that are gone, or that somebody renewed
	// since, stay as they are.
	Postpone(ctx context.Context, later []Later) error
}

// Wanted is a subject to look at, and what is to be remembered before.
type Wanted struct {
	Subject string
	Looks   int                   // at least so many are wanted, whatever the next one finds; see Mark
	Assert  []reconcile.Assertion // each replaces one of the same account and group
}

// Later asks for another look at a marked subject, after some time.
type Later struct {
	Mark  Mark
	After time.Duration
	// Failed says that a try came to nothing, which Mark.Tries counts. Looks replaces
	// Mark.Looks.
	Failed bool
	Looks  int
}

// Assertions are what pushes said last of people in groups.
type Assertions interface {
	// Assertions gives all, sorted by account and group.
	Assertions(ctx context.Context) ([]reconcile.Assertion, error)
	// EndAssertions forgets some, but not one that was replaced by a later one; it is
	// no error if they are not there.
	EndAssertions(ctx context.Context, ended []reconcile.Assertion) error
}

// Status is what can be seen of a connection from outside.
type Status struct {
	Schedule ScheduleState `json:"schedule"`
	// Lock is who is at work; nil when nobody is.
	Lock *LockedError `json:"lock,omitempty"`
	// Open counts intents without an outcome. Next to a lock these are under way.
	Open int `json:"open"`
	// Marks counts who waits for another look, Oldest is since when the first of
	// them does.
	Marks  int       `json:"marks"`
	Oldest time.Time `json:"oldest,omitzero"`
	// Adopting is since when an adoption is open: runs neither remove nor rename. Zero
	// when none is.
	Adopting time.Time `json:"adopting,omitzero"`
	// Last is the last run that ended; nil when there was none.
	Last *Report `json:"-"`
}

// Observer looks at a connection from outside, without any lock. The error says that it
// cannot be seen, or cannot be served now.
type Observer interface {
	Status(ctx context.Context) (Status, error)
}

// Memory notices when it has lost something that it had confirmed.
type Memory interface {
	// Lost reports a loss: the store was emptied, or restored from a backup, or lost its
	// last writes, at some time after since. What was stored after since may be gone. since
	// is zero when all is well, or when this process asks for the first time. Each process
	// is told of each loss once. Whichever finds it first has also paused the schedule by
	// then (PausedByLoss), even one that was paused: a backup may be one of a paused
	// schedule, and who resumes it has to know. The others leave that to whoever resumes.
	//
	// A failover that loses what a process asked last, and nothing that would matter, is no
	// loss.
	Lost(ctx context.Context) (since time.Time, err error)
}

// Decisions are what people said of held changes.
type Decisions interface {
	// Decisions gives every decision by the digest of its change, also those that
	// have ended by themselves.
	Decisions(ctx context.Context) (map[string]reconcile.Decision, error)
	// Decide lets edit rewrite the decision about each digest, which is the zero one where
	// there is none, and appends notes to the journal. A decision without By afterwards is
	// forgotten.
	Decide(ctx context.Context, digests []string, edit func(digest string, d reconcile.Decision) reconcile.Decision, notes ...Entry) error
}

// Experience remembers what earlier runs saw.
type Experience interface {
	// Facts gives what the last runs saw of OneLogin, and by which policy they planned.
	Facts(ctx context.Context) (reconcile.Facts, error)
	// Pulls gives the counts of the last good pulls, newest first.
	Pulls(ctx context.Context) ([]reconcile.Census, error)
	// Learn remembers what a run saw, and the counts of its pull unless nil. It
	// fails like Journal.Append.
	Learn(ctx context.Context, lease Lease, learned reconcile.Learned, pull *reconcile.Census) error
}

// Budget counts what the limits allow only so much of, by runs, pushes and undos together.
type Budget interface {
	// Spent counts, by limit, what was done since the given time. Writes that are under
	// way, or of whose outcome nobody knows, count as done.
	Spent(ctx context.Context, since time.Time) (map[reconcile.Limit]int, error)
}
