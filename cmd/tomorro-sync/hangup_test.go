//go:build integration

package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"

	"tomorro-sync/jobs/redisstore/redistest"
)

// TestHangup: the terminal of a run goes away in the middle of it. What is under way
// ends and is journaled, and the lock is given back; under nohup the run goes on.
func TestHangup(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	u := undisturbed(t, bin, 21, server.URL(), "calm", "Tomorro")
	for i := range 3 {
		for _, nohup := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d nohup %v", i, nohup), func(t *testing.T) {
				t.Parallel()
				c := newCompany(t, 21, server.URL(), fmt.Sprintf("hangup-%d-%v", i, nohup))
				p := &tap{at: 6 + i*(u.events-8)/3, only: "Tomorro"}
				cmd, want := c.child(bin, "first", c.through(p)...), exitInterrupted
				if nohup {
					cmd.Args, want = append([]string{"nohup", cmd.Path}, cmd.Args[1:]...), exitDone
					cmd.Path = "/usr/bin/nohup"
				}
				p.spring = func() { _ = cmd.Process.Signal(syscall.SIGHUP) }
				c.start(p, cmd)
				if code := finish(t, cmd); code != want {
					t.Errorf("hung up at a %s, it ended with %d, want %d, and says\n%s", p.sprung(), code, want, said(cmd))
				}
				p.wait()
				c.accounted() // by itself, and the lock is free
				c.complete(bin)
				c.asUndisturbed(&u)
			})
		}
	}
}

// TestNobodyReads: whoever read what a run prints is gone. It goes on to its end.
func TestNobodyReads(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	u := undisturbed(t, bin, 21, server.URL(), "calm", "Tomorro")
	for _, output := range []string{"text", "json"} {
		c := newCompany(t, 21, server.URL(), "nobody-reads-"+output)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		cmd := c.command(bin, "first", []string{"reconcile", "--yes", "--output", output})
		cmd.Stdout, cmd.Stderr = writer, writer
		err = cmd.Start()
		_ = writer.Close()
		if err != nil {
			t.Fatal(err)
		}
		if code := finish(t, cmd); code == -1 {
			t.Errorf("%s: nobody reads, and the run was killed: %s", output, cmd.ProcessState)
		}
		cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
		if n := c.asUndisturbed(&u); n != 0 {
			t.Errorf("%s: %d writes were left open", output, n)
		}
	}
}
