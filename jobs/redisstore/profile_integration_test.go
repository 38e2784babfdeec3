//go:build integration

package redisstore_test

import (
	"testing"

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
