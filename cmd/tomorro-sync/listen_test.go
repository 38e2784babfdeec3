package main

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/reconcile"
	"tomorro-sync/sources/onelogin/onelogintest"
)

const pushToken = "a-token-for-pushes"

// serving is serve in this process with its listener.
type serving struct {
	base string // SCIM base URL of the listener
	log  *tape
	stop func()
}

// startServing serves a configuration, to which it adds where to listen, until the
// test ends.
func startServing(t testing.TB, config string) *serving {
	t.Helper()
	return serveFile(t, services{}, writeFile(t, config))
}

// serveFile serves what a file says, with these services, until the test ends.
func serveFile(t testing.TB, connect connector, path string) *serving {
	t.Helper()
	ctx, stop := context.WithCancelCause(context.WithoutCancel(t.Context()))
	s := &serving{log: new(tape)}
	ended := make(chan int)
	go func() {
		ended <- run(ctx, connect, []string{"--config", path, "serve"}, nil, strings.NewReader(""), new(tape), s.log)
	}()
	s.stop = func() {
		if ctx.Err() != nil {
			return
		}
		stop(reconcile.ErrStopping)
		if code := <-ended; code != exitDone {
			t.Errorf("serve ended with %d:\n%s", code, s.log.String())
		}
	}
	t.Cleanup(s.stop)
	address := regexp.MustCompile(`scim=(\S+)`)
	eventually(t, "it listens", func() bool { return address.MatchString(s.log.String()) })
	s.base = "http://" + address.FindStringSubmatch(s.log.String())[1] + "/scim/v2"
	return s
}

// listenKeys is the part of a configuration that has serve listen for pushes, and
// make no runs.
const listenKeys = `
schedule: {cron: "0 2 29 2 *", missed: skip}
listen: {scim: "127.0.0.1:0", admin: "127.0.0.1:0", tokens: [` + pushToken + `], deadline: 2s, retry: 200ms}
`

// startListener puts this program between OneLogin and a Tomorro.
func startListener(t *testing.T, sim *onelogintest.Server, tomorro pushTarget) pushTarget {
	api := httptest.NewServer(sim)
	t.Cleanup(api.Close)
	s := startServing(t, fmt.Sprintf(`
onelogin: {url: %q, client_id: %s, client_secret: %s, app_id: %d}
tomorro: {url: %q, token: %s, backoff: 1ms}
redis: {url: "redis://%s/0"}
min_admins: 0
`, api.URL, sim.ClientID, sim.ClientSecret, sim.AppID(), tomorro.url, tomorro.token, miniredis.RunT(t).Addr())+listenKeys)
	state := tomorro.state
	return pushTarget{url: s.base, token: pushToken, roles: true, heals: true,
		ends: func(e ends) ends {
			// A leaver is deactivated and not deleted, and who has the app again is active
			// again, whatever the push says of it.
			if e.removed == "" {
				e.removed = "viewer Jane Ray inactive [legal]"
			}
			e.again = "viewer Jane Ray active [legal]"
			return e
		},
		state: func() map[string]string { // addresses mean the same in any case
			lines := make(map[string]string)
			for name, line := range maps.All(state()) {
				lines[strings.ToLower(name)] = line
			}
			return lines
		}}
}

// TestOneLoginPushesThroughUs: with this program in between, every variant of
// OneLogin's pushes ends as it should, also those that Tomorro itself refuses.
func TestOneLoginPushesThroughUs(t *testing.T) {
	t.Parallel()
	drive(t, func(t *testing.T, sim *onelogintest.Server) pushTarget {
		return startListener(t, sim, startTomorro(t, sim))
	}, nil)
}

// TestDeletedInOneLogin: of somebody who is deleted there OneLogin's API knows nothing
// any more, which is what confirms the push.
func TestDeletedInOneLogin(t *testing.T) {
	p := pushTo(t, func(t *testing.T, sim *onelogintest.Server) pushTarget {
		return startListener(t, sim, startTomorro(t, sim))
	}, onelogintest.PushKnobs{})
	for _, act := range []func() error{
		func() error { return p.pusher.Enable(t.Context()) },
		func() error { return p.pusher.Refresh(t.Context()) },
		func() error { return p.pusher.Assign(t.Context(), p.jane) },
		func() error { return p.pusher.Delete(t.Context(), p.jane) },
	} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.target.state()["jane@example.com"]; got != "manager Jane O'Neil inactive [legal]" {
		t.Errorf("she is %s", got)
	}
}

// TestGroupsByHand: a group that OneLogin's administrator gives to one person stays
// through runs, is listed and explained, and goes when it is forgotten.
func TestGroupsByHand(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 12, groups: 3, seed: 3, plain: true}, listenKeys)
	o.lab.tomorro.AddGroup("by hand")
	o.must(exitDone, "reconcile", "--yes")
	if out := o.must(exitDone, "groups"); !strings.Contains(out, "No group was set by hand") {
		t.Errorf("groups says %q", out)
	}
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	s := startServing(t, string(text))
	p := onelogintest.NewProvisioner(o.lab.onelogin, s.base, pushToken, onelogintest.PushKnobs{})
	defer p.Close()
	who := o.world.People[4]
	for what, err := range map[string]error{"enable": p.Enable(t.Context()), "refresh": p.Refresh(t.Context()), "assign": p.Update(t.Context(), who.ID, nil),
		"by hand": p.GroupOn(t.Context(), who.ID, "by hand")} {
		if err != nil {
			t.Fatal(what, err)
		}
	}
	in := func() bool {
		a, _ := o.account(who.Email)
		return slices.Contains(a.Groups, "by hand")
	}
	o.must(exitDone, "reconcile", "--yes")
	if !in() {
		t.Fatal("a run took away what was set by hand")
	}
	if out := o.must(exitDone, "groups"); !strings.Contains(out, who.Email+"  has by hand by hand") {
		t.Errorf("groups says %q", out)
	}
	if out := o.must(exitDone, "explain", who.Email); !strings.Contains(out, "set by hand in OneLogin") {
		t.Errorf("explain says\n%s", out)
	}
	if code, _, stderr := o.run("groups", "forget", "nobody@acme.example"); code != exitError || !strings.Contains(stderr, "no group was set by hand for nobody@acme.example") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	o.must(exitDone, "groups", "forget", who.Email)
	eventually(t, "the group is gone", func() bool { return !in() })
	o.equal()
}
