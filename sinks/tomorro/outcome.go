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

// write makes one request that changes something, with its retries. lost says that nobody
// knows whether it took effect: some try got no answer, and no later one was confirmed.
// Without lost, an error or a refusal means that nothing was changed.
func (c *Client) write(ctx context.Context, method, path string, body []byte) (r *resty.Response, lost bool, err error) {
	ctx, doubt := doubting(ctx)
	r, err = c.send(ctx, method, path, nil, body)
	confirmed := err == nil && r.StatusCode() < 300 && !isPage(r)
	return r, doubt.Load() && !confirmed, err
}

type doubtKey struct{}

// doubting gives a context with a flag that is set when a request with it goes unanswered.
func doubting(ctx context.Context) (context.Context, *atomic.Bool) {
	doubt := new(atomic.Bool)
	return context.WithValue(ctx, doubtKey{}, doubt), doubt
}

// unanswered sets the flag of doubting, if the context has one.
func unanswered(ctx context.Context) {
	if doubt, ok := ctx.Value(doubtKey{}).(*atomic.Bool); ok {
		doubt.Store(true)
	}
}

// notice sets the flag of doubting when one request failed or met a server error. A
// connection that could not be made carried no request, and leaves no doubt.
func notice(ctx context.Context, resp *http.Response, err error) {
	dial, _ := errors.AsType[*net.OpError](err)
	if err != nil && (dial == nil || dial.Op != "dial") || err == nil && resp.StatusCode >= 500 {
		unanswered(ctx)
	}
}

// cut sets the flag of doubting for an answer that broke off after its headers. A 429 is
// no doubt even then: the service did nothing.
func cut(r *resty.Response) {
	if r != nil && r.RawResponse != nil && r.StatusCode() != http.StatusTooManyRequests {
		unanswered(r.Request.Context())
	}
}

// isPage recognises HTML, which login pages and firewalls send with any status. It confirms
// no write.
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
