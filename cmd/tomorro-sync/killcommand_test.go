//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore/redistest"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// killable is a command of an administrator that writes, and what is to be there before it.
type killable struct {
	name   string
	before func(*company) (args []string)
	// done says that the same command, after it was killed, may find that there is nothing
	// left to do.
	done string
	// claims says that it works as a push does, without the lock: others are told to wait
	// until its claim ends, and later runs settle what it left open.
	claims bool
	// then is made after it, with the same arguments.
	then []string
}

func killables() []killable {
	withFile := func(args ...string) func(*company) []string {
		return func(c *company) []string {
			c.edit("mode: exclusive", "mode: additive")
			c.shuffle()
			return append(args, "--yes", "--file", filepath.Join(c.t.TempDir(), "groups.json"))
		}
	}
	hold := func(args ...string) func(*company) []string {
		return func(c *company) []string {
			c.edit("rename: {max: none", "rename: {max: 0")
			c.must(exitHeld, "reconcile", "--yes")
			return append([]string{args[0], c.held()}, args[1:]...)
		}
	}
	return []killable{
		{"migrate", withFile("groups", "migrate"), "", false, nil},
		{"migrate, and back", withFile("groups", "migrate"), "", false, []string{"--back"}},
		{"back", func(c *company) []string {
			args := withFile("groups", "migrate")(c)
			c.must(exitDone, args...)
			return append(args, "--back")
		}, "", false, nil},
		{"undo", func(c *company) []string {
			c.must(exitDone, "reconcile", "--yes")
			return []string{"undo", c.lastRun(), "--yes"}
		}, "", false, nil},
		{"undo person", func(c *company) []string {
			c.must(exitDone, "reconcile", "--yes")
			return []string{"undo", "--user", c.world.People[7].Email, "--yes"}
		}, "", false, nil},
		{"release", func(c *company) []string {
			c.must(exitDone, "reconcile", "--yes")
			c.must(exitDone, "undo", c.lastRun(), "--yes")
			return []string{"release", "--all"}
		}, "", false, nil},
		{"approve", hold("approve"), "", false, nil},
		{"reject", hold("reject", "--why", "not yet"), "", false, nil},
		{"forget", func(c *company) []string {
			a := c.lab.tomorro.State()
			_, err := c.store().Mark(c.t.Context(), 0, []jobs.Wanted{{Subject: jobs.AccountSubject(a.Users[1].ID),
				Assert: []reconcile.Assertion{{Account: a.Users[1].ID, Group: a.Groups[0].ID}, {Account: a.Users[1].ID, Group: a.Groups[1].ID}}}})
			if err != nil {
				c.t.Fatal(err)
			}
			return []string{"groups", "forget", a.Users[1].UserName}
		}, "no group was set by hand", false, nil},
		{"create", func(*company) []string { return []string{"groups", "create", "One", "Two"} }, "", true, nil},
		{"erase", func(c *company) []string { return []string{"journal", "erase", c.world.People[1].Email, "--yes"} }, "knows nobody", false, nil},
		{"adopt match", func(c *company) []string { return []string{"adopt", "match", c.stranger(), "late.comer@acme.example"} }, "somebody's", false, nil},
		{"adopt foreign", func(c *company) []string { return []string{"adopt", "foreign", c.stranger()} }, "", false, nil},
		{"adopt forget", func(c *company) []string {
			who := c.stranger()
			c.must(exitDone, "adopt", "foreign", who)
			return []string{"adopt", "forget", who}
		}, "nothing was decided", false, nil},
		{"adopt done", func(*company) []string { return []string{"adopt", "done", "--yes"} }, "", false, nil},
		{"pause", func(*company) []string { return []string{"schedule", "pause"} }, "", false, nil},
	}
}

// TestKillCommands kills each command that an administrator makes before each message that
// it sends to OneLogin, Tomorro and Redis, and after the last. The same command again, and a run, have to end where
// they do when nobody is killed.
func TestKillCommands(t *testing.T) {
	bin, server := build(t), redistest.Start(t)
	table := &sweepTable{rows: make(map[string]*sweepRow)}
	for _, k := range killables() {
		t.Run(k.name, func(t *testing.T) {
			name := strings.NewReplacer(" ", "-", ",", "").Replace(k.name)
			calm, p := tapped(t, server.URL(), name)
			args := k.before(calm)
			if code, cmd := calm.tapAt(p, 0, bin, args); code != exitDone {
				t.Fatalf("undisturbed, it ends with %d and says\n%s", code, said(cmd))
			}
			events := p.count
			if events < 5 {
				t.Fatalf("only %d messages", events)
			}
			want := calm.rest(k, args)
			for at := 1; at <= events+1; at++ { // the last time it ends, and nobody is told
				t.Run(fmt.Sprint(at), func(t *testing.T) {
					t.Parallel()
					c, p := tapped(t, server.URL(), fmt.Sprintf("%s-%d", name, at))
					args := k.before(c)
					c.tapAt(p, at, bin, args)
					what := p.sprung()
					p.spare()
					c.dropLock()
					if k.claims {
						if code, stdout, _ := c.run(args...); code != exitDone && (code != exitSomeFailed || !strings.Contains(stdout, "run this again in a minute")) {
							t.Errorf("killed at a %s, and at once again, it ends with %d and says\n%s", what, code, stdout)
						}
						c.drop("claims")
					}
					if code, stdout, stderr := c.run(args...); code != exitDone && (k.done == "" || !strings.Contains(stderr, k.done)) {
						t.Errorf("killed at a %s, the same command ends with %d and says\n%s%s", what, code, stdout, stderr)
					}
					if diff := cmp.Diff(want, c.rest(k, args), cmp.AllowUnexported(tomorrotest.User{})); diff != "" {
						t.Errorf("killed at a %s, it is not as undisturbed (-want +got):\n%s", what, firstLines(diff, 40))
					}
					settled := 0
					if !k.claims {
						settled = c.accounted()
					}
					table.add(what, settled, !t.Failed())
				})
			}
		})
	}
	table.print(t)
}

// tapped is a company whose services are behind a tap at all times: a snapshot knows the
// address that it is of.
func tapped(t *testing.T, url, connection string) (*company, *tap) {
	c, p := newCompany(t, 1, url, connection), &tap{asks: true}
	c.environ = append(c.environ, c.through(p)...)
	return c, p
}

// tapAt makes a command as a process of its own, and kills it at an event. It returns when
// nothing that the process sent is under way any more.
func (c *company) tapAt(p *tap, at int, bin string, args []string) (int, *exec.Cmd) {
	c.t.Helper()
	cmd := c.command(bin, "first", args, p.redis(c.t, c.url))
	p.mu.Lock()
	p.at, p.cuts, p.count = at, true, 0
	p.spring = func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
	}
	p.mu.Unlock()
	c.start(p, cmd)
	err := cmd.Wait()
	p.wait()
	if at == 0 && cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), cmd
}

// spare lets everything pass from now on.
func (p *tap) spare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.cut = 0, false
}

// remembered is what can be compared of what is there in the end.
type remembered struct {
	Tomorro  ending
	Pinned   []reconcile.Key
	Decided  []string
	Adoption string
	Adopted  []string
	ByHand   int
	Paused   bool
	Run      string // how the next run ends
	Erased   bool   // the journal knows nobody of that address
	Noted    bool   // the journal has the erasure
}

// rest makes what comes then and a run, and looks at everything.
func (c *company) rest(k killable, args []string) (r remembered) {
	c.t.Helper()
	if k.then != nil {
		c.must(exitDone, append(slices.Clone(args), k.then...)...)
	}
	code, _, _ := c.run("journal", "person", c.world.People[1].Email)
	r.Erased = code != exitDone
	code, stdout, _ := c.run("reconcile", "--yes")
	r.Run = fmt.Sprint(code)
	if code != exitDone && code != exitHeld {
		c.t.Errorf("the next run ends with %d\n%s", code, stdout)
	}
	c.must(exitDone, "journal", "verify")
	r.Tomorro = c.ending()
	s, ctx := c.store(), c.t.Context()
	all, err := s.Recall(ctx, c.begun)
	if err != nil {
		c.t.Fatal(err)
	}
	for key := range all.Pins {
		r.Pinned = append(r.Pinned, key)
	}
	slices.Sort(r.Pinned)
	for _, d := range all.Decisions {
		r.Decided = append(r.Decided, fmt.Sprint(d.Approves, d.Waits, len(d.By), d.Key))
	}
	slices.Sort(r.Decided)
	r.Adoption, r.ByHand = all.Adoption.Phase.State, len(all.Assertions)
	for _, d := range all.Adoption.Decided {
		r.Adopted = append(r.Adopted, d.Key.String())
	}
	slices.Sort(r.Adopted)
	schedule, err := s.Schedule(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Paused = !schedule.Paused.IsZero()
	err = s.Scan(ctx, time.Time{}, func(e jobs.Entry) bool { r.Noted = r.Noted || e.Kind == jobs.EntryErase; return true })
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// shuffle changes memberships by hand, each time the same: accounts are made side by side,
// so their order at Tomorro is not.
func (c *company) shuffle() {
	c.t.Helper()
	e := c.ending()
	for i, name := range slices.Sorted(maps.Keys(e.Users)) {
		group := e.Groups[i%len(e.Groups)]
		add, remove := []string{name}, []string(nil)
		if slices.Contains(e.Users[name].Groups, group) {
			add, remove = remove, add
		}
		if err := c.lab.tomorro.Members(group, add, remove); err != nil {
			c.t.Fatal(err)
		}
	}
}

// held is the id of the hold that a limit made.
func (c *company) held() string {
	c.t.Helper()
	var doc struct{ Holds []jobs.Hold }
	if err := json.Unmarshal([]byte(c.must(exitDone, "holds", "--output", "json")), &doc); err != nil {
		c.t.Fatal(err)
	}
	for _, h := range doc.Holds {
		if h.Rule == reconcile.RuleLimit {
			return h.ID
		}
	}
	c.t.Fatalf("nothing is held by a limit: %+v", doc.Holds)
	return ""
}

// lastRun is the id of the run that was made last.
func (c *company) lastRun() string {
	c.t.Helper()
	runs, err := c.store().Runs(c.t.Context(), 1)
	if err != nil || len(runs) != 1 {
		c.t.Fatal(err, runs)
	}
	return runs[0].Begin.Run
}

// stranger is somebody's account that Tomorro had before, under another address.
func (c *company) stranger() string {
	c.byHand("former.name@acme.example", "Late", "Comer")
	title := "auditor"
	c.world.Add(&onelogintest.Person{FirstName: "Late", LastName: "Comer", Email: "late.comer@acme.example", Status: 1, State: 1, Assigned: true, Title: &title})
	return "former.name@acme.example"
}
