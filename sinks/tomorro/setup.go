package tomorro

import (
	"context"
	"fmt"
	"net/http"
	"time"

	json "github.com/go-json-experiment/json/v1"
	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
)

// Setup reads the service's ServiceProviderConfig (RFC 7644 section 4). A service need not
// offer one: then Offered is false. The error says that the service cannot be reached, or
// has too much to do to say (429, 5xx), or wraps reconcile.ErrRefused when it does not know
// the token (401). The clock is that of any answer.
func (c *Client) Setup(ctx context.Context) (reconcile.ServiceSetup, error) {
	const what = "ask Tomorro for its ServiceProviderConfig"
	r, err := c.send(ctx, http.MethodGet, "/ServiceProviderConfig", nil, nil)
	if err != nil {
		return reconcile.ServiceSetup{}, fmt.Errorf("%s: %w", what, err)
	}
	setup := reconcile.ServiceSetup{Clock: clock(r)}
	switch status := r.StatusCode(); {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests,
		status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return setup, refusal(what, r)
	}
	var said struct {
		Patch  *struct{ Supported bool }
		Filter struct{ MaxResults int }
	}
	if r.StatusCode() == http.StatusOK && json.Unmarshal(r.Body(), &said) == nil && said.Patch != nil {
		setup.Offered, setup.Patch, setup.MostResults = true, said.Patch.Supported, said.Filter.MaxResults
	}
	return setup, nil
}

// clock reads the Date header, and takes it for the middle of the request.
func clock(r *resty.Response) reconcile.Clock {
	date, err := http.ParseTime(r.Header().Get("Date"))
	if err != nil {
		return reconcile.Clock{}
	}
	return reconcile.Clock{Shown: true, Ahead: date.Sub(r.ReceivedAt().Add(-r.Time() / 2)).Round(time.Second)}
}
