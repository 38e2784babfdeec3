package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"tomorro-sync/reconcile"
)

// Runner makes runs for one connection. Source, Target and Policy are required;
// Plan needs nothing else, Reconcile needs all that remembers.
type Runner struct {
	Source Source
	Target Target
	Policy reconcile.Policy
	// Accounts is asked whether Tomorro's list leaves out what it has; optional.
	Accounts AccountReader

	Locker  Locker
	Journal Journal
	Reader  JournalReader // of the same journal; for Undo
	Ledger  Ledger
	Marks   Marks
	Links   Links // also read by Plan when it is there
	// Recaller and Experience are read by Plan as well; nil: nothing was spent, nobody
	// decided anything, and nothing was learned.
	Recaller   Recaller
	Pins       Pins // to pin; for Undo
	Experience Experience
	Ignored    Ignored    // remembers what Tomorro did not keep; optional
	Adoptions  Adoptions  // opens an adoption; without them none begins
	Assertions Assertions // forgets groups set by hand that say nothing any more; optional
	Decisions  Decisions  // forgets decisions about changes that no run comes to any more; optional

	User            string // the e-mail of the one person to look at; empty for all
	Holder          string // how others see who holds the lock; default host and process
	Concurrency     int    // writes that Tomorro can have at once, as Target bounds them; default 8
	MembersPerWrite int    // default 100
	// Canary is how many people's changes are made and read back before the rest is
	// sent; 0 sends all at once.
	Canary int
	// ReadBack looks, after a run that wrote, whether what was written is there.
	ReadBack bool
	// Grace is how long requests under way may still take when a run is asked to
	// stop; default 20 s.
	Grace    time.Duration
	Seals    Sealer        // of the journal; nil when it is not sealed
	Keep     time.Duration // how long the journal is kept; 0 for ever
	KeepRuns int           // of these, how many runs whatever their age
	Progress func(done, total int)
	Log      *slog.Logger     // of each run's beginning and end, with its id; default none
	Now      func() time.Time // default time.Now
}

// Plan reads both sides and decides what a run would do. It writes nothing.
func (r *Runner) Plan(ctx context.Context) (reconcile.Plan, error) {
	seen, err := r.observe(ctx)
	if err != nil {
		return reconcile.Plan{}, err
	}
	plan, _, err := r.decide(ctx, &seen)
	return plan, err
}

// Compare tells what another policy would do differently with what both sides have
// now. It writes nothing.
func (r *Runner) Compare(ctx context.Context, former reconcile.Policy) (reconcile.Comparison, error) {
	seen, err := r.observe(ctx)
	if err != nil {
		return reconcile.Comparison{}, err
	}
	return reconcile.Compare(seen.input(&r.Policy), &former), nil
}

// Explain makes the plan that Plan makes, after whatIf has changed what OneLogin said, and
// tells why that plan does what it does about one person. It writes nothing. The error
// wraps ErrUnknown when neither side knows them.
func (r *Runner) Explain(ctx context.Context, who string, whatIf func(*reconcile.Directory) error) ([]reconcile.Explanation, error) {
	seen, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	if err := whatIf(&seen.directory); err != nil {
		return nil, err
	}
	plan, _, err := r.decide(ctx, &seen)
	if err != nil {
		return nil, err
	}
	in := seen.input(&r.Policy)
	all := reconcile.NewExplainer(in, plan).About(who)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w %s", ErrUnknown, who)
	}
	return all, nil
}

// ErrUnknown marks somebody whom neither side knows.
var ErrUnknown = errors.New("neither OneLogin nor Tomorro knows")

// impersonal is an error as the journal and the log have it. The name of somebody whom
// neither side knows is in it alone: no id leads to it, by which it could be erased.
func impersonal(err error) error {
	if errors.Is(err, ErrUnknown) {
		return fmt.Errorf("%w who was asked for", ErrUnknown)
	}
	return err
}

// decide makes the plan, and once more with the accounts that come to light because of it.
func (r *Runner) decide(ctx context.Context, seen *observation) (reconcile.Plan, []reconcile.Testimony, error) {
	for {
		plan, said, err := r.planned(ctx, seen)
		if err != nil {
			return plan, said, err
		}
		hidden, err := r.unlisted(ctx, seen, &plan)
		if err != nil || len(hidden) == 0 {
			return plan, said, err
		}
		seen.current.Accounts = append(seen.current.Accounts, hidden...)
	}
}

func (r *Runner) planned(ctx context.Context, seen *observation) (reconcile.Plan, []reconcile.Testimony, error) {
	policy := r.policy(seen)
	plan := reconcile.Decide(seen.input(&policy))
	if r.User != "" {
		if plan = plan.Only(r.User); !known(&seen.directory, &seen.current, r.User) {
			return plan, nil, fmt.Errorf("%w %s", ErrUnknown, r.User)
		}
	}
	// What the guard holds anyway need not be asked for: on the day OneLogin loses
	// half of its people, that is half of its people.
	plan = reconcile.Guard(plan, &policy)
	var said []reconcile.Testimony
	if keys := plan.ToConfirm(); len(keys) > 0 {
		said = r.Source.Witness(ctx, keys)
		plan = reconcile.Guard(reconcile.Confirm(plan, said, &policy), &policy)
	}
	if ctx.Err() != nil {
		return plan, said, context.Cause(ctx)
	}
	return plan, said, nil
}

// policy is the configured one with what is remembered.
func (r *Runner) policy(seen *observation) reconcile.Policy {
	policy := r.Policy
	policy.Spent, policy.Pulls, policy.Pinned, policy.Ignored = seen.spent, seen.pulls, seen.pinned, notAgain(seen.ignored, r.now())
	policy.Adoption = seen.known()
	policy.Decisions = make(map[string]reconcile.Decision)
	for digest, d := range seen.decisions {
		if d.Until.IsZero() || r.now().Before(d.Until) {
			policy.Decisions[digest] = d
		}
	}
	return policy
}

// Reconcile makes one run: lock, settle what a dead run left open, plan, approve, write,
// report. approve sees the plan before anything is written, also when there is nothing to
// write; false ends the run before anything is written, and the report then has no Run. The
// error is about the run as a whole; failed changes are in the report.
func (r *Runner) Reconcile(ctx context.Context, by Trigger, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	return r.run(ctx, by, r.prepare, approve)
}

// prepared is a plan with what it follows from.
type prepared struct {
	seen    observation
	plan    reconcile.Plan
	said    []reconcile.Testimony // what OneLogin answered about people to be removed
	settled []SettledIntent
	pins    map[reconcile.Key]Pin // whom to pin before anything is written
	full    bool                  // it looked at everybody, as a run of one person or an undo does not
}

// run makes one run of whatever plan is prepared under the lock.
func (r *Runner) run(ctx context.Context, by Trigger, prepare func(context.Context, *recorder) (prepared, error), approve func(reconcile.Plan) (bool, error)) (Report, error) {
	var report Report
	err := r.Locker.Do(ctx, r.holder(), func(ctx context.Context, lease Lease) error {
		run := newRecorder(r, lease, newRunID(r.now()))
		defer run.close()
		started := r.now()
		log := r.log().With("run", run.id)
		log.Info("run begins", "by", by.By, "fence", lease.Fence)
		p, yes, err := r.agree(ctx, run, func(ctx context.Context) (prepared, error) {
			p, err := prepare(ctx, run)
			if err != nil {
				told := impersonal(err)
				log.Error("run ends without a plan", "error", told)
				err = errors.Join(err, run.failed(ctx, by, started, told))
			}
			return p, err
		}, approve)
		if err != nil || !yes {
			return err
		}
		if err := run.begin(ctx, by, &p); err != nil {
			return err
		}
		if err := run.pin(ctx, by, p.pins); err != nil {
			return err
		}
		if err := run.open(ctx, by, &p.seen); err != nil {
			return err
		}
		v := &verifier{recorder: run, r: r, p: &p, back: reconcile.ReadBack{Doubt: r.Canary > 0}}
		result, err := v.apply(ctx)
		report = newReport(run.id, by, &p.plan, &result, err)
		v.readBack(ctx, &report)
		report.Reverted = r.reverted(ctx, &report)
		report.Settled, report.Started, report.Finished = p.settled, started, r.now()
		report.log(log)
		err = errors.Join(err, run.end(ctx, &report))
		if ended := r.endAssertions(ctx, &p.plan, &result); ended != nil {
			log.Warn("groups set by hand that say nothing any more are still remembered; the next run forgets them", "error", ended)
		}
		if err := r.learn(ctx, lease, &report, &p, &result); err != nil {
			log.Warn("what the run saw is not remembered; the next run tells origins by what was known before", "error", err)
		}
		if tidied := r.tidy(ctx, &report, &p); tidied != nil {
			log.Warn("what the run made superfluous is still kept; the next run forgets it", "error", tidied)
		}
		return err
	})
	return report, err
}

// youngPlan is how old a plan may be when it is said yes to. Whether those whom it removes have
// left was asked before.
const youngPlan = time.Minute

// agree asks with a plan. A yes that took longer is one to what was: both sides are read
// once more, and when other changes follow from that, it is asked again.
func (r *Runner) agree(ctx context.Context, run *recorder, prepare func(context.Context) (prepared, error), approve func(reconcile.Plan) (bool, error)) (p prepared, yes bool, err error) {
	for {
		before := p
		if p, err = prepare(ctx); err != nil {
			return p, false, err
		}
		p.settled = append(before.settled, p.settled...)
		run.bound(&p.plan)
		if yes && before.plan.SameChanges(&p.plan) {
			return p, true, nil
		}
		asked := r.now()
		if yes, err = approve(p.plan); err != nil || !yes || r.now().Sub(asked) < youngPlan {
			return p, yes, err
		}
	}
}

// prepare reads both sides, settles what is open, and decides.
func (r *Runner) prepare(ctx context.Context, run *recorder) (prepared, error) {
	p, err := r.observed(ctx, run)
	if err != nil {
		return p, err
	}
	p.full = r.User == ""
	p.plan, p.said, err = r.decide(ctx, &p.seen)
	// The plan has what it needs of both sides, which are large.
	p.seen.directory, p.seen.current = reconcile.Directory{}, reconcile.Current{}
	return p, err
}

// observed reads both sides, and settles what is open.
func (r *Runner) observed(ctx context.Context, run *recorder) (p prepared, err error) {
	if p.seen, err = r.observe(ctx); err != nil {
		return p, err
	}
	run.position = p.seen.snapshot.Position
	p.settled, err = r.settle(ctx, run.id, &p.seen)
	return p, err
}

// observedTarget reads Tomorro and what is remembered, and settles what is open, for runs
// that do not ask OneLogin.
func (r *Runner) observedTarget(ctx context.Context, run *recorder) (p prepared, err error) {
	if p.seen.snapshot, err = r.Ledger.Snapshot(ctx); err != nil {
		return p, err
	}
	run.position = p.seen.snapshot.Position
	if p.seen.current, err = r.Target.Read(ctx); err != nil {
		return p, fmt.Errorf("reading Tomorro: %w", err)
	}
	if err := r.recall(ctx, &p.seen); err != nil {
		return p, err
	}
	p.settled, err = r.settle(ctx, run.id, &p.seen)
	return p, err
}

// tidy forgets, after a run that looked at everybody, the marks from before it,
// and what the journal need not keep.
func (r *Runner) tidy(ctx context.Context, report *Report, p *prepared) error {
	if err := r.seal(ctx); err != nil {
		return err
	}
	if report.Exit == ExitError || !p.full {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := r.Marks.Unmark(ctx, report.Run, p.seen.snapshot); err != nil {
		return err
	}
	if err := r.outlive(ctx, report.Run, p); err != nil {
		return err
	}
	return r.Journal.Trim(ctx, r.Keep, r.KeepRuns)
}

// seal closes what the run wrote into the journal.
func (r *Runner) seal(ctx context.Context) error {
	if r.Seals == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sealTimeout)
	defer cancel()
	return r.Seals.Seal(ctx)
}

// sealTimeout bounds how long a run takes to read back what it wrote.
const sealTimeout = 30 * time.Second

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

func (r *Runner) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
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
