package onelogin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sourcegraph/conc/iter"
)

// ListedApp is one app of the account, with what its own page says of provisioning.
type ListedApp struct {
	ID   int64
	Name string
	// SCIM says that the app has the parameter scimusername, which is what apps of a
	// SCIM type are known by: OneLogin's API does not name the type.
	SCIM bool
	// Status is provisioning.status: "Available", or "Not Available" for apps that
	// cannot provision; empty when it is not told. Enabled is the switch on the
	// Provisioning tab.
	Status  string
	Enabled bool
	// UserNameSource is the source of scimusername; "email" is what Tomorro needs.
	UserNameSource string
	// Unread says why the app's own page could not be read; then nothing above is
	// known but id and name.
	Unread string
}

// Apps signs in and lists the apps of the account, sorted by id, each with what its
// own page says: the list alone tells nothing of provisioning (GET /api/2/apps and
// /api/2/apps/{id}, privilege Read All). Config.AppID is not needed. The error wraps
// reconcile.ErrRefused when the credentials or their privilege do not do.
func Apps(ctx context.Context, cfg Config) ([]ListedApp, error) {
	if err := cfg.problem(); err != nil {
		return nil, err
	}
	c := build(cfg)
	if _, err := c.tokens.get(ctx); err != nil {
		return nil, err
	}
	l := &list[named]{c: c, name: "apps", path: "/api/2/apps", limit: assignedLimit, few: true, privilege: "Manage All", decode: decodeIdentified, id: (*named).id}
	items, _, err := l.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the apps: %w", err)
	}
	mapper := iter.Mapper[named, ListedApp]{MaxGoroutines: c.cfg.Concurrency}
	apps := mapper.Map(items, func(x *named) ListedApp { return c.listed(ctx, x) })
	slices.SortFunc(apps, func(a, b ListedApp) int { return cmp.Compare(a.ID, b.ID) })
	return apps, ctx.Err()
}

// listed reads one app's own page.
func (c *Client) listed(ctx context.Context, x *named) ListedApp {
	app := ListedApp{ID: int64(x.ID), Name: string(x.Name)}
	what := fmt.Sprintf("read app %d", x.ID)
	r, err := c.get(ctx, "/api/2/apps/"+strconv.FormatInt(app.ID, 10), nil)
	if err == nil && r.StatusCode() != http.StatusOK {
		err = refusal(what, "Read All", r)
	}
	if err == nil {
		err = app.take(r.Body())
	}
	if err != nil {
		return ListedApp{ID: int64(x.ID), Name: string(x.Name), Unread: err.Error()}
	}
	return app
}

// take reads GET /api/2/apps/{id}.
func (a *ListedApp) take(body []byte) error {
	app, err := decodeApp(body)
	if err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	var raw struct {
		Provisioning struct {
			Status loose `json:"status"`
		} `json:"provisioning"`
		Parameters map[string]jsontext.Value `json:"parameters"`
	}
	if err := decode(body, &raw); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	_, a.SCIM = raw.Parameters["scimusername"]
	a.Status, a.Enabled, a.UserNameSource = string(raw.Provisioning.Status), app.ProvisioningEnabled, app.UserNameSource
	return nil
}
