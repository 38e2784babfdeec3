package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
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

// TestLooks: where simulate says that its sides can be looked at, there is an answer.
func TestLooks(t *testing.T) {
	l := newOffice(t, labOptions{users: 3, groups: 1, plain: true}, "").lab
	var out strings.Builder
	if err := (&program{stdout: &out}).introduce(l, "c.yaml"); err != nil {
		t.Fatal(err)
	}
	looks := regexp.MustCompile(`look: (\S+)`).FindAllStringSubmatch(out.String(), -1)
	for _, look := range looks {
		answer, err := http.Get(look[1])
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", look[1], answer.Status)
		}
	}
	if len(looks) != 2 {
		t.Errorf("%d addresses:\n%s", len(looks), out.String())
	}
}
