package push_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// FuzzListener holds for any request that net/http would let through: no panic, no
// 5xx but for what is not offered, and an answer that is JSON.
func FuzzListener(f *testing.F) {
	for _, w := range writes {
		f.Add(w.method, w.path, "", []byte(w.body))
	}
	for _, b := range malformed() {
		if len(b.body) < 4096 && b.header == nil {
			path, query, _ := bytes.Cut([]byte(b.path), []byte("?"))
			f.Add(b.method, string(path), string(query), []byte(b.body))
		}
	}
	f.Add("GET", "/scim/v2//Users/", "filter=userName+eq+%22a%22&startIndex=2&count=1&attributes=a,b&excludedAttributes=name", []byte(nil))
	f.Add("POST", "/scim/v2/Bulk", "", []byte(`{}`))
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		u := &url.URL{Path: path, RawQuery: query}
		if parsed, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = parsed, path
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{"Authorization": {"Bearer " + token}}, Body: http.NoBody, RemoteAddr: "192.0.2.1:1"}
		if len(body) > 0 {
			r = httptest.NewRequest("POST", "/", bytes.NewReader(body))
			r.Method, r.URL = method, u
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		listener(t, world(), nil).ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		checkForm(t, method, w)
	})
}
