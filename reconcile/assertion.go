package reconcile

import "time"

// Assertion is a group that somebody gave to one person by hand in OneLogin's app
// (guide, step 6, "Manual Group Assignment"). No API tells of it; a push did.
type Assertion struct {
	Account string    `json:"account"` // Tomorro's id
	Group   string    `json:"group"`   // Tomorro's id
	At      time.Time `json:"at"`      // when it was pushed
}
