package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDC says how people sign in at an OpenID Connect provider, such as OneLogin:
// by the authorization code flow (OpenID Connect Core, section 3.1) with PKCE
// (RFC 7636). What the id token says of them is all that counts.
type OIDC struct {
	Issuer       string // as its discovery document has it: https://acme.onelogin.com/oidc/2
	ClientID     string
	ClientSecret string
	RedirectURL  string   // where the provider sends people back to: this console, at CallbackPath
	GroupsClaim  string   // the claim that lists somebody's roles; default groups
	Viewers      []string // names of roles that may look
	Approvers    []string // and that may decide, and ask for runs, too
	Scopes       []string // beside openid; default profile, email and groups
}

// CallbackPath is the path at which a sign-in comes back from the provider.
const CallbackPath = "/signin/callback"

const (
	// providerTimeout bounds one request to the provider.
	providerTimeout = 10 * time.Second
	// providerAnswer bounds what the provider may answer, in bytes.
	providerAnswer = 1 << 20
	// expiryLeeway is how far the provider's clock may be behind ours.
	expiryLeeway = time.Minute
)

// errProvider says that the provider does not answer as one; anything else that
// fails is somebody's sign-in.
var errProvider = errors.New("the OpenID Connect provider cannot be reached")

// person is who an id token is about.
type person struct {
	who     string // their name, and in brackets what tells them apart from everybody else
	id      string // the latter alone: a digest, which logs may have
	reads   bool
	decides bool
	listed  bool // the token lists roles at all
}

// provider is an OIDC that was, or will be, found. It is looked for when the first
// person signs in, so that the process starts without it.
type provider struct {
	OIDC
	now    func() time.Time
	client *http.Client

	mu    sync.Mutex
	found *relation
}

// relation is what the discovery document makes of an OIDC.
type relation struct {
	client   *oauth2.Config
	verifier *oidc.IDTokenVerifier // it caches keys, and asks for new ones when it meets one
}

func newProvider(o *OIDC, now func() time.Time) *provider {
	if o == nil {
		return nil
	}
	p := &provider{OIDC: *o, now: now}
	if p.GroupsClaim == "" {
		p.GroupsClaim = "groups"
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"profile", "email", "groups"}
	}
	transport := http.DefaultTransport
	if t, ok := transport.(*http.Transport); ok {
		t = t.Clone()
		t.DisableKeepAlives = true // people sign in rarely
		transport = t
	}
	// Nothing is followed: the secret and the code are for the issuer's own addresses.
	p.client = &http.Client{Transport: bounded{transport}, Timeout: providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p
}

// bounded keeps answers from filling the memory.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, providerAnswer)
	}
	return resp, err
}

// mark is what a session remembers of how it began: other roles, or another app, are
// another way in.
func (p *provider) mark() string {
	all := strings.Join([]string{p.Issuer, p.ClientID, p.GroupsClaim, strings.Join(p.Viewers, "\x00"), strings.Join(p.Approvers, "\x00")}, "\x00\x00")
	digest := sha256.Sum256([]byte(all))
	return "oidc:" + hex.EncodeToString(digest[:8])
}

// https tells whether people reach the console by TLS.
func (p *provider) https() bool { return p != nil && strings.HasPrefix(p.RedirectURL, "https:") }

// host names the provider to people.
func (p *provider) host() string {
	u, err := url.Parse(p.Issuer)
	switch {
	case err != nil:
		return "the provider"
	case strings.HasSuffix(u.Hostname(), ".onelogin.com"):
		return "OneLogin"
	}
	return u.Host
}

// reach finds the provider, or remembers it. Two who look at once both look.
func (p *provider) reach(ctx context.Context) (*relation, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil {
		return found, nil
	}
	at, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %s", errProvider, p.Issuer, brief(err.Error()))
	}
	found = &relation{
		client: &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: at.Endpoint(), RedirectURL: p.RedirectURL,
			Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)},
		verifier: at.Verifier(&oidc.Config{ClientID: p.ClientID, Now: func() time.Time { return p.now().Add(-expiryLeeway) }}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = found
	return found, nil
}

// address is where somebody signs in.
func (p *provider) address(ctx context.Context, a *attempt) (string, error) {
	found, err := p.reach(ctx)
	if err != nil {
		return "", err
	}
	return found.client.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// finish exchanges a code for an id token, and reads it. No error repeats a token.
func (p *provider) finish(ctx context.Context, code string, a *attempt) (person, error) {
	found, err := p.reach(ctx)
	if err != nil {
		return person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	answer, err := found.client.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return person{}, exchangeError(err)
	}
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return person{}, errors.New("the provider gave no id token")
	}
	token, err := found.verifier.Verify(ctx, raw)
	switch {
	case err != nil:
		return person{}, fmt.Errorf("id token: %w", err)
	case !same(token.Nonce, a.Nonce):
		return person{}, errors.New("id token: its nonce is not that of this sign-in")
	case token.Subject == "":
		return person{}, errors.New("id token: it is about nobody")
	}
	return p.read(token)
}

// exchangeError words what became of the exchange without the provider's own words.
func exchangeError(err error) error {
	refused, is := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !is:
		return fmt.Errorf("%w: %s", errProvider, brief(err.Error()))
	case refused.Response != nil && refused.Response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%w: %s", errProvider, refused.Response.Status)
	case errorCodes.MatchString(refused.ErrorCode):
		return fmt.Errorf("the provider refused the exchange of the code: %s", refused.ErrorCode)
	}
	return errors.New("the provider refused the exchange of the code")
}

// errorCodes is what an error of RFC 6749 looks like.
var errorCodes = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`)

// brief is the beginning of a text that others may have made long.
func brief(text string) string {
	const most = 200
	line, _, _ := strings.Cut(text, "\n")
	return line[:min(most, len(line))]
}

// read says who an id token is about, and what they may.
func (p *provider) read(token *oidc.IDToken) (person, error) {
	var said struct {
		Email     string `json:"email"`
		Verified  any    `json:"email_verified"` // some write it as a string
		Name      string `json:"name"`
		Preferred string `json:"preferred_username"`
		Party     string `json:"azp"`
	}
	var all map[string]json.RawMessage
	if err := errors.Join(token.Claims(&said), token.Claims(&all)); err != nil {
		return person{}, fmt.Errorf("id token: %w", err)
	}
	// OpenID Connect Core, section 3.1.3.7, steps 4 and 5.
	if said.Party != "" && said.Party != p.ClientID || said.Party == "" && len(token.Audience) > 1 {
		return person{}, errors.New("id token: it was made for another application")
	}
	if said.Verified != true && said.Verified != "true" {
		said.Email = ""
	}
	roles, listed := list(all[p.GroupsClaim])
	has := func(wanted []string) bool {
		return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(wanted, r) })
	}
	sum := sha256.Sum256([]byte(p.Issuer + "\x00" + token.Subject))
	who := person{id: hex.EncodeToString(sum[:6]), decides: has(p.Approvers), listed: listed}
	who.reads = who.decides || has(p.Viewers)
	who.who = name(said.Email, noAddress(said.Name), noAddress(said.Preferred)) + " [" + who.id + "]"
	return who, nil
}

// list reads a claim that is a list of texts, or one text.
func list(claim json.RawMessage) (values []string, is bool) {
	var one string
	if json.Unmarshal(claim, &values) == nil {
		return values, values != nil
	}
	if json.Unmarshal(claim, &one) == nil {
		return []string{one}, true
	}
	return nil, false
}

// noAddress keeps a name, which people may choose for themselves, from passing for an
// e-mail that the provider vouches for.
func noAddress(name string) string { return strings.ReplaceAll(name, "@", " at ") }

// name is the first of these that can be shown, without what no name may have: it
// stands in journals and before brackets.
func name(from ...string) string {
	for _, text := range from {
		text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
			if !providerRune(r) {
				return ' '
			}
			return r
		}, text)), " ")
		if runes := []rune(text); len(runes) > mostName {
			text = strings.TrimRight(string(runes[:mostName]), " ")
		}
		if text != "" {
			return text
		}
	}
	return "somebody"
}
