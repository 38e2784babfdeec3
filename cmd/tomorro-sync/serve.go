package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/sourcegraph/conc"
	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/admin"
	"tomorro-sync/jobs/metrics"
	"tomorro-sync/reconcile"
	"tomorro-sync/sources/push"
)

func (p *program) serveCommand() *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Make a run at each tick of the schedule, until stopped",
		Long: `serve makes a run at each tick of schedule.cron, in schedule.timezone. Any number of replicas may serve the same connection: each
tick has one run. A tick that nobody was there for is made up for at the start, unless schedule.missed is skip. Give --config
several times to serve several connections, each with its own name, lock, journal and limits. One whose Redis is not there is
served as soon as it is; the others do not wait for that.

A run that failed is made again schedule.retry after its tick, then after twice as long each time, until one goes well or the next
tick comes.

After schedule.quarantine_after failed runs in a row the schedule is quarantined: it tries half as often after each further failure,
but at least once a day (a nightly schedule stays nightly), until one run goes well, scheduled or made by: tomorro-sync reconcile

Asked to stop (Ctrl-C, SIGTERM, SIGHUP), it begins nothing new, lets the requests under way end within grace, journals them, gives the lock
back and exits with 0. Asked twice, it stops at once; the next run settles what was under way.

With schedule.delta, one replica at a time asks OneLogin every so often who changed, and each of them is looked at. This adds and
updates; what takes something away from somebody waits for a push or a run.

listen.scim answers OneLogin's SCIM pushes: point the app's SCIM Base URL at https://THIS-HOST/scim/v2 and give it one of listen.tokens.
Each push has one person looked at in OneLogin's API and brought to what that says, with the same rules, limits and holds as a run.
What cannot be done at once stays marked and is done later, by any process that serves the connection.

listen.admin answers /healthz, /readyz and, for Prometheus, /metrics. With alerts.webhook or alerts.smtp somebody is called when a
run fails, none was complete for long, or something waits for too long; one message for all replicas. With listen.console_token or
listen.oidc there is a console for browsers at listen.console. Logs go to stderr, with run ids and without people's names.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), format) },
	}
	cmd.Flags().StringVar(&format, "log-format", format, "`FORMAT` of the log: text or json")
	return cmd
}

// serveLogger logs what happens, a line each.
func (p *program) serveLogger(format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(p.stderr, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(p.stderr, nil)), nil
	}
	return nil, usage(fmt.Errorf("--log-format %q is neither text nor json", format), "see: tomorro-sync serve --help")
}

// served is one connection that is being served.
type served struct {
	config    *config
	command   string // how the program is called for it, from any directory
	log       *slog.Logger
	conn      *connection
	schedule  cron.Schedule
	scheduler *jobs.Scheduler
	fast      *jobs.FastPass // nil when there is none
	starter   *starter
	listening listening
	watch     *jobs.Watch // for metrics and alerts
	refused   atomic.Bool // Redis did not take the last write

	waits error                                  // why it cannot be served yet; nil when it can
	open  func(context.Context) (*served, error) // tries again
	late  atomic.Pointer[served]                 // what is served since that went well
}

func (p *program) serve(ctx context.Context, format string) error {
	outliveReaders()
	log, err := p.serveLogger(format)
	if err != nil {
		return err
	}
	configs, err := p.configurations()
	if err != nil {
		return err
	}
	var all []*served
	defer func() {
		for _, s := range all {
			s.end()
		}
	}()
	var firsts []error
	for i, c := range configs {
		s, err := p.openServed(ctx, c, log.With("connection", c.Connection), len(configs) > 1)
		if err != nil {
			return err
		}
		s.command = p.commandElsewhere(i)
		all = append(all, s)
		if s.waits != nil {
			firsts = append(firsts, s.waits)
		}
	}
	if len(firsts) == len(all) { // as with a single one that is not there
		return firsts[0]
	}
	told := measure(all)
	for _, s := range all {
		if s.waits != nil {
			continue
		}
		err := s.listen(ctx, told)
		if err != nil && len(all) > 1 {
			err = fmt.Errorf("connection %s: %w", s.config.Connection, err)
		}
		if err != nil {
			return err
		}
	}
	return serveAll(ctx, log, &configs[0].Listen, all, told)
}

func newServed(c *config, log *slog.Logger, conn *connection) *served {
	s := &served{config: c, log: log, conn: conn, schedule: c.Schedule.parsed()}
	s.watch = &jobs.Watch{Observer: takesWrites{s}, Journal: conn.memory}
	s.starter = &starter{wishes: conn.memory, taker: processName(), run: s.runFor, log: log}
	s.scheduler = &jobs.Scheduler{Schedule: s.schedule, Ticks: surely{conn.memory, s}, Run: s.run, Missed: jobs.Late(c.Schedule.Missed), Jitter: c.Schedule.Jitter,
		QuarantineAfter: c.Schedule.QuarantineAfter, Retry: c.Schedule.Retry, Log: log}
	if every := c.Schedule.Delta; every > 0 && conn.changes != nil {
		s.fast = &jobs.FastPass{Changes: conn.changes, Passes: conn.memory, Queue: conn.memory, Every: every, Overlap: c.Schedule.DeltaOverlap, Most: c.Schedule.DeltaMost, Log: log}
	}
	return s
}

// processName tells this process from others, for people.
func processName() string {
	return fmt.Sprintf("%s, process %d, %s", hostName(), os.Getpid(), rand.Text()[:4]) // in containers all are process 1
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "a host without a name"
	}
	return host
}

// serveAll serves until ctx ends and everything under way has ended.
func serveAll(ctx context.Context, log *slog.Logger, l *listenConfig, all []*served, told *metrics.Metrics) error {
	watched := make([]admin.Connection, 0, len(all))
	for _, s := range all {
		watched = append(watched, admin.Connection{Name: s.config.Connection, Observer: s.watch.Observer, Schedule: s.schedule, QuarantineAfter: s.config.Schedule.QuarantineAfter, Retry: s.config.Schedule.Retry, Command: s.command})
	}
	stopAdmin, err := serveAdmin(ctx, log, l.Admin, supervised(admin.Handler(ctx, watched), told, l.Profile))
	if err != nil {
		return err
	}
	defer stopAdmin()
	console, stopConsole, err := openConsole(ctx, log, all)
	if err != nil {
		return err
	}
	if console != "" {
		told.Listening("", "console", true)
	}
	defer stopConsole()
	var wg conc.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			if s.waits == nil {
				s.serve(ctx)
			} else if late := s.await(ctx, told); late != nil {
				late.serve(ctx)
			}
		})
	}
	<-ctx.Done()
	log.Info("stopping: nothing new is begun, what is under way is finished", "grace", all[0].config.Grace)
	wg.Wait()
	log.Info("stopped")
	return nil
}

// serve makes the connection's runs and answers its pushes until ctx ends and what is
// under way has ended.
func (s *served) serve(ctx context.Context) {
	s.log.Info("serving", "tomorro", s.config.Tomorro.URL, "schedule", s.config.Schedule.Cron, "timezone", s.config.Schedule.Timezone, "next", s.schedule.Next(time.Now()))
	var wg conc.WaitGroup
	wg.Go(func() {
		s.recover(ctx)
		s.scheduler.Serve(ctx)
	})
	wg.Go(func() { s.starter.serve(ctx) })
	wg.Go(func() { s.serveDesk(ctx) })
	if alerter := s.alerter(); alerter != nil {
		wg.Go(func() { alerter.Serve(ctx) })
	}
	if s.fast != nil {
		wg.Go(func() { s.fast.Serve(ctx) })
	}
	wg.Wait()
}

// serveAdmin listens for supervisors.
func serveAdmin(ctx context.Context, log *slog.Logger, address string, h http.Handler) (stop func(), err error) {
	listener, err := listenAt(ctx, "listen.admin", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: push.ErrorLog(log)}
	stop = startServer(server, listener)
	log.Info("listening", "admin", listener.Addr().String())
	return stop, nil
}

// listenAt listens at the address that a key of the configuration has.
func listenAt(ctx context.Context, key, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &failure{exitError, fmt.Errorf("%s: %w", key, err), "stop what else listens there, or set " + key + " to another address"}
	}
	return listener, nil
}

// startServer serves until stop, which waits for nothing that is under way.
func startServer(server *http.Server, listener net.Listener) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	return func() { _ = server.Close(); <-done }
}

// recover settles what a dead process left open. A failure is no reason not to
// serve: the next run does the same.
func (s *served) recover(ctx context.Context) {
	settled, err := s.conn.runner.Recover(ctx)
	switch {
	case errors.Is(err, jobs.ErrLocked):
		s.log.Info("another process is at work", "error", err)
	case err != nil && ctx.Err() == nil:
		s.log.Warn("what an earlier run left open is not settled yet; the next run does it", "error", err)
	case len(settled) > 0:
		count := make(map[string]int)
		for _, intent := range settled {
			count[intent.Result]++
		}
		s.log.Info("settled what an earlier run left open", "results", count)
	}
}

// run makes the run of a tick. A report with failures is a run that was made.
func (s *served) run(ctx context.Context, tick time.Time) error {
	_, err := s.conn.runner.Reconcile(ctx, jobs.Trigger{By: "schedule", Who: hostName()}, func(reconcile.Plan) (bool, error) { return true, nil })
	s.conn.desk.pushes.Forget() // what was learned, and what limits are shares of
	if err != nil && !errors.Is(err, jobs.ErrLocked) {
		s.log.Error("the scheduled run failed", "tick", tick, "error", err)
	}
	return err
}
