// Package push is the SCIM listener: what OneLogin's app is pointed at instead of
// Tomorro. It speaks HTTP and JSON, and decides nothing. Each write becomes a
// UserSaid, a MembershipSaid or a GroupSaid, which a Pusher makes durable first
// and acts on then; each read is answered from Tomorro, with Tomorro's own ids
// (Users, Groups).
//
//	listener, err := push.New(push.Options{Tokens: tokens, Users: u, Groups: g, Pusher: p})
//	server, err := push.Server(push.ServerOptions{Address: ":8443", Handler: listener, CertFile: c, KeyFile: k})
//	err = server.ListenAndServeTLS("", "")
//
// Serve the listener itself, not through an http.ServeMux: a mux redirects
// //Users, and whether OneLogin sends a redirected write again is not known.
//
// # What is answered
//
//	GET    /scim/v2/Users                filter, startIndex, count, attributes, excludedAttributes
//	POST   /scim/v2/Users                201, also when the userName is known: an upsert
//	GET    /scim/v2/Users/{id}
//	PUT    /scim/v2/Users/{id}           what is absent, empty or null says nothing
//	PATCH  /scim/v2/Users/{id}           only what the operations name is said
//	DELETE /scim/v2/Users/{id}           204, again and again
//	GET    /scim/v2/Groups
//	POST   /scim/v2/Groups               201, also when the name is known
//	GET    /scim/v2/Groups/{id}
//	PUT    /scim/v2/Groups/{id}          members as a whole; without the attribute they stay
//	PATCH  /scim/v2/Groups/{id}          200 with the group
//	DELETE /scim/v2/Groups/{id}          204, again and again
//	GET    /scim/v2/ServiceProviderConfig, /ResourceTypes, /Schemas
//
// Bulk, Me and .search are not offered: 501, as RFC 7644 section 3.11 says of Me.
// HEAD is answered as GET, without the body. Lists are sorted by id and whole unless
// count says otherwise. A user's groups are not shown on the user; groups show their
// members.
//
// # Lenient in
//
// The body is JSON whatever the Content-Type says, with or without a byte order mark;
// Accept, User-Agent and unknown parameters are not looked at. Slashes collapse and may
// trail. Attribute names have no case; schemas may be SCIM 1.0's or missing; attributes
// that Tomorro does not have are passed over (emails as an object, groups in a user,
// passwords). Booleans may be text, and text of a user a number. Blanks around text do
// not count; those within a title or a name, tabs and line breaks too, are one. Empty
// and null are absent. Groups are patched with a list of members (D1), with a filter in
// the path (D2), or in SCIM 1.1's form (D3); a member without a value may have a $ref;
// operations may be capitalised, without a path, or whole replacements. In a filter, a
// plus sign is a space, unless the same filter has %20 as well: then it is a plus, as in
// jane+test@example.com.
//
// # Strict where leniency would harm
//
// A name twice in one object, in any case, is refused (400 invalidSyntax): the
// two readings of it could be two people. So are invalid UTF-8, all other control
// characters in names and ids, more than 1 MiB, more than 32 levels, compressed bodies,
// and removals of members with an empty or null value: RFC 7644 lets a removal without
// any value empty the group, and a template's empty field must not.
//
// # Refusals
//
// A Pusher says with a Refusal why something was not done; its Reason is the
// detail that an administrator reads in OneLogin. ErrHeld is 403, ErrNotKnown
// 404 (204 for a delete), ErrConflict 409, ErrInvalid 400, ErrUnavailable 503 with
// Retry-After. An error of any other kind is 503 as well, without its text, which
// may name people: what was said is durable, and is done later. So is a deadline
// (default 8 s). A client that hangs up does not stop a write.
//
// # Safety
//
// Before anything else: the client's address (Options.Allow, the connection's own;
// X-Forwarded-For is not believed), the token (constant time; kept as hashes;
// several at once for a rotation; at least 16 characters), the token's rate (429
// with Retry-After). Lists of everybody are made a few at a time. Whoever is not let in
// learns nothing of the paths. Each request has an id, made here, in X-Request-Id and in
// the log. The log has method, route, status, duration and that id; no token, body, path,
// filter or address of a person. A panic costs its request, 500, and nothing else.
//
// What net/http refuses itself never reaches this package and gets a plain text
// answer: a request line that is none, or headers over 64 KiB.
package push
