package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

func (p *program) demoCommand() *cobra.Command {
	o := labOptions{oneloginAddress: "127.0.0.1:0", tomorroAddress: "127.0.0.1:0", pageCap: 50}
	serve, address := false, consoleDefault
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole job on built-in simulators and an embedded Redis",
		Long: `demo generates a company, serves OneLogin and Tomorro for it as simulators on loopback, and does with them what reconcile
does with the real services: plan, write, journal, and a second plan that is empty. Nothing is installed or kept.

With --serve the company goes on for a few nights, one of which is held, and its console is there for a browser until Ctrl-C.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !serve {
				address = ""
			} else if err := p.canServeDemo(address, o); err != nil {
				return err
			}
			if o.users < 0 || o.groups < 0 {
				return usage(errors.New("--users and --groups cannot be negative"), "see: tomorro-sync demo --help")
			}
			return p.demo(cmd.Context(), o, address)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.users, "users", 250, "how many people OneLogin knows")
	f.IntVar(&o.groups, "groups", 24, "how many roles, rules and groups there are")
	f.Uint64Var(&o.seed, "seed", 1, "the same seed makes the same company")
	f.DurationVar(&o.latency, "latency", 10*time.Millisecond, "added to each request")
	f.BoolVar(&serve, "serve", false, "then serve the console, until Ctrl-C")
	f.StringVar(&address, "console", address, "`ADDRESS` of the console on this machine")
	return cmd
}

// demoJSON is what demo prints with --output json.
type demoJSON struct {
	First    planJSON         `json:"first"`
	Report   jobs.Report      `json:"report"`
	Second   planJSON         `json:"second"`
	Runs     []jobs.RunRecord `json:"runs"`
	Requests map[string]int   `json:"requests"`
}

// demo does the job, and serves the console afterwards unless its address is empty.
func (p *program) demo(ctx context.Context, o labOptions, address string) error {
	on, broken := context.WithCancelCause(ctx)
	defer broken(nil)
	o.broken = broken
	err := p.demonstrate(on, o, address)
	if err != nil && ctx.Err() == nil && on.Err() != nil { // why it was broken off, instead of what came of that
		return context.Cause(on)
	}
	return err
}

func (p *program) demonstrate(ctx context.Context, o labOptions, address string) error {
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer l.stop()
	c := l.config()
	c.OneLogin.Concurrency, c.Tomorro.Concurrency = 16, 16
	return p.open(ctx, session{config: &c, store: true, embedded: true}, func(conn *connection) error {
		d := demonstration{p: p, view: p.view(&c, false), lab: l, conn: conn}
		if err := d.run(ctx, o, address); err != nil {
			return err
		}
		if p.asJSON() {
			return writeJSON(p.stdout, d.doc)
		}
		if address != "" {
			return d.serve(ctx, &c, address)
		}
		return nil
	})
}

// demonstration tells what happens while it happens; as JSON, at the end.
type demonstration struct {
	p    *program
	view *planView
	lab  *lab
	conn *connection
	doc  demoJSON
}

func (d *demonstration) run(ctx context.Context, o labOptions, address string) error {
	d.say("1. THE COMPANY", fmt.Sprintf("%s people and %s rules at a simulated OneLogin; an empty Tomorro that has the groups the rules name. Both answer like the real services as far as these are documented, %s later.",
		reconcile.Number(o.users), reconcile.Number(o.groups), o.latency))
	d.say("2. THE PLAN", "What a run would change, and why. Nothing has been written so far.")
	began := time.Now()
	var first reconcile.Plan
	report, err := d.conn.runner.Reconcile(ctx, jobs.Trigger{By: "demo"}, func(plan reconcile.Plan) (bool, error) {
		first = plan
		if !d.p.asJSON() {
			d.view.show(&plan)
			d.say("3. THE RUN", "Each change is written into the journal before it is sent, and its outcome after.")
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	requests := d.requests()
	if !d.p.asJSON() {
		d.view.showReport(&report)
		d.view.line("%s requests to OneLogin and %s to Tomorro in %s", reconcile.Number(requests["onelogin"]), reconcile.Number(requests["tomorro"]), time.Since(began).Round(10*time.Millisecond))
	}
	d.say("4. THE SECOND PLAN", "Read again from both sides:")
	second, err := d.conn.runner.Plan(ctx)
	if err != nil {
		return err
	}
	if !d.p.asJSON() {
		d.view.show(&second)
	}
	runs, err := d.conn.memory.Runs(ctx, 5)
	if err != nil {
		return err
	}
	d.doc = demoJSON{First: planDocument(first), Report: report, Second: planDocument(second), Runs: runs, Requests: requests}
	if !d.p.asJSON() {
		d.say("5. THE JOURNAL", "")
		d.view.showRuns(runs)
		if address == "" {
			d.next()
		}
	}
	if !second.Empty() {
		return fmt.Errorf("the second plan is not empty: %d changes are left", len(second.Changes))
	}
	return nil
}

func (d *demonstration) requests() map[string]int {
	return map[string]int{"onelogin": d.lab.oneloginWire.Stats().Total, "tomorro": d.lab.tomorroWire.Stats().Total}
}

func (d *demonstration) say(heading, text string) {
	if d.p.asJSON() {
		return
	}
	d.view.heading(heading)
	if text != "" {
		d.view.paragraph("", text, dim)
	}
}

// next names three commands that work as they are typed.
func (d *demonstration) next() {
	d.view.heading("Try next")
	d.view.line("go run ./cmd/tomorro-sync demo --users 2000 --groups 100")
	d.view.line("go run ./cmd/tomorro-sync simulate --write-config tomorro-sync.yaml")
	d.view.line("go run ./cmd/tomorro-sync plan          # in a second terminal, while simulate runs")
}
