package tomorro

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// TestBulkIsSentOnce: somebody gives up when a Bulk request is on the wire to its last byte.
// It is done then, and is not made again for the others.
func TestBulkIsSentOnce(t *testing.T) {
	arrived, requests := make(chan struct{}), 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests++; requests == 1 {
			close(arrived)
			time.Sleep(50 * time.Millisecond) // it is at work, and has not answered
		}
		_, _ = io.WriteString(w, `{"Operations":[{"method":"POST","bulkId":"0","status":"201"},{"method":"POST","bulkId":"1","status":"201"}]}`)
	}))
	defer server.Close()
	root, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	impatient, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	checks := 0
	checked := reconcile.WithFence(t.Context(), func() error {
		if checks++; checks == 3 { // after the ones before it is sent, and at the read of what is sent
			select {
			case <-arrived:
			case <-time.After(10 * time.Second):
				t.Error("it was not sent at once")
			}
			giveUp()
		}
		return nil
	})
	var ops []*operation
	for _, ctx := range []context.Context{checked, t.Context(), impatient} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, &operation{request: r, body: []byte(`"` + strings.Repeat("x", 6000) + `"`), answer: make(chan opAnswer, 1)})
	}
	cfg := Config{}
	cfg.fill()
	(&bulk{base: fenced{http.DefaultTransport}, root: root, cfg: &cfg, most: 3}).deal(slices.Clone(ops))
	for i, o := range ops[:2] {
		if a := <-o.answer; a.response == nil || a.response.StatusCode != http.StatusCreated {
			t.Errorf("operation %d: %+v", i, a)
		}
	}
	if requests != 1 {
		t.Errorf("it was sent %d times", requests)
	}
}
