package setup

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
)

var subdomains = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)

// OneLoginURL makes the address of OneLogin's API of what people type or paste: the
// subdomain, the host, or the address of any page of the account.
func OneLoginURL(answer string) (string, error) {
	if subdomains.MatchString(answer) && answer != "localhost" {
		answer += ".onelogin.com"
	}
	if !strings.Contains(answer, "://") {
		answer = "https://" + answer
	}
	u, err := webAddress(answer)
	if err != nil {
		return "", fmt.Errorf("%w; write your subdomain, as in acme, or https://acme.onelogin.com", err)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// SCIMURL checks a SCIM base URL, Tomorro's or our own, and gives it without a slash at its
// end.
func SCIMURL(answer string) (string, error) {
	u, err := webAddress(answer)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w; write it as https://host/scim/v2", err)
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the address carries a query or a fragment; write only https://host/path")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// ListenURL checks the address under which OneLogin is to reach the listener, which must
// end in /scim/v2, and gives it as SCIMURL does.
func ListenURL(answer string) (string, error) {
	address, err := SCIMURL(answer)
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(address, "/scim/v2") {
		return "", errors.New("the address does not end in /scim/v2, below which this program answers; write it as https://sync.acme.com:8443/scim/v2")
	}
	return address, nil
}

// webAddress accepts https, and http only towards this machine: credentials are sent
// there. Its errors do not repeat the address, which may hold a password.
func webAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("this is not a web address")
	case strings.ContainsAny(u.Host, " \t"):
		return nil, errors.New("this is not a web address")
	case u.User != nil:
		return nil, errors.New("the address carries a user or a password")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("http:// would send the credentials in the clear; use https://")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mailAddress reports whether text is one bare address.
func mailAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}
