package tomorro

import (
	"cmp"
	"context"
	"io"
	"net/http"

	"tomorro-sync/reconcile"
)

// fenced asks the context's reconcile.Fence before each request that changes something,
// retries included, and again when its body is read, which is right before it is
// put on the wire: between the two a process can be paused, dialling for instance.
// Only the headers can be on their way then, which change nothing. It also notes what
// became of each such request.
type fenced struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (f fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return f.base.RoundTrip(r)
	}
	if err := reconcile.Fence(r.Context()); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	resp, err := f.base.RoundTrip(late(r))
	notice(r.Context(), resp, err)
	return resp, err
}

// late is the request with a body whose reads make the check.
func late(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	late, left := *r, cmp.Or(r.ContentLength, -1) // 0 is unknown as well
	late.Body = &fencedBody{r.Body, r.Context(), left}
	if r.GetBody != nil {
		late.GetBody = func() (io.ReadCloser, error) {
			body, err := r.GetBody()
			return &fencedBody{body, r.Context(), left}, err
		}
	}
	return &late
}

// fencedBody is a body whose reads make the check, until all of it was read: a request that
// has left cannot be held back, and would only pass for one that has not.
type fencedBody struct {
	io.ReadCloser
	ctx  context.Context
	left int64
}

// Read makes the check first.
func (b *fencedBody) Read(p []byte) (int, error) {
	if b.left != 0 {
		if err := reconcile.Fence(b.ctx); err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
