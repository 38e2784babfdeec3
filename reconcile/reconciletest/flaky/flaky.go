// Package flaky wraps an http.Handler with what goes wrong on real networks and
// in real services: latency, and faults by a script. It counts every request, so
// that a test can say what a run cost.
//
// Over HTTP it answers, without credentials,
//
//	GET    /_sim/stats    requests so far, as Stats
//	DELETE /_sim/stats    begin to count anew
//	GET    /_sim/faults   the script, with how often each fault has fired
//	POST   /_sim/faults   add one Fault
//	DELETE /_sim/faults   forget the script
//
// Other paths below /_sim/ go to the wrapped handler, without latency or faults.
package flaky

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The kinds of faults.
const (
	KindStatus      = "status"        // Fault.Status with Fault.Body
	KindHTML429     = "html429"       // the edge's HTML 429, without Retry-After
	KindV1RateLimit = "v1-rate-limit" // OneLogin's 400 rate_limit_exceeded
	KindReset       = "reset"         // the connection breaks before anything is done
	KindTimeout     = "timeout"       // nothing comes until the client gives up
	KindTruncated   = "truncated"     // half of the real answer
	KindHTML200     = "html200"       // a login page with status 200
	KindEmpty       = "empty"         // 200 with Fault.Body, or [] and headers that agree
	KindLostAnswer  = "lost-answer"   // it is done, and then the connection breaks
	KindSlow        = "slow"          // the real answer, Fault.Delay later
)

// Fault is one line of a script: which requests it strikes, and how.
type Fault struct {
	Method string            `json:"method,omitempty"` // empty: any
	Path   string            `json:"path"`             // path.Match pattern, as /api/2/users or /scim/v2/Users/*
	Query  map[string]string `json:"query,omitempty"`  // values that must be there
	// Skip lets this many matching requests pass first; Times strikes this many
	// after them. 0 times means every one.
	Skip   int               `json:"skip,omitempty"`
	Times  int               `json:"times,omitempty"`
	Kind   string            `json:"kind"`
	Status int               `json:"status,omitempty"`
	Body   string            `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Delay  time.Duration     `json:"delay,omitempty"` // nanoseconds

	Seen  int `json:"seen"`  // requests that matched
	Fired int `json:"fired"` // and were struck
}

// Stats counts requests.
type Stats struct {
	Total       int            `json:"total"`
	ByRoute     map[string]int `json:"byRoute"`  // "GET /api/2/users/{id}"
	ByStatus    map[string]int `json:"byStatus"` // "200"; "none" when the connection was broken
	MaxInFlight int            `json:"maxInFlight"`
	Writes      int            `json:"writes"` // POST, PUT, PATCH and DELETE, token requests apart
}

// Handler wraps another handler. The zero value of Latency and script does nothing.
type Handler struct {
	Latency time.Duration // added to each request

	next     http.Handler
	mu       sync.Mutex
	faults   []*Fault
	stats    Stats
	inFlight int
}

// New wraps next.
func New(next http.Handler) *Handler {
	h := &Handler{next: next}
	h.Reset()
	return h
}

// Add appends a fault to the script.
func (h *Handler) Add(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.Seen, f.Fired = 0, 0
	h.faults = append(h.faults, &f)
}

// Clear forgets the script.
func (h *Handler) Clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

// Faults gives the script with its counters.
func (h *Handler) Faults() []Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Fault, len(h.faults))
	for i, f := range h.faults {
		out[i] = *f
	}
	return out
}

// Unfired gives the faults that struck nothing: a test that has any proved nothing.
func (h *Handler) Unfired() []Fault {
	var out []Fault
	for _, f := range h.Faults() {
		if f.Fired == 0 {
			out = append(out, f)
		}
	}
	return out
}

// Stats gives the counters.
func (h *Handler) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.ByRoute, s.ByStatus = maps.Clone(s.ByRoute), maps.Clone(s.ByStatus)
	return s
}

// Reset begins to count anew.
func (h *Handler) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats = Stats{ByRoute: make(map[string]int), ByStatus: make(map[string]int)}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		h.control(w, r)
		return
	}
	fault := h.enter(r)
	rec := &recorder{ResponseWriter: w}
	defer h.leave(rec)
	if h.Latency > 0 {
		select {
		case <-time.After(h.Latency):
		case <-r.Context().Done():
		}
	}
	if fault == nil {
		h.next.ServeHTTP(rec, r)
		return
	}
	fault.strike(rec, r, h.next)
}

func (h *Handler) enter(r *http.Request) *Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inFlight++
	h.stats.Total++
	h.stats.MaxInFlight = max(h.stats.MaxInFlight, h.inFlight)
	h.stats.ByRoute[r.Method+" "+route(r.URL.Path)]++
	if r.Method != http.MethodGet && !strings.HasPrefix(r.URL.Path, "/auth/") {
		h.stats.Writes++
	}
	for _, f := range h.faults {
		if !f.matches(r) {
			continue
		}
		if f.Seen++; f.Seen > f.Skip && (f.Times == 0 || f.Fired < f.Times) {
			f.Fired++
			struck := *f
			return &struck
		}
	}
	return nil
}

func (h *Handler) leave(rec *recorder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inFlight--
	status := "none"
	if rec.status > 0 {
		status = strconv.Itoa(rec.status)
	}
	h.stats.ByStatus[status]++
}

// route is a path with its ids left out: numbers, and what follows Users or Groups.
func route(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		_, err := strconv.Atoi(part)
		if i > 2 && err == nil || i > 0 && (parts[i-1] == "Users" || parts[i-1] == "Groups") && part != "" {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

func (f *Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	if ok, err := path.Match(f.Path, r.URL.Path); err != nil || !ok {
		return false
	}
	for name, value := range f.Query {
		if r.URL.Query().Get(name) != value {
			return false
		}
	}
	return true
}

func (h *Handler) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /_sim/stats":
		answer(w, h.Stats())
	case "DELETE /_sim/stats":
		h.Reset()
	case "GET /_sim/faults":
		answer(w, h.Faults())
	case "DELETE /_sim/faults":
		h.Clear()
	case "POST /_sim/faults":
		var f Fault
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil || f.Path == "" || f.Kind == "" {
			http.Error(w, "a fault needs a path and a kind, and no unknown keys", http.StatusBadRequest)
			return
		}
		h.Add(f)
	default:
		h.next.ServeHTTP(w, r)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
