//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore/redistest"
	"tomorro-sync/reconcile/pace"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// tolling says which ticks a process takes, and which it has made the run of.
type tolling struct{ memory }

// Take implements jobs.Ticks.
func (m tolling) Take(ctx context.Context, tick time.Time, late jobs.Late, within time.Duration) (jobs.Taken, error) {
	taken, err := m.memory.Take(ctx, tick, late, within)
	if taken == jobs.TakenRun {
		fmt.Fprintf(os.Stderr, "\ntick-taken %d\n", tick.UnixMilli())
	}
	return taken, err
}

// Done implements jobs.Ticks.
func (m tolling) Done(ctx context.Context, tick time.Time, ended jobs.Ended) error {
	err := m.memory.Done(ctx, tick, ended)
	fmt.Fprintf(os.Stderr, "\ntick-done %d\n", tick.UnixMilli())
	return err
}

const (
	replicaCount, replicaPeople = 3, 40
	replicaRate, replicaAtOnce  = 30, 4
	// fleetTime is how long it goes on; FLEET_TIME in the environment is another.
	fleetTime = 60 * time.Second
)

// TestFleet has three processes on one Redis, with pushes and a run every two
// seconds, which are killed, stopped and started as chance has it.
//
//	no run twice for one tick   a tick is taken again only from a process that died
//	no mark lost                in the last third no runs are made, and in the end
//	                            everybody is as OneLogin says, by their marks alone
//	no limit exceeded           as counted at both services, over any span of time
func TestFleet(t *testing.T) {
	lasts := fleetTime
	if text := os.Getenv("FLEET_TIME"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	f := newFleet(t)
	var others sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	others.Go(func() { f.wreck(ctx) })
	others.Go(func() { f.push(ctx) })
	counted, end := make(chan struct{}), make(chan struct{})
	go func() { defer close(counted); f.count(end) }()
	time.Sleep(lasts * 2 / 3)
	f.must(exitDone, "schedule", "pause")
	time.Sleep(lasts / 3)
	stop()
	others.Wait()
	for deadline := time.Now().Add(3 * time.Minute); f.waiting() > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) { // the mark of a process that died is taken up after a minute
			t.Fatalf("%d marks are left", f.waiting())
		}
	}
	close(end)
	<-counted
	f.equal()
	f.ticks()
	t.Logf("%d pushes, %d deaths, %d starts; requests to OneLogin %d, to Tomorro %d", f.pushes, f.deaths, len(f.crews), f.lab.oneloginWire.Stats().Total, f.lab.tomorroWire.Stats().Total)
}

// crew is one start of a process.
type crew struct {
	cmd    *exec.Cmd
	log    *tape
	killed bool
}

// fleet is a company with several processes.
type fleet struct {
	*company
	addresses []string
	pushes    int

	mu     sync.Mutex
	sails  []*crew // by place
	crews  []*crew // all that ever were
	deaths int
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	o := newOffice(t, labOptions{users: replicaPeople, groups: 5, seed: 11, plain: true}, fmt.Sprintf(`
schedule: {cron: "@every 2s", missed: run}
listen: {admin: "127.0.0.1:0", tokens: [%s], deadline: 4s, retry: 300ms}
grace: 5s
min_admins: 0
limits: {band: none, deactivate: {max: none, share: none}, remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}, change_role: {max: none, share: none}, grant_admin: {max: none, share: none}}
`, pushToken))
	o.edit("onelogin: {", fmt.Sprintf("onelogin: {requests_per_second: %d, ", replicaRate))
	o.edit("tomorro: {", fmt.Sprintf("tomorro: {requests_per_second: %d, ", replicaRate))
	o.edit("concurrency: 16", fmt.Sprintf("concurrency: %d", replicaAtOnce))
	o.edit("concurrency: 16", fmt.Sprintf("concurrency: %d", replicaAtOnce))
	f := &fleet{company: &company{office: o, connection: "fleet", url: server.URL()}, sails: make([]*crew, replicaCount)}
	o.environ = []string{envPrefix + "REDIS_URL=" + f.url, envPrefix + "CONNECTION=" + f.connection}
	for i, p := range o.world.People {
		p.Title, p.Status, p.State, p.Assigned = new([]string{"user", "viewer", "manager"}[i%3]), 1, 1, true
	}
	o.must(exitDone, "reconcile", "--yes")
	for place := range replicaCount {
		f.addresses = append(f.addresses, freeAddress(t))
		f.start(place)
	}
	t.Cleanup(func() {
		for _, c := range f.sails {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	return f
}

func (f *fleet) start(place int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHurried$", "-test.timeout=0", "--", "--config", f.config, "serve")
	cmd.Env = append(append(os.Environ(), f.environ...), envPrefix+"LISTEN_SCIM="+f.addresses[place])
	c := &crew{cmd: cmd, log: new(tape)}
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Start(); err != nil {
		f.t.Error(err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sails[place], f.crews = c, append(f.crews, c)
}

// wreck ends processes, well or badly, and starts them again.
func (f *fleet) wreck(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second + rand.N(3*time.Second)):
		}
		place := rand.IntN(replicaCount)
		c := f.sails[place]
		if rand.IntN(3) == 0 {
			_ = c.cmd.Process.Signal(syscall.SIGTERM)
		} else {
			c.killed = true
			f.deaths++
			_ = c.cmd.Process.Kill()
		}
		_ = c.cmd.Wait()
		time.Sleep(rand.N(time.Second))
		f.start(place)
	}
}

// push changes somebody and pushes it, to one replica after the other until one answers.
func (f *fleet) push(ctx context.Context) {
	ids := make(map[string]string)
	for _, u := range f.lab.tomorro.State().Users {
		ids[strings.ToLower(u.UserName)] = u.ID
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		p := f.world.People[rand.IntN(replicaPeople)]
		var body string
		f.lab.onelogin.Edit(func(w *onelogintest.World) {
			switch title := []string{"user", "viewer", "manager"}[rand.IntN(3)]; rand.IntN(3) {
			case 0:
				p.Status = 3 - p.Status // suspended, or back
			case 1:
				p.Title = &title
			default:
				p.RoleIDs = []int64{w.Roles[rand.IntN(len(w.Roles))].ID}
			}
			body = fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"userType":%q,"active":%t,"name":{"givenName":%q,"familyName":%q}}`, p.Email, *p.Title, p.Status == 1, p.FirstName, p.LastName)
		})
		f.pushes++
		wg.Go(func() {
			for !f.sent(client, "/scim/v2/Users/"+ids[strings.ToLower(p.Email)], body) {
				time.Sleep(20 * time.Millisecond)
			}
		})
		time.Sleep(rand.N(300 * time.Millisecond))
	}
	wg.Wait()
}

// sent pushes once. An answer, whatever it says, means that the push is stored.
func (f *fleet) sent(client *http.Client, path, body string) bool {
	r, err := http.NewRequest(http.MethodPut, "http://"+f.addresses[rand.IntN(replicaCount)]+path, bytes.NewReader([]byte(body)))
	if err != nil {
		f.t.Error(err)
		return true
	}
	r.Header.Set("Authorization", "Bearer "+pushToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode == http.StatusServiceUnavailable && !strings.Contains(string(text), "stored") {
		return false
	}
	return !strings.Contains(string(text), "was not stored")
}

// waiting is how many marks there are.
func (f *fleet) waiting() int {
	status, err := f.store().Status(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return status.Marks
}

// counted is how many requests had come at a moment, which lies between two times.
type counted struct {
	before, after time.Time
	total         int
}

// count looks at both services until end, and then at every span of time: no more
// requests than the rate allows, what each process may take ahead, and what each may
// have had on its way.
func (f *fleet) count(end <-chan struct{}) {
	wires := map[string]func() int{
		"OneLogin": func() int { return f.lab.oneloginWire.Stats().Total }, "Tomorro": func() int { return f.lab.tomorroWire.Stats().Total }}
	seen := make(map[string][]counted)
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for going := true; going; {
		select {
		case <-end:
			going = false
		case <-ticker.C:
		}
		for name, total := range wires {
			c := counted{before: time.Now()}
			c.total, c.after = total(), time.Now()
			seen[name] = append(seen[name], c)
		}
	}
	burst := float64((replicaCount+1)*pace.Ahead(replicaRate) + replicaCount*replicaAtOnce)
	for name, all := range seen {
		worst := -burst
		for i, from := range all {
			for _, to := range all[i+1:] {
				worst = max(worst, float64(to.total-from.total)-replicaRate*to.after.Sub(from.before).Seconds())
			}
		}
		f.t.Logf("%s: at most %.0f requests over the rate in any span; %.0f may be", name, worst, burst)
		if worst > burst {
			f.t.Errorf("%s was sent %.0f requests more than the rate allows, and %.0f may be", name, worst, burst)
		}
	}
}

var tolled = regexp.MustCompile(`(?m)^tick-(taken|done) (\d+)$`)

// ticks looks that each tick was one process's, unless that died before its run ended.
func (f *fleet) ticks() {
	made, well := make(map[string]int), 0
	for _, c := range f.crews {
		mine := make(map[string]string) // what was said last of each tick
		for _, m := range tolled.FindAllStringSubmatch(c.log.String(), -1) {
			if mine[m[2]] == "done" {
				f.t.Errorf("tick %s: %s after its run was made", m[2], m[1])
			}
			mine[m[2]] = m[1]
		}
		for tick, last := range mine {
			if last == "done" {
				made[tick]++
				well++
			}
		}
	}
	for tick, n := range made {
		if n > 1 {
			f.t.Errorf("%d runs were made for tick %s", n, tick)
		}
	}
	if well < 3 {
		f.t.Errorf("only %d scheduled runs were made", well)
	}
}
