// Package jobs runs the reconciliation: under which lock, in which order, with
// what written down. Runner.Reconcile is the whole flow on one screen; the small
// interfaces in this package say what it needs from OneLogin (Source), Tomorro
// (Target) and whatever remembers (Locker, Journal, Links, Budget). The package
// redisstore implements the last four on Redis.
//
// # The journal
//
// A run writes a begin entry, an intent before each request and an outcome after
// it, what it held and why, and an end entry with its report. Nothing is sent to
// Tomorro whose intent is not in the journal. Entries are appended through the
// lease, so that a run that has lost its lock can neither write down nor write.
// Requests that are in flight together share a round trip to the store.
package jobs
