// Package redisstore keeps in Redis what outlives a run, and what processes share: the lock
// with its fence, the journal with its seals, the links from people to accounts, what the
// limits have counted, what people decided (holds, pins, adoptions, a paused schedule), who
// is to be looked at again, which groups were set by hand, and how fast the services may be
// asked. Store implements the interfaces of package jobs.
//
// # Keys
//
// keys.go has every name. Each carries the connection's name as hash tag, so that
// all keys of a connection live in one slot and its scripts run on Cluster.
//
// # Addresses
//
//	redis://[:password@]host:6379/0
//	rediss://…                                   the same over TLS
//	redis+sentinel://[:password@]s1:26379,s2:26379/0?master=mymaster
//	redis+cluster://[:password@]n1:6379,n2:6379
//
// A "tls=true" query makes the last two use TLS.
//
// # A user of its own
//
// A Redis that others use as well can give each connection a user that reaches its
// keys only, and has no command that concerns others:
//
//	ACL SETUSER sync on >PASSWORD ~tomorro-sync:{default}:* +@all -@admin -@dangerous +info +config|get
//
// With the name of the connection for default; on a Cluster, +cluster|slots as well.
// Without info and config all works, and check cannot see how the server is set up.
//
// # What is asked twice
//
// When a connection breaks, a command is sent again until the caller's time is up; the
// Redis client does so by itself, too. A script that must not take effect twice is called
// with an id, under which Redis keeps its answer for a minute: a repeated call gets the
// first one's answer.
//
// # What a loss means
//
// Redis must not evict (maxmemory-policy noeviction) and should append to disk.
// Losing it loses no account: links are made again by mark and address, and who
// left meanwhile is foreign and named. Nobody is removed because of it.
// Replication is asynchronous: a failover may lose the last entries, and with
// them at most the record of a write, never its effect; a claim or lock that is
// lost stops its run.
//
// Store.Lost tells of a loss. Of a failover it does only when something is gone that the
// process had seen or may itself have written (the journal, marks, a pause); what another
// process wrote just before the failover, and nobody had seen, is gone unnoticed.
package redisstore
