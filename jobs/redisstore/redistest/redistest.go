// Package redistest starts real Redis servers for tests: one, one with TLS, a
// group under Sentinel, and a cluster. It needs redis-server in the PATH and
// fails the test without it.
package redistest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is one redis-server process.
type Server struct {
	Port int
	tb   testing.TB
	args []string
	cmd  *exec.Cmd
}

// Start starts a server on a free port of the loopback address; args are options
// of redis-server. It is killed when the test ends.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	port := freePort(tb)
	s := &Server{Port: port, tb: tb, args: append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", tb.TempDir(), "--save", ""}, args...)}
	tb.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Addr is host and port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// URL is the address of database 0.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Option is the value of an option that the server was started with.
func (s *Server) Option(name string) string {
	for i, a := range s.args {
		if a == name && i+1 < len(s.args) {
			return s.args[i+1]
		}
	}
	return ""
}

// Kill ends the process at once, as the loss of its machine would.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Signal sends the process a signal: SIGSTOP makes it hang, as a machine that
// swaps does, until SIGCONT.
func (s *Server) Signal(sig os.Signal) {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

// Restart starts the process again with the same options and directory.
func (s *Server) Restart() {
	s.tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.tb.Fatalf("redis-server is missing: %v; .ci/run installs it", err)
	}
	s.cmd = exec.Command(path, s.args...)
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	await(s.tb, "redis-server listens", func() bool {
		c, err := net.Dial("tcp", s.Addr())
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// Group is several servers of which one can be lost.
type Group struct {
	URL     string
	Servers []*Server
	master  func(key string) (addr string, err error)
	follow  bool // a server that comes back is told whom to follow
}

// Master is the server that takes writes to a key now.
func (g *Group) Master(tb testing.TB, key string) *Server {
	tb.Helper()
	var found *Server
	await(tb, "there is a master", func() bool {
		addr, err := g.master(key)
		if err != nil {
			return false
		}
		for _, s := range g.Servers {
			if s.Addr() == addr && s.cmd != nil {
				found = s
			}
		}
		return found != nil
	})
	return found
}

// Rejoin starts a server again that was lost, once there is a new master for the
// key, and waits until every master has a replica.
func (g *Group) Rejoin(tb testing.TB, s *Server, key string, masters int) {
	tb.Helper()
	now := g.Master(tb, key)
	if g.follow {
		if i := slices.Index(s.args, "--replicaof"); i >= 0 {
			s.args = slices.Delete(s.args, i, i+2)
		}
		s.args = append(s.args, "--replicaof", "127.0.0.1 "+fmt.Sprint(now.Port))
	}
	s.Restart()
	g.Replicated(tb, masters)
}

// Replicated waits until every master has a replica that follows it, so that
// the loss of a server is survived.
func (g *Group) Replicated(tb testing.TB, masters int) {
	tb.Helper()
	await(tb, "replicas follow", func() bool {
		following := 0
		for _, s := range g.Servers {
			if s.cmd != nil && strings.Contains(ask(s, "INFO", "replication"), "master_link_status:up") {
				following++
			}
		}
		return following >= len(g.Servers)-masters
	})
}

// StartSentinel starts a master with a replica and three sentinels.
func StartSentinel(tb testing.TB) *Group {
	tb.Helper()
	return StartSentinelWith(tb, "")
}

// StartSentinelWith also gives the sentinels a password, unless it is empty.
func StartSentinelWith(tb testing.TB, password string) *Group {
	tb.Helper()
	master := Start(tb, "--appendonly", "yes")
	replica := Start(tb, "--appendonly", "yes", "--replicaof", "127.0.0.1 "+fmt.Sprint(master.Port))
	g := &Group{Servers: []*Server{master, replica}, follow: true}
	g.Replicated(tb, 1)
	var addrs []string
	for range 3 {
		file := filepath.Join(tb.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 2\nsentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 1000\n", master.Port)
		if password != "" {
			text += fmt.Sprintf("requirepass %s\nsentinel sentinel-pass %s\n", password, password)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		s := &Server{Port: freePort(tb), tb: tb}
		s.args = []string{file, "--sentinel", "--port", fmt.Sprint(s.Port), "--bind", "127.0.0.1"}
		tb.Cleanup(s.Kill)
		s.Restart()
		addrs = append(addrs, s.Addr())
	}
	g.URL = "redis+sentinel://" + strings.Join(addrs, ",") + "/0?master=main"
	client := redis.NewSentinelClient(&redis.Options{Addr: addrs[0], Password: password, Protocol: 2})
	tb.Cleanup(func() { _ = client.Close() })
	ctx := context.WithoutCancel(tb.Context())
	g.master = func(string) (string, error) {
		at, err := client.GetMasterAddrByName(ctx, "main").Result()
		return strings.Join(at, ":"), err
	}
	await(tb, "sentinels know each other and the replica", func() bool {
		m, err := client.Master(ctx, "main").Result()
		return err == nil && m["num-other-sentinels"] == "2" && m["num-slaves"] == "1"
	})
	return g
}

// StartCluster starts three masters with a replica each.
func StartCluster(tb testing.TB) *Group {
	tb.Helper()
	g := &Group{}
	var addrs []string
	for range 6 {
		s := Start(tb, "--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--appendonly", "yes", "--cluster-replica-validity-factor", "0")
		g.Servers = append(g.Servers, s)
		addrs = append(addrs, s.Addr())
	}
	args := append(append([]string{"--cluster", "create"}, addrs...), "--cluster-replicas", "1", "--cluster-yes")
	if out, err := exec.Command("redis-cli", args...).CombinedOutput(); err != nil {
		tb.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	await(tb, "the cluster is complete", func() bool {
		for _, s := range g.Servers {
			if !strings.Contains(ask(s, "CLUSTER", "INFO"), "cluster_state:ok") {
				return false
			}
		}
		return true
	})
	g.Replicated(tb, 3)
	g.URL = "redis+cluster://" + strings.Join(addrs, ",")
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	tb.Cleanup(func() { _ = client.Close() })
	ctx := context.WithoutCancel(tb.Context())
	g.master = func(key string) (string, error) {
		client.ReloadState(ctx)
		node, err := client.MasterForKey(ctx, key)
		if err != nil {
			return "", err
		}
		return node.Options().Addr, node.Ping(ctx).Err()
	}
	return g
}

// ask sends one command to one server; its answer as text, or nothing.
func ask(s *Server, args ...any) string {
	client := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2})
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	text, _ := client.Do(ctx, args...).Text()
	return text
}

// freePort is one below those that a system gives to whoever asks for any (Linux: from
// 32768), one of which might be given to somebody else before a server listens there, or
// while it is being started again. That of the cluster's own conversation, which is 10,000
// above, is as well.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := 12_000 + rand.IntN(10_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	tb.Fatal("no free port from 12000 to 22000")
	return 0
}

func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for range 1500 {
		if holds() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	tb.Fatalf("waited 30 s in vain until %s", what)
}
