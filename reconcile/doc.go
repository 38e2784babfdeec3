// Package reconcile is the domain: what Tomorro should be according to OneLogin,
// what it is, and how to get from one to the other without doing harm.
//
// Everything but Apply is pure. A run is
//
//	plan := Decide(Input{...})               // Desired, who is who, what differs
//	plan = Guard(plan, policy)               // what must not happen is held
//	plan = Confirm(plan, testimonies, ...)   // each removal left is asked for once more,
//	plan = Guard(plan, policy)               // and what depends on one not confirmed is held
//	result, err := Apply(ctx, plan, sink, recorder, options)
//
// # Words
//
// A Directory is what one pull of OneLogin learned, with the Receipt that says
// whether it learned everything. A Person's Key is the OneLogin user id: e-mail
// addresses change hands, ids do not. Current is what Tomorro has. A Link
// remembers whose an account is. A Plan is data: sorted Changes, and Held ones
// with their reasons; its ID is a digest of what it wants. A Write is one request
// to Tomorro and carries one or more changes. An Explainer tells, for one person,
// from which facts and rules a plan follows.
//
// # Who should have what
//
// People assigned to the OneLogin app, in a status that keeps access and with an
// approved licence, have an active account: userName is the e-mail, userType
// follows from the title (see Policy.Titles), groups from the app's rules
// (see RuleBook). Everybody else has no account or an inactive one. What is wrong
// with one person's data holds that person, never the rest.
//
// # Certainty
//
// What OneLogin leaves undocumented is a setting (RuleReading), and as long as
// nobody settles it, a rule whose answer depends on it is neither true nor false:
// nobody is added or removed because of it. The same goes for facts that a tenant
// does not give (Person.Unread) and for statuses that are not documented.
//
// # What is held, and who lets it through
//
// Guard says in its comment what holds a change, in order. A Held change names
// its HoldRule. People answer with a Decision, bound to the change's Digest;
// it lets through what a limit, the band of the last good pulls (Census), approve:,
// an adoption, our own configuration, or another OneLogin id of who may be the same
// person holds, and nothing else (HoldRule.Approvable). A change's Origin tells what
// moved since the Facts that the last run left: OneLogin, the configuration,
// or Tomorro.
//
// # Laws
//
// The tests hold these over generated worlds: the same input gives the same
// bytes, in any order; a second run writes nothing (but for addresses that a
// deletion freed); foreign, protected and out-of-scope accounts never change; an
// incomplete pull removes nobody from anything; no run exceeds a limit or leaves
// too few admins, whatever fails; after any faults, the next runs end where an
// undisturbed run ends; one request per changed person and per group and chunk; a
// canary sends the same and ends in the same state; an honest target has nothing
// read back that differs, and what another ignores is not written for ever.
//
// An undo (Undo, over the Effects of what was written) restores each value and
// membership that was there before, touches nothing that somebody changed since,
// and does nothing the second time, whatever failed.
//
// # Imports
//
// The standard library, sourcegraph/conc for Apply, and golang.org/x/text for
// comparing addresses as people do. No HTTP, no Redis, no logger.
package reconcile
