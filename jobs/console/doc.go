// Package console is the web console of serve: what is going on, for people who
// would rather look than read logs, and the word of those who may let a hold
// through.
//
//	/c/NAME/                 state now: last and next run, who is at work, limits, holds
//	/c/NAME/runs             the runs, with a chart; POST makes one now
//	/c/NAME/runs/RUN         one run: what it made, what failed, what it held
//	/c/NAME/holds            what is held, with its people; POST approves or rejects
//	/c/NAME/people           find somebody; people/WHO says why they have what they have
//	/c/NAME/groups           groups, the rules that give them, and their members
//	/c/NAME/configuration    the configuration, secrets masked
//	/c/NAME/events           server-sent events of a run that is being made
//
// Every page is HTML that needs no JavaScript: a page of a run under way reloads
// itself without it, and is live with it. What takes long (asking OneLogin and
// Tomorro) is announced before it is waited for.
//
// # Who may
//
// Nothing but the sign-in page is shown without a session. Signing in takes a
// Token, or an OpenID Connect provider's word (OIDC).
//
// A token that carries a name decides who signed in, with one that does not people
// say it themselves, and then nobody can tell two of them apart: where two people
// must approve, such a session cannot. With a provider, no session of a token can:
// its owner may have signed in there as well.
//
// At a provider, people sign in by the authorization code flow with PKCE. State,
// nonce and verifier are kept here for ten minutes and one use, and belong to one
// browser by a cookie. The id token's signature, issuer, audience, nonce and expiry
// are verified; its roles say whether somebody may look, or decide as well; its
// e-mail, if it is verified, or its name says what they are called. What they are is
// the subject, of which a digest in brackets stands behind the name: one subject is
// one person (reconcile.SamePerson). The provider is looked for when somebody first
// wants to sign in, and asked again what they may after an hour.
//
// Sessions and sign-ins under way are kept on a jobs.Shelf, which all replicas share,
// under digests of what the browser has. A session ends after half an hour without a
// request, after twelve hours at any rate, and when the token that began it is not in the
// configuration any more. Attempts to sign in are counted by each replica. Each form carries a token of its session, and requests of
// other sites are refused beside that. There is no style and no script but our own
// two files.
//
// The console writes nothing at Tomorro. It stores decisions as the approve and
// reject commands do, and asks a Starter for a run.
package console
