package push_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHead: whatever can be read can be asked for without its body (RFC 9110 section
// 9.3.2), with the headers that GET has, and by nobody else.
func TestHead(t *testing.T) {
	f := world()
	l := listener(t, f, nil)
	for path, want := range map[string]int{
		"/scim/v2/Users": 200, "/scim/v2/Users/u1": 200, "/scim/v2/Groups/g1": 200, "/scim/v2/ServiceProviderConfig": 200, "/scim/v2/Schemas": 200,
		"/scim/v2/Users/u9": 404, "/scim/v2/Users?count=x": 400, "/scim/v2/Bulk": 501,
	} {
		got, head := do(l, "GET", path, ""), do(l, "HEAD", path, "")
		if head.Code != want || got.Code != want || head.Body.Len() > 0 {
			t.Errorf("%s: %d with %d bytes; GET is %d", path, head.Code, head.Body.Len(), got.Code)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "ETag"} {
			if h, g := head.Header().Get(name), got.Header().Get(name); h != g || name == "Content-Length" && h == "" {
				t.Errorf("%s: %s is %q, of GET %q", path, name, h, g)
			}
		}
	}
	tag := do(l, "GET", "/scim/v2/Users/u1", "").Header().Get("ETag")
	if w := do(l, "HEAD", "/scim/v2/Users/u1", "", "If-None-Match", tag); w.Code != 304 {
		t.Errorf("unchanged: %d", w.Code)
	}
	reads := f.Reads()
	if w := do(l, "HEAD", "/scim/v2/Users/u1", "", "Authorization", "Bearer nobody's"); w.Code != 401 || w.Body.Len() > 0 || f.Reads() != reads {
		t.Errorf("without the token: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := do(l, "PUT", "/scim/v2/Users", ""); w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %s", w.Header().Get("Allow"))
	}
	server := httptest.NewServer(l)
	defer server.Close()
	r, err := http.NewRequest(http.MethodHead, server.URL+"/scim/v2/Users/u1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := server.Client().Do(r)
	if err != nil || resp.StatusCode != 200 || resp.ContentLength <= 0 {
		t.Fatalf("%v %+v", err, resp)
	}
	_ = resp.Body.Close()
}
