package onelogintest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tomorro-sync/sources/onelogin/onelogintest"
)

// says answers every request that begins with a prefix, in a variant's place.
func says(prefix string, status int, kind, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.Method+" "+r.URL.Path, prefix) {
			return false
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	}
}

// toSlashes redirects as http.ServeMux would, to a path that answers well.
func toSlashes(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != "/scim/Users" {
		return false
	}
	w.Header().Set("Location", "/scim//Users")
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

// TestAnswers: what OneLogin needs in an answer (A5), and what it says when that
// is not there. lenient says what becomes of it when only the status counts.
func TestAnswers(t *testing.T) {
	const js, whole = "application/json", `{"id":"u1","userName":"jane+law@example.com","name":{"givenName":"Jane","familyName":"O'Neil"}}`
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		strict string // in the detail; nothing is success
		scim   string // with application/scim+json allowed; "=" is as strict
		loose  string
	}{
		"all well":           {says("POST /scim/Users", 201, js+"; charset=utf-8", whole), "", "", ""},
		"text/plain":         {says("POST /scim/Users", 201, "text/plain; charset=utf-8", whole), `Content-Type is "text/plain"`, "=", ""},
		"application/scim":   {says("POST /scim/Users", 201, "application/scim+json", whole), `Content-Type is "application/scim+json"`, "", ""},
		"no id":              {says("POST /scim/Users", 201, js, `{"userName":"x","name":{"givenName":"a","familyName":"b"}}`), "no id", "=", "no id"},
		"id is a number":     {says("POST /scim/Users", 201, js, strings.Replace(whole, `"u1"`, "7", 1)), "no id as text", "=", ""},
		"no userName":        {says("POST /scim/Users", 201, js, `{"id":"u1","name":{"givenName":"a","familyName":"b"}}`), "no userName", "=", ""},
		"no name":            {says("POST /scim/Users", 201, js, `{"id":"u1","userName":"x"}`), "no name", "=", ""},
		"no givenName":       {says("POST /scim/Users", 201, js, `{"id":"u1","userName":"x","name":{"familyName":"b"}}`), "no name", "=", ""},
		"no familyName":      {says("POST /scim/Users", 201, js, `{"id":"u1","userName":"x","name":{"givenName":"b","familyName":null}}`), "no name", "=", ""},
		"empty":              {says("POST /scim/Users", 201, js, ""), "not one user", "=", "no id"},
		"html":               {says("POST /scim/Users", 200, js, "<html>"), "no JSON", "=", "no id"},
		"conflict":           {says("POST /scim/Users", 409, js, `{"detail":"userName is taken"}`), "status 409: userName is taken", "=", "status 409"},
		"error of SCIM 1.1":  {says("POST /scim/Users", 400, js, `{"Errors":[{"description":"no seat is left","code":"400"}]}`), "status 400: no seat is left", "=", "no seat"},
		"error nobody reads": {says("POST /scim/Users", 503, "text/html", `<h1>busy</h1>`), "status 503 with an error that cannot be read", "=", "503"},
		"redirect":           {toSlashes, "status 307", "=", "307"},
		"search: 404":        {says("GET /scim/Users", 404, js, `{"detail":"none"}`), "", "", ""},
		"search: no total":   {says("GET /scim/Users", 200, js, `{"Resources":[]}`), "totalResults", "=", ""},
		"search: no list":    {says("GET /scim/Users", 200, js, `[]`), "no list", "=", "no list"},
		"search: two":        {says("GET /scim/Users", 200, js, `{"totalResults":2,"Resources":[`+whole+`,`+whole+`]}`), "2 users were found", "=", "2 users"},
		"search: no names":   {says("GET /scim/Users", 200, js, `{"totalResults":1,"Resources":[{"id":"u1","userName":"x"}]}`), "no name", "=", ""},
		"found: other id":    {says("PUT /scim/Users/u1", 200, js, strings.Replace(whole, "u1", "u2", 1)), `the id "u2", not "u1"`, "=", ""},
		"found: gone":        {says("GET /scim/Users/u1", 404, js, `{"detail":"no such user"}`), "status 404: no such user", "=", "404"},
		"found: empty":       {says("PUT /scim/Users/u1", 200, js, ""), "not one user", "=", ""},
		"patch: empty":       {says("PATCH /scim/Groups/g-legal", 200, "", ""), "", "", ""},
		"patch: 204":         {says("PATCH /scim/Groups/g-legal", 204, "", ""), "", "", ""},
		"patch: text":        {says("PATCH /scim/Groups/g-legal", 200, "text/plain", "ok"), "Content-Type", "=", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.scim == "=" {
				c.scim = c.strict
			}
			for strictness, want := range map[string]string{onelogintest.Strict: c.strict, onelogintest.StrictSCIM: c.scim, onelogintest.Lenient: c.loose} {
				o := newOffice(t, onelogintest.PushKnobs{Strictness: strictness})
				o.step("enable", o.pusher.Enable)
				o.step("refresh", o.pusher.Refresh)
				if strings.HasPrefix(name, "found") {
					o.rec.users["u1"] = strings.Replace(whole, `"id":"u1",`, "", 1)
				}
				o.rec.answer = c.answer
				err := o.pusher.Assign(t.Context(), o.who)
				l := o.pusher.Login(o.who)
				switch {
				case want == "" && (err != nil || l.State != onelogintest.StateProvisioned):
					t.Errorf("%q: %v, %+v", strictness, err, l)
				case want != "" && (err == nil || !strings.Contains(err.Error(), want) || l.State != onelogintest.StateFailed || l.Detail != err.Error()):
					t.Errorf("%q: %v, %+v, want %q", strictness, err, l, want)
				}
			}
		})
	}
}

// TestEnable: an empty list or a 404 makes the connection good, nothing else
// does, and before that nothing is pushed.
func TestEnable(t *testing.T) {
	const js, none = "application/json", `{"totalResults":0,"Resources":[]}`
	for name, c := range map[string]struct {
		status     int
		kind, body string
		good       bool
	}{
		"empty list": {200, js, none, true}, "404": {404, "text/plain", "no", true}, "401": {401, js, `{"detail":"no"}`, false},
		"500": {500, js, none, false}, "html": {200, "text/html", "<p>", false},
		"somebody": {200, js, `{"totalResults":1,"Resources":[{"id":"1","userName":"x","name":{"givenName":"a","familyName":"b"}}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, onelogintest.PushKnobs{})
			o.rec.answer = says("GET", c.status, c.kind, c.body)
			err := o.pusher.Enable(t.Context())
			o.rec.answer = nil
			if pushed := o.pusher.Assign(t.Context(), o.who); (err == nil) != c.good || (pushed == nil) != c.good {
				t.Errorf("enable: %v, assign: %v", err, pushed)
			}
			if n := len(o.pusher.Sent()); !c.good && n != 1 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

// TestFailedStays: a push that fails does not come again by itself, and Retry
// sends what is missing.
func TestFailedStays(t *testing.T) {
	o := newOffice(t, onelogintest.PushKnobs{})
	o.step("enable", o.pusher.Enable)
	o.step("refresh", o.pusher.Refresh)
	o.rec.answer = says("PATCH", 503, "application/json", `{"detail":"busy"}`)
	if err := o.pusher.Assign(t.Context(), o.who); err == nil {
		t.Fatal("no error")
	}
	o.rec.answer = nil
	if l := o.pusher.Login(o.who); l.State != onelogintest.StateFailed || l.ID != "u1" || len(l.Groups) != 0 || len(o.pusher.Failed()) != 1 {
		t.Errorf("%+v", l)
	}
	n := len(o.pusher.Sent())
	o.step("retry", func(ctx context.Context) error { return o.pusher.Retry(ctx, o.who) })
	sent := o.pusher.Sent()[n:]
	if len(sent) != 1 || sent[0].Path != "/Groups/g-legal" {
		t.Errorf("retry sent %+v", sent)
	}
	if l := o.pusher.Login(o.who); l.State != onelogintest.StateProvisioned || l.Detail != "" || len(l.Groups) != 1 {
		t.Errorf("%+v", l)
	}
	o.rec.users = map[string]string{} // removed at the other side
	o.step("reset", func(ctx context.Context) error { return o.pusher.Reset(ctx, o.who) })
	if len(o.rec.users) != 1 {
		t.Error("reset did not create the user anew")
	}
}

// TestRetryAtOnce sends a failed request once more, and no more than once.
func TestRetryAtOnce(t *testing.T) {
	for failures, good := range map[int]bool{1: true, 2: false} {
		o := newOffice(t, onelogintest.PushKnobs{OnFailure: onelogintest.FailureRetry})
		o.step("enable", o.pusher.Enable)
		left := failures
		o.rec.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || left == 0 {
				return false
			}
			left--
			return says("POST", 503, "application/json", `{"detail":"busy"}`)(w, r)
		}
		if err := o.pusher.Assign(t.Context(), o.who); (err == nil) != good {
			t.Errorf("%d failures: %v", failures, err)
		}
	}
}

// TestTimeout: OneLogin gives up, and says so.
func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	p := onelogintest.NewProvisioner(onelogintest.New(&onelogintest.World{}), slow.URL, "secret", onelogintest.PushKnobs{TimeoutMS: 20})
	defer p.Close()
	if err := p.Enable(t.Context()); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("%v", err)
	}
	if sent := p.Sent(); len(sent) != 1 || sent[0].Status != 0 {
		t.Errorf("%+v", sent)
	}
}

// TestApproval: without it nothing is sent.
func TestApproval(t *testing.T) {
	o := newOffice(t, onelogintest.PushKnobs{Approval: true})
	o.step("enable", o.pusher.Enable)
	if err := o.pusher.Assign(t.Context(), o.who); err != nil {
		t.Fatal(err)
	}
	if l := o.pusher.Login(o.who); l.State != onelogintest.StatePending || len(o.pusher.Sent()) != 1 {
		t.Errorf("%+v, sent %+v", l, o.pusher.Sent())
	}
	o.step("approve", func(ctx context.Context) error { return o.pusher.Approve(ctx, o.who) })
	if o.pusher.Approve(t.Context(), o.who) == nil {
		t.Error("nothing waited, and it was approved")
	}
}

// TestPushFirst: the other side is told before the API says it.
func TestPushFirst(t *testing.T) {
	for first, want := range map[bool]int{true: 1, false: 2} {
		o := newOffice(t, onelogintest.PushKnobs{PushFirst: first})
		o.step("enable", o.pusher.Enable)
		o.step("assign", func(ctx context.Context) error { return o.pusher.Assign(ctx, o.who) })
		var during int
		o.rec.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				o.sim.Edit(func(w *onelogintest.World) { during = w.Find(o.who).Status })
			}
			return false
		}
		o.step("suspend", func(ctx context.Context) error { return o.pusher.Suspend(ctx, o.who) })
		if during != want {
			t.Errorf("push first %v: the status was %d during the push", first, during)
		}
	}
}

// TestGroupsByHand: only what Refresh has read can be chosen, a rule gives again
// what was taken by hand, a missing group is made only by rules that map.
func TestGroupsByHand(t *testing.T) {
	o := newOffice(t, onelogintest.PushKnobs{})
	p := o.pusher
	o.step("enable", p.Enable)
	if p.GroupOn(t.Context(), o.who, "deals") == nil {
		t.Error("a group was chosen that was not imported")
	}
	o.step("refresh", p.Refresh)
	if p.GroupOn(t.Context(), o.who, "deals") == nil {
		t.Error("a group was given to somebody without a login")
	}
	o.step("assign", func(ctx context.Context) error { return p.Assign(ctx, o.who) })
	o.step("on", func(ctx context.Context) error { return p.GroupOn(ctx, o.who, "deals") })
	o.step("off", func(ctx context.Context) error { return p.GroupOff(ctx, o.who, "legal") })
	if l := p.Login(o.who); fmt.Sprint(l.Groups, l.ByHand) != "[deals] [deals]" {
		t.Errorf("%+v", l)
	}
	o.step("reapply", p.ReapplyMappings)
	if l := p.Login(o.who); fmt.Sprint(l.Groups, l.ByHand) != "[deals legal] [deals]" {
		t.Errorf("%+v", l)
	}
	o.step("remove", func(ctx context.Context) error { return p.Remove(ctx, o.who) })
	if l := p.Login(o.who); l.ID != "" || len(l.ByHand)+len(l.Groups) != 0 {
		t.Errorf("the login is remembered: %+v", l)
	}

	for create, want := range map[bool]string{false: "[]", true: "[legal]"} {
		o := newOffice(t, onelogintest.PushKnobs{CreateGroups: create})
		o.rec.groups = nil
		o.step("enable", o.pusher.Enable)
		o.step("refresh", o.pusher.Refresh)
		o.step("assign", func(ctx context.Context) error { return o.pusher.Assign(ctx, o.who) })
		if l := o.pusher.Login(o.who); fmt.Sprint(l.Groups) != want || fmt.Sprint(o.rec.groups) != want || fmt.Sprint(o.pusher.Groups()) != want {
			t.Errorf("create %v: %+v, there are %v", create, l, o.rec.groups)
		}
	}
	const made = "POST /scim/Groups\nContent-Type: application/json\n" + `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"legal"}`
	o = newOffice(t, onelogintest.PushKnobs{CreateGroups: true})
	o.rec.groups = nil
	o.step("enable", o.pusher.Enable)
	o.step("assign", func(ctx context.Context) error { return o.pusher.Assign(ctx, o.who) })
	if !strings.Contains(strings.Join(o.rec.wire, "\n\n"), made) {
		t.Errorf("%q", o.rec.wire)
	}
}
