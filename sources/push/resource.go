package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// at is the location of a resource.
func (l *Listener) at(kind, id string) string {
	return l.location + "/" + kind + "/" + url.PathEscape(id)
}

// withMeta adds meta to a resource. Its version is a digest of content, which must be all of
// the resource's values, always in the same order. Tomorro gives no version to rely on.
func (l *Listener) withMeta(r scim.Resource, kind, id string, content ...string) scim.Resource {
	var all []byte
	for _, text := range content {
		all = append(strconv.AppendInt(all, int64(len(text)), 10), ' ')
		all = append(all, text...)
	}
	sum := sha256.Sum256(all)
	r["meta"] = map[string]any{
		"resourceType": kind, "location": l.at(kind+"s", id), "version": `W/"` + hex.EncodeToString(sum[:8]) + `"`,
	}
	return r
}

func meta(r scim.Resource, name string) string {
	m, _ := r["meta"].(map[string]any)
	s, _ := m[name].(string)
	return s
}

// one answers with one resource.
func (c *call) one(status int, r scim.Resource) (answer, error) {
	version := meta(r, "version")
	if c.asked() == http.MethodGet && listed(c.r.Header.Get("If-None-Match"), version) {
		return answer{status: http.StatusNotModified, etag: version}, nil
	}
	a, err := render(status, c.query.shown.Of(r))
	a.etag = version
	if status == http.StatusCreated {
		a.location = meta(r, "location")
	}
	return a, err
}

// match checks If-Match (RFC 7644 section 3.14) against what Tomorro has now.
func (c *call) match(r scim.Resource) error {
	wanted := c.r.Header.Get("If-Match")
	if wanted == "" || listed(wanted, meta(r, "version")) {
		return nil
	}
	return refuse(http.StatusPreconditionFailed, "", "The resource has changed since it was read; read it again.")
}

// listed says whether a version is in an If-Match or If-None-Match header.
func listed(header, version string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || tag != "" && strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(version, "W/") {
			return true
		}
	}
	return false
}

// query is what the query of a request asks for.
type query struct {
	filter *scim.Filter
	start  int              // 1 is the first
	count  int              // -1: all
	shown  *scim.Projection // attributes and excludedAttributes
}

// readQuery reads the parameters of RFC 7644 section 3.4.2; others are passed over.
func readQuery(raw string) (query, error) {
	q := query{start: 1, count: -1}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, invalid("The query in the address cannot be read; special characters must be percent-encoded.")
	}
	for _, name := range []string{"filter", "startIndex", "count"} {
		if len(values[name]) > 1 {
			return q, invalid("%s is in the query twice.", name)
		}
	}
	if q.start, err = number(values.Get("startIndex"), 1); err != nil {
		return q, invalid("startIndex must be a whole number.")
	}
	if q.count, err = number(values.Get("count"), -1); err != nil {
		return q, invalid("count must be a whole number.")
	}
	if values.Get("count") != "" {
		q.count = max(q.count, 0) // a negative value counts as 0
	}
	q.start = max(q.start, 1)
	names := func(of string) (all []string) {
		for _, v := range values[of] {
			all = append(all, strings.Split(v, ",")...)
		}
		return all
	}
	q.shown = scim.NewProjection(names("attributes"), names("excludedAttributes"))
	if text := filterText(raw, values.Get("filter")); text != "" {
		if len(text) > maxFilter {
			return q, refuse(http.StatusBadRequest, scim.TypeInvalidFilter, "The filter is longer than %d bytes.", maxFilter)
		}
		q.filter, err = scim.ParseFilter(text)
	}
	return q, err
}

func number(text string, absent int) (int, error) {
	if text == "" {
		return absent, nil
	}
	return strconv.Atoi(text)
}

// filterText is the filter as its sender meant it. A sender that writes spaces as %20 means
// a plus sign by +, as in jane+test@example.com; others write spaces as +.
func filterText(raw, decoded string) string {
	for pair := range strings.SplitSeq(raw, "&") {
		value, isFilter := strings.CutPrefix(pair, "filter=")
		if isFilter && strings.Contains(value, "%20") && strings.Contains(value, "+") {
			if literal, err := url.PathUnescape(value); err == nil {
				return strings.TrimSpace(literal)
			}
		}
	}
	return strings.TrimSpace(decoded)
}

func listUsers(c *call, _ string) (answer, error) {
	accounts, found, err := c.findUser()
	if err == nil && !found {
		var done func()
		if done, err = c.whole(); err == nil {
			defer done()
			accounts, err = c.o.Users.Users(c.r.Context())
		}
	}
	if err != nil {
		return answer{}, err
	}
	resources := make([]scim.Resource, 0, len(accounts))
	for i := range accounts {
		if r := c.userResource(&accounts[i]); found || c.query.filter == nil || c.query.filter.Matches(r) {
			resources = append(resources, r)
		}
	}
	return c.list(resources)
}

// whole waits until this call may read a whole list; done lets the next one do so. The
// error is the context's cause.
func (c *call) whole() (done func(), err error) {
	select {
	case c.lists <- struct{}{}:
		return func() { <-c.lists }, nil
	case <-c.r.Context().Done():
		return nil, context.Cause(c.r.Context())
	}
}

// findUser answers a filter that names one userName, as OneLogin's do, or one id, without
// reading the list. found reports whether the filter was one of these.
func (c *call) findUser() (accounts []reconcile.Account, found bool, err error) {
	if c.query.filter == nil {
		return nil, false, nil
	}
	attribute, value, _ := c.query.filter.Equality()
	find := c.o.Users.FindUser
	switch attribute {
	case "username":
	case "id":
		find = c.o.Users.User
	default:
		return nil, false, nil
	}
	if value = strings.TrimSpace(value); value == "" || attribute == "id" && !isID(value) || checkText("", value) != nil {
		return nil, true, nil
	}
	a, err := find(c.r.Context(), value)
	if errors.Is(err, ErrNotKnown) || errors.Is(err, reconcile.ErrGone) {
		return nil, true, nil
	}
	return []reconcile.Account{a}, true, err
}

func listGroups(c *call, _ string) (answer, error) {
	done, err := c.whole()
	if err != nil {
		return answer{}, err
	}
	defer done()
	groups, err := c.o.Groups.Groups(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	resources := make([]scim.Resource, 0, len(groups))
	for i := range groups {
		if r := c.groupResource(&groups[i]); c.query.filter == nil || c.query.filter.Matches(r) {
			resources = append(resources, r)
		}
	}
	return c.list(resources)
}

// list answers with a ListResponse (RFC 7644 section 3.4.2), sorted by id. Without
// a count it has everything: OneLogin does not page.
func (c *call) list(all []scim.Resource) (answer, error) {
	slices.SortFunc(all, func(a, b scim.Resource) int {
		x, _ := a["id"].(string)
		y, _ := b["id"].(string)
		return strings.Compare(x, y)
	})
	from := min(c.query.start-1, len(all))
	page := all[from:]
	if c.query.count >= 0 {
		page = page[:min(c.query.count, len(page))]
	}
	out := make([]scim.Resource, len(page))
	for i, r := range page {
		out[i] = c.query.shown.Of(r)
	}
	return render(http.StatusOK, listResponse{
		Schemas: []string{scim.SchemaList}, Total: len(all), Start: c.query.start, Items: len(out), Resources: out,
	})
}

type listResponse struct {
	Schemas   []string        `json:"schemas"`
	Total     int             `json:"totalResults"`
	Start     int             `json:"startIndex"`
	Items     int             `json:"itemsPerPage"`
	Resources []scim.Resource `json:"Resources"`
}
