// Package tomorrotest simulates Tomorro's SCIM 2.0 service: a stateful, strict
// http.Handler with a knob for each thing that is not known about the real one.
//
// Tomorro publishes no SCIM reference. What its set-up guides for OneLogin, Okta
// and Entra promise is what this service does: filtered and paged reads, POST,
// PUT, PATCH and DELETE of users, groups with members in three PATCH dialects,
// userType as role, a default substitute who inherits what removed people own.
// Where the guides leave a question open, Knobs has the possible answers; the
// zero value is the likeliest one.
//
// It shares no type with the client that is tested against it.
//
// # Control
//
// Below /_sim/, without credentials, the world can be looked at and changed while
// it runs:
//
//	GET    /_sim/state        users, groups, transfers of ownership
//	GET    /_sim/writes       what was written, in order
//	PATCH  /_sim/users/{id}   a hand edit of a user
//	POST   /_sim/users        an account made by hand
//	POST   /_sim/groups       a group made by hand: {"displayName": …}
//	POST   /_sim/members      {"group": name, "add": [userName], "remove": [userName]}
//	PATCH  /_sim/knobs        any of Knobs
package tomorrotest
