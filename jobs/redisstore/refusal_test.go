package redisstore_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs/redisstore"
)

// refused is an answer of Redis as its client gives it.
type refused string

func (r refused) Error() string { return string(r) }
func (refused) RedisError()     {}

// TestRemedy: what Redis 6.2 and 7 answer when they refuse.
func TestRemedy(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"OOM command not allowed when used memory > 'maxmemory'. script: f57, on @user_script:13.":                                              "maxmemory",
		"ERR Error running script (call to f_f57): @user_script:13: @user_script: 13: -OOM command not allowed when used memory > 'maxmemory'.": "maxmemory",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.":                                      "disk",
		"READONLY You can't write against a read only replica. script: f57, on @user_script:13.":                                                "master",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":                                                      "master",
		"LOADING Redis is loading the dataset in memory":                                                                                        "wait",
		"NOAUTH Authentication required.":                                                                             "redis.password",
		"WRONGPASS invalid username-password pair or user is disabled.":                                               "redis.password",
		"NOPERM this user has no permissions to access one of the keys used as arguments":                             "user in redis.url",
		"ERR unknown command 'EVALSHA', with args beginning with: ":                                                   "6.2",
		"ERR Unknown Redis command called from script script: f57, on @user_script:26.":                               "6.2",
		"NOREPLICAS Not enough good replicas to write. script: f57, on @user_script:13.":                              "min-replicas-to-write",
		"CLUSTERDOWN The cluster is down":                                                                             "CLUSTER INFO",
		"MOVED 3999 127.0.0.1:6381":                                                                                   "redis+cluster://",
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.":                      "SCRIPT KILL",
		"ERR max number of clients reached":                                                                           "maxclients",
		"DENIED Redis is running in protected mode because protected mode is enabled and no password is set":          "redis.password",
		"ERR The user executing the script can't run this command or subcommand script: 951e54f, on @user_script:23.": "user in redis.url",
		"BUSYGROUP Consumer Group name already exists":                                                                "",
		"WRONGTYPE Operation against a key holding the wrong kind of value":                                           "",
	} {
		got := redisstore.Remedy(fmt.Errorf("take the lock: %w", errors.Join(refused(answer), errors.New("another"))))
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", answer, got, want)
		}
	}
	if got := redisstore.Remedy(errors.New("OOM command not allowed")); got != "" {
		t.Errorf("what no Redis said: %q", got)
	}
}

// TestOpenRefused: a Redis that answers is not said to be away.
func TestOpenRefused(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireAuth("other")
	_, err := redisstore.Open(t.Context(), "redis://:hush@"+server.Addr()+"/0", redisstore.Options{})
	if err == nil || !strings.Contains(err.Error(), "redis.password") || strings.Contains(err.Error(), "is it running") || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}

// TestOpenTLS: a certificate that cannot be trusted is no Redis that is not running.
func TestOpenTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	for address, c := range map[string]struct {
		roots *x509.CertPool
		want  string
	}{
		"rediss://127.0.0.1:" + port + "/0": {x509.NewCertPool(), "redis.ca_file"},
		"rediss://localhost:" + port + "/0": {known, "redis.url"},
	} {
		_, err := redisstore.Open(t.Context(), address, redisstore.Options{RootCAs: c.roots})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "is it running") || redisstore.Distrust(err) == "" {
			t.Errorf("%s: %v", address, err)
		}
	}
	for want, err := range map[string]error{
		"renew":           &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		"rediss://":       io.EOF,
		"tls-auth-client": errors.New("remote error: tls: certificate required"),
		"redis.ca_file":   &tls.CertificateVerificationError{Err: errors.New("something else")},
	} {
		if got := redisstore.Distrust(fmt.Errorf("dial: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
	if got := redisstore.Distrust(errors.New("connection refused")); got != "" {
		t.Errorf("what has nothing to do with TLS: %q", got)
	}
}
