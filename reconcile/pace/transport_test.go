package pace_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tomorro-sync/reconcile/pace"
)

// TestAnswersAreBounded: a service that answers without end, or a little that unpacks to
// much, does not fill the memory.
func TestAnswersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var out io.Writer = w
		if r.URL.Path == "/packed" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			out = z
		}
		zeros := make([]byte, 64<<10)
		for n := 0; n < 1<<20 && r.Context().Err() == nil; n += len(zeros) {
			if _, err := out.Write(zeros); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	for most, ends := range map[int64]bool{1 << 20: false, 1<<20 - 1: true, 0: false} {
		client := &http.Client{Transport: &pace.Transport{Gate: pace.NewGate(1, 0), Base: pace.NewBase(1), Most: most}}
		for _, path := range []string{"/plain", "/packed"} {
			resp, err := client.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if large := err != nil && strings.Contains(err.Error(), "longer than"); large != ends || !ends && (err != nil || n != 1<<20) || n > 1<<20 {
				t.Errorf("%s, %d at most: %d bytes, %v", path, most, n, err)
			}
		}
		client.CloseIdleConnections()
	}
}
