//go:build integration

package redisstore_test

import (
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"tomorro-sync/jobs/jobstest"
)

// startRedis starts a redis-server of its own on a free port.
func startRedis(t *testing.T, args ...string) int {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("redis-server is missing: %v; .ci/run installs it", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	cmd := exec.Command(path, append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = c.Close()
			return port
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return 0
}

func TestRealRedis(t *testing.T) {
	t.Run("append only", func(t *testing.T) {
		jobstest.Run(t, opener(fmt.Sprintf("redis://127.0.0.1:%d/0", startRedis(t, "--appendonly", "yes"))))
	})
	t.Run("with a password", func(t *testing.T) {
		jobstest.Run(t, opener(fmt.Sprintf("redis://:hunter2@127.0.0.1:%d/2", startRedis(t, "--requirepass", "hunter2"))))
	})
}
