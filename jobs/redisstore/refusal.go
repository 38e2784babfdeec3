package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"
)

// unpermitted is what to do about a command or a key that the user may not use.
const unpermitted = "give the user in redis.url the keys and commands that go doc ./jobs/redisstore lists"

// tooOld is what to do about a command that Redis does not know.
const tooOld = "Redis is older than 6.2, or a command was taken from it by rename-command"

// refusals are texts of answers with which Redis refuses a command, and what to do about
// each. Before version 7, what a script met is not at the beginning of the answer.
var refusals = []struct{ answer, remedy string }{
	{"OOM command not allowed", "Redis is full: raise its maxmemory, or keep the journal for a shorter time (journal.keep)"},
	{"MISCONF", "Redis cannot write to its disk and takes nothing new until it can: make room there, or see its log"},
	{"READONLY", "redis.url names a replica, which takes no writes: name the master, or use redis+sentinel://"},
	{"MASTERDOWN", "redis.url names a replica that has lost its master: name the master, or use redis+sentinel://"},
	{"NOREPLICAS", "fewer replicas follow Redis than it wants before it takes a write: start them, or lower its min-replicas-to-write"},
	{"CLUSTERDOWN", "the cluster of Redis has lost a master and takes nothing until it is replaced: see CLUSTER INFO, and its log"},
	{"MOVED", "redis.url names one server of a cluster: use redis+cluster://"},
	{"BUSY Redis", "somebody's script keeps Redis busy: wait until it has ended, or end it with SCRIPT KILL"},
	{"max number of clients", "Redis has as many clients as it takes: raise its maxclients, or see with CLIENT LIST whose they are"},
	{"DENIED Redis is running in protected mode", "Redis takes no other machine without a password: set its requirepass, and redis.password"},
	{"LOADING", "Redis is still reading its data: wait until it has started"},
	{"NOAUTH", "Redis asks for a password: set redis.password"},
	{"WRONGPASS", "correct redis.password, or the user and password in redis.url"},
	{"NOPERM", unpermitted},
	{"The user executing the script can't", unpermitted},
	{"nknown command", tooOld},
	{"nknown Redis command", tooOld}, // from a script
}

// Remedy says what an administrator can do about an error with which Redis refused a
// command, because it is full or a replica, for example. It is empty for every other error.
func Remedy(err error) string {
	refused, ok := errors.AsType[redis.Error](err)
	if !ok {
		return ""
	}
	for _, r := range refusals {
		if strings.Contains(refused.Error(), r.answer) {
			return r.remedy
		}
	}
	return ""
}

// Refused reports whether err is an answer of Redis, and not the want of one.
func Refused(err error) bool {
	_, answered := errors.AsType[redis.Error](err)
	return answered
}

// Distrust says what to do about an error of TLS, with a Redis that runs; it is empty for
// every other.
func Distrust(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "name Redis in redis.url as its certificate does"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "renew the certificate of Redis, unless a clock is wrong"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "name the CA that signed the certificate of Redis in redis.ca_file"
	}
	if strings.Contains(err.Error(), "tls: certificate required") {
		return "Redis asks for a certificate, and this program has none: set tls-auth-clients no in redis.conf, and a password"
	}
	if errors.Is(err, io.EOF) {
		return "it hung up: if it expects TLS, redis.url begins with rediss://"
	}
	return ""
}

// unreached is why no Redis could be opened.
func unreached(err error) error {
	if remedy := Remedy(err); remedy != "" {
		return fmt.Errorf("use Redis, which refuses: %w; %s", err, remedy)
	}
	if remedy := Distrust(err); remedy != "" {
		return fmt.Errorf("reach Redis: %w; %s", err, remedy)
	}
	return fmt.Errorf("reach Redis: %w; is it running, and is redis.url right", err)
}
