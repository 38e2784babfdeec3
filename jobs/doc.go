// Package jobs runs the reconciliation: under which lock, in which order, with what written
// down. Runner.Reconcile is the whole flow on one screen; the small interfaces in this
// package say what it needs from OneLogin (Source), Tomorro (Target) and whatever remembers
// (Locker, Journal, Ledger, Links, Marks, Recaller, Experience, Pins, Ignored, Decisions,
// Adoptions, Assertions, Sealer, Queue). A Scheduler makes one run a tick, over all
// replicas (Ticks), and fewer while they keep failing (ScheduleState.NextTry). The package
// redisstore implements what remembers on Redis, jobstest says what it must do, admin tells
// supervisors how it stands (Observer), metrics tells Prometheus (Watch), alert calls
// somebody (AlertBook), check compares the set-up guide with what is there (Profiles),
// audit writes reports from the journal, migrate moves memberships to the rules
// (Runner.Regroup), setup asks for the configuration, and console shows it all to people.
//
// # The journal
//
// A run writes a begin entry, an intent before each request and an outcome after it, what
// it held and why, and an end entry with its report. Nothing is sent to Tomorro whose
// intent is not in the journal. Intents are claims (Ledger): one is taken only while the
// lease is current and nobody else wrote the person since the run looked, so that a run
// that has lost its lock can neither write down nor write. Requests that are in flight
// together share a round trip to the store, the intents of the next are stored meanwhile,
// and no request waits for the outcome of another to be stored. The next run settles an
// intent without an outcome, whether it was sent or not, and one whose outcome nobody
// knows, by looking at Tomorro; until then the limits count it. A run ends with a seal
// (Sealer), a hash over what the journal has had since the last seal.
//
// # Undo
//
// Runner.Undo makes a run whose plan comes from the journal instead of OneLogin: what
// a run wrote is taken back where Tomorro still has it, after what is open was
// settled. The people it changes are pinned (Pins) before its first write, and
// Guard holds what runs would do to them until Release. Pin and release are entries.
//
// # Adoption
//
// An organisation may have accounts before its first run. When nothing is remembered of
// anybody and Tomorro has unmarked accounts that are people's (reconcile/adopt), that run
// opens an adoption (Adoptions): Guard holds removals, renames and second accounts until
// AdoptDone. What somebody decides of an account is a link, or that it is nobody's. Pushes
// go by what is stored: one that comes before the first run is not held by this. Also after
// an adoption, people can decide about an account whose person OneLogin no longer knows,
// and may know under another id.
//
// # Reading back
//
// A confirmed write is not yet a kept one. After a run, what the service answered is
// compared with what was sent, without another request where it answered with the account;
// memberships take one more look at the groups. What was not kept is in the report and is
// remembered (Ignored) by its effect: after the second time in a row, plans hold it. What
// leaves somebody with access, or an account inactive, is never held. What another writer
// claimed since the run looked is left to that writer. With a canary, a run first writes
// for a few people and reads that back, and goes on only if all of it was kept.
//
// # Runs on demand
//
// A run that somebody asks for, at a console or by reconcile --queue, is a Wish: one at
// a time in the store, taken by whichever process is free (Wishes), and by another when
// that one dies.
//
// # Single people
//
// Pushes looks at single people between runs, because somebody pushed or because a mark
// says so. A request is a durable mark first (Queue); people who wait are then looked at
// together: take, read, decide (reconcile.GuardEach), write, give back. When a look comes
// to nothing, its mark stays, and any process takes it up again, later each time. Groups
// set by hand, which only pushes tell of, are Assertions.
//
// A FastPass asks OneLogin between runs who changed, and marks them: one replica at a time,
// in an interval that passes share (Passes). Its marks are kept apart from those of pushes
// (UpdatedSubject): whoever is marked by nothing else loses nothing because of it
// (reconcile.RuleNight).
//
// Whoever decides about a person without the lock takes the person before looking (a Claim
// without a write): else a run that looked earlier could write in between, and "nothing to
// do" would be wrong. What a write uses of the limits is set aside with its claim, by runs
// too, so that writers that plan at the same time cannot both use what is left of a limit.
// A writer that makes one admin less claims all admins.
//
// Marks are no messages: ten pushes about one person are one mark, which is renewed,
// comes due, is handed to one process at a time for a while, and comes due later
// after a failure. That is why they are a sorted set and not a stream with a
// consumer group, where each push would be one more delivery and a retry could not
// wait longer than the first.
package jobs
