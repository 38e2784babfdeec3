package push

import (
	"log/slog"
	"strings"
	"testing"
)

// TestErrorLog: what keeps a server from being reached is seen in the log; what single
// clients do wrong is not.
func TestErrorLog(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	to := ErrorLog(slog.New(slog.NewTextHandler(&log, nil)))
	to.Printf("http: TLS handshake error from %s: EOF", "192.0.2.1:9")
	if log.Len() > 0 {
		t.Errorf("a client's mistake: %s", log.String())
	}
	to.Printf("http: Accept error: %v; retrying in 1s", "accept tcp 127.0.0.1:9: accept4: too many open files")
	if s := log.String(); !strings.Contains(s, "level=ERROR") || !strings.Contains(s, "too many open files") || !strings.Contains(s, "LimitNOFILE") || strings.Count(s, "\n") != 1 {
		t.Errorf("an accept error: %s", s)
	}
}
