package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// build compiles the real program.
func build(tb testing.TB) string {
	tb.Helper()
	bin := filepath.Join(tb.TempDir(), "tomorro-sync")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		tb.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// office is a simulated company with a configuration file that reaches it.
type office struct {
	t      *testing.T
	lab    *lab
	config string
	world  *onelogintest.World
	// environ is given to the program, on top of the configuration
	environ []string
	redis   *miniredis.Miniredis
}

func newOffice(t *testing.T, o labOptions, more string) *office {
	t.Helper()
	o.oneloginAddress, o.tomorroAddress = "127.0.0.1:0", "127.0.0.1:0"
	if o.pageCap == 0 {
		o.pageCap = 50
	}
	l, err := newLab(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	redis := miniredis.RunT(t)
	patience := "timeout: 10s, retries: 2, backoff: 1ms"
	text := fmt.Sprintf(`
onelogin: {url: %q, client_id: %s, client_secret: %s, app_id: %d, concurrency: 16, %s, page_size: %d}
tomorro: {url: %q, token: %s, concurrency: 16, %s}
redis: {url: "redis://%s/0"}
titles: {head of legal: admin, legal counsel: manager, account executive: user, paralegal: user, auditor: viewer}
%s`, l.oneloginURL, l.onelogin.ClientID, l.onelogin.ClientSecret, l.onelogin.AppID(), patience, o.pageCap, l.tomorroURL, simToken, patience, redis.Addr(), more)
	of := &office{t: t, lab: l, redis: redis, config: filepath.Join(t.TempDir(), "tomorro-sync.yaml")}
	if err := os.WriteFile(of.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.onelogin.Edit(func(w *onelogintest.World) { of.world = w })
	return of
}

// edit changes the configuration file.
func (o *office) edit(old, new string) {
	o.t.Helper()
	data, err := os.ReadFile(o.config)
	if err != nil || !strings.Contains(string(data), old) {
		o.t.Fatalf("%v: no %q in the configuration", err, old)
	}
	if err := os.WriteFile(o.config, []byte(strings.Replace(string(data), old, new, 1)), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// copyConfig writes the office's configuration from another file, with a change.
func (o *office) copyConfig(from, old, new string) {
	o.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil || !strings.Contains(string(data), old) {
		o.t.Fatalf("%v: no %q in the configuration", err, old)
	}
	if err := os.WriteFile(o.config, []byte(strings.Replace(string(data), old, new, 1)), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// run starts the real program in this process.
func (o *office) run(args ...string) (code int, stdout, stderr string) {
	o.t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	code = run(ctx, services{}, append([]string{"--config", o.config}, args...), o.environ, strings.NewReader(""), &out, &errs)
	o.pasteable(args, out.String()+errs.String())
	return code, out.String(), errs.String()
}

// pasteable wants every command that the program names to be about the configuration it
// was started with. Documents have what others read elsewhere.
func (o *office) pasteable(args []string, said string) {
	o.t.Helper()
	if slices.Contains(args, "json") || slices.Contains(args, "report") || slices.Contains(args, "csv") {
		return
	}
	for line := range strings.Lines(said) {
		if words.Pasted(line, "X") != line {
			o.t.Errorf("%v names a command without --config %s: %s", args, o.config, line)
		}
	}
}

// must runs and wants an exit code.
func (o *office) must(want int, args ...string) string {
	o.t.Helper()
	code, stdout, stderr := o.run(args...)
	if code != want {
		o.t.Fatalf("%v: exit %d, want %d\n%s%s", args, code, want, stdout, stderr)
	}
	return stdout
}

// actual is the state at Tomorro in the form of the independent computation: the
// active accounts by address.
func (o *office) actual() map[string]onelogintest.ExpectedAccount {
	have := make(map[string]onelogintest.ExpectedAccount)
	for _, u := range o.lab.tomorro.State().Users {
		if u.Active {
			have[strings.ToLower(u.UserName)] = onelogintest.ExpectedAccount{UserName: u.UserName, GivenName: u.GivenName,
				FamilyName: u.FamilyName, UserType: u.UserType, Groups: append([]string{}, u.Groups...)}
		}
	}
	return have
}

// expected is computed from the raw world by code that shares nothing with the
// program.
func (o *office) expected() map[string]onelogintest.ExpectedAccount {
	titles := make(map[string]string)
	for title, u := range onelogintest.MappedTitles() {
		titles[strings.ToLower(title)] = u
	}
	var groups []string
	for _, g := range o.lab.tomorro.State().Groups {
		groups = append(groups, g.DisplayName)
	}
	want, _ := onelogintest.Expected(o.world, titles, groups)
	for k, a := range want {
		a.Groups = append([]string{}, a.Groups...)
		want[k] = a
	}
	return want
}

func (o *office) equal() {
	o.t.Helper()
	want, have := o.expected(), o.actual()
	for k, a := range have {
		if want[k].Frozen { // may keep what is not expected
			a.Frozen = true
			a.Groups = slices.DeleteFunc(a.Groups, func(g string) bool { return !slices.Contains(want[k].Groups, g) })
			have[k] = a
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		o.t.Fatalf("Tomorro is not what OneLogin says (-want +got):\n%s", firstLines(diff, 40))
	}
}

func firstLines(s string, n int) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[:min(n, len(lines))], "")
}

func (o *office) resetStats() {
	o.lab.oneloginWire.Reset()
	o.lab.tomorroWire.Reset()
}

// TestEndToEnd is the whole job on a company of 2,000 at 20 ms latency: what is
// there afterwards equals an independent computation from the raw world.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 2000, groups: 100, seed: 5, latency: 20 * time.Millisecond}, "")
	var plan planJSON
	if err := json.Unmarshal([]byte(o.must(exitPending, "plan", "--output", "json")), &plan); err != nil {
		t.Fatal(err)
	}
	if n := o.lab.tomorroWire.Stats().Writes; n != 0 || !plan.Summary.Complete || plan.Summary.Changes[reconcile.OpCreate] < 1800 {
		t.Fatalf("plan wrote %d times; summary %+v", n, plan.Summary)
	}
	o.must(exitDone, "reconcile", "--yes", "--output", "json")
	o.equal()
	o.must(exitDone, "plan")
	writes := o.lab.tomorro.State()
	if writes.Idle != 0 {
		t.Errorf("%d writes changed nothing", writes.Idle)
	}

	// A night later: one percent changed, and somebody edited by hand.
	o.lab.onelogin.Edit(func(w *onelogintest.World) { w.Churn(3) })
	group := o.world.GroupNames()[10]
	foreign, expected := "", o.expected()
	for who, a := range o.actual() {
		if !expected[who].Frozen && !slices.Contains(a.Groups, group) {
			foreign = who
		}
	}
	if err := o.lab.tomorro.Members(group, []string{foreign}, nil); err != nil {
		t.Fatal(err)
	}
	o.must(exitPending, "plan")
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	if out := o.must(exitDone, "plan"); !strings.Contains(out, "nothing to write") {
		t.Errorf("the second plan says\n%s", out)
	}
	if out := o.must(exitDone, "journal"); strings.Count(out, "command") < 2 {
		t.Errorf("the journal lists\n%s", out)
	}
}

// TestRequests counts: reads are the pages that exist and three fixed calls, and
// the pages of groups once more after a run that wrote memberships; writes are one
// a person and one a group and chunk, and none when nothing changed.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, page := range []int{100, 1000} {
		const n, groups = 1000, 40
		o := newOffice(t, labOptions{users: n, groups: groups, seed: 2, plain: true, pageCap: page}, "")
		o.edit("tomorro: {", fmt.Sprintf("tomorro: {page_size: %d, members_per_request: 50, ", page))
		o.lab.tomorro.Turn(capPages(page))
		pages := func(items, size int) int { return max(1, (items+size-1)/size) }
		read := func(accounts int) (onelogin, tomorro int) {
			// Token, app, rules; people, roles, who has the app.
			return 3 + pages(len(o.world.People), page) + pages(groups, 650) + pages(len(o.world.People), 1000), pages(accounts, page) + pages(groups, page)
		}
		var ahead planJSON // before each run
		check := func(what string, accounts, extra, back, writes int) {
			t.Helper()
			ol, to := o.lab.oneloginWire.Stats(), o.lab.tomorroWire.Stats()
			wantOL, wantTo := read(accounts)
			wantTo += back
			if ol.Total != wantOL+extra || to.Total-to.Writes != wantTo || to.Writes != writes {
				t.Errorf("pages of %d, %s: %d requests to OneLogin, %d reads and %d writes at Tomorro; want %d, %d, %d\n%v\n%v",
					page, what, ol.Total, to.Total-to.Writes, to.Writes, wantOL+extra, wantTo, writes, ol.ByRoute, to.ByRoute)
			}
			if said := [2]int{ahead.Requests.OneLogin.Total, ahead.Requests.Tomorro.Total}; said != [2]int{ol.Total, to.Total} {
				t.Errorf("pages of %d, %s: plan foresees %v requests, %d and %d were made", page, what, said, ol.Total, to.Total)
			}
			o.resetStats()
		}
		foresee := func(code int) {
			t.Helper()
			ahead = planJSON{}
			if err := json.Unmarshal([]byte(o.must(code, "plan", "--output", "json")), &ahead); err != nil || ahead.Requests == nil || ahead.Requests.Quota == nil {
				t.Fatalf("%v %+v", err, ahead.Requests)
			}
			o.resetStats()
		}
		foresee(exitPending)
		o.must(exitDone, "reconcile", "--yes")
		chunks := 0
		for _, g := range o.lab.tomorro.State().Groups {
			chunks += (len(g.Members) + 49) / 50
		}
		check("first run", 0, 0, pages(groups, page), n+chunks)
		foresee(exitDone)
		o.must(exitDone, "reconcile", "--yes")
		check("nothing changed", n, 0, 0, 0)

		before := o.lab.tomorro.State()
		o.lab.onelogin.Edit(func(w *onelogintest.World) { w.Churn(9) }) // 5 renamed, 2 new, 2 suspended, 10 moved
		foresee(exitPending)
		o.must(exitDone, "reconcile", "--yes")
		touched, after := 0, o.lab.tomorro.State()
		for i := range after.Groups {
			if !slices.Equal(before.Groups[i].Members, after.Groups[i].Members) {
				touched++
			}
		}
		check("one percent changed", n, 2, pages(groups, page), 5+2+2+touched) // each of the two suspended is asked for once more
		o.equal()
	}
}

// TestOnePerson changes one person only.
func TestOnePerson(t *testing.T) {
	o := newOffice(t, labOptions{users: 40, groups: 6, seed: 3, plain: true}, "")
	who := o.world.People[11].Email
	o.must(exitDone, "reconcile", "--yes", "--user", strings.ToUpper(who))
	users := o.lab.tomorro.State().Users
	if len(users) != 1 || users[0].UserName != who || len(users[0].Groups) != 5 {
		t.Errorf("%+v", users)
	}
	if code, _, stderr := o.run("reconcile", "--yes", "--user", "nobody@acme.example"); code != exitError || !strings.Contains(stderr, "neither OneLogin nor Tomorro knows nobody@acme.example") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestPlanSeesWhatReconcileDoes: the plan knows a renamed person by what earlier
// runs remembered, and says so when it cannot.
func TestPlanSeesWhatReconcileDoes(t *testing.T) {
	o := newOffice(t, labOptions{users: 30, groups: 3, seed: 2, plain: true}, "")
	o.edit("tomorro: {", "tomorro: {send_external_id: false, ")
	o.must(exitDone, "reconcile", "--yes")
	o.world.People[4].Email = "renamed@acme.example"
	if out := o.must(exitPending, "plan"); !strings.Contains(out, "1 change of e-mail") {
		t.Errorf("the plan does not know the renamed person:\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	o.edit("redis://", "redis://127.0.0.1:1,")
	if code, _, stderr := o.run("plan"); code != exitDone || !strings.Contains(stderr, "planning without Redis") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// run is the whole program under its own name.
func run(ctx context.Context, connect connector, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runAs(ctx, commandName, connect, args, environ, stdin, stdout, stderr)
}
