package jobs

import (
	"context"

	"tomorro-sync/reconcile"
)

// Profiles remembers what a probe learned of Tomorro's service, one profile for each
// connection.
type Profiles interface {
	// Profile gives the profile of the last probe; ok is false when there is none.
	Profile(ctx context.Context) (p reconcile.Profile, ok bool, err error)
	// KeepProfile replaces it.
	KeepProfile(ctx context.Context, p reconcile.Profile) error
}

// StoreSetup is how the server that remembers is set up. A field is empty when the server
// does not show it.
type StoreSetup struct {
	Version   string // of Redis
	Eviction  string // maxmemory-policy
	MaxMemory int64  // bytes; 0 is no bound
	Used      int64  // bytes of it
	Appends   string // appendonly: "yes" or "no"
	Snapshots string // save, as configured; empty also when there are none, see SnapshotsShown
	// SnapshotsShown says that Snapshots is what is configured.
	SnapshotsShown bool
	// Replica says that the server is a replica, which takes no writes.
	Replica bool
	// Unsaved says that the server's last attempt to write to its disk failed.
	Unsaved bool
}
