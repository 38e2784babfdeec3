package pace

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// ProxyError says that the proxy on the way to a service does not let anybody through. It is
// no answer of the service.
type ProxyError struct {
	Host   string // host:port
	Status string // such as 407 Proxy Authentication Required
}

// Error implements error.
func (e *ProxyError) Error() string { return fmt.Sprintf("the proxy %s answered %s", e.Host, e.Status) }

// connected looks at the answer of a proxy.
func connected(_ context.Context, proxy *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return &ProxyError{proxy.Host, r.Status}
	}
	return nil
}

// Remedy says what an administrator can do about an error that came before the service was
// asked anything: of a proxy on the way, or of a certificate. It is empty for every other.
func Remedy(err error) string {
	_, refused := errors.AsType[*ProxyError](err)
	if broken, ok := errors.AsType[*net.OpError](err); refused || ok && broken.Op == "proxyconnect" {
		return "correct HTTPS_PROXY, which may need a user and password, have the proxy let it through, or name the host in NO_PROXY"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "correct the address, or see who answers in place of the service"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "set the clock of this machine if it is wrong; else the service has to renew its certificate"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "if a proxy here looks into TLS, install its CA on this machine, or name the file with it in SSL_CERT_FILE"
	}
	return ""
}
