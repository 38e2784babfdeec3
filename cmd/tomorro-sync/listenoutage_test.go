package main

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs/admin"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// talkative is the real program, which tells often who waits.
type talkative struct{}

// open implements connector.
func (talkative) open(ctx context.Context, s session) (*connection, error) {
	conn, err := services{}.open(ctx, s)
	if err == nil && conn.desk != nil {
		conn.desk.tell = 20 * time.Millisecond
	}
	return conn, err
}

// readyz asks the supervisor's address.
func (s *serving) readyz(t *testing.T) (status int, state admin.State) {
	t.Helper()
	at := regexp.MustCompile(`admin=(\S+)`).FindStringSubmatch(s.log.String())[1]
	answer, err := http.Get("http://" + at + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&state); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, state
}

// TestPushInAnOutage: what is pushed while Tomorro or OneLogin is down is answered
// with "later", is seen to wait, and is done when the service is back, without being
// pushed again. While Redis is down nothing is stored, and the answer says so.
func TestPushInAnOutage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		down, up func(*office)
		stored   bool
		words    string
	}{
		"Tomorro": {func(o *office) { breakAll(o.lab.tomorroWire, "/scim/v2/") }, func(o *office) { o.lab.tomorroWire.Clear() }, true, "without anybody pushing it"},
		"OneLogin": {func(o *office) { breakAll(o.lab.oneloginWire, "/api/2/") }, func(o *office) { o.lab.oneloginWire.Clear() }, true,
			"without anybody pushing it"},
		"Redis": {func(o *office) { o.redis.Close() }, func(o *office) { _ = o.redis.Restart() }, false, "not stored; push it again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, labOptions{users: 20, groups: 2, seed: 6, plain: true}, listenKeys)
			o.must(exitDone, "reconcile", "--yes")
			s := serveFile(t, talkative{}, o.config)
			p := o.world.People[4]
			account, _ := o.account(p.Email)
			push := func(family string) replied {
				o.people(func(*onelogintest.World) { p.LastName = family })
				return s.push(t, pushToken, http.MethodPut, "/Users/"+account.ID, userBody(p, ""))
			}
			if a := push("First"); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			test.down(o)
			a := push("Second")
			a.refused(t, http.StatusServiceUnavailable, test.words)
			waits := func() bool {
				_, state := s.readyz(t)
				return strings.Contains(strings.Join(state.Connections[0].Notes, "\n"), "who waits for another look: 1, the first for")
			}
			if test.stored {
				eventually(t, "the log tells who waits", func() bool {
					return regexp.MustCompile(`people wait for another look.* marks=1 oldest=\S+s`).MatchString(s.log.String())
				})
				if status, _ := s.readyz(t); !waits() || status != http.StatusOK {
					t.Errorf("readyz answers %d, and does not tell who waits", status)
				}
			} else if status, state := s.readyz(t); status != http.StatusServiceUnavailable || !strings.Contains(strings.Join(state.Reasons, ""), "Redis") {
				t.Errorf("readyz answers %d and %v", status, state.Reasons)
			}
			if strings.Contains(s.log.String(), p.Email) || !regexp.MustCompile(`reading `+name+`|`+name+` has not done|could not be stored in `+name).MatchString(s.log.String()) {
				t.Errorf("the log names somebody, or no cause:\n%s", lastLines(s.log.String(), 20))
			}
			test.up(o)
			if !test.stored {
				eventually(t, "pushes are taken again", func() bool { a := push("Second"); return a.status == http.StatusOK })
			}
			eventually(t, "it is done", func() bool { a, _ := o.account(p.Email); return a.FamilyName == "Second" })
			eventually(t, "nobody waits", func() bool { return o.status().Marks == 0 })
			o.equal()
			if status, _ := s.readyz(t); status != http.StatusOK || waits() {
				t.Errorf("readyz answers %d, or that somebody waits", status)
			}
		})
	}
}

// breakAll breaks each connection to a service.
func breakAll(h *flaky.Handler, prefix string) {
	for _, below := range []string{"*", "*/*", "*/*/*"} {
		h.Add(flaky.Fault{Path: prefix + below, Kind: flaky.KindReset})
	}
}

func lastLines(s string, n int) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
