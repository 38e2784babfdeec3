package tomorrotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// userBody is what a client may send. A pointer is nil when the attribute is absent.
type userBody struct {
	Schemas    []string `json:"schemas"`
	ExternalID *string  `json:"externalId"`
	UserName   *string  `json:"userName"`
	UserType   *string  `json:"userType"`
	Name       *struct {
		GivenName  *string `json:"givenName"`
		FamilyName *string `json:"familyName"`
	} `json:"name"`
	Active *bool `json:"active"`
}

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Has("attributes") && s.knobs.Attributes == AttributesRefused {
		refuse(w, http.StatusBadRequest, "invalidPath", "attributes is not supported")
		return
	}
	if q.Get("filter") == "" {
		page(s, w, q, len(s.users), func(i int) any { return s.chosen(s.showUser(s.users[i], false), q.Get("attributes")) })
		return
	}
	attribute, value, ok := filter(q)
	var found []*User
	switch {
	case ok && attribute == "username":
		if u := s.userByName[strings.ToLower(value)]; u != nil {
			found = append(found, u)
		}
	case ok && attribute == "externalid":
		found = slices.DeleteFunc(slices.Clone(s.users), func(u *User) bool { return u.ExternalID != value })
	case ok && attribute == "id":
		if u := s.userByID[value]; u != nil {
			found = append(found, u)
		}
	default:
		refuse(w, http.StatusBadRequest, "invalidFilter", "this filter is not supported")
		return
	}
	page(s, w, q, len(found), func(i int) wireUser { return s.showUser(found[i], true) })
}

// chosen leaves of a user what the parameter attributes names (RFC 7644 section 3.9).
func (s *Server) chosen(u wireUser, names string) any {
	if names == "" || s.knobs.Attributes == AttributesPassedOver {
		return u
	}
	out := map[string]any{"id": u.ID, "schemas": u.Schemas}
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "userName":
			out["userName"] = u.UserName
		case "externalId":
			if u.ExternalID != "" {
				out["externalId"] = u.ExternalID
			}
		case "userType":
			out["userType"] = u.UserType
		case "name":
			out["name"] = u.Name
		case "active":
			if s.knobs.Attributes != AttributesBare {
				out["active"] = u.Active
			}
		case "groups":
			out["groups"] = u.Groups
		}
	}
	return out
}

func (s *Server) user(w http.ResponseWriter, r *http.Request) *User {
	u := s.userByID[r.PathValue("id")]
	if u == nil {
		refuse(w, http.StatusNotFound, "", "no user has the id "+r.PathValue("id"))
	}
	return u
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	if u := s.user(w, r); u != nil {
		send(w, http.StatusOK, s.showUser(u, true))
	}
}

func (s *Server) postUser(w http.ResponseWriter, r *http.Request) {
	var b userBody
	if !decode(w, r, &b) {
		return
	}
	if !slices.Contains(b.Schemas, urnUser) {
		refuse(w, http.StatusBadRequest, "invalidValue", "schemas must name "+urnUser)
		return
	}
	if b.UserName == nil || strings.TrimSpace(*b.UserName) == "" {
		refuse(w, http.StatusBadRequest, "invalidValue", "userName is missing")
		return
	}
	if u := s.userByName[strings.ToLower(*b.UserName)]; u != nil && s.knobs.Duplicate != DuplicateMade {
		s.record(r, *b.UserName, false)
		s.duplicate(w, u)
		return
	}
	u := &User{Active: true, groups: make(map[string]bool)}
	if !s.take(w, u, &b) {
		return
	}
	u.ID = s.newID()
	if old := s.removed[strings.ToLower(u.UserName)]; old != "" && s.knobs.RevivesID {
		u.ID = old
	}
	s.insert(u)
	s.record(r, u.UserName, true)
	w.Header().Set("Location", s.prefix+"/Users/"+u.ID)
	send(w, http.StatusCreated, s.showUser(u, true))
}

func (s *Server) insert(u *User) {
	s.users = append(s.users, u)
	s.userByID[u.ID], s.userByName[strings.ToLower(u.UserName)] = u, u
}

func (s *Server) duplicate(w http.ResponseWriter, u *User) {
	switch s.knobs.Duplicate {
	case DuplicateExisting:
		send(w, http.StatusOK, s.showUser(u, true))
	case DuplicateBad:
		refuse(w, http.StatusBadRequest, "uniqueness", "userName is taken")
	case DuplicateBare:
		refuse(w, http.StatusConflict, "", "userName is taken")
	default:
		refuse(w, http.StatusConflict, "uniqueness", "userName is taken")
	}
}

// take puts a whole resource into u: POST and PUT. What is left out is lost,
// but for active, of which a PUT without it says nothing.
func (s *Server) take(w http.ResponseWriter, u *User, b *userBody) bool {
	next := *u
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	next.UserName, next.ExternalID = text(b.UserName), text(b.ExternalID)
	next.GivenName, next.FamilyName = "", ""
	if b.Name != nil {
		next.GivenName, next.FamilyName = text(b.Name.GivenName), text(b.Name.FamilyName)
	}
	next.UserType = text(b.UserType)
	if b.Active != nil {
		next.Active = *b.Active
	}
	return s.accept(w, u, &next)
}

// accept checks next against every rule of the service and makes it u's.
func (s *Server) accept(w http.ResponseWriter, u, next *User) bool {
	if strings.TrimSpace(next.GivenName) == "" || strings.TrimSpace(next.FamilyName) == "" {
		refuse(w, http.StatusBadRequest, "invalidValue", "name.givenName and name.familyName are required")
		return false
	}
	if !slices.Contains(roles, next.UserType) || s.knobs.NoViewer && next.UserType == "viewer" {
		switch s.knobs.UnknownType {
		case TypeUser:
			next.UserType = "user"
		case TypeIgnored:
			next.UserType = u.UserType
		case TypeError:
			refuse(w, http.StatusInternalServerError, "", "internal error")
			return false
		default:
			refuse(w, http.StatusBadRequest, "invalidValue", fmt.Sprintf("userType %q is not one of admin, manager, user, viewer", next.UserType))
			return false
		}
	}
	if other := s.userByName[strings.ToLower(next.UserName)]; other != nil && other != u && next.UserName != u.UserName && (u.ID != "" || s.knobs.Duplicate != DuplicateMade) {
		refuse(w, http.StatusConflict, "uniqueness", "userName is taken")
		return false
	}
	if s.knobs.RenameRefused && u.ID != "" && !strings.EqualFold(u.UserName, next.UserName) {
		refuse(w, http.StatusBadRequest, "mutability", "userName cannot change")
		return false
	}
	if !s.seat(w, u, next) || !s.adminStays(w, u, next) {
		return false
	}
	if s.knobs.DropsExternalID {
		next.ExternalID = ""
	}
	if u.ID != "" {
		s.ignore(u, next)
	}
	if u.ID != "" {
		delete(s.userByName, strings.ToLower(u.UserName))
		s.userByName[strings.ToLower(next.UserName)] = u
	}
	*u = *next
	return true
}

// ignore leaves as it was what the knobs say is not kept.
func (s *Server) ignore(u, next *User) {
	if s.knobs.IgnoresType {
		next.UserType = u.UserType
	}
	if s.knobs.IgnoresName {
		next.GivenName, next.FamilyName = u.GivenName, u.FamilyName
	}
	if s.knobs.IgnoresInactive && u.Active {
		next.Active = true
	}
}

func (s *Server) seat(w http.ResponseWriter, u, next *User) bool {
	most, limited := s.knobs.Seats[next.UserType]
	if !limited || !next.Active || u.Active && u.ID != "" && u.UserType == next.UserType {
		return true
	}
	taken := 0
	for _, x := range s.users {
		if x.Active && x.UserType == next.UserType {
			taken++
		}
	}
	if taken < most {
		return true
	}
	status := cmp.Or(s.knobs.SeatsStatus, http.StatusForbidden)
	if status == http.StatusOK {
		next.Active = false
		return true
	}
	refuse(w, status, "", "no seat is left for "+next.UserType)
	return false
}

func (s *Server) adminStays(w http.ResponseWriter, u, next *User) bool {
	loses := u.Active && u.UserType == "admin" && (next.UserType != "admin" || !next.Active)
	if s.knobs.KeepsLastAdmin && u.ID != "" && loses && s.admins() == 1 {
		refuse(w, http.StatusForbidden, "", "the last admin cannot be removed")
		return false
	}
	return true
}

func (s *Server) putUser(w http.ResponseWriter, r *http.Request) {
	u := s.user(w, r)
	var b userBody
	if u == nil || !decode(w, r, &b) {
		return
	}
	if b.UserName == nil || *b.UserName == "" {
		refuse(w, http.StatusBadRequest, "invalidValue", "userName is missing")
		return
	}
	s.edit(w, r, u, func() bool { return s.take(w, u, &b) })
}

// edit makes a change of one user, and what follows from active:false.
func (s *Server) edit(w http.ResponseWriter, r *http.Request, u *User, change func() bool) {
	before := *u
	if !change() {
		*u = before
		return
	}
	if before.Active && !u.Active {
		after := *u
		*u = before
		if why := s.leave(u); why != "" {
			delete(s.userByName, strings.ToLower(after.UserName))
			s.userByName[strings.ToLower(before.UserName)] = u
			refuse(w, http.StatusForbidden, "", why)
			return
		}
		*u = after
		if s.knobs.InactiveRemoves {
			shown := s.showUser(u, true)
			s.drop(u)
			s.record(r, u.UserName, true)
			send(w, http.StatusOK, shown)
			return
		}
	}
	s.record(r, u.UserName, !same(&before, u))
	if r.Method == http.MethodPatch && s.knobs.PatchNoContent {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	send(w, http.StatusOK, s.showUser(u, true))
}

func same(a, b *User) bool {
	x, y := *a, *b
	x.groups, y.groups = nil, nil
	return fmt.Sprint(x) == fmt.Sprint(y)
}

func (s *Server) patchUser(w http.ResponseWriter, r *http.Request) {
	u := s.user(w, r)
	ops, ok := operations(w, r, u != nil)
	if !ok {
		return
	}
	s.edit(w, r, u, func() bool {
		next := *u
		for _, op := range ops {
			if op.kind == "remove" {
				refuse(w, http.StatusBadRequest, "mutability", op.Path+" cannot be removed")
				return false
			}
			values := map[string]json.RawMessage{}
			if op.Path != "" {
				values[op.Path] = op.Value
			} else if json.Unmarshal(op.Value, &values) != nil {
				refuse(w, http.StatusBadRequest, "invalidSyntax", "an operation without a path needs an object")
				return false
			}
			for path, value := range values {
				if why := set(&next, path, value); why != "" {
					refuse(w, http.StatusBadRequest, "invalidValue", why)
					return false
				}
			}
		}
		return s.accept(w, u, &next)
	})
}

// set puts one value at a path.
func set(u *User, path string, value json.RawMessage) (why string) {
	into := map[string]any{
		"username": &u.UserName, "usertype": &u.UserType, "name.givenname": &u.GivenName, "name.familyname": &u.FamilyName,
		"externalid": &u.ExternalID, "active": &u.Active,
	}[strings.ToLower(path)]
	if strings.EqualFold(path, "name") {
		var n wireName
		if json.Unmarshal(value, &n) != nil {
			return "name is not an object"
		}
		u.GivenName, u.FamilyName = n.GivenName, n.FamilyName
		return ""
	}
	if into == nil {
		return "there is no attribute " + path
	}
	var text string
	if strings.EqualFold(path, "active") && json.Unmarshal(value, &text) == nil { // Entra's "False"
		value = json.RawMessage(strings.ToLower(text))
	}
	if json.Unmarshal(value, into) != nil {
		return path + " has the wrong type"
	}
	return ""
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) {
	u := s.user(w, r)
	if u == nil {
		return
	}
	if why := s.leave(u); why != "" {
		refuse(w, http.StatusForbidden, "", why)
		return
	}
	s.record(r, u.UserName, true)
	if s.knobs.DeleteDisables {
		u.Active = false
	} else {
		s.drop(u)
	}
	w.WriteHeader(http.StatusNoContent)
}
