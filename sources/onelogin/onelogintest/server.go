package onelogintest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Knobs are the variants of OneLogin's behaviour on record. The zero value is the
// documented one.
type Knobs struct {
	UserPageCap   int      `json:"userPageCap"`   // most users a page; 0 means 50
	IgnoredFields []string `json:"ignoredFields"` // keys that `fields` asks for in vain: absent from the v2 list
	UnknownFields []string `json:"unknownFields"` // keys that the v2 list refuses with 400
	NoRolesInV1   bool     `json:"noRolesInV1"`   // role_id is absent from the v1 list as well
	NoTotalPages  bool     `json:"noTotalPages"`  // only cursors, no page numbers
	NoTotalCount  bool     `json:"noTotalCount"`  // Total-Count is absent
	NoPageHeaders bool     `json:"noPageHeaders"` // all headers of a v2 list are, as behind a proxy that drops them
	SameCursor    bool     `json:"sameCursor"`    // page 2's cursor leads to page 2
	MovingTotals  int      `json:"movingTotals"`  // this many pages after the first announce one more
	NoOrder       bool     `json:"noOrder"`       // page 2 begins with who ended page 1: one comes twice, one never
	LowPrivilege  bool     `json:"lowPrivilege"`  // the credentials lack Manage All
	TokenStatus   int      `json:"tokenStatus"`   // answer of the token call instead of 200
	TokenIn200    bool     `json:"tokenIn200"`    // the 2018 shape: a refusal inside a 200
	TokenLife     int      `json:"tokenLife"`     // seconds; 0 means 36000
	QuotaLeft     int      `json:"quotaLeft"`     // v1 calls left; 0 means 5000
	QuotaReset    int      `json:"quotaReset"`    // seconds until the quota is full again
	QuotaOnV2     bool     `json:"quotaOnV2"`     // v2 calls count as well, as older pages say
	ManagerAsText bool     `json:"managerAsText"` // manager_user_id as a string
	RolesTouch    bool     `json:"rolesTouch"`    // a role given or taken moves updated_at; see Server.Happen
	MappingsTouch bool     `json:"mappingsTouch"` // a title set by a mapping does as well
	AppsTouch     bool     `json:"appsTouch"`     // and so does the app given or taken by hand
	SilentEvents  []int    `json:"silentEvents"`  // types of events that are not told
	Freeze        bool     `json:"freeze"`        // reads show the world as it was when this was turned on: the API lags behind pushes
}

// Server is the simulated API. Make it with New.
type Server struct {
	ClientID, ClientSecret string
	Now                    func() time.Time

	mux   *http.ServeMux
	mu    sync.RWMutex
	world *World
	old   *World // what reads show while Knobs.Freeze is on
	knobs Knobs
	token string
	made  time.Time // of the token
	told  []Event
	have  atomic.Pointer[[]*Person] // who has the app in the world that is seen, until something changes
	used  atomic.Int64              // v1 calls
	moved atomic.Int64              // pages that announced a wrong total
}

// New serves a world with the credentials "client-id" and "client-secret".
func New(w *World) *Server {
	s := &Server{ClientID: "client-id", ClientSecret: "client-secret", Now: time.Now, world: w, mux: http.NewServeMux()}
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /api/2/users": s.listUsers, "GET /api/2/users/{id}": s.getUser, "GET /api/2/users/{id}/apps": s.userApps,
		"GET /api/2/apps": s.listApps, "GET /api/2/apps/{id}": s.getApp, "GET /api/2/apps/{id}/users": s.appUsers,
		"GET /api/2/apps/{id}/rules": s.listRules, "GET /api/2/roles": s.listRoles, "GET /api/2/roles/{id}": s.getRole,
		"GET /api/2/roles/{id}/users": s.roleUsers,
	} {
		s.mux.HandleFunc(pattern, s.authorised(h, v2Error))
	}
	s.mux.HandleFunc("/api/2/", s.authorised(func(w http.ResponseWriter, _ *http.Request) { unauthorised(w) }, v2Error))
	s.mux.HandleFunc("GET /api/1/users", s.authorised(s.metered(s.listUsersV1), v1Error))
	s.mux.HandleFunc("GET /api/1/events", s.authorised(s.metered(s.listEvents), v1Error))
	s.mux.HandleFunc("GET /auth/rate_limit", s.authorised(s.rateLimit, v1Error))
	s.mux.HandleFunc("POST /auth/oauth2/v2/token", s.postToken)
	s.mux.HandleFunc("POST /auth/oauth2/revoke", s.revoke)
	s.control()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Edit changes the world while it is served.
func (s *Server) Edit(change func(*World)) {
	defer s.lock()()
	change(s.world)
}

// lock is for whoever changes the world or the knobs; what it gives ends it.
func (s *Server) lock() (unlock func()) {
	s.mu.Lock()
	return func() {
		s.have.Store(nil)
		s.mu.Unlock()
	}
}

// Turn sets knobs while the service runs.
func (s *Server) Turn(set func(*Knobs)) {
	defer s.lock()()
	set(&s.knobs)
	s.freeze()
}

// freeze follows Knobs.Freeze. The copy is made once, when it is turned on.
func (s *Server) freeze() {
	switch {
	case !s.knobs.Freeze:
		s.old = nil
	case s.old == nil:
		s.old = s.world.clone()
	}
}

// seen is the world that the API's answers are about.
func (s *Server) seen() *World {
	if s.old != nil {
		return s.old
	}
	return s.world
}

// AppID is the id of the app that provisions Tomorro.
func (s *Server) AppID() int64 { return s.world.App.ID }

// Expire ends the current token before its time, as a revoke elsewhere does.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// v2Error and v1Error are the two main families of error bodies.
func v2Error(w http.ResponseWriter, status int, name, message string) {
	send(w, status, map[string]any{"message": message, "statusCode": status, "name": name})
}

func v1Error(w http.ResponseWriter, status int, kind, message string) {
	send(w, status, map[string]any{"status": map[string]any{"error": true, "code": status, "type": kind, "message": message}})
}

// pagingError is what the newer services answer.
func pagingError(w http.ResponseWriter, description string) {
	send(w, http.StatusBadRequest, map[string]any{"status": 400, "error": "BadRequestError", "description": description})
}

func unauthorised(w http.ResponseWriter) {
	v2Error(w, http.StatusUnauthorized, "UnauthorizedError", "Unauthorized")
}

func notFound(w http.ResponseWriter) {
	v2Error(w, http.StatusNotFound, "NotFoundError", "The resource with the given id could not be found")
}

func (s *Server) life() time.Duration {
	if s.knobs.TokenLife > 0 {
		return time.Duration(s.knobs.TokenLife) * time.Second
	}
	return 36000 * time.Second
}

// authorised checks the token, and serves under a read lock.
func (s *Server) authorised(h http.HandlerFunc, fail func(http.ResponseWriter, int, string, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.RLock()
		kind, token, _ := strings.Cut(strings.Replace(r.Header.Get("Authorization"), ":", " ", 1), " ")
		ok := strings.EqualFold(kind, "bearer") && s.token != "" && token == s.token && s.Now().Before(s.made.Add(s.life()))
		if !ok {
			s.mu.RUnlock()
			fail(w, http.StatusUnauthorized, "UnauthorizedError", "Unauthorized")
			return
		}
		defer s.mu.RUnlock()
		if s.knobs.QuotaOnV2 && strings.HasPrefix(r.URL.Path, "/api/2/") {
			s.metered(h)(w, r)
			return
		}
		h(w, r)
	}
}

// postToken gives the same token until it expires, always with the whole
// expires_in.
func (s *Server) postToken(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, secret, grant := credentials(r)
	switch {
	case s.knobs.TokenStatus != 0:
		v1Error(w, s.knobs.TokenStatus, "error", "the token cannot be given")
	case s.knobs.TokenIn200, grant == "client_credentials" && (id != s.ClientID || secret != s.ClientSecret):
		status := http.StatusUnauthorized
		if s.knobs.TokenIn200 {
			status = http.StatusOK
		}
		send(w, status, map[string]any{"status": map[string]any{"error": true, "code": 401, "type": "Unauthorized", "message": "Authentication Failure"}})
	case grant != "client_credentials":
		v1Error(w, http.StatusBadRequest, "bad request", "grant_type is incorrect/absent")
	default:
		if s.token == "" || !s.Now().Before(s.made.Add(s.life())) {
			s.made = s.Now().UTC().Truncate(time.Millisecond)
			h := sha256.Sum256([]byte(s.made.String() + s.token))
			s.token = hex.EncodeToString(h[:])
		}
		send(w, http.StatusOK, map[string]any{"access_token": s.token, "created_at": s.made.Format("2006-01-02T15:04:05.000Z"),
			"expires_in": int(s.life().Seconds()), "refresh_token": "unused", "token_type": "bearer", "account_id": 189185})
	}
}

// credentials reads the three documented forms.
func credentials(r *http.Request) (id, secret, grant string) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return r.PostFormValue("client_id"), r.PostFormValue("client_secret"), r.PostFormValue("grant_type")
	}
	var b struct {
		Grant string `json:"grant_type"`
	}
	_ = json.NewDecoder(r.Body).Decode(&b)
	if id, secret, ok := r.BasicAuth(); ok {
		return id, secret, b.Grant
	}
	for part := range strings.SplitSeq(r.Header.Get("Authorization"), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		switch key {
		case "client_id":
			id = strings.TrimSpace(value)
		case "client_secret":
			secret = strings.TrimSpace(value)
		}
	}
	return id, secret, b.Grant
}

func (s *Server) revoke(w http.ResponseWriter, _ *http.Request) {
	s.Expire()
	send(w, http.StatusOK, map[string]any{"status": map[string]any{"error": false, "code": 200, "type": "success", "message": "Success"}})
}

func (s *Server) quota() (limit, left int) {
	limit = 5000
	if s.knobs.QuotaLeft > 0 {
		limit = s.knobs.QuotaLeft
	}
	return 5000, max(0, limit-int(s.used.Load()))
}

// metered counts v1 calls against the hourly quota, which answers 400 when it is
// used up.
func (s *Server) metered(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limit, left := s.quota()
		s.used.Add(1)
		w.Header().Set("X-RateLimit-Limit", strconv.Itoa(limit))
		w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(max(0, left-1)))
		w.Header().Set("X-RateLimit-Reset", strconv.Itoa(s.knobs.QuotaReset))
		if left == 0 {
			v1Error(w, http.StatusBadRequest, "bad request", "rate_limit_exceeded")
			return
		}
		h(w, r)
	}
}

func (s *Server) rateLimit(w http.ResponseWriter, _ *http.Request) {
	limit, left := s.quota()
	send(w, http.StatusOK, map[string]any{"status": map[string]any{"error": false, "code": 200}, "data": map[string]int{
		"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": s.knobs.QuotaReset}})
}

// window is the page that a request asks for, of n items.
type window struct{ from, to, page, pages, limit int }

// paginate reads limit, page and cursor, and sets the headers of a v2 list. It
// answers by itself, and ok is false, when they do not fit together.
func (s *Server) paginate(w http.ResponseWriter, q url.Values, n, limit, most int) (win window, ok bool) {
	page := 1
	if c := q.Get("cursor"); c != "" {
		if q.Has("limit") || q.Has("page") {
			pagingError(w, "Requests can only have cursor xor pagination arguments")
			return win, false
		}
		raw, err := base64.StdEncoding.DecodeString(c)
		args, bad := url.ParseQuery(string(raw))
		if err != nil || bad != nil || !args.Has("page") {
			pagingError(w, "Invalid pagination cursor")
			return win, false
		}
		q = args
	}
	for name, into := range map[string]*int{"limit": &limit, "page": &page} {
		if text := q.Get(name); text != "" {
			v, err := strconv.Atoi(text)
			if err != nil || v < 1 {
				pagingError(w, "Invalid "+name)
				return win, false
			}
			*into = v
		}
	}
	limit = min(limit, most)
	pages := max(1, (n+limit-1)/limit)
	from := min((page-1)*limit, n)
	win = window{from, min(from+limit, n), page, pages, limit}
	s.headers(w.Header(), win, n)
	return win, true
}

func (s *Server) headers(h http.Header, win window, n int) {
	cursor := func(page int) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "limit=%d&sort=id&page=%d&sort_direction=asc", win.limit, page))
	}
	if s.knobs.NoPageHeaders {
		return
	}
	h.Set("Current-Page", strconv.Itoa(win.page))
	h.Set("Page-Items", strconv.Itoa(win.to-win.from))
	if win.page > 1 && s.moved.Load() < int64(s.knobs.MovingTotals) {
		n++
		s.moved.Add(1)
	}
	if !s.knobs.NoTotalCount {
		h.Set("Total-Count", strconv.Itoa(n))
	}
	if !s.knobs.NoTotalPages {
		h.Set("Total-Pages", strconv.Itoa(win.pages))
	}
	if win.page < win.pages {
		next := win.page + 1
		if s.knobs.SameCursor {
			next = 2
		}
		h.Set("After-Cursor", cursor(next))
	}
	if win.page > 1 {
		h.Set("Before-Cursor", cursor(win.page-1))
	}
}
