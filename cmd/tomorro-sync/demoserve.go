package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"

	"github.com/sourcegraph/conc"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// canServeDemo refuses what could not be served before anything is shown.
func (p *program) canServeDemo(address string, o labOptions) error {
	switch {
	case p.asJSON():
		return usage(errors.New("--serve shows a console, and has no JSON document"), "leave one of the two out")
	case o.users < demoLeavers:
		return usage(errors.New("a company to be looked at needs more people"), "give more --users, or leave --serve out")
	}
	return loopbackOnly(address)
}

const (
	demoNights = 6
	// demoLeavers is how many people OneLogin suspends in the last night: more than
	// limits.deactivate.
	demoLeavers = 40
)

// serve lets some nights pass, and then serves the console until ctx ends.
func (d *demonstration) serve(ctx context.Context, c *config, address string) error {
	for night := range demoNights {
		d.lab.onelogin.Edit(func(w *onelogintest.World) {
			w.Churn(uint64(night + 2))
			if night == demoNights-1 {
				suspendSome(w, demoLeavers)
			}
		})
		if _, err := d.conn.runner.Reconcile(ctx, jobs.Trigger{By: "demo"}, func(reconcile.Plan) (bool, error) { return true, nil }); err != nil {
			return err
		}
	}
	token := rand.Text()
	c.Connection, c.Listen.Console, c.Listen.ConsoleToken = "demo", address, Secret(token)
	c.Schedule.Cron = "0 2 * * *"
	log := slog.New(slog.DiscardHandler)
	s := newServed(c, log, d.conn)
	at, stop, err := openConsole(ctx, log, []*served{s})
	if err != nil {
		return &failure{exitError, err, "stop what else listens there, or give another address with --console"}
	}
	defer stop()
	d.say("6. THE CONSOLE", "Some nights later: in the last one OneLogin said that forty people are suspended, which is held. Look who they are, approve or reject it, and run.")
	d.view.line("address  http://%s/", at)
	d.view.line("token    %s   (for this demo only; say any name)", token)
	d.view.line("")
	d.view.line("Press Ctrl-C to end.")
	var wg conc.WaitGroup
	wg.Go(func() { s.scheduler.Serve(ctx) })
	wg.Go(func() { s.starter.serve(ctx) })
	wg.Wait()
	return nil
}

// suspendSome suspends n people who work here and have the app, but nobody whose title
// makes them admin: what is held is to be the number.
func suspendSome(w *onelogintest.World, n int) {
	for _, p := range w.People {
		admin := p.Title != nil && strings.Contains(strings.ToLower(*p.Title), "admin")
		if n > 0 && p.Status == 1 && p.State == 1 && !admin && w.HasApp(p) {
			p.Status = 2
			n--
		}
	}
}
