package push

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// handler is what serves a request, and the id in its path.
type handler struct {
	serve func(c *call, id string) (answer, error)
	id    string
}

type methods map[string]func(c *call, id string) (answer, error)

// routes has the methods of each address: /Users, and /Users/{id}.
var routes = map[string]struct{ all, one methods }{
	"Users": {
		all: methods{http.MethodGet: listUsers, http.MethodPost: createUser},
		one: methods{http.MethodGet: getUser, http.MethodPut: replaceUser, http.MethodPatch: patchUser, http.MethodDelete: deleteUser},
	},
	"Groups": {
		all: methods{http.MethodGet: listGroups, http.MethodPost: createGroup},
		one: methods{http.MethodGet: getGroup, http.MethodPut: replaceGroup, http.MethodPatch: patchGroup, http.MethodDelete: deleteGroup},
	},
	"ServiceProviderConfig": {all: methods{http.MethodGet: getConfig}},
	"ResourceTypes":         {all: methods{http.MethodGet: listTypes}, one: methods{http.MethodGet: getType}},
	"Schemas":               {all: methods{http.MethodGet: listSchemas}, one: methods{http.MethodGet: getSchema}},
}

// notOffered are addresses of RFC 7644 that this listener does not have.
var notOffered = []string{"Me", "Bulk", ".search"}

// segments splits a path; slashes collapse and may trail.
func segments(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

// find finds what serves a path. Paths are never redirected: a redirected write
// may not be sent again.
func (c *call) find() (handler, error) {
	parts := segments(c.r.URL.EscapedPath())
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return handler{}, refuse(http.StatusBadRequest, "", "The address cannot be read.")
		}
		parts[i] = plain
	}
	if len(parts) <= len(c.prefix) || !slices.Equal(parts[:len(c.prefix)], c.prefix) {
		return handler{}, refuse(http.StatusNotFound, "", "Nothing is at this address. The SCIM base URL ends in /%s.", strings.Join(c.prefix, "/"))
	}
	parts = parts[len(c.prefix):]
	if slices.Contains(notOffered, parts[0]) || len(parts) == 2 && parts[1] == ".search" {
		c.route = "(not offered)"
		return handler{}, refuse(http.StatusNotImplemented, "", "This listener does not offer Bulk, Me or .search; see ServiceProviderConfig.")
	}
	kind, known := routes[parts[0]]
	if !known || len(parts) > 2 || len(parts) == 2 && kind.one == nil {
		return handler{}, refuse(http.StatusNotFound, "", "Nothing is at this address. There are Users and Groups, ServiceProviderConfig, ResourceTypes and Schemas.")
	}
	c.route = "/" + parts[0]
	table, id := kind.all, ""
	if len(parts) == 2 {
		table, id = kind.one, parts[1]
		c.route += "/{id}"
		if !isID(id) {
			return handler{}, ErrNotKnown
		}
	}
	serve, ok := table[c.asked()]
	if !ok {
		p := refuse(http.StatusMethodNotAllowed, "", "This address does not take %s.", method(c.r.Method))
		p.allow = table.allow()
		return handler{}, p
	}
	return handler{serve: serve, id: id}, nil
}

// asked is the method whose answer is wanted: HEAD's is GET's, without its body (RFC 9110
// section 9.3.2).
func (c *call) asked() string {
	if c.r.Method == http.MethodHead {
		return http.MethodGet
	}
	return c.r.Method
}

func (m methods) allow() string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
		if name == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// isID reports whether text can be an id. Text that would change the path or the query of
// a request to Tomorro, or break a line of a log, is nobody's id.
func isID(id string) bool {
	return id != "" && id != "." && id != ".." && checkText("id", id) == nil && !strings.ContainsAny(id, "/\\?#")
}

// method is a request's method, if it is a known one: any other is text of the client's
// choice, which must not be logged.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return name
	}
	return "this method"
}

// absent makes a success of a delete that fails with 404: what is to be deleted is gone.
func absent(err error) error {
	if err != nil && problemOf(err).says.Status == http.StatusNotFound {
		return nil
	}
	return err
}
