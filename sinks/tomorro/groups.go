package tomorro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	json "github.com/go-json-experiment/json/v1"
	"github.com/go-resty/resty/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

func (c *Client) createGroup(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	what := "create group " + w.Group
	body := scim.Group{Schemas: []string{scim.SchemaGroup}, DisplayName: w.Group}
	if c.cfg.SendExternalID {
		body.ExternalID = reconcile.GroupExternalID
	}
	r, lost, err := c.write(ctx, http.MethodPost, "/Groups", marshal(body))
	switch {
	case err != nil && !lost:
		return reconcile.Written{}, fmt.Errorf("%s: %w", what, err)
	case err != nil && ctx.Err() != nil:
		return reconcile.Written{}, fmt.Errorf("%s: %w: %w", what, err, reconcile.ErrUncertain)
	case err != nil:
		return c.findGroup(ctx, w.Group, fmt.Errorf("%s: %w", what, err))
	case r.StatusCode() == http.StatusConflict, taken(r), r.StatusCode() >= 500:
		return c.findGroup(ctx, w.Group, refusal(what, r))
	case r.StatusCode() >= 300:
		return reconcile.Written{}, c.refused(ctx, what, r)
	}
	if id := located(r); id != "" {
		return reconcile.Written{ID: id}, nil
	}
	var made group
	if err := json.Unmarshal(r.Body(), &made); err != nil || made.ID == "" {
		return c.findGroup(ctx, w.Group, fmt.Errorf("%s: Tomorro answered %d without the group", what, r.StatusCode()))
	}
	return reconcile.Written{ID: made.ID}, nil
}

// findGroup settles a create that was refused or not answered: a group of that
// very name is the one that is wanted.
func (c *Client) findGroup(ctx context.Context, name string, why error) (reconcile.Written, error) {
	query := url.Values{"filter": {"displayName eq " + scim.Quote(name)}, "excludedAttributes": {"members"}}
	for _, q := range []url.Values{query, nil} { // without a filter where filters are refused
		r, err := c.send(ctx, http.MethodGet, "/Groups", q, nil)
		if err != nil {
			return reconcile.Written{}, fmt.Errorf("%w; looking for the group failed as well: %w; %w: the next run decides", why, err, reconcile.ErrUncertain)
		}
		var p page[group]
		if r.StatusCode() != http.StatusOK || json.Unmarshal(r.Body(), &p) != nil {
			continue
		}
		for i := range p.Resources {
			if p.Resources[i].ID != "" && reconcile.Fold(p.Resources[i].Name) == reconcile.Fold(name) {
				return reconcile.Written{ID: p.Resources[i].ID, Note: "the group was there already"}, nil
			}
		}
		break
	}
	return reconcile.Written{}, fmt.Errorf("%w; no such group is listed: %w: the next run decides", why, reconcile.ErrUncertain)
}

// changeMembers sends all additions and removals of a write in one request.
// Both are safe to repeat.
func (c *Client) changeMembers(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	if c.cfg.MemberRemoval == RemoveByPut {
		return c.putMembers(ctx, w)
	}
	what := "change members of " + w.Group
	r, lost, err := c.write(ctx, http.MethodPatch, "/Groups/"+url.PathEscape(w.GroupID), marshal(c.memberPatch(w.Add, w.Remove)))
	return c.membersAnswered(ctx, w, what, r, lost, err)
}

// memberPatch is the body for one request, in the configured dialect.
func (c *Client) memberPatch(add, remove []string) any {
	if c.cfg.MemberRemoval == RemoveByScim1 {
		var members []scim.Member
		for _, id := range add {
			members = append(members, scim.Member{Value: id, Operation: "add"})
		}
		for _, id := range remove {
			members = append(members, scim.Member{Value: id, Operation: "delete"})
		}
		return struct {
			Schemas []string      `json:"schemas"`
			Members []scim.Member `json:"members"`
		}{[]string{"urn:scim:schemas:core:1.0"}, members}
	}
	p := scim.Patch{Schemas: []string{scim.SchemaPatch}}
	if len(add) > 0 {
		p.Operations = append(p.Operations, scim.Operation{Op: "add", Path: "members", Value: memberValues(add)})
	}
	switch {
	case len(remove) == 0:
	case c.cfg.MemberRemoval == RemoveByFilter:
		for _, id := range remove {
			p.Operations = append(p.Operations, scim.Operation{Op: "remove", Path: "members[value eq " + scim.Quote(id) + "]"})
		}
	default:
		p.Operations = append(p.Operations, scim.Operation{Op: "remove", Path: "members", Value: memberValues(remove)})
	}
	return p
}

func memberValues(ids []string) []scim.Member {
	values := make([]scim.Member, len(ids))
	for i, id := range ids {
		values[i].Value = id
	}
	return values
}

// membersAnswered says what came of a membership change. One that is refused may be so for
// the group, for its size, or for single members: it may be made again in parts.
func (c *Client) membersAnswered(ctx context.Context, w reconcile.Write, what string, r *resty.Response, lost bool, err error) (reconcile.Written, error) {
	why := c.outcome(ctx, what, r, lost, err)
	if why == nil || err != nil || !divides(r.StatusCode()) {
		return reconcile.Written{ID: w.GroupID}, why
	}
	alone := len(w.Add)+len(w.Remove) <= 1
	if r.StatusCode() == http.StatusNotFound {
		switch err := c.isThere(ctx, w.GroupID); {
		case errors.Is(err, reconcile.ErrGone):
			return reconcile.Written{}, fmt.Errorf("%s: %w", what, err)
		case err != nil:
			return reconcile.Written{}, errors.Join(why, err)
		case alone && len(w.Add) > 0:
			return reconcile.Written{}, fmt.Errorf("%s: account %s: %w", what, w.Add[0], reconcile.ErrGone)
		}
	}
	switch {
	case !alone:
		return reconcile.Written{}, &reconcile.DivisibleError{Err: why}
	case len(w.Remove) > 0 && (r.StatusCode() == http.StatusNotFound || noTarget(r)):
		return reconcile.Written{ID: w.GroupID}, nil // who is gone need not be removed
	}
	return reconcile.Written{}, why
}

// divides says which refusals of a membership change may be about a part of it.
func divides(status int) bool {
	return status == http.StatusNotFound || status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge
}

// noTarget reads a refusal that means "nobody is there": who is no member any more cannot
// be taken out (RFC 7644 table 9).
func noTarget(r *resty.Response) bool {
	e, ok := scim.ParseError(r.Body())
	return ok && e.ScimType == scim.TypeNoTarget
}

// putMembers replaces the whole member list: read, change, write, one at a time
// for each group. What others change in between is lost, which is why this is
// not the default.
func (c *Client) putMembers(ctx context.Context, w reconcile.Write) (reconcile.Written, error) {
	what := "change members of " + w.Group
	lock := c.editLock(w.GroupID)
	select { // whoever has it may be waiting for as long as Tomorro asks
	case lock <- struct{}{}:
		defer func() { <-lock }()
	case <-ctx.Done():
		return reconcile.Written{}, fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	g, status, err := c.group(ctx, w.GroupID)
	switch {
	case status == http.StatusNotFound: // or a service without single groups
		return reconcile.Written{}, fmt.Errorf("%s: %w", what, cmp.Or(c.isThere(ctx, w.GroupID), err))
	case err != nil:
		return reconcile.Written{}, fmt.Errorf("%s: %w", what, err)
	}
	members, err := c.wholeList(ctx, &g)
	if err != nil {
		return reconcile.Written{}, fmt.Errorf("%s: %w", what, err)
	}
	members = slices.DeleteFunc(members, func(m scim.Member) bool { return slices.Contains(w.Remove, m.Value) })
	body := struct {
		scim.Group
		Members []scim.Member `json:"members"` // also when it is empty
	}{scim.Group{Schemas: []string{scim.SchemaGroup}, ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.Name}, with(members, w.Add)}
	r, lost, err := c.write(ctx, http.MethodPut, "/Groups/"+url.PathEscape(w.GroupID), marshal(body))
	return c.membersAnswered(ctx, w, what, r, lost, err)
}

// wholeList gives everybody whom a PUT of the group must name so that they stay: its
// accounts, wherever the service shows them, and the groups that are in it.
func (c *Client) wholeList(ctx context.Context, g *group) ([]scim.Member, error) {
	if g.Members == nil {
		found, err := c.listedGroup(ctx, g.ID)
		return memberValues(found.Members), err
	}
	members := memberValues(g.group().Members)
	for _, m := range g.Members {
		if m.Value != "" && nested(m) {
			members = append(members, m)
		}
	}
	return members, nil
}

// with adds accounts that are not members yet.
func with(members []scim.Member, ids []string) []scim.Member {
	for _, id := range ids {
		if !slices.ContainsFunc(members, func(m scim.Member) bool { return m.Value == id }) {
			members = append(members, scim.Member{Value: id})
		}
	}
	return members
}

func (c *Client) editLock(group string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.editing[group] == nil {
		c.editing[group] = make(chan struct{}, 1)
	}
	return c.editing[group]
}
