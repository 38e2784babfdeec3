//go:build integration

package console

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProviderBrowser has Chromium sign in at a provider of another site: whether a
// cookie goes with what that site sends back is the browser's to say.
func TestProviderBrowser(t *testing.T) {
	dir := os.Getenv("TOMORRO_SYNC_BROWSER")
	if dir == "" {
		t.Fatal("TOMORRO_SYNC_BROWSER must name a folder with cmd/tomorro-sync/testdata/console and its packages installed; .ci/run does that")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is needed: ", err)
	}
	w := now()
	p := newIdentity(t)
	p.issuer = strings.Replace(p.issuer, "127.0.0.1", "localhost", 1) // another site than the console's
	s := w.serveWith(t, nil, func(o *Options, at string) { o.Tokens, o.OIDC = nil, p.options(at) })
	p.at(s.url)
	args := []string{filepath.Join(dir, "signon.mjs"), s.url, chromium}
	if shots := os.Getenv("TOMORRO_SYNC_SCREENSHOTS"); shots != "" {
		args = append(args, shots)
	}
	drive, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if told, err := exec.CommandContext(drive, "node", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, told, w.log.String())
	}
}
