package onelogin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sourcegraph/conc/iter"

	"tomorro-sync/reconcile"
)

// Witness asks for each person by id: one request, and a second one for a person
// at work, to see whether they have the app. There is one testimony for each key,
// in the same order; a question that could not be answered says so.
func (c *Client) Witness(ctx context.Context, keys []reconcile.Key) []reconcile.Testimony {
	mapper := iter.Mapper[reconcile.Key, reconcile.Testimony]{MaxGoroutines: c.cfg.Concurrency}
	return mapper.Map(keys, func(k *reconcile.Key) reconcile.Testimony { return c.testify(ctx, *k) })
}

func (c *Client) testify(ctx context.Context, key reconcile.Key) reconcile.Testimony {
	t := reconcile.Testimony{Key: key, Answer: reconcile.WitnessUnknown}
	path := "/api/2/users/" + url.PathEscape(key.String())
	r, err := c.get(ctx, path, nil)
	switch {
	case err != nil:
		t.Why = err.Error()
		return t
	case r.StatusCode() == http.StatusNotFound && said(r.Body()) != "":
		t.Answer = reconcile.WitnessGone // in OneLogin's own words, not some proxy's
		return t
	case r.StatusCode() != http.StatusOK:
		t.Why = refusal("ask for user "+key.String(), "Read Users", r).Error()
		return t
	}
	var u struct {
		ID     number        `json:"id"`
		Status given[number] `json:"status"`
		State  given[number] `json:"state"`
	}
	if err := decode(r.Body(), &u); err != nil || reconcile.Key(u.ID) != key || !u.Status.present || u.Status.null || !u.State.present || u.State.null {
		t.Why = fmt.Sprintf("ask for user %d: the answer is not about this user", key)
		return t
	}
	t.Status, t.Licence = reconcile.Status(u.Status.value), reconcile.Licence(u.State.value)
	if slices.Contains(reconcile.DefaultInactive(), t.Status) || t.Licence != reconcile.Approved {
		t.Answer = reconcile.WitnessInactive
		return t
	}
	t.Answer, t.Why = c.hasApp(ctx, path)
	return t
}

// hasApp looks for the app among a person's apps, hidden ones included.
func (c *Client) hasApp(ctx context.Context, path string) (answer, why string) {
	r, err := c.get(ctx, path+"/apps", url.Values{"ignore_visibility": {"true"}})
	if err != nil {
		return reconcile.WitnessUnknown, err.Error()
	}
	if r.StatusCode() != http.StatusOK {
		return reconcile.WitnessUnknown, refusal("ask for a user's apps", "Read Users", r).Error()
	}
	apps, err := decodeOK(r, decodeAs[[]named])
	if err != nil {
		return reconcile.WitnessUnknown, err.Error()
	}
	if headOf(r.Header()).more() {
		return reconcile.WitnessUnknown, "there is more than one page of apps"
	}
	if slices.ContainsFunc(apps, func(a named) bool { return int64(a.ID) == c.cfg.AppID }) {
		return reconcile.WitnessPresent, ""
	}
	return reconcile.WitnessUnassigned, ""
}
