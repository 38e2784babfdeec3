package redisstore_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	miniserver "github.com/alicebob/miniredis/v2/server"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// TestLinksInPart: whoever is not among the links is made again, so links of which some are
// missing, as after a failover between two parts of them, are read again, or not at all.
func TestLinksInPart(t *testing.T) {
	server := miniredis.RunT(t)
	s := opened(t, "redis://"+server.Addr()+"/0", redisstore.Options{})
	must := mustFor(t)
	must(s.Link(t.Context(), jobs.Lease{}, []reconcile.Link{{Key: 1, Account: "a"}, {Key: 2, Account: "b"}}))
	for empty, good := range map[int]bool{0: true, 1: true, 2: true, 3: false} {
		asked := 0
		server.Server().SetPreHook(func(c *miniserver.Peer, cmd string, _ ...string) bool {
			if cmd != "HSCAN" {
				return false
			}
			if asked++; asked > empty {
				return false
			}
			c.WriteLen(2)
			c.WriteBulk("0")
			c.WriteLen(0)
			return true
		})
		links, err := s.Links(t.Context())
		if (err == nil) != good || good && (len(links) != 2 || links[2] != "b") {
			t.Errorf("after %d answers without them: %v, %v", empty, links, err)
		}
	}
}
