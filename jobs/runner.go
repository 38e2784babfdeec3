package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// Runner makes runs for one connection. Source, Target and Policy are required;
// Plan needs nothing else, Reconcile needs all four stores.
type Runner struct {
	Source Source
	Target Target
	Policy reconcile.Policy

	Locker  Locker
	Journal Journal
	Links   Links // also read by Plan when it is there
	Budget  Budget

	User            string // the e-mail of the one person to look at; empty for all
	Holder          string // how others see who holds the lock; default host and process
	Concurrency     int    // writes at once; default 8
	MembersPerWrite int    // default 100
	Progress        func(done, total int)
	Now             func() time.Time // default time.Now
}

// Plan reads both sides and decides what a run would do. It writes nothing.
func (r *Runner) Plan(ctx context.Context) (reconcile.Plan, error) {
	directory, current, links, spent, err := r.observe(ctx)
	if err != nil {
		return reconcile.Plan{}, err
	}
	policy := r.Policy
	policy.Spent = spent
	plan := reconcile.Decide(reconcile.Input{Directory: &directory, Current: &current, Links: links, Policy: &policy})
	if r.User != "" {
		if plan = plan.Only(r.User); !known(&directory, &current, r.User) {
			return plan, fmt.Errorf("neither OneLogin nor Tomorro knows %s; check the spelling", r.User)
		}
	}
	// What the guard holds anyway need not be asked for: on the day OneLogin loses
	// half of its people, that is half of its people.
	plan = reconcile.Guard(plan, &policy)
	if keys := plan.ToConfirm(); len(keys) > 0 {
		plan = reconcile.Guard(reconcile.Confirm(plan, r.Source.Witness(ctx, keys), &policy), &policy)
	}
	if ctx.Err() != nil {
		return plan, context.Cause(ctx)
	}
	return plan, nil
}

// Reconcile makes one run: lock, plan, approve, write, report. approve sees the
// plan before anything is written, also when there is nothing to write; false
// ends the run without one. A report without a Run is one of a run that was
// declined. The error is about the run as a whole; failed changes are in the
// report.
func (r *Runner) Reconcile(ctx context.Context, by Trigger, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	var report Report
	err := r.Locker.Do(ctx, r.holder(), func(ctx context.Context, lease Lease) error {
		run := newRecorder(r, lease, newRunID(r.now()))
		defer run.close()
		started := r.now()
		plan, err := r.Plan(ctx)
		if err != nil {
			return errors.Join(err, run.failed(ctx, by, started, err))
		}
		if yes, err := approve(plan); err != nil || !yes {
			return err
		}
		if err := run.begin(ctx, by, &plan); err != nil {
			return err
		}
		result, err := reconcile.Apply(ctx, plan, r.Target, run, reconcile.ApplyOptions{
			Concurrency: cmp.Or(r.Concurrency, 8), MembersPerWrite: r.MembersPerWrite, Progress: r.Progress,
		})
		report = newReport(run.id, by, &plan, &result, err)
		report.Started, report.Finished = started, r.now()
		return errors.Join(err, run.end(ctx, &report))
	})
	return report, err
}

// observe reads both sides, and what is remembered, at the same time.
func (r *Runner) observe(ctx context.Context) (d reconcile.Directory, c reconcile.Current, links map[reconcile.Key]string, spent map[reconcile.Limit]int, err error) {
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	p.Go(func(ctx context.Context) (err error) {
		if d, err = r.Source.Pull(ctx); err != nil {
			return fmt.Errorf("reading OneLogin: %w", err)
		}
		return nil
	})
	p.Go(func(ctx context.Context) (err error) {
		if c, err = r.Target.Read(ctx); err != nil {
			return fmt.Errorf("reading Tomorro: %w", err)
		}
		return nil
	})
	p.Go(func(ctx context.Context) (err error) {
		if r.Links == nil {
			return nil
		}
		links, err = r.Links.Links(ctx)
		return err
	})
	p.Go(func(ctx context.Context) (err error) {
		if r.Budget == nil {
			return nil
		}
		spent, err = r.Budget.Spent(ctx, r.now().Add(-r.Policy.Limits.Window))
		return err
	})
	err = p.Wait()
	return d, c, links, spent, err
}

func known(d *reconcile.Directory, c *reconcile.Current, email string) bool {
	name := reconcile.Fold(email)
	for i := range d.People {
		if reconcile.Fold(d.People[i].Email) == name {
			return true
		}
	}
	for i := range c.Accounts {
		if reconcile.Fold(c.Accounts[i].UserName) == name {
			return true
		}
	}
	return false
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Runner) holder() string {
	if r.Holder != "" {
		return r.Holder
	}
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}

// newRunID names a run so that names sort by time and never collide.
func newRunID(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(b[:])
}
