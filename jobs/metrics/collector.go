package metrics

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// desc describes one metric of a connection. Units are in names; ages are told next
// to times, so that a panel needs no arithmetic.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, append([]string{"connection"}, labels...), nil)
}

// What Redis tells: the same from every replica.
var (
	redisUp         = desc("redis_up", "Whether Redis answered this scrape: 1 or 0. Without it, nothing else that it remembers is told.")
	lastTime        = desc("last_run_timestamp_seconds", "When the last run that was to look at everybody ended, in Unix time.")
	lastDuration    = desc("last_run_duration_seconds", "How long that run took.")
	lastExit        = desc("last_run_exit_code", "Its exit code: 0 done, 1 error, 3 some changes failed, 11 held by the guard, 12 waits for approval.")
	lastChanges     = desc("last_run_changes", "Its changes, by op and result (planned, done, failed, skipped).", "op", "result")
	lastIncomplete  = desc("last_run_incomplete_lists", "How many reasons it had to call the pull of OneLogin incomplete, which holds removals.")
	lastNotKept     = desc("last_run_changes_not_kept", "How many changes Tomorro confirmed to it and did not keep.")
	lastNoSeat      = desc("last_run_changes_without_seat", "How many of its changes Tomorro refused because no seat is left, as far as Tomorro's words tell.")
	lastRefused     = desc("last_run_credentials_refused", "Whether it ended because a service (onelogin, tomorro) refused the credentials: 1 or 0.", "service")
	completeTime    = desc("last_complete_run_timestamp_seconds", "When the last complete run ended, in Unix time: it looked at everybody and read both sides to the end.")
	completeAge     = desc("last_complete_run_age_seconds", "How long ago that was; without one, since when there has been none.")
	heldChanges     = desc("held_changes", "Changes that are held now, by rule.", "rule")
	heldRemovals    = desc("held_removals", "Those that would take something away and that nobody has decided about.")
	heldRemovalsAge = desc("held_removals_oldest_age_seconds", "How long the first of those removals has been held; 0 without any.")
	marks           = desc("marks_waiting", "People who wait for another look.")
	marksAge        = desc("marks_oldest_age_seconds", "How long the first of them has waited; 0 without any.")
	openIntents     = desc("open_intents", "Changes that were sent or were about to be, and have no outcome yet.")
	lockHeld        = desc("lock_held", "Whether a run holds the lock: 1 or 0.")
	lockAge         = desc("lock_held_seconds", "For how long it has; 0 when nobody does.")
	failures        = desc("schedule_failures", "Scheduled runs in a row that failed.")
	quarantined     = desc("schedule_quarantined", "Whether the schedule is slowed down after failed runs: 1 or 0.")
	paused          = desc("schedule_paused", "Whether somebody paused the schedule: 1 or 0.")
	expires         = desc("credential_left_seconds", "How long a token or certificate is still good, by its key in the configuration; below 0 once it ended, and 0 while its files cannot be used. Told where an end is known, also without Redis.", "credential")
	nextRun         = desc("next_run_timestamp_seconds", "When the next run is due by the schedule, in Unix time.")
)

// What a process counts itself.
var (
	requests  = desc("api_requests_total", "Requests of this process to a service, by method and route, retries included.", "service", "method", "route")
	retries   = desc("api_retries_total", "Requests of this process to a service that were tried again.", "service")
	throttled = desc("api_throttled_total", "How often a service told this process to slow down.", "service")
	atOnce    = desc("api_at_once_requests", "How many requests of this process may be under way at a service now: what is configured, less while the service has too much to do.", "service")
	learned   = desc("api_learned_requests_per_second", "How many requests a second a service takes, as this process learned it from refusals; none where it refused nothing.", "service")
	quotaLeft = desc("api_quota_left_requests", "Requests that a service will still answer in its current window, as it told this process last.", "service")
)

// collector asks how one connection stands each time somebody wants to know. It is an
// unchecked collector: several have the same descriptions, and tell them apart by
// connection.
type collector struct {
	c Connection
	m *Metrics
}

// askTimeout bounds how long a scrape waits for Redis.
const askTimeout = 5 * time.Second

// Describe implements prometheus.Collector; see collector.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// sample is one value on its way.
type sample struct {
	out        chan<- prometheus.Metric
	connection string
}

func (s sample) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{s.connection}, labels...)...)
}

func (s sample) counter(d *prometheus.Desc, value int, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), append([]string{s.connection}, labels...)...)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := sample{out, c.c.Name}
	if c.c.APIs != nil {
		for _, api := range c.c.APIs() {
			s.api(&api)
		}
	}
	if c.c.Credentials != nil {
		for _, one := range c.c.Credentials() {
			left := one.Expires.Sub(c.m.now()).Seconds()
			if one.Unusable != "" {
				left = 0 // as if it ended now, or nobody would hear of it
			}
			s.gauge(expires, left, one.Key)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	st, err := c.c.Stander.Stand(ctx)
	s.gauge(redisUp, one(err == nil))
	if err != nil {
		return
	}
	now := c.m.now()
	s.runs(&st, now)
	s.held(&st, now)
	s.status(&st.Status, now)
	s.gauge(failures, float64(st.Status.Schedule.Failures))
	s.gauge(paused, one(!st.Status.Schedule.Paused.IsZero()))
	if c.c.Schedule != nil {
		s.gauge(quarantined, one(!st.Status.Schedule.NextTry(c.c.Schedule, c.c.QuarantineAfter).IsZero()))
		s.gauge(nextRun, unix(st.Status.Schedule.NextRun(c.c.Schedule, c.c.QuarantineAfter, c.c.Retry, now)))
	}
}

func (s sample) runs(st *jobs.Standing, now time.Time) {
	since := st.Since
	if st.Complete != nil {
		since = st.Complete.Finished
		s.gauge(completeTime, unix(since))
	}
	s.gauge(completeAge, age(since, now))
	last := st.Last
	if last == nil {
		return
	}
	s.gauge(lastTime, unix(last.Finished))
	s.gauge(lastDuration, last.Finished.Sub(last.Started).Seconds())
	s.gauge(lastExit, float64(last.Exit))
	s.gauge(lastIncomplete, float64(len(last.Incomplete)))
	s.gauge(lastNotKept, float64(len(last.Ignored)))
	s.gauge(lastNoSeat, float64(last.NoSeat))
	for _, service := range []string{jobs.ServiceOneLogin, jobs.ServiceTomorro} {
		s.gauge(lastRefused, one(last.Refused == service), strings.ToLower(service))
	}
	for result, counts := range map[string]map[reconcile.Op]int{"planned": last.Planned, reconcile.Done: last.Done, reconcile.Failed: last.Failed, reconcile.Skipped: last.Skipped} {
		for _, op := range reconcile.Ops() {
			s.gauge(lastChanges, float64(counts[op]), string(op), result)
		}
	}
}

func (s sample) held(st *jobs.Standing, now time.Time) {
	byRule := make(map[reconcile.HoldRule]int)
	for i := range st.Held {
		byRule[st.Held[i].Rule] += st.Held[i].Changes
	}
	for _, rule := range reconcile.HoldRules() {
		s.gauge(heldChanges, float64(byRule[rule]), string(rule))
	}
	removals, since := st.HeldRemovals()
	s.gauge(heldRemovals, float64(removals))
	s.gauge(heldRemovalsAge, age(since, now))
}

func (s sample) status(st *jobs.Status, now time.Time) {
	s.gauge(marks, float64(st.Marks))
	s.gauge(marksAge, age(st.Oldest, now))
	s.gauge(openIntents, float64(st.Open))
	s.gauge(lockHeld, one(st.Lock != nil))
	var since time.Time
	if st.Lock != nil {
		since = st.Lock.Since
	}
	s.gauge(lockAge, age(since, now))
}

// mostRoutes bounds the routes of a service: what comes after them, in the order of
// the alphabet, counts as other.
const mostRoutes = 40

func (s sample) api(a *API) {
	others := 0
	for i, key := range slices.Sorted(maps.Keys(a.Requests)) {
		method, route, ok := strings.Cut(key, " ")
		if !ok || i >= mostRoutes {
			others += a.Requests[key]
			continue
		}
		s.counter(requests, a.Requests[key], a.Name, method, route)
	}
	if others > 0 {
		s.counter(requests, others, a.Name, "other", "other")
	}
	s.counter(retries, a.Retries, a.Name)
	s.counter(throttled, a.Throttled, a.Name)
	s.gauge(atOnce, float64(a.AtOnce), a.Name)
	if a.PerSecond > 0 {
		s.gauge(learned, a.PerSecond, a.Name)
	}
	if a.Quota >= 0 {
		s.gauge(quotaLeft, float64(a.Quota), a.Name)
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// age is how long ago something was, in seconds; 0 when it never was, or is to come.
func age(since, now time.Time) float64 {
	if since.IsZero() || since.After(now) {
		return 0
	}
	return now.Sub(since).Seconds()
}
