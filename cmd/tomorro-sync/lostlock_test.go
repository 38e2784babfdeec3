//go:build integration

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tomorro-sync/jobs/redisstore/redistest"
)

// lockLife is how long a lock outlives its holder.
const lockLife = 30 * time.Second

// start starts a child under a tap, whose spring is known to it by then.
func (c *company) start(p *tap, cmd *exec.Cmd) {
	c.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// TestSplitBrain pauses a run at points all over it until its lock has ended by
// itself, lets another one do the work, and wakes it: it writes nothing more.
func TestSplitBrain(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	u := undisturbed(t, bin, 11, server.URL(), "calm", "")
	const trials = 24
	var all sync.WaitGroup // side by side: each waits for its lock to end
	for i := range trials {
		all.Go(func() {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				c := newCompany(t, 11, server.URL(), fmt.Sprintf("paused-%d", i))
				p := &tap{at: u.events*(i+6)/(trials+8) + 1}
				cmd := c.child(bin, "paused", append(c.through(p), p.redis(t, c.url))...)
				p.spring = func() { _ = cmd.Process.Signal(syscall.SIGSTOP) }
				c.start(p, cmd)
				time.Sleep(lockLife + 5*time.Second)
				done := len(c.lab.tomorro.Writes())
				c.complete(bin)
				before := len(c.lab.tomorro.Writes())
				if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				code := finish(t, cmd)
				if n := len(c.lab.tomorro.Writes()) - before; n != 0 {
					t.Errorf("paused at a %s, it wrote %d times after it was woken", p.sprung(), n)
				}
				complete := code == exitDone && before == done // it was stopped when all was done
				if !complete && (code != exitError || !strings.Contains(said(cmd), "lock")) {
					t.Errorf("paused at a %s, it ended with %d and says\n%s", p.sprung(), code, said(cmd))
				}
				c.asUndisturbed(&u)
			})
		})
	}
	all.Wait()
}

// TestRedisLost takes Redis away in the middle of a run, by ending it and by
// letting it hang, at several points. The run ends by itself within a lock's
// life, writes nothing after that, says what is done and what is not, and the
// next one completes it.
func TestRedisLost(t *testing.T) {
	bin := build(t)
	u := undisturbed(t, bin, 12, redistest.Start(t).URL(), "calm", "Tomorro")
	var all sync.WaitGroup
	for i := range 4 {
		for _, hangs := range []bool{false, true} {
			all.Go(func() {
				t.Run(fmt.Sprintf("%d-%v", i, hangs), func(t *testing.T) { redisLost(t, bin, &u, u.events*(i+3)/8, hangs) })
			})
		}
	}
	all.Wait()
}

func redisLost(t *testing.T, bin string, u *calm, at int, hangs bool) {
	server := redistest.Start(t, "--appendonly", "yes")
	c := newCompany(t, 12, server.URL(), "lost")
	p := &tap{at: at, only: "Tomorro"}
	environ := c.through(p)
	cmd := c.child(bin, "first", environ...)
	var lost time.Time
	p.spring = func() {
		lost = time.Now()
		if hangs {
			server.Signal(syscall.SIGSTOP)
		} else {
			server.Kill()
		}
	}
	c.start(p, cmd)
	code := finish(t, cmd)
	if took := time.Since(lost); took > lockLife {
		t.Errorf("Redis was lost for %s before the run ended", took)
	}
	for _, word := range []string{"Redis", "not sent", "error", "hint", "done", "skipped"} {
		if !strings.Contains(said(cmd), word) {
			t.Errorf("it does not say %q", word)
		}
	}
	if code != exitError || t.Failed() {
		t.Errorf("exit %d, says\n%s", code, said(cmd))
	}
	p.wait()
	if hangs {
		server.Signal(syscall.SIGCONT)
	} else {
		server.Restart()
	}
	c.dropLock()
	c.complete(bin)
	c.asUndisturbed(u)
}
