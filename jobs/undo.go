package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tomorro-sync/reconcile"
)

// UndoWhat says what is to be undone: a run, or what was done to one person, or
// both, which is what that run did to that person.
type UndoWhat struct {
	Run string
	// User is an e-mail, also a former one, or a OneLogin id. Without a run it
	// means the last run that wrote the person and was no undo.
	User string
	// AllRuns means whatever any run did to the user, undos included.
	AllRuns bool
}

// ErrNothingDone says that there is nothing to undo: no run wrote.
var ErrNothingDone = errors.New("no run has written")

// Undo makes one run that takes back what another did: lock, settle what is open, plan from
// the journal, approve, pin, write, report. See reconcile.Undo for what is taken back, and
// Reconcile for approve and the report. OneLogin is not asked. Whoever is changed is pinned
// first. The error wraps ErrNoRun, ErrNobody or ErrNothingDone when there is nothing to
// undo.
func (r *Runner) Undo(ctx context.Context, by Trigger, what UndoWhat, approve func(reconcile.Plan) (bool, error)) (Report, error) {
	if _, err := r.person(ctx, what); err != nil { // a wrong name is no run
		return Report{}, err
	}
	if what.Run != "" {
		if _, err := r.Reader.Entries(ctx, what.Run); err != nil {
			return Report{}, err
		}
	}
	return r.run(ctx, by, func(ctx context.Context, run *recorder) (prepared, error) { return r.prepareUndo(ctx, run, by, what) }, approve)
}

// person gives who is meant; nil is everybody.
func (r *Runner) person(ctx context.Context, what UndoWhat) (*Person, error) {
	if what.User == "" {
		return nil, nil
	}
	return FindPerson(ctx, r.Reader, what.User)
}

// prepareUndo reads Tomorro, settles what is open, and then the journal, which has
// those outcomes as well.
func (r *Runner) prepareUndo(ctx context.Context, run *recorder, by Trigger, what UndoWhat) (prepared, error) {
	p, err := r.observedTarget(ctx, run)
	if err != nil {
		return p, err
	}
	done, cause, err := r.done(ctx, what)
	if err != nil {
		return p, err
	}
	if err := r.unseen(ctx, done, &p.seen.current); err != nil {
		return p, err
	}
	policy := r.policy(&p.seen)
	policy.Adoption.Owners = p.seen.owners()
	p.plan = reconcile.Guard(reconcile.Undo(done, &p.seen.current, cause), &policy)
	p.pins = make(map[reconcile.Key]Pin)
	for i := range p.plan.Changes {
		if key := p.plan.Changes[i].Key; key != 0 {
			p.pins[key] = Pin{Run: run.id, By: by.Who, At: r.now()}
		}
	}
	return p, nil
}

// owners are whose each account is, as far as that is known without OneLogin: by what
// somebody said, by its mark, or by what is remembered of one person alone.
func (o *observation) owners() map[string]reconcile.Key {
	owners, several := make(map[string]reconcile.Key), make(map[string]bool)
	for key, account := range o.links {
		several[account] = owners[account] != 0
		owners[account] = key
	}
	maps.DeleteFunc(owners, func(account string, _ reconcile.Key) bool { return several[account] })
	for i := range o.current.Accounts {
		if key, marked := reconcile.ParseExternalID(o.current.Accounts[i].ExternalID); marked {
			owners[o.current.Accounts[i].ID] = key
		}
	}
	maps.Copy(owners, o.known().Owners)
	return owners
}

// unseen reads what was changed and is not in the list of accounts, which may have the
// active ones only.
func (r *Runner) unseen(ctx context.Context, done []reconcile.Change, current *reconcile.Current) error {
	if r.Accounts == nil {
		return nil
	}
	known := map[string]bool{"": true}
	for i := range current.Accounts {
		known[current.Accounts[i].ID] = true
	}
	for i := range done {
		id := done[i].Account
		if known[id] {
			continue
		}
		known[id] = true
		a, err := r.Accounts.ReadAccount(ctx, id)
		switch {
		case err == nil:
			current.Accounts = append(current.Accounts, a)
		case !errors.Is(err, reconcile.ErrGone):
			return &readError{ServiceTomorro, err}
		}
	}
	return nil
}

// done gives what is to be undone, in the order in which it was done, and says so
// in words.
func (r *Runner) done(ctx context.Context, what UndoWhat) ([]reconcile.Change, string, error) {
	person, err := r.person(ctx, what)
	if err != nil {
		return nil, "", err
	}
	j := &effects{history: History{Person: person}, writes: make(map[string]*Entry), results: make(map[*Entry]Entry)}
	if what.Run != "" {
		err = r.readRun(ctx, what.Run, j)
	} else {
		err = r.Reader.Scan(ctx, time.Time{}, func(e Entry) bool { j.take(e); return true })
	}
	if err != nil {
		return nil, "", err
	}
	switch {
	case what.Run != "":
		if len(j.runs) == 0 && what.User != "" {
			return nil, "", fmt.Errorf("%w %s in run %s", ErrNothingDone, what.User, what.Run)
		}
		return j.of(what.Run), "undo of run " + what.Run, nil
	case what.AllRuns && len(j.runs) > 0:
		return j.of(j.runs...), fmt.Sprintf("undo of all runs, %d in number", len(j.runs)), nil
	}
	if last := j.last(); last != "" {
		return j.of(last), "undo of run " + last, nil
	}
	return nil, "", fmt.Errorf("%w %s", ErrNothingDone, what.User)
}

// readRun takes a run's entries, and what a later one settled of it.
func (r *Runner) readRun(ctx context.Context, run string, j *effects) error {
	entries, err := r.Reader.Entries(ctx, run)
	for _, e := range entries {
		j.take(e)
	}
	return err
}

// effects collects what runs did from their entries, given in order. Outcomes
// tell, and they may come after those of later runs: what counts is the order in
// which the writes were sent.
type effects struct {
	history History
	writes  map[string]*Entry // by id
	order   []*Entry          // the same
	results map[*Entry]Entry
	runs    []string // that did anything, in order
}

func (j *effects) take(e Entry) {
	e, ok := j.history.Take(e)
	switch {
	case !ok:
	case e.Kind == EntryIntent && e.Write != nil:
		j.writes[e.ID] = &e
		j.order = append(j.order, &e)
	case e.Kind == EntryOutcome && j.writes[e.Intent] != nil:
		intent := j.writes[e.Intent]
		j.results[intent] = e
		if len(j.effectsOf(intent)) > 0 && !slices.Contains(j.runs, intent.Run) {
			j.runs = append(j.runs, intent.Run)
		}
	}
}

// effectsOf is what one write did; nothing as long as it has no outcome.
func (j *effects) effectsOf(intent *Entry) []reconcile.Change {
	outcome := j.results[intent]
	return reconcile.Effects(*intent.Write, outcome.Result, outcome.Target)
}

// of gives what these runs did.
func (j *effects) of(runs ...string) []reconcile.Change {
	var done []reconcile.Change
	for _, intent := range j.order {
		if slices.Contains(runs, intent.Run) {
			done = append(done, j.effectsOf(intent)...)
		}
	}
	return done
}

// last is the last run that did anything and was no undo.
func (j *effects) last() string {
	for _, intent := range slices.Backward(j.order) {
		if slices.ContainsFunc(j.effectsOf(intent), func(c reconcile.Change) bool { return c.Origin != reconcile.FromUndo }) {
			return intent.Run
		}
	}
	return ""
}
