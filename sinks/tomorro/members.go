package tomorro

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	json "github.com/go-json-experiment/json/v1"
	"github.com/sourcegraph/conc/pool"
)

// members fills in what GET /Groups left out. known is false when the service
// shows memberships nowhere.
//
// An attribute without a value may be left out as well (RFC 7643 section 2.5),
// so as soon as one group has members in the list, the others are empty.
func (c *Client) members(ctx context.Context, groups []listed, sides *memberships) (known bool, err error) {
	if len(groups) == 0 || shown(groups) {
		return true, nil
	}
	if sides.fill(groups) {
		return true, nil
	}
	p := pool.New().WithMaxGoroutines(c.cfg.Concurrency).WithContext(ctx).WithCancelOnError().WithFirstError()
	unsupported := make([]bool, len(groups))
	for i := range groups {
		p.Go(func(ctx context.Context) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			whole, status, err := c.group(ctx, groups[i].ID)
			if err != nil && !unshown(status) {
				return err
			}
			unsupported[i] = err != nil
			groups[i].Members = whole.group().Members
			return nil
		})
	}
	if err := p.Wait(); err != nil {
		return false, err
	}
	for _, u := range unsupported {
		if u {
			return false, nil
		}
	}
	// Groups that were all read one by one and show nobody are empty.
	return true, nil
}

func shown(groups []listed) bool {
	return slices.ContainsFunc(groups, func(g listed) bool { return g.shown })
}

// memberships are what users say of the groups they are in.
type memberships struct {
	mu sync.Mutex
	of map[string][]string // group id -> account ids
}

func (m *memberships) clear() { m.of = make(map[string][]string) }

func (m *memberships) add(u *user) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range u.Groups {
		m.of[g.Value] = append(m.of[g.Value], u.ID)
	}
}

// fill gives groups their members from the users' side; false where there are none.
func (m *memberships) fill(groups []listed) (found bool) {
	for i := range groups {
		g := &groups[i]
		members := slices.Clone(m.of[g.ID])
		slices.Sort(members)
		g.Members = slices.Compact(members)
		found = found || len(g.Members) > 0
	}
	return found
}

// group reads one group. status is the answer's, also with an error.
func (c *Client) group(ctx context.Context, id string) (g group, status int, err error) {
	what := "read group " + id
	r, err := c.send(ctx, http.MethodGet, "/Groups/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return g, 0, fmt.Errorf("%s: %w", what, err)
	}
	if r.StatusCode() != http.StatusOK {
		return g, r.StatusCode(), refusal(what, r)
	}
	if err := json.Unmarshal(r.Body(), &g); err != nil {
		return g, r.StatusCode(), fmt.Errorf("%s: the answer is not SCIM: %w", what, err)
	}
	if g.ID != id {
		return g, r.StatusCode(), fmt.Errorf("%s: the answer is about another group or none; check tomorro.url", what)
	}
	return g, r.StatusCode(), nil
}
