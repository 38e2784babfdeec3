package push

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// ServerOptions are what a Server needs.
type ServerOptions struct {
	Address  string // host:port
	Handler  http.Handler
	Deadline time.Duration // the handler's own; default 8 s
	// CertFile and KeyFile are PEM files, read again when they change. Without
	// them the server speaks plain HTTP: for behind a proxy that speaks TLS.
	CertFile, KeyFile string
	Log               *slog.Logger // nil: silent
}

// Server is an http.Server with a timeout on every phase: nobody keeps a
// connection by doing nothing. With certificates, start it with
// ListenAndServeTLS("", "").
func Server(o ServerOptions) (*http.Server, error) {
	if o.Handler == nil {
		return nil, errors.New("the SCIM server has nothing to serve")
	}
	if o.Deadline <= 0 {
		o.Deadline = 8 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &http.Server{
		Addr:              o.Address,
		Handler:           o.Handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5*time.Second + o.Deadline,
		WriteTimeout:      15*time.Second + o.Deadline, // from the end of the headers: body, work, answer
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    60 << 10, // net/http adds 4 KiB; the listener's own limit is lower
		ErrorLog:          ErrorLog(o.Log),
	}
	if o.CertFile == "" && o.KeyFile == "" {
		return s, nil
	}
	certs := &certificate{certFile: o.CertFile, keyFile: o.KeyFile, log: o.Log}
	if err := certs.load(); err != nil {
		return nil, fmt.Errorf("the SCIM server's certificate: %w", err)
	}
	s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get}
	return s, nil
}

// ErrorLog is where an http.Server says what went wrong. What clients do wrong, as in a
// handshake, is for debugging; that nobody can connect any more is not.
func ErrorLog(to *slog.Logger) *log.Logger { return log.New(complaints{to}, "", 0) }

type complaints struct{ log *slog.Logger }

// Write implements io.Writer; the server calls it for each line.
func (c complaints) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if strings.Contains(text, "Accept error") {
		c.log.Error("nobody can connect", "error", text, "do", "if too many files are open, allow more, as with ulimit -n 1024 or LimitNOFILE=1024, and start again")
	} else {
		c.log.Debug(text)
	}
	return len(line), nil
}

// certificate is a certificate that follows its files. They are looked at with
// each handshake, so that a renewal needs neither a signal nor a goroutine.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]stamp // of the files that were tried last, good or not
	said    string   // the complaint that is in the log already
}

// stamp tells one content of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen, err := c.stamps(); err == nil && seen == c.seen {
		return c.current, nil
	}
	if err := c.load(); err != nil {
		// A renewal writes two files; between them, and as long as they do not fit,
		// the old pair serves.
		if c.said != err.Error() {
			c.log.Error("the listener's new certificate cannot be used; the old one stays", "error", err.Error())
		}
		c.said = err.Error()
		return c.current, nil
	}
	c.said = ""
	c.log.Info("the listener's certificate was read again", "expires", c.current.Leaf.NotAfter)
	return c.current, nil
}

// load reads both files. What was tried is remembered before it is read: a file
// that changes meanwhile is read again.
func (c *certificate) load() error {
	seen, err := c.stamps()
	c.seen = seen
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current = &pair
	return nil
}

func (c *certificate) stamps() (seen [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return seen, err
		}
		seen[i] = stamp{info.ModTime(), info.Size()}
	}
	return seen, nil
}
