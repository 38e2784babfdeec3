package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sources/onelogin"
)

// outlook is what a run that makes a plan would ask of both services, and the least time
// that takes: at the latency that was measured while the plan was made.
type outlook struct {
	reconcile.Forecast
	ReadingSeconds float64 `json:"readingSeconds"`
	WritingSeconds float64 `json:"writingSeconds"`
	// Quota is OneLogin's before the run; absent when it did not say. Counts says that
	// the run's calls count against it.
	Quota  *reconcile.Quota `json:"quota,omitempty"`
	Counts bool             `json:"countsAgainstQuota"`
}

// newOutlook takes the settings of the client of Tomorro as they are, with what a probe found.
func newOutlook(ctx context.Context, c *config, source *onelogin.Client, target *tomorro.Client, to tomorro.Config, plan *reconcile.Plan) *outlook {
	f := reconcile.NewForecast(plan, reconcile.ForecastOptions{MembersPerWrite: c.Tomorro.MembersPerRequest, Canary: c.Apply.Canary, ReadBack: c.Apply.ReadBack,
		MembersByPut: to.MemberRemoval == tomorro.RemoveByPut, PageSize: to.PageSize, Bulk: to.Bulk})
	asked := reconcile.Speed{Concurrency: c.OneLogin.Concurrency, PerSecond: c.OneLogin.PerSecond, Latency: source.Stats().Latency}
	written := reconcile.Speed{Concurrency: c.Tomorro.Concurrency, PerSecond: c.Tomorro.PerSecond, Latency: target.Stats().Latency}
	o := &outlook{Forecast: f, ReadingSeconds: f.Reading(asked, written).Seconds(), WritingSeconds: f.Writing(written).Seconds(), Counts: c.OneLogin.Quota == "all"}
	if q, err := source.Quota(ctx); err == nil { // else OneLogin does not say it to these credentials
		o.Quota = &q
	}
	return o
}

// requests prints the outlook.
func (v *planView) requests(o *outlook) {
	if o == nil {
		return
	}
	v.heading("requests of a run")
	f := &o.Forecast
	text := reconcile.Number(f.OneLogin.Total)
	if n := f.OneLogin.Confirmations; n > 0 {
		text += fmt.Sprintf(", %s of them to ask once more for those to be removed", reconcile.Number(n))
	}
	v.paragraph("  OneLogin  ", text+o.quotaText(), "")
	writes := fmt.Sprintf("%s, %s of them writes", reconcile.Number(f.Tomorro.Total), reconcile.Number(f.Tomorro.Edits))
	if n := f.Tomorro.Bulk; n > 0 {
		writes = fmt.Sprintf("%s or more, with %s in %s of them", reconcile.Number(f.Tomorro.Total), words.Count(f.Tomorro.Edits, "write", "writes"), reconcile.Number(n))
	}
	v.paragraph("  Tomorro   ", writes, "")
	v.paragraph("  time      ", "at least "+short(o.ReadingSeconds)+" to read and "+short(o.WritingSeconds)+" to write, as fast as both answered just now", "")
}

func short(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Millisecond).String()
}

// quotaText says what is left of the quota, before and after.
func (o *outlook) quotaText() string {
	q := o.Quota
	switch {
	case q == nil:
		return ""
	case !o.Counts:
		return fmt.Sprintf("; %s of %s calls are left this hour, against which these do not count", reconcile.Number(q.Left), reconcile.Number(q.Limit))
	case !q.Fits(o.OneLogin.Total):
		return fmt.Sprintf("; %s of %s calls are left this hour, of which %s are for others: too few until %s", reconcile.Number(q.Left), reconcile.Number(q.Limit), reconcile.Number(q.Reserve), q.Reset.Local().Format("15:04"))
	}
	return fmt.Sprintf("; %s of %s calls are left this hour, and %s after it", reconcile.Number(q.Left), reconcile.Number(q.Limit), reconcile.Number(q.Left-o.OneLogin.Total))
}

func isQuota(err error) bool {
	_, is := errors.AsType[*reconcile.QuotaError](err)
	return is
}
