package redisstore_test

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
)

// TestNotStored: the password of Redis is changed and its connections are closed. What
// could not even be sent is not taken for stored.
func TestNotStored(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireAuth("old")
	s, err := redisstore.Open(t.Context(), "redis://:old@"+server.Addr()+"/0", redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	server.RequireAuth("new")
	server.Close()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	settled := []jobs.Settled{{Run: "r", Entry: jobs.Entry{Intent: "1-0"}, Subjects: []string{"1"}}}
	for what, err := range map[string]error{
		"an outcome": s.Settle(t.Context(), settled),
		"a mark":     s.Unmark(t.Context(), "r", jobs.Snapshot{Marks: []jobs.Mark{{Subject: "1"}}}),
	} {
		if err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
