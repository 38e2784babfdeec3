package jobs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

var errFull = errors.New("full")

// without is a journal that takes no entry of one kind.
type without struct {
	jobs.Journal
	kind jobs.EntryKind
}

func (w without) Append(ctx context.Context, l jobs.Lease, entries ...jobs.Entry) ([]string, error) {
	if slices.ContainsFunc(entries, func(e jobs.Entry) bool { return e.Kind == w.kind }) {
		return nil, errFull
	}
	return w.Journal.Append(ctx, l, entries...)
}

// pinless takes no pin, and unbegun remembers no adoption.
type (
	pins    = jobs.Pins // a field of its own name would hide its method
	pinless struct{ pins }
	unbegun struct{ jobs.Adoptions }
)

func (pinless) Pin(context.Context, jobs.Lease, map[reconcile.Key]jobs.Pin) error { return errFull }

func (unbegun) SetAdoption(context.Context, jobs.AdoptionPhase) error { return errFull }

// TestNothingIsWrittenBefore: a run whose beginning, whose pins or whose adoption is not
// remembered writes nothing: the next one would do what this one was to keep from being done.
func TestNothingIsWrittenBefore(t *testing.T) {
	for name, breaks := range map[string]func(*rig){
		"begin entry": func(r *rig) { r.runner.Journal = without{r.store, jobs.EntryBegin} },
		"pin entry":   func(r *rig) { r.runner.Journal = without{r.store, jobs.EntryPin} },
		"pins":        func(r *rig) { r.runner.Pins = pinless{r.store} },
		"adopt entry": func(r *rig) { r.runner.Adoptions, r.runner.Journal = r.store, without{r.store, jobs.EntryAdopt} },
		"adoption":    func(r *rig) { r.runner.Adoptions = unbegun{r.store} },
	} {
		r := undoRig(t)
		made := reconcile.Write{Op: reconcile.WriteCreateUser, Account: reconcile.Account{UserName: "ann@x.io", UserType: reconcile.Viewer, Active: true}}
		if _, err := r.memory.Write(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		undo := strings.HasPrefix(name, "pin")
		var first jobs.Report
		if undo {
			first = r.reconcile(t)
		}
		writes := len(r.memory.Writes())
		breaks(r)
		var err error
		if undo {
			_, err = r.runner.Undo(t.Context(), byAnn, jobs.UndoWhat{Run: first.Run}, yes)
		} else {
			_, err = r.runner.Reconcile(t.Context(), byAnn, yes)
		}
		if !errors.Is(err, errFull) || len(r.memory.Writes()) != writes {
			t.Errorf("%s: %v, and %d writes", name, err, len(r.memory.Writes())-writes)
		}
	}
}

// TestOutcomesThatAreNotStored: a run of whose writes the journal does not say what became
// makes no more of them.
func TestOutcomesThatAreNotStored(t *testing.T) {
	r := newRig(t)
	r.runner.Ledger, r.runner.Concurrency = &dying{Ledger: r.store}, 1
	_, err := r.runner.Reconcile(t.Context(), byAnn, yes)
	if writes := len(r.memory.Writes()); err == nil || writes > 2 { // an intent may have been on its way
		t.Errorf("%v, and %d writes", err, writes)
	}
}

// marked has somebody marked for another look.
func (r *rig) marked(t *testing.T, subject string) {
	t.Helper()
	if _, err := r.store.Mark(t.Context(), time.Hour, []jobs.Wanted{{Subject: subject}}); err != nil {
		t.Fatal(err)
	}
}

// TestRunOfOnePerson: it does nothing to others, and they stay marked.
func TestRunOfOnePerson(t *testing.T) {
	r := newRig(t)
	r.marked(t, "2")
	r.runner.User = "Ann@x.io"
	if report := r.reconcile(t); report.Done[reconcile.OpCreate] != 1 || len(r.memory.Writes()) != 1 {
		t.Errorf("%+v", report)
	}
	awaitMarks(t, r.store, 1)
	r.runner.User = "nobody@x.io"
	if _, err := r.runner.Reconcile(t.Context(), byAnn, yes); !errors.Is(err, jobs.ErrUnknown) || len(r.memory.Writes()) != 1 {
		t.Errorf("%v", err)
	}
	r.source.d.People = r.source.d.People[1:]
	r.runner.User = "ann@x.io" // whom only Tomorro knows now
	if report := r.reconcile(t); report.Done[reconcile.OpDeactivate] != 1 || len(r.memory.Writes()) != 2 {
		t.Errorf("%+v", report)
	}
	r.runner.User = ""
	r.reconcile(t)
	awaitMarks(t, r.store, 0)
}

// TestFailedRunLeavesMarks: whom a run that was stopped may not have come to stays marked.
func TestFailedRunLeavesMarks(t *testing.T) {
	r := newRig(t)
	r.marked(t, "2")
	r.memory.Fail = func(reconcile.Write) reconciletest.Fault { return reconciletest.Forbids }
	if report, err := r.runner.Reconcile(t.Context(), byAnn, yes); err == nil || report.Exit != jobs.ExitError {
		t.Fatalf("%+v %v", report, err)
	}
	awaitMarks(t, r.store, 1)
}

// markless is a Tomorro that keeps no externalId.
type markless struct{ jobs.Target }

func (m markless) Read(ctx context.Context) (reconcile.Current, error) {
	c, err := m.Target.Read(ctx)
	c.Accounts = slices.Clone(c.Accounts)
	for i := range c.Accounts {
		c.Accounts[i].ExternalID = ""
	}
	return c, err
}

// TestAccountsOfARunThatDied: whose account it made keeps that account, also when OneLogin
// has another e-mail of them by then.
func TestAccountsOfARunThatDied(t *testing.T) {
	r := newRig(t)
	r.runner.Target, r.runner.Concurrency, r.runner.Ledger = markless{r.memory}, 1, &dying{Ledger: r.store}
	r.source.d.People = r.source.d.People[:1]
	if _, err := r.runner.Reconcile(t.Context(), byAnn, yes); err == nil || len(r.memory.Writes()) != 1 {
		t.Fatal(err)
	}
	r.runner.Ledger = r.store
	r.source.d.People[0].Email = "ann.ray@x.io"
	if report := r.reconcile(t); len(report.Settled) != 1 || report.Done[reconcile.OpRename] != 1 || len(report.Planned) != 1 {
		t.Errorf("%+v", report)
	}
}
