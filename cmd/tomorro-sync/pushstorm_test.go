//go:build integration

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore/redistest"
	"tomorro-sync/reconcile"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// A storm: who is there, and what of it is pushed.
const (
	stormOld, stormNew                    = 1300, 500
	stormTitles, stormMoves, stormLeavers = 700, 500, 300 // who moves overlaps with who has a new title
	stormBudget                           = 25
)

// gust is one push of a storm: what happens at OneLogin, and what is sent for it.
type gust struct {
	person             *onelogintest.Person
	account            string // before; empty for somebody new
	edit               func(*onelogintest.World)
	method, path, body string
	status             int // of the answer; 0: none came
	took               time.Duration
}

// storm is a company whose pushes go to a process of its own.
type storm struct {
	*company
	listen string
	cmd    *exec.Cmd
	log    []*tape // of each process
	gusts  []*gust
	before map[string]onelogintest.ExpectedAccount
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	s := &storm{listen: freeAddress(t)}
	o := newOffice(t, labOptions{users: stormOld, groups: 12, seed: 9, plain: true, pageCap: 500}, fmt.Sprintf(`
schedule: {cron: "0 2 29 2 *", missed: skip}
listen: {scim: %q, admin: "127.0.0.1:0", tokens: [%s], deadline: 4s, retry: 300ms, requests_per_second: 1000}
limits:
  band: none
  deactivate: {max: %d, share: none}
  remove_member: {max: none, share: none}
  remove_from_group: {max: none, share: none}
  change_role: {max: none, share: none}
  grant_admin: {max: none, share: none}
  create: {max: none, share: none}
`, s.listen, pushToken, stormBudget))
	s.company = &company{office: o, connection: "storm", url: server.URL()}
	o.environ = []string{envPrefix + "REDIS_URL=" + s.url, envPrefix + "CONNECTION=" + s.connection}
	for i, p := range o.world.People { // few admins: each admin less has all of them counted
		p.Title = new([]string{"user", "viewer", "manager"}[i%3])
		if i < 5 || i == stormTitles { // the last one stays
			p.Title = new("admin")
		}
	}
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	s.before = o.actual()
	s.brew()
	return s
}

// brew makes the pushes, in an order that chance gives.
func (s *storm) brew() {
	ids, groups := make(map[string]string), make(map[string]string)
	state := s.lab.tomorro.State()
	for _, u := range state.Users {
		ids[strings.ToLower(u.UserName)] = u.ID
	}
	for _, g := range state.Groups {
		groups[g.DisplayName] = g.ID
	}
	people := s.world.People
	add := func(p *onelogintest.Person, edit func(*onelogintest.World), method, path, body string, args ...any) {
		id := ids[strings.ToLower(p.Email)]
		s.gusts = append(s.gusts, &gust{person: p, account: id, edit: edit, method: method, path: strings.ReplaceAll(path, "ID", id), body: fmt.Sprintf(body, args...)})
	}
	const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"userType":%q,"name":{"givenName":%q,"familyName":%q}%s}`
	for i, p := range people[:stormTitles] {
		title := []string{"viewer", "manager", "user"}[i%3]
		add(p, func(*onelogintest.World) { p.Title = &title }, http.MethodPut, "/Users/ID", user, p.Email, title, p.FirstName, p.LastName, "")
	}
	for _, p := range people[stormOld-stormLeavers-stormMoves : stormOld-stormLeavers] {
		off, role := p.RoleIDs[0], s.world.Roles[slices.IndexFunc(s.world.Roles, func(r onelogintest.Role) bool { return r.ID == p.RoleIDs[0] })]
		add(p, func(*onelogintest.World) {
			p.RoleIDs = slices.DeleteFunc(slices.Clone(p.RoleIDs), func(id int64) bool { return id == off })
		},
			http.MethodPatch, "/Groups/"+groups["Tomorro "+role.Name], `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members","value":[{"value":%q}]}]}`, ids[strings.ToLower(p.Email)])
	}
	for i, p := range people[stormOld-stormLeavers:] {
		if i%2 == 0 {
			add(p, func(*onelogintest.World) { p.Assigned = false }, http.MethodDelete, "/Users/ID", "")
		} else {
			add(p, func(*onelogintest.World) { p.Status = 2 }, http.MethodPut, "/Users/ID", user, p.Email, *p.Title, p.FirstName, p.LastName, `,"active":false`)
		}
	}
	for i := range stormNew {
		p := &onelogintest.Person{FirstName: "New", LastName: fmt.Sprint("Comer ", i), Email: fmt.Sprintf("new.comer.%d@acme.example", i), Title: new("user"), Username: new(""),
			Status: 1, State: 1, Assigned: true, RoleIDs: []int64{s.world.Roles[i%12].ID}}
		add(p, func(w *onelogintest.World) { w.Add(p) }, http.MethodPost, "/Users", user, p.Email, "user", p.FirstName, p.LastName, "")
	}
	rand.Shuffle(len(s.gusts), func(i, k int) { s.gusts[i], s.gusts[k] = s.gusts[k], s.gusts[i] })
}

// start starts a process that listens.
func (s *storm) start() {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHurried$", "-test.timeout=0", "--", "--config", s.config, "serve")
	cmd.Env = append(os.Environ(), s.environ...)
	log := new(tape)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd, s.log = cmd, append(s.log, log)
	s.t.Cleanup(func() { _ = cmd.Process.Kill() })
	eventually(s.t, "it listens", func() bool { return strings.Contains(log.String(), "scim=") })
}

// blow sends all pushes over 64 connections, 220 a second. Once meanwhile were
// answered it calls then.
func (s *storm) blow(meanwhile int, then func()) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	todo := make(chan *gust)
	var wg sync.WaitGroup
	var once sync.Once
	var mu sync.Mutex
	answered := 0
	for range 64 {
		wg.Go(func() {
			for g := range todo {
				s.lab.onelogin.Edit(g.edit)
				s.send(client, g)
				mu.Lock()
				answered++
				now := answered >= meanwhile
				mu.Unlock()
				if now && then != nil {
					go once.Do(then)
				}
			}
		})
	}
	pace := time.NewTicker(time.Second / 220)
	defer pace.Stop()
	for _, g := range s.gusts {
		<-pace.C
		todo <- g
	}
	close(todo)
	wg.Wait()
	once.Do(func() {}) // waits for what then does
}

// send sends one push once: what does not even reach the process is sent when it is
// there again.
func (s *storm) send(client *http.Client, g *gust) {
	begun := time.Now()
	for {
		r, err := http.NewRequestWithContext(s.t.Context(), g.method, "http://"+s.listen+"/scim/v2"+g.path, strings.NewReader(g.body))
		if err != nil {
			s.t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+pushToken)
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if errors.Is(err, syscall.ECONNREFUSED) {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			g.status, g.took = answer.StatusCode, time.Since(begun)
		}
		return
	}
}

// marked gives the people whom marks are about.
func (s *storm) marked() map[string]bool {
	s.t.Helper()
	snapshot, err := s.store().Snapshot(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	of := make(map[string]string)
	for _, u := range s.lab.tomorro.State().Users {
		of["account "+u.ID] = strings.ToLower(u.UserName)
	}
	s.lab.onelogin.Edit(func(w *onelogintest.World) {
		for _, p := range w.People {
			of[fmt.Sprint(p.ID)] = strings.ToLower(p.Email)
		}
	})
	marked := make(map[string]bool)
	for _, m := range snapshot.Marks {
		if name := of[m.Subject]; name != "" {
			marked[name] = true
		} else {
			marked[strings.TrimPrefix(m.Subject, "address ")] = true
		}
	}
	return marked
}

// leavers are those who should lose access and have it yet.
func (s *storm) leavers() map[string]bool {
	left := make(map[string]bool)
	have := s.actual()
	for _, p := range s.world.People[stormOld-stormLeavers : stormOld] {
		if _, has := have[strings.ToLower(p.Email)]; has {
			left[strings.ToLower(p.Email)] = true
		}
	}
	return left
}

// settled fails unless everybody is as OneLogin says, but for the leavers whom the
// limit keeps, who are as before, and those that are lost.
func (s *storm) settled(lost map[string]bool) {
	s.t.Helper()
	want, have, kept := s.expected(), s.actual(), s.leavers()
	for name := range kept {
		want[name] = s.before[name]
	}
	for name := range lost {
		delete(want, name)
		delete(have, name)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		s.t.Errorf("Tomorro is not as it should be (-want +got):\n%s", firstLines(diff, 40))
	}
	if gone := stormLeavers - len(kept); gone > stormBudget || len(lost) == 0 && gone < stormBudget-1 {
		s.t.Errorf("%d were removed, and the limit is %d", gone, stormBudget)
	}
	s.unique()
}

// held gives the people whom holds lists.
func (s *storm) held() map[string]bool {
	s.t.Helper()
	var listed struct{ Holds []jobs.Hold }
	if err := json.Unmarshal([]byte(s.must(exitDone, "holds", "--output", "json")), &listed); err != nil {
		s.t.Fatal(err)
	}
	held := make(map[string]bool)
	for _, h := range listed.Holds {
		if h.Rule != reconcile.RuleLimit {
			s.t.Errorf("held for %s: %s", h.Rule, h.Reason)
		}
		for _, c := range h.Changes {
			held[strings.ToLower(c.Who)] = true
		}
	}
	return held
}

// answers counts the answers by status, and gives the longest time for one.
func (s *storm) answers() (by map[int]int, longest time.Duration) {
	by = make(map[int]int)
	for _, g := range s.gusts {
		by[g.status]++
		longest = max(longest, g.took)
	}
	return by, longest
}

func (s *storm) told() string {
	var all strings.Builder
	for _, log := range s.log {
		all.WriteString(log.String())
	}
	return all.String()
}

// stop ends the process in good order.
func (s *storm) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if code := finish(s.t, s.cmd); code != exitDone {
		s.t.Errorf("it ended with %d and says\n%s", code, lastLines(s.told(), 20))
	}
	if strings.Contains(s.told(), "@acme.example") || strings.Contains(s.told(), pushToken) || strings.Contains(s.told(), "DATA RACE") {
		s.t.Error("the log names people or the token, or tells of a race")
	}
}

// drained waits until nobody is marked but those who are held.
func (s *storm) drained(lost map[string]bool) {
	s.t.Helper()
	var marked, kept map[string]bool
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		marked, kept = s.marked(), s.leavers()
		maps.DeleteFunc(kept, func(name string, _ bool) bool { return lost[name] })
		if maps.Equal(marked, kept) || time.Now().After(deadline) {
			break
		}
	}
	if !maps.Equal(marked, kept) {
		s.t.Errorf("marked are %d people, and %d leavers are kept:\n%s", len(marked), len(kept), firstLines(cmp.Diff(kept, marked), 20))
	}
}

// TestPushStorm: 2,000 pushes in about 10 s, of which 300 would take access away and
// the limit lets 25. Everything else is done, no leaver is forgotten.
func TestPushStorm(t *testing.T) {
	s := newStorm(t)
	s.start()
	begun := time.Now()
	s.blow(0, nil)
	took := time.Since(begun)
	s.drained(nil)
	s.stop()
	by, longest := s.answers()
	t.Logf("%d pushes in %s, answered %v, the longest after %s; everything done after %s", len(s.gusts), took.Round(time.Millisecond), by, longest.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	s.settled(nil)
	if held, kept := s.held(), s.leavers(); !maps.Equal(held, kept) {
		t.Errorf("held are\n%s", firstLines(cmp.Diff(kept, held), 20))
	}
	s.accounted()
	if took > 20*time.Second || by[http.StatusForbidden] < stormLeavers-stormBudget-by[http.StatusServiceUnavailable] {
		t.Errorf("%v in %s", by, took)
	}
}

// TestPushStormKilled is the same, and the process is killed in the middle and
// started again. What had no answer is not pushed again. It is done nevertheless if
// its mark was stored; the night does what was not.
func TestPushStormKilled(t *testing.T) {
	s := newStorm(t)
	s.start()
	var atDeath map[string]bool
	s.blow(len(s.gusts)/2, func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		atDeath = s.marked()
		s.start()
	})
	lost := make(map[string]bool)
	for _, g := range s.gusts {
		if name := strings.ToLower(g.person.Email); g.status == 0 && !atDeath[name] {
			lost[name] = true
		}
	}
	by, longest := s.answers()
	t.Logf("%d pushes, answered %v, the longest after %s; %d people were marked when the process died; %d pushes had neither answer nor mark", len(s.gusts), by, longest, len(atDeath), len(lost))
	if by[0] == 0 || by[0] > 64 || len(atDeath) == 0 {
		t.Errorf("the process was not killed in the middle: %v, %d marks", by, len(atDeath))
	}
	s.drained(lost)
	eventually(t, "holds lists every leaver who keeps access", func() bool { // once each was looked at
		kept, held := s.leavers(), s.held()
		maps.DeleteFunc(kept, func(name string, _ bool) bool { return held[name] || lost[name] })
		return len(kept) == 0
	})
	s.stop()
	s.settled(lost)
	if code := run(t.Context(), hurried{ahead: time.Hour}, []string{"--config", s.config, "reconcile", "--yes"}, s.environ, strings.NewReader(""), io.Discard, os.Stderr); code != exitHeld && code != exitApproval {
		t.Errorf("the night ended with %d", code)
	}
	s.settled(nil)
	t.Logf("%d writes were settled by looking", s.accounted())
}
