package main

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
)

// TestServeWithoutOneRedis: of two connections one whose Redis is down at the start is
// served when it is there, its listener too, and the other one all the time.
func TestServeWithoutOneRedis(t *testing.T) {
	t.Parallel()
	more := "schedule: {cron: \"@every 1s\"}\nmin_admins: 0\nlisten: {scim: \"127.0.0.1:0\", admin: \"127.0.0.1:0\", tokens: [" + pushToken + "]}\n"
	here := newOffice(t, labOptions{users: 10, groups: 2, seed: 1, plain: true}, "connection: here\n"+more)
	away := newOffice(t, labOptions{users: 12, groups: 2, seed: 2, plain: true}, "connection: away\n"+more)
	away.redis.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	s := &serving{log: new(tape)}
	ended := make(chan int)
	go func() {
		ended <- run(ctx, talkative{}, []string{"--config", away.config, "--config", here.config, "serve"}, nil, strings.NewReader(""), new(tape), s.log)
	}()
	says := func(what string) func() bool {
		return func() bool { return strings.Contains(s.log.String(), what) }
	}
	eventually(t, "it listens", func() bool { return regexp.MustCompile(`admin=(\S+)`).MatchString(s.log.String()) })
	eventually(t, "one has a run", func() bool {
		_, state := s.readyz(t)
		return state.Connections[1].LastRun != nil && state.Connections[1].LastRun.Exit == exitDone
	})
	status, state := s.readyz(t)
	if status != http.StatusOK || !state.Ready || len(state.Reasons) != 1 || state.Reasons[0] != "away: is not served yet; the log says why" {
		t.Errorf("readyz: %d %+v", status, state)
	}
	here.equal()
	if !says("this connection is not served")() || strings.Count(s.log.String(), "scim=") != 1 {
		t.Errorf("the log says\n%s", s.log.String())
	}
	if err := away.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one has a run", func() bool {
		_, state := s.readyz(t)
		return state.Connections[0].LastRun != nil && state.Connections[0].LastRun.Exit == exitDone
	})
	away.equal()
	if status, state := s.readyz(t); status != http.StatusOK || len(state.Reasons) > 0 || strings.Count(s.log.String(), "scim=") != 2 {
		t.Errorf("readyz: %d %+v, and the log says\n%s", status, state, s.log.String())
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone {
		t.Errorf("exit %d and logs\n%s", code, s.log.String())
	}
}

// TestServeWithoutAnyRedis: with nothing to serve, serve ends and says why.
func TestServeWithoutAnyRedis(t *testing.T) {
	t.Parallel()
	var configs []string
	for _, name := range []string{"one", "two"} {
		o := newOffice(t, labOptions{users: 2, groups: 1, seed: 1, plain: true}, "connection: "+name+"\nschedule: {cron: \"0 2 * * *\"}\n")
		o.redis.Close()
		configs = append(configs, "--config", o.config)
	}
	log := new(tape)
	if code := run(t.Context(), services{}, append(configs, "serve"), nil, strings.NewReader(""), new(tape), log); code != exitError || !strings.Contains(log.String(), "reach Redis") {
		t.Errorf("exit %d, says\n%s", code, log.String())
	}
}

// TestServeNamesWhoCannotListen: of several connections, the one whose address is taken is
// named, with what to do.
func TestServeNamesWhoCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var configs []string
	for name, address := range map[string]string{"one": "127.0.0.1:0", "two": taken.Addr().String()} {
		o := newOffice(t, labOptions{users: 2, groups: 1, seed: 1, plain: true}, "connection: "+name+"\nschedule: {cron: \"0 2 * * *\"}\nlisten: {scim: \""+address+"\", tokens: ["+pushToken+"]}\n")
		configs = append(configs, "--config", o.config)
	}
	log := new(tape)
	code := run(t.Context(), services{}, append(configs, "serve"), nil, strings.NewReader(""), new(tape), log)
	if code != exitError || !strings.Contains(log.String(), "connection two: listen.scim: ") || !strings.Contains(log.String(), "what to do: stop what else listens there") {
		t.Errorf("exit %d, says\n%s", code, log.String())
	}
}
