package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
)

// server is a serve of some configurations that the test talks to.
type server struct {
	t    *testing.T
	log  tape
	stop func()
}

// startServe serves until stop is called, which waits for the end.
func startServe(t *testing.T, configs ...string) *server {
	t.Helper()
	s := &server{t: t}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan int, 1)
	var args []string
	for _, c := range configs {
		args = append(args, "--config", c)
	}
	go func() {
		ended <- run(ctx, services{}, append(args, "serve"), nil, strings.NewReader(""), io.Discard, &s.log)
	}()
	s.stop = func() {
		cancel(reconcile.ErrStopping)
		if code := <-ended; code != exitDone {
			t.Errorf("exit %d, logs\n%s", code, s.log.String())
		}
	}
	return s
}

// get asks a listener, by its name in the log.
func (s *server) get(listener, path string) string {
	s.t.Helper()
	address := regexp.MustCompile(listener + `=(\S+)`)
	eventually(s.t, listener+" listens", func() bool { return address.MatchString(s.log.String()) })
	resp, err := http.Get("http://" + address.FindStringSubmatch(s.log.String())[1] + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// TestServeMetrics: what happened in a serving process and in Redis is told at /metrics.
func TestServeMetrics(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 20, groups: 3, seed: 1, plain: true}, `connection: acme
schedule: {cron: "@every 1s"}
listen: {admin: "127.0.0.1:0", scim: "127.0.0.1:0", tokens: ["0123456789abcdef0123"], console: "127.0.0.1:0", console_token: "0123456789abcdef0123"}
`)
	s := startServe(t, o.config)
	defer s.stop()
	eventually(t, "a run ended", func() bool {
		return strings.Contains(s.get("admin", "/metrics"), `tomorro_sync_last_run_exit_code{connection="acme"} 0`)
	})
	s.get("scim", "/scim/v2/Users")
	text := s.get("admin", "/metrics")
	for _, line := range []string{
		`tomorro_sync_redis_up{connection="acme"} 1`,
		`tomorro_sync_pushes_total{connection="acme",kind="read",result="unauthorised"} 1`,
		`tomorro_sync_listening{connection="acme",listener="scim"} 1`,
		`tomorro_sync_listening{connection="",listener="console"} 1`,
		`tomorro_sync_api_requests_total{connection="acme",method="POST",route="/Users",service="tomorro"} `,
		`tomorro_sync_api_requests_total{connection="acme",method="GET",route="/api/2/users",service="onelogin"} `,
		`tomorro_sync_last_complete_run_age_seconds{connection="acme"} `,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if t.Failed() || strings.Contains(text, "@acme") {
		t.Error(text)
	}
	if !strings.Contains(s.get("admin", "/metrics/alerts.yaml"), "TomorroSyncDown") || !strings.Contains(s.get("admin", "/metrics/dashboard.json"), `"panels"`) || !strings.Contains(s.get("admin", "/readyz"), `"ready": true`) {
		t.Error("the files, or readyz, are not served next to it")
	}
	if text := s.get("admin", "/debug/pprof/"); strings.Contains(text, "goroutine") {
		t.Error("profiles are served though nobody asked for them")
	}
}

// TestServeProfiles: with listen.profile, where time and memory go can be asked for, at
// the listener for supervisors and nowhere else.
func TestServeProfiles(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 5, groups: 1, seed: 1, plain: true}, `schedule: {cron: "0 2 * * *"}
listen: {admin: "127.0.0.1:0", profile: true, scim: "127.0.0.1:0", tokens: ["0123456789abcdef0123"], console: "127.0.0.1:0", console_token: "0123456789abcdef0123"}
`)
	s := startServe(t, o.config)
	defer s.stop()
	if text := s.get("admin", "/debug/pprof/goroutine?debug=1"); !strings.Contains(text, "goroutine profile: total") {
		t.Errorf("%.300s", text)
	}
	if text := s.get("admin", "/debug/pprof/profile?seconds=1"); !strings.HasPrefix(text, "\x1f\x8b") { // gzip
		t.Errorf("%.300q", text)
	}
	if text := s.get("admin", "/debug/pprof/cmdline"); strings.Contains(text, "-test") {
		t.Errorf("the command's arguments are served: %s", text)
	}
	for _, other := range []string{"scim", "console"} {
		if text := s.get(other, "/debug/pprof/goroutine?debug=1"); strings.Contains(text, "goroutine profile") {
			t.Errorf("profiles are served by %s", other)
		}
	}
}
