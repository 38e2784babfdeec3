package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tomorro-sync/jobs/redisstore"
)

// organisation names what a configuration is about, to tell one that uses another's
// connection by mistake. Empty is one that is not told from others: incomplete, or with a
// service on this machine, which is a rehearsal or the end of a tunnel.
func (c *config) organisation() string {
	for _, address := range []string{c.OneLogin.URL, c.Tomorro.URL} {
		if u, err := url.Parse(address); err != nil || u.Host == "" || loopback(u.Hostname()) {
			return ""
		}
	}
	plain := func(address string) string { return strings.ToLower(strings.TrimRight(address, "/")) }
	return fmt.Sprintf("%s and app %d of %s", plain(c.Tomorro.URL), c.OneLogin.AppID, plain(c.OneLogin.URL))
}

// own makes sure that what Redis remembers under the configured connection is of the
// configured organisation. Who makes runs says so first.
func (s session) own(ctx context.Context, store *redisstore.Store) error {
	mine := s.config.organisation()
	if mine == "" || s.embedded {
		return nil
	}
	var known string
	var err error
	if s.serving || s.runs {
		known, err = store.Belong(ctx, mine, s.moved)
	} else {
		known, err = store.Organisation(ctx)
	}
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	if known == "" || known == mine {
		return nil
	}
	return &failure{exitUsage, fmt.Errorf("connection: %q in this Redis is of %s, and this configuration is of %s", s.config.Connection, known, mine),
		"give each organisation a connection of its own; if it is the same one with another address or app, run: tomorro-sync reconcile --moved"}
}
