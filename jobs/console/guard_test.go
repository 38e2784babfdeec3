package console

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
)

// TestNothingWithoutSession: who is not signed in sees the sign-in page and nothing
// else, and nothing happens.
func TestNothingWithoutSession(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil)
	for _, path := range append(pages(), "/", "/c/acme/events", "/c/nothing/", "/nothing") {
		resp, body := s.do("GET", path, nil, nil)
		if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/signin") || strings.Contains(body, "x.io") {
			t.Errorf("GET %s: %d to %s\n%s", path, resp.StatusCode, resp.Header.Get("Location"), body)
		}
	}
	for _, path := range []string{"/c/acme/runs", "/c/acme/holds/x", "/signout"} {
		if resp, _ := s.do("POST", path, url.Values{"verdict": {"approve"}, "csrf": {""}}, nil); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("POST %s: %d", path, resp.StatusCode)
		}
	}
	// Who pressed a button after the session's end must not believe that it was done.
	resp, _ := s.do("POST", "/c/acme/holds/x", url.Values{"verdict": {"approve"}}, nil)
	to := resp.Header.Get("Location")
	if to != "/signin?said=ended&next=%2Fc%2Facme%2Fholds" {
		t.Errorf("an approval leads to %s", to)
	}
	if _, body := s.get(to); !strings.Contains(body, "so nothing was done") || !strings.Contains(body, `value="/c/acme/holds"`) {
		t.Errorf("the sign-in says\n%s", body)
	}
	if len(w.started)+len(w.decisions) > 0 {
		t.Errorf("started %v, decided %v", w.started, w.decisions)
	}
}

func TestSignIn(t *testing.T) {
	for name, test := range map[string]struct {
		who, token, shown string
		code              int
	}{
		"shared token":             {"Ann", sharedSecret, "Ann", http.StatusSeeOther},
		"own token":                {"", aliceSecret, "alice", http.StatusSeeOther},
		"own token, another name":  {"Bob", aliceSecret, "alice", http.StatusSeeOther},
		"own token, kept hashed":   {"", bobSecret, "bob", http.StatusSeeOther},
		"no token":                 {"Ann", "", "", http.StatusUnauthorized},
		"another token":            {"Ann", sharedSecret + "x", "", http.StatusUnauthorized},
		"beginning of one":         {"Ann", sharedSecret[:10], "", http.StatusUnauthorized},
		"the hash itself":          {"bob", "sha256:" + strings.Repeat("0", 64), "", http.StatusUnauthorized},
		"no name":                  {" ", sharedSecret, "", http.StatusBadRequest},
		"a name with a line break": {"Ann\nrun=forged", sharedSecret, "", http.StatusBadRequest},
		"somebody's name":          {"Alice", sharedSecret, "", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := w.serve(t, nil)
			resp, body := s.try(test.who, test.token)
			if resp.StatusCode != test.code {
				t.Fatalf("%d\n%s", resp.StatusCode, body)
			}
			code, body := s.get("/c/acme/")
			if test.shown == "" && code != http.StatusSeeOther || test.shown != "" && !strings.Contains(body, `class="who">`+test.shown+"<") {
				t.Errorf("afterwards: %d\n%s", code, body)
			}
			if log := w.log.String(); test.token != "" && strings.Contains(log, test.token) || strings.Contains(log, "Ann") {
				t.Errorf("the log has who signed in, or with what:\n%s", log)
			}
		})
	}
}

// TestSignInForm: a sign-in that no form of ours sent is none, and leads nowhere
// else.
func TestSignInForm(t *testing.T) {
	s := newWorld().serve(t, nil)
	good := url.Values{"name": {"Ann"}, "token": {sharedSecret}}
	if resp, _ := s.do("POST", "/signin", good, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without a form: %d", resp.StatusCode)
	}
	good.Set("csrf", s.form("/signin"))
	if resp, _ := s.do("POST", "/signin", good, map[string]string{"Sec-Fetch-Site": "cross-site"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", resp.StatusCode)
	}
	if resp, _ := s.do("POST", "/signin", good, map[string]string{"Origin": "https://evil.example"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another origin: %d", resp.StatusCode)
	}
	for next, want := range map[string]string{"/c/acme/holds": "/c/acme/holds", "/c/acme/people?q=a": "/c/acme/people?q=a", "https://evil.example/c/": "/", "//evil.example/c/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/", "": "/"} {
		resp, _ := s.other().try("Ann", sharedSecret, "next", next)
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q, want %q", next, got, want)
		}
	}
}

// cookie is the one that names the session.
func (s *site) cookie() string {
	s.t.Helper()
	for _, c := range s.client.Jar.Cookies(s.at()) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	s.t.Fatal("there is no session")
	return ""
}

func (s *site) setCookie(value string) {
	s.client.Jar.SetCookies(s.at(), []*http.Cookie{{Name: sessionCookie, Value: value, Path: "/"}})
}

func (s *site) at() *url.URL {
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// TestCookie: a session's cookie is out of reach of scripts and other sites, and a
// sign-in makes a new one.
func TestCookie(t *testing.T) {
	s := newWorld().serve(t, nil).signIn("Ann", sharedSecret)
	first := s.cookie()
	resp, _ := s.do("POST", "/signin", url.Values{"csrf": {"x"}, "name": {"Ann"}, "token": {sharedSecret}}, map[string]string{"Cookie": formCookie + "=x", "X-Forwarded-Proto": "https"})
	var set *http.Cookie
	for _, c := range resp.Cookies() {
		if c.Name == sessionCookie {
			set = c
		}
	}
	if set == nil || !set.HttpOnly || set.SameSite != http.SameSiteStrictMode || set.Path != "/" || !set.Secure || set.Domain != "" || len(set.Value) < 40 || set.Value == first {
		t.Fatalf("the cookie is %+v, the one before %q", set, first)
	}
	s.setCookie(first)
	if code, _ := s.get("/c/acme/"); code != http.StatusSeeOther {
		t.Errorf("the session from before the sign-in still opens: %d", code)
	}
}

func TestSessionEnds(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	open := func() bool { code, _ := s.get("/c/acme/"); return code == http.StatusOK }
	for range 23 { // visits keep it going, but not for ever
		if w.pass(sessionIdle); !open() {
			t.Fatal("it ended though it was used")
		}
	}
	if w.pass(sessionIdle); !open() {
		t.Fatal("it ended before its time")
	}
	if w.pass(time.Minute); open() {
		t.Error("it outlives its end")
	}
	s.signIn("Ann", sharedSecret)
	if w.pass(sessionIdle + time.Second); open() {
		t.Error("it outlives half an hour without a visit")
	}
	s.signIn("Ann", sharedSecret)
	before := s.cookie()
	if code, to := s.post("/signout", url.Values{}); code != http.StatusSeeOther || !strings.HasSuffix(to, "/signin") {
		t.Errorf("sign out: %d %s", code, to)
	}
	if s.setCookie(before); open() {
		t.Error("it outlives the sign-out")
	}
}

// TestAttemptsAreCounted: after ten, not even the right token opens, until time has
// passed; and from a thousand addresses it is no faster.
func TestAttemptsAreCounted(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil)
	for i := range attemptsEach {
		if resp, _ := s.try("Ann", "wrong-token-wrong-token"); resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("attempt %d: %d", i+1, resp.StatusCode)
		}
	}
	resp, _ := s.try("Ann", sharedSecret)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("the eleventh: %d", resp.StatusCode)
	}
	w.pass(attemptEvery + time.Second)
	s.signIn("Ann", sharedSecret)

	doors, let := newDoors(w.clock), 0
	for i := range 1000 {
		r := &http.Request{RemoteAddr: fmt.Sprintf("[2001:db8::%x]:1", i)}
		if doors.open(r) {
			let++
		}
	}
	if let != attemptsAll {
		t.Errorf("%d attempts from 1000 addresses, want %d", let, attemptsAll)
	}
}

// TestFormsAreOurs: a form without the token of this very session does nothing.
func TestFormsAreOurs(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	other := s.other().signIn("Eve", sharedSecret)
	for name, token := range map[string]string{"none": "", "another session's": other.form("/c/acme/"), "a guess": "AAAA"} {
		for path, form := range map[string]url.Values{"/c/acme/runs": {}, "/signout": {}, "/c/acme/holds/" + s.hold(): {"verdict": {"approve"}}} {
			form.Set("csrf", token)
			if resp, body := s.do("POST", path, form, nil); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: %d\n%s", path, name, resp.StatusCode, body)
			}
		}
	}
	good := url.Values{"csrf": {s.form("/c/acme/")}}
	if resp, _ := s.do("POST", "/c/acme/runs", good, map[string]string{"Sec-Fetch-Site": "cross-site"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site with the token: %d", resp.StatusCode)
	}
	if len(w.started)+len(w.decisions) > 0 {
		t.Fatalf("started %v, decided %v", w.started, w.decisions)
	}
	if code, to := s.post("/c/acme/runs", url.Values{}); code != http.StatusSeeOther || len(w.started) != 1 || w.started[0] != "Ann" {
		t.Errorf("the right form: %d %s %v", code, to, w.started)
	}
	if _, to := s.post("/c/acme/runs", url.Values{}); !strings.HasSuffix(to, "already") || len(w.started) != 1 {
		t.Errorf("once more: %s %v", to, w.started)
	}
}

var (
	inlineStyle  = regexp.MustCompile(`(?i)<style|\sstyle\s*=|\son[a-z]+\s*=|href="javascript:`)
	inlineScript = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>`)
)

// TestHeaders: every answer, of whatever kind, tells browsers what they may do, and
// no page needs more.
func TestHeaders(t *testing.T) {
	w := newWorld()
	s := w.serve(t, nil)
	look := func(path string) {
		resp, body := s.do("GET", path, nil, nil)
		for name, want := range map[string]string{"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
			if !strings.Contains(resp.Header.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, resp.Header.Get(name))
			}
		}
		if csp := resp.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: the policy allows too much: %s", path, csp)
		}
		if static := strings.HasPrefix(path, "/static/"); !static && resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %q", path, resp.Header.Get("Cache-Control"))
		}
		for _, tag := range inlineScript.FindAllString(body, -1) {
			if !strings.Contains(tag, `src="/static/`) && strings.Contains(resp.Header.Get("Content-Type"), "html") {
				t.Errorf("%s has a script of its own: %s", path, tag)
			}
		}
		if found := inlineStyle.FindString(body); found != "" && strings.Contains(resp.Header.Get("Content-Type"), "html") {
			t.Errorf("%s has %q, which the policy forbids", path, found)
		}
	}
	look("/signin")
	look("/c/acme/") // a redirect
	s.signIn("Ann", sharedSecret)
	w.status.Lock = &jobs.LockedError{Holder: "somebody", Since: evening}
	for _, path := range append(pages(), "/nothing", "/static/console.css", "/static/console.js", "/static/nothing") {
		look(path)
	}
}
