package onelogin_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestFallbacksInPart: a fact that the alternatives give of some only, or not to their end,
// stays unread of everybody of whom it is not certain.
func TestFallbacksInPart(t *testing.T) {
	for name, c := range map[string]struct {
		lacks string
		fault flaky.Fault
		fact  reconcile.Fields
		note  string
	}{
		"roles 503":           {"role_ids", flaky.Fault{Path: "/api/2/roles", Kind: flaky.KindStatus, Status: 503}, reconcile.FieldRoles, "OneLogin does not give role_ids"},
		"one role's members":  {"role_ids", flaky.Fault{Path: "/api/2/roles/*/users", Skip: 3, Kind: flaky.KindStatus, Status: 502}, reconcile.FieldRoles, "the members of the roles could not be read: page 1: OneLogin answered 502"},
		"members, no headers": {"role_ids", flaky.Fault{Path: "/api/2/roles/*/users", Skip: 3, Kind: flaky.KindStatus, Status: 200, Body: "[]"}, reconcile.FieldRoles, "does not say how many"},
		"members, no ids":     {"role_ids", flaky.Fault{Path: "/api/2/roles/*/users", Skip: 3, Kind: flaky.KindStatus, Status: 200, Body: `[{"name":"x"}]`, Header: map[string]string{"Total-Count": "1"}}, reconcile.FieldRoles, "item 1 has no id"},
		"v1 502":              {"title", flaky.Fault{Path: "/api/1/users", Kind: flaky.KindStatus, Status: 502}, reconcile.FieldTitle, "the v1 user list could not be read"},
		"v1 for ever":         {"title", flaky.Fault{Path: "/api/1/users", Kind: flaky.KindStatus, Status: 200, Body: `{"pagination":{"after_cursor":"x"},"data":[]}`}, reconcile.FieldTitle, "the v1 user list gives the same cursor again"},
		"no usernames":        {"username", flaky.Fault{Path: "/api/1/users", Kind: flaky.KindStatus, Status: 502}, reconcile.FieldUsername, "OneLogin does not give username"},
		"no e-mails":          {"email", flaky.Fault{Path: "/api/1/users", Kind: flaky.KindStatus, Status: 502}, reconcile.FieldEmail, "OneLogin does not give email"},
		"no names":            {"lastname", flaky.Fault{Path: "/api/1/users", Kind: flaky.KindStatus, Status: 502}, reconcile.FieldLastName, "OneLogin does not give lastname"},
		"v1 of another shape": {"title", flaky.Fault{Path: "/api/1/users", Kind: flaky.KindStatus, Status: 200, Body: `{"users":[]}`}, reconcile.FieldTitle, "the v1 user list cannot be read"},
	} {
		r := newRig(t, 130, nil)
		r.sim.Turn(func(k *onelogintest.Knobs) { k.IgnoredFields, k.NoRolesInV1 = []string{c.lacks}, true })
		r.flaky.Add(c.fault)
		byUsername(r.world)
		d, err := r.client.Pull(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range d.People {
			if !p.Unread.Has(c.fact) {
				t.Errorf("%s: it is taken for certain of %s", name, p.Email)
				break
			}
		}
		if !strings.Contains(strings.Join(d.Receipt.Fallbacks, "\n"), c.note) {
			t.Errorf("%s: fallbacks %q, want %q", name, d.Receipt.Fallbacks, c.note)
		}
	}
}

// TestFallbacksGiveAll: whatever the user list leaves out, people are the same when the
// alternatives have it: a fact that was marked as read and not taken would be 0, or nothing.
func TestFallbacksGiveAll(t *testing.T) {
	r := newRig(t, 130, nil)
	x, text := r.world.People[60], "Acme"
	x.Company, x.MemberOf, x.Status, x.State, x.GroupID = &text, &text, 3, 2, &x.ID
	byUsername(r.world)
	want, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.sim.Turn(func(k *onelogintest.Knobs) {
		k.IgnoredFields = []string{"email", "username", "firstname", "lastname", "title", "department", "company", "role_ids", "status", "state", "group_id", "member_of", "last_login", "custom_attributes"}
	})
	got, err := r.client.Pull(t.Context())
	if err != nil || len(got.Receipt.Fallbacks) == 0 {
		t.Fatal(err, got.Receipt.Fallbacks)
	}
	if diff := cmp.Diff(want.People, got.People); diff != "" {
		t.Error(diff)
	}
}

// TestOneBadRecord: of a person with values of another type than they should be, what can be
// read is, and of the others everything; the pull is as complete as it was.
func TestOneBadRecord(t *testing.T) {
	var bad atomic.Bool
	r := newRig(t, 40, func(c *onelogin.Config) {
		to, _ := url.Parse(c.URL)
		status := regexp.MustCompile(`"status":\d+`)
		proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }, ModifyResponse: func(a *http.Response) error {
			if path := a.Request.URL.Path; !bad.Load() || path != "/api/2/users" && path != "/api/1/users" {
				return nil
			}
			body, err := io.ReadAll(a.Body)
			at := status.FindIndex(body)
			body = slices.Concat(body[:at[0]], []byte(`"status":{"is":"active"}`), body[at[1]:])
			a.Body, a.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			a.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return err
		}}
		front := httptest.NewServer(proxy)
		t.Cleanup(front.Close)
		c.URL = front.URL
	})
	want, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bad.Store(true)
	got, err := r.client.Pull(t.Context())
	if err != nil || !got.Receipt.Complete() {
		t.Fatal(err, got.Receipt.Why())
	}
	want.People[0].Status, want.People[0].Unread = 0, reconcile.FieldStatus
	if diff := cmp.Diff(want.People, got.People); diff != "" {
		t.Error(diff)
	}
	if notes := strings.Join(got.Receipt.Fallbacks, "\n"); !strings.Contains(notes, "does not give status") {
		t.Error(notes)
	}
}

// byUsername adds a rule on the username, without which nobody needs it.
func byUsername(w *onelogintest.World) {
	rule := w.Rules[0]
	rule.ID, rule.Enabled, rule.Conditions = 999, true, []onelogintest.Condition{{Source: "username", Operator: "=", Value: "x"}}
	w.Rules = append(w.Rules, rule)
}
