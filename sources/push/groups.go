package push

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

func getGroup(c *call, id string) (answer, error) {
	g, err := c.o.Groups.Group(c.r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	return c.one(http.StatusOK, c.groupResource(&g))
}

// createGroup is an upsert by name. Members that are given are added: whoever
// makes a group that exists does not know who is in it.
func createGroup(c *call, _ string) (answer, error) {
	name, members, err := c.readGroup()
	if err != nil {
		return answer{}, err
	}
	if name == "" {
		return answer{}, invalid("displayName is missing.")
	}
	g, err := c.o.Pusher.Group(c.r.Context(), GroupSaid{Request: c.id, Operation: Create, Name: name})
	if err == nil && len(members) > 0 {
		g, err = c.o.Pusher.Membership(c.r.Context(), MembershipSaid{Request: c.id, GroupID: g.ID, Added: members})
	}
	if err != nil {
		return answer{}, err
	}
	return c.one(http.StatusCreated, c.groupResource(&g))
}

// replaceGroup is how Okta pushes a group: its name and all its members.
func replaceGroup(c *call, id string) (answer, error) {
	name, members, err := c.readGroup()
	if err != nil {
		return answer{}, err
	}
	if name == "" && members == nil {
		return answer{}, invalid("The body says nothing about the group: neither displayName nor members.")
	}
	return c.pushGroup(MembershipSaid{GroupID: id, Whole: members != nil, All: members}, name)
}

func deleteGroup(c *call, id string) (answer, error) {
	err := c.matchGroup(id)
	if err == nil {
		_, err = c.o.Pusher.Group(c.r.Context(), GroupSaid{Request: c.id, Operation: Delete, ID: id})
	}
	return answer{status: http.StatusNoContent}, absent(err)
}

func patchGroup(c *call, id string) (answer, error) {
	steps, err := c.readSteps()
	if err != nil {
		return answer{}, err
	}
	said, name := membership{}, ""
	for _, s := range steps {
		switch s.attr {
		case "members":
			err = c.member(&said, id, s)
		case "displayName":
			if name, err = text(map[string]any{"displayName": s.value}, "displayName"); err == nil && name == "" {
				err = refuse(http.StatusBadRequest, scim.TypeMutability, "A group must keep a displayName.")
			}
		}
		if err != nil {
			return answer{}, err
		}
	}
	return c.pushGroup(said.said(id), name)
}

// member reads one operation on members.
func (c *call) member(to *membership, id string, s step) error {
	if s.sub != "" {
		return refuse(http.StatusBadRequest, scim.TypeMutability, "A member can be added or removed, but not changed.")
	}
	if s.filter != "" {
		if s.op != "remove" {
			return refuse(http.StatusBadRequest, scim.TypeInvalidPath, "With a filter in its path, members can only be removed.")
		}
		ids, err := c.matching(id, s.filter)
		if err == nil {
			to.remove(ids)
		}
		return err
	}
	if s.op == "remove" && !s.valued {
		to.replace(nil) // RFC 7644 section 3.5.2.2: all of them
		return nil
	}
	list, isList := s.value.([]any)
	if s.op == "remove" && (s.value == nil || isList && len(list) == 0) {
		return invalid("The removal names no members. To empty the group, leave value away.")
	}
	ids, err := memberIDs(s.value)
	switch {
	case err != nil:
		return err
	case s.op == "add":
		to.add(ids)
	case s.op == "remove":
		to.remove(ids)
	default:
		to.replace(ids)
	}
	return nil
}

// matching are the members that a filter in a path means. An id is taken at its
// word, whether or not it is a member, so that removing twice is no error.
func (c *call) matching(group, text string) ([]string, error) {
	filter, err := scim.ParseFilter(text)
	if err != nil {
		return nil, err
	}
	if attribute, value, ok := filter.Equality(); ok && attribute == "value" {
		if !isID(value) {
			return nil, invalid("A member has no usable id as its value.")
		}
		return []string{value}, nil
	}
	g, err := c.o.Groups.Group(c.r.Context(), group)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range g.Members {
		if filter.Matches(c.memberResource(m)) {
			ids = append(ids, m)
		}
	}
	return ids, nil
}

// pushGroup says first who is in the group, then, when it differs, what it is
// called. With nothing to say it answers with what there is.
func (c *call) pushGroup(said MembershipSaid, name string) (answer, error) {
	if err := c.matchGroup(said.GroupID); err != nil {
		return answer{}, err
	}
	said.Request = c.id
	var g reconcile.Group
	var err error
	if said.Whole || len(said.Added)+len(said.Removed) > 0 {
		g, err = c.o.Pusher.Membership(c.r.Context(), said)
	} else {
		g, err = c.o.Groups.Group(c.r.Context(), said.GroupID)
	}
	if err == nil && name != "" && name != g.Name {
		g, err = c.o.Pusher.Group(c.r.Context(), GroupSaid{Request: c.id, Operation: Replace, ID: said.GroupID, Name: name})
	}
	if err != nil {
		return answer{}, err
	}
	return c.one(http.StatusOK, c.groupResource(&g))
}

// matchGroup checks If-Match, when there is one.
func (c *call) matchGroup(id string) error {
	if c.r.Header.Get("If-Match") == "" {
		return nil
	}
	g, err := c.o.Groups.Group(c.r.Context(), id)
	if err != nil {
		return err
	}
	return c.match(c.groupResource(&g))
}

// readGroup reads a group's name and members from the body; members is nil when the
// attribute is absent or null, and empty when it says nobody.
func (c *call) readGroup() (name string, members []string, err error) {
	body, err := c.object()
	if err != nil {
		return "", nil, err
	}
	if name, err = text(body, "displayName"); err != nil {
		return "", nil, err
	}
	if field(body, "members") == nil {
		return strings.TrimSpace(name), nil, nil
	}
	ids, err := memberIDs(field(body, "members"))
	return strings.TrimSpace(name), unique(ids), err
}

// membership collects what operations say, the later ones about the same member
// over the earlier.
type membership struct {
	whole bool
	in    map[string]bool // member to: is in; with whole, only those that are
}

func (m *membership) set(ids []string, in bool) {
	if m.in == nil {
		m.in = make(map[string]bool)
	}
	for _, id := range ids {
		m.in[id] = in
	}
}

func (m *membership) add(ids []string)    { m.set(ids, true) }
func (m *membership) remove(ids []string) { m.set(ids, false) }
func (m *membership) replace(ids []string) {
	m.whole, m.in = true, nil
	m.set(ids, true)
}

func (m *membership) said(group string) MembershipSaid {
	var in, out []string
	for id, is := range m.in {
		if is {
			in = append(in, id)
		} else {
			out = append(out, id)
		}
	}
	if m.whole {
		return MembershipSaid{GroupID: group, Whole: true, All: unique(in)}
	}
	return MembershipSaid{GroupID: group, Added: sorted(in), Removed: sorted(out)}
}

// unique sorts ids and drops doubles; it is never nil.
func unique(ids []string) []string {
	slices.Sort(ids)
	return append([]string{}, slices.Compact(ids)...)
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return ids
}

// groupResource is a group as SCIM has it.
func (c *call) groupResource(g *reconcile.Group) scim.Resource {
	members := make([]any, len(g.Members))
	for i, m := range g.Members {
		members[i] = c.memberResource(m)
	}
	r := scim.Resource{"schemas": []any{scim.SchemaGroup}, "id": g.ID, "displayName": g.Name, "members": members}
	if g.Ours {
		r["externalId"] = reconcile.GroupExternalID
	}
	return c.withMeta(r, "Group", g.ID, append([]string{g.ID, g.Name, strconv.FormatBool(g.Ours)}, g.Members...)...)
}

func (c *call) memberResource(id string) map[string]any {
	return map[string]any{"value": id, "type": "User", "$ref": c.at("Users", id)}
}
