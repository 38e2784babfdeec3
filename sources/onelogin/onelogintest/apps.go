package onelogintest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

func (s *Server) listApps(w http.ResponseWriter, r *http.Request) {
	apps := []map[string]any{{"id": 11, "name": "Mail", "connector_id": 5, "auth_method": 0, "visible": true},
		{"id": s.seen().App.ID, "name": s.seen().App.Name, "connector_id": 110016, "auth_method": 2, "visible": false}}
	if win, ok := s.paginate(w, r.URL.Query(), len(apps), 1000, 1000); ok {
		send(w, http.StatusOK, apps[win.from:win.to])
	}
}

// mailID is the id of an app that provisions nothing.
const mailID = "11"

// app answers by itself when the path names another app.
func (s *Server) app(w http.ResponseWriter, r *http.Request) bool {
	if r.PathValue("id") != strconv.FormatInt(s.seen().App.ID, 10) {
		notFound(w)
		return false
	}
	return true
}

func (s *Server) getApp(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") == mailID {
		send(w, http.StatusOK, map[string]any{"id": 11, "name": "Mail", "connector_id": 5, "auth_method": 0, "visible": true,
			"provisioning": map[string]any{"enabled": false, "status": "Not Available"}, "parameters": map[string]any{}})
		return
	}
	if !s.app(w, r) {
		return
	}
	app := s.seen().App
	status := "Available"
	if app.NoProvisioning {
		status = "Not Available"
	}
	shown := map[string]any{
		"id": app.ID, "name": app.Name, "connector_id": 110016, "auth_method": 2, "visible": false, "description": "",
		"notes": nil, "role_ids": app.RoleIDs, "provisioning": map[string]any{"enabled": !app.NoProvisioning, "status": status},
		"configuration": map[string]any{"signature_algorithm": "SHA-256"},
	}
	if !app.NoParameters {
		shown["parameters"] = app.parameters()
	}
	send(w, http.StatusOK, shown)
}

// parameters are keyed by their short names.
func (a *App) parameters() map[string]any {
	parameter := func(id int, label, source string, entitlements bool) map[string]any {
		return map[string]any{"id": id, "label": label, "user_attribute_mappings": source, "user_attribute_macros": nil,
			"attributes_transformations": "none", "default_values": nil, "values": nil, "skip_if_blank": false, "provisioned_entitlements": entitlements}
	}
	all := make(map[string]any)
	if !a.NoSCIM {
		all["scimusername"] = parameter(160730, "SCIM Username", a.UserName, false)
	}
	if !a.NoGroups {
		all["groups"] = parameter(237825, "Groups", "none", true)
	}
	if a.NameID != "" {
		all["saml_username"] = parameter(160731, "NameID value", a.NameID, false)
	}
	return all
}

// holders are the people who have the app. They are looked for with the first page, and
// when something changed since: a million people are a thousand pages.
func (s *Server) holders(q url.Values) []*Person {
	if have := s.have.Load(); have != nil && (q.Has("cursor") || q.Has("page") && q.Get("page") != "1") {
		return *have
	}
	w := s.seen()
	people := slices.DeleteFunc(slices.Clone(w.People), func(p *Person) bool { return !w.HasApp(p) })
	s.have.Store(&people)
	return people
}

func (s *Server) appUsers(w http.ResponseWriter, r *http.Request) {
	if !s.app(w, r) {
		return
	}
	people := s.holders(r.URL.Query())
	win, ok := s.paginate(w, r.URL.Query(), len(people), 100, 1000)
	if !ok {
		return
	}
	type item struct {
		ID        int64   `json:"id"`
		FirstName string  `json:"firstname"`
		LastName  string  `json:"lastname"`
		Email     string  `json:"email"`
		Username  *string `json:"username"`
	}
	items := make([]item, 0, win.to-win.from)
	for _, p := range people[win.from:win.to] {
		items = append(items, item{p.ID, p.FirstName, p.LastName, p.Email, p.Username})
	}
	send(w, http.StatusOK, items)
}

// listRules has no pages, and needs Manage All. Disabled rules come only when
// they are asked for.
func (s *Server) listRules(w http.ResponseWriter, r *http.Request) {
	if s.knobs.LowPrivilege {
		unauthorised(w)
		return
	}
	if !s.app(w, r) {
		return
	}
	enabled := r.URL.Query().Get("enabled") != "false"
	rules := slices.DeleteFunc(slices.Clone(s.seen().Rules), func(x Rule) bool { return x.Enabled != enabled })
	for i := range rules { // none is [], never null
		rules[i].Conditions, rules[i].Actions = append([]Condition{}, rules[i].Conditions...), append([]Action{}, rules[i].Actions...)
	}
	send(w, http.StatusOK, append([]Rule{}, rules...))
}

func (s *Server) listRoles(w http.ResponseWriter, r *http.Request) {
	win, ok := s.paginate(w, r.URL.Query(), len(s.seen().Roles), 50, 650)
	if !ok {
		return
	}
	items := make([]map[string]any, 0, win.to-win.from)
	for _, role := range s.seen().Roles[win.from:win.to] {
		items = append(items, map[string]any{"id": role.ID, "name": role.Name, "apps": []any{}})
	}
	send(w, http.StatusOK, items)
}

func (s *Server) role(w http.ResponseWriter, r *http.Request) (Role, bool) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	i := slices.IndexFunc(s.seen().Roles, func(x Role) bool { return x.ID == id })
	if i < 0 {
		notFound(w)
		return Role{}, false
	}
	return s.seen().Roles[i], true
}

// getRole never has the members.
func (s *Server) getRole(w http.ResponseWriter, r *http.Request) {
	if role, ok := s.role(w, r); ok {
		send(w, http.StatusOK, role)
	}
}

func (s *Server) roleUsers(w http.ResponseWriter, r *http.Request) {
	role, ok := s.role(w, r)
	if !ok {
		return
	}
	var people []*Person
	for _, p := range s.seen().People {
		if slices.Contains(p.RoleIDs, role.ID) {
			people = append(people, p)
		}
	}
	win, ok := s.paginate(w, r.URL.Query(), len(people), 100, 100)
	if !ok {
		return
	}
	items := make([]map[string]any, 0, win.to-win.from)
	for _, p := range people[win.from:win.to] {
		items = append(items, map[string]any{"id": p.ID, "name": p.FirstName + " " + p.LastName, "username": p.Username, "assigned": true})
	}
	send(w, http.StatusOK, items)
}
