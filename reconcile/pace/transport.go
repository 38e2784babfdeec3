package pace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Transport sends every request, and every retry of it, through a Gate. A request keeps its
// place in the Gate until the answer's body is closed.
type Transport struct {
	Gate *Gate
	Base http.RoundTripper
	// Timeout, when not 0, bounds how long an answer takes, from its request to the end of
	// its body. Unlike http.Client.Timeout it does not count the wait for the Gate: else a
	// service that asks for a minute of silence would make all requests fail that wait. A
	// request that took too long fails with a *LateError.
	Timeout time.Duration
	// Sent, when not nil, is told of each request that is really sent.
	Sent func(*http.Request)
	// Took, when not nil, is told how long each answer took, from its request to the
	// end of its body, without the wait for the Gate.
	Took func(time.Duration)
	// Kind gives requests that usually take equally long the same name: an answer is slow
	// compared with others of its kind. One without a name is never taken for slow. A nil
	// Kind gives the method.
	Kind func(*http.Request) string
	// Most is how long an answer may be, in bytes after decompression; 0 is 256 MiB.
	// Reading more than that fails with a *LongError.
	Most int64
}

// mostAnswer is more than any page of a list has.
const mostAnswer = 256 << 20

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	leave, err := t.Gate.Enter(r.Context())
	if err != nil {
		return nil, err
	}
	if t.Sent != nil {
		t.Sent(r)
	}
	kind := r.Method
	if t.Kind != nil {
		kind = t.Kind(r)
	}
	timed, cancel := t.timed(r)
	began := time.Now()
	resp, err := t.Base.RoundTrip(timed)
	if err != nil {
		if r.Context().Err() == nil { // else nobody waited for the answer
			t.Gate.answered(kind, began, 0)
		}
		cancel()
		leave()
		return nil, err
	}
	t.Gate.answered(kind, began, resp.StatusCode)
	most := cmp.Or(t.Most, mostAnswer)
	resp.Body = &leaving{ReadCloser: resp.Body, most: most, left: most, leave: func() {
		cancel()
		leave()
		if t.Took != nil {
			t.Took(time.Since(began))
		}
	}}
	return resp, nil
}

// timed is the request with the time that it may take from now.
func (t *Transport) timed(r *http.Request) (*http.Request, context.CancelFunc) {
	if t.Timeout <= 0 {
		return r, func() {}
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), t.Timeout, &LateError{t.Timeout})
	return r.WithContext(ctx), cancel
}

// LateError says that a service has not answered within After. For errors.Is it is a
// context.DeadlineExceeded.
type LateError struct{ After time.Duration }

// Error implements error.
func (e *LateError) Error() string { return fmt.Sprintf("no answer within %s", e.After) }

// Is implements errors.Is.
func (e *LateError) Is(target error) bool { return target == context.DeadlineExceeded }

// LongError says that an answer is longer than Most bytes, as it will be the next time.
type LongError struct{ Most int64 }

// Error implements error.
func (e *LongError) Error() string { return fmt.Sprintf("the answer is longer than %d bytes", e.Most) }

// IsLong reports whether an error is about an answer that is too long.
func IsLong(err error) bool {
	_, long := errors.AsType[*LongError](err)
	return long
}

// NewBase is a transport whose idle connections suffice for that many requests
// at once: the default one would open a new connection for most of them.
func NewBase(inFlight int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, max(1, inFlight)
	t.OnProxyConnectResponse = connected
	return t
}

type leaving struct {
	io.ReadCloser
	most, left int64
	leave      func()
	once       sync.Once
}

// Read reads what is not too much.
func (l *leaving) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &LongError{l.most}
	}
	return n, err
}

// Close closes the body and gives the place back.
func (l *leaving) Close() error {
	defer l.once.Do(l.leave)
	return l.ReadCloser.Close()
}
