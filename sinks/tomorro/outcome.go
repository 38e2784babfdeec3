package tomorro

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
)

// write makes one request that changes something. lost says that it may have had an
// effect of which no answer tells: what comes of the last try says nothing of one before
// it that was not answered. Without lost, an error or a refusal had no effect.
func (c *Client) write(ctx context.Context, method, path string, body []byte) (r *resty.Response, lost bool, err error) {
	ctx, doubt := doubting(ctx)
	r, err = c.send(ctx, method, path, nil, body)
	confirmed := err == nil && r.StatusCode() < 300 && !isPage(r)
	return r, doubt.Load() && !confirmed, err
}

type doubtKey struct{}

// doubting gives a context whose requests say of themselves when it is not known what
// became of them.
func doubting(ctx context.Context) (context.Context, *atomic.Bool) {
	doubt := new(atomic.Bool)
	return context.WithValue(ctx, doubtKey{}, doubt), doubt
}

// unanswered notes that nobody knows what became of a request with this context.
func unanswered(ctx context.Context) {
	if doubt, ok := ctx.Value(doubtKey{}).(*atomic.Bool); ok {
		doubt.Store(true)
	}
}

// notice looks at what came of one request. Who could not be called was asked nothing.
func notice(ctx context.Context, resp *http.Response, err error) {
	dial, _ := errors.AsType[*net.OpError](err)
	if err != nil && (dial == nil || dial.Op != "dial") || err == nil && resp.StatusCode >= 500 {
		unanswered(ctx)
	}
}

// cut notices an answer that began and did not end. A service that has too much to do has
// done nothing, however it says so.
func cut(r *resty.Response) {
	if r != nil && r.RawResponse != nil && r.StatusCode() != http.StatusTooManyRequests {
		unanswered(r.Request.Context())
	}
}

// isPage recognises what logins and firewalls answer in the place of a service, with any
// status: it confirms nothing.
func isPage(r *resty.Response) bool {
	body := trim(r.Body())
	return len(body) > 0 && body[0] == '<'
}

// outcome is why what write returned is not a success; nil when it is one. The error wraps
// reconcile.ErrUncertain when the write may have happened all the same.
func (c *Client) outcome(ctx context.Context, what string, r *resty.Response, lost bool, err error) error {
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", what, err)
	case lost:
		err = refusal(what, r)
	case r.StatusCode() >= 300:
		err = c.refused(ctx, what, r)
	}
	if lost {
		err = fmt.Errorf("%w: %w: the next run decides", err, reconcile.ErrUncertain)
	}
	return err
}
