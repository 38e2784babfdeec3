//go:build integration

package redisstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/redisstore/redistest"
)

// TestSetup asks real servers how they are set up.
func TestSetup(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want jobs.StoreSetup
	}{
		"durable": {[]string{"--appendonly", "yes"}, jobs.StoreSetup{Eviction: "noeviction", Appends: "yes", SnapshotsShown: true}},
		"a cache": {[]string{"--appendonly", "no", "--maxmemory", "10000000", "--maxmemory-policy", "allkeys-lru"},
			jobs.StoreSetup{Eviction: "allkeys-lru", MaxMemory: 10_000_000, Appends: "no", SnapshotsShown: true}},
		"a cache for what ends": {[]string{"--maxmemory-policy", "volatile-ttl", "--save", "3600 1"}, jobs.StoreSetup{Eviction: "volatile-ttl", Appends: "no", Snapshots: "3600 1", SnapshotsShown: true}},
		"no CONFIG":             {[]string{"--rename-command", "CONFIG", ""}, jobs.StoreSetup{Eviction: "noeviction", Appends: "no"}},
	} {
		t.Run(name, func(t *testing.T) { sees(t, redistest.Start(t, c.args...).URL(), c.want) })
	}
	t.Run("replica", func(t *testing.T) {
		replica := redistest.Start(t, "--replicaof", "127.0.0.1 1")
		sees(t, replica.URL(), jobs.StoreSetup{Eviction: "noeviction", Appends: "no", SnapshotsShown: true, Replica: true})
	})
	t.Run("disk gone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		server := redistest.Start(t, "--dir", dir, "--stop-writes-on-bgsave-error", "no")
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		_ = admin(t, server).Do(t.Context(), "BGSAVE").Err()
		time.Sleep(time.Second)
		sees(t, server.URL(), jobs.StoreSetup{Eviction: "noeviction", Appends: "no", SnapshotsShown: true, Unsaved: true})
	})
	t.Run("too few rights", func(t *testing.T) {
		server := redistest.Start(t)
		for _, rights := range []string{"~other:* +@all", "~* +@read +ping +info"} {
			command := []any{"ACL", "SETUSER", "sync", "reset", "on", ">pw"}
			for right := range strings.FieldsSeq(rights) {
				command = append(command, right)
			}
			if err := admin(t, server).Do(t.Context(), command...).Err(); err != nil {
				t.Fatal(err)
			}
			s := opened(t, "redis://sync:pw@"+server.Addr()+"/0", redisstore.Options{})
			if _, err := s.Setup(t.Context()); err == nil || !strings.Contains(err.Error(), "give the user") {
				t.Errorf("%s: %v", rights, err)
			}
		}
	})
	t.Run("Cluster", func(t *testing.T) {
		s := opened(t, redistest.StartCluster(t).URL, redisstore.Options{})
		if got, err := s.Setup(t.Context()); err != nil || got.Version == "" || got.Eviction != "noeviction" {
			t.Errorf("%+v %v", got, err)
		}
	})
	gone := redistest.Start(t)
	s := opened(t, gone.URL(), redisstore.Options{})
	gone.Kill()
	if _, err := s.Setup(t.Context()); err == nil {
		t.Error("a server that is gone is set up")
	}
}

func admin(t *testing.T, s *redistest.Server) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func sees(t *testing.T, address string, want jobs.StoreSetup) {
	t.Helper()
	got, err := opened(t, address, redisstore.Options{}).Setup(t.Context())
	if err != nil || got.Version == "" {
		t.Fatalf("%+v %v", got, err)
	}
	if got.Used <= 0 {
		t.Error("nothing is used")
	}
	if got.Version, got.Used = "", 0; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
