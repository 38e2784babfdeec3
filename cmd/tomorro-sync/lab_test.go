package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
)

// exhausted is a listener of a process that has no file left.
type exhausted struct{ net.Listener }

func (exhausted) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

// TestLabEnds: simulators that can take no connection say so, instead of letting those wait
// who are in the same process and hold the files.
func TestLabEnds(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var broken error
	serveStrictly(&http.Server{}, exhausted{listener}, func(err error) { broken = err })
	if f := classify(t.Context(), broken); !errors.Is(broken, syscall.EMFILE) || f.hint == "" {
		t.Errorf("%v, %+v", broken, f)
	}
	closed := &http.Server{}
	_ = closed.Close()
	serveStrictly(closed, listener, func(err error) { t.Errorf("said at the end: %v", err) })
}
