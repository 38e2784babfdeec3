package onelogin_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

var _ jobs.Source = (*onelogin.Client)(nil)

type rig struct {
	sim    *onelogintest.Server
	flaky  *flaky.Handler
	world  *onelogintest.World
	client *onelogin.Client
}

func newRig(t *testing.T, users int, edit func(*onelogin.Config)) *rig {
	t.Helper()
	world := onelogintest.Generate(onelogintest.Options{Users: users, Groups: 12, Seed: 7})
	r := &rig{world: world, sim: onelogintest.New(world)}
	r.flaky = flaky.New(r.sim)
	server := httptest.NewServer(r.flaky)
	t.Cleanup(server.Close)
	cfg := onelogin.Config{URL: server.URL, ClientID: r.sim.ClientID, ClientSecret: r.sim.ClientSecret, AppID: r.sim.AppID(),
		Retries: 2, Backoff: time.Millisecond, Timeout: 10 * time.Second, MaxWait: 2 * time.Second}
	if edit != nil {
		edit(&cfg)
	}
	client, err := onelogin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.client = client
	return r
}

// check compares what was pulled with the raw world.
func (r *rig) check(t *testing.T, d reconcile.Directory) {
	t.Helper()
	if !d.Receipt.Complete() {
		t.Fatalf("incomplete: %v", d.Receipt.Why())
	}
	if len(d.People) != len(r.world.People) || len(d.Roles) != len(r.world.Roles) {
		t.Fatalf("%d people and %d roles, want %d and %d", len(d.People), len(d.Roles), len(r.world.People), len(r.world.Roles))
	}
	for i, want := range r.world.People {
		got := d.People[i]
		title := ""
		if want.Title != nil {
			title = *want.Title
		}
		if int64(got.Key) != want.ID || got.Email != want.Email || got.Title != title || got.Assigned != r.world.HasApp(want) ||
			int(got.Status) != want.Status || int(got.Licence) != want.State || got.LastName != want.LastName || got.Custom["cost_center"] != want.Custom["cost_center"] {
			t.Fatalf("person %d: %+v, want %+v", i, got, want)
		}
		if diff := cmp.Diff(append([]int64{}, want.RoleIDs...), append([]int64{}, got.Roles...)); diff != "" {
			t.Fatalf("roles of %s: %s", want.Email, diff)
		}
	}
	enabled := 0
	for _, x := range r.world.Rules {
		if x.Enabled {
			enabled++
		}
	}
	if len(d.Rules) != enabled {
		t.Errorf("%d rules, want %d", len(d.Rules), enabled)
	}
}

func TestPull(t *testing.T) {
	for _, form := range []string{onelogin.CredentialsBasic, onelogin.CredentialsHeader, onelogin.CredentialsForm} {
		r := newRig(t, 230, func(c *onelogin.Config) { c.Credentials = form })
		d, err := r.client.Pull(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.check(t, d)
		if d.App.Name == "" || !d.App.ProvisioningEnabled || d.App.UserNameSource != "email" {
			t.Errorf("app %+v", d.App)
		}
		if len(d.Receipt.Fallbacks) != 0 {
			t.Errorf("fallbacks %v", d.Receipt.Fallbacks)
		}
		for _, p := range d.People {
			if p.Unread != 0 {
				t.Fatalf("%s lacks %b", p.Email, p.Unread)
			}
		}
		// Token, app, rules, 5 pages of users, 1 of roles, 1 of app users.
		if s := r.flaky.Stats(); s.Total != 10 || r.client.Stats().Total != 10 {
			t.Errorf("%d requests, and the client counts %d; want 10: %v", s.Total, r.client.Stats().Total, s.ByRoute)
		}
	}
}

func TestPullMapsRules(t *testing.T) {
	r := newRig(t, 20, nil)
	d, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]reconcile.Rule{}
	for i, x := range d.Rules {
		byName[x.Name] = x
		if i > 0 && d.Rules[i-1].Position > x.Position {
			t.Error("rules are not in order of position")
		}
	}
	if x := byName["directory groups"]; x.Actions[0].Expression == nil || *x.Actions[0].Expression != ".*" || x.Actions[0].Values[0] != "member_of" {
		t.Errorf("map from OneLogin: %+v", x)
	}
	if x := byName["managers or admins"]; !x.MatchAny || len(x.Conditions) != 2 || x.Actions[0].Expression != nil {
		t.Errorf("match any: %+v", x)
	}
	if x := byName["by macro"]; x.Actions[0].Macro == "" {
		t.Errorf("macro: %+v", x)
	}
	if _, disabled := byName["switched off"]; disabled {
		t.Error("a disabled rule was read")
	}
}

func TestFallbacks(t *testing.T) {
	for name, c := range map[string]struct {
		knobs func(*onelogintest.Knobs)
		note  string
	}{
		"fields not honoured": {func(k *onelogintest.Knobs) { k.IgnoredFields = []string{"title", "role_ids", "custom_attributes"} }, "custom_attributes, role_ids, title read from the v1 user list"},
		"fields refused":      {func(k *onelogintest.Knobs) { k.UnknownFields = []string{"role_ids"} }, "the user list does not know the fields role_ids"},
		"roles by membership": {func(k *onelogintest.Knobs) { k.IgnoredFields, k.NoRolesInV1 = []string{"role_ids"}, true }, "roles read from the members of each role"},
	} {
		r := newRig(t, 130, nil)
		r.sim.Turn(c.knobs)
		d, err := r.client.Pull(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.check(t, d)
		if !strings.Contains(strings.Join(d.Receipt.Fallbacks, "\n"), c.note) {
			t.Errorf("%s: fallbacks %q, want %q", name, d.Receipt.Fallbacks, c.note)
		}
	}
}

func TestUnreadFactsAreMarked(t *testing.T) {
	r := newRig(t, 60, nil)
	r.sim.Turn(func(k *onelogintest.Knobs) { k.IgnoredFields = []string{"title"}; k.QuotaLeft = 1; k.QuotaReset = 3600 })
	d, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unread := 0
	for _, p := range d.People {
		if p.Unread.Has(reconcile.FieldTitle) {
			unread++
		}
	}
	if unread == 0 || !strings.Contains(strings.Join(d.Receipt.Fallbacks, "\n"), "OneLogin does not give title") {
		t.Errorf("%d unread, fallbacks %q", unread, d.Receipt.Fallbacks)
	}
}

func TestPagingVariants(t *testing.T) {
	for name, turn := range map[string]func(*onelogintest.Knobs){
		"no totals":            func(k *onelogintest.Knobs) { k.NoTotalCount = true },
		"cursors, no totals":   func(k *onelogintest.Knobs) { k.NoTotalCount, k.NoTotalPages = true, true },
		"cursors only":         func(k *onelogintest.Knobs) { k.NoTotalPages = true },
		"pages of 20":          func(k *onelogintest.Knobs) { k.UserPageCap = 20 },
		"a total moves once":   func(k *onelogintest.Knobs) { k.MovingTotals = 1 },
		"manager ids as texts": func(k *onelogintest.Knobs) { k.ManagerAsText = true },
	} {
		r := newRig(t, 130, nil)
		r.sim.Turn(turn)
		d, err := r.client.Pull(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.check(t, d)
	}
}

func TestIncompleteLists(t *testing.T) {
	silent := func(k *onelogintest.Knobs) { k.NoTotalPages, k.NoTotalCount = true, true } // of how many there are
	for name, c := range map[string]struct {
		turn  func(*onelogintest.Knobs)
		fault *flaky.Fault
		list  string
		why   string
	}{
		"total keeps moving": {turn: func(k *onelogintest.Knobs) { k.MovingTotals = 1000 }, list: reconcile.ListUsers, why: "the list changed while it was read"},
		"no paging headers":  {turn: func(k *onelogintest.Knobs) { k.NoPageHeaders = true }, list: reconcile.ListUsers, why: "does not say how many"},
		"cursor repeats":     {turn: func(k *onelogintest.Knobs) { k.NoTotalPages, k.SameCursor = true, true }, list: reconcile.ListUsers, why: "same cursor"},
		"low privilege":      {turn: func(k *onelogintest.Knobs) { k.LowPrivilege = true }, list: reconcile.ListRules, why: "Manage All"},
		"page 502":           {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: 502}, list: reconcile.ListUsers, why: "page 2 of 3: OneLogin answered 502"},
		"page html 429":      {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "3"}, Kind: flaky.KindHTML429}, list: reconcile.ListUsers, why: "page 3 of 3: OneLogin answered 429"},
		"page html 200":      {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "3"}, Kind: flaky.KindHTML200}, list: reconcile.ListUsers, why: "web page"},
		"page truncated":     {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindTruncated}, list: reconcile.ListUsers, why: "cannot be read"},
		"page reset":         {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindReset}, list: reconcile.ListUsers, why: `page 2 of 3: Get "`},
		"page timeout":       {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindTimeout}, list: reconcile.ListUsers, why: `page 2 of 3: Get "`},
		"page empty":         {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindEmpty}, list: reconcile.ListUsers, why: "the total was"},
		"page short": {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: 200, Body: "[]", Header: map[string]string{
			"Current-Page": "2", "Page-Items": "0", "Total-Pages": "3", "Total-Count": "130"}}, list: reconcile.ListUsers, why: "announces 130 and gives 80"},
		"page shorter than it says": {turn: func(k *onelogintest.Knobs) { k.NoTotalCount = true }, fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: 200, Body: "[]", Header: map[string]string{
			"Current-Page": "2", "Page-Items": "50", "Total-Pages": "3"}}, list: reconcile.ListUsers, why: "page 2 of 3: the list changed while it was read: it says 50 items and has 0"},
		"cursor 502":        {turn: silent, fault: &flaky.Fault{Path: "/api/2/users", Skip: 1, Kind: flaky.KindStatus, Status: 502}, list: reconcile.ListUsers, why: "page 2: OneLogin answered 502"},
		"cursor, no items":  {turn: silent, fault: &flaky.Fault{Path: "/api/2/users", Skip: 1, Kind: flaky.KindStatus, Status: 200, Body: "[]", Header: map[string]string{"After-Cursor": "x"}}, list: reconcile.ListUsers, why: "page 2: nothing is on it"},
		"cursor, all moves": {turn: func(k *onelogintest.Knobs) { k.NoTotalPages, k.MovingTotals = true, 1000 }, list: reconcile.ListUsers, why: "page 2: the list changed while it was read: the total was"},
		"all empty":         {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindEmpty}, list: reconcile.ListUsers, why: "nobody at all"},
		"page 401":          {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: 401}, list: reconcile.ListUsers, why: "401"},
		"page 403":          {fault: &flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: flaky.KindStatus, Status: 403}, list: reconcile.ListUsers, why: "403"},
		"app users 500":     {fault: &flaky.Fault{Path: "/api/2/apps/*/users", Kind: flaky.KindStatus, Status: 500}, list: reconcile.ListAssigned, why: "500"},
		"roles 503":         {fault: &flaky.Fault{Path: "/api/2/roles", Kind: flaky.KindStatus, Status: 503}, list: reconcile.ListRoles, why: "503"},
		"roles without ids": {fault: &flaky.Fault{Path: "/api/2/roles", Kind: flaky.KindStatus, Status: 200, Body: `[{"name":"x"}]`, Header: map[string]string{"Total-Count": "1"}}, list: reconcile.ListRoles, why: "item 1 has no id"},
		"app users unknown": {fault: &flaky.Fault{Path: "/api/2/apps/*/users", Kind: flaky.KindStatus, Status: 200, Body: `[{"id":1}]`, Header: map[string]string{"Total-Count": "1"}}, list: reconcile.ListAssigned, why: "1 people have the app who are not among the users"},
		"rules in pages":    {fault: &flaky.Fault{Path: "/api/2/apps/*/rules", Kind: flaky.KindStatus, Status: 200, Body: "[]", Header: map[string]string{"Total-Pages": "2"}}, list: reconcile.ListRules, why: "more than one page"},
		"rules by cursor":   {fault: &flaky.Fault{Path: "/api/2/apps/*/rules", Kind: flaky.KindStatus, Status: 200, Body: "[]", Header: map[string]string{"After-Cursor": "x"}}, list: reconcile.ListRules, why: "more than one page"},
		"rules null":        {fault: &flaky.Fault{Path: "/api/2/apps/*/rules", Kind: flaky.KindStatus, Status: 200, Body: "null"}, list: reconcile.ListRules, why: "says nothing"},
		"rules truncated":   {fault: &flaky.Fault{Path: "/api/2/apps/*/rules", Kind: flaky.KindTruncated}, list: reconcile.ListRules, why: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 130, func(cfg *onelogin.Config) {
				if name == "page timeout" {
					cfg.Timeout = 700 * time.Millisecond
				}
			})
			if c.turn != nil {
				r.sim.Turn(c.turn)
			}
			if c.fault != nil {
				r.flaky.Add(*c.fault)
			}
			d, err := r.client.Pull(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if u := r.flaky.Unfired(); len(u) > 0 {
				t.Fatalf("a fault struck nothing: %+v", u)
			}
			if d.Receipt.Complete() || d.Receipt.Read(c.list) || !strings.Contains(strings.Join(d.Receipt.Why(), "\n"), c.why) {
				t.Fatalf("complete %v, why %q; want %q of %s", d.Receipt.Complete(), d.Receipt.Why(), c.why, c.list)
			}
		})
	}
}

func TestPassingFaultsAreRetried(t *testing.T) {
	for kind, status := range map[string]int{flaky.KindStatus: 502, flaky.KindHTML429: 0, flaky.KindReset: 0, flaky.KindTruncated: 0, flaky.KindHTML200: 0, flaky.KindV1RateLimit: 0} {
		r := newRig(t, 130, nil)
		r.flaky.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Kind: kind, Status: status, Times: 2})
		d, err := r.client.Pull(t.Context())
		if err != nil || !d.Receipt.Complete() {
			t.Errorf("%s: %v %v", kind, err, d.Receipt.Why())
		}
		// A connection that breaks while it is reused is tried again by net/http itself.
		if r.client.Stats().Retries < 2 && kind != flaky.KindReset {
			t.Errorf("%s: %d retries", kind, r.client.Stats().Retries)
		}
	}
}

func TestPullErrors(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     func(*onelogin.Config)
		turn    func(*onelogintest.Knobs)
		fault   *flaky.Fault
		says    string
		refused bool
	}{
		"wrong secret":        {cfg: func(c *onelogin.Config) { c.ClientSecret = "x" }, says: "check onelogin.client_id", refused: true},
		"wrong secret in 200": {turn: func(k *onelogintest.Knobs) { k.TokenIn200 = true }, says: "Authentication Failure", refused: true},
		"owner deleted":       {turn: func(k *onelogintest.Knobs) { k.TokenStatus = 500 }, says: "may have been deleted", refused: true},
		"wrong app":           {cfg: func(c *onelogin.Config) { c.AppID = 42 }, says: "check onelogin.app_id"},
		"not OneLogin":        {fault: &flaky.Fault{Path: "/auth/oauth2/v2/token", Kind: flaky.KindHTML200}, says: "check onelogin.url"},
		"nobody listens":      {cfg: func(c *onelogin.Config) { c.URL = "http://127.0.0.1:1" }, says: "check onelogin.url"},
		"users all fail":      {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 502}, says: "read the users: page 1"},
		"every call 401":      {fault: &flaky.Fault{Path: "/api/2/users", Kind: flaky.KindStatus, Status: 401}, says: "privilege Read Users", refused: true},
	} {
		r := newRig(t, 60, c.cfg)
		if c.turn != nil {
			r.sim.Turn(c.turn)
		}
		if c.fault != nil {
			r.flaky.Add(*c.fault)
		}
		_, err := r.client.Pull(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, reconcile.ErrRefused) != c.refused {
			t.Errorf("%s: %v; want %q, refused %v", name, err, c.says, c.refused)
		}
	}
}

func TestOneNewTokenWhenOneIsRefused(t *testing.T) {
	r := newRig(t, 130, nil)
	if _, err := r.client.Pull(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.sim.Expire()
	r.flaky.Reset()
	d, err := r.client.Pull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.check(t, d)
	if n := r.flaky.Stats().ByRoute["POST /auth/oauth2/v2/token"]; n != 1 {
		t.Errorf("%d token calls, want 1", n)
	}
	if n := r.flaky.Stats().ByRoute["POST /auth/oauth2/revoke"]; n != 0 {
		t.Errorf("%d revokes, want none", n)
	}
}

// TestTokenExpiry: the same token comes back with the same expires_in, so its end
// is counted from created_at.
func TestTokenExpiry(t *testing.T) {
	now := time.Now()
	r := newRig(t, 10, func(c *onelogin.Config) { c.Now = func() time.Time { return now } })
	r.sim.Now = func() time.Time { return now }
	pull := func() int {
		r.flaky.Reset()
		if _, err := r.client.Pull(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.flaky.Stats().ByRoute["POST /auth/oauth2/v2/token"]
	}
	pull()
	now = now.Add(9 * time.Hour)
	if n := pull(); n != 0 {
		t.Errorf("%d token calls before the end, want 0", n)
	}
	now = now.Add(61 * time.Minute)
	if n := pull(); n != 1 || r.flaky.Stats().ByStatus["401"] != 0 {
		t.Errorf("%d token calls after the end and %d refusals, want 1 and none", n, r.flaky.Stats().ByStatus["401"])
	}
}

func TestQuotaIsWaitedFor(t *testing.T) {
	r := newRig(t, 60, nil)
	r.sim.Turn(func(k *onelogintest.Knobs) { k.IgnoredFields = []string{"title"} })
	r.flaky.Add(flaky.Fault{Path: "/api/1/users", Kind: flaky.KindV1RateLimit, Times: 1, Header: map[string]string{"X-RateLimit-Reset": "1"}})
	begin := time.Now()
	d, err := r.client.Pull(t.Context())
	if err != nil || time.Since(begin) < time.Second {
		t.Fatalf("%v after %s; the quota was gone for a second", err, time.Since(begin))
	}
	r.check(t, d)
}

// TestQuotaNearZero: before the calls that others need are used up, this client
// waits until the hour is over.
func TestQuotaNearZero(t *testing.T) {
	r := newRig(t, 60, func(c *onelogin.Config) { c.Reserve = 40 })
	r.sim.Turn(func(k *onelogintest.Knobs) {
		k.IgnoredFields, k.QuotaLeft, k.QuotaReset = []string{"title"}, 41, 1
	})
	begin := time.Now()
	d, err := r.client.Pull(t.Context())
	if err != nil || time.Since(begin) < time.Second || r.client.Stats().Quota > 40 {
		t.Fatalf("%v after %s, quota %d", err, time.Since(begin), r.client.Stats().Quota)
	}
	r.check(t, d)
}
