package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/check"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sources/onelogin"
)

// services is the connector of the real program: what the configuration names.
type services struct{}

// open implements connector. The journal's commands need neither service, so
// what is not configured is not opened.
func (services) open(ctx context.Context, s session) (*connection, error) {
	conn := &connection{close: func() {}}
	run := runWith{Runner: &jobs.Runner{
		Policy: s.config.policy(s.approved), User: s.user,
		MembersPerWrite: s.config.Tomorro.MembersPerRequest,
		Canary:          s.config.Apply.Canary, ReadBack: s.config.Apply.ReadBack,
		Grace: s.config.Grace, Keep: s.config.Journal.Keep, KeepRuns: s.config.Journal.KeepRuns,
		Progress: func(done, total int) { s.progress.step("changes", done, total) },
	}, progress: s.progress}
	if s.serving {
		run.Log = s.log
	}
	conn.runner = run
	shared, profile, err := s.memories(ctx, conn, run.Runner)
	if err != nil {
		return nil, err
	}
	if s.config.OneLogin.URL == "" || s.config.Tomorro.URL == "" {
		return conn, nil
	}
	source, err := onelogin.New(oneloginClient(s, shared))
	if err != nil {
		conn.close()
		return nil, usage(err, "correct the configuration file or the environment")
	}
	to := tomorroClient(s, shared, profile)
	target, err := tomorro.New(to)
	if err != nil {
		conn.close()
		return nil, usage(err, "correct the configuration file or the environment")
	}
	run.Source, run.Target, run.Accounts, conn.target = source, target, target, target
	run.Concurrency = target.AtOnce()
	conn.counts = counts(source, target)
	conn.outlook = func(ctx context.Context, plan *reconcile.Plan) *outlook {
		return newOutlook(ctx, s.config, source, target, to, plan)
	}
	if s.serving {
		conn.changes = source
		conn.desk = &desk{target: target, tell: time.Minute, pushes: &jobs.Pushes{Runner: run.Runner, Looker: source, Accounts: target, Queue: conn.memory, Deadline: s.config.Listen.Deadline, Retry: s.config.Listen.Retry}}
	}
	return conn, nil
}

// memories opens the store that the session needs, or may use, for the run, and reads
// what the last probe of Tomorro left there.
func (s session) memories(ctx context.Context, conn *connection, run *jobs.Runner) (shared sharedRate, found reconcile.Profile, err error) {
	if s.store {
		store, err := s.openStore(ctx)
		if err != nil {
			return shared, found, err
		}
		if !s.later {
			if found, err = s.profile(ctx, store); err != nil {
				return shared, found, errors.Join(err, store.Close())
			}
		}
		if s.serving && !s.embedded && !s.later {
			s.tellTroubles(ctx, store)
		}
		conn.memory, conn.close = store, func() { _ = store.Close() }
		shared = sharedRate{store}
		run.Locker, run.Journal, run.Ledger, run.Marks, run.Links, run.Recaller = store, store, store, store, store, store
		run.Experience, run.Reader, run.Pins = store, store, store
		run.Ignored, run.Assertions, run.Adoptions, run.Seals, run.Decisions = store, store, store, store, store
	}
	if s.remember && s.config.Redis.URL != "" {
		if store := s.glance(ctx); store != nil {
			if found, err = s.profile(ctx, store); err != nil {
				s.log.Warn("planning without what the probe of Tomorro found", "reason", err)
			}
			conn.memory, conn.close = store, func() { _ = store.Close() }
			shared = sharedRate{store}
			run.Links, run.Recaller, run.Experience = store, store, store
			run.Adoptions = store
		}
	}
	return shared, found, nil
}

// tellTroubles logs what check says of how Redis is set up, where it does not pass: who
// serves for years may never run that again.
func (s session) tellTroubles(ctx context.Context, store *redisstore.Store) {
	setup, err := store.Setup(ctx)
	if err != nil {
		s.log.Warn("how Redis is set up cannot be seen", "error", err)
		return
	}
	for _, r := range check.StoreTroubles(setup) {
		s.log.Warn(r.Found, "check", r.ID, "do", r.Do)
	}
}

// runWith takes the bars off the screen before anything else is printed there.
type runWith struct {
	*jobs.Runner
	progress *progress
}

// Plan implements runner.
func (r runWith) Plan(ctx context.Context) (reconcile.Plan, error) {
	defer r.progress.stop()
	return r.Runner.Plan(ctx)
}

// Compare implements runner.
func (r runWith) Compare(ctx context.Context, former reconcile.Policy) (reconcile.Comparison, error) {
	defer r.progress.stop()
	return r.Runner.Compare(ctx, former)
}

// Explain implements runner.
func (r runWith) Explain(ctx context.Context, who string, whatIf func(*reconcile.Directory) error) ([]reconcile.Explanation, error) {
	defer r.progress.stop()
	return r.Runner.Explain(ctx, who, whatIf)
}

// Survey implements runner.
func (r runWith) Survey(ctx context.Context) (jobs.Survey, error) {
	defer r.progress.stop()
	return r.Runner.Survey(ctx)
}

// Reconcile implements runner.
func (r runWith) Reconcile(ctx context.Context, by jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	defer r.progress.stop()
	return r.Runner.Reconcile(ctx, by, r.pausing(approve))
}

// Undo implements runner.
func (r runWith) Undo(ctx context.Context, by jobs.Trigger, what jobs.UndoWhat, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	defer r.progress.stop()
	return r.Runner.Undo(ctx, by, what, r.pausing(approve))
}

func (r runWith) Regroup(ctx context.Context, by jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	defer r.progress.stop()
	return r.Runner.Regroup(ctx, by, r.pausing(approve))
}

func (r runWith) RegroupTo(ctx context.Context, by jobs.Trigger, were []reconcile.Group, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	defer r.progress.stop()
	return r.Runner.RegroupTo(ctx, by, were, r.pausing(approve))
}

func (r runWith) pausing(approve approval) approval {
	return func(plan reconcile.Plan) (bool, error) {
		r.progress.pause()
		defer r.progress.resume()
		return approve(plan)
	}
}

// glanceTimeout is how long a plan waits for a Redis that it can do without.
const glanceTimeout = 2 * time.Second

// glance opens the configured Redis for reading, or says that it could not: a
// plan without it may take a changed e-mail for a new person.
func (s session) glance(ctx context.Context) *redisstore.Store {
	ctx, cancel := context.WithTimeout(ctx, glanceTimeout)
	defer cancel()
	store, err := s.openStore(ctx)
	if err != nil {
		s.log.Warn("planning without Redis: remembered accounts are known only by externalId and address", "reason", err)
		return nil
	}
	return store
}

func (s session) openStore(ctx context.Context) (*redisstore.Store, error) {
	if s.embedded {
		return redisstore.Embedded(redisstore.Options{})
	}
	address, err := s.config.Redis.redisURL()
	if err != nil {
		return nil, usage(err, "correct redis.url")
	}
	if _, err := redisstore.ParseURL(address); err != nil {
		return nil, usage(err, "correct redis.url")
	}
	o := redisstore.Options{Connection: s.config.Connection, SentinelPassword: s.config.Redis.SentinelPassword.reveal(), Later: s.later}
	if file := s.config.Redis.CAFile; file != "" {
		if o.RootCAs, err = certificates(file); err != nil {
			return nil, usage(err, "correct redis.ca_file")
		}
	}
	store, err := redisstore.Open(ctx, address, o)
	if err != nil {
		f := &failure{code: exitError, err: err, hint: "start Redis, or correct redis.url; plan needs none"}
		if redisstore.Remedy(err) != "" || redisstore.Distrust(err) != "" {
			f.hint = "when that is done, run it again; plan needs no Redis"
		}
		return nil, f
	}
	if s.later {
		return store, nil
	}
	if err := s.own(ctx, store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// certificates reads a file of PEM certificates.
func certificates(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("redis.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("redis.ca_file: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// sharedRate is what all processes with the same memory share of how fast an API may be
// asked; without a store nothing.
type sharedRate struct{ store *redisstore.Store }

// tokens are those of a rate that is configured; nobody shares one that there is not.
func (r sharedRate) tokens(api string, perSecond float64) pace.Tokens {
	if r.store == nil || perSecond <= 0 {
		return nil
	}
	return r.store.Bucket(api, perSecond, pace.Ahead(perSecond))
}

// lessons are what is learned of an API's limit.
func (r sharedRate) lessons(api string) pace.Lessons {
	if r.store == nil {
		return nil
	}
	return r.store.Lessons(api)
}

func oneloginClient(s session, shared sharedRate) onelogin.Config {
	o := &s.config.OneLogin
	return onelogin.Config{
		URL: o.URL, ClientID: o.ClientID, ClientSecret: o.ClientSecret.reveal(), AppID: o.AppID, Credentials: o.Credentials,
		Concurrency: o.Concurrency, PageSize: o.PageSize, PerSecond: o.PerSecond, Tokens: shared.tokens("onelogin", o.PerSecond), Lessons: shared.lessons("onelogin"), Logger: s.log, NoEvents: !s.config.Schedule.DeltaEvents,
		QuotaOnV2: o.Quota == "all", Reserve: o.Reserve,
		Timeout: o.Timeout, Retries: o.patience().clientRetries(), Backoff: o.Backoff,
		OnPage:    func(list string, done, total int) { s.progress.step("OneLogin "+list, done, total) },
		OnSilence: s.silence("OneLogin"),
	}
}

// silence says that a service is not asked for a while: whoever looks at bars that stand
// still wants to know why, and until when.
func (s session) silence(service string) func(time.Duration) {
	return func(d time.Duration) {
		until := time.Now().Add(d).Format(time.TimeOnly)
		if !s.progress.say(fmt.Sprintf("waiting for the rate limit of %s until %s", service, until)) {
			s.log.Warn("waiting for the rate limit of "+service, "until", until)
		}
	}
}

// profile gives what the last probe of this Tomorro found; what another one said is
// no use here.
func (s session) profile(ctx context.Context, store jobs.Profiles) (reconcile.Profile, error) {
	p, ok, err := store.Profile(ctx)
	if err != nil || !ok || p.Target != s.config.Tomorro.URL {
		return reconcile.Profile{}, err
	}
	return p, nil
}

// bulkMost is how many writes share a request at most where only the service sets a
// bound: of as many it is unknown what became of them when its answer is lost.
const bulkMost = 100

// tomorroClient lays what is configured over what a probe found.
func tomorroClient(s session, shared sharedRate, found reconcile.Profile) tomorro.Config {
	t := &s.config.Tomorro
	return tomorro.Config{
		URL: t.URL, Token: t.Token.reveal(), UpdateWith: cmp.Or(t.Update, found.Update), MemberRemoval: cmp.Or(t.MemberRemoval, found.MemberRemoval),
		ContentType: cmp.Or(t.ContentType, found.ContentType), PageSize: cmp.Or(t.PageSize, found.PageSize), Bulk: cmp.Or(t.Bulk, min(found.Bulk, bulkMost)), BulkBytes: found.BulkBytes,
		Attributes:     t.Attributes == "compared" || t.Attributes == "" && found.Attributes,
		SendExternalID: t.SendExternalID, Concurrency: t.Concurrency, PerSecond: t.PerSecond, Tokens: shared.tokens("tomorro", t.PerSecond), Lessons: shared.lessons("tomorro"), Logger: s.log,
		Timeout: t.Timeout, Retries: t.patience().clientRetries(), Backoff: t.Backoff,
		OnPage:    func(list string, done, total int) { s.progress.step("Tomorro "+list, done, total) },
		OnSilence: s.silence("Tomorro"),
	}
}
