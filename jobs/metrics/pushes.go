package metrics

import "net/http"

const (
	kindRead  = "read"
	kindWrite = "write"
)

// results are what can come of a push.
var results = []string{"done", "held", "refused", "unauthorised", "throttled", "unavailable", "failed"}

// result sorts an answer of the listener: README, Pushes, has what each means.
func result(status int) string {
	switch {
	case status < 400:
		return "done"
	case status == http.StatusUnauthorized:
		return "unauthorised"
	case status == http.StatusForbidden:
		return "held"
	case status == http.StatusTooManyRequests:
		return "throttled"
	case status < 500:
		return "refused"
	case status == http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "failed"
}

// Pushes counts and times the requests to a connection's listener.
func (m *Metrics) Pushes(connection string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := kindWrite
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			kind = kindRead
		}
		began := m.now()
		seen := &answered{ResponseWriter: w, status: http.StatusInternalServerError} // what a panic is
		defer func() {
			m.took.WithLabelValues(connection, kind).Observe(max(0, m.now().Sub(began).Seconds()))
			m.pushes.WithLabelValues(connection, kind, result(seen.status)).Inc()
		}()
		next.ServeHTTP(seen, r)
	})
}

// answered remembers the status.
type answered struct {
	http.ResponseWriter
	status int
	began  bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	if !a.began && status >= 200 {
		a.status, a.began = status, true
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answered) Write(b []byte) (int, error) {
	if !a.began {
		a.status, a.began = http.StatusOK, true
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
