package check

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"tomorro-sync/reconcile/scim"
)

// Listener looks at the SCIM listener from outside, as OneLogin does: under its public
// address. It implements Looker.
type Listener struct {
	BaseURL string // listen.base_url; empty: it is not known
	Token   string // one of listen.tokens; empty when only hashes are configured
	Client  *http.Client
}

// Seen is what answered under the listener's public address.
type Seen struct {
	NoURL   bool // listen.base_url is not set
	Status  int
	Tried   bool // a token was sent
	SCIM    bool // the answer is a ServiceProviderConfig
	Barred  bool // the answer is a SCIM error of 403: listen.allow does not have this machine
	TLS     bool
	Expires time.Time // of the certificate
}

// Look implements Looker: it asks for the ServiceProviderConfig.
func (l Listener) Look(ctx context.Context) (Seen, error) {
	if l.BaseURL == "" {
		return Seen{NoURL: true}, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(l.BaseURL, "/")+"/ServiceProviderConfig", nil)
	if err != nil {
		return Seen{}, fmt.Errorf("look at listen.base_url: %w", err)
	}
	seen := Seen{Tried: l.Token != ""}
	if seen.Tried {
		req.Header.Set("Authorization", "Bearer "+l.Token)
	}
	resp, err := l.Client.Do(req)
	if err != nil {
		return Seen{}, fmt.Errorf("look at listen.base_url: %w", err)
	}
	defer resp.Body.Close()
	seen.Status = resp.StatusCode
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		seen.TLS, seen.Expires = true, resp.TLS.PeerCertificates[0].NotAfter
	}
	var said struct {
		Patch   *json.RawMessage `json:"patch"`
		Schemas []string         `json:"schemas"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	read := err == nil && json.Unmarshal(body, &said) == nil
	seen.SCIM = read && resp.StatusCode == http.StatusOK && said.Patch != nil
	seen.Barred = read && resp.StatusCode == http.StatusForbidden && slices.Contains(said.Schemas, scim.SchemaError)
	return seen, nil
}

// certificateWarns is how long before its end a certificate is told of.
const certificateWarns = 21 * 24 * time.Hour

// listener looks at the address that OneLogin pushes to, when there is one.
func (e *evaluation) listener() {
	if !e.f.Listens {
		return
	}
	s := &e.f.Listener
	reach := Result{ID: "listener.reachable", Step: stepListener, Status: Pass, Found: "the listener answers under listen.base_url and takes the token"}
	switch {
	case e.f.ListenerErr != nil:
		reach.Status, reach.Found = Fail, e.f.ListenerErr.Error()
		reach.Do = "Start serve; look at the name, the firewall and the proxy in front of it"
		if badCertificate(e.f.ListenerErr) {
			reach.Do = "Renew listen.cert_file, for this name and by a known authority: OneLogin does not push to a certificate that it cannot verify"
		}
	case s.NoURL:
		reach.Status, reach.Found = Unseen, "the listener cannot be looked at: listen.base_url is not set"
		reach.Do = "Set listen.base_url to the SCIM Base URL that OneLogin has"
	case s.Status == http.StatusUnauthorized && !s.Tried:
		reach.Found = "the listener answers under listen.base_url; the token cannot be tried, since only its hash is configured"
	case s.Status == http.StatusUnauthorized:
		reach.Status, reach.Found = Fail, "the listener does not take the token of listen.tokens"
		reach.Do = "Start serve anew with this configuration, and put the token into the app's Configuration in OneLogin"
	case s.Barred:
		reach.Status, reach.Found = Unseen, "the listener answers, and whether address and token are right cannot be seen: listen.allow does not have this machine"
		reach.Do = "Run check where listen.allow has the machine, or add this one to it"
	case s.Status >= http.StatusInternalServerError:
		reach.Status, reach.Found = Fail, fmt.Sprintf("what is in front of the listener answers %d: serve does not answer it", s.Status)
		reach.Do = "Start serve; look at the proxy in front of it"
	case !s.SCIM:
		reach.Status, reach.Found = Fail, fmt.Sprintf("what answers under listen.base_url (%d) is not the listener", s.Status)
		reach.Do = "Correct listen.base_url, or the proxy in front of it; the address ends as OneLogin has it, for example in /scim/v2"
	}
	e.add(reach)
	cert := Result{ID: "listener.certificate", Step: stepListener, Status: Pass}
	switch {
	case e.f.ListenerErr != nil || s.NoURL:
		e.unread(cert.ID, cert.Step, "it")
		return
	case !s.TLS:
		cert.Status, cert.Found, cert.Do = Warn, "listen.base_url is plain HTTP: the token travels in the clear", "Set listen.cert_file and key_file, or put a proxy with TLS in front"
	case s.Expires.Sub(e.s.Now) < certificateWarns:
		cert.Status, cert.Do = Warn, "Renew listen.cert_file; serve reads it again by itself"
		cert.Found = fmt.Sprintf("the certificate ends on %s", s.Expires.Format(time.DateOnly))
	default:
		cert.Found = fmt.Sprintf("the certificate is good until %s", s.Expires.Format(time.DateOnly))
	}
	e.add(cert)
}

func badCertificate(err error) bool {
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return invalid || unknown || host
}
