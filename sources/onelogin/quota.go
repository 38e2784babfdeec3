package onelogin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

// askFrom is how many calls a full read must need for Pull to ask how many are left
// before it makes them. A smaller one is two percent of the hour, which is not worth
// a call more in each run.
const askFrom = 100

// v1 begins the paths of the calls that count against the hourly quota in any case.
const v1 = "/api/1/"

// rateLimit is the answer of GET /auth/rate_limit.
type rateLimit struct {
	Data struct {
		Limit     *int  `json:"X-RateLimit-Limit"`
		Remaining *int  `json:"X-RateLimit-Remaining"`
		Reset     int64 `json:"X-RateLimit-Reset"` // seconds until the quota is full again
	} `json:"data"`
}

// Quota asks OneLogin how many calls of the hourly quota are left. The call itself uses
// none. (Source: GET /auth/rate_limit, which has no version.)
func (c *Client) Quota(ctx context.Context) (reconcile.Quota, error) {
	r, err := c.get(ctx, "/auth/rate_limit", nil)
	if err != nil {
		return reconcile.Quota{}, fmt.Errorf("ask OneLogin for the quota: %w", err)
	}
	if r.StatusCode() != http.StatusOK {
		return reconcile.Quota{}, refusal("ask for the quota", "Read Users", r)
	}
	var answer rateLimit
	d := &answer.Data
	if err := json.Unmarshal(r.Body(), &answer); err != nil || d.Limit == nil || d.Remaining == nil {
		return reconcile.Quota{}, fmt.Errorf("ask OneLogin for the quota: the answer does not say it")
	}
	c.mu.Lock()
	c.quota = *d.Remaining
	c.mu.Unlock()
	return reconcile.Quota{Limit: *d.Limit, Left: *d.Remaining, Reserve: c.cfg.Reserve, Reset: c.cfg.Now().Add(pace.Seconds(d.Reset))}, nil
}

// afford is called with the first page of the users. It fails with a *reconcile.QuotaError
// when reading the rest would leave less of the quota than Config.Reserve. Where OneLogin
// does not say what is left, the read goes on, and watch stops it in time.
func (c *Client) afford(ctx context.Context, first head, items int) error {
	pages := first.totalPages
	if pages < 0 && first.totalCount >= 0 {
		pages = (first.totalCount + items - 1) / max(1, items)
	}
	// The other lists, too, are still to be read, or under way.
	needs := pages - 1 + (max(0, first.totalCount)+assignedLimit-1)/assignedLimit
	if !c.cfg.QuotaOnV2 || needs < askFrom {
		return nil
	}
	q, err := c.Quota(ctx)
	if err != nil {
		c.cfg.Logger.Debug("the quota is not known", "error", err)
		return nil
	}
	if q.Fits(needs) {
		return nil
	}
	return &reconcile.QuotaError{Quota: q, Needs: needs}
}

// afford ends the whole pull when the client cannot afford it.
func (p *pull) afford(ctx context.Context, first head, items int) error {
	if p.stop == nil {
		return nil // a look at some people, which reads a few pages
	}
	err := p.c.afford(ctx, first, items)
	if err != nil {
		p.stop(err)
	}
	return err
}

// watch reads the quota headers of v1 answers. It stops all calls that count before the
// quota, which others share, is used up.
func (c *Client) watch(r *resty.Response) {
	left, err := strconv.Atoi(r.Header().Get("X-RateLimit-Remaining"))
	if err != nil {
		return
	}
	c.mu.Lock()
	c.quota = left
	c.mu.Unlock()
	seconds, err := strconv.ParseInt(r.Header().Get("X-RateLimit-Reset"), 10, 64)
	if reset := pace.Seconds(seconds); err == nil && left <= c.cfg.Reserve {
		c.throttled.Add(1)
		c.quiet(r, reset)
	}
}

// countsAlone reports whether this was a v1 call while only these count against the quota.
func (c *Client) countsAlone(r *resty.Response) bool {
	return !c.cfg.QuotaOnV2 && strings.HasPrefix(r.Request.URL, c.http.BaseURL+v1)
}

// quiet holds back for d what counts against the quota: v1 calls, or all. Where d is longer
// than Config.MaxWait, these calls fail until then.
func (c *Client) quiet(r *resty.Response, d time.Duration) {
	if !c.countsAlone(r) && d <= c.cfg.MaxWait {
		c.silence(d)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.spent) {
		c.spent = until
	}
}

// await waits until the quota is full again, if the call counts against it. It fails when
// that takes longer than Config.MaxWait.
func (c *Client) await(ctx context.Context, path string) error {
	if counts := strings.HasPrefix(path, v1) || c.cfg.QuotaOnV2 && strings.HasPrefix(path, "/api/"); !counts {
		return nil
	}
	c.mu.Lock()
	d := time.Until(c.spent)
	c.mu.Unlock()
	switch {
	case d <= 0:
		return nil
	case d > c.cfg.MaxWait:
		return c.tooLong(d)
	case c.cfg.OnSilence != nil:
		c.cfg.OnSilence(d)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitError says until when OneLogin takes no calls, which is longer than a run waits.
type waitError struct {
	until time.Time
	why   string
}

// Error implements error.
func (e *waitError) Error() string {
	return fmt.Sprintf("%s until %s, which is longer than this run waits", e.why, e.until.UTC().Format(time.RFC3339))
}

func (c *Client) tooLong(d time.Duration) error {
	return &waitError{c.cfg.Now().Add(d), "the quota of calls to OneLogin is used up"}
}
