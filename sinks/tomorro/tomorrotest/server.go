package tomorrotest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The variants of Knobs.UnknownType: what becomes of a userType that is none of
// the four words.
const (
	TypeRefused = ""        // 400 invalidValue
	TypeUser    = "user"    // taken as user, silently
	TypeIgnored = "ignored" // what was there stays
	TypeError   = "error"   // 500
)

// The variants of Knobs.Duplicate: the answer to a POST of a userName that exists.
const (
	DuplicateConflict = ""         // 409 uniqueness
	DuplicateExisting = "existing" // 200 with the account that has it
	DuplicateBad      = "bad"      // 400 uniqueness
	DuplicateBare     = "bare"     // 409 without scimType
	DuplicateMade     = "made"     // 201: there are two
)

// The variants of Knobs.Attributes: what becomes of the parameter of that name.
const (
	AttributesPassedOver = ""     // everything is answered
	AttributesKept       = "kept" // what is asked for, ids and schemas
	AttributesBare       = "bare" // the same, and active is left out all the same
	AttributesRefused    = "400"
)

// The variants of Knobs.Members.
const (
	MembersShown    = ""       // in lists and single groups
	MembersByID     = "by-id"  // only in single groups
	MembersByUser   = "users"  // only as the users' groups
	MembersNonEmpty = "filled" // left out where there are none
)

// Knobs are the variants of what nobody outside knows about Tomorro.
type Knobs struct {
	UnknownType      string `json:"unknownType"`      // see TypeRefused
	Duplicate        string `json:"duplicate"`        // see DuplicateConflict
	InactiveRemoves  bool   `json:"inactiveRemoves"`  // active:false removes for good instead of disabling
	DeleteDisables   bool   `json:"deleteDisables"`   // DELETE only disables
	NeedsSubstitute  bool   `json:"needsSubstitute"`  // removal without a fit default substitute is refused
	RevivesID        bool   `json:"revivesId"`        // a POST after a removal gets the old id
	RenameRefused    bool   `json:"renameRefused"`    // userName cannot change
	FilterPathOnly   bool   `json:"filterPathOnly"`   // members are removed only by members[value eq "…"]
	ValuesOnly       bool   `json:"valuesOnly"`       // members are removed only by a value list
	PatchNoContent   bool   `json:"patchNoContent"`   // PATCH answers 204
	PageCap          int    `json:"pageCap"`          // most items a page; 0 means 100
	PastEndRepeats   bool   `json:"pastEndRepeats"`   // a startIndex past the end answers page 1
	NoTotals         bool   `json:"noTotals"`         // lists without totalResults
	MovingTotals     int    `json:"movingTotals"`     // this many lists announce one item too many
	Members          string `json:"members"`          // see MembersShown
	ScimOnly         bool   `json:"scimOnly"`         // 415 for application/json
	AnswersScim      bool   `json:"answersScim"`      // answers as application/scim+json
	ActiveAsText     bool   `json:"activeAsText"`     // "active": "True"
	TypeInCapitals   bool   `json:"typeInCapitals"`   // "userType": "ADMIN"
	RatePerSecond    int    `json:"ratePerSecond"`    // 429 above; 0 means no limit
	NoRetryAfter     bool   `json:"noRetryAfter"`     // 429 without Retry-After
	KeepsLastAdmin   bool   `json:"keepsLastAdmin"`   // 403 when the last admin would go
	IgnoresUnknownID bool   `json:"ignoresUnknownId"` // unknown members are ignored instead of 404
	NoTarget         bool   `json:"noTarget"`         // 400 when who is to be taken out of a group is not in it
	MostMembers      int    `json:"mostMembers"`      // in one PATCH, 413 above; 0 means any number
	MembersCap       int    `json:"membersCap"`       // most members that a group shows, in silence; 0 means all
	DropsExternalID  bool   `json:"dropsExternalId"`  // externalId is not kept
	NoViewer         bool   `json:"noViewer"`         // V4/V5 pricing
	Attributes       string `json:"attributes"`       // see AttributesPassedOver
	Bulk             Bulk   `json:"bulk"`
	// What is confirmed and not kept, by PUT and PATCH of what is there already.
	IgnoresType     bool `json:"ignoresType"`     // userType stays
	IgnoresName     bool `json:"ignoresName"`     // givenName and familyName stay
	IgnoresInactive bool `json:"ignoresInactive"` // active:false leaves the account active
	IgnoresMembers  bool `json:"ignoresMembers"`  // a group PATCH or PUT answers 204 and changes no membership
	// Seats bounds the active users of a userType.
	Seats map[string]int `json:"seats"`
	// SeatsStatus is the answer when none is left; 0 means 403. 200 makes the account all
	// the same, and leaves it inactive: 201 to a POST.
	SeatsStatus int `json:"seatsStatus"`
}

// Options of a Server. The zero value is an empty organisation.
type Options struct {
	Token      string // the bearer token; default "tomorro-token"
	Prefix     string // of all SCIM paths; default /scim/v2
	Seed       string // ids follow from it
	Substitute string // userName of the default substitute
	Knobs      Knobs
	Now        func() time.Time
}

// User is one account as the service keeps it.
type User struct {
	ID         string `json:"id"`
	ExternalID string `json:"externalId,omitempty"`
	UserName   string `json:"userName"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	UserType   string `json:"userType"`
	Active     bool   `json:"active"`
	groups     map[string]bool
}

// Group is one group as the service keeps it.
type Group struct {
	ID          string `json:"id"`
	ExternalID  string `json:"externalId,omitempty"`
	DisplayName string `json:"displayName"`
	members     map[string]bool
}

// Transfer is a removal's change of ownership. It is final.
type Transfer struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Entry is one line of the write log.
type Entry struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Who    string `json:"who"`    // userName or group name
	Effect bool   `json:"effect"` // whether anything changed
}

// Server is the simulated service. Make it with New.
type Server struct {
	token, prefix, seed string
	now                 func() time.Time
	mux                 *http.ServeMux
	parts               *http.ServeMux // what an operation of Bulk may ask for

	mu         sync.Mutex
	knobs      Knobs
	substitute string
	users      []*User // in order of creation
	userByID   map[string]*User
	userByName map[string]*User // lower case
	removed    map[string]string
	groups     []*Group
	groupByID  map[string]*Group
	transfers  []Transfer
	log        []Entry
	made       int
	window     int64
	inWindow   int
}

// New makes a service.
func New(o Options) *Server {
	if o.Token == "" {
		o.Token = "tomorro-token"
	}
	if o.Prefix == "" {
		o.Prefix = "/scim/v2"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		token: o.Token, prefix: o.Prefix, seed: o.Seed, now: o.Now, knobs: o.Knobs, substitute: strings.ToLower(o.Substitute),
		userByID: make(map[string]*User), userByName: make(map[string]*User), removed: make(map[string]string), groupByID: make(map[string]*Group),
		mux: http.NewServeMux(), parts: http.NewServeMux(),
	}
	s.routes()
	return s
}

func (s *Server) routes() {
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /Users": s.listUsers, "POST /Users": s.postUser, "GET /Users/{id}": s.getUser, "PUT /Users/{id}": s.putUser,
		"PATCH /Users/{id}": s.patchUser, "DELETE /Users/{id}": s.deleteUser,
		"GET /Groups": s.listGroups, "POST /Groups": s.postGroup, "GET /Groups/{id}": s.getGroup, "PUT /Groups/{id}": s.putGroup,
		"PATCH /Groups/{id}": s.patchGroup, "DELETE /Groups/{id}": s.deleteGroup, "GET /ServiceProviderConfig": s.config,
		"POST /Bulk": s.bulk,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		s.mux.HandleFunc(method+" "+s.prefix+path, s.guarded(h))
		if path != "/Bulk" && method != http.MethodGet {
			s.parts.HandleFunc(method+" "+s.prefix+path, h)
		}
	}
	s.mux.HandleFunc(s.prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "", "no such endpoint: "+r.URL.Path)
	})
	s.control()
}

// ServeHTTP implements http.Handler. The mux would redirect unclean paths, which
// no SCIM client expects.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "//") {
		refuse(w, http.StatusNotFound, "", "no such endpoint: "+r.URL.Path)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// guarded checks token, rate and media type before h, and serialises requests:
// each sees the effect of all before it.
func (s *Server) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.token {
			refuse(w, http.StatusUnauthorized, "", "the bearer token is not valid")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.limited(w) {
			return
		}
		if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
			kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
			if kind != "application/scim+json" && (kind != "application/json" || s.knobs.ScimOnly) {
				refuse(w, http.StatusUnsupportedMediaType, "", "send application/scim+json")
				return
			}
		}
		if s.knobs.AnswersScim {
			w.Header().Set("Content-Type", "application/scim+json")
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		h(w, r)
	}
}

func (s *Server) limited(w http.ResponseWriter) bool {
	if s.knobs.RatePerSecond == 0 {
		return false
	}
	if second := s.now().Unix(); second != s.window {
		s.window, s.inWindow = second, 0
	}
	if s.inWindow++; s.inWindow <= s.knobs.RatePerSecond {
		return false
	}
	if !s.knobs.NoRetryAfter {
		w.Header().Set("Retry-After", "1")
	}
	refuse(w, http.StatusTooManyRequests, "", "too many requests")
	return true
}

// newID makes a UUID that follows from the seed and the number of things made.
func (s *Server) newID() string {
	s.made++
	h := sha256.Sum256([]byte(s.seed + strconv.Itoa(s.made)))
	x := hex.EncodeToString(h[:])
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", x[:8], x[8:12], x[12:15], x[15:18], x[18:30])
}

func (s *Server) record(r *http.Request, who string, effect bool) {
	s.log = append(s.log, Entry{Method: r.Method, Path: r.URL.Path, Who: who, Effect: effect})
}

// roles are the userTypes by rank: a substitute needs at least the leaver's.
var roles = []string{"viewer", "user", "manager", "admin"}

// leave decides whether u may be removed, and hands over what they own.
func (s *Server) leave(u *User) (refusal string) {
	sub := s.userByName[s.substitute]
	fit := sub != nil && sub.Active && sub != u && slices.Index(roles, sub.UserType) >= slices.Index(roles, u.UserType)
	switch {
	case s.knobs.KeepsLastAdmin && u.Active && u.UserType == "admin" && s.admins() == 1:
		return "the last admin cannot be removed"
	case s.knobs.NeedsSubstitute && !fit:
		return "there is no default substitute with at least the role " + u.UserType
	case fit:
		s.transfers = append(s.transfers, Transfer{From: u.UserName, To: sub.UserName})
	}
	return ""
}

func (s *Server) admins() int {
	n := 0
	for _, u := range s.users {
		if u.Active && u.UserType == "admin" {
			n++
		}
	}
	return n
}

func (s *Server) drop(u *User) {
	s.users = slices.DeleteFunc(s.users, func(x *User) bool { return x == u })
	delete(s.userByID, u.ID)
	delete(s.userByName, strings.ToLower(u.UserName))
	s.removed[strings.ToLower(u.UserName)] = u.ID
	for id := range u.groups {
		delete(s.groupByID[id].members, u.ID)
	}
}
