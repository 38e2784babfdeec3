package main

import (
	"net/url"
	"reflect"

	"tomorro-sync/jobs/console"
)

// oidcConfig is where people sign in to the console, and which roles open it.
type oidcConfig struct {
	Issuer           string   `yaml:"issuer" env:"ISSUER"` // empty: people sign in with tokens only
	ClientID         string   `yaml:"client_id" env:"CLIENT_ID"`
	ClientSecret     Secret   `yaml:"client_secret" env:"CLIENT_SECRET"`
	ClientSecretFile string   `yaml:"client_secret_file" env:"CLIENT_SECRET_FILE"`
	RedirectURL      string   `yaml:"redirect_url" env:"REDIRECT_URL"` // the console's own, as people reach it
	GroupsClaim      string   `yaml:"groups_claim" env:"GROUPS_CLAIM"`
	Viewers          []string `yaml:"viewers" env:"VIEWERS"`     // names of roles that may look
	Approvers        []string `yaml:"approvers" env:"APPROVERS"` // and of those that may decide too
	Scopes           []string `yaml:"scopes" env:"SCOPES"`       // beside openid; none: profile, email, groups
}

// oidcSecret is the client's secret with the ways to give it.
func (l *listenConfig) oidcSecret() secretPair {
	return secretPair{"listen.oidc.client_secret", "LISTEN_OIDC_CLIENT_SECRET", &l.OIDC.ClientSecret, &l.OIDC.ClientSecretFile}
}

// given tells whether anything of it is, so that half of it is a mistake.
func (o *oidcConfig) given() bool {
	return o.Issuer != "" || o.ClientID != "" || o.ClientSecret != "" || o.RedirectURL != "" || len(o.Viewers)+len(o.Approvers)+len(o.Scopes) > 0
}

func (o *oidcConfig) check(all *checks, secret secretPair) {
	if !o.given() {
		return
	}
	all.given("listen.oidc.issuer", "LISTEN_OIDC_ISSUER", o.Issuer)
	all.url("listen.oidc.issuer", o.Issuer, true)
	all.given("listen.oidc.client_id", "LISTEN_OIDC_CLIENT_ID", o.ClientID)
	all.required(secret)
	all.given("listen.oidc.redirect_url", "LISTEN_OIDC_REDIRECT_URL", o.RedirectURL)
	all.url("listen.oidc.redirect_url", o.RedirectURL, true)
	if u, err := url.Parse(o.RedirectURL); err == nil && o.RedirectURL != "" && u.Path != console.CallbackPath {
		all.fail("listen.oidc.redirect_url", "has the path %q; write the address of the console with %s", u.Path, console.CallbackPath)
	}
	if len(o.Viewers)+len(o.Approvers) == 0 {
		all.fail("listen.oidc.approvers", "and listen.oidc.viewers are empty: nobody could sign in; name the roles that open the console")
	}
	for _, role := range append(o.Viewers[:len(o.Viewers):len(o.Viewers)], o.Approvers...) {
		if role == "" {
			all.fail("listen.oidc.approvers", "or listen.oidc.viewers has an empty name; name roles")
		}
	}
}

// sameConsole tells whether l says nothing of the console that first does not say.
func (l *listenConfig) sameConsole(first *listenConfig) bool {
	return (l.Console == "" || l.Console == first.Console) && (l.ConsoleToken == "" || l.ConsoleToken == first.ConsoleToken) &&
		(!l.OIDC.given() || reflect.DeepEqual(l.OIDC, first.OIDC))
}

// options is the provider as the console takes it; nil when there is none.
func (o *oidcConfig) options() *console.OIDC {
	if o.Issuer == "" {
		return nil
	}
	return &console.OIDC{Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret.reveal(), RedirectURL: o.RedirectURL,
		GroupsClaim: o.GroupsClaim, Viewers: o.Viewers, Approvers: o.Approvers, Scopes: o.Scopes}
}
