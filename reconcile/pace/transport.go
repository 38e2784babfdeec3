package pace

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// Transport sends every request, and every retry of it, through a Gate. The
// place is given back when the answer's body is closed.
type Transport struct {
	Gate *Gate
	Base http.RoundTripper
	// Sent, when not nil, is told of each request that is really sent.
	Sent func(*http.Request)
	// Took, when not nil, is told how long each answer took, from its request to the
	// end of its body, without the wait for the Gate.
	Took func(time.Duration)
	// Kind names requests that take about as long as each other, so that a slow answer is
	// known; empty: of this one it is not. nil: the method.
	Kind func(*http.Request) string
}

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
	began := time.Now()
	resp, err := t.Base.RoundTrip(r)
	if err != nil {
		if r.Context().Err() == nil { // else nobody waited for the answer
			t.Gate.answered(kind, began, 0)
		}
		leave()
		return nil, err
	}
	t.Gate.answered(kind, began, resp.StatusCode)
	end := leave
	if t.Took != nil {
		end = func() { leave(); t.Took(time.Since(began)) }
	}
	resp.Body = &leaving{ReadCloser: resp.Body, leave: end}
	return resp, nil
}

// NewBase is a transport whose idle connections suffice for that many requests
// at once: the default one would open a new connection for most of them.
func NewBase(inFlight int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, max(1, inFlight)
	return t
}

type leaving struct {
	io.ReadCloser
	leave func()
	once  sync.Once
}

// Close closes the body and gives the place back.
func (l *leaving) Close() error {
	defer l.once.Do(l.leave)
	return l.ReadCloser.Close()
}
