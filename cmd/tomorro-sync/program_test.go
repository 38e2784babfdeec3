package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/reconcile"
)

func TestMain(m *testing.M) {
	// Most of these tests wait, for simulated services and for timeouts: unless told
	// otherwise, more of them run at once than there are processors.
	flag.Parse()
	if p := flag.Lookup("test.parallel").Value; p.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = p.Set(fmt.Sprint(2 * runtime.GOMAXPROCS(0)))
	}
	// They share the processors then, and a sixth of that went into collecting garbage.
	// Benchmarks measure with what is Go's own.
	if flag.Lookup("test.bench").Value.String() == "" {
		collect(400)
	}
	redisstore.Silence(slog.New(slog.DiscardHandler))
	// After an outage the client of Redis sleeps for up to a second before it sees that it was closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// fakeServices is a connection whose run goes as the test says.
type fakeServices struct {
	memory  // what is not faked is not there
	plan    reconcile.Plan
	report  jobs.Report
	err     error
	entries []jobs.Entry
	opened  session
	agreed  bool
	undone  jobs.UndoWhat
	by      jobs.Trigger
	forgave bool
	closed  bool
}

func (f *fakeServices) open(_ context.Context, s session) (*connection, error) {
	f.opened = s
	return &connection{runner: f, memory: f, close: func() { f.closed = true }}, nil
}

func (f *fakeServices) Compare(context.Context, reconcile.Policy) (reconcile.Comparison, error) {
	return reconcile.Comparison{}, f.err
}

func (f *fakeServices) Plan(context.Context) (reconcile.Plan, error) { return f.plan, f.err }

func (f *fakeServices) Reconcile(_ context.Context, _ jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	if f.err != nil {
		return f.report, f.err
	}
	var err error
	f.agreed, err = approve(f.plan)
	return f.report, err
}

func (f *fakeServices) Explain(context.Context, string, func(*reconcile.Directory) error) ([]reconcile.Explanation, error) {
	return nil, f.err
}

func (f *fakeServices) Look(context.Context) (reconcile.Directory, reconcile.Current, error) {
	return reconcile.Directory{}, reconcile.Current{}, f.err
}

func (f *fakeServices) Survey(context.Context) (jobs.Survey, error) { return jobs.Survey{}, f.err }

func (f *fakeServices) Undo(ctx context.Context, by jobs.Trigger, what jobs.UndoWhat, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	f.undone, f.by = what, by
	return f.Reconcile(ctx, by, approve)
}

func (f *fakeServices) Regroup(ctx context.Context, by jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	return f.Reconcile(ctx, by, approve)
}

func (f *fakeServices) RegroupTo(ctx context.Context, by jobs.Trigger, _ []reconcile.Group, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error) {
	return f.Reconcile(ctx, by, approve)
}

func (f *fakeServices) Recover(context.Context) ([]jobs.SettledIntent, error) { return nil, f.err }

func (f *fakeServices) Forgive(context.Context) error { f.forgave = true; return nil }

func (f *fakeServices) Runs(_ context.Context, limit int) ([]jobs.RunRecord, error) {
	begin := jobs.Entry{ID: "1-0", Run: "r1", Time: time.Unix(0, 0).UTC(), Kind: jobs.EntryBegin, Trigger: &jobs.Trigger{By: "command"}}
	end := jobs.Entry{Kind: jobs.EntryEnd, Report: &f.report}
	return []jobs.RunRecord{{Begin: begin, End: &end}}[:min(1, limit)], nil
}

func (f *fakeServices) Entries(_ context.Context, run string) ([]jobs.Entry, error) {
	if run != "r1" {
		return nil, jobs.ErrNoRun
	}
	return f.entries, nil
}

func (f *fakeServices) Scan(_ context.Context, _ time.Time, yield func(jobs.Entry) bool) error {
	for _, e := range f.entries {
		if !yield(e) {
			break
		}
	}
	return nil
}

type result struct {
	code     int
	out, err string
}

// start runs the real program in this process over the fake services.
func start(t *testing.T, f *fakeServices, stdin string, interactive bool, args ...string) result {
	t.Helper()
	var out, errOut strings.Builder
	p := &program{environ: nil, stdin: strings.NewReader(stdin), stdout: &out, stderr: &errOut, interactive: interactive, connector: f}
	code := p.execute(t.Context(), append([]string{"--config", writeFile(t, goodConfig)}, args...))
	if strings.Contains(out.String()+errOut.String(), "hush") {
		t.Errorf("the output shows a secret:\n%s\n%s", out.String(), errOut.String())
	}
	return result{code, out.String(), errOut.String()}
}

func completeReceipt() reconcile.Receipt {
	var r reconcile.Receipt
	for _, l := range []string{reconcile.ListUsers, reconcile.ListAssigned, reconcile.ListRoles, reconcile.ListRules} {
		r.Lists = append(r.Lists, reconcile.ListReceipt{List: l, Pages: 1, Items: 1, Total: 1})
	}
	return r
}

func onePending() reconcile.Plan {
	after := reconcile.Account{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: reconcile.User, Active: true}
	return reconcile.Plan{ID: "00ff", Receipt: completeReceipt(), Changes: []reconcile.Change{
		{Op: reconcile.OpCreate, Key: 1, Who: "ann@x.io", After: &after, Cause: "assigned to the app; title user"}}}
}

func heldBy(class reconcile.HoldClass) reconcile.Plan {
	return heldByRule(class, map[reconcile.HoldClass]reconcile.HoldRule{reconcile.HoldGuard: reconcile.RuleLimit, reconcile.HoldApproval: reconcile.RuleApproval, reconcile.HoldData: reconcile.RuleData}[class])
}

func heldByRule(class reconcile.HoldClass, rule reconcile.HoldRule) reconcile.Plan {
	p := reconcile.Plan{ID: "00fe", Receipt: completeReceipt()}
	p.Held = []reconcile.Held{{Change: reconcile.Change{Op: reconcile.OpDeactivate, Who: "bob@x.io", Cause: "suspended"}, Class: class, Rule: rule, Reason: "over a limit"}}
	return p
}

func TestPlanExitCodes(t *testing.T) {
	incomplete := reconcile.Plan{Receipt: reconcile.Receipt{Lists: []reconcile.ListReceipt{{List: reconcile.ListUsers, Why: "page 7 of 9 answered 502"}}}}
	both := onePending()
	both.Held = heldBy(reconcile.HoldGuard).Held
	tests := []struct {
		name string
		f    fakeServices
		code int
		out  string
	}{
		{"nothing to do", fakeServices{plan: reconcile.Plan{Receipt: completeReceipt()}}, 0, "Nothing to do: Tomorro is what OneLogin says."},
		{"pending", fakeServices{plan: onePending()}, 4, "+ ann@x.io  create, user (Contributor)  assigned to the app; title user"},
		{"pending and held", fakeServices{plan: both}, 4, "! deactivate of bob@x.io  over a limit"},
		{"held by the guard", fakeServices{plan: heldBy(reconcile.HoldGuard)}, 11, "nothing to write"},
		{"waiting for approval", fakeServices{plan: heldBy(reconcile.HoldApproval)}, 12, "reconcile --approve 00fe"},
		{"held for its own data", fakeServices{plan: heldBy(reconcile.HoldData)}, 0, "1 change is held"},
		{"incomplete pull", fakeServices{plan: incomplete}, 11, "as far as OneLogin could be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := start(t, &tt.f, "", false, "plan")
			if text.code != tt.code || !strings.Contains(text.out, tt.out) {
				t.Errorf("exit %d, want %d; output lacks %q:\n%s", text.code, tt.code, tt.out, text.out)
			}
			if strings.Contains(text.out, "\x1b") {
				t.Errorf("colours outside a terminal: %q", text.out)
			}
			asJSON := start(t, &tt.f, "", false, "plan", "--output", "json")
			var doc struct {
				Changes, Held []any
				Summary       struct{ Exit int }
			}
			if err := json.Unmarshal([]byte(asJSON.out), &doc); err != nil {
				t.Fatalf("not one JSON document: %v\n%s", err, asJSON.out)
			}
			if asJSON.code != tt.code || doc.Summary.Exit != tt.code || doc.Changes == nil || doc.Held == nil {
				t.Errorf("JSON: exit %d, want %d: %s", asJSON.code, tt.code, asJSON.out)
			}
			if !tt.f.closed || tt.f.opened.store {
				t.Error("plan must close its connection and needs no Redis")
			}
		})
	}
}

func TestErrorsHaveCodesAndHints(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code int
	}{
		{"refused", errors.Join(errors.New("token"), reconcile.ErrRefused), 1},
		{"locked", &jobs.LockedError{Holder: "host-7"}, 10},
		{"lock lost", jobs.ErrLockLost, 1},
		{"other", errors.New("the wire is cut"), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := start(t, &fakeServices{err: tt.err}, "", false, "reconcile", "--yes")
			if text.code != tt.code || !strings.Contains(text.err, tt.err.Error()[:5]) || !strings.Contains(text.err, "\nwhat to do: ") || text.out != "" {
				t.Errorf("%+v", text)
			}
			asJSON := start(t, &fakeServices{err: tt.err}, "", false, "reconcile", "--yes", "-o", "json")
			var doc struct {
				Error, Hint string
				Exit        int
			}
			if err := json.Unmarshal([]byte(asJSON.out), &doc); err != nil || doc.Exit != tt.code || asJSON.code != tt.code || doc.Error == "" || doc.Hint == "" {
				t.Errorf("%v: %+v", err, asJSON)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut strings.Builder
	p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &errOut, connector: &fakeServices{err: context.Canceled}}
	if code := p.execute(ctx, []string{"--config", writeFile(t, goodConfig), "plan"}); code != 130 {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}

func TestReconcileAsks(t *testing.T) {
	report := jobs.Report{Run: "r1", Done: map[reconcile.Op]int{reconcile.OpCreate: 1}}
	tests := []struct {
		name, stdin string
		interactive bool
		args        []string
		plan        reconcile.Plan
		code        int
		agreed      bool
		err         string
	}{
		{"yes", "y\n", true, nil, onePending(), 0, true, "Make 1 change at https://api.tomorro.example/scim/v2? [y/N]"},
		{"no", "n\n", true, nil, onePending(), 0, false, "[y/N]"},
		{"end of input", "", true, nil, onePending(), 0, false, "[y/N]"},
		{"nothing to ask for", "", true, nil, reconcile.Plan{Receipt: completeReceipt()}, 0, true, ""},
		{"not a terminal", "y\n", false, nil, onePending(), 2, false, "--yes"},
		{"not a terminal, with --yes", "", false, []string{"--yes"}, onePending(), 0, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeServices{plan: tt.plan, report: report}
			got := start(t, f, tt.stdin, tt.interactive, append([]string{"reconcile"}, tt.args...)...)
			if got.code != tt.code || f.agreed != tt.agreed || !strings.Contains(got.err, tt.err) {
				t.Errorf("agreed %v, %+v", f.agreed, got)
			}
		})
	}
}

func TestReconcileReports(t *testing.T) {
	report := jobs.Report{Run: "r1", Done: map[reconcile.Op]int{reconcile.OpCreate: 1200}, Failed: map[reconcile.Op]int{reconcile.OpRename: 1},
		Errors: []string{"bob@x.io: Tomorro says \"taken\""}, Exit: 3}
	f := &fakeServices{plan: onePending(), report: report}
	got := start(t, f, "", false, "reconcile", "--yes", "--user", "ann@x.io", "--approve", "00ff")
	for _, want := range []string{"done: 1,200 new accounts", "failed: 1 change of e-mail", `! bob@x.io: Tomorro says "taken"`, "journal show r1"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("output lacks %q:\n%s", want, got.out)
		}
	}
	if got.code != 3 || f.opened.user != "ann@x.io" || f.opened.approved != "00ff" || !f.opened.store {
		t.Errorf("exit %d, session %+v", got.code, f.opened)
	}
}

// TestGoodRunEndsQuarantine: one for everybody that was made, whatever it held or
// could not change.
func TestGoodRunEndsQuarantine(t *testing.T) {
	for name, c := range map[string]struct {
		report jobs.Report
		err    error
		args   []string
		want   bool
	}{
		"done":         {jobs.Report{Run: "r1"}, nil, nil, true},
		"some failed":  {jobs.Report{Run: "r1", Exit: exitSomeFailed}, nil, nil, true},
		"held":         {jobs.Report{Run: "r1", Exit: exitHeld}, nil, nil, true},
		"broken off":   {jobs.Report{Run: "r1", Exit: exitError}, errors.New("Redis is lost"), nil, false},
		"declined":     {jobs.Report{}, nil, nil, false},
		"for one only": {jobs.Report{Run: "r1"}, nil, []string{"--user", "ann@x.io"}, false},
	} {
		f := &fakeServices{plan: onePending(), report: c.report, err: c.err}
		if start(t, f, "", false, append([]string{"reconcile", "--yes"}, c.args...)...); f.forgave != c.want {
			t.Errorf("%s: ended %v, want %v", name, f.forgave, c.want)
		}
	}
}

func TestJournal(t *testing.T) {
	change := func(key reconcile.Key, who string) *reconcile.Write {
		return &reconcile.Write{Op: reconcile.WriteCreateUser, Changes: []reconcile.Change{{Op: reconcile.OpCreate, Key: key, Who: who, Cause: "title user"}}}
	}
	f := &fakeServices{report: jobs.Report{Run: "r1", Done: map[reconcile.Op]int{reconcile.OpCreate: 2}}, entries: []jobs.Entry{
		{ID: "1", Kind: jobs.EntryBegin, PlanID: "00ff"},
		{ID: "2", Kind: jobs.EntryIntent, Write: change(1, "ann@x.io")},
		{ID: "3", Kind: jobs.EntryIntent, Write: change(2, "bob@x.io")},
		{ID: "4", Kind: jobs.EntryOutcome, Intent: "2", Result: "done", Target: "t-ann"},
		{ID: "5", Kind: jobs.EntryOutcome, Intent: "3", Result: "failed", Error: "taken"},
	}}
	if got := start(t, f, "", false, "journal"); got.code != 0 || !strings.Contains(got.out, "1970-01-01 00:00:00  r1  command: 2 new accounts, exit 0") {
		t.Errorf("%+v", got)
	}
	for _, format := range []string{"text", "json"} {
		got := start(t, f, "", false, "journal", "show", "r1", "--person", "ANN@x.io", "--output", format)
		if !strings.Contains(got.out, "t-ann") || strings.Contains(got.out, "bob") || strings.Contains(got.out, "taken") {
			t.Errorf("%s: %+v", format, got)
		}
	}
	if got := start(t, f, "", false, "journal", "show", "r9"); got.code != 1 || !strings.Contains(got.err, "run r9") {
		t.Errorf("%+v", got)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"plna"}, {"plan", "extra"}, {"plan", "--yes"}, {"plan", "--output", "xml"}, {"journal", "show"}, {"journal", "--limit", "-1"}} {
		if got := start(t, &fakeServices{}, "", false, args...); got.code != 2 || !strings.Contains(got.err, "what to do: ") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	for said, args := range map[string][]string{
		`plan takes no argument, and "extra" is one`:     {"plan", "extra"},
		"explain takes EMAIL, and got 0 arguments":       {"explain"},
		"match takes ACCOUNT PERSON, and got 1 argument": {"adopt", "match", "ann@x.io"},
		`groups has no command "lst"`:                    {"groups", "lst"},
	} {
		if got := start(t, &fakeServices{}, "", false, args...); got.code != 2 || !strings.Contains(got.err, said) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	got := start(t, &fakeServices{}, "", false, "plan", "--bad", "--output", "json")
	if got.code != 2 || !strings.Contains(got.out, `"exit":2`) || got.err != "" {
		t.Errorf("%+v", got)
	}
}

func TestRunWithoutServices(t *testing.T) {
	var out, errOut strings.Builder
	if code := run(t.Context(), nil, []string{"version"}, nil, strings.NewReader(""), &out, &errOut); code != 0 || !strings.HasPrefix(out.String(), "tomorro-sync ") {
		t.Errorf("exit %d: %s%s", code, out.String(), errOut.String())
	}
	if code := run(t.Context(), nil, []string{"plan"}, nil, strings.NewReader(""), &out, &errOut); code != 2 {
		t.Errorf("plan without services: exit %d", code)
	}
}

// TestSilenceIsSaid: where there are no bars, a wait for a service's rate limit is a
// warning.
func TestSilenceIsSaid(t *testing.T) {
	var log strings.Builder
	s := session{log: slog.New(slog.NewTextHandler(&log, nil))}
	s.silence("Tomorro")(time.Minute)
	if said := log.String(); !strings.Contains(said, `level=WARN msg="waiting for the rate limit of Tomorro" until=`) {
		t.Error(said)
	}
}

// TestNobodyAnswers: a question that nobody answers is a no after a while.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, person := io.Pipe()
		var said strings.Builder
		p := &program{stdin: in, stderr: &said}
		began := time.Now()
		yes, err := p.ask(t.Context(), "Make 3 changes?")
		if took := time.Since(began); yes || err != nil || took != askPatience || !strings.Contains(said.String(), "Nobody answered") {
			t.Errorf("%v %v after %s: %s", yes, err, took, said.String())
		}
		_ = person.Close()
	})
}
