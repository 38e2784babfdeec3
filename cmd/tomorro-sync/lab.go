package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"tomorro-sync/reconcile"
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
	redisURL                  string
	rehearsal                 *rehearsal // nil unless a disaster is rehearsed
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
	disaster        string // empty: none
	settled         bool
	broken          func(error) // told when a simulator can take no more connections; nil: it goes on trying
}

const simToken = "tomorro-token"

// newLab makes a world, a Tomorro with the groups that the world's rules name,
// and serves both. Tomorro has no accounts, unless it is to be settled, or a disaster
// is rehearsed: then it has those that OneLogin says. Nothing but loopback is listened on.
func newLab(o labOptions) (*lab, error) {
	world := onelogintest.Generate(onelogintest.Options{Users: o.users, Groups: o.groups, Seed: o.seed, Plain: o.plain})
	if o.disaster != "" {
		world.Stage()
	}
	l := &lab{onelogin: onelogintest.New(world), tomorro: tomorrotest.New(tomorrotest.Options{Token: simToken, Seed: fmt.Sprint(o.seed)})}
	l.onelogin.Turn(func(k *onelogintest.Knobs) { k.UserPageCap = o.pageCap })
	for _, name := range world.GroupNames() {
		l.tomorro.AddGroup(name)
	}
	if o.settled || o.disaster != "" {
		l.onelogin.Edit(func(w *onelogintest.World) { l.fill(w) })
	}
	l.oneloginWire, l.tomorroWire = flaky.New(l.onelogin), flaky.New(l.tomorro)
	l.oneloginWire.Latency, l.tomorroWire.Latency = o.latency, o.latency
	var front http.Handler = l.oneloginWire
	if o.disaster != "" {
		var err error
		if l.rehearsal, err = newRehearsal(l, o); err != nil {
			return nil, err
		}
		front = l.rehearsal.handler(front)
	}
	first, stopFirst, err := serveLoopback(o.oneloginAddress, front, o.broken)
	if err != nil {
		return nil, err
	}
	second, stopSecond, err := serveLoopback(o.tomorroAddress, l.tomorroWire, o.broken)
	if err != nil {
		stopFirst()
		return nil, err
	}
	l.oneloginURL, l.tomorroURL = "http://"+first, "http://"+second+"/scim/v2"
	l.stop = func() { stopFirst(); stopSecond() }
	return l, nil
}

// fill gives Tomorro the accounts that the world should have, with the marks that
// former runs would have left on them.
func (l *lab) fill(w *onelogintest.World) {
	titles := make(map[string]string)
	for title, userType := range onelogintest.MappedTitles() {
		titles[strings.ToLower(title)] = userType
	}
	accounts, _ := onelogintest.Expected(w, titles, w.GroupNames())
	members := make(map[string][]string)
	for _, p := range w.People {
		a, has := accounts[strings.ToLower(p.Email)]
		if !has {
			continue
		}
		l.tomorro.AddUser(tomorrotest.User{UserName: a.UserName, GivenName: a.GivenName, FamilyName: a.FamilyName, UserType: a.UserType, Active: true,
			ExternalID: reconcile.ExternalID(reconcile.Key(p.ID))})
		for _, g := range a.Groups {
			members[g] = append(members[g], a.UserName)
		}
	}
	for group, who := range members {
		_ = l.tomorro.Members(group, who, nil) // both are there: they were just made
	}
}

const simulatorHint = "stop what else listens there, or give another address with --onelogin, --tomorro or --redis"

// serveLoopback serves h and gives the address. Another address than loopback is
// refused: a simulator takes orders from anybody.
func serveLoopback(address string, h http.Handler, broken func(error)) (string, func(), error) {
	if err := loopbackOnly(address); err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, &failure{exitError, fmt.Errorf("listen for a simulator: %w", err), simulatorHint}
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if broken != nil {
			serveStrictly(server, listener, broken)
			return
		}
		_ = server.Serve(listener) // ends with Close
	}()
	return listener.Addr().String(), func() { _ = server.Close(); <-done }, nil
}

// serveStrictly serves until the end or the first connection that cannot be taken, of which
// it tells: net/http would try again for ever, and who asks is in the same process and holds
// the files that it waits for.
func serveStrictly(server *http.Server, listener net.Listener, broken func(error)) {
	if err := server.Serve(strict{listener}); !errors.Is(err, http.ErrServerClosed) {
		broken(err)
	}
}

type strict struct{ net.Listener }

// Accept gives errors that are not of net, which are final to net/http.
func (s strict) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		err = fmt.Errorf("take a connection to a simulator: %w", err)
	}
	return conn, err
}

func loopbackOnly(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !loopback(host) {
		return usage(fmt.Errorf("%q is not a loopback address", address), "write it as 127.0.0.1:0, or with a port of your choice")
	}
	return nil
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

// file is the configuration that reaches the lab, as a person can read and edit it.
func (l *lab) file() string {
	more := ""
	if l.rehearsal != nil && l.rehearsal.disaster.scoped {
		more = "\n  scope_roles: [Head office, Field sales]"
	}
	return fmt.Sprintf(`# For the simulators of: tomorro-sync simulate. These are no secrets.
onelogin:
  url: %s
  client_id: %s
  client_secret: %s
  app_id: %d%s
tomorro:
  url: %s
  token: %s
  pricing: v6
redis:
  url: %s   # needed by reconcile, not by plan
titles:
  head of legal: admin
  legal counsel: manager
  account executive: user
  paralegal: user
  auditor: viewer
`, l.oneloginURL, l.onelogin.ClientID, l.onelogin.ClientSecret, l.onelogin.AppID(), more, l.tomorroURL, simToken, l.redisURL)
}
