package tomorro

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
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
