package tomorro_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
)

// TestRedirects: an address that only leads to another one is wrong, which no retry mends.
// Nothing is sent on to where it leads, the token least of all.
func TestRedirects(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere"+r.URL.Path, http.StatusMovedPermanently)
	}))
	defer server.Close()
	client, err := tomorro.New(tomorro.Config{URL: server.URL, Token: "x", Concurrency: 1, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"a list":   func() error { _, err := client.ReadGroups(t.Context()); return err },
		"a create": func() error { _, err := client.Write(t.Context(), create("a@x.io")); return err },
		"an update": func() error {
			_, err := client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "1", UserName: "a@x.io"}})
			return err
		},
	} {
		asked = 0
		if err := do(); err == nil || !strings.Contains(err.Error(), "301; check tomorro.url") || errors.Is(err, reconcile.ErrUncertain) || asked != 1 {
			t.Errorf("%s: %v, by %d requests", what, err, asked)
		}
	}
}

// TestUntrusted: of a certificate that nobody here trusts the error says what to do.
func TestUntrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client, err := tomorro.New(tomorro.Config{URL: server.URL, Token: "x", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ReadGroups(t.Context()); err == nil || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("%v", err)
	}
}
