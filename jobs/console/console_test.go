package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything behind a console, as a test says.
type world struct {
	mu        sync.Mutex
	entries   []jobs.Entry
	decisions map[string]reconcile.Decision
	spent     map[reconcile.Limit]int
	status    jobs.Status
	broken    error // Redis does not answer
	services  error // OneLogin and Tomorro do not
	started   []string
	asked     Asked
	followers []func(jobs.Entry) bool
	directory reconcile.Directory
	current   reconcile.Current
	about     []reconcile.Explanation
	now       time.Time
	log       strings.Builder
	shelf     *shelf
}

func (w *world) Status(context.Context) (jobs.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status, w.broken
}

func (w *world) Runs(_ context.Context, limit int) ([]jobs.RunRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var runs []jobs.RunRecord
	for i := range w.entries {
		e := w.entries[i]
		switch e.Kind {
		case jobs.EntryBegin:
			runs = append([]jobs.RunRecord{{Begin: e}}, runs...)
		case jobs.EntryEnd:
			runs[0].End = &e
		}
	}
	return runs[:min(limit, len(runs))], w.broken
}

func (w *world) Entries(_ context.Context, run string) (list []jobs.Entry, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.entries {
		if e.Run == run {
			list = append(list, e)
		}
	}
	if list == nil {
		return nil, jobs.ErrNoRun
	}
	return list, w.broken
}

func (w *world) Scan(_ context.Context, _ time.Time, yield func(jobs.Entry) bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.entries {
		if !yield(e) {
			break
		}
	}
	return w.broken
}

func (w *world) Follow(ctx context.Context, yield func(jobs.Entry) bool) error {
	w.mu.Lock()
	w.followers = append(w.followers, yield)
	w.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (w *world) Decisions(context.Context) (map[string]reconcile.Decision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.decisions), w.broken
}

func (w *world) Decide(_ context.Context, digests []string, edit func(string, reconcile.Decision) reconcile.Decision, notes ...jobs.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range digests {
		w.decisions[d] = edit(d, w.decisions[d])
	}
	w.entries = append(w.entries, notes...)
	return w.broken
}

func (w *world) Spent(context.Context, time.Time) (map[reconcile.Limit]int, error) {
	return w.spent, w.broken
}

func (w *world) Explain(context.Context, string, func(*reconcile.Directory) error) ([]reconcile.Explanation, error) {
	return w.about, w.services
}

func (w *world) Look(context.Context) (reconcile.Directory, reconcile.Current, error) {
	return w.directory, w.current, w.services
}

func (w *world) Start(who string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked.Who != "" {
		return false, nil
	}
	w.started, w.asked.Who = append(w.started, who), who
	return true, nil
}

func (w *world) Asked() Asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Write implements io.Writer for the log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

const (
	sharedSecret = "shared-token-of-everybody"
	aliceSecret  = "alice-token-0123456789"
	bobSecret    = "bob-token-0123456789ab"
)

var evening = time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)

func leaver(n int) reconcile.Change {
	who := fmt.Sprintf("leaver%d@x.io", n)
	a := reconcile.Account{ID: fmt.Sprint("a", n), UserName: who, GivenName: "Lea", FamilyName: "Ver", UserType: reconcile.User, Active: true}
	gone := a
	gone.Active = false
	return reconcile.Change{Op: reconcile.OpDeactivate, Key: reconcile.Key(n), Account: a.ID, Who: who, Before: &a, After: &gone, Cause: "suspended in OneLogin"}
}

// newWorld has one run that ended: one change done, two held for their number, one
// for its data.
func newWorld() *world {
	joiner := reconcile.Change{Op: reconcile.OpCreate, Key: 9, Who: "jo<b>@x.io", After: &reconcile.Account{UserName: "jo<b>@x.io", GivenName: "<script>alert(1)</script>", UserType: reconcile.Manager, Active: true}, Cause: `title "manager"`, Origin: reconcile.FromDrift}
	report := &jobs.Report{Run: "r1", Started: evening.Add(-time.Hour), Finished: evening.Add(-59 * time.Minute), Done: map[reconcile.Op]int{reconcile.OpCreate: 1},
		Planned: map[reconcile.Op]int{reconcile.OpCreate: 1}, Held: map[reconcile.HoldClass]int{reconcile.HoldGuard: 2}, Exit: jobs.ExitHeld}
	at := evening.Add(-time.Hour)
	w := &world{now: evening, decisions: make(map[string]reconcile.Decision), spent: map[reconcile.Limit]int{reconcile.LimitDeactivate: 20, reconcile.LimitRemoveFromGroup.Of("g1"): 7}, status: jobs.Status{Last: report}}
	w.shelf = &shelf{now: w.clock}
	w.entries = []jobs.Entry{
		{ID: "1-0", Time: at, Kind: jobs.EntryBegin, Run: "r1", Trigger: &jobs.Trigger{By: "schedule", Who: "host"}, Planned: report.Planned,
			Counts: &reconcile.Counts{People: 100, Accounts: 100, Active: 90}, Receipt: &reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: "users", Pages: 2, Items: 100, Total: 100}}}},
		{ID: "2-0", Time: at, Kind: jobs.EntryHold, Run: "r1", Held: []reconcile.Held{
			{Change: leaver(1), Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit, Reason: "2 deactivations: too many"},
			{Change: leaver(2), Class: reconcile.HoldGuard, Rule: reconcile.RuleLimit, Reason: "2 deactivations: too many"},
			{Change: leaver(3), Class: reconcile.HoldData, Rule: reconcile.RuleData, Reason: "has no title"}}},
		{ID: "3-0", Time: at, Kind: jobs.EntryIntent, Run: "r1", Write: &reconcile.Write{Op: reconcile.WriteCreateUser, Changes: []reconcile.Change{joiner}}},
		{ID: "4-0", Time: at, Kind: jobs.EntryOutcome, Run: "r1", Intent: "3-0", Result: reconcile.Done},
		{ID: "5-0", Time: at, Kind: jobs.EntryEnd, Run: "r1", Report: report},
	}
	account := reconcile.Account{ID: "a9", UserName: "jo<b>@x.io", GivenName: "<script>alert(1)</script>", UserType: reconcile.Manager, Active: true}
	w.about = []reconcile.Explanation{{Key: 9, Email: "jo<b>@x.io", Title: "manager", Known: true, Managed: true, Active: true, Cause: "assigned to the app", Role: reconcile.Manager,
		RoleCause: `title "manager"`, Account: &account, Rules: []reconcile.RuleAnswer{{Rule: `rule 1 "Legal"`, Matches: reconcile.Yes}}, Groups: []reconcile.GroupAnswer{{Group: "Legal", Member: true, Wanted: reconcile.Yes, Cause: `rule 1 "Legal"`}}}}
	w.directory = reconcile.Directory{People: []reconcile.Person{{Key: 9, Email: "jo<b>@x.io", FirstName: "Jo"}, {Key: 10, Email: "joan@x.io", FirstName: "Joan"}}, Roles: []reconcile.OneLoginRole{{ID: 5, Name: "Lawyers"}},
		Rules: []reconcile.Rule{{ID: 1, Name: "Legal", Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "5"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal", "Nowhere"}}}}}}
	w.current = reconcile.Current{Accounts: []reconcile.Account{account}, Groups: []reconcile.Group{{ID: "g1", Name: "Legal", Members: []string{"a9"}}, {ID: "g2", Name: "By hand"}}}
	return w
}

// site serves a world's console to one browser.
type site struct {
	*world
	t      *testing.T
	url    string
	client *http.Client
}

func (w *world) serve(t *testing.T, edit func(*Connection)) *site {
	t.Helper()
	return w.serveWith(t, edit, nil)
}

// serveWith is serve with options that depend on the console's address.
func (w *world) serveWith(t *testing.T, edit func(*Connection), options func(o *Options, at string)) *site {
	t.Helper()
	hash := sha256.Sum256([]byte(bobSecret))
	tokens, err := ParseTokens(sharedSecret + "\nalice: " + aliceSecret + "\nbob:sha256:" + hex.EncodeToString(hash[:]))
	if err != nil {
		t.Fatal(err)
	}
	conn := &Connection{Name: "acme", Observer: w, Journal: w, Follower: w, Decisions: w, Budget: w, People: w, Services: w, Starter: w,
		Policy: reconcile.Policy{Pricing: reconcile.PricingV6, Limits: reconcile.DefaultLimits(), GroupMode: reconcile.Exclusive}, ApprovalLife: 48 * time.Hour,
		Settings: []Setting{{Key: "grace", Value: "20s", Default: true}, {Key: "tomorro.token", Value: "***"}}}
	if edit != nil {
		edit(conn)
	}
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewUnstartedServer(nil)
	o := Options{Connections: []*Connection{conn}, Tokens: tokens, Shelf: w.shelf, Log: slog.New(slog.NewTextHandler(w, nil)), Now: w.clock}
	if options != nil {
		options(&o, "http://"+server.Listener.Addr().String())
	}
	server.Config.Handler = Handler(ctx, o)
	server.Start()
	t.Cleanup(func() { stop(); server.Close() })
	s := &site{world: w, t: t, url: server.URL}
	return s.other()
}

// other is another browser at the same console.
func (s *site) other() *site {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	o := *s
	o.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.t.Cleanup(o.client.CloseIdleConnections)
	return &o
}

func (s *site) do(method, path string, form url.Values, header map[string]string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

func (s *site) get(path string) (int, string) {
	s.t.Helper()
	resp, body := s.do("GET", path, nil, nil)
	return resp.StatusCode, body
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// form is the token of the forms on a page.
func (s *site) form(path string) string {
	s.t.Helper()
	_, body := s.get(path)
	m := csrfField.FindStringSubmatch(body)
	if m == nil {
		s.t.Fatalf("no form on %s:\n%s", path, body)
	}
	return m[1]
}

func (s *site) try(name, token string, more ...string) (*http.Response, string) {
	s.t.Helper()
	form := url.Values{"csrf": {s.form("/signin")}, "name": {name}, "token": {token}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return s.do("POST", "/signin", form, nil)
}

func (s *site) signIn(name, token string) *site {
	s.t.Helper()
	if resp, body := s.try(name, token); resp.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("%s is not let in: %d\n%s", name, resp.StatusCode, body)
	}
	return s
}

func (s *site) post(path string, form url.Values) (int, string) {
	s.t.Helper()
	form.Set("csrf", s.form("/c/acme/"))
	resp, body := s.do("POST", path, form, nil)
	return resp.StatusCode, body + resp.Header.Get("Location")
}

// pages are all addresses that show something.
func pages() []string {
	return []string{"/c/acme/", "/c/acme/runs", "/c/acme/runs/r1", "/c/acme/holds", "/c/acme/people", "/c/acme/people?q=jo", "/c/acme/people/9", "/c/acme/groups", "/c/acme/groups/g1", "/c/acme/configuration"}
}

// TestPages: each page says what it is for, and shows markup in names as text.
func TestPages(t *testing.T) {
	s := newWorld().serve(t, nil).signIn("Ann", sharedSecret)
	for path, want := range map[string][]string{
		"/c/acme/":              {"2 changes wait for somebody&#39;s word.", "held by the guard", "Deactivations", "10% of 100", "Run now", "1 change made by hand at Tomorro"},
		"/c/acme/runs":          {"schedule", "1 new account", "2 held"},
		"/c/acme/runs/r1":       {"1 new account", "jo&lt;b&gt;@x.io", "Creator - Manager", "too many", "How OneLogin was read", "1 because somebody changed Tomorro by hand"},
		"/c/acme/holds":         {"leaver1@x.io", "leaver2@x.io", "has no title", `value="approve"`, "48 hours"},
		"/c/acme/people?q=jo":   {"jo&lt;b&gt;@x.io", "joan@x.io"},
		"/c/acme/people/9":      {"jo&lt;b&gt;@x.io", "assigned to the app", "&lt;script&gt;", "Legal", "Tomorro is what OneLogin says", "new account, Creator - Manager"},
		"/c/acme/groups":        {"Legal", "rule 1", "not at Tomorro", "no rule: members are taken out", "7 lost of 100"},
		"/c/acme/groups/g1":     {"1 member", "includes", "Lawyers"},
		"/c/acme/configuration": {"tomorro.token", "***", "20s"},
	} {
		code, body := s.get(path)
		for _, text := range want {
			if code != http.StatusOK || !strings.Contains(body, text) {
				t.Errorf("%s: %d, without %q:\n%s", path, code, text, body)
			}
		}
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "jo<b>") {
			t.Errorf("%s takes a name for markup:\n%s", path, body)
		}
	}
	for path, want := range map[string]string{"/c/acme/runs/r9": "no run r9", "/c/other/": "no such connection", "/c/acme/groups/g9": "no such group", "/c/acme/nothing": "no such page"} {
		if code, body := s.get(path); code != http.StatusNotFound || !strings.Contains(body, want) {
			t.Errorf("%s: %d\n%s", path, code, body)
		}
	}
}

// TestPast: somebody's history has pushes, which are no runs with a page, with what
// became of each change.
func TestPast(t *testing.T) {
	w := newWorld()
	change := leaver(9)
	w.entries = append(w.entries, jobs.Entry{ID: "6-0", Time: evening, Kind: jobs.EntryPush, Run: "push1", Pushed: []jobs.Pushed{{Asked: "suspend", Key: 9}}},
		jobs.Entry{ID: "7-0", Time: evening, Kind: jobs.EntryIntent, Run: "push1", Write: &reconcile.Write{Changes: []reconcile.Change{change}}},
		jobs.Entry{ID: "8-0", Time: evening, Kind: jobs.EntryOutcome, Run: "push1", Intent: "7-0", Result: reconcile.Failed, Error: "Tomorro says no"},
		jobs.Entry{ID: "9-0", Time: evening, Kind: jobs.EntryPin, Run: "r3", Keys: []reconcile.Key{9}})
	s := w.serve(t, nil).signIn("Ann", sharedSecret)
	_, body := s.get("/c/acme/people/9")
	for _, want := range []string{"looked at because of a push: suspend", "failed: Tomorro says no", "stays as an undo left them", `<a href="/c/acme/runs/r1">`} {
		if !strings.Contains(body, want) {
			t.Errorf("without %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "runs/push1") {
		t.Error("a push is linked to a page that is not there")
	}
}
