package onelogin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/reconcile"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func TestApps(t *testing.T) {
	sim := onelogintest.New(onelogintest.Generate(onelogintest.Options{Users: 20, Groups: 3, Seed: 1}))
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	cfg := onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, Retries: -1}
	got, err := onelogin.Apps(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []onelogin.ListedApp{
		{ID: 11, Name: "Mail", Status: "Not Available"},
		{ID: sim.AppID(), Name: "Tomorro", SCIM: true, Status: "Available", Enabled: true, UserNameSource: "email"},
	}
	got[1].Name = want[1].Name // as the world calls it
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	cfg.ClientSecret = "wrong"
	if _, err := onelogin.Apps(t.Context(), cfg); !errors.Is(err, reconcile.ErrRefused) {
		t.Errorf("wrong credentials: %v", err)
	}
	cfg.ClientSecret = ""
	if _, err := onelogin.Apps(t.Context(), cfg); err == nil {
		t.Error("no secret is taken")
	}
}

// TestAppsUnread shows an account whose credentials may list apps and not read them,
// and one whose may not even list them.
func TestAppsUnread(t *testing.T) {
	list := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasPrefix(r.URL.Path, "/auth/"):
			fmt.Fprint(w, `{"access_token":"t","expires_in":3600}`)
		case r.URL.Path == "/api/2/apps" && list == http.StatusOK:
			fmt.Fprint(w, `[{"id":7,"name":"Seven"},{"id":"3","name":null}]`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"Unauthorized","statusCode":401,"name":"UnauthorizedError"}`)
		}
	}))
	t.Cleanup(server.Close)
	cfg := onelogin.Config{URL: server.URL, ClientID: "a", ClientSecret: "b", Retries: -1}
	got, err := onelogin.Apps(t.Context(), cfg)
	if err != nil || len(got) != 2 || got[0].ID != 3 || got[1].Name != "Seven" || !strings.Contains(got[0].Unread, "Read All") {
		t.Errorf("%+v, %v", got, err)
	}
	list = http.StatusUnauthorized
	if _, err := onelogin.Apps(t.Context(), cfg); !errors.Is(err, reconcile.ErrRefused) || !strings.Contains(err.Error(), "Manage All") {
		t.Errorf("a refused list: %v", err)
	}
}
