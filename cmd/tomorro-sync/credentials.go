package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"tomorro-sync/jobs"
)

// credentials are those whose end is known now. A certificate is read each time, since
// serve takes a renewed one without a restart.
func (c *config) credentials() (all []jobs.Credential) {
	if expires, err := c.Tomorro.expires(); err == nil && !expires.IsZero() {
		all = append(all, jobs.Credential{Key: "tomorro.token", Expires: expires})
	}
	if l := &c.Listen; l.CertFile != "" {
		one := jobs.Credential{Key: "listen.cert_file"}
		if pair, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile); err == nil {
			one.Expires = pair.Leaf.NotAfter
		} else {
			one.Unusable = err.Error()
		}
		all = append(all, one)
	}
	return all
}

// expires is when the token ends: at the end of the day that was given, else when the
// token itself says so, as a JSON Web Token does (RFC 7519, section 4.1.4). Zero when
// nobody knows: how long Tomorro's tokens live is not documented.
func (t *tomorroConfig) expires() (time.Time, error) {
	if t.TokenExpires != "" {
		day, err := time.Parse(time.DateOnly, t.TokenExpires)
		return day.AddDate(0, 0, 1), err
	}
	parts := strings.Split(t.Token.reveal(), ".")
	if len(parts) != 3 {
		return time.Time{}, nil
	}
	var claims struct {
		Expires float64 `json:"exp"`
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &claims) != nil || claims.Expires <= 0 {
		return time.Time{}, nil // another kind of token with two dots
	}
	return time.Unix(int64(claims.Expires), 0), nil
}
