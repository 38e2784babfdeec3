package tomorro

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// TestAnswered: an answer that leaves out what was sent proves nothing.
func TestAnswered(t *testing.T) {
	sent := reconcile.Account{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: "user", Active: true}
	whole := user{ID: "a1", UserName: "ann@x.io", UserType: "user", Name: scim.Name{GivenName: "Ann", FamilyName: "Doe"}, Active: new(scim.Bool(true))}
	for name, edit := range map[string]func(*user){
		"id": func(u *user) { u.ID = "" }, "userName": func(u *user) { u.UserName = "" }, "userType": func(u *user) { u.UserType = "" },
		"active": func(u *user) { u.Active = nil }, "given name": func(u *user) { u.Name.GivenName = "" }, "family name": func(u *user) { u.Name.FamilyName = "" },
	} {
		partial := whole
		edit(&partial)
		if got := answered(sent, &partial); got != (reconcile.Account{}) {
			t.Errorf("without %s: %+v", name, got)
		}
	}
	if got := answered(sent, &whole); got.ID != "a1" {
		t.Errorf("%+v", got)
	}
	sent.FamilyName, whole.Name.FamilyName = "", ""
	if got := answered(sent, &whole); got.ID != "a1" {
		t.Errorf("a person of one name: %+v", got)
	}
}

// TestNotice: a try leaves no doubt when it was answered, or its connection was never made.
func TestNotice(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		err    error
		doubt  bool
	}{
		"done": {status: 200}, "refused": {status: 400}, "too much": {status: 429},
		"an error": {status: 500, doubt: true}, "a gateway's": {status: 502, doubt: true},
		"not connected":         {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
		"reset before it ended": {err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}, doubt: true},
		"not written whole":     {err: &net.OpError{Op: "write", Err: syscall.EPIPE}, doubt: true},
		"closed":                {err: io.EOF, doubt: true},
	} {
		ctx, doubt := doubting(t.Context())
		notice(ctx, &http.Response{StatusCode: c.status}, c.err)
		if doubt.Load() != c.doubt {
			t.Errorf("%s: doubt %v", name, doubt.Load())
		}
	}
}

// TestMarkedOnlyWhereWanted: an update by PATCH changes the externalId of an account, which
// may be somebody else's mark, only where accounts are to be marked.
func TestMarkedOnlyWhereWanted(t *testing.T) {
	w := reconcile.Write{Account: reconcile.Account{UserType: reconcile.Admin, ExternalID: "onelogin:5"}, Before: reconcile.Account{UserType: reconcile.User, ExternalID: "okta-7"}}
	for _, send := range []bool{false, true} {
		p := (&Client{cfg: Config{SendExternalID: send}}).patch(w)
		if marks := slices.ContainsFunc(p.Operations, func(o scim.Operation) bool { return o.Path == "externalId" }); marks != send {
			t.Errorf("marked %v, want %v: %+v", marks, send, p.Operations)
		}
	}
}

// TestWhoIsTakenOut: each dialect names whom it takes out, and nothing in an id reaches
// others.
func TestWhoIsTakenOut(t *testing.T) {
	const id = `a" or value pr or value eq "`
	for form, want := range map[string]string{
		RemoveByValues: `"path":"members","value":[{"value":"a\" or value pr or value eq \""}]`,
		RemoveByFilter: `"path":"members[value eq \"a\\\" or value pr or value eq \\\"\"]"`,
		RemoveByScim1:  `"members":[{"value":"a\" or value pr or value eq \"","operation":"delete"}]`,
	} {
		c := &Client{cfg: Config{MemberRemoval: form}}
		if body := string(marshal(c.memberPatch(nil, []string{id}))); !strings.Contains(body, want) {
			t.Errorf("%s: %s", form, body)
		}
	}
}
