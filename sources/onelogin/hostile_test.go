package onelogin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tomorro-sync/sources/onelogin"
)

// TestHostileAnswers: what answers at OneLogin's address has this program ask nobody else
// for anything, and does not make its errors, which are journalled, as long as it likes.
func TestHostileAnswers(t *testing.T) {
	reached := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/auth/oauth2/v2/token":
			_, _ = w.Write([]byte(`{"access_token": "t", "expires_in": 36000}`))
		case "/auth/rate_limit":
			http.Redirect(w, r, elsewhere.URL+"/latest/meta-data", http.StatusFound)
		default:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"description": "rate_limit_exceeded", "message": "` + strings.Repeat("é", 1<<20) + `"}`))
		}
	}))
	defer server.Close()
	client, err := onelogin.New(onelogin.Config{URL: server.URL, ClientID: "i", ClientSecret: "s", AppID: 1, Retries: 1, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Setup(t.Context())
	if err == nil || len(err.Error()) > 1500 || !strings.Contains(err.Error(), "éé") {
		t.Errorf("%.100v…, %d bytes", err, len(err.Error()))
	}
	if reached > 0 {
		t.Error("it asked elsewhere")
	}
}
