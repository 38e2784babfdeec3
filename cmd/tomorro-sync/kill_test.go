//go:build integration

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

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
		events, sent, want := undisturbed(t, bin, seed, server.URL(), name)
		t.Run(name, func(t *testing.T) {
			for at := 1; at <= events; at++ {
				t.Run(fmt.Sprint(at), func(t *testing.T) {
					t.Parallel()
					c := newCompany(t, seed, server.URL(), fmt.Sprintf("%s-%d", name, at))
					what := c.killedAt(bin, at)
					dropLock(t, c)
					again := c.child(bin, "another-machine")
					if err := again.Start(); err != nil {
						t.Fatal(err)
					}
					if code := finish(t, again); code != exitDone {
						t.Errorf("the restart ended with %d\n%s%s", code, again.Stdout, again.Stderr)
					}
					c.like(want)
					c.once(sent)
					table.add(what, c.accounted(), !t.Failed())
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
	p.busy.Wait()
	return p.sprung()
}

// dropLock brings the end of a dead process's lock forward.
func dropLock(t *testing.T, c *company) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: strings.TrimSuffix(strings.TrimPrefix(c.url, "redis://"), "/0"), Protocol: 2})
	defer func() { _ = client.Close() }()
	if err := client.Del(t.Context(), "tomorro-sync:{"+c.connection+"}:lock").Err(); err != nil {
		t.Fatal(err)
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
	what = cmp.Or(what, "(ended before)")
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
	slices.SortFunc(rows, func(a, b *sweepRow) int { return cmp.Compare(a.what, b.what) })
	var b strings.Builder
	fmt.Fprintf(&b, "%-18s %8s %10s %16s\n", "killed before a", "points", "converged", "writes settled")
	for _, row := range append(rows, &all) {
		fmt.Fprintf(&b, "%-18s %8d %10d %16d\n", row.what, row.points, row.converged, row.settled)
	}
	t.Logf("\n%s", b.String())
}
