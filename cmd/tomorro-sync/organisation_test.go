package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// TestOtherOrganisation: two organisations have the same connection in the same Redis by
// mistake. The second one is refused, whatever it does, until somebody says that it is the
// first at other addresses.
func TestOtherOrganisation(t *testing.T) {
	server := miniredis.RunT(t)
	opens := func(tomorro string, app int64, s session) error {
		t.Helper()
		c := defaultConfig()
		c.OneLogin.URL, c.OneLogin.ClientID, c.OneLogin.ClientSecret, c.OneLogin.AppID = "https://acme.onelogin.example", "id", "secret", app
		c.Tomorro.URL, c.Tomorro.Token, c.Redis.URL = tomorro, "token", Secret("redis://"+server.Addr())
		s.config, s.store, s.log = &c, true, slog.New(slog.NewTextHandler(io.Discard, nil))
		conn, err := services{}.open(t.Context(), s)
		if err == nil {
			conn.close()
		}
		return err
	}
	const acme, sandbox = "https://acme.tomorro.example/scim/v2", "https://sandbox.tomorro.example/scim/v2"
	serve, run, look := session{serving: true}, session{runs: true}, session{}
	for i, c := range []struct {
		tomorro string
		app     int64
		session
		refused bool
	}{
		{sandbox, 1, look, false}, // who looks only says nothing
		{acme, 1, serve, false},
		{acme + "/", 1, run, false},
		{sandbox, 1, serve, true}, {sandbox, 1, run, true}, {sandbox, 1, look, true}, {acme, 2, run, true},
		{"http://127.0.0.1:1/scim/v2", 1, run, false}, // a rehearsal, or a tunnel
		{sandbox, 1, session{runs: true, moved: true}, false},
		{sandbox, 1, serve, false},
		{acme, 1, serve, true},
	} {
		err := opens(c.tomorro, c.app, c.session)
		if (err != nil) != c.refused {
			t.Errorf("%d: %v, refused should be %v", i, err, c.refused)
		}
		if f := classify(t.Context(), err); err != nil && (f.code != exitUsage || !strings.Contains(f.hint, "--moved")) {
			t.Errorf("%d: %+v", i, f)
		}
	}
}
