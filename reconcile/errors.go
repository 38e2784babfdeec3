package reconcile

import (
	"errors"
	"fmt"
)

// ErrRefused marks an answer that no retry and no other change can mend: the
// credentials are wrong or their privilege is too low (401, 403). It stops a run.
var ErrRefused = errors.New("refused by the service")

// ErrGone marks a write to an account or group that is not there any more.
var ErrGone = errors.New("no longer there")

// ErrUncertain marks a write whose answer was lost and that could not be
// settled by looking: it may have happened. The next run reads and decides.
var ErrUncertain = errors.New("outcome unknown")

// ExistsError is a create that met an account which already has the userName.
// Whether it may be adopted is decided by the plan, not by the sink.
type ExistsError struct {
	Account Account // as the service has it now
}

// Error names the address, not the person behind it.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s already has account %s", e.Account.UserName, e.Account.ID)
}

// DivisibleError is a write of several changes of which the service takes none, for what
// may be one of them. An Apply makes it again in parts.
type DivisibleError struct {
	Err error // why
}

// Error says why, and what follows.
func (e *DivisibleError) Error() string { return e.Err.Error() + "; it is made again in parts" }

// Unwrap gives the reason.
func (e *DivisibleError) Unwrap() error { return e.Err }

// ErrStopping is the cause of a context that asks to end in good order: nothing
// new is begun, and what is under way is finished.
var ErrStopping = errors.New("asked to stop")

// NewerError is a recorder's answer to a write that must not be made as it was
// planned, because of what others did since: somebody else wrote that person, or is
// writing now, or, with Why, something else.
type NewerError struct {
	Changes []int  // indices into the write's changes
	Why     string // when it is not that somebody else wrote them
}

// Error says why such a change is left out.
func (e *NewerError) Error() string {
	if e.Why != "" {
		return e.Why
	}
	return "somebody else wrote this meanwhile; it is looked at again"
}
