package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/admin"
	"tomorro-sync/jobs/metrics"
)

// openServed opens a connection. One of several whose Redis is not there must not keep the
// others from being served: it waits, and is seen to by whoever looks at the process. What
// is wrong in its configuration is an error all the same.
func (p *program) openServed(ctx context.Context, c *config, log *slog.Logger, several bool) (*served, error) {
	again := func(ctx context.Context) (*served, error) {
		conn, err := p.connector.open(ctx, session{config: c, store: true, serving: true, log: log})
		if err != nil {
			return nil, err
		}
		return newServed(c, log, conn), nil
	}
	s, err := again(ctx)
	if err == nil || !several || ctx.Err() != nil || classify(ctx, err).code == exitUsage {
		return s, err
	}
	conn, unable := p.connector.open(ctx, session{config: c, store: true, serving: true, later: true, log: log})
	if unable != nil {
		return nil, errors.Join(err, unable)
	}
	s = newServed(c, log, conn)
	s.waits, s.open = err, again
	s.watch.Observer = notYet{s}
	return s, nil
}

// notYet is how a connection stands that waits to be served.
type notYet struct{ s *served }

// Status implements jobs.Observer.
func (n notYet) Status(ctx context.Context) (jobs.Status, error) {
	late := n.s.late.Load()
	if late == nil {
		return jobs.Status{}, admin.ErrNotServed
	}
	return late.watch.Observer.Status(ctx)
}

// await tries until the connection can be served; nil when ctx ended before.
func (s *served) await(ctx context.Context, told *metrics.Metrics) *served {
	ticker := time.NewTicker(s.conn.desk.tell)
	defer ticker.Stop()
	for why, said := s.waits, ""; ; {
		if ctx.Err() == nil && said != why.Error() {
			said = why.Error()
			s.log.Error("this connection is not served; the others are, and it is tried again", "every", s.conn.desk.tell, "error", why)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		late, err := s.open(ctx)
		if err == nil {
			if err = late.listen(ctx, told); err == nil {
				late.command = s.command
				s.late.Store(late)
				return late
			}
			late.conn.close()
		}
		why = err
	}
}

// end closes what the connection holds.
func (s *served) end() {
	if late := s.late.Load(); late != nil {
		late.end()
	}
	s.listening.stop()
	s.conn.close()
}

// counts are what the clients counted with which it is served.
func (s *served) counts() []metrics.API {
	if late := s.late.Load(); late != nil {
		return late.counts()
	}
	if s.conn.counts == nil {
		return nil
	}
	return s.conn.counts()
}
