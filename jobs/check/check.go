package check

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// Status says how a check ended.
type Status string

// The statuses.
const (
	Pass   Status = "pass"
	Warn   Status = "warn"   // works, or works for the others
	Fail   Status = "fail"   // has to be mended before a run
	Unseen Status = "unseen" // no API shows it, or what it depends on could not be read
)

// Result is how one check ended, a line of the report.
type Result struct {
	ID     string   `json:"id"`
	Step   string   `json:"step"` // of the set-up guide, or the part that is not in it
	Status Status   `json:"status"`
	Found  string   `json:"found"`
	Do     string   `json:"do,omitempty"`    // what to click or to change
	Items  []string `json:"items,omitempty"` // what Found sums up, one by one
}

// Report has one result for each check, in the order of the guide.
type Report struct {
	Results []Result `json:"results"`
}

// Count tells how many results have this status.
func (r *Report) Count(s Status) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Status == s {
			n++
		}
	}
	return n
}

// OneLogin is what a Checker reads of OneLogin.
type OneLogin interface {
	SignIn(ctx context.Context) error
	Pull(ctx context.Context) (reconcile.Directory, error)
	Setup(ctx context.Context) (reconcile.AppSetup, error)
}

// Tomorro is what a Checker reads of Tomorro.
type Tomorro interface {
	Read(ctx context.Context) (reconcile.Current, error)
	Setup(ctx context.Context) (reconcile.ServiceSetup, error)
}

// Store is what a Checker reads of Redis: how it is set up, and what a probe of Tomorro
// left in it.
type Store interface {
	Setup(ctx context.Context) (jobs.StoreSetup, error)
	Profile(ctx context.Context) (p reconcile.Profile, ok bool, err error)
}

// Looker looks at the SCIM listener from outside. The error says that nothing answered.
type Looker interface {
	Look(ctx context.Context) (Seen, error)
}

// Checker reads everything that Evaluate looks at.
type Checker struct {
	OneLogin OneLogin
	Tomorro  Tomorro
	Store    Store // nil: there is none, or StoreErr says why it could not be opened
	StoreErr error
	Listener Looker // nil: there is none
}

// errNoStore says that no Redis is configured.
var errNoStore = errors.New("redis.url is not set")

// Read reads everything at the same time. What could not be read, and why, is in the facts.
func (c *Checker) Read(ctx context.Context) Facts {
	f := Facts{StoreErr: c.StoreErr}
	p := pool.New()
	p.Go(func() { f.SignInErr = c.OneLogin.SignIn(ctx) })
	p.Go(func() { f.Directory, f.PullErr = c.OneLogin.Pull(ctx) })
	p.Go(func() { f.App, f.AppErr = c.OneLogin.Setup(ctx) })
	p.Go(func() { f.Current, f.ReadErr = c.Tomorro.Read(ctx) })
	p.Go(func() { f.Service, f.ServiceErr = c.Tomorro.Setup(ctx) })
	switch {
	case c.Store != nil:
		p.Go(func() { f.Store, f.StoreErr = c.Store.Setup(ctx) })
		p.Go(func() { f.Profile, f.Probed, f.ProfileErr = c.Store.Profile(ctx) })
	case c.StoreErr == nil:
		f.StoreErr = errNoStore
	}
	if c.Listener != nil {
		f.Listens = true
		p.Go(func() { f.Listener, f.ListenerErr = c.Listener.Look(ctx) })
	}
	p.Wait()
	return f
}

// Facts is what a Checker read. An error says why the value before it could not be read.
type Facts struct {
	SignInErr   error
	Directory   reconcile.Directory
	PullErr     error
	App         reconcile.AppSetup
	AppErr      error
	Current     reconcile.Current
	ReadErr     error
	Service     reconcile.ServiceSetup
	ServiceErr  error
	Store       jobs.StoreSetup
	StoreErr    error
	Profile     reconcile.Profile
	Probed      bool
	ProfileErr  error
	Probing     bool  // a probe was begun after all this was read
	ProbeErr    error // of the probe that was made just now
	ProbeKept   bool  // what it found is complete and kept: only its cleaning up failed
	Listens     bool  // a listener is configured
	Listener    Seen
	ListenerErr error
}

// Settings is what Evaluate needs of the configuration.
type Settings struct {
	Policy  *reconcile.Policy
	Domains []string // of e-mails; empty: any
	Target  string   // tomorro.url
	// Explicit are the settings of the client that the configuration names, by key: they
	// win over what a probe found.
	Explicit map[string]string
	// TokenExpires is when tomorro.token ends; zero when nobody knows.
	TokenExpires time.Time
	ExpiresWarn  time.Duration // how long before that a warning begins
	Now          time.Time
}

// Evaluate says which steps of the set-up guide are done as it asks. It is pure.
func Evaluate(f *Facts, s *Settings) Report {
	e := &evaluation{f: f, s: s}
	if f.PullErr == nil {
		e.wants, _ = reconcile.Desired(&f.Directory, s.Policy)
		for i := range e.wants {
			if w := &e.wants[i]; w.Managed && w.Active {
				e.active = append(e.active, w)
			}
		}
	}
	for _, part := range []func(){e.credentials, e.app, e.appShown, e.notShown, e.assignment, e.titles, e.addresses, e.rules, e.groups,
		e.tomorro, e.substitute, e.clocks, e.profile, e.store, e.listener} {
		part()
	}
	slices.SortStableFunc(e.results, func(a, b Result) int { return slices.Index(Steps(), a.Step) - slices.Index(Steps(), b.Step) })
	return Report{Results: e.results}
}

// evaluation is one under way.
type evaluation struct {
	f       *Facts
	s       *Settings
	wants   []reconcile.Want
	active  []*reconcile.Want // who should have access
	results []Result
}

// The steps, as the guide's headings number them.
const (
	stepSubstitute = "Default Substitute"
	stepRestrict   = "Restrict group assignment"
	stepApp        = "STEP 1"
	stepProvision  = "STEP 2"
	stepPeople     = "STEP 3"
	stepRoles      = "STEP 4"
	stepTitles     = "STEP 5"
	stepGroups     = "STEP 6"
	stepSAML       = "SAML"
	stepAPI        = "OneLogin API"
	stepTomorro    = "Tomorro"
	stepRedis      = "Redis"
	stepListener   = "Listener"
)

// Steps lists the names of all steps, in the order of the guide.
func Steps() []string {
	return []string{stepAPI, stepApp, stepProvision, stepPeople, stepRoles, stepTitles, stepGroups, stepSAML, stepSubstitute, stepRestrict, stepTomorro, stepRedis, stepListener}
}

func (e *evaluation) add(r Result) { e.results = append(e.results, r) }

// unread is the line of what could not be looked at because of something else, which
// has a line of its own.
func (e *evaluation) unread(id, step, because string) {
	e.add(Result{ID: id, Step: step, Status: Unseen, Found: subject(id) + ": not looked at, since " + because + " could not be read"})
}

// everybody reports whether all people were read, and who of them has the app.
func (e *evaluation) everybody() bool {
	r := &e.f.Directory.Receipt
	return e.f.PullErr == nil && r.Read(reconcile.ListUsers) && r.Read(reconcile.ListAssigned)
}

// addOfPeople adds a line that may pass only because not everybody was read.
func (e *evaluation) addOfPeople(r Result) {
	if r.Status == Pass && !e.everybody() {
		e.unread(r.ID, r.Step, "the list of people")
		return
	}
	e.add(r)
}

// later is what to do where neither credentials nor settings are what is wrong.
func later(who string) string {
	return "Look at what " + who + " answered; if it is slow or busy, run check again when it is not"
}

// subject is what a line is about.
func subject(id string) string {
	return map[string]string{
		"onelogin.privileges": "what the credentials may do", "onelogin.app": "the app", "onelogin.app_type": "the type of the app", "onelogin.provisioning": "whether provisioning is enabled",
		"onelogin.scimusername": "where scimusername comes from", "onelogin.groups_parameter": "the Groups parameter", "onelogin.name_id": "the SAML name identifier",
		"onelogin.assigned": "who has the app", "onelogin.app_roles": "the roles that give the app", "onelogin.active_rule": "the rule on the status of people",
		"people.titles": "the titles", "people.emails": "the e-mails", "people.domains": "the domains of e-mails", "people.data": "the names and statuses of people",
		"rules.readable": "the rules", "rules.roles": "the roles that rules name", "rules.reachable": "rules that do nothing", "rules.counts": "whom each rule matches",
		"rules.idle": "rules that match nobody", "rules.certain": "rules that are uncertain", "rules.actions": "what else rules do", "groups.exist": "the groups that rules give",
		"tomorro.memberships": "who is in Tomorro's groups", "tomorro.default_substitute": "the default substitute", "tomorro.token": "when the token ends", "tomorro.api_account": "the account whose token this is",
		"tomorro.seats": "the seats", "tomorro.service": "what Tomorro's service can do", "redis.persistence": "whether Redis keeps its data", "redis.eviction": "whether Redis evicts keys", "listener.certificate": "the certificate of the listener",
		"onelogin.clock": "OneLogin's clock", "tomorro.clock": "Tomorro's clock",
	}[id]
}
