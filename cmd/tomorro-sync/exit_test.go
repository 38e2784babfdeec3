package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
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
