package onelogin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// isoTime is how OneLogin writes a time.
const isoTime = "2006-01-02T15:04:05.000Z"

// mostEventPages bounds how many pages of events one call reads: they count against
// the hourly quota, which others share. Whom the rest is about waits for those who read
// everything: a call that failed would be made again from the same moment on, when there
// are more of them still.
const mostEventPages = 20

// accessEvents are the types of events about one person that can give them something:
// what takes away (deactivated, deleted, app removed) is left to those who read everything.
//
//	4, 147, 149, 513       a role was assigned: by whatever, by hand, by a mapping, by API
//	148, 150, 514          a role was taken: a rule may ask for people without it
//	206                    the app was assigned by hand
//	13, 533, 16, 32, 12    created, activated, reactivated, unlocked
//	14, 529, 512           updated, by API as well; a custom attribute was set
func accessEvents() string { return "4,147,149,513,148,150,514,206,13,533,16,32,12,14,529,512" }

// Changed gives the people of whom OneLogin reports a change since then: those whom events
// name first, then those whose updated_at moved, which it does on every login. Each is
// there once. OneLogin reports no deleted person, no edited rule and no app that is added
// to a role, and a role that is given or taken only if there is an event of it or
// updated_at moves. With an error, the result has the people who were found nevertheless.
//
// Source: developers.onelogin.com, List Users (updated_since) and Get Events, API 1.
func (c *Client) Changed(ctx context.Context, since time.Time) ([]reconcile.Key, error) {
	var told []reconcile.Key
	var failed error
	if !c.cfg.NoEvents {
		if told, failed = c.happened(ctx, since); failed != nil {
			failed = fmt.Errorf("read the events: %w", failed)
		}
	}
	l := &list[named]{
		c: c, name: reconcile.ListUsers, path: "/api/2/users", silent: true, limit: c.cfg.PageSize, privilege: "Read Users",
		grows:  true, // by each login
		query:  url.Values{"updated_since": {since.UTC().Format(isoTime)}, "fields": {"id"}},
		decode: decodeIdentified, id: (*named).id,
	}
	updated, _, err := l.read(ctx)
	if err != nil {
		failed = errors.Join(failed, fmt.Errorf("read who was updated: %w", err))
	}
	for i := range updated {
		told = append(told, reconcile.Key(updated[i].ID))
	}
	seen := make(map[reconcile.Key]bool, len(told))
	return slices.DeleteFunc(told, func(k reconcile.Key) bool {
		twice := seen[k]
		seen[k] = true
		return twice
	}), failed
}

// happened gives whom events are about, as often as they are.
func (c *Client) happened(ctx context.Context, since time.Time) (keys []reconcile.Key, err error) {
	after := ""
	for range mostEventPages {
		page, next, err := c.eventPage(ctx, since, after)
		if err != nil {
			return keys, err
		}
		keys = append(keys, page...)
		if next == "" {
			return keys, nil
		}
		if next == after {
			return keys, errors.New("the list of events leads to itself")
		}
		after = next
	}
	c.cfg.Logger.Warn("OneLogin tells of more events than are read; whom the others are about waits for the next run", "pages", mostEventPages)
	return keys, nil
}

func (c *Client) eventPage(ctx context.Context, since time.Time, after string) ([]reconcile.Key, string, error) {
	query := url.Values{"since": {since.UTC().Format(isoTime)}, "event_type_id": {accessEvents()}, "fields": {"user_id"}}
	if after != "" {
		query.Set("after_cursor", after)
	}
	r, err := c.get(ctx, "/api/1/events", query)
	if err != nil {
		return nil, "", err
	}
	if r.StatusCode() != http.StatusOK {
		return nil, "", refusal("page of events", "Read Users", r)
	}
	keys, next, err := decodeEvents(r.Body())
	if err != nil {
		return nil, "", fmt.Errorf("the answer cannot be read: %w", err)
	}
	return keys, next, nil
}

// decodeEvents reads one page of events: whom they are about, and the next page's
// cursor, empty on the last one. An event about nobody is passed over.
func decodeEvents(body []byte) ([]reconcile.Key, string, error) {
	var page struct {
		Pagination struct {
			After loose `json:"after_cursor"`
		} `json:"pagination"`
		Data *[]struct {
			User number `json:"user_id"`
		} `json:"data"`
	}
	if err := decode(body, &page); err != nil {
		return nil, "", err
	}
	if page.Data == nil {
		return nil, "", errors.New("it has no data")
	}
	var keys []reconcile.Key
	for _, e := range *page.Data {
		if e.User > 0 {
			keys = append(keys, reconcile.Key(e.User))
		}
	}
	return keys, string(page.Pagination.After), nil
}
