package tomorro

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	json "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
)

// ReadAccount reads one account by its id. The error wraps reconcile.ErrGone when
// there is none.
func (c *Client) ReadAccount(ctx context.Context, id string) (reconcile.Account, error) {
	what := "read account " + id
	if noID(id) {
		return reconcile.Account{}, fmt.Errorf("%s: %w", what, reconcile.ErrGone)
	}
	r, err := c.send(ctx, http.MethodGet, "/Users/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return reconcile.Account{}, fmt.Errorf("%s: %w", what, err)
	}
	if r.StatusCode() != http.StatusOK {
		return reconcile.Account{}, single(r.StatusCode(), refusal(what, r))
	}
	var u user
	if err := json.Unmarshal(r.Body(), &u); err != nil {
		return reconcile.Account{}, fmt.Errorf("%s: the answer is not SCIM (%w); check tomorro.url", what, err)
	}
	if u.ID != id {
		return reconcile.Account{}, fmt.Errorf("%s: the answer is about another account or none; check tomorro.url", what)
	}
	return u.account(), nil
}

// noID recognises what cannot be an id: at the end of a path it would lead to a list
// or elsewhere.
func noID(id string) bool { return id == "" || id == "." || id == ".." }

// FindAccount looks an account up by its userName, as reconcile.Fold compares. The
// error wraps reconcile.ErrGone when there is none.
func (c *Client) FindAccount(ctx context.Context, userName string) (reconcile.Account, error) {
	found, status, err := c.find(ctx, userName)
	switch {
	case err != nil:
		return reconcile.Account{}, single(status, err)
	case found == nil:
		return reconcile.Account{}, fmt.Errorf("look for an account by userName: Tomorro lists none: %w", reconcile.ErrGone)
	}
	return found.account(), nil
}

// ReadGroup reads one group with its members by its id. The error wraps
// reconcile.ErrGone when there is none. Where the service shows no single groups, or not
// their members, they are found as ReadGroups finds them.
func (c *Client) ReadGroup(ctx context.Context, id string) (reconcile.Group, error) {
	if noID(id) {
		return reconcile.Group{}, fmt.Errorf("read group %s: %w", id, reconcile.ErrGone)
	}
	g, status, err := c.group(ctx, id)
	switch {
	case unshown(status):
		return c.listedGroup(ctx, id)
	case err != nil:
		return reconcile.Group{}, single(status, err)
	case g.Members == nil:
		return c.listedGroup(ctx, id)
	}
	return g.group(), nil
}

// unshown says that an answer shows no group, be it gone or the service without single
// groups: OneLogin asks for none, and a route that is not there is answered 404 as well.
func unshown(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

// isThere fails with reconcile.ErrGone when there is no such group.
func (c *Client) isThere(ctx context.Context, id string) error {
	_, status, err := c.group(ctx, id)
	if !unshown(status) {
		return err
	}
	all, _, err := c.groups(ctx, &interner{})
	if err == nil && !slices.ContainsFunc(all, func(g listed) bool { return g.ID == id }) {
		err = fmt.Errorf("group %s: %w", id, reconcile.ErrGone)
	}
	return err
}

// listedGroup takes a group from the list of all.
func (c *Client) listedGroup(ctx context.Context, id string) (reconcile.Group, error) {
	all, err := c.ReadGroups(ctx)
	if err != nil {
		return reconcile.Group{}, err
	}
	i := slices.IndexFunc(all.Groups, func(g reconcile.Group) bool { return g.ID == id })
	switch {
	case i < 0:
		return reconcile.Group{}, fmt.Errorf("read group %s: Tomorro lists none: %w", id, reconcile.ErrGone)
	case all.MembersUnknown:
		return reconcile.Group{}, fmt.Errorf("read group %s: Tomorro shows nowhere who is in its groups", id)
	}
	return all.Groups[i], nil
}

// single words a refusal of a read of one account or group. A 403 about a read is
// about the credentials.
func single(status int, err error) error {
	switch status {
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", err, reconcile.ErrGone)
	case http.StatusForbidden:
		return fmt.Errorf("%w: %w; check tomorro.token", err, reconcile.ErrRefused)
	}
	return err
}
