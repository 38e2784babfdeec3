package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// long is a Tomorro whose lists take minutes: it has many accounts, and may be asked
// little.
type long struct {
	jobs.Target
	takes time.Duration
}

func (l long) Read(ctx context.Context) (reconcile.Current, error) {
	if at, bounded := ctx.Deadline(); bounded && time.Until(at) < l.takes {
		return reconcile.Current{}, context.DeadlineExceeded
	}
	return l.Target.Read(ctx)
}

// TestPushAtALongTomorro: however long it takes to read all of Tomorro, which a look does
// first, somebody is looked at after that.
func TestPushAtALongTomorro(t *testing.T) {
	tn := newTown(t, 1)
	tn.rush = true
	store := open(t, miniredis.RunT(t).Addr())
	p := tn.replica("replica", store, func(p *jobs.Pushes) {
		p.Runner.Target, p.Idle = long{p.Runner.Target, 10 * time.Minute}, time.Hour
	})
	if l := one(t, p, jobs.Asked{What: "create", UserName: "p1@x.io", Want: jobs.WantIn}); l.Err != nil || !l.Account.Active {
		t.Errorf("%+v", l)
	}
}
