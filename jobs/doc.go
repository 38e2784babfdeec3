// Package jobs runs the reconciliation: under which lock, in which order, with
// what written down. Runner.Reconcile is the whole flow on one screen; the small
// interfaces in this package say what it needs from OneLogin (Source), Tomorro
// (Target) and whatever remembers (Locker, Journal, Ledger, Links, Marks, Budget, Pins, Ignored).
// A Scheduler makes one run a tick, over all replicas (Ticks), and fewer while they
// keep failing (ScheduleState.NextTry). The package
// redisstore implements what remembers on Redis, jobstest says what it must do,
// admin tells supervisors how it stands (Observer), and console shows people.
//
// # The journal
//
// A run writes a begin entry, an intent before each request and an outcome after
// it, what it held and why, and an end entry with its report. Nothing is sent to
// Tomorro whose intent is not in the journal. Intents are claims (Ledger): one is
// taken only while the lease is current and nobody else wrote the person since the
// run looked, so that a run that has lost its lock can neither write down nor
// write. Requests that are in flight together share a round trip to the store, and
// no request waits for the outcome of another to be stored. An intent without an
// outcome is settled by the next run, which looks at Tomorro.
//
// # Undo
//
// Runner.Undo makes a run whose plan comes from the journal instead of OneLogin: what
// a run wrote is taken back where Tomorro still has it, after what is open was
// settled. The people it changes are pinned (Pins) before its first write, and
// Guard holds what runs would do to them until Release. Pin and release are entries.
//
// # Reading back
//
// A confirmed write is not yet a kept one. After a run, what the service answered
// is compared with what was sent, without another request where it answered with
// the account; memberships take one more look at the groups. What is not there is
// in the report and, by its effect, remembered (Ignored): the second time in a row
// the next plan holds it. What leaves somebody with access is never held. What
// another writer claimed since the run looked is theirs and left out. With a canary
// the run stops there for everybody but a few.
//
// # Without the lock
//
// Who decides about one person without the lock, as a push does, takes the person
// before looking (a Claim without a write): else a run that looked earlier could
// write in between, and "nothing to do" would be wrong.
package jobs
