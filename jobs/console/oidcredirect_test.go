package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestProviderRedirects: the provider's answers are its own. An address of it that leads
// elsewhere takes neither the client's secret nor a code there.
func TestProviderRedirects(t *testing.T) {
	reached := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached++
		_ = r.ParseForm()
		if _, secret, _ := r.BasicAuth(); secret != "" || r.PostForm.Get("client_secret") != "" || r.PostForm.Get("code") != "" {
			t.Errorf("%s %s has the secret or the code", r.Method, r.URL.Path)
		}
	}))
	defer elsewhere.Close()
	for _, path := range []string{"/oauth/token", "/keys", "/.well-known/openid-configuration"} {
		reached = 0
		w := now()
		s, p := w.serveOIDC(t, false, nil)
		p.set(func() { p.leads = map[string]string{path: elsewhere.URL + path} })
		if strings.HasPrefix(path, "/.well-known") {
			_, _ = s.leave("")
		} else if resp, _ := s.do("GET", p.comeBack(s, "ann", ""), nil, nil); resp.StatusCode == http.StatusOK {
			t.Errorf("%s leads elsewhere, and somebody is in", path)
		}
		if reached > 0 {
			t.Errorf("%s was followed %d times", path, reached)
		}
	}
}
