package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestErrorsMoveNoCursor: what a service answers, or somebody is called, stands in errors,
// and does nothing to the terminal they are shown on.
func TestErrorsMoveNoCursor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := &failure{code: exitError, err: errors.New("Tomorro answered 400: \x1b]0;owned\x07\x1b[2J\u009b1m\u202eevil\rtomorro-sync: all is well\nsecond line"), hint: "see \x1b[8m"}
	f.tell(io.Discard, &out, false)
	if strings.ContainsAny(out.String(), "\x1b\x07\r\u009b\u202e") || !strings.Contains(out.String(), `\u001b]0;owned\u0007`) || !strings.Contains(out.String(), "\ntomorro-sync: second line\n") {
		t.Errorf("%q", out.String())
	}
}
