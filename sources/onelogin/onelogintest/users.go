package onelogintest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listKeys are the 22 keys of a user in the v2 list; singleKeys are the 11 that
// GET by id adds and that `fields` can ask for.
func listKeys() []string {
	return []string{"id", "firstname", "lastname", "username", "email", "phone", "status", "state", "group_id", "directory_id",
		"external_id", "distinguished_name", "samaccountname", "member_of", "invalid_login_attempts", "locked_until",
		"invitation_sent_at", "activated_at", "created_at", "updated_at", "last_login", "password_changed_at"}
}

func singleKeys() []string {
	return []string{"title", "department", "company", "comment", "role_ids", "custom_attributes", "manager_user_id",
		"manager_ad_id", "userprincipalname", "trusted_idp_id", "preferred_locale_code"}
}

// attribute gives one value of a user as the wire has it.
func (s *Server) attribute(p *Person, key string) any {
	switch key {
	case "id":
		return p.ID
	case "firstname":
		return p.FirstName
	case "lastname":
		return p.LastName
	case "username":
		return p.Username
	case "email":
		return p.Email
	case "phone":
		return p.Phone
	case "status":
		return p.Status
	case "state":
		return p.State
	case "group_id":
		return p.GroupID
	case "member_of":
		return p.MemberOf
	case "invalid_login_attempts":
		return 0
	case "created_at":
		return stamp(&p.CreatedAt)
	case "updated_at":
		return stamp(&p.UpdatedAt)
	case "last_login":
		return stamp(p.LastLogin)
	case "title":
		return p.Title
	case "department":
		return p.Department
	case "company":
		return p.Company
	case "comment":
		return p.Comment
	case "role_ids":
		return p.RoleIDs
	case "manager_ad_id":
		return p.ManagerADID
	case "manager_user_id":
		if p.ManagerUserID != nil && s.knobs.ManagerAsText {
			return strconv.FormatInt(*p.ManagerUserID, 10)
		}
		return p.ManagerUserID
	case "custom_attributes":
		all := make(map[string]any, len(s.seen().Custom)) // v2: every attribute of the account
		for _, name := range s.seen().Custom {
			all[name] = nil
			if v, ok := p.Custom[name]; ok {
				all[name] = v
			}
		}
		return all
	}
	return nil
}

func stamp(t *time.Time) any {
	if t == nil || t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// show writes one user with the given keys.
func (s *Server) show(b *bytes.Buffer, p *Person, keys []string) {
	b.WriteByte('{')
	values := json.NewEncoder(b)
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(key)
		b.WriteString(`":`)
		_ = values.Encode(s.attribute(p, key)) // plain values into memory: cannot fail
		b.Truncate(b.Len() - 1)                // the line's end
	}
	b.WriteByte('}')
}

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	keys := listKeys()
	if text := q.Get("fields"); text != "" {
		keys = []string{"id"}
		for key := range strings.SplitSeq(text, ",") {
			key = strings.TrimSpace(key)
			if slices.Contains(s.knobs.UnknownFields, key) || !slices.Contains(listKeys(), key) && !slices.Contains(singleKeys(), key) {
				v2Error(w, http.StatusBadRequest, "BadRequestError", "unknown attribute: "+key)
				return
			}
			if key != "id" && !slices.Contains(s.knobs.IgnoredFields, key) {
				keys = append(keys, key)
			}
		}
	}
	people, bad := s.filter(q.Get, q)
	if bad != "" {
		v2Error(w, http.StatusBadRequest, "BadRequestError", "unknown attribute: "+bad)
		return
	}
	most := 50
	if s.knobs.UserPageCap > 0 {
		most = s.knobs.UserPageCap
	}
	win, ok := s.paginate(w, q, len(people), min(50, most), most)
	if !ok {
		return
	}
	var b bytes.Buffer
	b.WriteByte('[')
	for i, p := range people[win.from:win.to] {
		if i > 0 {
			b.WriteByte(',')
		}
		if i == 0 && win.page == 2 && s.knobs.NoOrder {
			p = people[win.from-1]
		}
		s.show(&b, p, keys)
	}
	b.WriteByte(']')
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// filter applies the documented search parameters; bad names an unknown one.
func (s *Server) filter(get func(string) string, q map[string][]string) (people []*Person, bad string) {
	people = s.seen().People
	if ids := get("user_ids"); ids != "" { // first, since it leaves fewest
		people = s.named(ids)
	}
	keep := func(test func(*Person) bool) {
		people = slices.DeleteFunc(slices.Clone(people), func(p *Person) bool { return !test(p) })
	}
	for name := range q {
		value := get(name)
		switch name {
		case "fields", "limit", "page", "cursor", "sort", "user_ids":
		case "email":
			keep(func(p *Person) bool { return like(p.Email, value) })
		case "username":
			keep(func(p *Person) bool { return p.Username != nil && like(*p.Username, value) })
		case "firstname":
			keep(func(p *Person) bool { return like(p.FirstName, value) })
		case "lastname":
			keep(func(p *Person) bool { return like(p.LastName, value) })
		case "app_id":
			keep(func(p *Person) bool { return value == strconv.FormatInt(s.seen().App.ID, 10) && s.seen().HasApp(p) })
		case "updated_since":
			since, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return nil, name
			}
			keep(func(p *Person) bool { return p.UpdatedAt.After(since) })
		default:
			return nil, name
		}
	}
	return people, ""
}

// named are the people with the ids of a list, in the order of the world.
func (s *Server) named(ids string) []*Person {
	var people []*Person
	for text := range strings.SplitSeq(ids, ",") {
		id, err := strconv.ParseInt(text, 10, 64)
		if p := s.seen().Find(id); err == nil && p != nil {
			people = append(people, p)
		}
	}
	slices.SortFunc(people, func(a, b *Person) int { return cmp.Compare(a.ID, b.ID) })
	return slices.Compact(people)
}

// like compares with a wildcard at either end.
func like(have, want string) bool {
	switch {
	case strings.HasPrefix(want, "*") && strings.HasSuffix(want, "*"):
		return strings.Contains(have, strings.Trim(want, "*"))
	case strings.HasPrefix(want, "*"):
		return strings.HasSuffix(have, want[1:])
	case strings.HasSuffix(want, "*"):
		return strings.HasPrefix(have, want[:len(want)-1])
	}
	return strings.EqualFold(have, want)
}

func (s *Server) person(w http.ResponseWriter, r *http.Request) *Person {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	p := s.seen().Find(id)
	if p == nil {
		notFound(w)
	}
	return p
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	if p := s.person(w, r); p != nil {
		var b bytes.Buffer
		s.show(&b, p, append(listKeys(), singleKeys()...))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(b.Bytes())
	}
}

func (s *Server) userApps(w http.ResponseWriter, r *http.Request) {
	p := s.person(w, r)
	if p == nil {
		return
	}
	apps := []map[string]any{{"id": 11, "name": "Mail", "extension": false, "login_id": 1, "provisioning_enabled": false}}
	if s.seen().HasApp(p) && r.URL.Query().Get("ignore_visibility") == "true" { // the app is hidden from portals
		apps = append(apps, map[string]any{"id": s.seen().App.ID, "name": s.seen().App.Name, "extension": false, "login_id": 2,
			"provisioning_status": "enabled", "provisioning_state": "provisioned", "provisioning_enabled": true})
	}
	send(w, http.StatusOK, apps)
}

// listUsersV1 has every attribute without being asked, in an envelope, with a
// keyset cursor.
func (s *Server) listUsersV1(w http.ResponseWriter, r *http.Request) {
	from := 0
	if c := r.URL.Query().Get("after_cursor"); c != "" {
		raw, err := base64.StdEncoding.DecodeString(c)
		text := string(raw)
		last, bad := strconv.ParseInt(text[strings.LastIndex(text, ":")+1:], 10, 64)
		if err != nil || bad != nil {
			v1Error(w, http.StatusBadRequest, "bad request", "cursor is incorrect")
			return
		}
		for from < len(s.seen().People) && s.seen().People[from].ID <= last {
			from++
		}
	}
	to := min(from+50, len(s.seen().People))
	data := make([]map[string]any, 0, to-from)
	for _, p := range s.seen().People[from:to] {
		item := map[string]any{}
		for _, key := range append(listKeys(), singleKeys()...) {
			item[key] = s.attribute(p, key)
		}
		delete(item, "role_ids")
		if !s.knobs.NoRolesInV1 {
			item["role_id"] = any(p.RoleIDs)
			if len(p.RoleIDs) == 0 {
				item["role_id"] = nil
			}
		}
		item["custom_attributes"] = p.Custom // v1: keys vary by user
		data = append(data, item)
	}
	var after any
	if to < len(s.seen().People) {
		after = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "account_id:::189185--##id:::%d", s.seen().People[to-1].ID))
	}
	send(w, http.StatusOK, map[string]any{
		"status":     map[string]any{"error": false, "code": 200, "type": "success", "message": "Success"},
		"pagination": map[string]any{"before_cursor": nil, "after_cursor": after, "previous_link": nil, "next_link": nil},
		"data":       data,
	})
}
