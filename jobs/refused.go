package jobs

import (
	"errors"
	"fmt"
	"regexp"

	"tomorro-sync/reconcile"
)

// The services, as Report.Refused names them.
const (
	ServiceOneLogin = "OneLogin"
	ServiceTomorro  = "Tomorro"
)

// readError says which service could not be read.
type readError struct {
	service string
	err     error
}

func (e *readError) Error() string { return fmt.Sprintf("reading %s: %v", e.service, e.err) }

func (e *readError) Unwrap() error { return e.err }

// refusedBy names the service whose answer was that our credentials are wrong or too
// weak. Nothing is ever written to OneLogin, so what no reading brought is Tomorro's.
func refusedBy(err error) string {
	if !errors.Is(err, reconcile.ErrRefused) {
		return ""
	}
	if e, reading := errors.AsType[*readError](err); reading {
		return e.service
	}
	return ServiceTomorro
}

// seatWords finds in Tomorro's own words that no seat is left. SCIM has no error type
// for it, and nobody documents which status or words Tomorro uses.
var seatWords = regexp.MustCompile(`(?i)answered \d{3}: .*\b(seats?|licen[cs]es?)\b`)

// noSeat counts the changes that give somebody an account or another role and were
// refused because no seat is left.
func noSeat(outcomes []reconcile.Outcome) (n int) {
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err == nil || o.Result == reconcile.Skipped || !seatWords.MatchString(o.Err.Error()) {
			continue
		}
		for k := range o.Write.Changes {
			if op := o.Write.Changes[k].Op; op == reconcile.OpCreate || op == reconcile.OpReactivate || op == reconcile.OpChangeRole {
				n++
			}
		}
	}
	return n
}
