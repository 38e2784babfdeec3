package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestProviderFourEyes: one subject is one person, whatever their e-mail is by now;
// and a token, whose owner may have signed in at the provider, is nobody's eyes.
func TestProviderFourEyes(t *testing.T) {
	w := now()
	s, p := w.serveOIDC(t, true, func(c *Connection) { c.Policy.FourEyes = true })
	alice := s.other().signIn("", aliceSecret)
	if _, body := alice.get("/c/acme/holds"); strings.Contains(body, `value="approve"`) || !strings.Contains(body, "sign in at the provider") {
		t.Errorf("a token is offered to approve:\n%s", body)
	}
	ann := s.other()
	ann.entered(p.comeBack(ann, "ann", ""))
	hold := ann.hold()
	if code, body := alice.post("/c/acme/holds/"+hold, url.Values{"verdict": {"approve"}}); code != http.StatusForbidden || len(w.decisions) > 0 {
		t.Errorf("a token approves: %d\n%s", code, body)
	}
	if _, to := ann.decide("approve", nil); !strings.HasSuffix(to, "said=second") {
		t.Fatalf("ann: %s", to)
	}
	married := s.other()
	p.set(func() { p.bend = func(c map[string]any) { c["email"] = "ann.else@x.io" } })
	married.entered(p.comeBack(married, "ann", ""))
	p.set(func() { p.bend = nil })
	if _, body := married.get("/c/acme/holds"); !strings.Contains(body, "You approved") {
		t.Error("somebody is offered to approve a second time")
	}
	married.decide("approve", nil)
	for _, d := range w.decisions {
		if d.Enough(true) {
			t.Fatalf("one person was enough: %+v", d)
		}
	}
	ben := s.other()
	ben.entered(p.comeBack(ben, "ben", ""))
	ben.decide("approve", nil)
	for _, d := range w.decisions {
		if !d.Enough(true) || len(d.By) != 2 {
			t.Errorf("decided %+v", d)
		}
	}
}

// TestProviderAttemptsAreCounted: an address begins so many sign-ins, and no more.
func TestProviderAttemptsAreCounted(t *testing.T) {
	s, p := now().serveOIDC(t, false, nil)
	for range attemptsEach {
		p.comeBack(s, "ann", "")
	}
	if resp, body := s.leave(""); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("%d\n%s", resp.StatusCode, body)
	}
}

// TestNames: what the provider calls somebody is a name, whatever it has in it.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		want string
		from []string
	}{
		{"ann@x.io", []string{"ann@x.io", "Ann"}},
		{"Ann O’Hara b", []string{"", "Ann O’Hara <b>", "ann"}},
		{"eve 0123456789ab", []string{"eve [0123456789ab]"}},
		{"eve run forged", []string{"\x00", "eve\nrun=forged"}},
		{"somebody", []string{"", "[]", "\u202e"}},
		{strings.Repeat("ä", 64), []string{strings.Repeat("ä", 300)}},
	} {
		if got := name(test.from...); got != test.want {
			t.Errorf("%q is called %q, want %q", test.from, got, test.want)
		}
	}
}

// TestUnverifiedEmail: an e-mail that the provider does not vouch for is no name.
func TestUnverifiedEmail(t *testing.T) {
	for name, test := range map[string]struct {
		bend func(map[string]any)
		want string
	}{
		"not verified":      {func(c map[string]any) { c["email_verified"] = false }, "Ann O’Hara b ["},
		"nothing is said":   {func(c map[string]any) { delete(c, "email_verified") }, "Ann O’Hara b ["},
		"written as a name": {func(c map[string]any) { c["email_verified"], c["name"] = false, "ceo@x.io" }, "ceo at x.io ["},
		"as a user name": {func(c map[string]any) {
			delete(c, "email_verified")
			delete(c, "name")
			c["preferred_username"] = "ceo@x.io"
		}, "ceo at x.io ["},
		"said as a text":      {func(c map[string]any) { c["email_verified"] = "true" }, "ann@x.io ["},
		"one role, as a text": {func(c map[string]any) { c["groups"] = "Console viewers" }, "ann@x.io ["},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := now().serveOIDC(t, false, nil)
			p.set(func() { p.bend = test.bend })
			s.entered(p.comeBack(s, "ann", ""))
			if _, page := s.get("/c/acme/"); !strings.Contains(page, `class="who">`+test.want) {
				t.Errorf("the page says\n%s", page)
			}
		})
	}
}

// FuzzClaims: whatever a token says, a name is short and cannot pass for what stands
// behind it, and roles are texts that the claim has.
func FuzzClaims(f *testing.F) {
	f.Add("ann@x.io", `["a","b"]`)
	f.Add("ann [0123456789ab]\n", `"a"`)
	f.Add("\u202eann", `{"a":[1]}`)
	f.Add(strings.Repeat("0", 63)+" 0", "[null]")
	f.Fuzz(func(t *testing.T, text, claim string) {
		got := name(text)
		if got == "" || len([]rune(got)) > 64 || strings.ContainsAny(got, "[]\n\r<>\"=") || got != strings.TrimSpace(got) {
			t.Errorf("%q is called %q", text, got)
		}
		roles, listed := list([]byte(claim))
		if len(roles) > 0 && !listed || listed && !strings.ContainsAny(claim, `["`) {
			t.Errorf("%q lists %q, %v", claim, roles, listed)
		}
	})
}
