package tomorro

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"tomorro-sync/reconcile"
)

// TestProbeGuard: what is not the sandbox's is not written to, whatever a step asks for.
func TestProbeGuard(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	c, err := New(Config{URL: server.URL, Token: "t", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{c: c, own: map[string]bool{"mine/1": true}}
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		for _, path := range []string{"/Users/yours", "/Groups/yours", "/Users/", "/Users"} {
			if _, err := p.call(t.Context(), method, path, nil, nil); !errors.Is(err, ErrSandbox) {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
		if _, err := p.call(t.Context(), method, "/Users/mine%2F1", nil, nil); err != nil {
			t.Errorf("%s of the sandbox: %v", method, err)
		}
	}
	if asked != 3 {
		t.Errorf("%d requests arrived, want 3", asked)
	}
}

// TestProbeOfAnOddID: an account that a former probe left is written to under its own id,
// whatever is in that.
func TestProbeOfAnOddID(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked += r.Method + " " + r.RequestURI }))
	defer server.Close()
	c, err := New(Config{URL: server.URL, Token: "t", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	p := newProbe(c, Sandbox{Account: "probe@x.io", Group: "probe"})
	const id = "a?b/c%2F"
	p.account.ID, p.own[id] = id, true
	if settled, err := p.createAs(t.Context(), "application/json"); err != nil || !settled || asked != "PUT /Users/a%3Fb%2Fc%252F" {
		t.Errorf("%v %v, asked %s", settled, err, asked)
	}
}

// TestProbeNeedsNames: a sandbox without a name that can be nobody else's is not tried.
func TestProbeNeedsNames(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	for _, names := range [][2]string{{"", "probe"}, {"probe", "probe"}, {"@x.io", "probe"}, {"probe@", "probe"}, {"probe@x.io", ""}, {"probe@x.io", " "}} {
		s := Sandbox{Account: names[0], Group: names[1], Real: func(reconcile.Account, reconcile.Group) string { return "" }}
		if _, err := Probe(t.Context(), Config{URL: server.URL, Token: "t"}, s); !errors.Is(err, ErrSandbox) {
			t.Errorf("%q: %v", names, err)
		}
	}
	if asked != 0 {
		t.Errorf("%d requests arrived", asked)
	}
}

// TestProbeSearches: a service that answers a search with everything it has gives the probe
// nobody's account or group to take away, but its own.
func TestProbeSearches(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := `"name":{"givenName":"` + probeGiven + `","familyName":"` + probeFamily + `"}`
		if r.URL.Path == "/Users" {
			_, _ = w.Write([]byte(`{"totalResults":4,"Resources":[{"id":"1","userName":"ann@x.io",` + name + `},
				{"id":"2","userName":"probe@x.io","name":{"givenName":"Pat","familyName":"Robe"}},
				{"userName":"probe@x.io",` + name + `},{"id":"4","userName":"probe@x.io",` + name + `}]}`))
			return
		}
		_, _ = w.Write([]byte(`{"totalResults":3,"Resources":[{"id":"5","displayName":"Legal"},{"displayName":"probe"},{"id":"6","displayName":"probe"}]}`))
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL, Token: "t", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{c: c, own: make(map[string]bool), s: Sandbox{Account: "probe@x.io", Group: "probe", Real: func(reconcile.Account, reconcile.Group) string { return "" }}}
	if err := p.search(t.Context()); err != nil || p.account.ID != "4" || p.group.ID != "6" || len(p.extra) != 0 || !maps.Equal(p.own, map[string]bool{"4": true, "6": true}) {
		t.Errorf("%v: account %q, group %q, others %v, %v", err, p.account.ID, p.group.ID, p.extra, p.own)
	}
	p.s.Current.Groups = []reconcile.Group{{ID: "6", Name: "probe", Ours: true}}
	if err := p.takeOver(); !errors.Is(err, ErrSandbox) {
		t.Errorf("a group that a run made: %v", err)
	}
}

// TestProbeCannotSearch: what may have been made and cannot be looked for may be left, and
// nobody says that all is taken away.
func TestProbeCannotSearch(t *testing.T) {
	for status, left := range map[int]bool{200: true, 400: true, 403: true, 404: false, 500: true} { // 200 with nothing in it is no list
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		c, err := New(Config{URL: server.URL, Token: "t", Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		p := newProbe(c, Sandbox{Account: "probe@x.io", Group: "probe"})
		p.lost = true
		if err := p.finish(t.Context(), c); errors.Is(err, ErrLeft) != left {
			t.Errorf("the search is answered %d: %v", status, err)
		}
		server.Close()
	}
}
