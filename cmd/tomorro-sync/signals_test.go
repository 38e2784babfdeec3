//go:build integration

package main

import (
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore/redistest"
)

// TestSignals stops the real program in the middle of a run. One SIGTERM: what is
// under way ends and is journaled, and the lock is given back. Two: it ends at
// once, and the next run settles what was under way.
func TestSignals(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	u := undisturbed(t, bin, 21, server.URL(), "calm", "Tomorro")
	for _, signals := range []int{1, 2} {
		for i := range 6 {
			t.Run(fmt.Sprintf("%d-%d", signals, i), func(t *testing.T) {
				t.Parallel()
				c := newCompany(t, 21, server.URL(), fmt.Sprintf("signals-%d-%d", signals, i))
				p := &tap{at: 6 + i*(u.events-8)/6, only: "Tomorro"}
				cmd := c.child(bin, "first", c.through(p)...)
				p.spring = func() {
					for range signals {
						_ = cmd.Process.Signal(syscall.SIGTERM)
						time.Sleep(50 * time.Millisecond) // two at once are one
					}
				}
				c.start(p, cmd)
				code := finish(t, cmd)
				p.wait()
				switch state := cmd.ProcessState.Sys().(syscall.WaitStatus); {
				case signals == 1 && code != exitInterrupted:
					t.Errorf("stopped at a %s, it ended with %d and says\n%s", p.sprung(), code, said(cmd))
				case signals == 2 && (!state.Signaled() || state.Signal() != syscall.SIGTERM):
					t.Errorf("stopped twice at a %s, it ended with %d and says\n%s", p.sprung(), code, said(cmd))
				}
				if signals == 1 {
					c.accounted() // by itself, and the lock is free
				} else {
					c.dropLock()
				}
				c.complete(bin)
				c.asUndisturbed(&u)
			})
		}
	}
}

// TestReplicas: three processes serve one connection with a tick every 2 s for a
// minute; one is killed and started again on the way. Each tick has one run.
func TestReplicas(t *testing.T) {
	t.Parallel()
	bin, server := build(t), redistest.Start(t)
	o := newOffice(t, labOptions{users: 20, groups: 3, seed: 1, plain: true}, "schedule: {cron: \"@every 2s\"}\n")
	c := &company{office: o, url: server.URL(), connection: "replicas"}
	o.environ = []string{envPrefix + "REDIS_URL=" + c.url, envPrefix + "CONNECTION=" + c.connection}
	replica := func(name string) *exec.Cmd {
		cmd := c.command(bin, name, []string{"serve"}, envPrefix+"LISTEN_ADMIN="+freeAddress(t))
		c.start(&tap{}, cmd)
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd
	}
	began := time.Now()
	first, second, third := replica("first"), replica("second"), replica("third")
	time.Sleep(25 * time.Second)
	_ = first.Process.Kill()
	_ = finish(t, first)
	time.Sleep(5 * time.Second)
	first = replica("first-again")
	time.Sleep(30 * time.Second)
	ticks := int(time.Since(began) / (2 * time.Second))
	for _, cmd := range []*exec.Cmd{first, second, third} {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, cmd := range []*exec.Cmd{first, second, third} {
		if code := finish(t, cmd); code != exitDone {
			t.Errorf("a replica ended with %d and says\n%s", code, said(cmd))
		}
	}
	var runs []time.Time
	err := c.store().Scan(t.Context(), time.Time{}, func(e jobs.Entry) bool {
		if e.Kind == jobs.EntryBegin && e.Trigger.By == "schedule" {
			runs = append(runs, e.Time)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	var longest time.Duration
	for i := 1; i < len(runs); i++ {
		gap := runs[i].Sub(runs[i-1])
		if longest = max(longest, gap); gap < time.Second {
			t.Errorf("two runs within %s: one tick had two", gap)
		}
	}
	// The kill may have cost the tick that was being run; and if it came in the middle of a
	// run, those until the lock of the dead process ended, after 30 s.
	lost := 3
	if longest > 6*time.Second {
		lost += int(longest / (2 * time.Second))
	}
	if len(runs) < ticks-lost || len(runs) > ticks+1 || longest > 36*time.Second {
		t.Errorf("%d runs in %d ticks, once none for %s", len(runs), ticks, longest)
	}
	t.Logf("%d runs in %d ticks, once none for %s", len(runs), ticks, longest)
	o.equal()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
