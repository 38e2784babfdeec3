package check_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile"
)

// TestUnreadPassesNothing: a check of what could not be read does not pass, as if there were
// nothing wrong in a list of nothing.
func TestUnreadPassesNothing(t *testing.T) {
	t.Parallel()
	away := errors.New("it is away")
	all := []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules}
	without := func(broken string) (d reconcile.Directory) {
		for _, name := range all {
			l := reconcile.ListReceipt{List: name}
			if name == broken {
				l.Why = "OneLogin answered 502"
			}
			d.Receipt.Lists = append(d.Receipt.Lists, l)
		}
		return d
	}
	people := []string{"onelogin.privileges", "onelogin.assigned", "people.emails", "people.domains", "people.data", "people.titles", "rules.counts", "rules.idle", "rules.certain", "groups.exist"}
	rules := []string{"groups.exist", "rules.readable", "rules.roles", "rules.reachable", "rules.certain", "rules.actions", "onelogin.active_rule"}
	for name, c := range map[string]struct {
		facts check.Facts
		ids   []string
	}{
		"no people":        {check.Facts{Directory: without(reconcile.ListUsers)}, people},
		"no rules":         {check.Facts{Directory: without(reconcile.ListRules)}, append(rules, "onelogin.privileges")},
		"no roles":         {check.Facts{Directory: without(reconcile.ListRoles)}, []string{"rules.roles", "onelogin.app_roles", "onelogin.privileges"}},
		"not who has it":   {check.Facts{Directory: without(reconcile.ListAssigned)}, people},
		"not what is off":  {check.Facts{Directory: without(""), App: reconcile.AppSetup{DisabledWhy: "OneLogin answered 502"}}, []string{"rules.reachable"}},
		"nothing at all":   {check.Facts{PullErr: away}, append(rules, people...)},
		"nothing, Tomorro": {check.Facts{Directory: without(""), ReadErr: away}, []string{"groups.exist", "tomorro.reachable", "tomorro.memberships", "tomorro.default_substitute"}},
	} {
		found := make(map[string]check.Status)
		for _, r := range check.Evaluate(&c.facts, &check.Settings{Policy: &reconcile.Policy{}, Domains: []string{"x.io"}}).Results {
			found[r.ID] = r.Status
		}
		for _, id := range c.ids {
			if status, is := found[id]; !is || status == check.Pass {
				t.Errorf("%s: %s is %q", name, id, status)
			}
		}
		if slices.Contains(c.ids, "rules.idle") && found["rules.idle"] != check.Unseen {
			t.Errorf("%s: rules.idle is %q, and nobody knows whom they match", name, found["rules.idle"])
		}
	}
}

// TestRemedyFitsTheTrouble: a service that is slow or busy is no reason to make new
// credentials, or to copy the token once more; one that refuses them is.
func TestRemedyFitsTheTrouble(t *testing.T) {
	t.Parallel()
	busy, refused := errors.New("OneLogin answered 503"), fmt.Errorf("OneLogin answered 403: %w", reconcile.ErrRefused)
	lists := func(why error) (d reconcile.Directory) {
		for _, name := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles} {
			d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: name})
		}
		d.Receipt.Lists = append(d.Receipt.Lists, reconcile.ListReceipt{List: reconcile.ListRules, Why: why.Error()})
		return d
	}
	for _, c := range []struct {
		id, click string
		facts     func(why error) check.Facts
	}{
		{"onelogin.credentials", "API Credentials", func(why error) check.Facts { return check.Facts{SignInErr: why} }},
		{"onelogin.privileges", "API Credentials", func(why error) check.Facts { return check.Facts{PullErr: why} }},
		{"onelogin.privileges", "API Credentials", func(why error) check.Facts { return check.Facts{Directory: lists(why)} }},
		{"rules.readable", "API Credentials", func(why error) check.Facts { return check.Facts{Directory: lists(why)} }},
		{"onelogin.app", "API Credentials", func(why error) check.Facts { return check.Facts{AppErr: why} }},
		{"tomorro.reachable", "token", func(why error) check.Facts { return check.Facts{ReadErr: why} }},
	} {
		for _, why := range []error{busy, refused} {
			f := c.facts(why)
			r := check.Evaluate(&f, &check.Settings{Policy: &reconcile.Policy{}})
			if x := line(&r, c.id); x.Status != check.Fail || x.Do == "" || strings.Contains(x.Do, c.click) != (why == refused) {
				t.Errorf("%v: %+v", why, x)
			}
		}
	}
}

// TestRedisThatRefuses: one that asks for a password is no reason to start another.
func TestRedisThatRefuses(t *testing.T) {
	t.Parallel()
	for _, why := range []string{"", "use Redis, which refuses: NOAUTH Authentication required.; Redis asks for a password: set redis.password"} {
		s := correct(t)
		if s.store = nil; why != "" {
			s.storeErr = errors.New(why)
		}
		r := s.report()
		if x := line(&r, "redis.reachable"); strings.HasPrefix(x.Do, "Start a Redis") != (why == "") || !strings.Contains(x.Do, "redis.url") {
			t.Errorf("%q: %+v", why, x)
		}
	}
}

// TestHiddenAndFailed: what a service does not show is not said to be in order, nor is what
// could not be done.
func TestHiddenAndFailed(t *testing.T) {
	t.Parallel()
	away := errors.New("it is away")
	email := map[string]reconcile.AppParameter{"scimusername": {Source: "email"}, "nameid": {Label: "NameID value", Source: "email"}, "groups": {}}
	other := map[string]reconcile.AppParameter{"scimusername": {Source: "username"}, "nameid": email["nameid"]}
	for id, c := range map[string]struct {
		facts check.Facts
		want  check.Status
		do    string
	}{
		"onelogin.provisioning":     {check.Facts{}, check.Unseen, "Enable provisioning"},
		"onelogin.clock":            {check.Facts{}, check.Unseen, ""},
		"tomorro.clock":             {check.Facts{}, check.Unseen, ""},
		"onelogin.groups_parameter": {check.Facts{App: reconcile.AppSetup{Parameters: email}}, check.Warn, "Refresh"},
		"onelogin.name_id":          {check.Facts{App: reconcile.AppSetup{Parameters: other}}, check.Fail, "choose Email"},
		"tomorro.probe":             {check.Facts{ProfileErr: away}, check.Fail, "check --probe-writes"},
		"tomorro.probe.run":         {check.Facts{ProbeErr: away}, check.Fail, "check --probe-writes"},
	} {
		r := check.Evaluate(&c.facts, &check.Settings{Policy: &reconcile.Policy{}})
		if x := line(&r, id); x.Status != c.want || !strings.Contains(x.Do, c.do) {
			t.Errorf("%s: %+v", id, x)
		}
	}
	r := check.Evaluate(&check.Facts{ReadErr: away}, &check.Settings{Policy: &reconcile.Policy{}, TokenExpires: time.Unix(1, 0), Now: time.Unix(2, 0)})
	if x := line(&r, "tomorro.token"); x.Status != check.Fail { // which is why it cannot be read
		t.Errorf("%+v", x)
	}
}

// TestStoreTroubles: what runs tell of Redis is what fails and what warns.
func TestStoreTroubles(t *testing.T) {
	t.Parallel()
	got := make(map[string]check.Status)
	for _, x := range check.StoreTroubles(jobs.StoreSetup{Version: "7.2", Eviction: "allkeys-lru", Appends: "no", Snapshots: "3600 1"}) {
		got[x.ID] = x.Status
	}
	if want := map[string]check.Status{"redis.persistence": check.Warn, "redis.eviction": check.Fail}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := check.StoreTroubles(jobs.StoreSetup{}); len(got) > 0 {
		t.Errorf("what is not shown is told: %+v", got)
	}
}

// TestLeftBesideOthers: a group in which others are is not named as a probe's, since what is
// named is to be removed.
func TestLeftBesideOthers(t *testing.T) {
	t.Parallel()
	f := check.Facts{Current: reconcile.Current{Accounts: []reconcile.Account{{ID: "1", UserName: "probe@x.io", ExternalID: reconcile.ProbeMark, Active: true}},
		Groups: []reconcile.Group{{ID: "7", Name: "Legal", Members: []string{"1", "2"}}, {ID: "8", Name: reconcile.ProbeMark, Members: []string{"2"}}, {ID: "9", Name: "Empty"}}}}
	r := check.Evaluate(&f, &check.Settings{Policy: &reconcile.Policy{}})
	if x := line(&r, "tomorro.probe.left"); !slices.Equal(x.Items, []string{"probe@x.io"}) || strings.Contains(x.Do, "--probe-group") {
		t.Errorf("%+v", x)
	}
}

// TestServiceThatCannotBeAsked: an answer that says nothing of the service is no word that it
// offers nothing, and its clock is compared all the same.
func TestServiceThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct{ found, do string }{404: {found: "offers no ServiceProviderConfig"}, 405: {found: "offers no"}, 501: {found: "offers no"}, 403: {found: "answered 403"},
		429: {"answered 429", "run check again"}, 500: {"answered 500", "run check again"}, 503: {"answered 503", "run check again"}} {
		s := correct(t)
		s.front = func(w http.ResponseWriter, r *http.Request) bool {
			mine := strings.HasSuffix(r.URL.Path, "/ServiceProviderConfig")
			if mine {
				w.WriteHeader(status)
			}
			return mine
		}
		r := s.report()
		if x := line(&r, "tomorro.service"); x.Status != check.Unseen || !strings.Contains(x.Found, want.found) || !strings.Contains(x.Do, want.do) {
			t.Errorf("%d: %+v", status, x)
		}
		if x := line(&r, "tomorro.clock"); x.Status != check.Pass {
			t.Errorf("%d: %+v", status, x)
		}
	}
}

// TestPrivilegesNameEachList: all lists are named while all can be read, and else those that
// cannot, each with its privilege.
func TestPrivilegesNameEachList(t *testing.T) {
	t.Parallel()
	report := func(broken ...string) check.Result {
		f := check.Facts{}
		for _, name := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
			l := reconcile.ListReceipt{List: name, Items: 7}
			if slices.Contains(broken, name) {
				l.Why = "OneLogin answered 403"
			}
			f.Directory.Receipt.Lists = append(f.Directory.Receipt.Lists, l)
		}
		r := check.Evaluate(&f, &check.Settings{Policy: &reconcile.Policy{}})
		return line(&r, "onelogin.privileges")
	}
	if x := report(); x.Status != check.Pass || len(x.Items) != 4 || x.Items[3] != "rules (needs Manage All): 7" {
		t.Errorf("%+v", x)
	}
	want := []string{"app users (needs Read All): OneLogin answered 403", "rules (needs Manage All): OneLogin answered 403"}
	if x := report(reconcile.ListAssigned, reconcile.ListRules); x.Status != check.Fail || !slices.Equal(x.Items, want) {
		t.Errorf("%+v", x)
	}
}

// TestSeatsInUse tells how many people of each role have access.
func TestSeatsInUse(t *testing.T) {
	t.Parallel()
	f := check.Facts{Current: reconcile.Current{Accounts: []reconcile.Account{{UserType: reconcile.User, Active: true}, {UserType: reconcile.User, Active: true},
		{UserType: reconcile.Admin, Active: true}, {UserType: reconcile.Manager}}}}
	r := check.Evaluate(&f, &check.Settings{Policy: &reconcile.Policy{}})
	if x := line(&r, "tomorro.seats"); !slices.Equal(x.Items, []string{"2: user", "1: admin"}) || strings.Contains(x.Found, "none") {
		t.Errorf("%+v", x)
	}
	f.Current.Accounts = nil
	r = check.Evaluate(&f, &check.Settings{Policy: &reconcile.Policy{}})
	if x := line(&r, "tomorro.seats"); len(x.Items) > 0 || !strings.Contains(x.Found, "none is in use") {
		t.Errorf("%+v", x)
	}
}
