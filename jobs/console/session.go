package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tomorro-sync/jobs"
)

const (
	sessionIdle = 30 * time.Minute // without a request
	sessionLife = 12 * time.Hour   // whatever happens
	oidcLife    = time.Hour        // then the provider is asked again what somebody may
)

// session is somebody who is signed in.
type session struct {
	Who     string        `json:"who"`
	Proven  bool          `json:"proven"`  // their token, or the provider, says so; otherwise they do
	Decides bool          `json:"decides"` // they may change something; otherwise they look
	Life    time.Duration `json:"life"`    // at most
	Key     string        `json:"key"`     // what let them in, see Token.mark; when nobody gets in by it any more, they are out
	CSRF    string        `json:"csrf"`    // each form carries it
	Began   time.Time     `json:"began"`
}

// sessions are kept where all replicas find them, by a digest of their id: what is read
// there opens nothing.
type sessions struct {
	now   func() time.Time
	shelf jobs.Shelf
}

// open makes a session and gives its id.
func (s *sessions) open(ctx context.Context, one session) (id string, err error) {
	id = rand.Text() + rand.Text()
	one.CSRF, one.Began = rand.Text(), s.now()
	data, err := json.Marshal(one)
	if err != nil {
		return "", fmt.Errorf("begin a session: %w", err)
	}
	return id, s.shelf.Keep(ctx, shelfName("session", id), data, min(sessionIdle, one.Life))
}

// look finds a session. A visit keeps it from ending; a live page does not.
func (s *sessions) look(ctx context.Context, id string, visits bool) (one session, is bool, err error) {
	if id == "" {
		return session{}, false, nil
	}
	var longer time.Duration
	if visits {
		longer = sessionIdle
	}
	data, found, err := s.shelf.Kept(ctx, shelfName("session", id), longer)
	if err != nil || !found {
		return session{}, false, err
	}
	if err := json.Unmarshal(data, &one); err != nil || s.now().Sub(one.Began) > one.Life {
		return session{}, false, s.end(ctx, id) // one of another version of this program is none
	}
	return one, true, nil
}

func (s *sessions) end(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	_, _, err := s.shelf.Withdraw(ctx, shelfName("session", id))
	return err
}

// shelfName is where something is kept, so that nobody who reads it there has the id.
func shelfName(kind, id string) string {
	digest := sha256.Sum256([]byte(id))
	return kind + ":" + hex.EncodeToString(digest[:])
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
