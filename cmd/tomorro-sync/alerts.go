package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/alert"
)

// sinks are whom the configuration names.
func (a *alertsConfig) sinks() (sinks []alert.Sink) {
	if a.Webhook != "" {
		sinks = append(sinks, &alert.Webhook{URL: a.Webhook.reveal()})
	}
	if s := &a.SMTP; s.Address != "" {
		_, port, _ := net.SplitHostPort(s.Address) // it was checked
		sinks = append(sinks, &alert.SMTP{Address: s.Address, TLS: port == "465", Username: s.Username, Password: s.Password.reveal(), From: s.From, To: s.To})
	}
	return sinks
}

// when says from when on somebody is called, and by which command they look.
func (c *config) when(command string) alert.When {
	return alert.When{Command: command, HeldAfter: c.Alerts.HeldAfter, NoRunFor: c.Alerts.NoRunFor, MarksAfter: c.Alerts.MarksAfter, ExpiresWithin: c.Alerts.ExpiresWithin,
		Schedule: c.Schedule.parsed(), QuarantineAfter: c.Schedule.QuarantineAfter}
}

// alerter calls whom the configuration names; nil when it names nobody.
func (s *served) alerter() *alert.Alerter {
	c := &s.config.Alerts
	a := &alert.Alerter{Connection: s.config.Connection, Stander: s.watch, Book: s.conn.memory, When: s.config.when(s.command), Credentials: s.config.credentials, Sinks: c.sinks(), Repeat: c.Repeat, Log: s.log}
	if c.Heartbeat != "" {
		a.Heart = &alert.Heartbeat{URL: c.Heartbeat.reveal()}
	}
	if len(a.Sinks) == 0 && a.Heart == nil {
		return nil
	}
	return a
}

func (p *program) alertsCommand() *cobra.Command {
	test := false
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Show what is wrong now, as serve tells it; --test sends a message",
		Long: `alerts shows what is wrong with the connection now, by the thresholds of the section alerts: what serve tells to alerts.webhook and
alerts.smtp, once, again after alerts.repeat, and once when it is over. It changes nothing, and what serve tells stays as it is.

With --test it sends a message to each receiver to try the configuration, and needs no Redis.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if test {
				return p.testAlerts(cmd.Context())
			}
			return p.withMemory(cmd, func(c *config, m memory) error { return p.showAlerts(cmd.Context(), c, m) })
		},
	}
	cmd.Flags().BoolVar(&test, "test", false, "send a message to each receiver")
	return cmd
}

// alertJSON is an alert as the program's JSON has it.
type alertJSON struct {
	Kind string `json:"kind"`
	What string `json:"what"`
	Do   string `json:"do"`
}

func (p *program) showAlerts(ctx context.Context, c *config, m memory) error {
	watch := &jobs.Watch{Observer: m, Journal: m}
	s, err := watch.StandNow(ctx)
	if err != nil {
		return err
	}
	when := c.when(p.command())
	when.Credentials = c.credentials()
	all := []alertJSON{}
	for _, a := range alert.Find(&s, &when) {
		all = append(all, alertJSON{string(a.Kind), a.What, a.Do})
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"alerts": all})
	}
	out := p.screen(p.stdout)
	if len(all) == 0 {
		out.line("Nothing is wrong.")
	}
	for _, a := range all {
		out.paragraph("", a.What, "")
		out.paragraph("  next: ", a.Do, "")
	}
	return nil
}

// testTimeout bounds one message.
const testTimeout = 20 * time.Second

func (p *program) testAlerts(ctx context.Context) error {
	c, err := p.configuration()
	if err != nil {
		return err
	}
	sinks := c.Alerts.sinks()
	if len(sinks) == 0 {
		return usage(errors.New("alerts: nobody is to be told"), "give alerts.webhook or alerts.smtp")
	}
	m := alert.Message{Subject: fmt.Sprintf("tomorro-sync %s: a test", c.Connection), Lines: []string{"Somebody tried whether alerts arrive. They do."}}
	taken := map[string]string{}
	var errs []error
	for _, sink := range sinks {
		limited, cancel := context.WithTimeout(ctx, testTimeout)
		err := sink.Send(limited, m)
		cancel()
		taken[sink.Name()] = "taken"
		if err != nil {
			taken[sink.Name()] = err.Error()
			errs = append(errs, fmt.Errorf("%s: %w", sink.Name(), err))
		} else if !p.asJSON() {
			p.screen(p.stdout).line("%s took the message.", sink.Name())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return &failure{exitError, err, "correct the section alerts of the configuration"}
	}
	if p.asJSON() {
		return writeJSON(p.stdout, map[string]any{"sent": taken})
	}
	return nil
}
