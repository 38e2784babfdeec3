package main

import (
	"net/http"
	"net/http/pprof"

	"tomorro-sync/jobs/metrics"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sources/onelogin"
)

// measure makes the metrics of all connections that this process serves.
func measure(all []*served) *metrics.Metrics {
	connections := make([]metrics.Connection, len(all))
	for i, s := range all {
		connections[i] = metrics.Connection{Name: s.config.Connection, Stander: s.watch, Schedule: s.schedule, QuarantineAfter: s.config.Schedule.QuarantineAfter, Retry: s.config.Schedule.Retry, APIs: s.counts, Credentials: s.config.credentials}
	}
	return metrics.New(connections, nil)
}

// supervised puts the metrics, and profiles if they are wanted, next to what supervisors
// ask. Profiles have no values in them; but whoever asks for one keeps a processor busy.
func supervised(admin http.Handler, told *metrics.Metrics, profile bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", admin)
	mux.Handle("/metrics", told.Handler())
	mux.Handle("/metrics/", told.Handler())
	if profile {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile) // ?seconds=, fewer than the listener's timeout
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// counts gives what both clients counted.
func counts(source *onelogin.Client, target *tomorro.Client) func() []metrics.API {
	return func() []metrics.API {
		o, t := source.Stats(), target.Stats()
		return []metrics.API{
			{Name: "onelogin", Requests: o.Requests, Retries: o.Retries, Throttled: o.Throttled, AtOnce: o.AtOnce, PerSecond: o.PerSecond, Quota: o.Quota},
			{Name: "tomorro", Requests: t.Requests, Retries: t.Retries, Throttled: t.Throttled, AtOnce: t.AtOnce, PerSecond: t.PerSecond, Quota: -1},
		}
	}
}
