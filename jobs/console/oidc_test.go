package console

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// now is a world whose clock is the provider's.
func now() *world {
	w := newWorld()
	w.now = time.Now()
	return w
}

// entered follows a sign-in back into the console, and gives where it leads to.
func (s *site) entered(back string) string {
	s.t.Helper()
	code, body := s.get(back)
	m := regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]+)"`).FindStringSubmatch(body)
	if code != http.StatusOK || m == nil {
		s.t.Fatalf("not let in: %d\n%s\n%s", code, body, s.log.String())
	}
	return m[1]
}

// shut asserts that nobody is signed in.
func (s *site) shut(why string) {
	s.t.Helper()
	if code, _ := s.get("/c/acme/"); code != http.StatusSeeOther {
		s.t.Errorf("%s: the console is open: %d", why, code)
	}
}

// TestProviderSignIn: code flow with PKCE, state and nonce; who comes back is known
// by their verified e-mail, and goes where they wanted to.
func TestProviderSignIn(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, false, nil)
	if _, body := s.get("/signin?next=/c/acme/holds"); !strings.Contains(body, `href="/signin/provider?next=%2fc%2facme%2fholds"`) || strings.Contains(body, `name="token"`) {
		t.Errorf("the sign-in page says\n%s", body)
	}
	back := p.comeBack(s, "ann", "/c/acme/holds?x=1")
	asked := p.asked[0]
	for key, want := range map[string]string{"response_type": "code", "code_challenge_method": "S256", "client_id": providerClient, "scope": "openid profile email groups", "redirect_uri": s.url + CallbackPath} {
		if asked.Get(key) != want {
			t.Errorf("it asks with %s %q, want %q", key, asked.Get(key), want)
		}
	}
	if len(asked.Get("code_challenge")) != 43 || len(asked.Get("state")) < 26 || len(asked.Get("nonce")) < 26 || asked.Get("nonce") == asked.Get("state") {
		t.Errorf("it asks with %v", asked)
	}
	if to := s.entered(back); to != "/c/acme/holds?x=1" {
		t.Errorf("it leads to %s", to)
	}
	_, page := s.get("/c/acme/")
	if !regexp.MustCompile(`class="who">ann@x\.io \[[0-9a-f]{12}\]<`).MatchString(page) || !strings.Contains(page, "Run now") {
		t.Errorf("the page says\n%s", page)
	}
	if log := w.log.String(); strings.Contains(log, "ann") || strings.Contains(log, "O’Hara") || strings.Contains(log, asked.Get("state")) || strings.Contains(log, providerSecret) || !strings.Contains(log, "subject=") {
		t.Errorf("the log says\n%s", log)
	}
	for _, token := range []string{"", sharedSecret} {
		resp, body := s.other().do("POST", "/signin", url.Values{"csrf": {"x"}, "name": {"Ann"}, "token": {token}}, map[string]string{"Cookie": formCookie + "=x"})
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("a token opens a console that has none: %d\n%s", resp.StatusCode, body)
		}
	}
}

// TestProviderRoles: no role, no entry; viewers look and change nothing; approvers do.
func TestProviderRoles(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, false, nil)
	out := s.other()
	code, body := out.get(p.comeBack(out, "out", ""))
	if code != http.StatusForbidden || !strings.Contains(body, "You have no access") || !strings.Contains(body, "approvers") {
		t.Errorf("without a role: %d\n%s", code, body)
	}
	out.shut("without a role")

	vic := s.other()
	vic.entered(p.comeBack(vic, "vic", ""))
	for _, path := range pages() {
		if code, body := vic.get(path); code != http.StatusOK || strings.Contains(body, "Run now") || strings.Contains(body, `name="verdict"`) {
			t.Errorf("a viewer sees %s: %d\n%s", path, code, body)
		}
	}
	ann := s.other()
	ann.entered(p.comeBack(ann, "ann", ""))
	hold := ann.hold()
	for path, form := range map[string]url.Values{"/c/acme/holds/" + hold: {"verdict": {"approve"}}, "/c/acme/holds/" + hold + "?": {"verdict": {"reject"}, "why": {"no"}}, "/c/acme/runs": {}} {
		if code, body := vic.post(path, form); code != http.StatusForbidden || !strings.Contains(body, "You may look") {
			t.Errorf("a viewer posts to %s: %d\n%s", path, code, body)
		}
	}
	if len(w.decisions)+len(w.started) > 0 {
		t.Fatalf("a viewer decided %v, started %v", w.decisions, w.started)
	}
	if code, to := ann.post("/c/acme/runs", url.Values{}); code != http.StatusSeeOther || len(w.started) != 1 || !strings.HasPrefix(w.started[0], "ann@x.io [") {
		t.Errorf("an approver asks for a run: %d %s %v", code, to, w.started)
	}
	if code, to := vic.post("/signout", url.Values{}); code != http.StatusSeeOther || to == "" {
		t.Errorf("a viewer signs out: %d", code)
	}
	vic.shut("signed out")
}

// TestProviderForgeries: whatever is wrong about a token, nobody is let in, and the
// log says what it was without the token.
func TestProviderForgeries(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	for name, test := range map[string]struct {
		bend func(map[string]any)
		sign func([]byte, jose.SigningKey) string
		log  string // empty: let in
	}{
		"as it is":                 {bend: func(map[string]any) {}},
		"another nonce":            {bend: func(c map[string]any) { c["nonce"] = "AAAAAAAAAAAAAAAAAAAAAAAAAA" }, log: "nonce"},
		"no nonce":                 {bend: func(c map[string]any) { delete(c, "nonce") }, log: "nonce"},
		"another audience":         {bend: func(c map[string]any) { c["aud"] = "another-app" }, log: "audience"},
		"no audience":              {bend: func(c map[string]any) { delete(c, "aud") }, log: "audience"},
		"another party":            {bend: func(c map[string]any) { c["azp"] = "another-app" }, log: "another application"},
		"two audiences, no party":  {bend: func(c map[string]any) { c["aud"] = []string{providerClient, "another-app"}; delete(c, "azp") }, log: "another application"},
		"one audience, no party":   {bend: func(c map[string]any) { delete(c, "azp") }},
		"two audiences, our party": {bend: func(c map[string]any) { c["aud"] = []string{providerClient, "another-app"}; c["azp"] = providerClient }},
		"another issuer":           {bend: func(c map[string]any) { c["iss"] = "https://evil.example" }, log: "different provider"},
		"expired":                  {bend: func(c map[string]any) { c["exp"] = ago(expiryLeeway + 5*time.Second) }, log: "expired"},
		"expired within leeway":    {bend: func(c map[string]any) { c["exp"] = ago(expiryLeeway - 10*time.Second) }},
		"no expiry":                {bend: func(c map[string]any) { delete(c, "exp") }, log: "expired"},
		"not yet":                  {bend: func(c map[string]any) { c["nbf"] = ago(-time.Hour) }, log: "nbf"},
		"about nobody":             {bend: func(c map[string]any) { c["sub"] = "" }, log: "about nobody"},
		"a name that is none":      {bend: func(c map[string]any) { c["name"] = 7 }, log: "id token"},
		"another key": {sign: func(b []byte, k jose.SigningKey) string {
			return signed(b, jose.SigningKey{Algorithm: jose.RS256, Key: other})
		}, log: "signature"},
		"another key under the provider's id": {sign: func(b []byte, k jose.SigningKey) string {
			return signed(b, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other, KeyID: k.Key.(jose.JSONWebKey).KeyID}})
		}, log: "signature"},
		"signed with the client's secret": {sign: func(b []byte, _ jose.SigningKey) string {
			return signed(b, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(providerSecret + "-made-long-enough")})
		}, log: "id token"},
		"not signed": {sign: func(b []byte, _ jose.SigningKey) string {
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
		}, log: "id token"},
		"no token at all": {sign: func([]byte, jose.SigningKey) string { return "" }, log: "id token"},
	} {
		t.Run(name, func(t *testing.T) {
			w := now()
			s, p := w.serveOIDC(t, false, nil)
			p.set(func() { p.bend, p.sign = test.bend, test.sign })
			back := p.comeBack(s, "ann", "")
			if test.log == "" {
				s.entered(back)
				return
			}
			code, body := s.get(back)
			if code != http.StatusForbidden || !strings.Contains(body, "was not accepted") {
				t.Errorf("%d\n%s", code, body)
			}
			s.shut(name)
			if log := w.log.String(); !strings.Contains(log, test.log) || strings.Contains(log, "eyJ") || strings.Contains(log, "ann@") || strings.Contains(log, "O’Hara") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

// TestProviderState: an answer is taken once, in the browser that asked, in time, and
// only with the state that this browser was given.
func TestProviderState(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, false, nil)
	refused := func(s *site, back, why string) {
		t.Helper()
		if code, body := s.get(back); code != http.StatusForbidden || !strings.Contains(body, "no longer good") {
			t.Errorf("%s: %d\n%s", why, code, body)
		}
		s.shut(why)
	}
	with := func(back, key, value string) string {
		u, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(key, value)
		return u.Path + "?" + q.Encode()
	}
	a := s.other()
	refused(a, with(p.comeBack(a, "ann", ""), "state", "AAAAAAAAAAAAAAAAAAAAAAAAAA"), "another state")
	refused(a, with(p.comeBack(a, "ann", ""), "state", ""), "no state")
	back := p.comeBack(a, "ann", "")
	refused(s.other(), back, "another browser") // which is a login forged for somebody
	refused(a, with(back, "state", "x"), "another state")
	refused(a, back, "a state that was used up by a wrong one")

	b := s.other()
	back = p.comeBack(b, "ann", "")
	jar := b.client.Jar.Cookies(&url.URL{Scheme: "http", Host: b.at().Host, Path: CallbackPath})
	b.entered(back)
	replay := s.other()
	replay.client.Jar.SetCookies(&url.URL{Scheme: "http", Host: b.at().Host, Path: CallbackPath}, jar)
	refused(replay, back, "a replay with the cookie")

	c := s.other()
	back = p.comeBack(c, "ann", "")
	w.pass(attemptLife + time.Second)
	refused(c, back, "too late")
	refused(s.other(), CallbackPath, "out of the blue")
}

// TestProviderAnswers: what else can come back.
func TestProviderAnswers(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, false, nil)
	state := func() string {
		_, to := s.leave("")
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return CallbackPath + "?state=" + u.Query().Get("state")
	}
	for add, want := range map[string]string{
		"&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E": "access was denied",
		"&error=%3Cscript%3Ealert(1)%3C/script%3E":                                 "an error without a name",
		"&error=login_required":                                                    "login_required",
		"&code=x&iss=https%3A%2F%2Fevil.test":                                      "was not accepted",
		"&code=not-a-code":                                                         "was not accepted",
		"":                                                                         "was not accepted",
	} {
		code, body := s.get(state() + add)
		if code != http.StatusForbidden || !strings.Contains(body, want) || strings.Contains(body, "alert(1)") || strings.Contains(body, "evil") {
			t.Errorf("%s: %d\n%s", add, code, body)
		}
		s.shut(add)
	}
	w.pass(10 * attemptEvery)
	if code, body := s.get(p.comeBack(s, "ann", "") + "&iss=https%3A%2F%2Fevil.test"); code != http.StatusForbidden {
		t.Errorf("a good code from another provider: %d\n%s", code, body)
	}
	s.shut("another provider")
	o := s.other()
	o.entered(p.comeBack(o, "ann", "") + "&iss=" + url.QueryEscape(p.issuer))
	p.set(func() { p.challenge = strings.Repeat("A", 43) })
	w.pass(10 * attemptEvery)
	if code, body := s.get(p.comeBack(s, "ann", "")); code != http.StatusForbidden || !strings.Contains(body, "was not accepted") || !strings.Contains(w.log.String(), "invalid_grant") {
		t.Errorf("a code of another verifier: %d\n%s\n%s", code, body, w.log.String())
	}
	s.shut("PKCE")
	if log := w.log.String(); strings.Contains(log, "script") {
		t.Errorf("the log says\n%s", log)
	}
	for _, next := range []string{"https://evil.example/c/", "//evil.example", `/\evil.example`, "javascript:alert(1)"} {
		p.set(func() { p.challenge = "" })
		o := s.other()
		w.pass(attemptEvery)
		if to := o.entered(p.comeBack(o, "ann", next)); to != "/" {
			t.Errorf("next %q leads to %q", next, to)
		}
	}
}

// TestProviderDown: the console is there without its provider, says so, and finds it
// when it is back; a token that is configured opens meanwhile.
func TestProviderDown(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, true, nil)
	p.set(func() { p.down = true })
	resp, body := s.leave("")
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "cannot be reached") || !strings.Contains(body, `name="token"`) {
		t.Errorf("%d\n%s", resp.StatusCode, body)
	}
	o := s.other().signIn("", aliceSecret)
	if code, to := o.post("/c/acme/runs", url.Values{}); code != http.StatusSeeOther {
		t.Errorf("with a token: %d %s", code, to)
	}
	p.set(func() { p.down, p.long = false, true })
	if resp, body := s.leave(""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an answer without end: %d\n%s", resp.StatusCode, body)
	}
	p.set(func() { p.long = false })
	back := p.comeBack(s, "ann", "")
	p.set(func() { p.down = true })
	if code, body := s.get(back); code != http.StatusServiceUnavailable || !strings.Contains(body, "cannot be reached") {
		t.Errorf("down in the middle: %d\n%s", code, body)
	}
	s.shut("down in the middle")
	p.set(func() { p.down = false })
	s.entered(p.comeBack(s, "ann", ""))
}

// TestProviderSession: the sign-in makes a new session, whose cookie no script and no
// other site has, which ends the one before it, and ends itself within the hour: then
// the provider is asked again what somebody may.
func TestProviderSession(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, true, nil)
	before := s.signIn("", aliceSecret).cookie()
	resp, _ := s.leave("")
	set := resp.Cookies()
	if i := slices.IndexFunc(set, func(c *http.Cookie) bool { return c.Name == attemptCookie }); i < 0 || !set[i].HttpOnly || set[i].SameSite != http.SameSiteLaxMode || set[i].MaxAge != 600 || set[i].Path != CallbackPath || set[i].Secure || len(set[i].Value) < 40 {
		t.Errorf("the cookies are %+v", set)
	}
	back := p.comeBack(s, "ann", "")
	resp, _ = s.do("GET", back, nil, nil)
	set = resp.Cookies()
	if i := slices.IndexFunc(set, func(c *http.Cookie) bool { return c.Name == sessionCookie }); i < 0 || !set[i].HttpOnly || set[i].SameSite != http.SameSiteStrictMode || set[i].Value == before {
		t.Errorf("the cookies are %+v", set)
	}
	if i := slices.IndexFunc(set, func(c *http.Cookie) bool { return c.Name == attemptCookie }); i < 0 || set[i].MaxAge >= 0 {
		t.Errorf("the attempt's cookie stays: %+v", set)
	}
	old := s.other()
	old.setCookie(before)
	old.shut("the session before")

	for range 2 {
		if w.pass(sessionIdle); !s.open() {
			t.Fatal("it ended though it was used")
		}
	}
	p.set(func() { p.store.roles["id-of-ann"] = []string{"Console viewers"} })
	if w.pass(time.Second); s.open() {
		t.Fatal("it outlives its hour")
	}
	w.mu.Lock()
	w.now = time.Now()
	w.mu.Unlock()
	s.entered(p.comeBack(s, "ann", ""))
	if code, _ := s.post("/c/acme/runs", url.Values{}); code != http.StatusForbidden {
		t.Errorf("a role that was taken away still decides: %d", code)
	}
}

func (s *site) open() bool { code, _ := s.get("/c/acme/"); return code == http.StatusOK }

// TestProviderCookiesAreSecure: what the provider sends back over TLS stays there.
func TestProviderCookiesAreSecure(t *testing.T) {
	w := now()
	p := newIdentity(t)
	s := w.serveWith(t, nil, func(o *Options, _ string) {
		o.OIDC = &OIDC{Issuer: p.issuer, ClientID: providerClient, RedirectURL: "https://sync.example" + CallbackPath}
	})
	p.at(s.url)
	resp, to := s.leave("")
	if set := resp.Cookies(); len(set) != 1 || !set[0].Secure || !strings.Contains(to, "redirect_uri=https%3A%2F%2Fsync.example") {
		t.Errorf("%+v to %s", set, to)
	}
	resp, _ = s.try("", aliceSecret)
	for _, c := range resp.Cookies() {
		if !c.Secure {
			t.Errorf("%+v", c)
		}
	}
}
