package pace_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tomorro-sync/reconcile/pace"
)

// TestProxyRefuses: a proxy that lets nobody through is named, without its password, and
// what it answers is not taken for an answer of the service.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	t.Cleanup(proxy.Close)
	get := func(address string) error {
		base := pace.NewBase(1)
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		base.Proxy = http.ProxyURL(u)
		_, err = base.RoundTrip(httptest.NewRequest(http.MethodGet, "https://acme.example/", nil).WithContext(t.Context()))
		return err
	}
	address := "http://me:hush@" + strings.TrimPrefix(proxy.URL, "http://")
	err := get(address)
	if err == nil || !strings.Contains(err.Error(), "proxy "+strings.TrimPrefix(proxy.URL, "http://")+" answered 407") || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
	proxy.Close()
	for name, err := range map[string]error{"refuses": err, "is away": get(address)} {
		if got := pace.Remedy(fmt.Errorf("sign in: %w", err)); !strings.Contains(got, "HTTPS_PROXY") {
			t.Errorf("%s: %v: %q", name, err, got)
		}
	}
}

// TestRemedyOfCertificates: each trouble with a certificate has its own remedy.
func TestRemedyOfCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	for address, c := range map[string]struct {
		roots *x509.CertPool
		want  string
	}{
		"https://127.0.0.1:" + port: {x509.NewCertPool(), "SSL_CERT_FILE"},
		"https://localhost:" + port: {known, "address"},
	} {
		base := pace.NewBase(1)
		base.Proxy, base.TLSClientConfig = nil, &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}
		_, err := base.RoundTrip(httptest.NewRequest(http.MethodGet, address, nil).WithContext(t.Context()))
		if got := pace.Remedy(err); !strings.Contains(got, c.want) {
			t.Errorf("%s: %v: %q", address, err, got)
		}
	}
	ended := fmt.Errorf("sign in: %w", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}})
	if got := pace.Remedy(ended); !strings.Contains(got, "clock") {
		t.Errorf("%v: %q", ended, got)
	}
	if got := pace.Remedy(errors.New("connection refused")); got != "" {
		t.Errorf("nobody answers: %q", got)
	}
}
