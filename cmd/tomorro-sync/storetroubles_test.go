//go:build integration

package main

import (
	"log/slog"
	"strings"
	"testing"

	"tomorro-sync/jobs/redisstore/redistest"
)

// TestServeTellsTroubles: serve says at its start when Redis may lose what it is to
// remember, or is nearly full.
func TestServeTellsTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"as it should be": {[]string{"--appendonly", "yes"}, nil},
		"a cache":         {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, []string{"redis.persistence", "redis.eviction", "allkeys-lru"}},
		"nearly full":     {[]string{"--appendonly", "yes", "--maxmemory", "1200000"}, []string{"redis.eviction", "no run begins"}},
	} {
		var log strings.Builder
		config := defaultConfig()
		config.Redis.URL = Secret(redistest.Start(t, c.args...).URL())
		conn, err := services{}.open(t.Context(), session{config: &config, store: true, serving: true, log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn.close()
		for _, want := range c.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: %q is not said in\n%s", name, want, log.String())
			}
		}
		if c.want == nil && log.Len() > 0 {
			t.Errorf("%s: %s", name, log.String())
		}
	}
}
