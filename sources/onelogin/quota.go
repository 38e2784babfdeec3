package onelogin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

// askFrom is how many calls a full read must need for Pull to ask how many are left
// before it makes them. A smaller one is two percent of the hour, which is not worth
// a call more in each run.
const askFrom = 100

// rateLimit is the answer of GET /auth/rate_limit.
type rateLimit struct {
	Data struct {
		Limit     *int  `json:"X-RateLimit-Limit"`
		Remaining *int  `json:"X-RateLimit-Remaining"`
		Reset     int64 `json:"X-RateLimit-Reset"` // seconds until the quota is full again
	} `json:"data"`
}

// Quota asks OneLogin how many calls of the hourly quota are left. The call itself
// uses none. (GET /auth/rate_limit, which has no version.)
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

// afford is asked with the first page of the users: it refuses a read that would use
// up what is left to others. Where OneLogin does not say what is left, the read goes
// on, and watch stops it in time.
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
		return nil // of a fast pass, which reads a few pages
	}
	err := p.c.afford(ctx, first, items)
	if err != nil {
		p.stop(err)
	}
	return err
}
