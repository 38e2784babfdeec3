package reconcile

import (
	"fmt"
	"time"
)

// Quota is how many calls a service still answers in the current hour.
type Quota struct {
	Limit   int       `json:"limit"` // calls an hour, of everybody who uses the account
	Left    int       `json:"left"`
	Reserve int       `json:"reserve"` // calls to leave to others
	Reset   time.Time `json:"reset"`   // when the quota is full again
}

// Fits reports whether so many calls leave the reserve.
func (q Quota) Fits(calls int) bool { return q.Left-q.Reserve >= calls }

// QuotaError refuses to begin a read of OneLogin that would use up the calls that
// others need.
type QuotaError struct {
	Quota
	Needs int // calls of a full read
}

// Ever reports whether a full hour is enough.
func (e *QuotaError) Ever() bool { return e.Limit-e.Reserve >= e.Needs }

// Error says what is left, what is needed, and when that can be had.
func (e *QuotaError) Error() string {
	text := fmt.Sprintf("OneLogin has %s calls left until %s, of which %s are left to others; a full read needs %s",
		Number(e.Left), e.Reset.Format("15:04"), Number(e.Reserve), Number(e.Needs))
	if !e.Ever() {
		return text + fmt.Sprintf(", more than an hour has (%s): raise onelogin.page_size", Number(e.Limit))
	}
	return text + fmt.Sprintf(": try after %s, or raise onelogin.page_size", e.Reset.Format("15:04"))
}
