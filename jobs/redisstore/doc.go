// Package redisstore keeps what outlives a run in Redis: the lock with its fence,
// the journal, the links and the spent budget.
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
// # What a loss means
//
// Redis must not evict (maxmemory-policy noeviction) and should append to disk.
// Losing it loses no account: links are rebuilt by address, and who left meanwhile
// becomes foreign and is reported. Nobody is removed because of it.
package redisstore
