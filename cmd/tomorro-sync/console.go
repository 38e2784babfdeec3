package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/console"
	"tomorro-sync/reconcile"
	"tomorro-sync/sources/push"
)

// consoleDefault is where the console listens unless it is said: this machine only.
const consoleDefault = "127.0.0.1:8082"

// consoleAddress is where the console listens; empty for nowhere.
func (l *listenConfig) consoleAddress() string {
	if l.ConsoleToken == "" && !l.OIDC.given() {
		return ""
	}
	return cmp.Or(l.Console, consoleDefault)
}

func (l *listenConfig) checkConsole(all *checks) {
	all.address("listen.console", l.Console)
	if l.Console != "" && l.ConsoleToken == "" && !l.OIDC.given() {
		all.fail("listen.console_token", "is missing: nobody could sign in at listen.console; make one with: openssl rand -hex 24; or let people sign in by listen.oidc")
	}
	l.OIDC.check(all, l.oidcSecret())
	if _, err := console.ParseTokens(l.ConsoleToken.reveal()); err != nil {
		all.fail("listen.console_token", "%v", err)
	}
}

// openConsole serves the console of all connections when the first configuration
// says so. The address is that which it listens at; empty when there is none.
func openConsole(ctx context.Context, log *slog.Logger, all []*served) (address string, stop func(), err error) {
	listen := &all[0].config.Listen
	if address = listen.consoleAddress(); address == "" {
		return "", func() {}, nil
	}
	tokens, err := console.ParseTokens(listen.ConsoleToken.reveal())
	if err != nil {
		return "", nil, usage(fmt.Errorf("listen.console_token: %w", err), configHint)
	}
	o := console.Options{Tokens: tokens, OIDC: listen.OIDC.options(), Shelf: all[0].conn.memory, Log: log}
	for _, s := range all {
		o.Connections = append(o.Connections, s.shown())
	}
	listener, err := listenAt(ctx, "listen.console", address)
	if err != nil {
		return "", nil, err
	}
	life, end := context.WithCancel(ctx)
	// Pages that ask OneLogin and Tomorro take as long as these do.
	server := &http.Server{Handler: console.Handler(life, o), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: push.ErrorLog(log)}
	closeServer := startServer(server, listener)
	log.Info("listening", "console", listener.Addr().String())
	if host, _, err := net.SplitHostPort(address); err == nil && !loopback(host) {
		log.Warn("the console is reached from other machines, without encryption: put a proxy with TLS before it", "console", address)
	}
	return listener.Addr().String(), func() { end(); closeServer() }, nil
}

// shown is the connection as the console takes it.
func (s *served) shown() *console.Connection {
	c, m := s.config, s.conn.memory
	zone, err := time.LoadLocation(c.Schedule.Timezone)
	if err != nil {
		zone = time.UTC
	}
	return &console.Connection{Name: c.Connection, Observer: m, Journal: m, Follower: m, Decisions: m, Budget: m, People: s.conn.runner, Services: s.conn.runner,
		Starter: s.starter, Schedule: s.schedule, QuarantineAfter: c.Schedule.QuarantineAfter, Retry: c.Schedule.Retry, Zone: zone, Policy: c.policy(""), ApprovalLife: approvalLife, Settings: c.settings(), Command: s.command}
}

// runFor makes a run that somebody asked for. One that goes well ends a quarantine,
// as reconcile does.
func (s *served) runFor(ctx context.Context, by jobs.Trigger) error {
	report, err := s.conn.runner.Reconcile(ctx, by, func(reconcile.Plan) (bool, error) { return true, nil })
	if err == nil && report.Run != "" {
		if err := s.conn.memory.Forgive(ctx); err != nil {
			s.log.Warn("the run went well, but a quarantine of the schedule stays", "error", err)
		}
	}
	return err
}
