package tomorrotest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

const (
	urnUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnList  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnError = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// refuse answers with a SCIM error (RFC 7644 section 3.12): status is text.
func refuse(w http.ResponseWriter, status int, scimType, detail string) {
	body := map[string]any{"schemas": []string{urnError}, "status": strconv.Itoa(status), "detail": detail}
	if scimType != "" {
		body["scimType"] = scimType
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/scim+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func send(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type wireName struct {
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
}

type wireMeta struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

type wireRef struct {
	Value   string `json:"value"`
	Display string `json:"display,omitempty"`
}

type wireUser struct {
	Schemas    []string  `json:"schemas"`
	ID         string    `json:"id"`
	ExternalID string    `json:"externalId,omitempty"`
	UserName   string    `json:"userName"`
	Name       wireName  `json:"name"`
	UserType   string    `json:"userType"`
	Active     any       `json:"active"`
	Groups     []wireRef `json:"groups,omitempty"`
	Meta       wireMeta  `json:"meta"`
}

type wireGroup struct {
	Schemas     []string   `json:"schemas"`
	ID          string     `json:"id"`
	ExternalID  string     `json:"externalId,omitempty"`
	DisplayName string     `json:"displayName"`
	Members     *[]wireRef `json:"members,omitempty"`
	Meta        wireMeta   `json:"meta"`
}

func (s *Server) showUser(u *User, single bool) wireUser {
	out := wireUser{
		Schemas: []string{urnUser}, ID: u.ID, ExternalID: u.ExternalID, UserName: u.UserName, UserType: u.UserType,
		Name: wireName{u.GivenName, u.FamilyName}, Active: u.Active, Meta: wireMeta{"User", s.prefix + "/Users/" + u.ID},
	}
	if s.knobs.ActiveAsText {
		out.Active = map[bool]string{true: "True", false: "False"}[u.Active]
	}
	if s.knobs.TypeInCapitals {
		out.UserType = strings.ToUpper(u.UserType)
	}
	if single || s.knobs.Members == MembersByUser {
		for _, id := range sorted(u.groups) {
			out.Groups = append(out.Groups, wireRef{Value: id, Display: s.groupByID[id].DisplayName})
		}
	}
	return out
}

func (s *Server) showGroup(g *Group, members bool) wireGroup {
	out := wireGroup{Schemas: []string{urnGroup}, ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.DisplayName, Meta: wireMeta{"Group", s.prefix + "/Groups/" + g.ID}}
	if members && (len(g.members) > 0 || s.knobs.Members != MembersNonEmpty) {
		list := make([]wireRef, 0, len(g.members))
		for _, id := range sorted(g.members) {
			list = append(list, wireRef{Value: id})
		}
		if most := s.knobs.MembersCap; most > 0 && len(list) > most {
			list = list[:most]
		}
		out.Members = &list
	}
	return out
}

func sorted(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var filterShape = regexp.MustCompile(`(?i)^\s*([a-z]+)\s+eq\s+(".*")\s*$`)

// filter reads the one shape that the identity providers send: attribute eq "value".
func filter(q url.Values) (attribute, value string, ok bool) {
	m := filterShape.FindStringSubmatch(q.Get("filter"))
	if m == nil || json.Unmarshal([]byte(m[2]), &value) != nil {
		return "", "", false
	}
	return strings.ToLower(m[1]), value, true
}

// page answers a list, one page of it, in order of creation.
func page[T any](s *Server, w http.ResponseWriter, q url.Values, n int, at func(i int) T) {
	start, count, most := 1, 100, 100
	if s.knobs.PageCap > 0 {
		most = s.knobs.PageCap
	}
	for name, to := range map[string]*int{"startIndex": &start, "count": &count} {
		if text := q.Get(name); text != "" {
			v, err := strconv.Atoi(text)
			if err != nil {
				refuse(w, http.StatusBadRequest, "invalidValue", name+" is not a number")
				return
			}
			*to = v
		}
	}
	start, count = max(1, start), max(0, min(count, most))
	if start > n && n > 0 && s.knobs.PastEndRepeats {
		start = 1
	}
	items := make([]T, 0, min(count, max(0, n-start+1)))
	for i := start - 1; i < n && len(items) < count; i++ {
		items = append(items, at(i))
	}
	body := struct {
		Schemas   []string `json:"schemas"`
		Total     *int     `json:"totalResults,omitempty"`
		Start     int      `json:"startIndex"`
		PerPage   int      `json:"itemsPerPage"`
		Resources []T      `json:"Resources"`
	}{[]string{urnList}, &n, start, len(items), items}
	if s.knobs.MovingTotals > 0 {
		s.knobs.MovingTotals--
		wrong := n + 1
		body.Total = &wrong
	}
	if s.knobs.NoTotals {
		body.Total = nil
	}
	send(w, http.StatusOK, body)
}

// decode reads a body into v. Unknown attributes are allowed, as RFC 7643 section
// 2.1 asks of a service; wrong types are not.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, "invalidSyntax", "the body cannot be read: "+err.Error())
		return false
	}
	return true
}
