package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTokenEnds: the day that was given, else what a JSON Web Token says of itself;
// of any other token nothing is made up.
func TestTokenEnds(t *testing.T) {
	t.Parallel()
	web := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	end := time.Date(2027, 1, 31, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		day, token string
		want       time.Time
	}{
		"unknown":         {"", "abc", time.Time{}},
		"the day":         {"2027-01-31", "abc", time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)},
		"a web token":     {"", web(fmt.Sprintf(`{"exp": %d}`, end.Unix())), end},
		"the day wins":    {"2026-12-31", web(fmt.Sprintf(`{"exp": %d}`, end.Unix())), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		"without an end":  {"", web(`{"sub": "x"}`), time.Time{}},
		"no web token":    {"", "a.b.c", time.Time{}},
		"another's words": {"", web(`{"exp": "soon"}`), time.Time{}},
	} {
		tomorro := tomorroConfig{TokenExpires: c.day, Token: Secret(c.token)}
		if got, err := tomorro.expires(); err != nil || !got.Equal(c.want) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := (&tomorroConfig{TokenExpires: "31.1.2027"}).expires(); err == nil {
		t.Error("a day that is none is taken")
	}
}

// TestBrokenRenewal: a renewal that wrote what cannot be used is told of: serve goes on with
// the old certificate, which then ends without another word, and it would not start again.
func TestBrokenRenewal(t *testing.T) {
	t.Parallel()
	c := defaultConfig()
	c.Listen.CertFile = filepath.Join(t.TempDir(), "tls.crt")
	c.Listen.KeyFile = c.Listen.CertFile
	if err := os.WriteFile(c.Listen.CertFile, []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all := c.credentials(); len(all) != 1 || all[0].Key != "listen.cert_file" || all[0].Unusable == "" || !all[0].Expires.IsZero() {
		t.Errorf("%+v", all)
	}
}
