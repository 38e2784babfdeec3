//go:build integration

package redisstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tomorro-sync/jobs/jobstest"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/redisstore/redistest"
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
	t.Run("Sentinel", func(t *testing.T) {
		jobstest.Run(t, opener(redistest.StartSentinel(t).URL))
	})
	t.Run("Cluster", func(t *testing.T) {
		jobstest.Run(t, opener(redistest.StartCluster(t).URL))
	})
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
