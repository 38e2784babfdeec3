package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// lab is both simulators, served on loopback.
type lab struct {
	onelogin *onelogintest.Server
	tomorro  *tomorrotest.Server
	// faults in front of each: what goes wrong, and what was asked
	oneloginWire, tomorroWire *flaky.Handler
	oneloginURL, tomorroURL   string // tomorroURL with the SCIM path
	stop                      func()
}

type labOptions struct {
	users, groups   int
	seed            uint64
	latency         time.Duration
	plain           bool
	pageCap         int
	oneloginAddress string
	tomorroAddress  string
}

const simToken = "tomorro-token"

// newLab makes a world, an empty Tomorro with the groups that the world's rules
// name, and serves both. Nothing but loopback is listened on.
func newLab(o labOptions) (*lab, error) {
	world := onelogintest.Generate(onelogintest.Options{Users: o.users, Groups: o.groups, Seed: o.seed, Plain: o.plain})
	l := &lab{onelogin: onelogintest.New(world), tomorro: tomorrotest.New(tomorrotest.Options{Token: simToken, Seed: fmt.Sprint(o.seed)})}
	l.onelogin.Turn(func(k *onelogintest.Knobs) { k.UserPageCap = o.pageCap })
	for _, name := range world.GroupNames() {
		l.tomorro.AddGroup(name)
	}
	l.oneloginWire, l.tomorroWire = flaky.New(l.onelogin), flaky.New(l.tomorro)
	l.oneloginWire.Latency, l.tomorroWire.Latency = o.latency, o.latency
	first, stopFirst, err := serveLoopback(o.oneloginAddress, l.oneloginWire)
	if err != nil {
		return nil, err
	}
	second, stopSecond, err := serveLoopback(o.tomorroAddress, l.tomorroWire)
	if err != nil {
		stopFirst()
		return nil, err
	}
	l.oneloginURL, l.tomorroURL = "http://"+first, "http://"+second+"/scim/v2"
	l.stop = func() { stopFirst(); stopSecond() }
	return l, nil
}

// serveLoopback serves h and gives the address. Another address than loopback is
// refused: a simulator takes orders from anybody.
func serveLoopback(address string, h http.Handler) (string, func(), error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !loopback(host) {
		return "", nil, usage(fmt.Errorf("%q is not a loopback address", address), "write it as 127.0.0.1:0, or with a port of your choice")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("listen for a simulator: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	return listener.Addr().String(), func() { _ = server.Close(); <-done }, nil
}

// config is the configuration that reaches the lab.
func (l *lab) config() config {
	c := defaultConfig()
	c.OneLogin.URL, c.OneLogin.ClientID, c.OneLogin.ClientSecret = l.oneloginURL, l.onelogin.ClientID, Secret(l.onelogin.ClientSecret)
	c.OneLogin.AppID = l.onelogin.AppID()
	c.Tomorro.URL, c.Tomorro.Token = l.tomorroURL, Secret(simToken)
	c.Titles = onelogintest.MappedTitles()
	return c
}

// file is the same as a file that a person can read and edit.
func (l *lab) file() string {
	return fmt.Sprintf(`# For the simulators of: tomorro-sync simulate. These are no secrets.
onelogin:
  url: %s
  client_id: %s
  client_secret: %s
  app_id: %d
tomorro:
  url: %s
  token: %s
  pricing: v6
redis:
  url: redis://localhost:6379/0   # reconcile needs one; plan does not
titles:
  head of legal: admin
  legal counsel: manager
  account executive: user
  paralegal: user
  auditor: viewer
`, l.oneloginURL, l.onelogin.ClientID, l.onelogin.ClientSecret, l.onelogin.AppID(), l.tomorroURL, simToken)
}

func (p *program) simulateCommand() *cobra.Command {
	var o labOptions
	var write string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve OneLogin and Tomorro as simulators on loopback, for rehearsals",
		Long: `simulate generates a company, serves OneLogin's API and Tomorro's SCIM service for it on loopback, and prints a configuration
that reaches both. It runs until it is interrupted. While it runs, each side can be looked at and changed below /_sim/:
GET /_sim/stats, /_sim/faults and OneLogin's /_sim/world, Tomorro's /_sim/state and /_sim/writes; POST /_sim/faults breaks
requests by a script; see the README.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.simulate(cmd.Context(), o, write) },
	}
	f := cmd.Flags()
	f.IntVar(&o.users, "users", 250, "how many people OneLogin knows")
	f.IntVar(&o.groups, "groups", 24, "how many roles, rules and groups there are")
	f.Uint64Var(&o.seed, "seed", 1, "the same seed makes the same company")
	f.DurationVar(&o.latency, "latency", 0, "added to each request")
	f.BoolVar(&o.plain, "plain", false, "a company without oddities: five roles each, every title a role; for measurements")
	f.IntVar(&o.pageCap, "users-per-page", 50, "how many people OneLogin gives in a page at most")
	f.StringVar(&o.oneloginAddress, "onelogin", "127.0.0.1:0", "`ADDRESS` of the simulated OneLogin")
	f.StringVar(&o.tomorroAddress, "tomorro", "127.0.0.1:0", "`ADDRESS` of the simulated Tomorro")
	f.StringVar(&write, "write-config", "", "write the configuration to this `FILE`")
	return cmd
}

func (p *program) simulate(ctx context.Context, o labOptions, write string) error {
	if o.users < 0 || o.groups < 0 {
		return usage(errors.New("--users and --groups cannot be negative"), "see: tomorro-sync simulate --help")
	}
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer l.stop()
	if write != "" {
		if err := os.WriteFile(write, []byte(l.file()), 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	if p.asJSON() {
		err = writeJSON(p.stdout, map[string]any{"onelogin": l.oneloginURL, "tomorro": l.tomorroURL, "config": write, "pid": os.Getpid()})
	} else {
		s := p.screen(p.stdout)
		s.line("OneLogin  %s   look: /_sim/world, /_sim/stats", l.oneloginURL)
		s.line("Tomorro   %s   look: /_sim/state, /_sim/stats", l.tomorroURL)
		s.line("")
		if write != "" {
			s.line("The configuration is in %s. In another terminal: tomorro-sync --config %s plan", write, write)
		} else {
			s.line("%s", l.file())
		}
		s.line("Press Ctrl-C to end.")
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
