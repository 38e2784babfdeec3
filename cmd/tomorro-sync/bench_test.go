package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs/redisstore/redistest"
	"tomorro-sync/reconcile/reconciletest/flaky"
)

// BenchmarkReconcile measures the real program against both simulators, each a
// process of its own, with lock and journal on, at 20 ms latency, 16 requests at
// once, OneLogin pages of 50 and SCIM pages of 100. For each phase it prints the
// requests, the seconds, the lower bound that latency and concurrency set, their
// ratio, and the peak memory of the program in MiB, in all and of its own:
//
//	go test ./cmd/tomorro-sync -run '^$' -bench Reconcile -benchtime 1x
//
// The bound is latency * (token + first page + ceil(other pages / 16)) for the
// longer of the two sides, which are read at the same time, plus latency *
// ceil(writes / 16) for people and for groups. The safe ratio is to a bound that has
// the rounds of safety in it as well: people about to lose something are asked for once
// more, deactivations come after everything else, and groups are read back.
// Where Tomorro does Bulk, 100 writes share a request, of which four are under way at once.
func BenchmarkReconcile(b *testing.B) {
	bin := build(b)
	for _, size := range []struct{ users, groups, bulk int }{{2_000, 100, 0}, {10_000, 200, 0}, {2_000, 100, 100}, {10_000, 200, 100}} {
		name := fmt.Sprintf("%d-%d", size.users, size.groups)
		if size.bulk > 0 {
			name += "-bulk"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m := newMeasurement(b, bin, size.users, size.groups)
				m.gather(size.bulk)
				m.all()
			}
		})
	}
}

const (
	benchLatency     = 20 * time.Millisecond
	benchConcurrency = 16
)

type measurement struct {
	b                 *testing.B
	bin, config       string
	onelogin, tomorro string // their control addresses
	users, groups     int
}

// newMeasurement starts the simulators; flags come after its own.
func newMeasurement(b *testing.B, bin string, users, groups int, flags ...string) *measurement {
	b.Helper()
	m := &measurement{b: b, bin: bin, users: users, groups: groups, config: filepath.Join(b.TempDir(), "c.yaml")}
	sim := exec.Command(bin, append([]string{"simulate", "--plain", "--output", "json", "--users", fmt.Sprint(users), "--groups", fmt.Sprint(groups),
		"--latency", benchLatency.String(), "--write-config", m.config}, flags...)...)
	sim.Env = append(os.Environ(), "GOMEMLIMIT=off") // collecting a million people again and again would stand in the figures
	sim.Stderr = os.Stderr
	out, err := sim.StdoutPipe()
	if err == nil {
		err = sim.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = sim.Process.Signal(syscall.SIGTERM); _ = sim.Wait() })
	var at struct{ Onelogin, Tomorro string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&at); err != nil {
		b.Fatal(err)
	}
	m.onelogin, m.tomorro = at.Onelogin, strings.TrimSuffix(at.Tomorro, "/scim/v2")
	m.env()
	return m
}

// env starts a Redis and raises the limits that a benchmark meets.
func (m *measurement) env() {
	for name, value := range map[string]string{
		"REDIS_URL": startRedis(m.b), "ONELOGIN_CONCURRENCY": fmt.Sprint(benchConcurrency), "TOMORRO_CONCURRENCY": fmt.Sprint(benchConcurrency),
		"TOMORRO_MEMBERS_PER_REQUEST": "1000", "LIMITS_REMOVE_MEMBER_MAX": "none",
	} {
		m.b.Setenv(envPrefix+name, value)
	}
}

// gather has so many writes share a request, on both sides; 0: none do.
func (m *measurement) gather(operations int) {
	m.b.Helper()
	req, _ := http.NewRequest(http.MethodPatch, m.tomorro+"/_sim/knobs", strings.NewReader(fmt.Sprintf(`{"bulk":{"operations":%d}}`, operations)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.b.Fatal(err)
	}
	_ = resp.Body.Close()
	m.b.Setenv(envPrefix+"TOMORRO_BULK", fmt.Sprint(operations))
}

// startRedis starts a real Redis when there is one, else an embedded one in this
// process, with which pushes are slower: the README's figures are not from it.
func startRedis(b *testing.B) string {
	if _, err := exec.LookPath("redis-server"); err == nil {
		return redistest.Start(b, "--appendonly", "yes").URL()
	}
	b.Log("redis-server is not installed here: an embedded Redis, with which pushes are slower")
	s := miniredis.NewMiniRedis()
	if err := s.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return "redis://" + s.Addr() + "/0"
}

func (m *measurement) all() {
	m.phase("initial", 0)
	m.phase("noop", m.users)
	m.churn(1)
	m.phase("1percent", m.users)
}

// churn has one percent of the people change.
func (m *measurement) churn(seed int) {
	resp, err := http.Post(m.onelogin+"/_sim/churn", "application/json", strings.NewReader(fmt.Sprintf(`{"seed":%d}`, seed)))
	if err != nil {
		m.b.Fatal(err)
	}
	_ = resp.Body.Close()
}

// phase makes one run and reports it; accounts is how many Tomorro has before.
func (m *measurement) phase(name string, accounts int) {
	for _, at := range []string{m.onelogin, m.tomorro} {
		req, _ := http.NewRequest(http.MethodDelete, at+"/_sim/stats", nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			m.b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	began := time.Now()
	peak, own := m.peak(m.reconcile())
	took := time.Since(began)
	ol, to := m.stats(m.onelogin), m.stats(m.tomorro)
	bound := m.bound(ol, to, accounts)
	m.b.ReportMetric(float64(ol.Total+to.Total), name+"-requests")
	m.b.ReportMetric(took.Seconds(), name+"-s")
	m.b.ReportMetric(bound.Seconds(), name+"-bound-s")
	m.b.ReportMetric(took.Seconds()/bound.Seconds(), name+"-ratio")
	if safe := bound + m.safety(ol, to); safe > bound {
		m.b.ReportMetric(took.Seconds()/safe.Seconds(), name+"-safe-ratio")
	}
	m.b.ReportMetric(peak, name+"-MiB")
	m.b.ReportMetric(own, name+"-own-MiB")
}

// reconcile is the command that is measured.
func (m *measurement) reconcile() *exec.Cmd {
	return exec.Command(m.bin, "--config", m.config, "reconcile", "--yes", "--output", "json")
}

// peak runs a command and gives the most memory it had, in MiB, and the most without what
// is mapped from files, which is nearly all of it the program's text. It asks while the
// command runs: what the system says afterwards has this process's memory in it, of
// which the command was a copy when it began.
func (m *measurement) peak(cmd *exec.Cmd) (all, own float64) {
	m.b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		m.b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case <-tick.C:
			now, anonymous := memoryOf(cmd.Process.Pid)
			all, own = max(all, now), max(own, anonymous)
		case err := <-ended:
			tick.Stop()
			if err != nil {
				m.b.Fatalf("%v: %v\n%.2000s", cmd.Args, err, out.String())
			}
			return all, own
		}
	}
}

// memoryOf is the most memory that a process has had so far, and how much of what it has
// now is its own, in MiB; 0 where the system does not tell.
func memoryOf(pid int) (most, own float64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return mebibytes(status, "VmHWM:"), mebibytes(status, "RssAnon:")
}

// mebibytes reads a line of a process's status; 0 when it is not there.
func mebibytes(status []byte, name string) float64 {
	_, rest, _ := strings.Cut(string(status), name)
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}

func (m *measurement) stats(at string) flaky.Stats {
	resp, err := http.Get(at + "/_sim/stats")
	if err != nil {
		m.b.Fatal(err)
	}
	defer resp.Body.Close()
	var s flaky.Stats
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		m.b.Fatal(err)
	}
	return s
}

// safety is how long the requests take that are only made to be sure.
func (m *measurement) safety(ol, to flaky.Stats) time.Duration {
	waves := func(n int) int { return (n + benchConcurrency - 1) / benchConcurrency }
	confirmed := waves(ol.ByRoute["GET /api/2/users/{id}"])
	rounds := 2 * confirmed // asking, and a wave of their own
	if back := to.ByRoute["GET /scim/v2/Groups"] - max(1, (m.groups+99)/100); back > 0 {
		rounds += 1 + waves(back-1)
	}
	return benchLatency * time.Duration(rounds)
}

func (m *measurement) bound(ol, to flaky.Stats, accounts int) time.Duration {
	waves := func(n int) int { return (n + benchConcurrency - 1) / benchConcurrency }
	pages := func(n, size int) int { return max(1, (n+size-1)/size) }
	source := 2 + waves(pages(m.users, 50)-1)
	target := 1 + waves(pages(accounts, 100)-1)
	people := to.ByRoute["POST /scim/v2/Users"] + to.ByRoute["PUT /scim/v2/Users/{id}"]
	groups := to.ByRoute["PATCH /scim/v2/Groups/{id}"]
	bulk := (to.ByRoute["POST /scim/v2/Bulk"] + 3) / 4
	return benchLatency * time.Duration(max(source, target)+waves(people)+waves(groups)+bulk)
}

// BenchmarkRate makes an initial load against a Tomorro that takes 25 requests in each
// second, at 20 ms latency and 16 requests at once, when that is configured and when it
// has to be learned. It prints the ratio of the time to requests / 25, and how many
// requests were refused:
//
//	go test ./cmd/tomorro-sync -run '^$' -bench Rate -benchtime 1x
func BenchmarkRate(b *testing.B) {
	const perSecond = 25
	bin := build(b)
	for _, known := range []bool{true, false} {
		b.Run(map[bool]string{true: "known", false: "learned"}[known], func(b *testing.B) {
			for b.Loop() {
				m := newMeasurement(b, bin, 500, 50)
				if known {
					b.Setenv(envPrefix+"TOMORRO_REQUESTS_PER_SECOND", fmt.Sprint(perSecond))
				}
				m.limit(perSecond)
				began := time.Now()
				m.peak(m.reconcile())
				took := time.Since(began)
				s := m.stats(m.tomorro)
				refused := s.ByStatus["429"]
				b.ReportMetric(took.Seconds()/(float64(s.Total-refused)/perSecond), "ratio")
				b.ReportMetric(float64(refused), "refused")
			}
		})
	}
}

// limit has the simulated Tomorro refuse what is more in one second.
func (m *measurement) limit(perSecond int) {
	req, _ := http.NewRequest(http.MethodPatch, m.tomorro+"/_sim/knobs", strings.NewReader(fmt.Sprintf(`{"ratePerSecond": %d}`, perSecond)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		m.b.Fatalf("%v %+v", err, resp)
	}
	_ = resp.Body.Close()
}

// BenchmarkMany makes runs for many people at a Tomorro that is what OneLogin says,
// without latency, when nothing changed and when one percent did, as the program is and
// with a memory limit of the Go runtime. It prints seconds and peak memory:
//
//	go test ./cmd/tomorro-sync -run '^$' -bench Many -benchtime 1x
//	MANY=1000000 MANY_LIMIT=4GiB go test ./cmd/tomorro-sync -run '^$' -bench Many -benchtime 1x -timeout 1h
func BenchmarkMany(b *testing.B) {
	users, err := strconv.Atoi(cmp.Or(os.Getenv("MANY"), "100000"))
	if err != nil {
		b.Fatal(err)
	}
	bin := build(b)
	for b.Loop() {
		m := newMeasurement(b, bin, users, 1000, "--settled", "--latency", "0s")
		b.Setenv(envPrefix+"LIMITS_DEACTIVATE_MAX", "none")
		m.peak(m.reconcile()) // remembers whose each account is
		for i, limit := range []string{"", cmp.Or(os.Getenv("MANY_LIMIT"), "175MiB")} {
			run := func(name string) {
				cmd := m.reconcile()
				if limit != "" {
					name, cmd.Env = name+"-"+limit, append(os.Environ(), "GOMEMLIMIT="+limit)
				}
				began := time.Now()
				peak, own := m.peak(cmd)
				b.ReportMetric(time.Since(began).Seconds(), name+"-s")
				b.ReportMetric(peak, name+"-MiB")
				b.ReportMetric(own, name+"-own-MiB")
			}
			run("noop")
			m.churn(i + 1)
			run("1percent")
		}
	}
}
