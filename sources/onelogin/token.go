package onelogin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

const tokenPath = "/auth/oauth2/v2/token"

// tokens keeps the access token. One caller fetches, the others wait for it, each as
// long as it may: a sign-in takes minutes when OneLogin asks for silence.
type tokens struct {
	c    *Client
	turn chan struct{} // to fetch

	mu      sync.Mutex
	value   string
	expires time.Time
}

func (t *tokens) get(ctx context.Context) (string, error) {
	if value := t.kept(); value != "" {
		return value, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if value := t.kept(); value != "" {
		return value, nil
	}
	value, expires, err := t.c.authenticate(ctx)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// One that is given is good: where it seems not to be, the clocks differ.
	t.value, t.expires = value, latest(expires, t.c.cfg.Now().Add(time.Minute))
	return value, nil
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// kept is the token, empty when there is none that is good.
func (t *tokens) kept() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.c.cfg.Now().Before(t.expires) {
		return t.value
	}
	return ""
}

// drop forgets a token that was refused, unless another caller has already
// fetched a new one.
func (t *tokens) drop(refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == refused {
		t.value = ""
	}
}

// authenticate asks for a token. OneLogin gives the same one until it expires,
// with the same expires_in, so its end is counted from created_at.
func (c *Client) authenticate(ctx context.Context) (string, time.Time, error) {
	const what = "sign in to OneLogin's API"
	r, err := c.credentials(c.http.R().SetContext(ctx)).Post(tokenPath)
	if err != nil {
		if ctx.Err() != nil {
			return "", time.Time{}, context.Cause(ctx)
		}
		if _, wait := errors.AsType[*waitError](err); wait {
			return "", time.Time{}, fmt.Errorf("%s: %w", what, err)
		}
		return "", time.Time{}, fmt.Errorf("%s: %w; %s", what, err, cmp.Or(pace.Remedy(err), "check onelogin.url"))
	}
	var got struct {
		AccessToken string    `json:"access_token"`
		CreatedAt   time.Time `json:"created_at"`
		ExpiresIn   int64     `json:"expires_in"` // seconds
	}
	bad := json.Unmarshal(r.Body(), &got)
	switch {
	case r.StatusCode() == http.StatusOK && got.AccessToken != "":
		if got.CreatedAt.IsZero() {
			got.CreatedAt = c.cfg.Now()
		}
		return got.AccessToken, got.CreatedAt.Add(pace.Seconds(got.ExpiresIn)), nil
	case r.StatusCode() == http.StatusInternalServerError:
		return "", time.Time{}, fmt.Errorf("%s: OneLogin answered 500: %w; the administrator who made these credentials may have been deleted: make new ones", what, reconcile.ErrRefused)
	case r.StatusCode() == http.StatusOK && bad != nil, r.StatusCode() == http.StatusNotFound:
		return "", time.Time{}, fmt.Errorf("%s: what answered (%d) is not OneLogin's API; check onelogin.url", what, r.StatusCode())
	case r.StatusCode() >= 500, r.StatusCode() == http.StatusTooManyRequests:
		return "", time.Time{}, refusal(what, "", r)
	}
	return "", time.Time{}, fmt.Errorf("%s: OneLogin answered %d: %s: %w; check onelogin.client_id and onelogin.client_secret", what, r.StatusCode(), said(r.Body()), reconcile.ErrRefused)
}

func (c *Client) credentials(r *resty.Request) *resty.Request {
	grant := map[string]string{"grant_type": "client_credentials"}
	switch c.cfg.Credentials {
	case CredentialsForm:
		grant["client_id"], grant["client_secret"] = c.cfg.ClientID, c.cfg.ClientSecret
		return r.SetFormData(grant)
	case CredentialsHeader:
		return r.SetHeader("Authorization", fmt.Sprintf("client_id:%s, client_secret:%s", c.cfg.ClientID, c.cfg.ClientSecret)).SetBody(grant)
	}
	return r.SetBasicAuth(c.cfg.ClientID, c.cfg.ClientSecret).SetBody(grant)
}
