//go:build integration

package jobs_test

import (
	"testing"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/redisstore/redistest"
)

// TestLawPushesOnRedis is TestLawPushes on a real Redis, 1,000 times.
func TestLawPushesOnRedis(t *testing.T) {
	server := redistest.Start(t)
	interleavings(t, 1000, 8, func(t *testing.T, connection string) *redisstore.Store { return openAs(t, server.Addr(), connection) })
}
