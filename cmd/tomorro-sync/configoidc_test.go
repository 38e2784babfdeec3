package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs/console"
	"tomorro-sync/reconcile"
)

const goodOIDC = `issuer: https://acme.onelogin.com/oidc/2, client_id: c, client_secret: hush-oidc, redirect_url: https://sync.acme.com/signin/callback, approvers: [Approvers]`

func TestOIDCConfig(t *testing.T) {
	for _, test := range []struct {
		name, oidc string
		want       []string
	}{
		{"nothing but a client", "client_id: c", []string{"listen.oidc.issuer: is missing", "TOMORRO_SYNC_LISTEN_OIDC_ISSUER", "listen.oidc.client_secret: is missing", "listen.oidc.client_secret_file", "listen.oidc.redirect_url: is missing", "listen.oidc.approvers: and listen.oidc.viewers are empty"}},
		{"an issuer in the clear", strings.Replace(goodOIDC, "https://acme", "http://acme", 1), []string{"listen.oidc.issuer: http:// would send"}},
		{"a redirect in the clear", strings.Replace(goodOIDC, "https://sync", "http://sync", 1), []string{"listen.oidc.redirect_url: http:// would send"}},
		{"a redirect to elsewhere", strings.Replace(goodOIDC, "/callback", "", 1), []string{`listen.oidc.redirect_url: has the path "/signin"; write the address of the console with /signin/callback`}},
		{"a role without a name", strings.Replace(goodOIDC, "[Approvers]", `[""]`, 1), []string{"has an empty name"}},
		{"a misspelt key", goodOIDC + ", aprovers: [x]", []string{`unknown key "listen.oidc.aprovers"; did you mean "approvers"?`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := loadConfig(writeFile(t, goodConfig+"listen: {oidc: {"+test.oidc+"}}\n"), nil)
			if err == nil {
				err = c.validate()
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
					t.Errorf("the message lacks %q, or shows a secret:\n%v", want, err)
				}
			}
		})
	}
}

func TestOIDCOptions(t *testing.T) {
	if c := mustLoad(t, goodConfig); c.Listen.OIDC.options() != nil || c.Listen.consoleAddress() != "" {
		t.Errorf("a console that nobody asked for: %+v", c.Listen.OIDC)
	}
	c := mustLoad(t, goodConfig+"listen: {oidc: {"+goodOIDC+"}}\n", "TOMORRO_SYNC_LISTEN_OIDC_VIEWERS=Staff,Legal", "TOMORRO_SYNC_LISTEN_OIDC_CLIENT_SECRET_FILE="+writeFile(t, "of-a-file\n"))
	want := &console.OIDC{Issuer: "https://acme.onelogin.com/oidc/2", ClientID: "c", ClientSecret: "of-a-file", RedirectURL: "https://sync.acme.com/signin/callback",
		GroupsClaim: "groups", Viewers: []string{"Staff", "Legal"}, Approvers: []string{"Approvers"}}
	if diff := cmp.Diff(want, c.Listen.OIDC.options()); diff != "" || c.Listen.consoleAddress() != consoleDefault {
		t.Errorf("at %q: %s", c.Listen.consoleAddress(), diff)
	}
	second := *c
	if !second.Listen.sameConsole(&c.Listen) {
		t.Error("the same provider is called another")
	}
	if second.Listen.OIDC.Viewers = nil; second.Listen.sameConsole(&c.Listen) {
		t.Error("other roles are called the same")
	}
}

// TestServeOIDC: serve starts without its provider, says so to who wants to sign in,
// and sends them there when it is back.
func TestServeOIDC(t *testing.T) {
	var up atomic.Bool
	var provider *httptest.Server
	provider = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":"x","jwks_uri":"x","id_token_signing_alg_values_supported":["RS256"]}`, provider.URL, provider.URL+"/auth")
	}))
	t.Cleanup(provider.Close)
	office := newOffice(t, labOptions{users: 5, groups: 1, seed: 1, plain: true}, "schedule: {cron: \"0 2 * * *\"}\nlisten: {admin: \"127.0.0.1:0\", console: \"127.0.0.1:0\", oidc: {issuer: \""+provider.URL+
		"\", client_id: our-client, client_secret: hush-oidc, redirect_url: \"https://sync.example/signin/callback\", viewers: [Staff]}}\n")
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	var out, log tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"--config", office.config, "serve"}, nil, strings.NewReader(""), &out, &log)
	}()
	address := regexp.MustCompile(`console=(\S+)`)
	eventually(t, "it listens", func() bool { return address.MatchString(log.String()) })
	b := newBrowser(t, "http://"+address.FindStringSubmatch(log.String())[1])
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	leave := func() *http.Response {
		resp, err := b.client.Get(b.base + "/signin/provider")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp
	}
	if page := b.get("/signin"); !strings.Contains(page, "/signin/provider") || strings.Contains(page, `name="token"`) {
		t.Errorf("the sign-in page says\n%s", page)
	}
	if resp := leave(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without the provider: %s", resp.Status)
	}
	up.Store(true)
	at, err := url.Parse(leave().Header.Get("Location"))
	if err != nil || !strings.HasPrefix(at.String(), provider.URL+"/auth?") || at.Query().Get("client_id") != "our-client" || at.Query().Get("code_challenge_method") != "S256" {
		t.Errorf("it sends people to %s (%v)", at, err)
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone || strings.Contains(log.String(), "hush") {
		t.Errorf("exit %d\n%s", code, log.String())
	}
}
