package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/time/rate"

	"tomorro-sync/jobs/metrics"
	"tomorro-sync/sources/push"
)

// listening is the SCIM listener of one connection; the zero one listens nowhere.
type listening struct {
	listener net.Listener
	server   *http.Server
	tls      bool
	up       func(bool) // told whether it answers
}

// listen opens the listener, so that a wrong address, token or certificate is an
// error at the start. Nothing is answered before serveDesk.
func (s *served) listen(ctx context.Context, told *metrics.Metrics) error {
	l := &s.config.Listen
	if l.SCIM == "" {
		return nil
	}
	wrong := func(err error) error { return &failure{exitUsage, fmt.Errorf("listen.scim: %w", err), configHint} }
	tokens := make([]string, len(l.Tokens))
	for i, t := range l.Tokens {
		tokens[i] = t.reveal()
	}
	allow, err := l.allowed()
	if err != nil {
		return wrong(err)
	}
	handler, err := push.New(push.Options{Users: s.conn.desk, Groups: s.conn.desk, Pusher: pusher{s.conn.desk}, Tokens: tokens, Allow: allow,
		BaseURL: l.BaseURL, Deadline: l.Deadline, Rate: rate.Limit(l.PerSecond), Log: s.log})
	if err != nil {
		return wrong(err)
	}
	s.listening.server, err = push.Server(push.ServerOptions{Address: l.SCIM, Handler: told.Pushes(s.config.Connection, handler), Deadline: l.Deadline, CertFile: l.CertFile, KeyFile: l.KeyFile, Log: s.log})
	if err != nil {
		return wrong(err)
	}
	s.listening.tls = l.CertFile != ""
	if s.listening.listener, err = listenAt(ctx, "listen.scim", l.SCIM); err != nil {
		return err
	}
	s.listening.up = func(up bool) { told.Listening(s.config.Connection, "scim", up) }
	s.listening.up(false)
	collect(100) // pushes can come by the thousand, and allocate more than they leave
	s.log.Info("listening", "scim", s.listening.listener.Addr().String(), "tls", s.listening.tls)
	if host, _, err := net.SplitHostPort(l.SCIM); err == nil && !loopback(host) && !s.listening.tls {
		s.log.Warn("the listener speaks plain HTTP, and its tokens with it: put a proxy that speaks TLS before it, or set listen.cert_file and listen.key_file")
	}
	return nil
}

// serve answers until stop.
func (l *listening) serve() {
	l.up(true)
	defer l.up(false)
	if l.tls {
		_ = l.server.ServeTLS(l.listener, "", "")
		return
	}
	_ = l.server.Serve(l.listener)
}

// stop closes what shutdown has not.
func (l *listening) stop() {
	if l.listener != nil {
		_ = l.listener.Close()
	}
}

// serveDesk answers pushes, and works off marks, until ctx ends and what is under way
// has ended.
func (s *served) serveDesk(ctx context.Context) {
	s.conn.desk.pushes.Open()
	var wg conc.WaitGroup
	wg.Go(func() { s.conn.desk.pushes.Serve(ctx) })
	wg.Go(func() { s.tellMarks(ctx) })
	wg.Go(func() { s.tellLoss(ctx) })
	if s.listening.server != nil {
		wg.Go(s.listening.serve)
		<-ctx.Done()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Grace+s.config.Listen.Deadline)
		defer cancel()
		if err := s.listening.server.Shutdown(limited); err != nil {
			s.log.Warn("pushes were broken off; they stay marked", "error", err)
		}
	}
	wg.Wait()
}

// tellMarks says who waits, and for how long, as long as somebody does.
func (s *served) tellMarks(ctx context.Context) {
	ticker := time.NewTicker(s.conn.desk.tell)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		status, err := s.conn.memory.Status(ctx)
		if err == nil && status.Marks > 0 {
			s.log.Info("people wait for another look", "marks", status.Marks, "oldest", time.Since(status.Oldest).Round(time.Second))
		}
	}
}
