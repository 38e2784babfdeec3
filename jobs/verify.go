package jobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tomorro-sync/reconcile"
)

// GroupReader is a Target that can read its groups without its accounts, which
// costs less.
type GroupReader interface {
	// ReadGroups gives the groups as Read does. Accounts may be left out.
	ReadGroups(ctx context.Context) (reconcile.Current, error)
}

// Ignored remembers what Tomorro confirmed and did not keep, so that it is not written
// every night.
type Ignored interface {
	// Ignore stores the sightings of some effects and forgets others. It fails like
	// Journal.Append.
	Ignore(ctx context.Context, lease Lease, remember map[string]Sighting, forget []string) error
	// Newer gives those of the subjects that another run wrote, or began to write,
	// after a position.
	Newer(ctx context.Context, run string, position int64, subjects []string) ([]string, error)
}

// Sighting tells in how many runs in a row Tomorro did not keep something, and when
// it last did not.
type Sighting struct {
	Times int
	Last  time.Time
}

// NotKept is one line of a report: what Tomorro confirmed and did not keep.
type NotKept struct {
	Op    reconcile.Op  `json:"op"` // what would make it so
	Key   reconcile.Key `json:"key,omitempty"`
	Who   string        `json:"who,omitempty"`
	Group string        `json:"group,omitempty"`
	Sent  string        `json:"sent"`
	There string        `json:"there"`
	// Access says that somebody has more than they should because of it. That, and
	// what gives an account back its access, is sent and reported in each run; the
	// rest is held after two.
	Access bool `json:"access,omitempty"`
}

// String says it in one line.
func (n *NotKept) String() string {
	subject := n.Who
	switch {
	case n.Who != "" && n.Group != "":
		subject += " in group " + n.Group
	case n.Group != "":
		subject = "group " + n.Group
	}
	text := fmt.Sprintf("%s: Tomorro confirmed %s and did not keep it: sent %s, there is %s",
		subject, strings.ReplaceAll(string(n.Op), "_", " "), n.Sent, n.There)
	if n.Access {
		text += "; they keep access they should not have: take it away at Tomorro by hand"
	}
	if n.Op == reconcile.OpReactivate || n.Op == reconcile.OpCreate {
		text += "; they have no access: look whether Tomorro has a seat left"
	}
	return text
}

// verifier makes a run's writes and looks at what became of them. To Apply it is
// the recorder.
type verifier struct {
	*recorder
	r *Runner
	p *prepared

	mu      sync.Mutex
	back    reconcile.ReadBack  // what Tomorro confirmed
	stopped []reconcile.NotKept // why the canary kept the rest from being sent
}

// Outcome implements reconcile.Recorder.
func (v *verifier) Outcome(ctx context.Context, ticket string, o reconcile.Outcome) error {
	if v.r.ReadBack || v.back.Doubt {
		v.mu.Lock()
		v.back.Heard(&o)
		v.mu.Unlock()
	}
	return v.recorder.Outcome(ctx, ticket, o)
}

// apply makes the plan's changes, those of a few people first.
func (v *verifier) apply(ctx context.Context) (reconcile.Result, error) {
	r := v.r
	return reconcile.Apply(ctx, v.p.plan, r.Target, v, reconcile.ApplyOptions{
		Concurrency: queued(cmp.Or(r.Concurrency, 8)), MembersPerWrite: r.MembersPerWrite, Grace: cmp.Or(r.Grace, 20*time.Second), Progress: r.Progress,
		Within: v.within(), Canary: r.Canary, Check: v.check, OwnerOf: r.ownerOf,
	})
}

// queued is how many writes are on their way for n at once at Tomorro, which bounds them
// itself: the answers of some are taken up while n are sent. One at a time stays one at a
// time.
func queued(n int) int { return n + n/4 }

// check reads Tomorro after the first people's changes. Here the service's answers
// are not taken for it: a canary is there for what nobody expects.
func (v *verifier) check(ctx context.Context) error {
	now, err := v.r.Target.Read(ctx)
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	found, err := v.ours(ctx, v.back.Compare(&now, &now))
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if len(found) == 0 {
		v.back.Trust()
		return nil
	}
	v.stopped = found
	return fmt.Errorf("of their changes, Tomorro did not keep %d", len(found))
}

// readBack puts into the report what Tomorro confirmed and did not keep, and
// remembers it. What cannot be read is said in the report: the writes were made.
func (v *verifier) readBack(ctx context.Context, report *Report) {
	if ctx.Err() != nil || report.Exit == ExitError {
		return
	}
	found, err := v.stopped, error(nil)
	if found == nil && v.r.ReadBack {
		found, err = v.look(ctx)
	}
	for i := range found {
		n := &found[i]
		report.Drift = without(report.Drift, &n.Change) // that is Tomorro's own doing
		report.Ignored = append(report.Ignored, NotKept{Op: n.Change.Op, Key: n.Change.Key, Who: n.Change.Who, Group: n.Change.Group,
			Sent: n.Sent, There: n.There, Access: n.KeepsAccess()})
		if n.KeepsAccess() || n.LacksAccess() {
			report.Exit = ExitFailed
		}
	}
	if err != nil {
		report.Unread = fmt.Sprintf("what was written could not be read back: %v", err)
	} else if err := v.remember(ctx, found); err != nil {
		report.Unread = fmt.Sprintf("what Tomorro did not keep could not be remembered, and is sent again by the next run: %v", err)
	}
}

// look reads what the service's answers do not show, and compares.
func (v *verifier) look(ctx context.Context) ([]reconcile.NotKept, error) {
	accounts, groups := v.back.Needs()
	var read, seen *reconcile.Current
	reader, able := v.r.Target.(GroupReader)
	switch {
	case accounts || groups && !able:
		now, err := v.r.Target.Read(ctx)
		if err != nil {
			return nil, err
		}
		read, seen = &now, &now
	case groups:
		now, err := reader.ReadGroups(ctx)
		if err != nil {
			return nil, err
		}
		seen = &now
	}
	return v.ours(ctx, v.back.Compare(read, seen))
}

// ours leaves out what somebody else wrote since the run looked: what is there now
// is theirs.
func (v *verifier) ours(ctx context.Context, found []reconcile.NotKept) ([]reconcile.NotKept, error) {
	if len(found) == 0 || v.r.Ignored == nil {
		return found, nil
	}
	subjects := make([]string, 0, len(found))
	for i := range found {
		subjects = append(subjects, Subject(&found[i].Change))
	}
	slices.Sort(subjects)
	newer, err := v.r.Ignored.Newer(ctx, v.id, v.position, slices.Compact(subjects))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(n reconcile.NotKept) bool { return slices.Contains(newer, Subject(&n.Change)) }), nil
}

// remember keeps the next run from writing it all again, and forgets, when
// everybody was looked at, what no plan asks for any more.
func (v *verifier) remember(ctx context.Context, found []reconcile.NotKept) error {
	if v.r.Ignored == nil || len(found) == 0 && len(v.p.seen.ignored) == 0 {
		return nil
	}
	current, remember := make(map[string]bool), make(map[string]Sighting)
	for i := range found {
		effect := found[i].Change.Effect()
		current[effect] = true
		remember[effect] = Sighting{Times: v.p.seen.ignored[effect].Times + 1, Last: v.r.now()}
	}
	for i := range v.p.plan.Held {
		if h := &v.p.plan.Held[i]; h.Rule == reconcile.RuleIgnored {
			current[h.Effect()] = true
		}
	}
	var forget []string
	for effect := range v.p.seen.ignored {
		if v.p.full && !current[effect] {
			forget = append(forget, effect)
		}
	}
	if len(remember)+len(forget) == 0 {
		return nil
	}
	return v.r.Ignored.Ignore(ctx, v.lease, remember, forget)
}

// certain is in how many runs in a row something must not be kept until that is
// more than one answer that went wrong on its way.
const certain = 2

// notAgain are those that are not to be sent again yet.
func notAgain(ignored map[string]Sighting, now time.Time) map[string]time.Time {
	held := make(map[string]time.Time)
	for effect, s := range ignored {
		if s.Times >= certain && now.Sub(s.Last) < reconcile.IgnoredDays*24*time.Hour {
			held[effect] = s.Last
		}
	}
	return held
}
