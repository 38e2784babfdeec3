//go:build integration

package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/redisstore/redistest"
)

// TestFailover kills the Redis server that takes the writes in the middle of a
// run, 20 times each under Sentinel and in a cluster. The run ends converged, or
// it ends with an error and the next one converges.
func TestFailover(t *testing.T) {
	redisstore.Silence(slog.New(slog.DiscardHandler))
	bin := build(t)
	for name, begin := range map[string]func(testing.TB) *redistest.Group{"Sentinel": redistest.StartSentinel, "Cluster": redistest.StartCluster} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group := begin(t)
			masters := 1
			if name == "Cluster" {
				masters = 3
			}
			u := undisturbed(t, bin, 13, group.URL, "calm", "Tomorro")
			const trials = 20
			atOnce := 0
			for i := range trials {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					if failover(t, bin, group, masters, &u, i, 2+i*(u.events-2)/trials) {
						atOnce++
					}
				})
			}
			t.Logf("%s: %d of %d runs went on through the loss of the master, %d ended safely and the next run converged", name, atOnce, trials, trials-atOnce)
		})
	}
}

// failover makes one trial and reports whether the run itself converged. Rarely a run makes
// a request less than the undisturbed one did, and is over before that event: it is tried
// again, with the loss a request earlier.
func failover(t *testing.T, bin string, group *redistest.Group, masters int, u *calm, i, at int) (atOnce bool) {
	c := newCompany(t, 13, group.URL, fmt.Sprintf("trial-%d-%d", i, at))
	master := group.Master(t, "{"+c.connection+"}")
	p := &tap{at: at, only: "Tomorro", spring: master.Kill}
	cmd := c.child(bin, "first", c.through(p)...)
	c.start(p, cmd)
	code := finish(t, cmd)
	p.wait()
	if p.sprung() == "" && code == exitDone && at > 2 {
		return failover(t, bin, group, masters, u, i, at-min(2, at-2))
	}
	if p.sprung() == "" {
		t.Fatalf("the run ended with %d before event %d\n%s", code, at, said(cmd))
	}
	atOnce = code == exitDone
	if atOnce {
		c.like(u.ending)
	} else if code != exitError || !strings.Contains(said(cmd), `"error"`) {
		t.Errorf("it ended with %d and says\n%s", code, said(cmd))
	}
	group.Rejoin(t, master, "{"+c.connection+"}", masters) // or else somebody may still take the old master for one
	c.dropLock()
	c.complete(bin)
	c.asUndisturbed(u)
	return atOnce
}
