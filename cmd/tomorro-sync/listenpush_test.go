package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
	"tomorro-sync/sources/push"
)

// TestWhyNot: what an administrator reads in OneLogin says whether to push again.
func TestWhyNot(t *testing.T) {
	held := func(rule reconcile.HoldRule, group string) jobs.Looked {
		return jobs.Looked{Held: []reconcile.Held{{Rule: rule, Reason: "a reason", Change: reconcile.Change{Group: group}}}}
	}
	failed := func(err error) jobs.Looked { return jobs.Looked{Err: fmt.Errorf("it: %w", err)} }
	active := reconcile.Account{ID: "a", Active: true}
	for name, c := range map[string]struct {
		looked jobs.Looked
		kind   error
		says   string
	}{
		"done":                {jobs.Looked{Account: active}, nil, ""},
		"gone":                {failed(reconcile.ErrGone), push.ErrNotKnown, "no user"},
		"not stored":          {failed(jobs.ErrNotStored), push.ErrUnavailable, "push it again"},
		"busy":                {failed(jobs.ErrBusy), push.ErrUnavailable, "without anybody pushing it again"},
		"taken":               {failed(&reconcile.ExistsError{Account: active}), push.ErrConflict, "has this userName"},
		"not done":            {failed(jobs.ErrNotDone), push.ErrUnavailable, "tried again"},
		"held":                {held(reconcile.RuleLimit, ""), push.ErrHeld, "holds"},
		"held by a receipt":   {held(reconcile.RuleReceipt, ""), push.ErrUnavailable, "confirms"},
		"held by a witness":   {held(reconcile.RuleWitness, ""), push.ErrUnavailable, "confirms"},
		"a group is held":     {held(reconcile.RuleLimit, "legal"), nil, ""},
		"foreign":             {jobs.Looked{Foreign: true, Account: active}, push.ErrHeld, "by hand"},
		"not known yet":       {jobs.Looked{Foreign: true, Late: true, Account: active}, push.ErrHeld, "within some minutes"},
		"late to remove":      {jobs.Looked{Late: true, Account: active}, push.ErrUnavailable, "still says"},
		"late to give access": {jobs.Looked{Late: true}, push.ErrUnavailable, "does not say yet"},
	} {
		err := whyNot(&c.looked, ofAccount)
		refusal, _ := errors.AsType[*push.Refusal](err)
		switch {
		case c.kind == nil:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case refusal == nil || !errors.Is(err, c.kind) || !strings.Contains(refusal.Reason, c.says):
			t.Errorf("%s: %v, want %v with %q", name, err, c.kind, c.says)
		case (refusal.After == busyFor) != (name == "busy"):
			t.Errorf("%s: come again after %v", name, refusal.After)
		}
	}
	other := errors.New("down")
	if err := whyNot(&jobs.Looked{Err: other}, ofAccount); !errors.Is(err, other) || !errors.Is(err, push.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	l := held(reconcile.RuleLimit, "legal")
	if err := whyNot(&l, func(h *reconcile.Held) bool { return h.Group == "legal" }); !errors.Is(err, push.ErrHeld) {
		t.Errorf("a push about the group that is held: %v", err)
	}
}

// TestAgrees: what a push says and OneLogin's API does not is why it is asked again.
func TestAgrees(t *testing.T) {
	person := reconcile.Person{Email: "Jane@x.io", Username: "jane", Title: "Manager", FirstName: "Jane", LastName: "Ray", Assigned: true}
	all := push.UserSaid{UserName: "jane@x.io", UserType: "manager", GivenName: "Jane", FamilyName: "Ray"}
	for name, edit := range map[string]func(*push.UserSaid, *reconcile.Person){
		"userName": func(s *push.UserSaid, _ *reconcile.Person) { s.UserName = "other@x.io" },
		"title":    func(s *push.UserSaid, _ *reconcile.Person) { s.UserType = "user" },
		"given":    func(s *push.UserSaid, _ *reconcile.Person) { s.GivenName = "Joan" },
		"family":   func(s *push.UserSaid, _ *reconcile.Person) { s.FamilyName = "Hay" },
		"no app":   func(_ *push.UserSaid, p *reconcile.Person) { p.Assigned = false },
	} {
		said, who := all, person
		if edit(&said, &who); agrees(&said, &who) {
			t.Errorf("%s: agrees", name)
		}
	}
	for _, said := range []push.UserSaid{all, {}, {UserName: "JANE"}} {
		if !agrees(&said, &person) {
			t.Errorf("%+v does not agree", said)
		}
	}
	// A push reads tabs and line breaks as blanks, as a run does in titles.
	blanks := reconcile.Person{Title: "Head of\tLegal\n", FirstName: "Mary\r\nAnn", LastName: " Ray", Assigned: true}
	if said := (push.UserSaid{UserType: "Head of Legal", GivenName: "Mary Ann", FamilyName: "Ray"}); !agrees(&said, &blanks) {
		t.Errorf("%+v does not agree with %+v", said, blanks)
	}
}

// counter is the listener with a OneLogin, whose Jane and Omar have the
// app, and a Tomorro behind.
type counter struct {
	t       *testing.T
	sim     *onelogintest.Server
	tomorro *tomorrotest.Server
	base    string
	config  string
	ids     map[string]string // of accounts and groups at Tomorro, by name
}

func newCounter(t *testing.T, more string) *counter {
	t.Helper()
	w := &onelogintest.World{App: onelogintest.App{ID: 9, Name: "Tomorro", UserName: "email"}, Roles: []onelogintest.Role{{ID: 1, Name: "Legal"}, {ID: 2, Name: "Ruled"}},
		Rules: []onelogintest.Rule{{ID: 1, Name: "legal", Match: "all", Enabled: true,
			Conditions: []onelogintest.Condition{{Source: "has_role", Operator: "ri", Value: "1"}},
			Actions:    []onelogintest.Action{{Action: "set_groups", Value: []string{"legal"}}}},
			{ID: 2, Name: "ruled", Match: "all", Enabled: true, Conditions: []onelogintest.Condition{{Source: "has_role", Operator: "ri", Value: "2"}},
				Actions: []onelogintest.Action{{Action: "set_groups", Value: []string{"ruled"}}}}}}
	for _, name := range []string{"jane", "omar"} {
		title, login := "user", name
		w.Add(&onelogintest.Person{FirstName: name, LastName: "X", Email: name + "@example.com", Username: &login, Title: &title, Status: 1, State: 1, RoleIDs: []int64{1}, Assigned: true})
	}
	c := &counter{t: t, sim: onelogintest.New(w), tomorro: tomorrotest.New(tomorrotest.Options{}), ids: make(map[string]string)}
	for _, name := range []string{"legal", "deals"} {
		c.ids[name] = c.tomorro.AddGroup(name)
	}
	c.ids["foreign"] = c.tomorro.AddUser(tomorrotest.User{UserName: "foreign@example.com", UserType: "viewer", Active: true})
	api, target := httptest.NewServer(c.sim), httptest.NewServer(c.tomorro)
	t.Cleanup(api.Close)
	t.Cleanup(target.Close)
	c.config = fmt.Sprintf(`
onelogin: {url: %q, client_id: %s, client_secret: %s, app_id: 9}
tomorro: {url: %q, token: tomorro-token, backoff: 1ms}
redis: {url: "redis://%s/0"}
min_admins: 0
`, api.URL, c.sim.ClientID, c.sim.ClientSecret, target.URL+"/scim/v2", miniredis.RunT(t).Addr()) + listenKeys + more
	c.base = startServing(t, c.config).base
	for _, name := range []string{"jane", "omar"} {
		if strings.Contains(more, "approve") {
			break // they would be held
		}
		c.ids[name] = c.must(http.StatusCreated, "POST", "/Users", map[string]any{"userName": name + "@example.com", "userType": "user", "active": true})
	}
	return c
}

// must pushes, and gives the id in the answer, or its detail.
func (c *counter) must(want int, method, path string, body any) string {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+pushToken)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		c.t.Errorf("%s %s: %d %s %v, want %d", method, path, resp.StatusCode, answer, err, want)
	}
	var said struct{ ID, Detail string }
	_ = json.Unmarshal(answer, &said) // an answer may be empty
	if said.Detail != "" {
		return said.Detail
	}
	return said.ID
}

// members are the user names in a group, sorted; nil when there is no such group.
func (c *counter) members(group string) []string {
	for _, g := range c.tomorro.State().Groups {
		if g.DisplayName == group {
			return append([]string{}, g.Members...)
		}
	}
	return nil
}

func (c *counter) in(group string, want ...string) {
	c.t.Helper()
	for i := range want {
		want[i] += "@example.com"
	}
	slices.Sort(want)
	if got := c.members(group); !slices.Equal(got, want) {
		c.t.Errorf("in %s are %v, want %v", group, got, want)
	}
}

func member(ids ...string) []map[string]any {
	list := []map[string]any{}
	for _, id := range ids {
		list = append(list, map[string]any{"value": id})
	}
	return list
}

// runHere runs a command against a configuration.
func runHere(t *testing.T, config string, args ...string) (code int, out, errs string) {
	t.Helper()
	stdout, stderr := new(tape), new(tape)
	code = run(t.Context(), services{}, append([]string{"--config", writeFile(t, config)}, args...), nil, strings.NewReader(""), stdout, stderr)
	return code, stdout.String(), stderr.String()
}

// TestPushedMembers: Okta's PUT says who is in a group, and whom Tomorro does not
// have, or nobody knows, is passed over. Explain and the journal tell of it.
func TestPushedMembers(t *testing.T) {
	c := newCounter(t, "")
	if err := c.tomorro.Members("deals", []string{"foreign@example.com"}, nil); err != nil {
		t.Fatal(err)
	}
	put := func(ids ...string) {
		t.Helper()
		c.must(http.StatusOK, "PUT", "/Groups/"+c.ids["deals"], map[string]any{"displayName": "deals", "members": member(ids...)})
	}
	put(c.ids["jane"], "nobody", c.ids["foreign"])
	c.in("deals", "jane", "foreign")
	put(c.ids["omar"])
	c.in("deals", "omar", "foreign")
	put(c.ids["jane"], c.ids["omar"])
	c.in("deals", "jane", "omar", "foreign")

	explained := func(who string) string {
		code, out, errs := runHere(t, c.config, "explain", who)
		if code != exitDone {
			t.Fatalf("explain ends with %d: %s", code, errs)
		}
		return out
	}
	if out := explained("jane@example.com"); !strings.Contains(out, "deals") || !strings.Contains(out, "set by hand in OneLogin, as pushed on 2") || !strings.Contains(out, "looked at because of pushes") {
		t.Errorf("explain says\n%s", out)
	}
	if code, out, errs := runHere(t, c.config, "journal", "person", "jane@example.com"); code != exitDone || !strings.Contains(out, "looked at because of pushes: create") || !strings.Contains(out, "members") {
		t.Errorf("the journal says %d\n%s%s", code, out, errs)
	}
	put()
	c.in("deals", "foreign")
	if out := explained("jane@example.com"); !strings.Contains(out, "not a member  taken back in OneLogin, as pushed on 2") {
		t.Errorf("explain still says\n%s", out)
	}
	c.must(http.StatusNotFound, "PUT", "/Groups/none", map[string]any{"displayName": "x", "members": member(c.ids["jane"])})
}

// TestPushedGroups: groups are made and deleted as far as the policy goes.
func TestPushedGroups(t *testing.T) {
	for name, k := range map[string]struct {
		more         string
		make, delete int
		says         string
	}{
		"neither":     {"", http.StatusForbidden, 0, "groups.create: true"},
		"made":        {"groups: {create: true}\n", http.StatusCreated, http.StatusForbidden, "groups.delete is false"},
		"both":        {"groups: {create: true, delete: true}\n", http.StatusCreated, http.StatusNoContent, ""},
		"by approval": {"groups: {create: true}\napprove: [create]\n", http.StatusForbidden, 0, "approval"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, k.more)
			said := c.must(http.StatusCreated, "POST", "/Groups", map[string]any{"displayName": "LEGAL"})
			if said != c.ids["legal"] {
				t.Errorf("a group that exists is %s", said)
			}
			said = c.must(k.make, "POST", "/Groups", map[string]any{"displayName": "new"})
			if k.make != http.StatusCreated {
				if !strings.Contains(said, k.says) {
					t.Errorf("%s", said)
				}
				return
			}
			c.must(http.StatusForbidden, "PUT", "/Groups/"+said, map[string]any{"displayName": "newer"})
			c.must(http.StatusOK, "PUT", "/Groups/"+said, map[string]any{"displayName": "New", "members": member(c.ids["jane"])})
			c.in("new", "jane")
			if k.delete == http.StatusNoContent {
				if why := c.must(http.StatusForbidden, "DELETE", "/Groups/"+said, nil); !strings.Contains(why, "somebody is in it") {
					t.Errorf("%s", why)
				}
				if why := c.must(http.StatusForbidden, "DELETE", "/Groups/"+c.ids["deals"], nil); !strings.Contains(why, "not made by this program") {
					t.Errorf("%s", why)
				}
				c.must(http.StatusNoContent, "DELETE", "/Groups/none", nil) // as good as deleted
			}
			c.must(http.StatusOK, "PUT", "/Groups/"+said, map[string]any{"displayName": "new", "members": member()})
			if why := c.must(k.delete, "DELETE", "/Groups/"+said, nil); !strings.Contains(why, k.says) {
				t.Errorf("%s", why)
			}
			if gone := c.members("new") == nil; gone != (k.delete == http.StatusNoContent) {
				t.Errorf("the group is gone: %v", gone)
			}
			if k.delete == http.StatusNoContent {
				ruled := c.must(http.StatusCreated, "POST", "/Groups", map[string]any{"displayName": "ruled"})
				if why := c.must(http.StatusForbidden, "DELETE", "/Groups/"+ruled, nil); !strings.Contains(why, "a rule") {
					t.Errorf("%s", why)
				}
			}
		})
	}
}

// TestPushedAway: whom OneLogin pushes off while its API says that they have the app is
// not removed, and the push does not succeed.
func TestPushedAway(t *testing.T) {
	c := newCounter(t, "")
	suspend := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []map[string]any{{"op": "replace", "path": "active", "value": false}}}
	if why := c.must(http.StatusServiceUnavailable, "PATCH", "/Users/"+c.ids["jane"], suspend); !strings.Contains(why, "still says") {
		t.Errorf("%s", why)
	}
	if why := c.must(http.StatusServiceUnavailable, "DELETE", "/Users/"+c.ids["omar"], nil); !strings.Contains(why, "still says") {
		t.Errorf("%s", why)
	}
	if why := c.must(http.StatusForbidden, "PATCH", "/Users/"+c.ids["foreign"], suspend); !strings.Contains(why, "knows nobody") {
		t.Errorf("%s", why)
	}
	for _, u := range c.tomorro.State().Users {
		if !u.Active {
			t.Errorf("%s is out", u.UserName)
		}
	}
}
