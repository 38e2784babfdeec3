package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tomorro-sync/jobs/admin"
	"tomorro-sync/reconcile"
)

// tape is what a program says while it runs.
type tape struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *tape) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *tape) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// eventually waits for something that another goroutine does.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestServe serves two connections from one process: each has its runs, its lock
// and its journal, readyz tells of both, and one signal ends it in good order.
func TestServe(t *testing.T) {
	t.Parallel()
	more := "schedule: {cron: \"@every 1s\", timezone: Europe/Paris}\nlisten: {admin: \"127.0.0.1:0\"}\n"
	first := newOffice(t, labOptions{users: 20, groups: 3, seed: 1, plain: true}, "connection: first\n"+more)
	second := newOffice(t, labOptions{users: 30, groups: 4, seed: 2, plain: true}, "connection: second\n"+more)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	var out, log tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"--config", first.config, "--config", second.config, "serve"}, nil, strings.NewReader(""), &out, &log)
	}()
	address := regexp.MustCompile(`admin=(\S+)`)
	eventually(t, "it listens", func() bool { return address.MatchString(log.String()) })
	ready := func() (s admin.State) {
		resp, err := http.Get("http://" + address.FindStringSubmatch(log.String())[1] + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	eventually(t, "both connections had a run", func() bool {
		s := ready()
		return s.Ready && len(s.Connections) == 2 && s.Connections[0].LastRun != nil && s.Connections[1].LastRun != nil
	})
	for _, c := range ready().Connections {
		if c.LastRun.Exit != exitDone || c.NextRun == nil {
			t.Errorf("%+v", c)
		}
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone || !strings.Contains(log.String(), "stopped") || out.String() != "" {
		t.Errorf("exit %d, says %q and logs\n%s", code, out.String(), log.String())
	}
	first.equal()
	second.equal()
	if strings.Contains(log.String(), "@acme.example") {
		t.Errorf("the log names people:\n%s", log.String())
	}
	for _, o := range []*office{first, second} {
		if out := o.must(exitDone, "journal"); !strings.Contains(out, "schedule") {
			t.Errorf("the journal lists\n%s", out)
		}
	}
}

// TestServeRefuses: what would make two connections one is refused before
// anything is done.
func TestServeRefuses(t *testing.T) {
	base := `
onelogin: {url: "http://127.0.0.1:1", client_id: id, client_secret: hush, app_id: 7}
tomorro: {url: "http://127.0.0.1:2/scim/v2", token: hush}
redis: {url: "redis://127.0.0.1:3/0"}
titles: {legal: user}
schedule: {cron: "0 2 * * *"}
`
	for name, test := range map[string]struct {
		second  string
		environ []string
		want    string
	}{
		"one name":        {strings.Replace(base, "127.0.0.1:2", "127.0.0.1:9", 1), nil, `connection: "default" is the name of two configurations`},
		"one Tomorro":     {base + "connection: other\n", nil, "two configurations write to http://127.0.0.1:2/scim/v2"},
		"one token":       {strings.Replace(base, "127.0.0.1:2", "127.0.0.1:9", 1) + "connection: other\n", []string{"TOMORRO_SYNC_TOMORRO_TOKEN=x"}, "TOMORRO_SYNC_TOMORRO_TOKEN would hold for all 2 configurations"},
		"no schedule":     {strings.Replace(base, "schedule:", "#", 1) + "connection: other\n", nil, "schedule.cron: is missing"},
		"another address": {strings.Replace(base, "127.0.0.1:2", "127.0.0.1:9", 1) + "connection: other\nlisten: {admin: \"127.0.0.1:99\"}\n", nil, "listen.admin: 127.0.0.1:99"},
		"no such time":    {strings.Replace(base, "0 2 * * *", "0 2 31 2 *", 1), nil, "schedule.cron"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), services{}, []string{"--config", writeFile(t, base), "--config", writeFile(t, test.second), "serve"}, test.environ, strings.NewReader(""), &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), test.want) || strings.Contains(errs.String(), "hush") {
				t.Errorf("exit %d, says\n%s", code, errs.String())
			}
		})
	}
}

func TestSchedulePauses(t *testing.T) {
	o := newOffice(t, labOptions{users: 3, groups: 1, seed: 1, plain: true}, "schedule: {cron: \"0 2 * * *\", timezone: Europe/Paris}\n")
	if out := o.must(exitDone, "schedule"); !strings.Contains(out, "0 2 * * *") || !strings.Contains(out, "02:00 CE") || !strings.Contains(out, "No process has served") || strings.Contains(out, "paused") {
		t.Errorf("schedule says\n%s", out)
	}
	if out := o.must(exitDone, "schedule", "pause"); !strings.Contains(out, "paused    since") {
		t.Errorf("pause says\n%s", out)
	}
	var doc scheduleJSON
	if err := json.Unmarshal([]byte(o.must(exitDone, "schedule", "--output", "json")), &doc); err != nil || doc.State.Paused.IsZero() || doc.State.PausedBy == "" || len(doc.Next) != 3 {
		t.Errorf("%+v %v", doc, err)
	}
	if out := o.must(exitDone, "schedule", "resume"); strings.Contains(out, "paused") {
		t.Errorf("resume says\n%s", out)
	}
}

// TestScheduleOfOthers: with a configuration that has no schedule of its own, what those
// who serve have is shown and paused all the same.
func TestScheduleOfOthers(t *testing.T) {
	o := newOffice(t, labOptions{users: 3, groups: 1, seed: 1, plain: true}, "")
	o.must(exitDone, "reconcile", "--queue")
	if out := o.must(exitDone, "schedule", "pause"); !strings.Contains(out, "paused    since") || !strings.Contains(out, "asked     a run, by ") {
		t.Errorf("pause says\n%s", out)
	}
	if out := o.must(exitDone, "schedule", "resume"); strings.Contains(out, "paused") || !strings.Contains(out, "There is no schedule in this configuration") {
		t.Errorf("resume says\n%s", out)
	}
}

// TestRedisForgetsEverything: without what was remembered, nobody is removed and
// nobody is created twice; who left meanwhile is named with advice.
func TestRedisForgetsEverything(t *testing.T) {
	t.Parallel()
	for _, externalID := range []string{"true", "false"} {
		t.Run("external ids "+externalID, func(t *testing.T) {
			o := newOffice(t, labOptions{users: 30, groups: 4, seed: 6, plain: true}, "")
			o.edit("tomorro: {", "tomorro: {send_external_id: "+externalID+", ")
			o.must(exitDone, "reconcile", "--yes")
			o.redis.FlushAll()
			left := o.world.People[5]
			o.world.Remove(left.ID)
			before := len(o.lab.tomorro.Writes())
			out := o.must(exitDone, "reconcile", "--yes")
			if n := len(o.lab.tomorro.Writes()) - before; n != 0 {
				t.Errorf("%d writes:\n%s", n, out)
			}
			if !strings.Contains(out, left.Email) || !strings.Contains(out, "Foreign and active: "+left.Email) {
				t.Errorf("it does not say what to do about %s:\n%s", left.Email, out)
			}
			// What it knows by then it goes by: the next leaver is removed. Accounts without a
			// mark are as if they had been there first.
			if externalID == "false" {
				o.must(exitDone, "adopt", "done", "--yes")
			}
			o.world.People[6].Assigned = false
			o.must(exitDone, "reconcile", "--yes")
			if _, active := o.actual()[o.world.People[6].Email]; active {
				t.Error("a leaver whom the program knows again is still inside")
			}
		})
	}
}

// TestExportIsWholeOrNotThere also looks at who may read it.
func TestExportIsWholeOrNotThere(t *testing.T) {
	o := newOffice(t, labOptions{users: 4, groups: 1, seed: 1, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	dir := t.TempDir()
	path := filepath.Join(dir, "all.jsonl")
	o.must(exitDone, "journal", "export", path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not a document: %s", line)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	full := filepath.Join(t.TempDir(), "full") // what is no file stays what it is, and is written to
	if err := os.Symlink("/dev/full", full); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := o.run("journal", "export", full)
	if info, err := os.Stat(full); err != nil || info.Mode().IsRegular() || code != exitError || !strings.Contains(stderr, "no space left") {
		t.Errorf("an export to a device: exit %d, %s, %v", code, stderr, err)
	}
	if code, _, stderr := o.run("journal", "export", filepath.Join(dir, "no", "such", "place.csv")); code != exitError || !strings.Contains(stderr, "export the journal") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestQuarantineIsTold: a process whose runs fail slows down and says so in its
// log, to supervisors and in schedule; one good run by hand ends it.
func TestQuarantineIsTold(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 3, groups: 1, seed: 1, plain: true}, "schedule: {cron: \"@every 1s\", quarantine_after: 2}\nlisten: {admin: \"127.0.0.1:0\"}\n")
	ctx, stop := context.WithCancelCause(t.Context())
	var out, log tape
	ended := make(chan int)
	go func() {
		ended <- run(ctx, services{}, []string{"--config", o.config, "serve"}, []string{envPrefix + "TOMORRO_TOKEN=expired"}, strings.NewReader(""), &out, &log)
	}()
	eventually(t, "it is quarantined and leaves a tick out", func() bool {
		return strings.Contains(log.String(), "no run for this tick: the schedule is quarantined")
	})
	resp, err := http.Get("http://" + regexp.MustCompile(`admin=(\S+)`).FindStringSubmatch(log.String())[1] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	var state admin.State
	err = json.NewDecoder(resp.Body).Decode(&state)
	resp.Body.Close()
	if err != nil || !state.Ready || !strings.Contains(strings.Join(state.Connections[0].Notes, "\n"), "quarantined after") {
		t.Errorf("readyz says %+v %v", state, err)
	}
	stop(reconcile.ErrStopping)
	if code := <-ended; code != exitDone || !strings.Contains(log.String(), "level=WARN msg=\"the schedule is quarantined after failed runs; one good run ends it\"") {
		t.Errorf("exit %d, logs\n%s", code, log.String())
	}
	if out := o.must(exitDone, "schedule"); !strings.Contains(out, "failing   ") || !strings.Contains(out, "slowed    quarantined until one good run; next try at ") {
		t.Errorf("schedule says\n%s", out)
	}
	var doc scheduleJSON
	if err := json.Unmarshal([]byte(o.must(exitDone, "schedule", "--output", "json")), &doc); err != nil || doc.State.Failures < 2 || doc.NextTry.Sub(doc.State.Tried) < 2*time.Second {
		t.Errorf("%+v %v", doc, err)
	}
	o.must(exitDone, "reconcile", "--yes", "--user", o.world.People[0].Email)
	if out := o.must(exitDone, "schedule"); !strings.Contains(out, "quarantined") {
		t.Errorf("after a run for one person schedule says\n%s", out)
	}
	o.must(exitDone, "reconcile", "--yes")
	if out := o.must(exitDone, "schedule"); strings.Contains(out, "quarantined") || strings.Contains(out, "failing") {
		t.Errorf("after a good run schedule says\n%s", out)
	}
}
