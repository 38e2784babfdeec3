package push_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
	"tomorro-sync/sources/push"
)

// do makes a request with the token of the tests.
func do(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const putJane = `{"userName":"jane.doe@example.com","userType":"admin"}`

func TestNewRefuses(t *testing.T) {
	f := world()
	for name, tokens := range map[string][]string{
		"no token": nil, "an empty token": {""}, "an empty second token": {token, ""}, "a blank token": {"   \t"}, "a short token": {"secret"},
		"blanks around": {" " + token}, "a short hash": {"sha256:ab"}, "no hash": {"sha256:"}, "a long hash": {"sha256:" + strings.Repeat("a", 66)},
		"a hash of no digits": {"sha256:" + strings.Repeat("z", 64)}, "the hash of nothing": {"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	} {
		_, err := push.New(push.Options{Users: f, Groups: f, Pusher: f.Pusher(), Tokens: tokens})
		if err == nil {
			t.Errorf("%s: served", name)
		} else if strings.Contains(name, "empty") && !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), token) {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
	if _, err := push.New(push.Options{Tokens: []string{token}}); err == nil {
		t.Error("served without anybody to ask")
	}
}

func TestRotation(t *testing.T) {
	oldToken, newToken := "the-old-token-of-the-app", "the-new-token-of-the-app"
	hash := sha256.Sum256([]byte(newToken))
	l := listener(t, world(), func(o *push.Options) { o.Tokens = []string{oldToken, "sha256:" + hex.EncodeToString(hash[:])} })
	for given, want := range map[string]int{
		oldToken: 200, newToken: 200, token: 401, "sha256:" + hex.EncodeToString(hash[:]): 401, hex.EncodeToString(hash[:]): 401,
	} {
		w := do(l, "GET", "/scim/v2/Users", "", "Authorization", "bearer "+given)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", given, w.Code, want)
		}
		if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
}

func TestRateLimit(t *testing.T) {
	f := world()
	other := "another-token-of-the-tests"
	l := listener(t, f, func(o *push.Options) { o.Tokens, o.Rate, o.Burst = []string{token, other}, 0.001, 3 })
	for i := range 5 {
		w := do(l, "PUT", "/scim/v2/Users/u1", putJane)
		if want := map[bool]int{true: 200, false: 429}[i < 3]; w.Code != want {
			t.Errorf("request %d: %d, want %d", i, w.Code, want)
		}
		if w.Code == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		checkForm(t, "PUT", w)
	}
	if n := len(f.Told()); n != 3 {
		t.Errorf("told %d times, want 3", n)
	}
	if w := do(l, "GET", "/scim/v2/Users/u1", "", "Authorization", "Bearer "+other); w.Code != 200 {
		t.Errorf("the other token: %d; each has its own rate", w.Code)
	}
	for range 20 {
		do(l, "GET", "/scim/v2/Users", "", "Authorization", "Bearer nobody's")
	}
	if w := do(l, "GET", "/scim/v2/Users/u1", "", "Authorization", "Bearer "+other); w.Code != 200 {
		t.Errorf("after wrong guesses: %d; nobody can lock OneLogin out", w.Code)
	}
}

func TestAllowList(t *testing.T) {
	l := listener(t, world(), func(o *push.Options) {
		o.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/64")}
	})
	for address, want := range map[string]int{
		"192.0.2.15:99": 200, "192.0.2.16:99": 403, "[::ffff:192.0.2.1]:9": 200, "[2001:db8::1]:9": 200, "[2001:db8:1::1]:9": 403, "@": 403, "": 403,
	} {
		r := httptest.NewRequest("GET", "/scim/v2/Users", nil)
		r.RemoteAddr = address
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Forwarded-For", "192.0.2.1")
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", address, w.Code, want)
		}
		checkForm(t, "GET", w)
	}
}

// TestRefusals holds how each error is answered, and that causes stay inside.
func TestRefusals(t *testing.T) {
	secret := errors.New("GET https://tomorro.example/scim?filter=jane.doe@example.com: connection refused")
	for name, c := range map[string]struct {
		err              error
		status           int
		scimType, detail string
		after            string
	}{
		"held":        {&push.Refusal{Kind: push.ErrHeld, Reason: "u1 is protected", Err: secret}, 403, "", "u1 is protected", ""},
		"held, bare":  {fmt.Errorf("%w: x", push.ErrHeld), 403, "", "", ""},
		"not known":   {push.ErrNotKnown, 404, "", "", ""},
		"gone":        {fmt.Errorf("x: %w", reconcile.ErrGone), 404, "", "", ""},
		"conflict":    {&push.Refusal{Kind: push.ErrConflict, Reason: "taken"}, 409, "uniqueness", "taken", ""},
		"exists":      {&reconcile.ExistsError{Account: reconcile.Account{UserName: "jane.doe@example.com"}}, 409, "uniqueness", "", ""},
		"invalid":     {&push.Refusal{Kind: push.ErrInvalid, Reason: "no such role"}, 400, "invalidValue", "no such role", ""},
		"unavailable": {&push.Refusal{Kind: push.ErrUnavailable, Reason: "Redis is down", After: 90 * time.Second, Err: push.ErrNotKnown}, 503, "", "Redis is down", "90"},
		"token":       {fmt.Errorf("x: %w", reconcile.ErrRefused), 503, "", "", "30"},
		"deadline":    {fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "", "", "30"},
		"any":         {secret, 503, "", "", "30"},
		"SCIM":        {&scim.Error{Status: 400, ScimType: "invalidPath", Detail: "d"}, 400, "invalidPath", "d", ""},
		"SCIM 5xx":    {&scim.Error{Status: 500, Detail: "jane.doe@example.com"}, 503, "", "", "30"},
	} {
		t.Run(name, func(t *testing.T) {
			f := world()
			f.Before = func(context.Context, string) error { return c.err }
			var logged bytes.Buffer
			l := listener(t, f, func(o *push.Options) { o.Log = slog.New(slog.NewJSONHandler(&logged, nil)) })
			w := do(l, "PUT", "/scim/v2/Users/u1", putJane)
			e, _ := scim.ParseError(w.Body.Bytes())
			if w.Code != c.status || e.ScimType != c.scimType || c.detail != "" && e.Detail != c.detail || w.Header().Get("Retry-After") != c.after {
				t.Errorf("%d %+v, Retry-After %q", w.Code, e, w.Header().Get("Retry-After"))
			}
			checkForm(t, "PUT", w)
			if out := w.Body.String() + logged.String(); strings.Contains(out, "jane.doe") || strings.Contains(out, "tomorro.example") {
				t.Errorf("the cause is shown: %s", out)
			}
		})
	}
}

func TestDeleteOfNobodyAndOutages(t *testing.T) {
	f := world()
	l := listener(t, f, nil)
	for range 2 {
		if w := do(l, "DELETE", "/scim/v2/Users/u1", ""); w.Code != 204 {
			t.Errorf("delete: %d", w.Code)
		}
	}
	f.Before = func(context.Context, string) error { return push.ErrUnavailable }
	if w := do(l, "DELETE", "/scim/v2/Users/u2", ""); w.Code != 503 {
		t.Errorf("delete while Tomorro is down: %d; it is not done", w.Code)
	}
	if w := do(l, "GET", "/scim/v2/Users?filter=userName%20eq%20%22jane.doe@example.com%22", ""); w.Code != 503 {
		t.Errorf("find while Tomorro is down: %d; nobody may conclude that she does not exist", w.Code)
	}
}

func TestPanicIsContained(t *testing.T) {
	f := world()
	f.Before = func(context.Context, string) error { panic("jane.doe@example.com") }
	var logged bytes.Buffer
	l := listener(t, f, func(o *push.Options) { o.Log = slog.New(slog.NewJSONHandler(&logged, nil)) })
	w := do(l, "GET", "/scim/v2/Users/u1", "")
	if w.Code != 500 {
		t.Errorf("status %d", w.Code)
	}
	checkForm(t, "GET", w)
	if out := logged.String(); strings.Contains(out, "jane") || !strings.Contains(out, "getUser") || !strings.Contains(out, w.Header().Get("X-Request-Id")) {
		t.Errorf("the log must say where, under which id, and not who: %s", out)
	}
	f.Before = nil
	if w := do(l, "GET", "/scim/v2/Users/u1", ""); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

// TestLogNamesNobody sends everything that must not be logged, everywhere.
func TestLogNamesNobody(t *testing.T) {
	var logged bytes.Buffer
	l := listener(t, world(), func(o *push.Options) {
		o.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	const who = "SECRET"
	ids := map[string]bool{}
	for _, path := range []string{"/scim/v2/Users", "/scim/v2/Users/SECRET", "/scim/v2/Groups/SECRET", "/SECRET", "/scim/v2/SECRET", "/scim/v2/Users?filter=userName%20eq%20%22SECRET%22", "/scim/v2/Users?SECRET=%zz", "/scim/v2/Users?filter=SECRET"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "SECRET"} {
			for _, body := range []string{`{"userName":"SECRET"}`, `SECRET`, `{"SECRET":1,"SECRET":2}`, `{"Operations":[{"op":"SECRET"}]}`, `{"Operations":[{"op":"add","path":"SECRET[","value":1}]}`} {
				w := do(l, method, path, body, "User-Agent", who, "Authorization", "Bearer "+map[bool]string{true: token, false: who}[len(body)%2 == 0], "X-Request-Id", who)
				id := w.Header().Get("X-Request-Id")
				if ids[id] || id == who || !strings.Contains(logged.String(), id) {
					t.Fatalf("request id %q is not new, or not in the log", id)
				}
				ids[id] = true
				if strings.Contains(logged.String(), who) || strings.Contains(logged.String(), token) {
					t.Fatalf("%s %s %s is in the log: %s", method, path, body, logged.String())
				}
				logged.Reset()
			}
		}
	}
}

func TestDeadline(t *testing.T) {
	f := world()
	f.Before = func(ctx context.Context, _ string) error {
		if until, ok := ctx.Deadline(); !ok || time.Until(until) > time.Second {
			t.Fatal("no deadline")
		}
		<-ctx.Done()
		return ctx.Err()
	}
	l := listener(t, f, func(o *push.Options) { o.Deadline = time.Millisecond })
	for _, method := range []string{"GET", "PUT"} {
		if w := do(l, method, "/scim/v2/Users/u1", putJane); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q", method, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

// TestHangUp holds that a client that goes away stops its read, and not its write.
func TestHangUp(t *testing.T) {
	f := world()
	f.Before = func(ctx context.Context, _ string) error { return ctx.Err() }
	l := listener(t, f, nil)
	for method, want := range map[string]int{"GET": 503, "PUT": 200, "PATCH": 200, "DELETE": 204} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r := httptest.NewRequestWithContext(ctx, method, "/scim/v2/Users/u1", strings.NewReader(putJane))
		if method == "PATCH" {
			r = httptest.NewRequestWithContext(ctx, method, "/scim/v2/Users/u2", strings.NewReader(writes[2].body))
		}
		if method == "PUT" {
			r = httptest.NewRequestWithContext(ctx, method, "/scim/v2/Users/u3", strings.NewReader(`{"userType":"viewer"}`))
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
	}
}

func TestVersions(t *testing.T) {
	f := world()
	l := listener(t, f, nil)
	tag := do(l, "GET", "/scim/v2/Users/u1", "").Header().Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) {
		t.Fatalf("ETag %q is not weak", tag)
	}
	if w := do(l, "GET", "/scim/v2/Users/u1", "", "If-None-Match", tag); w.Code != 304 {
		t.Errorf("unchanged: %d", w.Code)
	}
	if w := do(l, "PUT", "/scim/v2/Users/u1", putJane, "If-Match", `"x", `+tag); w.Code != 200 {
		t.Errorf("the right version: %d", w.Code)
	}
	for method, body := range map[string]string{"PUT": putJane, "PATCH": writes[2].body, "DELETE": ""} {
		if w := do(l, method, "/scim/v2/Users/u1", body, "If-Match", tag); w.Code != 412 {
			t.Errorf("%s with a stale version: %d", method, w.Code)
		}
	}
	for method, body := range map[string]string{"PUT": writes[4].body, "PATCH": writes[5].body, "DELETE": ""} {
		if w := do(l, method, "/scim/v2/Groups/g1", body, "If-Match", tag); w.Code != 412 {
			t.Errorf("%s of a group with a stale version: %d", method, w.Code)
		}
	}
	if n := len(f.Told()); n != 1 {
		t.Errorf("told %d times, want 1", n)
	}
}

// TestMembershipFolds holds that later operations on a member win over earlier
// ones, and that a removal by another filter is looked up.
func TestMembershipFolds(t *testing.T) {
	for ops, want := range map[string]push.MembershipSaid{
		`{"op":"add","path":"members","value":[{"value":"b"},{"value":"a"},{"value":"b"}]}`:                                                                {Added: []string{"a", "b"}},
		`{"op":"add","path":"members","value":{"value":"a"}},{"op":"remove","path":"members[value eq \"a\"]"}`:                                             {Removed: []string{"a"}},
		`{"op":"remove","path":"members","value":["a"]},{"op":"add","path":"members","value":["a","b"]}`:                                                   {Added: []string{"a", "b"}},
		`{"op":"replace","path":"members","value":["a","b"]},{"op":"remove","path":"members","value":["b"]},{"op":"add","path":"members","value":["c"]}`:   {Whole: true, All: []string{"a", "c"}},
		`{"op":"add","path":"members","value":["a"]},{"op":"remove","path":"members"}`:                                                                     {Whole: true, All: []string{}},
		`{"op":"remove","path":"members[value eq \"u1\" or value eq \"u9\"]"}`:                                                                             {Removed: []string{"u1"}},
		`{"op":"remove","path":"members[value sw \"u\"]"},{"op":"add","value":{"members":[{"value":"u2"}]}}`:                                               {Added: []string{"u2"}, Removed: []string{"u1"}},
		`{"op":"replace","value":{"members":[{"value":"u2"}],"externalId":"x"}}`:                                                                           {Whole: true, All: []string{"u2"}},
		`{"op":"Remove","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq \"a\"]"},{"OP":"ADD","PATH":"Members","VALUE":{"Value":"b"}}`: {Added: []string{"b"}, Removed: []string{"a"}},
	} {
		f := world()
		w := do(listener(t, f, nil), "PATCH", "/scim/v2/Groups/g2", `{"Operations":[`+ops+`]}`)
		want.GroupID = "g2"
		told := f.Told()
		got, _ := json.Marshal(told)
		wanted, _ := json.Marshal([]any{want})
		if w.Code != 200 || !bytes.Equal(got, wanted) {
			t.Errorf("%s:\n%d %s\nwant %s", ops, w.Code, got, wanted)
		}
	}
}

func TestPrefixAndBaseURL(t *testing.T) {
	l := listener(t, world(), func(o *push.Options) { o.Prefix, o.BaseURL = "/acme/scim/", "https://sync.example.com/acme/scim/" })
	w := do(l, "POST", "//acme//scim/Users/", `{"userName":"x@example.com"}`, "Host", "evil.example")
	if got := w.Header().Get("Location"); w.Code != 201 || got != "https://sync.example.com/acme/scim/Users/u1001" {
		t.Errorf("%d, Location %q", w.Code, got)
	}
	if w := do(l, "GET", "/scim/v2/Users", ""); w.Code != 404 {
		t.Errorf("another prefix: %d", w.Code)
	}
}

// TestStrangeIDs holds that what could be taken for a path at Tomorro gets nowhere.
func TestStrangeIDs(t *testing.T) {
	f := world()
	l := listener(t, f, nil)
	for _, id := range []string{"..", "%2e%2e", "a%2Fb", "..%2FGroups%2Fg1", "a%5Cb", "%00", "a%0D%0Ab", "a%3Fb", "a%23", "%ff", strings.Repeat("x", 1100)} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			if w := do(l, method, "/scim/v2/Users/"+id, putJane); w.Code != 404 {
				t.Errorf("%s %s: %d", method, id, w.Code)
			}
		}
	}
	if f.Reads() > 0 || len(f.Told()) > 0 {
		t.Errorf("%d reads, told %v", f.Reads(), f.Told())
	}
}

func TestPaging(t *testing.T) {
	l := listener(t, world(), nil)
	for query, want := range map[string]string{
		"": "4 1 u1 u2 u3 u4", "count=2": "4 1 u1 u2", "startIndex=2&count=2": "4 2 u2 u3", "startIndex=4&count=9": "4 4 u4", "startIndex=9": "4 9",
		"count=-1": "4 1", "count=0": "4 1", "startIndex=0&count=1": "4 1 u1", "startIndex=-7&count=1": "4 1 u1", "sortBy=userName&nonsense=1&count=1": "4 1 u1",
	} {
		var list struct {
			TotalResults, StartIndex int
			Resources                []struct{ ID string }
		}
		if err := json.Unmarshal(do(l, "GET", "/scim/v2/Users?"+query, "").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(list.TotalResults, " ", list.StartIndex)
		for _, r := range list.Resources {
			got += " " + r.ID
		}
		if got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
}

// TestTogether lets many clients at once work on one listener, under -race.
func TestTogether(t *testing.T) {
	f := world()
	l := listener(t, f, func(o *push.Options) { o.Rate, o.Burst = rate.Inf, 1 })
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, w := range writes {
				if a := do(l, w.method, w.path, w.body); a.Code >= 400 {
					t.Errorf("%s %s: %d", w.method, w.path, a.Code)
				}
				do(l, "GET", "/scim/v2/Groups", "")
			}
		})
	}
	group.Wait()
}
