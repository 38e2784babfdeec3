package check_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/check"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin"
	"tomorro-sync/sources/onelogin/onelogintest"
)

func TestMain(m *testing.M) {
	// Connections that clients keep are closed with the servers, a moment later.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// fakeStore is a Redis as the test says.
type fakeStore struct {
	setup   jobs.StoreSetup
	err     error
	profile *reconcile.Profile
}

func (f *fakeStore) Setup(context.Context) (jobs.StoreSetup, error) { return f.setup, f.err }

func (f *fakeStore) Profile(context.Context) (reconcile.Profile, bool, error) {
	if f.profile == nil {
		return reconcile.Profile{}, false, nil
	}
	return *f.profile, true, nil
}

// fakeListener is what answers under the listener's address.
type fakeListener struct {
	seen check.Seen
	err  error
}

func (f *fakeListener) Look(context.Context) (check.Seen, error) { return f.seen, f.err }

// setup is a correct set-up of both services, which a case then spoils.
type setup struct {
	t                     *testing.T
	world                 *onelogintest.World
	onelogin              *onelogintest.Server
	tomorro               *tomorrotest.Server
	source                onelogin.Config
	target                tomorro.Config
	oneloginAt, tomorroAt time.Duration // what the services' clocks are ahead
	// front may answer instead of Tomorro.
	front    func(http.ResponseWriter, *http.Request) bool
	store    *fakeStore
	storeErr error
	listener *fakeListener
	settings check.Settings
}

const appID = 1531580

func correct(t *testing.T) *setup {
	t.Helper()
	s := &setup{t: t, world: onelogintest.Generate(onelogintest.Options{Users: 24, Groups: 6, Seed: 3, Plain: true})}
	s.onelogin, s.tomorro = onelogintest.New(s.world), tomorrotest.New(tomorrotest.Options{})
	for _, name := range s.world.GroupNames() {
		s.tomorro.AddGroup(name)
	}
	for _, name := range []string{"legal@acme.example", "api@acme.example"} {
		s.tomorro.AddUser(tomorrotest.User{UserName: name, GivenName: "G", FamilyName: "F", UserType: "admin", Active: true})
	}
	one := httptest.NewServer(shifted(s.onelogin, &s.oneloginAt))
	two := httptest.NewServer(shifted(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.front == nil || !s.front(w, r) {
			s.tomorro.ServeHTTP(w, r)
		}
	}), &s.tomorroAt))
	t.Cleanup(func() { one.Close(); two.Close() })
	s.source = onelogin.Config{URL: one.URL, ClientID: s.onelogin.ClientID, ClientSecret: s.onelogin.ClientSecret, AppID: appID, Retries: -1, Backoff: time.Millisecond}
	s.target = tomorro.Config{URL: two.URL + "/scim/v2", Token: "tomorro-token", Retries: -1, Backoff: time.Millisecond}
	s.store = &fakeStore{setup: jobs.StoreSetup{Version: "7.0.15", Eviction: "noeviction", Appends: "yes", SnapshotsShown: true}}
	s.listener = &fakeListener{seen: check.Seen{Status: 200, Tried: true, SCIM: true, TLS: true, Expires: time.Now().AddDate(1, 0, 0)}}
	s.settings = check.Settings{Policy: &reconcile.Policy{Pricing: reconcile.PricingV6, GroupMode: reconcile.Exclusive, DefaultSubstitute: "legal@acme.example", APIAccount: "api@acme.example"},
		Domains: []string{"acme.example"}, Target: s.target.URL, Now: time.Now(), TokenExpires: time.Now().AddDate(1, 0, 0), ExpiresWarn: 14 * 24 * time.Hour}
	return s
}

// shifted answers with a clock that is ahead.
func shifted(h http.Handler, by *time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *by != 0 {
			w.Header().Set("Date", time.Now().Add(*by).UTC().Format(http.TimeFormat))
		}
		h.ServeHTTP(w, r)
	})
}

func (s *setup) report() check.Report {
	s.t.Helper()
	source, err := onelogin.New(s.source)
	if err != nil {
		s.t.Fatal(err)
	}
	target, err := tomorro.New(s.target)
	if err != nil {
		s.t.Fatal(err)
	}
	c := check.Checker{OneLogin: source, Tomorro: target, StoreErr: s.storeErr}
	if s.store != nil {
		c.Store = s.store
	}
	if s.listener != nil {
		c.Listener = s.listener
	}
	facts := c.Read(s.t.Context())
	return check.Evaluate(&facts, &s.settings)
}

func line(r *check.Report, id string) check.Result {
	i := slices.IndexFunc(r.Results, func(x check.Result) bool { return x.ID == id })
	if i < 0 {
		return check.Result{Found: "there is no line " + id}
	}
	return r.Results[i]
}

// probed is what a probe of the simulator finds.
func probed(target string) *reconcile.Profile {
	p := &reconcile.Profile{At: time.Now(), Target: target, Update: "put", MemberRemoval: "values", ContentType: "application/json"}
	for _, tried := range []string{reconcile.ProbePut, reconcile.ProbePatch, reconcile.ProbeRole, reconcile.ProbeRename, reconcile.ProbeInactive, reconcile.ProbeDelete,
		reconcile.ProbeExternalID, reconcile.ProbeMembersValues, reconcile.ProbeMembersPut} {
		p.Answers = append(p.Answers, reconcile.ProfileAnswer{Tried: tried, Answer: reconcile.AnswerWorks})
	}
	for _, tried := range []string{reconcile.ProbeUnknownType, reconcile.ProbeDuplicate} {
		p.Answers = append(p.Answers, reconcile.ProfileAnswer{Tried: tried, Answer: reconcile.AnswerRefused})
	}
	for _, tried := range []string{reconcile.ProbePageCap, reconcile.ProbeRate, reconcile.ProbeBulk} {
		p.Answers = append(p.Answers, reconcile.ProfileAnswer{Tried: tried, Answer: reconcile.AnswerNotSeen})
	}
	for _, tried := range []string{reconcile.ProbeAttributes} {
		p.Answers = append(p.Answers, reconcile.ProfileAnswer{Tried: tried, Answer: reconcile.AnswerIgnored})
	}
	return p
}

// answered spoils one answer of the probe.
func answered(tried, answer string) func(*setup) {
	return func(s *setup) {
		for i := range s.store.profile.Answers {
			if s.store.profile.Answers[i].Tried == tried {
				s.store.profile.Answers[i].Answer = answer
			}
		}
	}
}

// neverSeen are the lines that no API can tell more of.
var neverSeen = []string{"onelogin.connection", "onelogin.approvals", "onelogin.included", "onelogin.refreshed", "groups.restricted", "tomorro.seats"}

// informs are lines that say what is, and cannot be wrong by themselves.
var informs = []string{"tomorro.probe.unknown_type", "tomorro.probe.page_cap", "tomorro.probe.rate_limit", "tomorro.probe.bulk", "tomorro.probe.attributes"}

// TestCorrectSetup: a fresh correct set-up has no fail and no warning.
func TestCorrectSetup(t *testing.T) {
	t.Parallel()
	s := correct(t)
	s.store.profile, s.world.App.NameID = probed(s.target.URL), "email"
	acting(onelogintest.Action{Action: "set_scimusername", Macro: "{email}"})(s) // as the guide has it
	r := s.report()
	for _, x := range r.Results {
		if x.Status == check.Fail || x.Status == check.Warn || x.Status == check.Unseen && !slices.Contains(neverSeen, x.ID) {
			t.Errorf("%s: %s: %s %v", x.Status, x.ID, x.Found, x.Items)
		}
		if x.Status == check.Unseen && x.Do == "" || x.Found == "" || !slices.Contains(check.Steps(), x.Step) {
			t.Errorf("%+v", x)
		}
	}
}

// TestEachCheckFails: for each line there is a state of the services that makes it
// fail or warn, with what was found and what to do. The messages printed here are
// those that an administrator reads.
func TestEachCheckFails(t *testing.T) {
	t.Parallel()
	tried := make(map[string]bool)
	for _, c := range cases() {
		tried[c.id] = true
		t.Run(c.id+" "+c.text, func(t *testing.T) {
			t.Parallel()
			s := correct(t)
			s.store.profile = probed(s.target.URL)
			c.spoil(s)
			r := s.report()
			x := line(&r, c.id)
			said := x.Found + " | " + strings.Join(x.Items, " | ")
			if x.Status != c.want || !strings.Contains(said+" -> "+x.Do, c.text) {
				t.Errorf("%s: %s, want %s with %q", x.Status, said, c.want, c.text)
			}
			if x.Do == "" && (c.want == check.Warn || c.want == check.Fail) {
				t.Errorf("%s does not say what to do", c.id)
			}
			t.Logf("%s: %s\n  -> %s", x.Status, said, x.Do)
		})
	}
	s := correct(t)
	s.store.profile = probed(s.target.URL)
	r := s.report()
	for _, x := range r.Results {
		if !tried[x.ID] && !slices.Contains(neverSeen, x.ID) && !slices.Contains(informs, x.ID) {
			t.Errorf("no case makes %s fail", x.ID)
		}
	}
}

// TestOneFailureStopsNothing: each service that cannot be reached leaves the lines of
// the others as they are.
func TestOneFailureStopsNothing(t *testing.T) {
	t.Parallel()
	prefixes := map[string][]string{"OneLogin": {"onelogin.", "people.", "rules.", "groups."}, "Tomorro": {"tomorro.", "groups."}, "Redis": {"redis.", "tomorro.probe"}}
	for name, spoil := range map[string]func(*setup){
		"OneLogin": func(s *setup) { s.source.URL = "http://127.0.0.1:1" },
		"Tomorro":  func(s *setup) { s.target.URL = "http://127.0.0.1:1/scim/v2" },
		"Redis":    func(s *setup) { s.store, s.storeErr = nil, errors.New("reach Redis: it is not there") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good, bad := correct(t), correct(t)
			spoil(bad)
			before, after := good.report(), bad.report()
			if after.Count(check.Fail) == 0 {
				t.Error("nothing fails")
			}
			for _, x := range before.Results {
				own := slices.ContainsFunc(prefixes[name], func(p string) bool { return strings.HasPrefix(x.ID, p) })
				switch y := line(&after, x.ID); {
				case strings.HasPrefix(y.Found, ":"):
					t.Errorf("%s does not say what was not looked at: %s", x.ID, y.Found)
				case y.Status == "":
					t.Errorf("%s is not there", x.ID)
				case !own && y.Status != x.Status:
					t.Errorf("%s was %s and is %s: %s", x.ID, x.Status, y.Status, y.Found)
				case own && y.Status == check.Pass && x.ID != "tomorro.probe":
					t.Errorf("%s passes: %s", x.ID, y.Found)
				}
			}
		})
	}
}
