package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tomorro-sync/sources/onelogin/onelogintest"
)

// BenchmarkListener measures pushes and reads through serve's listener, with real
// Redis that appends to a file every second, against a bare reverse proxy to the same
// simulated Tomorro. Simulators, listener, proxy and the 64 clients share one process,
// and so the same two cores:
//
//	go test ./cmd/tomorro-sync -run '^$' -bench Listener -benchtime 1x
//
// A push changes somebody's title in OneLogin and sends the PUT for it, which the
// proxy passes on as it is: each has half of the people, so that no push finds done
// what it asks for. It prints the throughput of each and their ratio, the
// same for reads by userName, and how much later than the proxy's the slowest of a
// hundred pushes is answered (p99) at half of the listener's own throughput.
func BenchmarkListener(b *testing.B) {
	s := newStand(b, 2000)
	half := len(s.people) / 2
	s.proxy.people, s.listener = half, end{base: startServing(b, s.config).base, token: pushToken, first: half, people: half}
	for b.Loop() {
		const n = 20_000
		proxy, ours := s.flood(n, s.proxy, s.put), s.flood(n, s.listener, s.put)
		b.ReportMetric(proxy, "proxy-push/s")
		b.ReportMetric(ours, "push/s")
		b.ReportMetric(ours/proxy, "push-ratio")
		rate := ours / 2
		slow, slower := s.pace(rate, 3*time.Second, s.proxy, s.put), s.pace(rate, 3*time.Second, s.listener, s.put)
		b.ReportMetric(float64(slower-slow)/float64(time.Millisecond), "p99-added-ms")
		proxy, ours = s.flood(n, s.proxy, s.get), s.flood(n, s.listener, s.get)
		b.ReportMetric(proxy, "proxy-get/s")
		b.ReportMetric(ours, "get/s")
		b.ReportMetric(ours/proxy, "get-ratio")
	}
}

// BenchmarkListenerMemory has serve, as a process of its own, answer 200,000 requests,
// every other one a push that changes something, and prints what memory it holds after
// the first tenth and in the end:
//
//	go test ./cmd/tomorro-sync -run '^$' -bench ListenerMemory -benchtime 1x -timeout 1h
func BenchmarkListenerMemory(b *testing.B) {
	bin := build(b)
	for b.Loop() {
		s := newStand(b, 2000)
		cmd := exec.Command(bin, "--config", writeFile(b, s.config), "serve")
		log := new(tape)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		address := regexp.MustCompile(`scim=(\S+)`)
		eventually(b, "it listens", func() bool { return address.MatchString(log.String()) })
		s.listener = end{"http://" + address.FindStringSubmatch(log.String())[1] + "/scim/v2", pushToken, 0, len(s.people), nil}
		mixed := func(ctx context.Context, to end, i int) error {
			if s.edits.Load()%2 == 0 {
				return s.put(ctx, to, i)
			}
			s.edits.Add(1)
			return s.get(ctx, to, i)
		}
		const n = 200_000
		s.flood(n/10, s.listener, mixed)
		b.ReportMetric(resident(b, cmd.Process.Pid), "after-10%-MiB")
		for range 9 {
			s.flood(n/10, s.listener, mixed)
		}
		b.ReportMetric(resident(b, cmd.Process.Pid), "after-all-MiB")
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// resident is how much memory a process holds now.
func resident(tb testing.TB, pid int) float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	holds := mebibytes(status, "VmRSS:")
	if holds == 0 {
		tb.Fatal("the system does not tell how much memory a process holds")
	}
	return holds
}

// stand is a company whose accounts are there, behind a proxy and behind a listener.
type stand struct {
	tb       testing.TB
	lab      *lab
	client   *http.Client
	people   []*onelogintest.Person
	ids      []string // of their accounts
	config   string
	proxy    end
	listener end
	edits    atomic.Int64
}

// end is where requests go, and about whom.
type end struct {
	base, token   string
	first, people int
	ids           []string // of the accounts there; nil: those of Tomorro
}

func newStand(b *testing.B, users int) *stand {
	b.Helper()
	l, err := newLab(labOptions{users: users, groups: 20, seed: 1, plain: true, pageCap: 50, oneloginAddress: "127.0.0.1:0", tomorroAddress: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.stop)
	config := strings.Replace(l.file(), "redis:\n  url: ", "redis:\n  url: "+startRedis(b)+" #", 1) +
		"min_admins: 0\nlimits: {change_role: {max: none, share: none}, grant_admin: {max: none}}\n" +
		strings.Replace(listenKeys, "deadline: 2s", "deadline: 8s, requests_per_second: 1000000", 1)
	path := writeFile(b, config)
	if code := run(b.Context(), services{}, []string{"--config", path, "reconcile", "--yes"}, nil, strings.NewReader(""), io.Discard, io.Discard); code != exitDone {
		b.Fatalf("the first run ends with %d", code)
	}
	s := &stand{tb: b, lab: l, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}}
	to, _ := url.Parse(l.tomorroURL)
	to.Path = ""
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	front := httptest.NewServer(forward)
	b.Cleanup(front.Close)
	s.config = config
	accounts := make(map[string]string)
	for _, u := range l.tomorro.State().Users {
		accounts[strings.ToLower(u.UserName)] = u.ID
	}
	l.onelogin.Edit(func(w *onelogintest.World) {
		for _, p := range w.People {
			if id := accounts[strings.ToLower(p.Email)]; id != "" && w.HasApp(p) {
				s.people, s.ids = append(s.people, p), append(s.ids, id)
			}
		}
	})
	s.proxy = end{front.URL + "/scim/v2", simToken, 0, len(s.people), nil}
	return s
}

const connections = 64

// put changes somebody's title and pushes it.
func (s *stand) put(ctx context.Context, to end, i int) error {
	p, titles := s.people[i], []string{"user", "manager"}
	title := titles[s.edits.Add(1)%2]
	s.lab.onelogin.Edit(func(*onelogintest.World) {
		if *p.Title == title {
			title = titles[(slices.Index(titles, title)+1)%2]
		}
		p.Title = &title
	})
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"userType":%q,"name":{"givenName":%q,"familyName":%q},"active":true}`,
		p.Email, title, p.FirstName, p.LastName)
	ids := s.ids
	if to.ids != nil {
		ids = to.ids
	}
	got, err := s.send(ctx, to, http.MethodPut, "/Users/"+ids[i], []byte(body))
	if err == nil && !bytes.Contains(got, []byte(`"userType":"`+title+`"`)) {
		err = fmt.Errorf("pushed %s and got %s", title, got)
	}
	return err
}

// get looks somebody up.
func (s *stand) get(ctx context.Context, to end, i int) error {
	got, err := s.send(ctx, to, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "`+s.people[i].Email+`"`), nil)
	if err == nil && !bytes.Contains(got, []byte(s.ids[i])) {
		err = fmt.Errorf("looked for %s and got %s", s.ids[i], got)
	}
	return err
}

func (s *stand) send(ctx context.Context, to end, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+to.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %s", method, path, resp.Status, got)
	}
	return got, err
}

// flood sends n requests over all connections and gives how many a second were
// answered. Each connection has people of its own.
func (s *stand) flood(n int, to end, request func(context.Context, end, int) error) float64 {
	var wg sync.WaitGroup
	began := time.Now()
	for c := range connections {
		wg.Go(func() {
			for k := range n / connections {
				if err := request(s.tb.Context(), to, to.first+(k*connections+c)%(to.people/connections*connections)); err != nil {
					s.tb.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n/connections*connections) / time.Since(began).Seconds()
}

// pace sends requests at a steady rate for a while, and gives the p99 of the time
// from when each was due to its answer.
func (s *stand) pace(rate float64, during time.Duration, to end, request func(context.Context, end, int) error) time.Duration {
	n := int(rate * during.Seconds())
	took := make([]time.Duration, n)
	due := make(chan int, n)
	var wg sync.WaitGroup
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(float64(i) / rate * float64(time.Second))) }
	for range connections {
		wg.Go(func() {
			for i := range due {
				if err := request(s.tb.Context(), to, to.first+i%to.people); err != nil {
					s.tb.Error(err)
				}
				took[i] = time.Since(at(i))
			}
		})
	}
	for i := range n {
		time.Sleep(time.Until(at(i)))
		due <- i
	}
	close(due)
	wg.Wait()
	slices.Sort(took)
	return took[n*99/100]
}
