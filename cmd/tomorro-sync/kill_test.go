//go:build integration

package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs/redisstore/redistest"
)

// TestKillSweep kills the real program at each message between it and OneLogin,
// Tomorro and Redis, before the message arrives: at every request and every
// answer, so at every write into the journal too. It is restarted each time, on a
// machine of another name, and has to end where an undisturbed run does, having
// sent nothing twice, with an outcome for each intent.
func TestKillSweep(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	table := &sweepTable{rows: make(map[string]*sweepRow)}
	for seed := range uint64(5) {
		name := fmt.Sprintf("company-%d", seed)
		u := undisturbed(t, bin, seed, server.URL(), name, "")
		t.Run(name, func(t *testing.T) {
			for at := 1; at <= u.events; at++ {
				t.Run(fmt.Sprint(at), func(t *testing.T) {
					t.Parallel()
					c := newCompany(t, seed, server.URL(), fmt.Sprintf("%s-%d", name, at))
					what := c.killedAt(bin, at)
					c.dropLock()
					c.complete(bin)
					table.add(what, c.asUndisturbed(&u), !t.Failed())
				})
			}
		})
	}
	table.print(t)
	if killed := table.sum().points; killed < 500 {
		t.Errorf("%d points, want at least 500", killed)
	}
}

// killedAt starts the program and kills it at an event. It returns when nothing
// that the process sent is under way any more.
func (c *company) killedAt(bin string, at int) (what string) {
	c.t.Helper()
	p := &tap{at: at, cuts: true}
	cmd := c.child(bin, "first", append(c.through(p), p.redis(c.t, c.url))...)
	p.spring = func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
	}
	p.mu.Lock() // the process is known before its first event is
	err := cmd.Start()
	p.mu.Unlock()
	if err != nil {
		c.t.Fatal(err)
	}
	_ = cmd.Wait()
	p.wait()
	return p.sprung()
}

// TestLostMessages loses each message between the program and Redis once, with
// its connection. The program asks again; nothing may count twice for it.
func TestLostMessages(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	u := undisturbed(t, bin, 7, server.URL(), "calm", "Redis")
	for at := 1; at <= u.events; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			c := newCompany(t, 7, server.URL(), fmt.Sprintf("lost-%d", at))
			p := &tap{at: at, only: "Redis", drops: true}
			cmd := c.child(bin, "first", append(c.through(p), p.redis(t, c.url))...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if code := finish(t, cmd); code != exitDone {
				t.Errorf("%s %d lost: the run ended with %d\n%s%s", p.sprung(), at, code, cmd.Stdout, cmd.Stderr)
			}
			if n := c.asUndisturbed(&u); n != 0 {
				t.Errorf("%s %d lost: %d writes were left open", p.sprung(), at, n)
			}
			if diff := cmp.Diff(u.spent, c.spent()); diff != "" {
				t.Errorf("%s %d lost: the budget counts otherwise (-want +got):\n%s", p.sprung(), at, diff)
			}
		})
	}
}

// sweepTable counts points by what the process was killed at.
type sweepTable struct {
	mu   sync.Mutex
	rows map[string]*sweepRow
}

type sweepRow struct {
	what                       string
	points, converged, settled int
}

func (s *sweepTable) add(what string, settled int, converged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "" {
		what = "(ended before)"
	}
	if s.rows[what] == nil {
		s.rows[what] = &sweepRow{what: what}
	}
	row := s.rows[what]
	row.points++
	row.settled += settled
	if converged {
		row.converged++
	}
}

// sum adds up the points at which something was killed.
func (s *sweepTable) sum() (all sweepRow) {
	all.what = "all"
	for _, row := range s.rows {
		if !strings.HasPrefix(row.what, "(") {
			all.points += row.points
			all.converged += row.converged
			all.settled += row.settled
		}
	}
	return all
}

func (s *sweepTable) print(t *testing.T) {
	all := s.sum()
	rows := []*sweepRow{}
	for _, row := range s.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b *sweepRow) int { return strings.Compare(a.what, b.what) })
	var b strings.Builder
	fmt.Fprintf(&b, "%-18s %8s %10s %16s\n", "killed before a", "points", "converged", "writes settled")
	for _, row := range append(rows, &all) {
		fmt.Fprintf(&b, "%-18s %8d %10d %16d\n", row.what, row.points, row.converged, row.settled)
	}
	t.Logf("\n%s", b.String())
}
