//go:build integration

package redisstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/jobstest"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/redisstore/redistest"
	"tomorro-sync/reconcile"
)

// TestRealRedis runs the conformance suite over each way that Redis is used in
// earnest.
func TestRealRedis(t *testing.T) {
	t.Run("append only", func(t *testing.T) {
		jobstest.Run(t, opener(redistest.Start(t, "--appendonly", "yes").URL()))
	})
	t.Run("with a password", func(t *testing.T) {
		s := redistest.Start(t, "--requirepass", "hunter2")
		jobstest.Run(t, opener("redis://:hunter2@"+s.Addr()+"/2"))
	})
	t.Run("as a user that may do no more than it has to", func(t *testing.T) {
		s := redistest.Start(t)
		admin := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2})
		t.Cleanup(func() { _ = admin.Close() })
		jobstest.Run(t, func(t *testing.T, connection string, ttl time.Duration) jobstest.Store {
			t.Helper()
			user := strings.ReplaceAll(connection, " ", "-") // neither names nor patterns have spaces
			if err := admin.Do(t.Context(), documented(t, user, strings.ReplaceAll(connection, " ", "?"))...).Err(); err != nil {
				t.Fatal(err)
			}
			return opened(t, "redis://"+user+":hunter2@"+s.Addr()+"/0", redisstore.Options{Connection: connection, TTL: ttl})
		})
	})
	t.Run("with TLS", func(t *testing.T) {
		cert, key, pool := certificate(t)
		plain := redistest.Start(t, "--tls-port", fmt.Sprint(tlsPort(t)), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
		address := fmt.Sprintf("rediss://127.0.0.1:%s/0", plain.Option("--tls-port"))
		jobstest.Run(t, func(t *testing.T, connection string, ttl time.Duration) jobstest.Store {
			t.Helper()
			return opened(t, address, redisstore.Options{Connection: connection, TTL: ttl, RootCAs: pool})
		})
		if s, err := redisstore.Open(t.Context(), address, redisstore.Options{}); err == nil {
			_ = s.Close()
			t.Error("a certificate that nobody vouches for is accepted")
		}
	})
	t.Run("Sentinel with a password", func(t *testing.T) {
		address := redistest.StartSentinelWith(t, "hunter2").URL
		if _, err := opened(t, address, redisstore.Options{SentinelPassword: "hunter2"}).Wish(t.Context(), jobs.Trigger{By: "test"}); err != nil {
			t.Error(err)
		}
		if s, err := redisstore.Open(t.Context(), address, redisstore.Options{}); err == nil {
			_ = s.Close()
			t.Error("sentinels that ask for a password were asked without one")
		}
	})
	t.Run("Sentinel", func(t *testing.T) {
		jobstest.Run(t, opener(redistest.StartSentinel(t).URL))
	})
	t.Run("Cluster", func(t *testing.T) {
		jobstest.Run(t, opener(redistest.StartCluster(t).URL))
	})
}

// documented is the command of the package documentation that makes a user for a
// connection.
func documented(t *testing.T, user, connection string) []any {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "ACL SETUSER sync ")
	line, _, _ := strings.Cut(rest, "\n")
	if !found {
		t.Fatal("the package documentation has no user")
	}
	command := []any{"ACL", "SETUSER", user, "reset"}
	for word := range strings.FieldsSeq(strings.NewReplacer("PASSWORD", "hunter2", "{default}", "{"+connection+"}").Replace(line)) {
		command = append(command, word)
	}
	return command
}

func tlsPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// certificate makes a certificate for the loopback address that vouches for itself.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, text := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

// TestManyInParts: what is read in parts is all there.
func TestManyInParts(t *testing.T) {
	const n = 25_000
	s := opened(t, redistest.Start(t).URL(), redisstore.Options{})
	must := mustFor(t)
	links, people := make([]reconcile.Link, n), make(map[reconcile.Key]uint64, n)
	for i := range links {
		key := reconcile.Key(i + 1)
		links[i], people[key] = reconcile.Link{Key: key, Account: fmt.Sprint("account ", key)}, uint64(key)
	}
	for part := range slices.Chunk(links, 1000) {
		must(s.Link(t.Context(), jobs.Lease{}, part))
	}
	must(s.Do(t.Context(), "a", func(ctx context.Context, l jobs.Lease) error {
		return s.Learn(ctx, l, reconcile.Learned{People: people, Rules: 7, Basis: []byte("basis")}, nil)
	}))
	got, err := s.Links(t.Context())
	must(err)
	for _, l := range links {
		if got[l.Key] != l.Account {
			t.Fatalf("of %d links %d is %q", len(got), l.Key, got[l.Key])
		}
	}
	facts, err := s.Facts(t.Context())
	must(err)
	if !maps.Equal(facts.People, people) || facts.Rules != 7 || string(facts.Basis) != "basis" {
		t.Errorf("%d people, rules %d, basis %q", len(facts.People), facts.Rules, facts.Basis)
	}
}
