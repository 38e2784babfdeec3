package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"tomorro-sync/reconcile"
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

// TestRolesMoveNoCursor: a userType at Tomorro may be any word, and is shown as one.
func TestRolesMoveNoCursor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	v := &planView{screen: newScreen(&out, true), pricing: reconcile.PricingV6}
	before := reconcile.Account{UserName: "ann@x.io", UserType: "\x1b[2J\u202eowner", GivenName: "\x1b[1m", FamilyName: "x", Active: true}
	after := reconcile.Account{UserName: "ann@x.io", UserType: reconcile.User, Active: true}
	for _, op := range []reconcile.Op{reconcile.OpChangeRole, reconcile.OpRename, reconcile.OpUpdateName, reconcile.OpDeactivate, reconcile.OpReactivate, reconcile.OpDelete} {
		v.people([]reconcile.Change{{Op: op, Key: 1, Who: "ann@x.io", Before: &before, After: &after}})
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e") || !strings.Contains(out.String(), `role \u001b[2J\u202eowner -> user`) {
		t.Errorf("%q", out.String())
	}
}

// TestHintsOfTheMachine: what the machine lacks is named, instead of an address to check.
func TestHintsOfTheMachine(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	if f := classify(t.Context(), fmt.Errorf("sign in to OneLogin's API: %w; check onelogin.url", dial)); !strings.Contains(f.hint, "ulimit -n") {
		t.Errorf("too many open files: %q", f.hint)
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		disk := fmt.Errorf("write secrets/tomorro_token: %w; nothing was written", &fs.PathError{Op: "write", Path: "secrets/.tomorro_token.1", Err: no})
		if f := classify(t.Context(), disk); f.code != exitError || !strings.Contains(f.hint, "make room") {
			t.Errorf("%v: %q", no, f.hint)
		}
	}
	full := fmt.Errorf("record the intent: %w", redisRefusal("OOM command not allowed when used memory > 'maxmemory'."))
	if f := classify(t.Context(), full); f.code != exitError || !strings.Contains(f.hint, "maxmemory") {
		t.Errorf("Redis is full: %q", f.hint)
	}
}

// redisRefusal is an answer of Redis as its client gives it.
type redisRefusal string

func (r redisRefusal) Error() string { return string(r) }
func (redisRefusal) RedisError()     {}
