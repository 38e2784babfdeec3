package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// shorten puts a front before Tomorro whose list of accounts leaves some out while it is
// on, and says of itself that it is whole.
func (o *office) shorten(leavesOut func(id string, active bool) bool) (on *atomic.Bool) {
	o.t.Helper()
	on = new(atomic.Bool)
	to, err := url.Parse(strings.TrimSuffix(o.lab.tomorroURL, "/scim/v2"))
	if err != nil {
		o.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		if !on.Load() || r.Request.Method != http.MethodGet || !strings.HasSuffix(r.Request.URL.Path, "/Users") || r.Request.URL.Query().Has("filter") {
			return nil
		}
		var list map[string]any
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
			return err
		}
		kept := []any{}
		for _, u := range list["Resources"].([]any) {
			if a := u.(map[string]any); !leavesOut(a["id"].(string), a["active"].(bool)) {
				kept = append(kept, a)
			}
		}
		list["Resources"], list["totalResults"], list["itemsPerPage"] = kept, len(kept), len(kept)
		body, err := json.Marshal(list)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	front := httptest.NewServer(proxy)
	o.t.Cleanup(front.Close)
	o.edit(to.String(), front.URL)
	return on
}

// TestShortList: Tomorro's list leaves out half of the accounts, and its total with them.
// Nobody gets a second account, and the run does not pass for one that went well, since
// leavers may be among those who are not listed.
func TestShortList(t *testing.T) {
	t.Parallel()
	for _, again := range []string{tomorrotest.DuplicateConflict, tomorrotest.DuplicateMade} {
		o := newOffice(t, labOptions{users: 40, groups: 4, seed: 6, plain: true}, "")
		on := o.shorten(func(id string, _ bool) bool { return id[0] < '8' })
		o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.Duplicate = again })
		o.must(exitDone, "reconcile", "--yes")
		before := o.lab.tomorro.State()
		on.Store(true)
		o.people(func(w *onelogintest.World) {
			for _, p := range w.People[:10] {
				p.Email = "married." + p.Email
			}
		})
		for _, command := range [][]string{{"plan"}, {"reconcile", "--yes"}} {
			if code, _, errs := o.run(command...); code != exitError || !strings.Contains(errs, "its list of accounts leaves out account") {
				t.Errorf("%q %v: exit %d, %s", again, command, code, errs)
			}
		}
		if n := o.writes(before); n > 0 {
			t.Errorf("%q: %d writes by half a list", again, n)
		}
	}
}
