package check_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile"
)

// TestLook looks at a listener with a certificate that the client trusts, and with one
// that it does not.
func TestLook(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/scim/v2/ServiceProviderConfig":
			http.NotFound(w, r)
		case r.Header.Get("Authorization") == "Bearer elsewhere": // who is not in listen.allow is told so before the token is looked at
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"403","detail":"This address is not on the listener's list of client addresses."}`))
		case r.Header.Get("Authorization") == "Bearer firewall":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":"blocked"}`))
		case r.Header.Get("Authorization") == "Bearer page":
			_, _ = w.Write([]byte(`<html>{"patch": {"supported": true}}`))
		case r.Header.Get("Authorization") == "Bearer api":
			_, _ = w.Write([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"]}`))
		case r.Header.Get("Authorization") != "Bearer good":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = w.Write([]byte(`{"patch": {"supported": true}}`))
		}
	}))
	defer server.Close()
	report := func(url, token string, client *http.Client) check.Report {
		seen, err := check.Listener{BaseURL: url, Token: token, Client: client}.Look(t.Context())
		f := &check.Facts{Listens: true, Listener: seen, ListenerErr: err}
		return check.Evaluate(f, &check.Settings{Policy: &reconcile.Policy{}, Now: time.Now()})
	}
	look := func(url, token string, client *http.Client) check.Result {
		r := report(url, token, client)
		return line(&r, "listener.reachable")
	}
	url := server.URL + "/scim/v2/"
	for name, c := range map[string]struct {
		got  check.Result
		want check.Status
	}{
		"good":            {look(url, "good", server.Client()), check.Pass},
		"hash only":       {look(url, "", server.Client()), check.Pass},
		"another token":   {look(url, "bad", server.Client()), check.Fail},
		"not let in":      {look(url, "elsewhere", server.Client()), check.Unseen},
		"a firewall":      {look(url, "firewall", server.Client()), check.Fail},
		"a web page":      {look(url, "page", server.Client()), check.Fail},
		"another API":     {look(url, "api", server.Client()), check.Fail},
		"another path":    {look(server.URL, "good", server.Client()), check.Fail},
		"nobody vouches":  {look(url, "good", &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}), check.Fail},
		"nobody is there": {look("https://127.0.0.1:1", "good", server.Client()), check.Fail},
		"no address":      {look("", "good", server.Client()), check.Unseen},
	} {
		if c.got.Status != c.want {
			t.Errorf("%s: %+v", name, c.got)
		}
	}
	r := report(url, "good", server.Client())
	if c := line(&r, "listener.certificate"); c.Status != check.Pass || !strings.Contains(c.Found, server.Certificate().NotAfter.Format(time.DateOnly)) {
		t.Errorf("the certificate: %+v", c)
	}
	if r := look(url, "good", &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}); r.Do[:5] != "Renew" {
		t.Errorf("a certificate that nobody vouches for: %+v", r)
	}
}

// TestReal: nothing that is somebody's, or named anywhere, is for trying things on.
func TestReal(t *testing.T) {
	t.Parallel()
	f := &check.Facts{Directory: reconcile.Directory{People: []reconcile.Person{{Key: 1, Email: "Ann@x.io", Username: "ann"}},
		Rules: []reconcile.Rule{{ID: 3, Name: "legal", Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"legal", "g-7"}}}}}}}
	policy := &reconcile.Policy{DefaultSubstitute: "sub@x.io", APIAccount: "api@x.io", Protect: []string{"ceo@x.io", "group:board"}}
	real := check.Real(f, policy, map[reconcile.Key]string{9: "account-9"})
	for _, a := range []reconcile.Account{{UserName: "ann@x.io"}, {UserName: "ann"}, {UserName: "free@x.io", ID: "account-9"}, {UserName: "Sub@x.io"}, {UserName: "api@x.io"}, {UserName: "ceo@x.io"}} {
		if real(a, reconcile.Group{}) == "" {
			t.Errorf("%+v is for trying things on", a)
		}
	}
	for _, g := range []reconcile.Group{{ID: "1", Name: "Legal"}, {ID: "g-7", Name: "x"}, {ID: "2", Name: "Board"}} {
		if real(reconcile.Account{UserName: "free@x.io"}, g) == "" {
			t.Errorf("%+v is for trying things on", g)
		}
	}
	if why := real(reconcile.Account{UserName: "free@x.io", ID: "a"}, reconcile.Group{ID: "3", Name: "sandbox"}); why != "" {
		t.Error(why)
	}
}
