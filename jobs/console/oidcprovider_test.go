package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	zoidc "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	providerClient = "console"
	providerSecret = "the-secret-of-the-console"
	providerWord   = "a-password-at-the-provider"
)

// identity is a whole OpenID provider, that of zitadel/oidc, with a few people. What
// it says can be bent where a test wants a provider that says something wrong.
type identity struct {
	t      *testing.T
	issuer string
	server *httptest.Server
	store  *identityStore
	auth   func(context.Context, string) string // where a sign-in goes on

	mu        sync.Mutex
	down      bool
	long      bool                                                // it answers more than anybody should read
	leads     map[string]string                                   // by path, where an address leads to instead of answering
	challenge string                                              // instead of the one that was sent
	bend      func(claims map[string]any)                         // changes what the token says
	sign      func(payload []byte, honest jose.SigningKey) string // signs otherwise than with the provider's key
	asked     []url.Values                                        // each authorization request
}

// identityStore is the library's, with roles.
type identityStore struct {
	*storage.Storage
	roles map[string][]string // by subject
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest.
func (s *identityStore) SetUserinfoFromRequest(_ context.Context, info *zoidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if err := s.Storage.SetUserinfoFromRequest(context.Background(), info, token, scopes); err != nil {
		return err
	}
	if roles, is := s.roles[token.GetSubject()]; is && slices.Contains(scopes, "groups") {
		info.AppendClaims("groups", roles)
	}
	return nil
}

// GetClientByClientID implements op.Storage.
func (s *identityStore) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	return identityClient{c}, err
}

// identityClient has its claims in the id token, as OneLogin's have.
type identityClient struct{ op.Client }

// IDTokenUserinfoClaimsAssertion implements op.Client.
func (identityClient) IDTokenUserinfoClaimsAssertion() bool { return true }

// IsScopeAllowed implements op.Client.
func (identityClient) IsScopeAllowed(scope string) bool { return scope == "groups" }

// identityUsers implements storage.UserStore.
type identityUsers map[string]*storage.User

// GetUserByID implements storage.UserStore.
func (u identityUsers) GetUserByID(id string) *storage.User { return u[id] }

// GetUserByUsername implements storage.UserStore.
func (u identityUsers) GetUserByUsername(name string) *storage.User { return u["id-of-"+name] }

// ExampleClientID implements storage.UserStore.
func (identityUsers) ExampleClientID() string { return "nobody" }

// newIdentity has a provider that knows ann and ben, who may decide, vic, who may
// look, and out, who may nothing, and whom it does not give to the console's client
// until at is called.
func newIdentity(t *testing.T) *identity {
	p := &identity{t: t, server: httptest.NewUnstartedServer(nil)}
	p.issuer = "http://" + p.server.Listener.Addr().String()
	return p
}

// at starts the provider for a console at this address.
func (p *identity) at(console string) {
	p.t.Helper()
	users := identityUsers{}
	for _, name := range []string{"ann", "ben", "vic", "out"} {
		users["id-of-"+name] = &storage.User{ID: "id-of-" + name, Username: name, Password: providerWord, FirstName: strings.ToUpper(name[:1]) + name[1:], LastName: "O’Hara <b>", Email: name + "@x.io", EmailVerified: true}
	}
	clients := map[string]*storage.Client{providerClient: storage.WebClient(providerClient, providerSecret, console+CallbackPath)}
	p.store = &identityStore{Storage: storage.NewStorageWithClients(users, clients), roles: map[string][]string{
		"id-of-ann": {"Staff", "Console approvers"}, "id-of-ben": {"Console approvers", "Console viewers"}, "id-of-vic": {"Console viewers"}, "id-of-out": {"Staff", "Console approvers (former)"}}}
	provider, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true}, p.store,
		op.StaticIssuer(p.issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.auth = op.AuthCallbackURL(provider)
	p.server.Config.Handler = p.bent(provider)
	p.server.Start()
	p.t.Cleanup(p.server.Close)
}

func (p *identity) set(edit func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit()
}

// bent serves the provider, and changes what a test wants changed.
func (p *identity) bent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			panic(http.ErrAbortHandler)
		}
		if p.long {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 2*providerAnswer))
		}
		switch {
		case p.leads[r.URL.Path] != "":
			http.Redirect(w, r, p.leads[r.URL.Path], http.StatusTemporaryRedirect)
			return
		case r.URL.Path == "/login/username":
			p.login(w, r)
			return
		case r.URL.Path == "/authorize":
			p.asked = append(p.asked, r.URL.Query())
			if q := r.URL.Query(); p.challenge != "" {
				q.Set("code_challenge", p.challenge)
				r.URL.RawQuery = q.Encode()
			}
		case r.URL.Path == "/oauth/token" && (p.bend != nil || p.sign != nil):
			honest := httptest.NewRecorder()
			next.ServeHTTP(honest, r)
			body := p.forged(honest.Body.Bytes())
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			w.WriteHeader(honest.Code)
			_, _ = w.Write(body)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// login is the page at which a browser says who it is.
func (p *identity) login(w http.ResponseWriter, r *http.Request) {
	id, user := r.FormValue("authRequestID"), r.FormValue("user")
	if user != "" && p.store.CheckUsernamePassword(user, providerWord, id) == nil {
		http.Redirect(w, r, p.auth(op.ContextWithIssuer(r.Context(), p.issuer), id), http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	for _, name := range []string{"ann", "vic", "out"} {
		_, _ = fmt.Fprintf(w, `<p><a href="/login/username?user=%s&amp;authRequestID=%s">%s</a></p>`, name, url.QueryEscape(id), name)
	}
}

// forged puts another id token into an answer.
func (p *identity) forged(answer []byte) []byte {
	var all, claims map[string]any
	if json.Unmarshal(answer, &all) != nil || all["id_token"] == nil {
		return answer
	}
	jws, err := jose.ParseSigned(all["id_token"].(string), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		p.t.Error(err)
		return answer
	}
	decoder := json.NewDecoder(bytes.NewReader(jws.UnsafePayloadWithoutVerification()))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		p.t.Error(err)
	}
	if p.bend != nil {
		p.bend(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	key, err := p.store.SigningKey(context.Background())
	if err != nil {
		p.t.Error(err)
	}
	sign := p.sign
	if sign == nil {
		sign = signed
	}
	all["id_token"] = sign(payload, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.Key(), KeyID: key.ID()}})
	answer, err = json.Marshal(all)
	if err != nil {
		p.t.Error(err)
	}
	return answer
}

// signed is a token as a JWS.
func signed(payload []byte, key jose.SigningKey) string {
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		return err.Error()
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return err.Error()
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		return err.Error()
	}
	return text
}

// options are those of a console at this address.
func (p *identity) options(at string) *OIDC {
	return &OIDC{Issuer: p.issuer, ClientID: providerClient, ClientSecret: providerSecret, RedirectURL: at + CallbackPath,
		Viewers: []string{"Console viewers"}, Approvers: []string{"Console approvers"}}
}

// serveOIDC serves a world's console whose people sign in at a provider.
func (w *world) serveOIDC(t *testing.T, tokens bool, edit func(*Connection)) (*site, *identity) {
	t.Helper()
	p := newIdentity(t)
	s := w.serveWith(t, edit, func(o *Options, at string) {
		o.OIDC = p.options(at)
		if !tokens {
			o.Tokens = nil
		}
	})
	p.at(s.url)
	return s, p
}

// leave asks the console for the provider, and gives its address.
func (s *site) leave(next string) (*http.Response, string) {
	s.t.Helper()
	resp, body := s.do("GET", "/signin/provider?next="+url.QueryEscape(next), nil, nil)
	if resp.StatusCode != http.StatusSeeOther {
		return resp, body
	}
	return resp, resp.Header.Get("Location")
}

// comeBack signs somebody in at the provider, and gives the address, on the console,
// to which it sends them back. Nothing of it is followed yet.
func (p *identity) comeBack(s *site, user, next string) string {
	p.t.Helper()
	_, to := s.leave(next)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer browser.CloseIdleConnections()
	follow := func(address string) *url.URL {
		resp, err := browser.Get(address)
		if err != nil {
			p.t.Fatal(err)
		}
		defer resp.Body.Close()
		at, err := resp.Location()
		if err != nil {
			p.t.Fatalf("%s leads nowhere: %s", address, resp.Status)
		}
		return at
	}
	id := follow(to).Query().Get("authRequestID")
	if err := p.store.CheckUsernamePassword(user, providerWord, id); err != nil {
		p.t.Fatal(err)
	}
	ctx := op.ContextWithIssuer(context.Background(), p.issuer)
	back := follow(p.auth(ctx, id))
	if !strings.HasPrefix(back.String(), s.url+CallbackPath) {
		p.t.Fatalf("the provider sends back to %s", back)
	}
	return back.RequestURI()
}
