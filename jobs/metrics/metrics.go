// Package metrics tells Prometheus how the connections stand, at /metrics of the
// admin listener, and has the dashboard and the alert rules that go with it:
//
//	GET /metrics                  the text format of Prometheus
//	GET /metrics/dashboard.json   a Grafana dashboard, to be imported
//	GET /metrics/alerts.yaml      alert rules, for rule_files of Prometheus
//
// Most values are computed from what Redis has when they are asked for: they survive
// a restart, and every replica tells the same. Aggregate them with max, never with
// sum. Those that say "of this process" in their help are the process's own and begin
// at 0 with it: sum these. Every value has the label connection; no label names a
// person, a group or a secret, and each has a fixed set of values.
package metrics

import (
	"context"
	_ "embed" // the dashboard and the rules
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/robfig/cron/v3"

	"tomorro-sync/jobs"
)

// Dashboard is a Grafana dashboard of all connections, to be imported.
//
//go:embed dashboard.json
var Dashboard []byte

// Rules are alert rules of Prometheus.
//
//go:embed alerts.yaml
var Rules []byte

// Stander looks at one connection; see jobs.Watch.
type Stander interface {
	Stand(ctx context.Context) (jobs.Standing, error)
}

// API is what a client counted of its requests since the process began.
type API struct {
	Name      string         // "onelogin" or "tomorro"
	Requests  map[string]int // by method and route, such as "GET /Users/{id}"
	Retries   int
	Throttled int // how often the service said that it is too much
	// AtOnce and PerSecond are how many requests may be under way now, and be sent a
	// second; 0 is no limit that was learned from refusals.
	AtOnce    int
	PerSecond float64
	Quota     int // requests that it will still answer, as it said last; -1 when it did not say
}

// Connection is one connection whose state is told.
type Connection struct {
	Name     string
	Stander  Stander
	Schedule cron.Schedule // nil when there is none
	// QuarantineAfter and Retry are those of the Scheduler.
	QuarantineAfter int
	Retry           time.Duration
	APIs            func() []API // nil when nothing is counted
	// Credentials are those whose end is known; nil when there are none.
	Credentials func() []jobs.Credential
}

// Metrics are all that a process tells. It has a registry of its own.
type Metrics struct {
	registry  *prometheus.Registry
	pushes    *prometheus.CounterVec
	took      *prometheus.HistogramVec
	listening *prometheus.GaugeVec
	now       func() time.Time
}

// prefix begins every name that is ours.
const prefix = "tomorro_sync_"

// New makes the registry. now is the clock; nil means time.Now.
func New(connections []Connection, now func() time.Time) *Metrics {
	if now == nil {
		now = time.Now
	}
	m := &Metrics{registry: prometheus.NewRegistry(), now: now}
	m.pushes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "pushes_total",
		Help: "Requests to the SCIM listener of this process, by kind (read or write) and result (done, held, refused, unauthorised, throttled, unavailable, failed)."},
		[]string{"connection", "kind", "result"})
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + "push_duration_seconds",
		Help:    "How long requests to the SCIM listener of this process took, by kind (read or write).",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 16}}, []string{"connection", "kind"})
	m.listening = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "listening",
		Help: "Whether this process answers at a listener (scim, console): 1 or 0. The console is one for all connections and has an empty connection."},
		[]string{"connection", "listener"})
	m.registry.MustRegister(m.pushes, m.took, m.listening, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range connections {
		m.registry.MustRegister(&collector{c: c, m: m})
		for _, kind := range []string{kindRead, kindWrite} {
			m.took.WithLabelValues(c.Name, kind)
			for _, result := range results {
				m.pushes.WithLabelValues(c.Name, kind, result)
			}
		}
	}
	return m
}

// Listening says whether this process answers at a listener; connection is empty for
// one that belongs to all.
func (m *Metrics) Listening(connection, listener string, up bool) {
	value := 0.0
	if up {
		value = 1
	}
	m.listening.WithLabelValues(connection, listener).Set(value)
}

// Handler serves the three addresses.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	file := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body) // the asker may have gone
		}
	}
	mux.HandleFunc("GET /metrics/dashboard.json", file("application/json", Dashboard))
	mux.HandleFunc("GET /metrics/alerts.yaml", file("application/yaml", Rules))
	return mux
}
