package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// What an error of Users, Groups or Pusher is, for errors.Is.
var (
	// ErrNotKnown is about an account or group that Tomorro does not have: 404.
	ErrNotKnown = errors.New("not known")
	// ErrHeld is a refusal by policy: 403.
	ErrHeld = errors.New("held by policy")
	// ErrConflict is a name that somebody else has: 409.
	ErrConflict = errors.New("conflict")
	// ErrInvalid is data that cannot be taken: 400.
	ErrInvalid = errors.New("invalid data")
	// ErrUnavailable is Tomorro or Redis being down, slow or busy: 503.
	ErrUnavailable = errors.New("not available")
)

// Refusal says why something was not done.
type Refusal struct {
	Kind error // one of ErrNotKnown, ErrHeld, ErrConflict, ErrInvalid and ErrUnavailable
	// Reason is for the administrator who reads it in OneLogin: what to do, too.
	Reason string
	After  time.Duration // with ErrUnavailable: when to come again; 0 is the default
	Err    error         // the cause, not shown to clients
}

// Error says what and why, without the cause's text.
func (r *Refusal) Error() string { return fmt.Sprintf("%v: %s", r.Kind, r.Reason) }

// Unwrap gives the kind and the cause.
func (r *Refusal) Unwrap() []error {
	if r.Err == nil {
		return []error{r.Kind}
	}
	return []error{r.Kind, r.Err}
}

// retryAfter is when to come again, unless a Refusal says otherwise.
const retryAfter = 30 * time.Second

// problem is an answer that is an error: what it says and its headers.
type problem struct {
	says  scim.Error
	after time.Duration // Retry-After
	allow string        // Allow, of a 405
	// kind is what the log says; it names nobody.
	kind string
}

func (p *problem) Error() string { return p.kind }

// refuse is a problem with the request itself.
func refuse(status int, scimType, format string, args ...any) *problem {
	return &problem{
		says: scim.Error{Status: status, ScimType: scimType, Detail: fmt.Sprintf(format, args...)},
		kind: "refused",
	}
}

func invalid(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, scim.TypeInvalidValue, format, args...)
}

// kinds says how each kind of error is answered, the first that fits, with the
// detail when no Refusal gives a reason.
var kinds = []struct {
	kind           error
	status         int
	scimType, name string
	detail         string
}{
	{ErrNotKnown, http.StatusNotFound, "", "not known", "Tomorro has no such user or group. If it was removed there, provision the user again so that a new one is made."},
	{reconcile.ErrGone, http.StatusNotFound, "", "gone", "The user or group is no longer in Tomorro. Provision the user again so that a new one is made."},
	{ErrHeld, http.StatusForbidden, "", "held", "The synchronisation holds this change back. Its plan shows the reason."},
	{ErrConflict, http.StatusConflict, scim.TypeUniqueness, "conflict", "Another user or group in Tomorro has this name already."},
	{ErrInvalid, http.StatusBadRequest, scim.TypeInvalidValue, "invalid", "A value in the request cannot be taken."},
	{ErrUnavailable, http.StatusServiceUnavailable, "", "unavailable", "Tomorro or the synchronisation's memory is not available."},
	{reconcile.ErrRefused, http.StatusServiceUnavailable, "", "refused by Tomorro", "Tomorro refuses the synchronisation's own token. Renew it in its configuration."},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "", "deadline", "This took too long. A change that was stored already is finished by itself; if it is still missing in some minutes, push it again."},
}

// problemOf translates any error. One of an unknown kind is a 503: what was said was either
// stored and is done later, or not accepted and should be sent again. Its own text is not
// sent.
func problemOf(err error) *problem {
	var already *problem
	var protocol *scim.Error
	var refusal *Refusal
	var exists *reconcile.ExistsError
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &protocol) && protocol.Status >= 400 && protocol.Status < 500:
		return &problem{says: *protocol, kind: "refused"}
	case errors.As(err, &exists):
		err = ErrConflict
	}
	p := &problem{kind: "unknown error", says: scim.Error{
		Status: http.StatusServiceUnavailable, Detail: "This cannot be done at the moment. A change that was stored already is finished by itself; if it is still missing in some minutes, push it again.",
	}}
	what := err
	if errors.As(err, &refusal) {
		what = refusal.Kind // whatever the cause was
	}
	for _, k := range kinds {
		if errors.Is(what, k.kind) {
			p.kind, p.says = k.name, scim.Error{Status: k.status, ScimType: k.scimType, Detail: k.detail}
			break
		}
	}
	if refusal != nil && refusal.Reason != "" {
		p.says.Detail = refusal.Reason
	}
	if p.says.Status == http.StatusServiceUnavailable {
		p.after = retryAfter
		if refusal != nil && refusal.After > 0 {
			p.after = refusal.After
		}
	}
	return p
}
