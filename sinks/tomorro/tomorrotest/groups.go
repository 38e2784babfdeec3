package tomorrotest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (s *Server) listGroups(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	members := (s.knobs.Members == MembersShown || s.knobs.Members == MembersNonEmpty) && q.Get("excludedAttributes") != "members"
	if q.Get("filter") == "" {
		page(s, w, q, len(s.groups), func(i int) wireGroup { return s.showGroup(s.groups[i], members) })
		return
	}
	attribute, value, ok := filter(q)
	if !ok || attribute != "displayname" {
		refuse(w, http.StatusBadRequest, "invalidFilter", "this filter is not supported")
		return
	}
	found := slices.DeleteFunc(slices.Clone(s.groups), func(g *Group) bool { return !strings.EqualFold(g.DisplayName, value) })
	page(s, w, q, len(found), func(i int) wireGroup { return s.showGroup(found[i], members) })
}

func (s *Server) group(w http.ResponseWriter, r *http.Request) *Group {
	g := s.groupByID[r.PathValue("id")]
	if g == nil {
		refuse(w, http.StatusNotFound, "", "no group has the id "+r.PathValue("id"))
	}
	return g
}

func (s *Server) getGroup(w http.ResponseWriter, r *http.Request) {
	if g := s.group(w, r); g != nil {
		send(w, http.StatusOK, s.showGroup(g, s.knobs.Members != MembersByUser))
	}
}

type groupBody struct {
	Schemas     []string  `json:"schemas"`
	ExternalID  string    `json:"externalId"`
	DisplayName string    `json:"displayName"`
	Members     []wireRef `json:"members"`
}

func (s *Server) postGroup(w http.ResponseWriter, r *http.Request) {
	var b groupBody
	if !decode(w, r, &b) {
		return
	}
	if !slices.Contains(b.Schemas, urnGroup) || strings.TrimSpace(b.DisplayName) == "" {
		refuse(w, http.StatusBadRequest, "invalidValue", "schemas must name "+urnGroup+", and displayName is required")
		return
	}
	if slices.ContainsFunc(s.groups, func(g *Group) bool { return g.DisplayName == b.DisplayName }) {
		s.record(r, b.DisplayName, false)
		refuse(w, http.StatusConflict, "uniqueness", "a group has this name")
		return
	}
	g := s.addGroup(b.DisplayName)
	g.ExternalID = b.ExternalID
	for _, m := range b.Members {
		s.join(g, m.Value)
	}
	s.record(r, g.DisplayName, true)
	w.Header().Set("Location", s.prefix+"/Groups/"+g.ID)
	send(w, http.StatusCreated, s.showGroup(g, true))
}

func (s *Server) addGroup(name string) *Group {
	g := &Group{ID: s.newID(), DisplayName: name, members: make(map[string]bool)}
	s.groups = append(s.groups, g)
	s.groupByID[g.ID] = g
	return g
}

// join and part report whether anything changed.
func (s *Server) join(g *Group, id string) bool {
	u := s.userByID[id]
	if u == nil || g.members[id] {
		return false
	}
	g.members[id], u.groups[g.ID] = true, true
	return true
}

func (s *Server) part(g *Group, id string) bool {
	if !g.members[id] {
		return false
	}
	delete(g.members, id)
	if u := s.userByID[id]; u != nil {
		delete(u.groups, g.ID)
	}
	return true
}

// putGroup replaces name and members, as Okta does.
func (s *Server) putGroup(w http.ResponseWriter, r *http.Request) {
	g := s.group(w, r)
	var b groupBody
	if g == nil || !decode(w, r, &b) || !s.allKnown(w, ids(b.Members)) {
		return
	}
	if s.knobs.IgnoresMembers {
		s.ignoreMembers(w, r, g)
		return
	}
	wanted := make(map[string]bool, len(b.Members))
	effect := b.DisplayName != g.DisplayName
	for _, m := range b.Members {
		wanted[m.Value] = true
		effect = s.join(g, m.Value) || effect
	}
	for _, id := range sorted(g.members) {
		if !wanted[id] {
			effect = s.part(g, id) || effect
		}
	}
	g.DisplayName = b.DisplayName
	s.record(r, g.DisplayName, effect)
	send(w, http.StatusOK, s.showGroup(g, true))
}

// ignoreMembers confirms a change of members and makes none.
func (s *Server) ignoreMembers(w http.ResponseWriter, r *http.Request, g *Group) {
	s.record(r, g.DisplayName, false)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request) {
	g := s.group(w, r)
	if g == nil {
		return
	}
	s.removeGroup(g)
	s.record(r, g.DisplayName, true)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) removeGroup(g *Group) {
	for _, id := range sorted(g.members) {
		s.part(g, id)
	}
	s.groups = slices.DeleteFunc(s.groups, func(x *Group) bool { return x == g })
	delete(s.groupByID, g.ID)
}

// operation is one PATCH operation with its op in lower case.
type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
	kind  string
}

// operations reads a PatchOp body.
func operations(w http.ResponseWriter, r *http.Request, exists bool) ([]operation, bool) {
	if !exists {
		return nil, false
	}
	var b struct {
		Schemas    []string    `json:"schemas"`
		Operations []operation `json:"Operations"`
	}
	if !decode(w, r, &b) {
		return nil, false
	}
	if !slices.Contains(b.Schemas, urnPatch) || len(b.Operations) == 0 {
		refuse(w, http.StatusBadRequest, "invalidSyntax", "schemas must name "+urnPatch+", and Operations must not be empty")
		return nil, false
	}
	for i := range b.Operations {
		b.Operations[i].kind = strings.ToLower(b.Operations[i].Op)
		if !slices.Contains([]string{"add", "remove", "replace"}, b.Operations[i].kind) {
			refuse(w, http.StatusBadRequest, "invalidSyntax", "there is no operation "+b.Operations[i].Op)
			return nil, false
		}
	}
	return b.Operations, true
}

// edits is what a PATCH of a group wants, in any dialect.
type edits struct {
	add, remove []string
	name        *string
	all         *[]string // replace the whole list
}

func (s *Server) patchGroup(w http.ResponseWriter, r *http.Request) {
	g := s.group(w, r)
	if g == nil {
		return
	}
	want, ok := s.edits(w, r)
	if !ok {
		return
	}
	if n := len(want.add) + len(want.remove); s.knobs.MostMembers > 0 && n > s.knobs.MostMembers {
		refuse(w, http.StatusRequestEntityTooLarge, "tooMany", "too many members in one request")
		return
	}
	if !s.allKnown(w, append(slices.Clone(want.add), want.remove...)) {
		return
	}
	if s.knobs.NoTarget && slices.ContainsFunc(want.remove, func(id string) bool { return !g.members[id] }) {
		refuse(w, http.StatusBadRequest, "noTarget", "somebody is not in the group")
		return
	}
	if s.knobs.IgnoresMembers {
		s.ignoreMembers(w, r, g)
		return
	}
	if want.all != nil {
		for _, id := range sorted(g.members) {
			if !slices.Contains(*want.all, id) {
				want.remove = append(want.remove, id)
			}
		}
		want.add = append(want.add, *want.all...)
	}
	effect := false
	for _, id := range want.add {
		effect = s.join(g, id) || effect
	}
	for _, id := range want.remove {
		effect = s.part(g, id) || effect
	}
	if want.name != nil {
		effect = effect || *want.name != g.DisplayName
		g.DisplayName = *want.name
	}
	s.record(r, g.DisplayName, effect)
	if s.knobs.PatchNoContent {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	send(w, http.StatusOK, s.showGroup(g, s.knobs.Members != MembersByUser && len(g.members) < 200))
}

// allKnown refuses a request that names somebody who is not there.
func (s *Server) allKnown(w http.ResponseWriter, members []string) bool {
	for _, id := range members {
		if s.userByID[id] == nil && !s.knobs.IgnoresUnknownID {
			refuse(w, http.StatusNotFound, "", "no user has the id "+id)
			return false
		}
	}
	return true
}

var memberFilter = regexp.MustCompile(`(?i)^members\[\s*value\s+eq\s+"([^"]*)"\s*\]$`)

// edits reads the body of a group PATCH: PatchOp operations on members, with a
// list of values or a filter, or SCIM 1.1's members with an operation each.
func (s *Server) edits(w http.ResponseWriter, r *http.Request) (want edits, ok bool) {
	var old struct {
		Schemas []string `json:"schemas"`
		Members []struct {
			Value     string `json:"value"`
			Operation string `json:"operation"`
		} `json:"members"`
		Operations []operation `json:"Operations"`
	}
	if !decode(w, r, &old) {
		return want, false
	}
	if len(old.Operations) == 0 {
		return want, s.scim1(w, old.Members == nil, func(yield func(id, op string)) {
			for _, m := range old.Members {
				yield(m.Value, m.Operation)
			}
		}, &want)
	}
	if !slices.Contains(old.Schemas, urnPatch) {
		refuse(w, http.StatusBadRequest, "invalidSyntax", "schemas must name "+urnPatch)
		return want, false
	}
	for _, op := range old.Operations {
		if why := s.edit1(op, &want); why != "" {
			refuse(w, http.StatusBadRequest, "invalidPath", why)
			return want, false
		}
	}
	return want, true
}

func (s *Server) scim1(w http.ResponseWriter, empty bool, each func(func(id, op string)), want *edits) bool {
	if empty || s.knobs.ValuesOnly || s.knobs.FilterPathOnly {
		refuse(w, http.StatusBadRequest, "invalidSyntax", "Operations must not be empty")
		return false
	}
	each(func(id, op string) {
		if strings.EqualFold(op, "delete") {
			want.remove = append(want.remove, id)
		} else {
			want.add = append(want.add, id)
		}
	})
	return true
}

// edit1 reads one operation.
func (s *Server) edit1(op operation, want *edits) (why string) {
	kind := strings.ToLower(op.Op)
	if m := memberFilter.FindStringSubmatch(op.Path); m != nil && kind == "remove" {
		if s.knobs.ValuesOnly {
			return "the path " + op.Path + " is not supported"
		}
		want.remove = append(want.remove, m[1])
		return ""
	}
	if strings.EqualFold(op.Path, "displayName") && kind == "replace" {
		var name string
		if json.Unmarshal(op.Value, &name) != nil {
			return "displayName is not text"
		}
		want.name = &name
		return ""
	}
	var members []wireRef
	if !strings.EqualFold(op.Path, "members") || json.Unmarshal(op.Value, &members) != nil {
		return "the path " + op.Path + " is not supported with this value"
	}
	switch kind {
	case "add":
		want.add = append(want.add, ids(members)...)
	case "remove":
		if s.knobs.FilterPathOnly {
			return "remove members by members[value eq \"…\"]"
		}
		want.remove = append(want.remove, ids(members)...)
	case "replace":
		list := ids(members)
		want.all = &list
	default:
		return "there is no operation " + op.Op
	}
	return ""
}

func ids(refs []wireRef) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.Value
	}
	return out
}

// config says what the service can do (RFC 7643 section 5).
func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	no := map[string]any{"supported": false}
	send(w, http.StatusOK, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   map[string]any{"supported": true}, "filter": map[string]any{"supported": true, "maxResults": 100},
		"bulk": map[string]any{"supported": s.knobs.Bulk.Operations > 0, "maxOperations": s.knobs.Bulk.Operations, "maxPayloadSize": s.knobs.Bulk.payload()}, "sort": no, "etag": no, "changePassword": no, "authenticationSchemes": []any{},
	})
}
