package tomorro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	json "github.com/go-json-experiment/json/v1"
	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

var _ reconcile.Sink = (*Client)(nil)

// Write makes one write, and may be called by several goroutines at once. See
// reconcile.Sink for what its errors mean.
func (c *Client) Write(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	switch w.Op {
	case reconcile.WriteCreateUser:
		return c.createUser(ctx, w)
	case reconcile.WriteUpdateUser:
		return c.updateUser(ctx, w)
	case reconcile.WriteDeleteUser:
		return c.remove(ctx, "delete "+w.Account.UserName, "/Users/", w.Account.ID)
	case reconcile.WriteCreateGroup:
		return c.createGroup(ctx, w)
	case reconcile.WriteMembers:
		return c.changeMembers(ctx, w)
	case reconcile.WriteDeleteGroup:
		return c.remove(ctx, "delete group "+w.Group, "/Groups/", w.GroupID)
	}
	return reconcile.Written{}, fmt.Errorf("write %q is not known", w.Op)
}

// resource is the whole account as the set-up guide's template sends it. PUT
// replaces, so nothing is ever left out.
func (c *Client) resource(a reconcile.Account) scim.User {
	active := scim.Bool(a.Active)
	u := scim.User{
		Schemas: []string{scim.SchemaUser}, ID: a.ID, UserName: a.UserName, UserType: string(a.UserType),
		Name: &scim.Name{GivenName: a.GivenName, FamilyName: a.FamilyName}, Active: &active,
	}
	if _, ours := reconcile.ParseExternalID(a.ExternalID); !ours || c.cfg.SendExternalID {
		u.ExternalID = a.ExternalID
	}
	return u
}

func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("plain data cannot be marshalled: " + err.Error())
	}
	return data
}

func (c *Client) createUser(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	what := "create " + w.Account.UserName
	r, lost, err := c.write(ctx, http.MethodPost, "/Users", marshal(c.resource(w.Account)))
	switch {
	case err != nil && !lost:
		return reconcile.Written{}, fmt.Errorf("%s: %w", what, err)
	case err != nil && ctx.Err() != nil:
		return reconcile.Written{}, fmt.Errorf("%s: %w: %w", what, err, reconcile.ErrUncertain)
	case err != nil:
		return c.settleCreate(ctx, w, fmt.Errorf("%s: %w", what, err))
	case r.StatusCode() == http.StatusConflict, taken(r):
		return reconcile.Written{}, c.existing(ctx, w.Account.UserName, refusal(what, r))
	case r.StatusCode() >= 500:
		return c.settleCreate(ctx, w, refusal(what, r))
	case r.StatusCode() >= 300:
		return reconcile.Written{}, c.refused(ctx, what, r)
	}
	if id := located(r); id != "" {
		return reconcile.Written{ID: id}, nil
	}
	var made user
	if err := json.Unmarshal(r.Body(), &made); err != nil || made.ID == "" {
		return c.settleCreate(ctx, w, fmt.Errorf("%s: Tomorro answered %d without the account", what, r.StatusCode()))
	}
	got := made.account()
	if differs(w.Account, &made) {
		// Some services answer a POST of a taken userName with the account that has it.
		return reconcile.Written{}, &reconcile.ExistsError{Account: got}
	}
	return reconcile.Written{ID: made.ID, Account: answered(w.Account, &made)}, nil
}

// located gives the id of what was made, where the answer has nothing but its address:
// operations of a Bulk request are answered so (RFC 7644 section 3.7.3).
func located(r *resty.Response) string {
	if r.StatusCode() != http.StatusCreated || len(trim(r.Body())) > 0 {
		return ""
	}
	at, err := url.Parse(r.Header().Get("Location"))
	if err != nil {
		return ""
	}
	path := at.EscapedPath()
	id, err := url.PathUnescape(path[strings.LastIndex(path, "/")+1:])
	if err != nil || noID(id) {
		return ""
	}
	return id
}

// taken reads a 400 that means "this userName exists".
func taken(r *resty.Response) bool {
	e, ok := scim.ParseError(r.Body())
	return ok && r.StatusCode() == http.StatusBadRequest && e.ScimType == "uniqueness"
}

// differs reports whether an answer shows another account than the one that was
// sent. What the answer leaves out says nothing.
func differs(sent reconcile.Account, got *user) bool {
	other := func(a, b string) bool { return b != "" && reconcile.Fold(a) != reconcile.Fold(b) }
	return other(sent.UserName, got.UserName) || other(sent.GivenName, got.Name.GivenName) ||
		other(sent.FamilyName, got.Name.FamilyName) || other(string(sent.UserType), got.UserType) ||
		got.Active != nil && bool(*got.Active) != sent.Active
}

// settleCreate looks whether a create whose answer was lost took effect.
func (c *Client) settleCreate(ctx context.Context, w reconcile.Write, lost error) (reconcile.Written, error) {
	found, _, err := c.find(ctx, w.Account.UserName)
	switch {
	case errors.Is(err, reconcile.ErrRefused):
		return reconcile.Written{}, err
	case err != nil:
		return reconcile.Written{}, fmt.Errorf("%w; looking for the account failed as well: %w; %w: the next run decides", lost, err, reconcile.ErrUncertain)
	case found == nil:
		return reconcile.Written{}, fmt.Errorf("%w; the account is not there: %w: the next run decides", lost, reconcile.ErrUncertain)
	case differs(w.Account, found):
		return reconcile.Written{}, &reconcile.ExistsError{Account: found.account()}
	}
	return reconcile.Written{ID: found.ID, Account: answered(w.Account, found), Note: "the answer was lost; the account was found by its userName"}, nil
}

// existing finds the account that a create ran into.
func (c *Client) existing(ctx context.Context, userName string, refused error) error {
	found, _, err := c.find(ctx, userName)
	switch {
	case err != nil:
		return fmt.Errorf("%w; finding that account: %w", refused, err)
	case found == nil:
		return fmt.Errorf("%w; but Tomorro lists no such account: it may belong to another organisation there; ask Tomorro", refused)
	}
	return &reconcile.ExistsError{Account: found.account()}
}

// find looks an account up by userName; nil when there is none. A service that
// ignores the filter answers with everybody, so each answer is compared. status is
// the answer's, also with an error.
func (c *Client) find(ctx context.Context, userName string) (found *user, status int, err error) {
	what := "look for " + userName
	query := url.Values{"filter": {"userName eq " + scim.Quote(userName)}}
	r, err := c.send(ctx, http.MethodGet, "/Users", query, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", what, err)
	}
	if r.StatusCode() == http.StatusNotFound {
		return nil, r.StatusCode(), nil // a known way to say "nobody"
	}
	if r.StatusCode() != http.StatusOK {
		return nil, r.StatusCode(), refusal(what, r)
	}
	var p page[user]
	if err := json.Unmarshal(r.Body(), &p); err != nil {
		return nil, r.StatusCode(), fmt.Errorf("%s: the answer is not SCIM: %w", what, err)
	}
	for i := range p.Resources {
		if reconcile.Fold(p.Resources[i].UserName) != reconcile.Fold(userName) {
			continue
		}
		if p.Resources[i].ID == "" { // what is written to it would be written to the list of all
			return nil, r.StatusCode(), fmt.Errorf("%s: the answer has no id; check tomorro.url", what)
		}
		return &p.Resources[i], r.StatusCode(), nil
	}
	return nil, r.StatusCode(), nil
}

func (c *Client) updateUser(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	what := "update " + w.Account.UserName
	method, body := http.MethodPut, any(c.resource(w.Account))
	if c.cfg.UpdateWith == UpdateByPatch {
		patch := c.patch(w)
		if len(patch.Operations) == 0 {
			return reconcile.Written{ID: w.Account.ID}, nil
		}
		method, body = http.MethodPatch, patch
	}
	r, lost, err := c.write(ctx, method, "/Users/"+url.PathEscape(w.Account.ID), marshal(body))
	if err == nil && !lost && r.StatusCode() == http.StatusNotFound {
		return reconcile.Written{}, fmt.Errorf("%s: account %s: %w", what, w.Account.ID, reconcile.ErrGone)
	}
	if err := c.outcome(ctx, what, r, lost, err); err != nil {
		return reconcile.Written{}, err
	}
	written := reconcile.Written{ID: w.Account.ID}
	var got user
	if json.Unmarshal(r.Body(), &got) == nil && got.ID == w.Account.ID { // 204 has no body
		written.Account = answered(w.Account, &got)
	}
	return written, nil
}

// patch says what differs, one replace operation an attribute (RFC 7644 section
// 3.5.2.3).
func (c *Client) patch(w reconcile.Write) scim.Patch {
	p := scim.Patch{Schemas: []string{scim.SchemaPatch}}
	replace := func(path string, before, after string) {
		if before != after {
			p.Operations = append(p.Operations, scim.Operation{Op: "replace", Path: path, Value: after})
		}
	}
	a, b := w.Account, w.Before
	replace("userName", b.UserName, a.UserName)
	replace("userType", string(b.UserType), string(a.UserType))
	replace("name.givenName", b.GivenName, a.GivenName)
	replace("name.familyName", b.FamilyName, a.FamilyName)
	if a.Active != b.Active {
		p.Operations = append(p.Operations, scim.Operation{Op: "replace", Path: "active", Value: a.Active})
	}
	if c.cfg.SendExternalID && len(p.Operations) > 0 {
		replace("externalId", b.ExternalID, a.ExternalID)
	}
	return p
}

// remove deletes; what is not there any more is deleted.
func (c *Client) remove(ctx context.Context, what, path, id string) (reconcile.Written, error) {
	r, lost, err := c.write(ctx, http.MethodDelete, path+url.PathEscape(id), nil)
	if err == nil && r.StatusCode() == http.StatusNotFound {
		return reconcile.Written{ID: id, Note: "was not there any more"}, nil
	}
	if err := c.outcome(ctx, what, r, lost, err); err != nil {
		return reconcile.Written{}, err
	}
	return reconcile.Written{ID: id}, nil
}

// refused tells a refusal of this write from a refusal of everything: 403 can be
// either ("the last admin", or a token without rights), so a read is tried.
func (c *Client) refused(ctx context.Context, what string, r *resty.Response) error {
	err := refusal(what, r)
	if r.StatusCode() != http.StatusForbidden {
		return err
	}
	probe, perr := c.send(ctx, http.MethodGet, "/Users", url.Values{"count": {"1"}}, nil)
	if perr == nil && (probe.StatusCode() == http.StatusForbidden || probe.StatusCode() == http.StatusUnauthorized) {
		return fmt.Errorf("%w: %w; check tomorro.token", err, reconcile.ErrRefused)
	}
	return err
}
