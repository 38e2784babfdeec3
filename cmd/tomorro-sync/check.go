package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/check"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sources/onelogin"
)

// checkFlags is how the command was called.
type checkFlags struct {
	strict, all, probe bool
	account, group     string
}

// probeName is what the sandbox of a probe is called.
const probeName = "tomorro-sync-probe"

func (p *program) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare each step of the set-up guide with what is there; writes nothing",
		Long: `check reads OneLogin, Tomorro, Redis and the listener, and says for each step of the set-up guide whether it passes, with what was
found and what to click. What no API shows is listed as such. Exit code: 0 when nothing fails, 1 when something does, so that it can run
before each night; with --strict a warning counts as well.

With --probe-writes it also tries out what Tomorro does with writes, on one sandbox account and one sandbox group that it makes and takes
away again. What it finds is kept in Redis, and settles tomorro.update, member_removal, content_type, page_size, bulk and attributes
where the configuration does not.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.check(cmd.Context(), &f) },
	}
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit 1 for warnings as well")
	cmd.Flags().BoolVar(&f.all, "all", false, "show every line")
	cmd.Flags().BoolVar(&f.probe, "probe-writes", false, "try out what Tomorro does with writes, on a sandbox account and group")
	cmd.Flags().StringVar(&f.account, "probe-account", "", "`EMAIL` of the sandbox account; "+probeName+" at your domain")
	cmd.Flags().StringVar(&f.group, "probe-group", probeName, "`NAME` of the sandbox group")
	return cmd
}

func (p *program) check(ctx context.Context, f *checkFlags) error {
	c, err := p.configuration()
	if err != nil {
		return err
	}
	if f.probe && f.account == "" {
		if f.account = c.probeAccount(); f.account == "" {
			return usage(errors.New("--probe-account is missing"), "name an e-mail that is nobody's, such as --probe-account "+probeName+"@acme.com, or set domains: in the configuration")
		}
	}
	if f.probe && (!strings.Contains(f.account, "@") || strings.TrimSpace(f.group) == "") {
		return usage(fmt.Errorf("--probe-account %q or --probe-group %q does not do", f.account, f.group), "name an e-mail and a group that are nobody's; without these, they are "+probeName+"@acme.com and "+probeName)
	}
	s := session{config: c, log: p.logger(), progress: p.newProgress()}
	defer s.progress.stop()
	k, err := s.checker(ctx)
	if err != nil {
		return err
	}
	defer k.close()
	facts := k.Read(ctx)
	if f.probe && ctx.Err() == nil {
		k.probe(ctx, &facts, f)
	}
	s.progress.stop()
	switch {
	case ctx.Err() == nil:
	case errors.Is(facts.ProbeErr, tomorro.ErrLeft):
		return &failure{exitInterrupted, fmt.Errorf("interrupted: %w", facts.ProbeErr), "run: tomorro-sync check --probe-writes"}
	default:
		return context.Cause(ctx)
	}
	report := check.Evaluate(&facts, k.settings())
	code := checkExit(&report, f.strict)
	if p.asJSON() {
		err = writeJSON(p.stdout, checkDocument(&report, &facts, code))
	} else {
		view := checkView{screen: p.screen(p.stdout), all: f.all}
		view.show(&report)
	}
	if err != nil {
		return err
	}
	return ended(code)
}

func checkExit(r *check.Report, strict bool) int {
	if r.Count(check.Fail) > 0 || strict && r.Count(check.Warn) > 0 {
		return exitError
	}
	return exitDone
}

// checkJSON is the report as scripts read it.
type checkJSON struct {
	check.Report
	Summary map[check.Status]int `json:"summary"`
	Profile *reconcile.Profile   `json:"profile"` // of the last probe of this Tomorro; null when there was none
	Exit    int                  `json:"exit"`
}

func checkDocument(r *check.Report, f *check.Facts, code int) checkJSON {
	out := checkJSON{Report: *r, Summary: make(map[check.Status]int), Exit: code}
	for _, s := range []check.Status{check.Pass, check.Warn, check.Fail, check.Unseen} {
		out.Summary[s] = r.Count(s)
	}
	if f.Probed {
		out.Profile = &f.Profile
	}
	return out
}

// probeAccount is the sandbox account at the organisation's own domain, or nothing.
func (c *config) probeAccount() string {
	domain := ""
	if len(c.Domains) > 0 {
		domain = c.Domains[0]
	}
	for _, known := range []string{c.Tomorro.DefaultSubstitute, c.Tomorro.APIAccount} {
		if _, d, ok := strings.Cut(known, "@"); ok && domain == "" {
			domain = d
		}
	}
	if domain == "" {
		return ""
	}
	return probeName + "@" + domain
}

// checker is what the command looks at.
type checker struct {
	check.Checker
	s     session
	store *redisstore.Store // nil when it cannot be reached, or there is none
}

// checker makes the clients. A Redis that cannot be opened is one of the lines.
func (s session) checker(ctx context.Context) (*checker, error) {
	k := &checker{s: s}
	if s.config.Redis.URL != "" {
		if k.store, k.StoreErr = s.openStore(ctx); k.StoreErr == nil {
			k.Store = k.store
		}
	}
	source, err := onelogin.New(oneloginClient(s, sharedRate{k.store}))
	if err == nil {
		k.OneLogin = source
		var target *tomorro.Client
		target, err = tomorro.New(tomorroClient(s, sharedRate{k.store}, reconcile.Profile{}))
		k.Tomorro = target
	}
	if err != nil {
		k.close()
		return nil, usage(err, "correct the configuration file or the environment")
	}
	if l := &s.config.Listen; l.SCIM != "" {
		look := check.Listener{BaseURL: l.BaseURL, Client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
		for _, t := range l.Tokens {
			if !strings.HasPrefix(t.reveal(), "sha256:") {
				look.Token = t.reveal()
			}
		}
		k.Listener = look
	}
	return k, nil
}

func (k *checker) close() {
	if k.store != nil {
		_ = k.store.Close()
	}
}

func (k *checker) settings() *check.Settings {
	c := k.s.config
	policy := c.policy("")
	out := &check.Settings{Policy: &policy, Domains: c.Domains, Target: c.Tomorro.URL, Now: time.Now(),
		Explicit: map[string]string{"tomorro.update": c.Tomorro.Update, "tomorro.member_removal": c.Tomorro.MemberRemoval, "tomorro.content_type": c.Tomorro.ContentType, "tomorro.attributes": c.Tomorro.Attributes}}
	out.TokenExpires, _ = c.Tomorro.expires() // it was checked
	out.ExpiresWarn = c.Alerts.ExpiresWithin
	if c.Tomorro.PageSize > 0 {
		out.Explicit["tomorro.page_size"] = fmt.Sprint(c.Tomorro.PageSize)
	}
	if c.Tomorro.Bulk > 0 {
		out.Explicit["tomorro.bulk"] = fmt.Sprint(c.Tomorro.Bulk)
	}
	return out
}

// probe makes a probe and keeps what it finds. What goes wrong is one of the lines.
func (k *checker) probe(ctx context.Context, f *check.Facts, flags *checkFlags) {
	links := make(map[reconcile.Key]string)
	var err error
	switch {
	case f.ReadErr != nil:
		err = errors.New("not probed: Tomorro cannot be read")
	case f.PullErr != nil || !f.Directory.Receipt.Complete():
		err = errors.New("not probed: only when OneLogin is read to its end is it sure that the sandbox is nobody's")
	case k.store == nil && k.s.config.Redis.URL != "":
		err = errors.New("not probed: Redis, which knows whose accounts are whose, cannot be reached")
	case k.store != nil:
		links, err = k.store.Links(ctx)
	}
	if err != nil {
		f.ProbeErr = err
		return
	}
	policy := k.s.config.policy("")
	var profile reconcile.Profile
	try := func(ctx context.Context) (err error) {
		f.Probing = true
		profile, err = tomorro.Probe(ctx, tomorroClient(k.s, sharedRate{k.store}, reconcile.Profile{}), tomorro.Sandbox{
			Account: flags.account, Group: flags.group, Current: f.Current, Real: check.Real(f, &policy, links),
			Step: func(done, total int) { k.s.progress.step("probe", done, total) },
		})
		return err
	}
	if k.store == nil {
		err = try(ctx)
	} else { // neither beside a run nor beside another probe
		err = k.store.Do(ctx, "check --probe-writes, "+processName(), func(ctx context.Context, _ jobs.Lease) error { return try(ctx) })
	}
	f.ProbeErr = err
	if profile.At.IsZero() {
		return
	}
	f.Profile, f.Probed, f.ProfileErr = profile, true, nil
	if k.store != nil {
		unkept := k.store.KeepProfile(ctx, profile)
		f.ProbeErr, f.ProbeKept = errors.Join(err, unkept), unkept == nil
	} else {
		f.ProbeErr = errors.Join(err, errors.New("what the probe found is not kept: redis.url is not set"))
	}
}
