package onelogin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// keys are the ids of the people from one place to another.
func (r *rig) keys(from, to int) []reconcile.Key {
	var keys []reconcile.Key
	for _, p := range r.world.People[from:to] {
		keys = append(keys, reconcile.Key(p.ID))
	}
	return keys
}

// TestLookIsPull: of whomever it asks for, in whatever order, Look says what Pull says.
func TestLookIsPull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := onelogintest.Generate(onelogintest.Options{Users: rapid.IntRange(1, 120).Draw(t, "users"), Groups: rapid.IntRange(0, 12).Draw(t, "groups"),
			Seed: rapid.Uint64().Draw(t, "seed"), Plain: rapid.IntRange(0, 4).Draw(t, "plain") == 0})
		sim := onelogintest.New(world)
		server := httptest.NewServer(sim)
		defer server.Close()
		fields := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"title", "department", "company", "role_ids", "status", "state", "group_id", "member_of", "last_login", "custom_attributes"}), 0, 5, rapid.ID)
		sim.Turn(func(k *onelogintest.Knobs) {
			k.IgnoredFields, k.UnknownFields = fields.Draw(t, "ignored"), fields.Draw(t, "unknown")
			k.NoTotalPages, k.NoRolesInV1, k.UserPageCap = rapid.Bool().Draw(t, "cursors"), rapid.Bool().Draw(t, "no roles in v1"), rapid.IntRange(0, 60).Draw(t, "cap")
		})
		client, err := onelogin.New(onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, AppID: sim.AppID(), Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		var keys []reconcile.Key
		for _, p := range rapid.SliceOf(rapid.SampledFrom(world.People)).Draw(t, "asked") {
			keys = append(keys, reconcile.Key(p.ID))
		}
		keys = append(keys, rapid.SliceOfN(rapid.Map(rapid.Int64(), func(n int64) reconcile.Key { return reconcile.Key(n) }), 0, 3).Draw(t, "strangers")...)
		want, err := client.Pull(context.Background())
		if err != nil || !want.Receipt.Complete() {
			t.Fatalf("%v %v", err, want.Receipt.Why())
		}
		got, err := client.Look(context.Background(), keys)
		if err != nil || !got.Receipt.Complete() {
			t.Fatalf("%v %v", err, got.Receipt.Why())
		}
		people := slices.DeleteFunc(slices.Clone(want.People), func(p reconcile.Person) bool { return !slices.Contains(keys, p.Key) })
		if diff := cmp.Diff(append([]reconcile.Person{}, people...), append([]reconcile.Person{}, got.People...)); diff != "" {
			t.Errorf("people: %s", diff)
		}
		if diff := cmp.Diff(want.Roles, got.Roles) + cmp.Diff(want.Rules, got.Rules); diff != "" {
			t.Errorf("roles and rules: %s", diff)
		}
		if got.App.ID != sim.AppID() || got.ReadAt.IsZero() {
			t.Errorf("app %+v, read at %s", got.App, got.ReadAt)
		}
	})
}

// TestLookIsCheap counts requests: two for fifty people, whoever comes again.
func TestLookIsCheap(t *testing.T) {
	now := time.Now()
	r := newRig(t, 130, func(c *onelogin.Config) {
		c.Now = func() time.Time { return now }
		c.OnPage = func(list string, _, _ int) { t.Errorf("a look at %s was shown as a pull", list) }
	})
	look := func(want int, keys []reconcile.Key) {
		t.Helper()
		r.flaky.Reset()
		d, err := r.client.Look(t.Context(), keys)
		if err != nil || !d.Receipt.Complete() || len(d.People) != len(keys) || len(d.Roles) == 0 || len(d.Rules) == 0 {
			t.Fatalf("%v %v: %d people", err, d.Receipt.Why(), len(d.People))
		}
		if s := r.flaky.Stats(); s.Total != want {
			t.Errorf("%d requests, want %d: %v", s.Total, want, s.ByRoute)
		}
	}
	look(5, r.keys(0, 50)) // a token, roles, rules
	look(2, r.keys(30, 80))
	look(2, append(r.keys(3, 5), r.keys(9, 10)...))
	look(6, r.keys(0, 130))
	look(0, nil)
	now = now.Add(59 * time.Second)
	look(2, r.keys(0, 1))
	now = now.Add(time.Second)
	look(4, r.keys(0, 1)) // a minute old
	look(2, r.keys(0, 1))
	now = now.Add(-time.Hour) // a clock that was put back
	look(4, r.keys(0, 1))
	r.sim.Turn(func(k *onelogintest.Knobs) { k.IgnoredFields = []string{"title"} })
	look(2+3, r.keys(0, 3)) // their own pages
}

// TestLookAsksForFew: each id once, no id that nobody has, and no more than fifty
// in an address.
func TestLookAsksForFew(t *testing.T) {
	sim := onelogintest.New(onelogintest.Generate(onelogintest.Options{Users: 5, Groups: 3, Seed: 1}))
	asked := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ids := r.URL.Query().Get("user_ids"); ids != "" && !r.URL.Query().Has("app_id") {
			asked <- ids
		}
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	client, err := onelogin.New(onelogin.Config{URL: server.URL, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret, AppID: sim.AppID()})
	if err != nil {
		t.Fatal(err)
	}
	keys := []reconcile.Key{7, 5, 0, 7, -3, 5}
	if _, err := client.Look(t.Context(), keys); err != nil || <-asked != "5,7" || !slices.Equal(keys, []reconcile.Key{7, 5, 0, 7, -3, 5}) {
		t.Errorf("%v, the keys are %v", err, keys)
	}
	for i := range 120 {
		keys = append(keys, reconcile.Key(i+100))
	}
	if _, err := client.Look(t.Context(), keys); err != nil || len(asked) != 3 {
		t.Errorf("%v, %d requests for 122 people", err, len(asked))
	}
	for range len(asked) {
		if n := strings.Count(<-asked, ",") + 1; n > 50 {
			t.Errorf("%d ids at once", n)
		}
	}
}

// TestLookIncomplete: each list that was not read to its end says why, and what is
// incomplete is not kept.
func TestLookIncomplete(t *testing.T) {
	lists := flaky.Fault{Path: "/api/2/users"}
	of := func(f flaky.Fault, kind string, status int, body string, query map[string]string) *flaky.Fault {
		f.Kind, f.Status, f.Body, f.Query = kind, status, body, query
		return &f
	}
	assigned := map[string]string{"app_id": "1531580"}
	second := map[string]string{"fields": "id", "page": "2"}
	for name, c := range map[string]struct {
		fault     *flaky.Fault
		turn      func(*onelogintest.Knobs)
		list, why string
	}{
		"assigned 502":      {fault: of(lists, flaky.KindStatus, 502, "", assigned), list: reconcile.ListAssigned, why: "502"},
		"assigned html":     {fault: of(lists, flaky.KindHTML200, 0, "", assigned), list: reconcile.ListAssigned, why: "web page"},
		"assigned nameless": {fault: of(lists, flaky.KindStatus, 200, `[{"name":"x"}]`, assigned), list: reconcile.ListAssigned, why: "has no id"},
		"assigned silent":   {fault: of(lists, flaky.KindStatus, 200, `[]`, assigned), list: reconcile.ListAssigned, why: "does not say how many"},
		"assigned page 2":   {fault: of(lists, flaky.KindStatus, 502, "", second), turn: func(k *onelogintest.Knobs) { k.UserPageCap = 5 }, list: reconcile.ListAssigned, why: "page 2 of"},
		"users page 2":      {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindTruncated}, turn: func(k *onelogintest.Knobs) { k.UserPageCap = 5 }, list: reconcile.ListUsers, why: "page 2 of"},
		"users move":        {turn: func(k *onelogintest.Knobs) { k.UserPageCap, k.MovingTotals = 5, 1000 }, list: reconcile.ListUsers, why: "the list changed"},
		"roles 503":         {fault: &flaky.Fault{Path: "/api/2/roles", Kind: flaky.KindStatus, Status: 503}, list: reconcile.ListRoles, why: "look at OneLogin's status page"},
		"rules truncated":   {fault: &flaky.Fault{Path: "/api/2/apps/*/rules", Kind: flaky.KindTruncated}, list: reconcile.ListRules, why: "cannot be read"},
		"low privilege":     {turn: func(k *onelogintest.Knobs) { k.LowPrivilege = true }, list: reconcile.ListRules, why: "Manage All"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 40, nil)
			if c.turn != nil {
				r.sim.Turn(c.turn)
			}
			if c.fault != nil {
				r.flaky.Add(*c.fault)
			}
			d, err := r.client.Look(t.Context(), r.keys(0, 20))
			if err != nil || len(r.flaky.Unfired()) > 0 {
				t.Fatal(err, r.flaky.Unfired())
			}
			if d.Receipt.Read(c.list) || !strings.Contains(strings.Join(d.Receipt.Why(), "\n"), c.why) {
				t.Errorf("why %q; want %q of %s", d.Receipt.Why(), c.why, c.list)
			}
			r.flaky.Clear()
			r.sim.Turn(func(k *onelogintest.Knobs) { *k = onelogintest.Knobs{} })
			if d, err := r.client.Look(t.Context(), r.keys(0, 20)); err != nil || !d.Receipt.Complete() || len(d.People) != 20 {
				t.Errorf("afterwards: %v %v", err, d.Receipt.Why())
			}
		})
	}
}

// TestLookAtOthers: answers about people who were not asked for are left out, and
// what contradicts itself is no statement.
func TestLookAtOthers(t *testing.T) {
	for name, c := range map[string]struct {
		users, assigned string // A was asked for, B was not
		total           string
		people          int
		why             string
	}{
		"others":    {users: `[{"id":A},{"id":B}]`, people: 1},
		"twice":     {users: `[{"id":A},{"id":A}]`, people: 1, why: "came twice"},
		"silence":   {users: `[]`, why: "does not say how many"},
		"nobody":    {users: `[]`, assigned: `[]`, total: "0"},
		"not among": {users: `[{"id":B}]`, assigned: `[{"id":A}]`, total: "1", why: "1 people have the app who are not among the users"},
		"who else":  {assigned: `[{"id":A},{"id":B}]`, people: 1},
	} {
		r := newRig(t, 20, nil)
		a, b := r.keys(19, 20)[0], r.keys(3, 4)[0]
		script := func(body string, query map[string]string) {
			if body != "" {
				body = strings.NewReplacer("A", a.String(), "B", b.String()).Replace(body)
				r.flaky.Add(flaky.Fault{Path: "/api/2/users", Query: query, Kind: flaky.KindStatus, Status: 200, Body: body, Header: map[string]string{"Total-Count": c.total}})
			}
		}
		script(c.assigned, map[string]string{"app_id": "1531580"})
		if c.assigned == "" {
			r.flaky.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"app_id": "1531580"}, Kind: flaky.KindSlow})
		}
		script(c.users, map[string]string{"user_ids": a.String()}) // the first that matches strikes
		d, err := r.client.Look(t.Context(), []reconcile.Key{a})
		if err != nil || len(r.flaky.Unfired()) > 0 {
			t.Fatalf("%s: %v %+v", name, err, r.flaky.Unfired())
		}
		if len(d.People) != c.people || d.Receipt.Complete() != (c.why == "") || !strings.Contains(strings.Join(d.Receipt.Why(), "\n"), c.why) {
			t.Errorf("%s: %d people, why %q; want %d and %q", name, len(d.People), d.Receipt.Why(), c.people, c.why)
		}
	}
}

// TestLookWithoutTotals: who is left out of an answer that does not say how many there are
// is not gone.
func TestLookWithoutTotals(t *testing.T) {
	r := newRig(t, 20, nil)
	r.sim.Turn(func(k *onelogintest.Knobs) { k.NoPageHeaders, k.UserPageCap = true, 1 })
	if d, err := r.client.Look(t.Context(), r.keys(3, 5)); err != nil || len(d.People) != 1 || d.Receipt.Read(reconcile.ListUsers) || d.Receipt.Read(reconcile.ListAssigned) {
		t.Errorf("one of two: %v, %d people, receipt %+v", err, len(d.People), d.Receipt)
	}
	r.sim.Turn(func(k *onelogintest.Knobs) { k.UserPageCap = 0 })
	if d, err := r.client.Look(t.Context(), r.keys(3, 5)); err != nil || len(d.People) != 2 || !d.Receipt.Read(reconcile.ListUsers) {
		t.Errorf("both: %v, %d people, receipt %+v", err, len(d.People), d.Receipt)
	}
}

func TestLookErrors(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     func(*onelogin.Config)
		fault   *flaky.Fault
		says    string
		refused bool
	}{
		"wrong secret":    {cfg: func(c *onelogin.Config) { c.ClientSecret = "x" }, says: "check onelogin.client_id", refused: true},
		"nobody listens":  {cfg: func(c *onelogin.Config) { c.URL = "http://127.0.0.1:1" }, says: "check onelogin.url"},
		"users all fail":  {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 502}, says: "read the users: page 1"},
		"sign-in busy":    {fault: &flaky.Fault{Path: "/auth/oauth2/v2/token", Kind: flaky.KindStatus, Status: 503}, says: "OneLogin answered 503"},
		"no such sign-in": {fault: &flaky.Fault{Path: "/auth/oauth2/v2/token", Kind: flaky.KindStatus, Status: 404}, says: "check onelogin.url"},
		"every call 401":  {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 401}, says: "privilege Read Users", refused: true},
		"without id":      {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 200, Body: `[{"email":"x"}]`}, says: "item 1 has no id"},
		"not OneLogin":    {fault: &flaky.Fault{Path: "/auth/oauth2/v2/token", Kind: flaky.KindHTML200}, says: "check onelogin.url"},
		"a filter is not": {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 400, Body: `{"message":"unknown attribute: user_ids"}`}, says: "unknown attribute: user_ids"},
	} {
		r := newRig(t, 20, c.cfg)
		if c.fault != nil {
			r.flaky.Add(*c.fault)
		}
		if _, err := r.client.Look(t.Context(), r.keys(0, 3)); err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, reconcile.ErrRefused) != c.refused {
			t.Errorf("%s: %v; want %q, refused %v", name, err, c.says, c.refused)
		}
	}
}

// TestLookFillsWhatItCan: where a person's own page does not help, the fact stays
// unknown, and the receipt says so.
func TestLookFillsWhatItCan(t *testing.T) {
	r := newRig(t, 20, nil)
	r.sim.Turn(func(k *onelogintest.Knobs) { k.IgnoredFields = []string{"title"} })
	ids := r.keys(7, 11)
	r.flaky.Add(flaky.Fault{Path: "/api/2/users/" + ids[0].String(), Kind: flaky.KindStatus, Status: 502})
	r.flaky.Add(flaky.Fault{Path: "/api/2/users/" + ids[2].String(), Kind: flaky.KindReset})
	r.flaky.Add(flaky.Fault{Path: "/api/2/users/" + ids[1].String(), Kind: flaky.KindStatus, Status: 200, Body: `{"id":5,"title":"admin"}`})
	d, err := r.client.Look(t.Context(), ids)
	if err != nil || !d.Receipt.Complete() {
		t.Fatal(err, d.Receipt.Why())
	}
	for i, p := range d.People {
		if p.Unread.Has(reconcile.FieldTitle) != (i < 3) || p.Title != "" && i < 3 {
			t.Errorf("%d: title %q, unread %b", i, p.Title, p.Unread)
		}
	}
	notes := strings.Join(d.Receipt.Fallbacks, "\n")
	for _, want := range []string{"title read person by person", "3 people could not be read: read user " + ids[0].String() + ": OneLogin answered 502", "OneLogin does not give title"} {
		if !strings.Contains(notes, want) {
			t.Errorf("fallbacks %q, want %q", notes, want)
		}
	}
}
