package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/metrics"
	"tomorro-sync/reconcile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// stands is a connection that stands as the test says.
type stands struct {
	st  jobs.Standing
	err error
}

func (s *stands) Stand(context.Context) (jobs.Standing, error) { return s.st, s.err }

// full is a connection that has something to say everywhere.
func full() *stands {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	last := &jobs.Report{Run: "r9", Started: ago(10 * time.Hour), Finished: ago(10*time.Hour - 90*time.Second), Exit: jobs.ExitFailed,
		Planned: map[reconcile.Op]int{reconcile.OpCreate: 5}, Done: map[reconcile.Op]int{reconcile.OpCreate: 3}, Failed: map[reconcile.Op]int{reconcile.OpCreate: 2},
		Refused: jobs.ServiceTomorro, NoSeat: 2, Errors: []string{"ann@acme.com: failed"}, Incomplete: []string{"users"}, Ignored: make([]jobs.NotKept, 4)}
	return &stands{st: jobs.Standing{At: now, Last: last, Complete: &jobs.Report{Run: "r8", Finished: ago(34 * time.Hour)},
		Held: []jobs.HeldCount{
			{Rule: reconcile.RuleLimit, Class: reconcile.HoldGuard, Changes: 7, Removals: 6, RemovalsSince: ago(2 * time.Hour)},
			{Rule: reconcile.RuleRejected, Class: reconcile.HoldDecided, Changes: 9, Removals: 9, RemovalsSince: ago(99 * time.Hour)},
		},
		Status: jobs.Status{Open: 3, Marks: 2, Oldest: ago(time.Minute), Lock: &jobs.LockedError{Holder: "process 7 on host", Since: ago(time.Second)},
			Schedule: jobs.ScheduleState{Failures: 3, Tried: ago(10 * time.Hour), Paused: ago(time.Hour), PausedBy: "ann@acme.com"}}}}
}

func connection(t *testing.T, name string, s metrics.Stander) metrics.Connection {
	t.Helper()
	spec, err := jobs.ParseSchedule("0 2 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	ends := func() []jobs.Credential {
		return []jobs.Credential{{Key: "tomorro.token", Expires: now.Add(240 * time.Hour)}}
	}
	return metrics.Connection{Name: name, Stander: s, Schedule: spec, QuarantineAfter: 3, Credentials: ends, APIs: func() []metrics.API {
		return []metrics.API{{Name: "onelogin", Requests: map[string]int{"GET /api/2/users": 4, "GET /api/2/users/{id}": 1}, Retries: 2, Throttled: 1, AtOnce: 8, PerSecond: 24.5, Quota: 4711}, {Name: "tomorro", Quota: -1}}
	}}
}

func get(t *testing.T, m *metrics.Metrics, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func build(connections ...metrics.Connection) *metrics.Metrics {
	return metrics.New(connections, func() time.Time { return now })
}

func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("lacks %s", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestValues(t *testing.T) {
	m := build(connection(t, "acme", full()), connection(t, "beta", &stands{st: jobs.Standing{At: now, Since: now.Add(-time.Hour)}}))
	m.Listening("acme", "scim", true)
	m.Listening("", "console", false)
	text := get(t, m, "/metrics")
	wants(t, text, `tomorro_sync_credential_left_seconds{connection="acme",credential="tomorro.token"} 864000`)
	wants(t, text,
		`tomorro_sync_redis_up{connection="acme"} 1`,
		`tomorro_sync_last_run_exit_code{connection="acme"} 3`,
		`tomorro_sync_last_run_duration_seconds{connection="acme"} 90`,
		`tomorro_sync_last_run_changes{connection="acme",op="create",result="done"} 3`,
		`tomorro_sync_last_run_changes{connection="acme",op="create",result="failed"} 2`,
		`tomorro_sync_last_run_changes{connection="acme",op="create",result="planned"} 5`,
		`tomorro_sync_last_run_changes{connection="acme",op="delete",result="done"} 0`,
		`tomorro_sync_last_run_incomplete_lists{connection="acme"} 1`,
		`tomorro_sync_last_run_changes_not_kept{connection="acme"} 4`,
		`tomorro_sync_last_run_changes_without_seat{connection="acme"} 2`,
		`tomorro_sync_last_run_credentials_refused{connection="acme",service="tomorro"} 1`,
		`tomorro_sync_last_run_credentials_refused{connection="acme",service="onelogin"} 0`,
		`tomorro_sync_last_complete_run_age_seconds{connection="acme"} 122400`,
		`tomorro_sync_held_changes{connection="acme",rule="limit"} 7`,
		`tomorro_sync_held_changes{connection="acme",rule="rejected"} 9`,
		`tomorro_sync_held_changes{connection="acme",rule="data"} 0`,
		`tomorro_sync_held_removals{connection="acme"} 6`,
		`tomorro_sync_held_removals_oldest_age_seconds{connection="acme"} 7200`,
		`tomorro_sync_marks_waiting{connection="acme"} 2`,
		`tomorro_sync_marks_oldest_age_seconds{connection="acme"} 60`,
		`tomorro_sync_open_intents{connection="acme"} 3`,
		`tomorro_sync_lock_held{connection="acme"} 1`,
		`tomorro_sync_lock_held_seconds{connection="acme"} 1`,
		`tomorro_sync_schedule_failures{connection="acme"} 3`,
		`tomorro_sync_schedule_quarantined{connection="acme"} 1`,
		`tomorro_sync_schedule_paused{connection="acme"} 1`,
		`tomorro_sync_api_requests_total{connection="acme",method="GET",route="/api/2/users/{id}",service="onelogin"} 1`,
		`tomorro_sync_api_retries_total{connection="acme",service="onelogin"} 2`,
		`tomorro_sync_api_throttled_total{connection="acme",service="onelogin"} 1`,
		`tomorro_sync_api_at_once_requests{connection="acme",service="onelogin"} 8`,
		`tomorro_sync_api_learned_requests_per_second{connection="acme",service="onelogin"} 24.5`,
		`tomorro_sync_api_quota_left_requests{connection="acme",service="onelogin"} 4711`,
		`tomorro_sync_listening{connection="acme",listener="scim"} 1`,
		`tomorro_sync_listening{connection="",listener="console"} 0`,
		// One that has never run tells since when there has been none, and nothing of a last run.
		`tomorro_sync_last_complete_run_age_seconds{connection="beta"} 3600`,
		`tomorro_sync_schedule_quarantined{connection="beta"} 0`,
		`tomorro_sync_held_removals_oldest_age_seconds{connection="beta"} 0`)
	for _, never := range []string{`quota_left_requests{connection="acme",service="tomorro"}`, `last_run_exit_code{connection="beta"}`, "ann@", "process 7"} {
		if strings.Contains(text, never) {
			t.Errorf("tells %s", never)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// TestWithoutRedis: a scrape is answered, says so, and still tells what the process counts.
func TestWithoutRedis(t *testing.T) {
	text := get(t, build(connection(t, "acme", &stands{err: errors.New("dial redis://:hush@host")}), connection(t, "beta", full())), "/metrics")
	wants(t, text, `tomorro_sync_redis_up{connection="acme"} 0`, `tomorro_sync_redis_up{connection="beta"} 1`, `tomorro_sync_api_retries_total{connection="acme",service="onelogin"} 2`)
	if strings.Contains(text, `marks_waiting{connection="acme"}`) || strings.Contains(text, "hush") {
		t.Error(text)
	}
}

// TestReplicasAgree: what comes from Redis is the same from every process, whatever
// each has counted itself.
func TestReplicasAgree(t *testing.T) {
	shared := full()
	fromRedis := func(m *metrics.Metrics) (lines []string) {
		for line := range strings.Lines(get(t, m, "/metrics")) {
			own := strings.HasPrefix(line, "go_") || strings.HasPrefix(line, "process_") || strings.Contains(line, "_push") || strings.Contains(line, "_api_") || strings.Contains(line, "_listening")
			if !own && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	a, b := build(connection(t, "acme", shared)), build(connection(t, "acme", shared))
	a.Pushes("acme", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if x, y := fmt.Sprint(fromRedis(a)), fmt.Sprint(fromRedis(b)); x != y || len(x) < 1000 {
		t.Errorf("%s\n%s", x, y)
	}
}

// TestHelpSaysWhose: what is not the same from every replica says so.
func TestHelpSaysWhose(t *testing.T) {
	for line := range strings.Lines(get(t, build(connection(t, "acme", full())), "/metrics")) {
		name, help, ok := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
		if !ok || !strings.HasPrefix(line, "# HELP tomorro_sync_") {
			continue
		}
		own := strings.Contains(name, "_push") || strings.Contains(name, "_api_") || strings.Contains(name, "_listening")
		if own != strings.Contains(help, "this process") {
			t.Errorf("%s: %s", name, help)
		}
	}
}

func TestRoutesAreBounded(t *testing.T) {
	c := connection(t, "acme", full())
	many := make(map[string]int)
	for i := range 1000 {
		many[fmt.Sprintf("GET /%03d", i)] = 1
	}
	c.APIs = func() []metrics.API { return []metrics.API{{Name: "onelogin", Requests: many}} }
	text := get(t, build(c), "/metrics")
	if n := strings.Count(text, "tomorro_sync_api_requests_total{"); n != 41 {
		t.Errorf("%d routes", n)
	}
	wants(t, text, `tomorro_sync_api_requests_total{connection="acme",method="other",route="other",service="onelogin"} 960`)
}

func TestPushesAreCounted(t *testing.T) {
	at := now
	m := metrics.New([]metrics.Connection{connection(t, "acme", full())}, func() time.Time { at = at.Add(30 * time.Millisecond); return at })
	push := func(method string, answer http.HandlerFunc) {
		defer func() { _ = recover() }()
		m.Pushes("acme", answer).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "/scim/v2/Users", nil))
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(code)
			_, _ = w.Write([]byte("{}"))
		}
	}
	push(http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) })
	for _, code := range []int{201, 204, 400, 401, 403, 404, 429, 500, 501, 503} {
		push(http.MethodPost, status(code))
	}
	push(http.MethodPatch, func(http.ResponseWriter, *http.Request) { panic("no") })
	text := get(t, m, "/metrics")
	line := func(kind, result string, n int) string {
		return fmt.Sprintf(`tomorro_sync_pushes_total{connection="acme",kind=%q,result=%q} %d`, kind, result, n)
	}
	wants(t, text, line("read", "done", 1), line("read", "failed", 0), line("write", "done", 2), line("write", "refused", 2), line("write", "unauthorised", 1), line("write", "held", 1),
		line("write", "throttled", 1), line("write", "failed", 3), line("write", "unavailable", 1),
		`tomorro_sync_push_duration_seconds_bucket{connection="acme",kind="write",le="0.025"} 0`,
		`tomorro_sync_push_duration_seconds_bucket{connection="acme",kind="write",le="0.05"} 11`,
		`tomorro_sync_push_duration_seconds_count{connection="acme",kind="read"} 1`)
}

// TestDeadlinesReachTheConnection: the listener bounds how long a body may take.
func TestDeadlinesReachTheConnection(t *testing.T) {
	errs := make(chan error, 1)
	server := httptest.NewServer(build(connection(t, "acme", full())).Pushes("acme", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		errs <- http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Minute))
	})))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	server.Client().CloseIdleConnections()
	if err := <-errs; err != nil {
		t.Error(err)
	}
}
