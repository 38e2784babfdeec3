package flaky_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/reconcile/reconciletest/flaky"
)

func start(t *testing.T) (*flaky.Handler, *httptest.Server, *atomic.Int32) {
	t.Helper()
	acted := &atomic.Int32{}
	h := flaky.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		acted.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"id":1},{"id":2}]`)
	}))
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return h, s, acted
}

func get(t *testing.T, url string) (status int, kind, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(data), err
}

func TestEachKind(t *testing.T) {
	for kind, want := range map[string]struct {
		status int
		body   string
		acted  int
	}{
		flaky.KindStatus: {503, "{}", 0}, flaky.KindHTML429: {429, "Too Many", 0}, flaky.KindV1RateLimit: {400, "rate_limit_exceeded", 0},
		flaky.KindReset: {0, "", 0}, flaky.KindTimeout: {0, "", 0}, flaky.KindTruncated: {200, `[{"id":1}`, 1}, flaky.KindHTML200: {200, "<html>", 0},
		flaky.KindEmpty: {200, "[]", 0}, flaky.KindLostAnswer: {0, "", 1}, flaky.KindSlow: {200, `[{"id":1},{"id":2}]`, 1},
	} {
		h, s, acted := start(t)
		h.Add(flaky.Fault{Path: "/a", Kind: kind, Status: 503, Body: map[string]string{flaky.KindStatus: "{}"}[kind], Times: 1})
		// GETs are repeated by the transport on a reset of a used connection: this one is new.
		status, _, body, err := get(t, s.URL+"/a")
		if status != want.status || !strings.Contains(body, want.body) || (status == 0) != (err != nil) || int(acted.Load()) != want.acted {
			t.Errorf("%s: %d %q %v, acted %d; want %+v", kind, status, body, err, acted.Load(), want)
		}
		if len(h.Unfired()) != 0 {
			t.Errorf("%s: it did not count as fired", kind)
		}
		if status, _, _, _ := get(t, s.URL+"/a"); status != 200 {
			t.Errorf("%s: struck more than once", kind)
		}
	}
}

func TestScriptAndStats(t *testing.T) {
	h, s, _ := start(t)
	h.Add(flaky.Fault{Path: "/api/2/users", Query: map[string]string{"page": "2"}, Skip: 1, Times: 1, Kind: flaky.KindStatus, Status: 502})
	h.Add(flaky.Fault{Path: "/never", Kind: flaky.KindReset})
	var got []int
	for _, q := range []string{"1", "2", "2", "2"} {
		status, _, _, _ := get(t, s.URL+"/api/2/users?page="+q)
		got = append(got, status)
	}
	if fmt.Sprint(got) != "[200 200 502 200]" {
		t.Errorf("statuses %v", got)
	}
	_, _, _, _ = get(t, s.URL+"/api/2/users/77/apps")
	_, _, _, _ = get(t, s.URL+"/scim/v2/Groups/0f-aa")
	st := h.Stats()
	if st.Total != 6 || st.ByRoute["GET /api/2/users"] != 4 || st.ByRoute["GET /api/2/users/{id}/apps"] != 1 || st.ByRoute["GET /scim/v2/Groups/{id}"] != 1 || st.ByStatus["502"] != 1 || st.Writes != 0 {
		t.Errorf("%+v", st)
	}
	if u := h.Unfired(); len(u) != 1 || u[0].Path != "/never" {
		t.Errorf("unfired %+v", u)
	}
}

func TestControl(t *testing.T) {
	h, s, _ := start(t)
	for body, want := range map[string]int{`{"path":"/x","kind":"html429"}`: 200, `{"kind":"html429"}`: 400, `{"path":"/x","kind":"reset","oops":1}`: 400} {
		resp, err := http.Post(s.URL+"/_sim/faults", "application/json", strings.NewReader(body))
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %v %v", body, resp, err)
		}
		resp.Body.Close()
	}
	if status, _, _, _ := get(t, s.URL+"/x"); status != 429 {
		t.Errorf("the posted fault did not strike: %d", status)
	}
	if _, _, body, _ := get(t, s.URL+"/_sim/stats"); !strings.Contains(body, `"total":1`) {
		t.Errorf("stats %s", body)
	}
	h.Clear()
	if status, _, _, _ := get(t, s.URL+"/x"); status != 200 {
		t.Errorf("a forgotten fault struck: %d", status)
	}
}
