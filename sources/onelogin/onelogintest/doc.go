// Package onelogintest simulates the part of OneLogin's REST API that this
// program reads: a stateful, strict http.Handler over a World of people, roles,
// apps and rules, with a knob for each documented variant.
//
// It shares no type with the client that is tested against it. Its wire
// behaviour follows developers.onelogin.com and OneLogin's published SDKs: tokens
// that stay the same until they expire, with an expires_in that is not counted
// down; v2 lists as bare arrays with page headers, by live offset rather than by
// snapshot; cursors that are base64 of page arguments and must not be sent beside
// limit or page; 22 keys a user unless `fields` asks for more; v1 lists in an
// envelope with keyset cursors and quota headers; 401 for a bad token, for too low
// a privilege and for an unknown v2 route alike.
//
// Provisioner is the other half of OneLogin: a SCIM client that pushes what
// happens in the same World to a base URL, with PushKnobs for what is unknown about
// the real one. It knows nothing of who listens.
//
// # Control
//
// Below /_sim/, without credentials:
//
//	GET    /_sim/world        the raw world
//	POST   /_sim/users        a new person, any attributes
//	PATCH  /_sim/users/{id}   change attributes; "assigned" and "role_ids" as well
//	POST   /_sim/users/{id}/login  somebody signs in, which moves updated_at
//	DELETE /_sim/users/{id}   a person is deleted
//	PUT    /_sim/rules        replace the app's rules
//	PATCH  /_sim/knobs        any of Knobs
//	POST   /_sim/churn        one percent of the people change; {"seed": 1}
package onelogintest
