package push_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tomorro-sync/sources/push"
)

// pair writes a self-signed certificate with this serial number; the files' time
// is set, so that no test depends on the clock's steps.
type pair struct {
	cert, key string
	written   time.Time
}

func newPair(t *testing.T) *pair {
	dir := t.TempDir()
	p := &pair{cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), written: time.Now().Add(-time.Hour)}
	p.renew(t, 1)
	return p
}

func (p *pair) renew(t *testing.T, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	p.write(t, p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func (p *pair) write(t *testing.T, name string, data []byte) {
	t.Helper()
	p.written = p.written.Add(time.Second)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, p.written, p.written); err != nil {
		t.Fatal(err)
	}
}

// serve runs a server until the test ends and gives its address.
func serve(t *testing.T, o push.ServerOptions) string {
	t.Helper()
	s, err := push.Server(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		if o.CertFile != "" {
			ended <- s.ServeTLS(ln, "", "")
		} else {
			ended <- s.Serve(ln)
		}
	}()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// serial connects and gives the serial number of the certificate that is shown.
func serial(t *testing.T, address string) int64 {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestCertificateReload(t *testing.T) {
	p := newPair(t)
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	address := serve(t, push.ServerOptions{Handler: listener(t, world(), nil), CertFile: p.cert, KeyFile: p.key, Log: log})
	expect := func(when string, want int64) {
		t.Helper()
		if got := serial(t, address); got != want {
			t.Errorf("%s: certificate %d, want %d", when, got, want)
		}
	}
	expect("at the start", 1)
	p.renew(t, 2)
	expect("after a renewal", 2)
	good, err := os.ReadFile(p.cert)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, p.cert, []byte("garbage"))
	expect("with a broken file", 2)
	expect("with a broken file, again", 2)
	if n := strings.Count(logged.String(), "cannot be used"); n != 1 {
		t.Errorf("the broken file was logged %d times, want once: %s", n, logged.String())
	}
	if err := os.Remove(p.key); err != nil {
		t.Fatal(err)
	}
	expect("with a missing key", 2)
	expect("with a missing key, again", 2)
	if n := strings.Count(logged.String(), "cannot be used"); n != 2 {
		t.Errorf("the missing file was logged %d times, want once: %s", n-1, logged.String())
	}
	p.write(t, p.cert, good)
	p.renew(t, 3)
	expect("after it is mended", 3)
}

func TestServerRefuses(t *testing.T) {
	p := newPair(t)
	other := newPair(t)
	l := listener(t, world(), nil)
	for name, o := range map[string]push.ServerOptions{
		"no handler": {}, "no key": {Handler: l, CertFile: p.cert}, "no such file": {Handler: l, CertFile: p.cert, KeyFile: p.key + "x"},
		"a key of another certificate": {Handler: l, CertFile: p.cert, KeyFile: other.key},
	} {
		if _, err := push.Server(o); err == nil {
			t.Errorf("%s: served", name)
		}
	}
}

func TestServerLimits(t *testing.T) {
	p := newPair(t)
	s, err := push.Server(push.ServerOptions{Handler: http.NotFoundHandler(), CertFile: p.cert, KeyFile: p.key})
	if err != nil {
		t.Fatal(err)
	}
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("a phase without a limit: %+v", s)
	}
	if s.WriteTimeout <= s.ReadTimeout {
		t.Error("an answer must have time left after a slow body")
	}
	address := serve(t, push.ServerOptions{Handler: listener(t, world(), nil), CertFile: p.cert, KeyFile: p.key})
	if c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		c.Close()
		t.Error("TLS 1.1 was spoken")
	}
}

// TestOverTheWire makes a request as OneLogin does, over TLS.
func TestOverTheWire(t *testing.T) {
	p := newPair(t)
	address := serve(t, push.ServerOptions{Handler: listener(t, world(), nil), CertFile: p.cert, KeyFile: p.key})
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { t.Error("redirected"); return nil }}
	r, err := http.NewRequest("POST", "https://"+address+"/scim/v2//Users/", strings.NewReader(writes[0].body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if w.StatusCode != 201 || w.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d, Content-Type %q", w.StatusCode, w.Header.Get("Content-Type"))
	}
}

// TestSlowBody holds that a body that does not come ends with a 408 and is told to
// nobody; and one that is cut off, with nothing.
func TestSlowBody(t *testing.T) {
	f := world()
	address := serve(t, push.ServerOptions{
		Deadline: time.Hour, // the listener has its own
		Handler:  listener(t, f, func(o *push.Options) { o.Deadline = 50 * time.Millisecond }),
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "PUT /scim/v2/Users/u1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 60\r\n\r\n{\"userName\"", token)
	w, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(w.Body)
	w.Body.Close()
	if w.StatusCode != 408 || !strings.Contains(string(body), `"status":"408"`) {
		t.Errorf("%d %s", w.StatusCode, body)
	}
	if told := f.Told(); len(told) > 0 {
		t.Errorf("told %+v", told)
	}
}
