package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones are checked where no zone files are installed

	"github.com/robfig/cron/v3"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

// checks collects mistakes, so that all of them are told at once.
type checks []error

func (c *checks) fail(key, format string, args ...any) {
	*c = append(*c, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

func (c *checks) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fail(key, "%q is not one of %s", value, strings.TrimSuffix(strings.Join(allowed, ", "), ", "))
	}
}

func (c *checks) atLeast(key string, value, least int) {
	if value < least {
		c.fail(key, "%d is too small; the least is %d", value, least)
	}
}

// validate checks what every command that talks to the two services needs.
func (c *config) validate() error {
	var all checks
	c.OneLogin.check(&all)
	c.Tomorro.check(&all)
	all.required(c.secrets()[0])
	all.required(c.secrets()[1])
	all.oneOf("groups.mode", c.Groups.Mode, string(reconcile.Exclusive), string(reconcile.Additive))
	c.checkTitles(&all)
	for _, d := range c.Domains {
		if strings.ContainsAny(d, "@ */") || !strings.Contains(d, ".") {
			all.fail("domains", "%q is not a domain; write acme.com, without @", d)
		}
	}
	all.atLeast("min_admins", c.MinAdmins, 0)
	for _, a := range c.Approve {
		all.oneOf("approve", a, "create", "update", "delete")
	}
	switch w := c.Limits.Window; {
	case w < 0:
		all.fail("limits.window", "%s is negative; write a duration such as 24h", w)
	case w > redisstore.BudgetKept:
		all.fail("limits.window", "%s is too long: what was done is counted for %s only", w, redisstore.BudgetKept)
	}
	all.atLeast("limits.min_population", c.Limits.MinPopulation, 0)
	if !connectionNames.MatchString(c.Connection) {
		all.fail("connection", "%q is not a name; use letters, digits, - and _, at most 40", c.Connection)
	}
	all.atLeast("apply.canary", c.Apply.Canary, 0)
	if c.Grace <= 0 {
		all.fail("grace", "%s is not a time to wait; write a duration such as 20s", c.Grace)
	}
	if c.Journal.Keep < 0 {
		all.fail("journal.keep", "%s is negative; write a duration such as 9600h, or 0 for ever", c.Journal.Keep)
	}
	all.atLeast("journal.keep_runs", c.Journal.KeepRuns, 1)
	c.Schedule.check(&all)
	c.Listen.check(&all)
	c.Alerts.check(&all)
	slices.SortFunc(all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(all...)
}

// checkTitles refuses a role that is none, another one for a word that is a role itself,
// which would say nothing, and two for what is one title to the plan: which of them held
// would be a matter of chance.
func (c *config) checkTitles(all *checks) {
	first := make(map[string]string)
	for _, title := range slices.Sorted(maps.Keys(c.Titles)) {
		userType := c.Titles[title]
		if !reconcile.UserType(userType).Valid() {
			all.fail("titles", "%q is mapped to %q, which is not one of admin, manager, user, viewer", title, userType)
		}
		folded := reconcile.FoldTitle(title)
		if own := reconcile.UserType(folded); own.Valid() && string(own) != userType {
			all.fail("titles", "%q is mapped to %q, and means %s at any rate, as Tomorro's guide says; give these people another title in OneLogin", title, userType, own)
		}
		if other, ok := first[folded]; ok && c.Titles[other] != userType {
			all.fail("titles", "%q is mapped to %s and %q to %s, and case and blanks do not matter; keep one of them", other, c.Titles[other], title, userType)
		}
		first[folded] = title
	}
}

var connectionNames = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// required says every way in which a missing secret can be given.
func (c *checks) required(s secretPair) {
	if *s.value == "" {
		c.fail(s.key, "is missing; set it, or the environment variable %s%s, or name a file with it in %s_file", envPrefix, s.env, s.key)
	}
}

func (c *checks) given(key, env, value string) {
	if value == "" {
		c.fail(key, "is missing; set it, or the environment variable %s%s", envPrefix, env)
	}
}

func (o *oneloginConfig) check(all *checks) {
	all.given("onelogin.url", "ONELOGIN_URL", o.URL)
	all.url("onelogin.url", o.URL, false)
	all.given("onelogin.client_id", "ONELOGIN_CLIENT_ID", o.ClientID)
	if o.AppID <= 0 {
		all.fail("onelogin.app_id", "is missing; it is the number in the address of the app's page in OneLogin's administration")
	}
	all.oneOf("onelogin.credentials", o.Credentials, "basic", "header", "form")
	all.atLeast("onelogin.concurrency", o.Concurrency, 1)
	all.atLeast("onelogin.page_size", o.PageSize, 0)
	if o.PerSecond < 0 {
		all.fail("onelogin.requests_per_second", "is negative; 0 means no limit")
	}
	all.oneOf("onelogin.quota", o.Quota, "v1", "all")
	all.atLeast("onelogin.reserve", o.Reserve, 1)
	for _, s := range o.ActiveStatuses {
		if s < 0 || s > 8 || s == 6 {
			all.fail("onelogin.active_statuses", "OneLogin has no status %d; they are 0 to 5, 7 and 8", s)
		}
	}
	o.patience().check(all, "onelogin")
	all.oneOf("onelogin.rules.combine", o.Rules.Combine, "union", "last_wins")
	all.oneOf("onelogin.rules.case", o.Rules.Case, "", "sensitive", "insensitive")
	all.oneOf("onelogin.rules.regexp", o.Rules.Regexp, "", "anchored", "unanchored")
	all.oneOf("onelogin.rules.capture", o.Rules.Capture, "", "whole", "group")
	all.oneOf("onelogin.rules.member_of", o.Rules.MemberOf, "", "each", "whole")
}

var pricings = regexp.MustCompile(`^[vV]([4-9]|[1-9][0-9])$`)

func (t *tomorroConfig) check(all *checks) {
	all.given("tomorro.url", "TOMORRO_URL", t.URL)
	all.url("tomorro.url", t.URL, true)
	if !pricings.MatchString(t.Pricing) {
		all.fail("tomorro.pricing", "%q is not a pricing; write v4, v5, v6 or later", t.Pricing)
	}
	if _, err := t.expires(); err != nil {
		all.fail("tomorro.token_expires", "%q is not a day; write it as 2027-01-31", t.TokenExpires)
	}
	all.oneOf("tomorro.update", t.Update, "put", "patch", "")
	all.oneOf("tomorro.member_removal", t.MemberRemoval, "values", "filter", "scim1", "put", "")
	all.oneOf("tomorro.content_type", t.ContentType, "application/json", "application/scim+json", "")
	all.oneOf("tomorro.attributes", t.Attributes, "all", "compared", "")
	all.oneOf("tomorro.remove", t.Remove, "deactivate", "delete")
	t.patience().check(all, "tomorro")
	all.atLeast("tomorro.members_per_request", t.MembersPerRequest, 1)
	all.atLeast("tomorro.concurrency", t.Concurrency, 1)
	all.atLeast("tomorro.page_size", t.PageSize, 0)
	all.atLeast("tomorro.bulk", t.Bulk, 0)
	if t.PerSecond < 0 {
		all.fail("tomorro.requests_per_second", "is negative; 0 means no limit")
	}
}

// url accepts https, and http only towards this machine: both services are
// sent credentials.
func (c *checks) url(key, value string, path bool) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		c.fail(key, "is not a web address; write it as https://host%s", map[bool]string{true: "/scim/v2", false: ""}[path])
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.fail(key, "carries a user, a query or a fragment; write only https://host%s", map[bool]string{true: "/path", false: ""}[path])
	case u.Scheme == "http" && !loopback(u.Hostname()):
		c.fail(key, "http:// would send the credentials in the clear; use https://")
	case !path && strings.Trim(u.Path, "/") != "":
		c.fail(key, "has the path %s where none belongs; write https://%s", u.Path, u.Host)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (s *scheduleConfig) check(all *checks) {
	if _, err := time.LoadLocation(s.Timezone); err != nil {
		all.fail("schedule.timezone", "%q is not a time zone; write one such as Europe/Paris", s.Timezone)
	}
	all.oneOf("schedule.missed", s.Missed, string(jobs.LateRun), string(jobs.LateSkip))
	if s.Jitter < 0 || s.Jitter > 12*time.Hour {
		all.fail("schedule.jitter", "%s is not between 0 and 12h", s.Jitter)
	}
	all.atLeast("schedule.quarantine_after", s.QuarantineAfter, 0)
	if s.Retry < 0 || s.Retry > 0 && s.Retry < time.Minute {
		all.fail("schedule.retry", "%s is too soon; write 0 for never, or a duration such as 15m", s.Retry)
	}
	if s.Delta < 0 || s.Delta > 0 && s.Delta < time.Second {
		all.fail("schedule.delta", "%s is too often; write 0 for never, or a duration such as 5m", s.Delta)
	}
	if s.DeltaOverlap < 0 || s.DeltaOverlap > 24*time.Hour {
		all.fail("schedule.delta_overlap", "%s is not between 0 and 24h", s.DeltaOverlap)
	}
	all.atLeast("schedule.delta_most", s.DeltaMost, 1)
	if s.Cron == "" {
		return
	}
	if _, err := jobs.ParseSchedule(s.Cron, time.UTC); err != nil {
		all.fail("schedule.cron", "%v; write five fields such as \"0 2 * * *\"", err)
	}
}

// problem checks the schedule alone, for commands that need nothing else.
func (s *scheduleConfig) problem() error {
	var all checks
	s.check(&all)
	return errors.Join(all...)
}

// parsed gives the schedule for its zone; nil when there is none. It was checked.
func (s *scheduleConfig) parsed() cron.Schedule {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil || s.Cron == "" {
		return nil
	}
	spec, err := jobs.ParseSchedule(s.Cron, zone)
	if err != nil {
		return nil
	}
	return spec
}

var hashed = regexp.MustCompile(`^sha256:[0-9a-fA-F]{64}$`)

func (l *listenConfig) check(all *checks) {
	all.address("listen.scim", l.SCIM)
	all.address("listen.admin", l.Admin)
	l.checkConsole(all)
	if l.SCIM != "" && len(l.Tokens) == 0 {
		all.fail("listen.tokens", "is missing: whoever reaches listen.scim could take access away; make one with: openssl rand -hex 32")
	}
	if (l.CertFile == "") != (l.KeyFile == "") {
		all.fail("listen.cert_file", "and listen.key_file belong together; give both or neither")
	}
	if _, err := l.allowed(); err != nil {
		all.fail("listen.allow", "%v", err)
	}
	if l.BaseURL != "" && !strings.HasPrefix(l.BaseURL, "https://") && !strings.HasPrefix(l.BaseURL, "http://") {
		all.fail("listen.base_url", "%q is not a web address; write what OneLogin has as SCIM Base URL", l.BaseURL)
	}
	if l.Deadline < time.Second || l.Deadline > time.Minute {
		all.fail("listen.deadline", "%s is not between 1s and 1m; OneLogin gives up after some seconds", l.Deadline)
	}
	if l.Retry < 100*time.Millisecond || l.Retry > 10*time.Minute {
		all.fail("listen.retry", "%s is not between 100ms and 10m", l.Retry)
	}
	for i, t := range l.Tokens {
		if len(t.reveal()) < leastToken {
			all.fail("listen.tokens", "number %d has %d characters, and %d are the least; make one with: openssl rand -hex 32", i+1, len(t.reveal()), leastToken)
		}
		if strings.HasPrefix(t.reveal(), "sha256:") && !hashed.MatchString(t.reveal()) {
			all.fail("listen.tokens", "number %d is not sha256: with 64 hexadecimal digits", i+1)
		}
	}
}

// leastToken is how long a token must be at least, which the listener asks for too.
const leastToken = 16

// allowed reads the client addresses: one, or a network. IPv4 written as IPv6, as some
// logs have it, is IPv4: so are the addresses that these are compared with.
func (l *listenConfig) allowed() ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(l.Allow))
	for _, text := range l.Allow {
		if strings.Contains(text, "%") {
			return nil, fmt.Errorf("%q names an interface, which is not looked at: leave out what begins with %%", text)
		}
		if a, err := netip.ParseAddr(text); err == nil {
			a = a.Unmap()
			prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network; write 203.0.113.7 or 203.0.113.0/24", text)
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

func (c *checks) address(key, value string) {
	if value == "" {
		return
	}
	_, port, err := net.SplitHostPort(value)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		c.fail(key, "%q is not an address; write :8080 or 127.0.0.1:8080", value)
	}
}
