package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs/redisstore"
)

// simulateOptions are those of the lab, and what is only for this command.
type simulateOptions struct {
	lab    labOptions
	redis  string // address
	config string // file to write
}

func (p *program) simulateCommand() *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve OneLogin and Tomorro as simulators on loopback, for rehearsals",
		Long: `simulate generates a company, serves OneLogin's API, Tomorro's SCIM service and a Redis for it on loopback, and prints a
configuration that reaches them. It runs until it is interrupted, and forgets everything then. While it runs, each side can be
looked at and changed below /_sim/: GET /_sim/stats, /_sim/faults and OneLogin's /_sim/world, Tomorro's /_sim/state and
/_sim/writes; POST /_sim/faults breaks requests by a script; see the README.

With --disaster, Tomorro already is what OneLogin says. POST /_sim/disaster of OneLogin lets the disaster happen, and five
people join on the same day; GET /_sim/disaster says what it cost. The disasters:
` + disasterList(),
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.simulate(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.lab.users, "users", 250, "how many people OneLogin knows")
	f.IntVar(&o.lab.groups, "groups", 24, "how many roles, rules and groups there are")
	f.Uint64Var(&o.lab.seed, "seed", 1, "the same seed makes the same company")
	f.DurationVar(&o.lab.latency, "latency", 0, "added to each request")
	f.BoolVar(&o.lab.plain, "plain", false, "a company without oddities: five roles each, every title a role; for measurements")
	f.BoolVar(&o.lab.settled, "settled", false, "Tomorro already is what OneLogin says")
	f.IntVar(&o.lab.pageCap, "users-per-page", 50, "how many people OneLogin gives in a page at most")
	f.StringVar(&o.lab.oneloginAddress, "onelogin", "127.0.0.1:0", "`ADDRESS` of the simulated OneLogin")
	f.StringVar(&o.lab.tomorroAddress, "tomorro", "127.0.0.1:0", "`ADDRESS` of the simulated Tomorro")
	f.StringVar(&o.redis, "redis", "127.0.0.1:0", "`ADDRESS` of the Redis")
	f.StringVar(&o.lab.disaster, "disaster", "", "rehearse the disaster of this `NAME`")
	f.StringVar(&o.config, "write-config", "", "write the configuration to this `FILE`")
	return cmd
}

func (p *program) simulate(ctx context.Context, o simulateOptions) error {
	if o.lab.users < 0 || o.lab.groups < 0 {
		return usage(errors.New("--users and --groups cannot be negative"), "see: tomorro-sync simulate --help")
	}
	if err := loopbackOnly(o.redis); err != nil {
		return err
	}
	collect(200) // what it costs is taken from the run that is rehearsed, or measured
	l, err := newLab(o.lab)
	if err != nil {
		return err
	}
	defer l.stop()
	redis, stop, err := redisstore.Serve(o.redis)
	if err != nil {
		return &failure{exitError, fmt.Errorf("serve a Redis for the rehearsal: %w", err), simulatorHint}
	}
	defer stop()
	l.redisURL = "redis://" + redis + "/0"
	if err := l.write(o.config); err != nil {
		return err
	}
	if err := p.introduce(l, o.config); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// write writes the configuration, and beside it the one with a mistake when that
// is the disaster.
func (l *lab) write(file string) error {
	if file == "" {
		return nil
	}
	texts := map[string]string{file: l.file()}
	if l.rehearsal != nil && l.rehearsal.disaster.mistake != "" {
		texts[mistaken(file)] = l.rehearsal.mistakenFile()
	}
	for name, text := range texts {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	return nil
}

// mistaken names the configuration with the mistake after the one without.
func mistaken(file string) string {
	for _, ending := range []string{".yaml", ".yml"} {
		if name, ok := strings.CutSuffix(file, ending); ok {
			return name + "-mistake" + ending
		}
	}
	return file + "-mistake"
}

// introduce says where everything is, and what can be done with it.
func (p *program) introduce(l *lab, config string) error {
	if p.asJSON() {
		doc := map[string]any{"onelogin": l.oneloginURL, "tomorro": l.tomorroURL, "redis": l.redisURL, "config": config, "pid": os.Getpid()}
		if r := l.rehearsal; r != nil {
			doc["disaster"] = r.disaster.name
			if r.disaster.mistake != "" && config != "" {
				doc["mistake"] = mistaken(config)
			}
		}
		return writeJSON(p.stdout, doc)
	}
	s := p.screen(p.stdout)
	s.command = p.name() // with the configuration that is written, not one that was given
	s.line("OneLogin  %s   look: %[1]s/_sim/world", l.oneloginURL)
	s.line("Tomorro   %s   look: %s/_sim/state", l.tomorroURL, strings.TrimSuffix(l.tomorroURL, "/scim/v2"))
	s.line("Redis     %s", l.redisURL)
	s.line("")
	switch {
	case config == "":
		_, _ = fmt.Fprintln(s.out, l.file())
		if l.rehearsal != nil {
			config = "FILE"
		}
	case l.rehearsal == nil:
		s.line("The configuration is in %s. In another terminal: %s --config %s plan", config, s.command, word(config))
	default:
		s.line("The configuration is in %s.", config)
	}
	if l.rehearsal != nil {
		l.rehearsal.script(s, config)
	}
	s.line("Press Ctrl-C to end.")
	return nil
}
