package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf keeps things in memory, as long as its clock says.
type shelf struct {
	now func() time.Time

	mu     sync.Mutex
	all    map[string]shelved
	broken error
	stuck  error // nothing can be withdrawn
}

type shelved struct {
	data  []byte
	until time.Time
}

func (s *shelf) Keep(_ context.Context, name string, data []byte, life time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]shelved)
	}
	s.all[name] = shelved{data, s.now().Add(life)}
	return s.broken
}

func (s *shelf) Kept(_ context.Context, name string, life time.Duration) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, is := s.all[name]
	if !is || s.now().After(one.until) {
		return nil, false, s.broken
	}
	if life > 0 {
		one.until = s.now().Add(life)
		s.all[name] = one
	}
	return one.data, s.broken == nil, s.broken
}

func (s *shelf) Withdraw(ctx context.Context, name string) ([]byte, bool, error) {
	data, is, err := s.Kept(ctx, name, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck != nil {
		return nil, false, s.stuck
	}
	if err == nil {
		delete(s.all, name)
	}
	return data, is, err
}

// TestReplicasShareSessions: who signed in at one replica is signed in at another, may
// send the forms of either, and is out of both at once; and what is kept of it opens
// nothing.
func TestReplicasShareSessions(t *testing.T) {
	w := newWorld()
	one, two := w.serve(t, nil), w.serve(t, nil)
	one.signIn("Ann", sharedSecret)
	id := one.cookie()
	two.setCookie(id)
	if !two.open() {
		t.Fatal("the other replica does not know who signed in")
	}
	form := two.form("/c/acme/runs")
	if resp, _ := one.do("POST", "/c/acme/runs", url.Values{"csrf": {form}}, nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("a form of the other replica: %d", resp.StatusCode)
	}
	for name, kept := range w.shelf.all {
		if strings.Contains(name+string(kept.data), id) || strings.Contains(name+string(kept.data), sharedSecret) {
			t.Errorf("%s has what lets somebody in", name)
		}
	}
	if code, _ := two.post("/signout", url.Values{}); code != http.StatusSeeOther {
		t.Errorf("sign out: %d", code)
	}
	if one.setCookie(id); one.open() {
		t.Error("a sign-out at one replica leaves the other open")
	}
}

// TestTokenIsTakenAway: who came in by a token that the configuration no longer has is
// out, although sessions outlive the process.
func TestTokenIsTakenAway(t *testing.T) {
	w := newWorld()
	ann := w.serve(t, nil).signIn("", aliceSecret)
	later := w.serveWith(t, nil, func(o *Options, _ string) { o.Tokens = o.Tokens[:1] })
	if later.setCookie(ann.cookie()); later.open() {
		t.Error("a token that is gone still opens")
	}
	if !ann.open() {
		t.Error("it ended where the token still is")
	}
}

// TestRolesAreTakenAway: who came in by a role that decides no more, or by another app of
// the provider, is out with the configuration that says so, not an hour later.
func TestRolesAreTakenAway(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, true, nil)
	s.entered(p.comeBack(s, "ann", ""))
	if !s.open() {
		t.Fatal("not signed in")
	}
	for what, edit := range map[string]func(*OIDC){
		"another role approves": func(o *OIDC) { o.Viewers, o.Approvers = append(o.Viewers, o.Approvers...), []string{"Others"} },
		"another app":           func(o *OIDC) { o.ClientID = "other" },
		"another claim":         func(o *OIDC) { o.GroupsClaim = "roles" },
	} {
		later := w.serveWith(t, nil, func(o *Options, at string) { o.OIDC = p.options(at); edit(o.OIDC) })
		if later.setCookie(s.cookie()); later.open() {
			t.Errorf("%s, and who decided before still does", what)
		}
	}
	same := w.serveWith(t, nil, func(o *Options, _ string) { o.OIDC = p.options(s.url) })
	if same.setCookie(s.cookie()); !same.open() {
		t.Error("out although nothing changed")
	}
}

// TestFourEyesWithANewProvider: a session that a token began before there was a provider
// is nobody's second pair of eyes once there is one.
func TestFourEyesWithANewProvider(t *testing.T) {
	w := now()
	fourEyes := func(c *Connection) { c.Policy.FourEyes = true }
	before := w.serve(t, fourEyes).signIn("", aliceSecret)
	s, _ := w.serveOIDC(t, true, fourEyes)
	s.setCookie(before.cookie())
	if !s.open() {
		t.Fatal("a token that is still configured opens nothing")
	}
	id := s.form("/c/acme/holds")
	if resp, body := s.do("POST", "/c/acme/holds/any", url.Values{"csrf": {id}, "verdict": {"approve"}}, nil); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "Two people must approve") {
		t.Errorf("%d %.300s", resp.StatusCode, body)
	}
}

// TestSessionsCannotBeRead: while Redis does not answer nobody is let in, nobody is
// thrown out, and the page says why.
func TestSessionsCannotBeRead(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	w.shelf.broken = errors.New("redis is away")
	for _, path := range []string{"/c/acme/", "/c/acme/holds"} {
		if code, body := s.get(path); code != http.StatusServiceUnavailable || !strings.Contains(body, "Redis does not answer") || strings.Contains(body, "is away") {
			t.Errorf("%s: %d %.300s", path, code, body)
		}
	}
	if resp, _ := s.other().try("Eve", sharedSecret); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("signed in at %d", resp.StatusCode)
	}
	if w.shelf.broken = nil; !s.open() {
		t.Error("thrown out")
	}
}

// TestSessionThatCannotEnd: who cannot be signed out is told so, and not shown the sign-in
// page while the session goes on; nor does a sign-in leave the session before it behind.
func TestSessionThatCannotEnd(t *testing.T) {
	w := newWorld()
	s, _ := w.serveOIDC(t, true, nil)
	s.signIn("", aliceSecret)
	before := s.cookie()
	w.shelf.stuck = errors.New("redis is away")
	if code, to := s.post("/signout", url.Values{}); code < 500 {
		t.Errorf("sign out: %d %s", code, to)
	}
	if resp, _ := s.do("POST", "/signin", url.Values{"csrf": {"x"}, "token": {aliceSecret}}, map[string]string{"Cookie": formCookie + "=x"}); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("sign in: %d", resp.StatusCode)
	}
	if resp, _ := s.leave(""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("to the provider: %d", resp.StatusCode)
	}
	if s.cookie() != before {
		t.Error("another cookie, and the session before it goes on")
	}
	w.shelf.stuck = nil
	if code, _ := s.post("/signout", url.Values{}); code != http.StatusSeeOther {
		t.Errorf("sign out, once it can be: %d", code)
	}
	if s.setCookie(before); s.open() {
		t.Error("it outlives the sign-out")
	}
}
