package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// switchboard takes what alerts send.
type switchboard struct {
	url string

	mu    sync.Mutex
	texts []string
	beats int
}

func newSwitchboard(t *testing.T) *switchboard {
	b := &switchboard{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch r.URL.Path {
		case "/beat/hush":
			b.beats++
		case "/hook/hush":
			body, _ := io.ReadAll(r.Body)
			var m struct{ Text string }
			if err := json.Unmarshal(body, &m); err != nil || m.Text == "" {
				t.Errorf("%s: %v", body, err)
			}
			b.texts = append(b.texts, m.Text)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *switchboard) got() (texts string, messages, beats int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.texts, "\n"), len(b.texts), b.beats
}

// TestServeAlerts: two replicas send one message about a run that failed before they
// began, and one heartbeat for a good one; the command shows the same.
func TestServeAlerts(t *testing.T) {
	b := newSwitchboard(t)
	o := calm40(t, fmt.Sprintf("connection: acme\nschedule: {cron: \"0 2 1 1 *\"}\nlisten: {admin: \"127.0.0.1:0\"}\nalerts: {webhook: \"%s/hook/hush\", heartbeat: \"%s/beat/hush\"}\n", b.url, b.url))
	if out := o.must(exitDone, "alerts"); !strings.Contains(out, "Nothing is wrong.") {
		t.Errorf("after a good run: %s", out)
	}
	serveTwice := func(said string) {
		t.Helper()
		first := startServe(t, o.config)
		second := startServe(t, o.config)
		for _, s := range []*server{first, second} {
			eventually(t, "it serves", func() bool { return strings.Contains(s.log.String(), "msg=serving") })
		}
		eventually(t, said, func() bool { return strings.Contains(first.log.String()+second.log.String(), said) })
		first.stop()
		second.stop()
		if log := first.log.String() + second.log.String(); strings.Contains(log, "hush") || strings.Contains(log, "@acme.example") {
			t.Errorf("the log tells\n%s", log)
		}
	}
	o.must(exitDone, "reconcile", "--yes")
	first := startServe(t, o.config)
	eventually(t, "a heartbeat", func() bool { _, _, beats := b.got(); return beats == 1 })
	first.stop()

	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Seats = map[string]int{"user": 1} })
	o.people(func(w *onelogintest.World) { joiner(w, "joiner@acme.example") })
	o.must(exitSomeFailed, "reconcile", "--yes")
	serveTwice("told of alerts")
	texts, messages, beats := b.got()
	if messages != 1 || beats != 1 || !strings.Contains(texts, "tomorro-sync --config "+o.config+" journal show ") || !strings.Contains(texts, "Tomorro has no seat left: 1 change was refused") || strings.Contains(texts, "@") {
		t.Errorf("%d messages, %d heartbeats: %s", messages, beats, texts)
	}
	var doc struct{ Alerts []alertJSON }
	if err := json.Unmarshal([]byte(o.must(exitDone, "alerts", "--output", "json")), &doc); err != nil || len(doc.Alerts) != 2 || doc.Alerts[0].Kind != "run-failed" || doc.Alerts[1].Kind != "no-seat" {
		t.Errorf("%+v %v", doc, err)
	}

	if out := o.must(exitDone, "alerts"); !strings.Contains(out, "  next: tomorro-sync --config "+o.config+" journal show ") || strings.Contains(out, "1 changes") {
		t.Errorf("alerts says\n%s", out)
	}

	o.edit("token: tomorro-token", "token: tomorro-token-expired")
	if code, _, _ := o.run("reconcile", "--yes"); code != exitError {
		t.Errorf("exit %d", code)
	}
	serveTwice("told of alerts")
	if texts, messages, _ := b.got(); messages != 2 || !strings.Contains(texts, "NEW: Tomorro refuses the credentials") || !strings.Contains(texts, "STILL") {
		t.Errorf("%d messages: %s", messages, texts)
	}
}

func TestAlertsAreTried(t *testing.T) {
	b := newSwitchboard(t)
	try := func(config string, environ ...string) (int, string) {
		var out, errs tape
		code := run(t.Context(), services{}, []string{"--config", config, "alerts", "--test"}, environ, strings.NewReader(""), &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, out := try(writeFile(t, goodConfig), "TOMORRO_SYNC_ALERTS_WEBHOOK="+b.url+"/hook/hush"); code != exitDone || !strings.Contains(out, "webhook took the message") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out := try(writeFile(t, goodConfig), "TOMORRO_SYNC_ALERTS_WEBHOOK="+b.url+"/gone/hush"); code != exitError || !strings.Contains(out, "answered 404") || strings.Contains(out, "hush") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out := try(writeFile(t, goodConfig)); code != exitUsage || !strings.Contains(out, "nobody is to be told") {
		t.Errorf("exit %d, %s", code, out)
	}
	if texts, _, _ := b.got(); !strings.Contains(texts, "a test") {
		t.Error(texts)
	}
}

func TestAlertsConfig(t *testing.T) {
	smtp := func(fields string) string { return goodConfig + "alerts: {smtp: {" + fields + "}}\n" }
	for name, tt := range map[string]struct{ yaml, want string }{
		"webhook":            {goodConfig + "alerts: {webhook: hush}\n", "alerts.webhook: is not a web address"},
		"webhook in clear":   {goodConfig + "alerts: {webhook: \"http://example.com/hush\"}\n", "alerts.webhook: http:// would send it in the clear"},
		"heartbeat":          {goodConfig + "alerts: {heartbeat: \"ftp://hush\"}\n", "alerts.heartbeat: is not a web address"},
		"negative":           {goodConfig + "alerts: {held_after: -1h}\n", "alerts.held_after: -1h0m0s is negative"},
		"repeat":             {goodConfig + "alerts: {repeat: 0s}\n", "alerts.repeat: 0s is too short"},
		"mail without host":  {smtp("from: a@b.c, to: [a@b.c]"), "alerts.smtp.address: is missing"},
		"mail without port":  {smtp("address: host, from: a@b.c, to: [a@b.c]"), `alerts.smtp.address: "host" is not host:port`},
		"sender":             {smtp("address: \"h:25\", from: \"A <a@b.c>\", to: [a@b.c]"), "alerts.smtp.from"},
		"nobody":             {smtp("address: \"h:25\", from: a@b.c"), "alerts.smtp.to: is missing"},
		"receiver":           {smtp("address: \"h:25\", from: a@b.c, to: [b]"), `alerts.smtp.to: "b" is not`},
		"password alone":     {smtp("address: \"h:25\", from: a@b.c, to: [a@b.c], password: hush"), "alerts.smtp.username: and alerts.smtp.password belong together"},
		"well":               {smtp("address: \"h:587\", from: a@b.c, to: [a@b.c], username: u, password: hush"), ""},
		"well, both":         {goodConfig + "alerts: {webhook: \"https://hooks.slack.com/hush\", heartbeat: \"http://127.0.0.1:1/hush\", no_run_for: 0s}\n", ""},
		"secrets are masked": {goodConfig + "alerts: {webhook: \"https://hooks.slack.com/hush\", smtp: {password: hush, username: u, address: \"h:25\", from: a@b.c, to: [a@b.c]}}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loadConfig(writeFile(t, tt.yaml), nil)
			if err != nil {
				t.Fatal(err)
			}
			err = c.validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if shown := fmt.Sprint(err, c.settings()); strings.Contains(shown, "hush") {
				t.Error(shown)
			}
		})
	}
}
