package redisstore

import "tomorro-sync/reconcile"

// keys names everything in Redis for one connection. The braces are a hash tag:
// on Cluster they put all of a connection's keys into one slot.
type keys struct{ prefix string }

func newKeys(connection string) keys { return keys{"tomorro-sync:{" + connection + "}:"} }

// lock is a string while the lock is held: "fence since holder".
func (k keys) lock() string { return k.prefix + "lock" }

// fence is a counter that grows with each lease.
func (k keys) fence() string { return k.prefix + "fence" }

// journal is a stream of all entries.
func (k keys) journal() string { return k.prefix + "journal" }

// runs is a stream with the begin and end entries only, so that listing runs
// does not read what they wrote.
func (k keys) runs() string { return k.prefix + "runs" }

// links is a hash from OneLogin id to Tomorro id.
func (k keys) links() string { return k.prefix + "links" }

// budget is a sorted set per limit: one member for each spending, its time in
// milliseconds as score.
func (k keys) budget(l reconcile.Limit) string { return k.prefix + "budget:" + string(l) }
