//go:build integration

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs/redisstore/redistest"
)

// TestRedisRefusesMidRun: a real Redis takes no writes any more in the middle of a run. The
// run stops before its next write and says why, and the next one ends where it would have.
func TestRedisRefusesMidRun(t *testing.T) {
	for name, c := range map[string]struct {
		refuse, mend []any
		says         string
	}{
		"full":      {[]any{"config", "set", "maxmemory", "1"}, []any{"config", "set", "maxmemory", "0"}, "OOM"},
		"a replica": {[]any{"replicaof", "127.0.0.1", "1"}, []any{"replicaof", "no", "one"}, "READONLY"},
		"too alone": {[]any{"config", "set", "min-replicas-to-write", "1"}, []any{"config", "set", "min-replicas-to-write", "0"}, "NOREPLICAS"},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			client := redis.NewClient(&redis.Options{Addr: server.Addr()})
			defer func() { _ = client.Close() }()
			o := newOffice(t, labOptions{users: 120, groups: 4, seed: 6, plain: true}, "")
			o.environ = []string{envPrefix + "REDIS_URL=" + server.URL()}
			var writes atomic.Int64
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet && writes.Add(1) == 20 {
					if err := client.Do(t.Context(), c.refuse...).Err(); err != nil {
						t.Error(err)
					}
				}
				o.lab.tomorroWire.ServeHTTP(w, r)
			}))
			defer front.Close()
			o.environ = append(o.environ, envPrefix+"TOMORRO_URL="+front.URL+"/scim/v2")
			code, out, errs := o.run("reconcile", "--yes")
			if code != exitError || !strings.Contains(out+errs, c.says) || strings.Contains(out+errs, "panic") {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
			if n := writes.Load(); n >= 120 { // those whose intents were stored before are made
				t.Errorf("%d writes", n)
			}
			if err := client.Do(t.Context(), c.mend...).Err(); err != nil {
				t.Fatal(err)
			}
			client.Del(t.Context(), "tomorro-sync:{default}:lock")
			o.must(exitDone, "reconcile", "--yes")
			o.equal()
			if idle := o.lab.tomorro.State().Idle; idle != 0 {
				t.Errorf("%d writes were made twice", idle)
			}
			o.must(exitDone, "plan")
		})
	}
}
