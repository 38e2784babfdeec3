//go:build integration

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// company is an office with one change of each kind waiting.
type company struct {
	*office
	connection string
	url        string // of Redis
	writes     int    // made before
	begun      time.Time
}

// newCompany runs a company to rest and lets one thing of each kind happen to
// it.
func newCompany(t *testing.T, seed uint64, url, connection string) *company {
	o := newOffice(t, labOptions{users: 10, groups: 7, seed: seed, plain: true}, `
groups: {mode: exclusive, create: true, delete: true}
limits:
  deactivate: {max: none, share: none}
  delete: {max: none, share: none}
  remove_member: {max: none, share: none}
  change_role: {max: none, share: none}
  rename: {max: none, share: none}
  create: {max: none, share: none}
`)
	o.edit("tomorro: {", "tomorro: {remove: delete, ")
	if seed%2 == 1 {
		o.gathering()
	}
	o.environ = []string{envPrefix + "REDIS_URL=" + url, envPrefix + "CONNECTION=" + connection}
	c := &company{office: o, connection: connection, url: url}
	w := o.world
	w.Roles = append(w.Roles, onelogintest.Role{ID: 499_999, Name: "Founders"})
	for _, p := range w.People[8:] {
		p.RoleIDs = append(p.RoleIDs, 499_999)
	}
	position := len(w.Rules) + 1
	w.Rules = append(w.Rules, onelogintest.Rule{ID: 499_999, Name: "founders", Match: "all", Enabled: true, Position: &position,
		Conditions: []onelogintest.Condition{{Source: "has_role", Operator: "ri", Value: "499999"}},
		Actions:    []onelogintest.Action{{Action: "set_groups", Value: []string{"Founded First"}}}}) // made by the program, which may delete it then
	w.People[3].Status = 2
	c.must(exitDone, "reconcile", "--yes")
	w.People[3].Status, w.People[4].Status = 1, 2
	c.must(exitDone, "reconcile", "--yes")

	w.People[4].Status = 1 // comes back
	w.People[0].Email = "another.address@acme.example"
	w.People[1].LastName += " Renamed"
	title := "auditor"
	w.People[2].Title = &title
	w.People[5].Status = 2
	w.People[6].Assigned = false
	w.People[7].RoleIDs = w.People[7].RoleIDs[:3]
	for i := range 2 {
		w.Add(&onelogintest.Person{FirstName: "New", LastName: "Comer", Email: fmt.Sprintf("new.comer.%d@acme.example", i), Status: 1, State: 1,
			Assigned: true, Title: &title, RoleIDs: slices.Clone(w.People[7].RoleIDs)})
	}
	w.Rules[position-1].Actions[0].Value = []string{"Founded Lately"}
	c.writes, c.begun = len(o.lab.tomorro.Writes()), time.Now().Add(time.Millisecond) // in whole ones, as the budget counts
	return c
}

// child is a run as a process of its own, on a machine of its own name.
func (c *company) child(bin, host string, environ ...string) *exec.Cmd {
	return c.command(bin, host, []string{"reconcile", "--yes", "--output", "json"}, environ...)
}

func (c *company) command(bin, host string, args []string, environ ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"--uts", "sh", "-c", `hostname "$0"; exec "$@"`, host, bin, "--config", c.config}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, envPrefix) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, c.environ...), environ...)
	cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
	return cmd
}

// through gives the variables that lead a child through the tap.
func (c *company) through(p *tap) []string {
	return []string{
		envPrefix + "ONELOGIN_URL=" + p.http(c.t, "OneLogin", c.lab.oneloginWire),
		envPrefix + "TOMORRO_URL=" + p.http(c.t, "Tomorro", c.lab.tomorroWire) + "/scim/v2",
	}
}

// finish waits for a child and gives its exit code; -1 when it was killed.
func finish(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// store opens what is remembered of the company.
func (c *company) store() *redisstore.Store {
	c.t.Helper()
	s, err := redisstore.Open(c.t.Context(), c.url, redisstore.Options{Connection: c.connection})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = s.Close() })
	return s
}

// complete runs the program to its end on another machine, and wants success.
func (c *company) complete(bin string) {
	c.t.Helper()
	again := c.child(bin, "another-machine")
	if err := again.Start(); err != nil {
		c.t.Fatal(err)
	}
	if code := finish(c.t, again); code != exitDone {
		c.t.Errorf("the next run ended with %d and says\n%s", code, said(again))
	}
}

// said is all that a child said.
func said(cmd *exec.Cmd) string {
	return cmd.Stdout.(*bytes.Buffer).String() + cmd.Stderr.(*bytes.Buffer).String()
}

// ending is what can be compared between one ending and another.
type ending struct {
	Users  map[string]tomorrotest.UserState
	Groups []string
}

func (c *company) ending() ending {
	state := c.lab.tomorro.State()
	e := ending{Users: make(map[string]tomorrotest.UserState)}
	for _, u := range state.Users {
		if _, twice := e.Users[u.UserName]; twice {
			c.t.Errorf("%s has two accounts", u.UserName)
		}
		u.ID = ""
		slices.Sort(u.Groups)
		e.Users[u.UserName] = u
	}
	for _, g := range state.Groups {
		e.Groups = append(e.Groups, g.DisplayName)
	}
	slices.Sort(e.Groups)
	return e
}

// sent counts what was sent, and fails for what changed nothing: it was there
// already.
func (c *company) sent() map[string]int {
	n := make(map[string]int)
	for _, w := range c.lab.tomorro.Writes()[c.writes:] {
		kind, _, _ := strings.Cut(strings.TrimPrefix(w.Path, "/scim/v2/"), "/")
		n[w.Method+" "+kind+" "+w.Who]++
		if !w.Effect {
			c.t.Errorf("%s %s about %s was sent although it was done already", w.Method, kind, w.Who)
		}
	}
	return n
}

// once fails when anything was sent more often than an undisturbed run sends it.
func (c *company) once(undisturbed map[string]int) {
	c.t.Helper()
	for what, n := range c.sent() {
		if n > undisturbed[what] {
			c.t.Errorf("%s: sent %d times, undisturbed %d times", what, n, undisturbed[what])
		}
	}
}

// like fails when Tomorro is not what an undisturbed run leaves.
func (c *company) like(want ending) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.ending(), cmp.AllowUnexported(tomorrotest.User{})); diff != "" {
		c.t.Errorf("not what an undisturbed run leaves (-want +got):\n%s", firstLines(diff, 40))
	}
}

// accounted fails unless each intent of the journal has one outcome, and gives
// how many were settled by looking.
func (c *company) accounted() (settled int) {
	c.t.Helper()
	open := make(map[string]int)
	ends := make(map[string]int)
	err := c.store().Scan(c.t.Context(), time.Time{}, func(e jobs.Entry) bool {
		switch e.Kind {
		case jobs.EntryBegin:
			ends[e.Run+" began"]++
		case jobs.EntryEnd:
			ends[e.Run+" ended"]++
		case jobs.EntryIntent:
			open[e.ID]++
		case jobs.EntryOutcome:
			open[e.Intent]--
			if strings.Contains(e.Note, "settled by looking") {
				settled++
			}
		}
		return true
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for what, n := range ends {
		if n != 1 {
			c.t.Errorf("%s %d times", what, n)
		}
	}
	for id, n := range open {
		if n != 0 {
			c.t.Errorf("intent %s: intents less outcomes are %d", id, n)
		}
	}
	return settled
}

// calm is what an undisturbed run does.
type calm struct {
	events int
	sent   map[string]int
	spent  map[reconcile.Limit]int
	ending ending
}

// undisturbed runs a company through a tap that never springs and counts the
// events that begin with only.
func undisturbed(t *testing.T, bin string, seed uint64, url, connection, only string) calm {
	t.Helper()
	c := newCompany(t, seed, url, connection)
	p := &tap{only: only}
	environ := c.through(p)
	if strings.HasPrefix(url, "redis://") {
		environ = append(environ, p.redis(t, url))
	}
	cmd := c.child(bin, "first", environ...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if code := finish(t, cmd); code != exitDone {
		t.Fatalf("the undisturbed run ended with %d\n%s%s", code, cmd.Stdout, cmd.Stderr)
	}
	var report struct {
		Done map[reconcile.Op]int `json:"done"`
	}
	if err := json.Unmarshal(cmd.Stdout.(*bytes.Buffer).Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	for _, op := range []reconcile.Op{reconcile.OpCreateGroup, reconcile.OpCreate, reconcile.OpReactivate, reconcile.OpRename, reconcile.OpChangeRole,
		reconcile.OpUpdateName, reconcile.OpAddMember, reconcile.OpRemoveMember, reconcile.OpDeactivate, reconcile.OpDelete, reconcile.OpDeleteGroup} {
		if report.Done[op] == 0 {
			t.Fatalf("the run has no %s: %v", op, report.Done)
		}
	}
	c.equal()
	return calm{events: p.count, sent: c.sent(), spent: c.spent(), ending: c.ending()}
}

// spent is what the budget has counted since the company was there.
func (c *company) spent() map[reconcile.Limit]int {
	c.t.Helper()
	n, err := c.store().Spent(c.t.Context(), c.begun)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// asUndisturbed fails unless Tomorro is what an undisturbed run leaves, nothing
// was sent twice, and the journal has an outcome for each intent. It gives how
// many were settled by looking.
func (c *company) asUndisturbed(u *calm) (settled int) {
	c.t.Helper()
	c.like(u.ending)
	c.once(u.sent)
	return c.accounted()
}

// dropLock brings the end of a dead process's lock forward.
func (c *company) dropLock() { c.t.Helper(); c.drop("lock") }

// drop takes away what would end by itself.
func (c *company) drop(key string) {
	c.t.Helper()
	o, err := redisstore.ParseURL(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	client := redis.NewUniversalClient(o)
	defer func() { _ = client.Close() }()
	if err := client.Del(c.t.Context(), "tomorro-sync:{"+c.connection+"}:"+key).Err(); err != nil {
		c.t.Fatal(err)
	}
}
