package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/admin"
	"tomorro-sync/reconcile"
)

// observed is a connection that stands as the test says.
type observed struct {
	status jobs.Status
	err    error
	hangs  bool
}

func (o *observed) Status(ctx context.Context) (jobs.Status, error) {
	if o.hangs {
		<-ctx.Done()
		return jobs.Status{}, ctx.Err()
	}
	return o.status, o.err
}

func ask(t *testing.T, ctx context.Context, path string, connections ...admin.Connection) (int, string, admin.State) {
	t.Helper()
	w := httptest.NewRecorder()
	admin.Handler(ctx, connections).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	var state admin.State
	if path == "/readyz" {
		if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return w.Code, w.Body.String(), state
}

func TestReadiness(t *testing.T) {
	spec, err := jobs.ParseSchedule("0 2 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	well := &observed{status: jobs.Status{Last: &jobs.Report{Run: "r7", Finished: time.Now()}}}
	failed := &observed{status: jobs.Status{Last: &jobs.Report{Run: "r8", Exit: jobs.ExitFailed}, Marks: 2, Oldest: time.Now().Add(-time.Hour), Open: 3}}
	paused := &observed{status: jobs.Status{Schedule: jobs.ScheduleState{Paused: time.Unix(0, 0), PausedBy: "ann on desk"}}}
	quarantined := &observed{status: jobs.Status{Schedule: jobs.ScheduleState{Failures: 3, Tried: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)}}}
	gone := &observed{err: errors.New("dial tcp 10.0.0.7: refused, password hush")}
	stopping, cancel := context.WithCancelCause(t.Context())
	cancel(reconcile.ErrStopping)
	tests := map[string]struct {
		ctx    context.Context
		conns  []*observed
		code   int
		reason string
		notes  []string
	}{
		"well":              {t.Context(), []*observed{well}, 200, "", nil},
		"last run failed":   {t.Context(), []*observed{failed}, 200, "", []string{"exit 3; see: tomorro-sync --config /etc/acme.yaml journal show r8", "who waits for another look: 2, the first for 1h0m", "of 3 changes nobody knows"}},
		"paused":            {t.Context(), []*observed{paused}, 200, "", []string{"paused since 1970-01-01T00:00:00Z by ann on desk", "no run has ended yet"}},
		"quarantined":       {t.Context(), []*observed{quarantined}, 200, "", []string{"quarantined after 3 failed runs in a row; next try at 2026-11-24T02:00:00Z; one good run ends it"}},
		"one without Redis": {t.Context(), []*observed{well, gone}, 200, "c1: Redis does not answer", nil},
		"one that hangs":    {t.Context(), []*observed{failed, {hangs: true}}, 200, "c1: Redis does not answer", []string{"exit 3"}},
		"one not served":    {t.Context(), []*observed{well, {err: admin.ErrNotServed}}, 200, "c1: is not served yet", nil},
		"all without Redis": {t.Context(), []*observed{gone, gone}, 503, "c1: Redis does not answer", nil},
		"Redis is full":     {t.Context(), []*observed{{err: admin.ErrRefused}}, 503, "c0: its Redis takes no writes", nil},
		"Redis hangs":       {t.Context(), []*observed{{hangs: true}}, 503, "c0: Redis does not answer", nil},
		"stopping":          {stopping, []*observed{well}, 503, "stopping", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var conns []admin.Connection
			for i, o := range tt.conns {
				conns = append(conns, admin.Connection{Name: "c" + string(rune('0'+i)), Observer: o, Schedule: spec, QuarantineAfter: 3, Command: "tomorro-sync --config /etc/acme.yaml"})
			}
			code, text, state := ask(t, tt.ctx, "/readyz", conns...)
			if code != tt.code || state.Ready != (code == 200) || !strings.Contains(strings.Join(state.Reasons, "\n"), tt.reason) || len(state.Connections) != len(conns) {
				t.Errorf("%d %s", code, text)
			}
			for _, want := range tt.notes {
				if !strings.Contains(strings.Join(state.Connections[0].Notes, "\n"), want) {
					t.Errorf("notes lack %q: %s", want, text)
				}
			}
			if strings.Contains(text, "hush") {
				t.Errorf("tells a secret: %s", text)
			}
			if code, _, _ := ask(t, tt.ctx, "/healthz", conns...); code != 200 {
				t.Errorf("healthz: %d", code)
			}
		})
	}
}

func TestNextRunIsTold(t *testing.T) {
	spec, err := jobs.ParseSchedule("0 2 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	_, text, state := ask(t, t.Context(), "/readyz", admin.Connection{Name: "c", Observer: &observed{}, Schedule: spec})
	if next := state.Connections[0].NextRun; next == nil || next.Hour() != 2 || !next.After(time.Now()) {
		t.Errorf("%s", text)
	}
	often, err := jobs.ParseSchedule("@every 1m", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	tried := time.Now().Truncate(time.Minute)
	failing := &observed{status: jobs.Status{Schedule: jobs.ScheduleState{Failures: 10, Tried: tried}}}
	_, text, state = ask(t, t.Context(), "/readyz", admin.Connection{Name: "c", Observer: failing, Schedule: often, QuarantineAfter: 3})
	if next := state.Connections[0].NextRun; next == nil || !next.Equal(tried.Add(256*time.Minute)) {
		t.Errorf("quarantined, it tells %s", text)
	}
	if code, _, _ := ask(t, t.Context(), "/metricz"); code != 404 {
		t.Errorf("an unknown address answers %d", code)
	}
}

// TestOneHangs: a Redis that does not answer takes nothing of the time that the others have.
func TestOneHangs(t *testing.T) {
	_, text, state := ask(t, t.Context(), "/readyz", admin.Connection{Name: "away", Observer: &observed{hangs: true}}, admin.Connection{Name: "here", Observer: patient{}})
	if !state.Ready || len(state.Reasons) != 1 || !strings.HasPrefix(state.Reasons[0], "away:") {
		t.Errorf("%s", text)
	}
}

// patient answers only as long as there is time.
type patient struct{}

func (patient) Status(ctx context.Context) (jobs.Status, error) { return jobs.Status{}, ctx.Err() }
