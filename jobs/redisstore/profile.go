package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

var _ jobs.Profiles = (*Store)(nil)

// Profile implements jobs.Profiles.
func (s *Store) Profile(ctx context.Context) (p reconcile.Profile, ok bool, err error) {
	data, err := s.client.Get(ctx, s.keys.profile()).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return p, false, nil
	case err != nil:
		return p, false, fmt.Errorf("read what the probe of Tomorro found: %w", err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return reconcile.Profile{}, false, fmt.Errorf("what the probe of Tomorro found cannot be read: %w; run: tomorro-sync check --probe-writes", err)
	}
	return p, true, nil
}

// KeepProfile implements jobs.Profiles.
func (s *Store) KeepProfile(ctx context.Context, p reconcile.Profile) error {
	data, err := json.Marshal(p)
	if err == nil {
		err = s.client.Set(ctx, s.keys.profile(), data, 0).Err()
	}
	if err != nil {
		return fmt.Errorf("remember what the probe of Tomorro found: %w", err)
	}
	return nil
}

// Setup tells how the server is set up; of a Cluster, the node that has this connection's
// keys. A managed server may not show some of it, which then stays empty. The error says
// that the server does not answer, or refuses this user its keys or scripts; see Remedy.
func (s *Store) Setup(ctx context.Context) (jobs.StoreSetup, error) {
	var setup jobs.StoreSetup
	node, err := s.node(ctx)
	if err != nil {
		return setup, fmt.Errorf("ask Redis how it is set up: %w", err)
	}
	// More than a PING, which says nothing of the rights of the user: keys and scripts.
	if err := node.Eval(ctx, "return redis.call('EXISTS', KEYS[1])", []string{s.keys.lock()}).Err(); err != nil {
		return setup, unreached(err)
	}
	info := make(map[string]string)
	for _, section := range []string{"server", "memory", "persistence", "replication"} {
		text, _ := node.Info(ctx, section).Result() // a section that is refused is not shown
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			info[name] = value
		}
	}
	setup.Version, setup.Eviction = info["redis_version"], info["maxmemory_policy"]
	setup.MaxMemory, _ = strconv.ParseInt(info["maxmemory"], 10, 64)
	setup.Used, _ = strconv.ParseInt(info["used_memory"], 10, 64)
	setup.Appends = map[string]string{"1": "yes", "0": "no"}[info["aof_enabled"]]
	setup.Replica = info["role"] == "slave" && info["slave_read_only"] == "1"
	setup.Unsaved = info["rdb_last_bgsave_status"] == "err" || info["aof_last_write_status"] == "err"
	if v, err := node.ConfigGet(ctx, "save").Result(); err == nil {
		setup.Snapshots, setup.SnapshotsShown = v["save"], true
	}
	return setup, nil
}

// node is the server that has this connection's keys.
func (s *Store) node(ctx context.Context) (redis.Cmdable, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.keys.lock())
	}
	return s.client, nil
}
