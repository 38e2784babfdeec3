package onelogin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
)

// Setup reads how the app is set up, as far as the API shows it, and its rules that
// are switched off. The error wraps reconcile.ErrGone when there is no such app, and
// reconcile.ErrRefused when the credentials or their privilege do not do.
func (c *Client) Setup(ctx context.Context) (reconcile.AppSetup, error) {
	what := fmt.Sprintf("read app %d", c.cfg.AppID)
	path := "/api/2/apps/" + strconv.FormatInt(c.cfg.AppID, 10)
	r, err := c.get(ctx, path, nil)
	switch {
	case err != nil:
		return reconcile.AppSetup{}, fmt.Errorf("%s: %w", what, err)
	case r.StatusCode() == http.StatusNotFound:
		return reconcile.AppSetup{}, fmt.Errorf("%s: OneLogin has no such app: %w", what, reconcile.ErrGone)
	case r.StatusCode() != http.StatusOK:
		return reconcile.AppSetup{}, refusal(what, "Read All", r)
	}
	setup, err := decodeOK(r, decodeSetup)
	if err != nil {
		return reconcile.AppSetup{}, fmt.Errorf("%s: %w", what, err)
	}
	setup.Clock = clock(r)
	setup.Disabled, err = c.disabled(ctx, path+"/rules")
	if ctx.Err() != nil {
		return setup, context.Cause(ctx)
	}
	if err != nil {
		setup.DisabledWhy = err.Error()
	}
	return setup, nil
}

// disabled reads the rules that are switched off, which a list has only when it is
// asked for them.
func (c *Client) disabled(ctx context.Context, path string) ([]reconcile.Rule, error) {
	const what = "read the app's rules that are switched off"
	r, err := c.get(ctx, path, url.Values{"enabled": {"false"}})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	case r.StatusCode() != http.StatusOK:
		return nil, refusal(what, "Manage All", r)
	}
	return decodeOK(r, func(body []byte) ([]reconcile.Rule, error) { return decodeRulesThat(body, false) })
}

func decodeSetup(body []byte) (reconcile.AppSetup, error) {
	app, err := decodeApp(body)
	if err != nil {
		return reconcile.AppSetup{}, err
	}
	var raw struct {
		Provisioning *struct {
			Status loose `json:"status"`
		} `json:"provisioning"`
		RoleIDs    numbers                   `json:"role_ids"`
		Parameters map[string]jsontext.Value `json:"parameters"`
	}
	if err := decode(body, &raw); err != nil {
		return reconcile.AppSetup{}, err
	}
	setup := reconcile.AppSetup{App: app, ProvisioningShown: raw.Provisioning != nil, RoleIDs: raw.RoleIDs}
	if raw.Provisioning != nil {
		setup.ProvisioningStatus = string(raw.Provisioning.Status)
	}
	if raw.Parameters != nil {
		setup.Parameters = make(map[string]reconcile.AppParameter, len(raw.Parameters))
	}
	for name, data := range raw.Parameters {
		var p struct {
			Label        loose `json:"label"`
			Mapping      loose `json:"user_attribute_mappings"`
			Macro        loose `json:"user_attribute_macros"`
			Entitlements bool  `json:"provisioned_entitlements"`
		}
		if decode(data, &p) != nil {
			continue // of another shape: not shown
		}
		if p.Mapping == "_macro_" {
			p.Mapping = p.Macro
		}
		setup.Parameters[name] = reconcile.AppParameter{Label: string(p.Label), Source: string(p.Mapping), Entitlements: p.Entitlements}
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

// SignIn asks for an access token, as every other call does first. The error wraps
// reconcile.ErrRefused when OneLogin does not take the credentials.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.tokens.get(ctx)
	return err
}
