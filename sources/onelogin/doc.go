// Package onelogin reads OneLogin's REST API: the people, who has the app, roles
// and the app's rules. It writes nothing there, and never revokes its token,
// which every process with the same credentials shares.
//
// # Lists
//
// The v2 lists carry page numbers in their headers, so after page 1 the others are
// asked for in parallel; where there is no Total-Pages header, cursors are
// followed one by one, and never sent together with limit or page, which OneLogin
// refuses. A list is complete when every page answered, ids are unique, their
// number is Total-Count, and Total-Count did not move; an answer with none of the headers
// of a list may be page 1 of a longer one. Otherwise it is read once
// more; if it still does not add up, its receipt says why, and the people read so
// far are given all the same. Only the list of who was updated, which grows with each
// login, may then have grown.
//
// # What the user list leaves out
//
// Titles, roles and custom attributes come only when asked for by name
// (`fields`), and a tenant may not honour that. A key that is absent, as opposed
// to null, or whose value is of another type than it should be, is read from the
// v1 list, which has all of them, and roles if need be from the members of each
// role. The receipt names such fallbacks; a fact that stays unknown is marked on
// the person. A page on which that is so of everybody cannot be read.
//
// # Single people
//
// Look reads some people by id and gives what Pull would give of them: one request
// for the people, one for who of them has the app, and the roles and rules, which
// are kept for a moment. What the list leaves out is asked of each person's own
// page. Find looks for people by the name that OneLogin pushes.
//
// # Throttling
//
// Four shapes are known: an hourly quota on v1 that answers 400 with "rate_limit_exceeded",
// an HTML 429 without Retry-After from the edge, bursts of 502, and X-RateLimit headers
// that approach zero. All requests pass one gate, so that when one request meets any of
// these, all wait. Only the hourly quota holds back v1 calls alone, unless v2 calls count
// against it as well (Config.QuotaOnV2): then it holds back all, and Pull asks, along with
// the first page of people, what is left, and does not go on if less than Config.Reserve
// would be left to others. A call that would have to wait for the quota longer than
// Config.MaxWait fails.
package onelogin
