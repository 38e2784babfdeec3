package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

const (
	sessionIdle  = 30 * time.Minute // without a request
	sessionLife  = 12 * time.Hour   // whatever happens
	oidcLife     = time.Hour        // then the provider is asked again what somebody may
	mostSessions = 1000             // then the one that was idle longest ends
)

// session is somebody who is signed in.
type session struct {
	who     string
	proven  bool          // their token, or the provider, says so; otherwise they do
	decides bool          // they may change something; otherwise they look
	life    time.Duration // at most
	csrf    string        // each form carries it
	began   time.Time
	seen    time.Time
}

// sessions are kept in this process, by a digest of their id: what is read out of
// memory opens nothing.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: make(map[[sha256.Size]byte]*session)}
}

// begin makes the session of a token, and gives its id.
func (s *sessions) begin(who string, proven bool) string {
	return s.open(session{who: who, proven: proven, decides: true, life: sessionLife})
}

// open makes a session and gives its id.
func (s *sessions) open(one session) string {
	id := rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	one.csrf, one.began, one.seen = rand.Text(), s.now(), s.now()
	s.all[sha256.Sum256([]byte(id))] = &one
	return id
}

// sweep forgets what has ended, and makes room.
func (s *sessions) sweep() {
	var idlest [sha256.Size]byte
	var since time.Time
	for id, one := range s.all {
		switch {
		case s.ended(one):
			delete(s.all, id)
		case since.IsZero() || one.seen.Before(since):
			idlest, since = id, one.seen
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, idlest)
	}
}

func (s *sessions) ended(one *session) bool {
	return s.now().Sub(one.seen) > sessionIdle || s.now().Sub(one.began) > one.life
}

// look finds a session. A visit keeps it from ending; a live page does not.
func (s *sessions) look(id string, visits bool) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(id))
	one := s.all[key]
	if one == nil {
		return session{}, false
	}
	if s.ended(one) {
		delete(s.all, key)
		return session{}, false
	}
	if visits {
		one.seen = s.now()
	}
	return *one, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(id)))
}

// The cookies: one names the session, the other goes with a sign-in form, for
// which there is no session yet.
const (
	sessionCookie = "tomorro_sync_session"
	formCookie    = "tomorro_sync_form"
)

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, secure bool) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: secure || r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// same compares in constant time; two empty texts are not the same.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
