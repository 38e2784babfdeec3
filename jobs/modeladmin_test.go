package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// disturbed does something while OneLogin or Tomorro fail, or until the process dies.
func (w *world) disturbed(act func()) {
	w.whom = w.pick("meanwhile", 8)
	switch w.pick("trouble", 7) {
	case 6:
		at := w.pick("at", 4)
		w.meanwhile = func() {
			if at--; at == -1 {
				w.pushMeanwhile()
			}
		}
	case 0:
		w.failing = true
	case 1:
		for range 3 {
			w.faults = append(w.faults, reconciletest.Fault(w.pick("fault", 5)))
		}
	case 2:
		w.dies = 1 + w.pick("dies", 4)
	}
	act()
	if w.store.dead.Load() {
		w.server.Del("tomorro-sync:{default}:lock")
		w.store.dead.Store(false)
		w.t.Logf("the process was killed")
	}
	w.failing, w.faults, w.dies, w.actor, w.meanwhile = false, nil, 0, "", nil
	clear(w.loose)
	clear(w.late)
}

func (w *world) run(only string) jobs.Report {
	defer w.remembers()()
	r := w.runner()
	r.User = only
	w.actor, w.only, w.met = "run", nil, false
	if only != "" {
		w.only = w.called(only)
	}
	w.t.Logf("run %s", only)
	var plan reconcile.Plan
	report, err := r.Reconcile(w.ctx, jobs.Trigger{By: "test"}, func(p reconcile.Plan) (bool, error) { plan = p; return true, nil })
	w.ended(&report, err)
	w.outlive(only, &plan)
	held := 0
	for _, n := range report.Held {
		held += n
	}
	if err == nil && only == "" && held == 0 && report.Exit == jobs.ExitDone && len(report.Incomplete) == 0 && !w.store.dead.Load() && w.meanwhile == nil && !w.met {
		clear(w.moved)
		w.allMoved = false
	}
	return report
}

// outlive holds that a rejection ends with a run that looked at everybody and does not come
// to the change any more, and with no other.
func (w *world) outlive(only string, plan *reconcile.Plan) {
	decisions, err := w.store.Store.Decisions(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	planned := make(map[string]bool)
	for i := range plan.Changes {
		planned[plan.Changes[i].Digest()] = true
	}
	for i := range plan.Held {
		planned[plan.Held[i].Digest()] = true
	}
	for digest := range w.rejected {
		if _, stands := decisions[digest]; stands {
			continue
		}
		if planned[digest] || only != "" || w.failing {
			w.t.Errorf("what was rejected is forgotten by a run that comes to it, or cannot know: %s", digest)
		}
		delete(w.rejected, digest)
	}
}

func (w *world) ended(report *jobs.Report, err error) {
	if err != nil && !errors.Is(err, errKilled) && !errors.Is(err, reconcile.ErrRefused) && !errors.Is(err, jobs.ErrUnknown) && !errors.Is(err, context.Canceled) {
		w.t.Fatalf("%v", err)
	}
	if report.Run != "" {
		w.runs = append(w.runs, report.Run)
	}
	w.t.Logf("   did %v, held %v, failed %v, exit %d", report.Done, report.Held, report.Failed, report.Exit)
}

// answer approves or rejects something that is held, or part of it.
func (w *world) answer() {
	book, err := jobs.ReadHolds(w.ctx, w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	decisions, err := w.store.Decisions(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	holds := book.Open(decisions, w.policy.FourEyes, w.now())
	if len(holds) == 0 {
		return
	}
	h := holds[w.pick("hold", len(holds))]
	word := jobs.Word{Who: rapid.SampledFrom([]string{"ann", "bob"}).Draw(w.t, "who"), Approves: h.Approvable && w.pick("approves", 3) > 0, For: stands}
	if w.pick("only", 3) == 0 {
		word.Only = []string{h.Changes[0].Key.String()}
	}
	w.say(holds, &h, word)
}

func (w *world) say(holds []jobs.Hold, h *jobs.Hold, word jobs.Word) {
	said, err := jobs.Answer(w.ctx, w.store, holds, h.ID, word, w.now())
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range said.Changes {
		digest := said.Changes[i].Digest()
		delete(w.rejected, digest)
		if word.Approves {
			w.approves(digest, word.Who)
		} else {
			delete(w.approved, digest)
			w.rejected[digest] = true
		}
		w.t.Logf("%v by "+word.Who+": %s of %s %s, held by %s", word.Approves, said.Changes[i].Op, said.Changes[i].Who, said.Changes[i].Group, h.Rule)
	}
}

// undo takes back a run, or the last that was done to somebody.
func (w *world) undo() {
	what := jobs.UndoWhat{}
	if len(w.runs) > 0 && w.pick("what", 2) == 0 {
		what.Run = w.runs[w.pick("run", len(w.runs))]
	} else if p := w.somebody(); p != nil {
		what.User, what.AllRuns = p.Key.String(), w.pick("all", 2) == 0
	}
	if what == (jobs.UndoWhat{}) {
		return
	}
	w.actor, w.allMoved = "undo", true
	w.t.Logf("undo %+v", what)
	report, err := w.runner().Undo(w.ctx, jobs.Trigger{By: "undo", Who: "ann"}, what, func(p reconcile.Plan) (bool, error) {
		for _, c := range p.Changes {
			w.pinned[c.Key] = true
		}
		return true, nil
	})
	w.actor = ""
	if errors.Is(err, jobs.ErrNobody) || errors.Is(err, jobs.ErrNothingDone) || errors.Is(err, jobs.ErrNoRun) {
		return
	}
	w.ended(&report, err)
}

func (w *world) release() {
	keys, err := jobs.Release(w.ctx, w.store, jobs.Trigger{By: "test"}, "", w.now())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("released %v", keys)
	clear(w.pinned)
	w.allMoved = true
}

// adopt decides about an account, or ends the adoption.
func (w *world) adopt() {
	w.allMoved = true
	by := jobs.Trigger{By: "test", Who: "ann"}
	switch n := w.pick("adopt", 4); n {
	case 0:
		if err := jobs.AdoptDone(w.ctx, w.store, by, w.now()); err != nil {
			w.t.Fatal(err)
		}
		w.t.Logf("adopt done")
	default:
		s, err := w.runner().Survey(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		p := w.somebody()
		if p == nil || len(s.Current.Accounts) == 0 {
			return
		}
		a := s.Current.Accounts[w.pick("account", len(s.Current.Accounts))]
		switch n {
		case 1:
			if err = jobs.AdoptMatch(w.ctx, w.store, by, &s, a.ID, p.Key.String(), w.now()); err == nil {
				w.swapped = w.swapped || w.human[a.ID] != p.Key
				w.human[a.ID] = p.Key
			}
		case 2:
			if err = jobs.AdoptForeign(w.ctx, w.store, by, &s, a.ID, w.now()); err == nil {
				w.human[a.ID] = 0
			}
		case 3:
			err = jobs.AdoptForget(w.ctx, w.store, by, &s, a.ID, w.now())
		}
		w.t.Logf("adopt %d %s %s: %v", n, a.ID, p.Key, err)
	}
}

func (w *world) verify() {
	v, err := w.store.Verify(w.ctx)
	if err != nil || len(v.Broken) > 0 {
		w.t.Fatalf("the journal was changed: %+v %v", v, err)
	}
}

// erase takes somebody's values out of what is stored: by id, and by each e-mail, as who was
// erased before may be named since. Where their account or address is or was somebody else's
// too (swapped), the journal cannot tell whose the values are that it has under the other's
// id, and an erasure of the one must not take the other's history: those stay, and erase by
// e-mail names both people.
func (w *world) erase() {
	p := w.somebody()
	if p == nil || !w.eraseAs(p.Key.String()) {
		return
	}
	for _, address := range []string{"p%d@x.io", "q%d-0@x.io", "q%d-1@x.io", "q%d-2@x.io"} {
		if !w.swapped {
			w.eraseAs(fmt.Sprintf(address, p.Key))
		}
	}
	w.t.Logf("erased %s", p.Key)
	for _, value := range []string{fmt.Sprintf("p%d@x.io", p.Key), fmt.Sprintf("q%d-", p.Key), "Family" + p.Key.String() + "\""} {
		err := w.store.Scan(w.ctx, time.Time{}, func(e jobs.Entry) bool {
			text, _ := json.Marshal(e)
			if !w.swapped && strings.Contains(string(text), value) {
				w.t.Errorf("%s is still in %s", value, text)
			}
			return true
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if dump := w.server.Dump(); !w.swapped && strings.Contains(dump, value) {
			i := strings.Index(dump, value)
			w.t.Errorf("%s is still in Redis: %s", value, dump[max(0, i-300):min(len(dump), i+100)])
		}
	}
}

// eraseAs erases whom a name means, and reports whether that is anybody.
func (w *world) eraseAs(name string) bool {
	who, err := jobs.FindPerson(w.ctx, w.store, name)
	if errors.Is(err, jobs.ErrNobody) {
		who, err = jobs.Mentioned(w.ctx, w.store, name)
	}
	if errors.Is(err, jobs.ErrNobody) {
		return false
	}
	if err == nil {
		if err := w.store.Forget(w.ctx, who.Subjects()); err != nil {
			w.t.Logf("not forgotten: %v", err)
			return false
		}
		_, err = w.store.Erase(w.ctx, who.Eraser(), jobs.Entry{Kind: jobs.EntryErase, Time: w.now()})
	}
	if errors.Is(err, jobs.ErrStillOpen) {
		w.t.Logf("not erased: %v", err)
		return false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return true
}

// migrate makes memberships what the rules give, and perhaps takes that back.
func (w *world) migrate() {
	before, _ := w.Read(w.ctx)
	w.actor, w.allMoved = "migrate", true
	w.t.Logf("migrate")
	report, err := w.runner().Regroup(w.ctx, jobs.Trigger{By: "test", Who: "ann"}, yes)
	w.ended(&report, err)
	if err != nil || w.pick("back", 2) == 0 {
		return
	}
	w.actor, w.wentBack = "back", true
	w.t.Logf("back")
	report, err = w.runner().RegroupTo(w.ctx, jobs.Trigger{By: "test", Who: "ann"}, before.Groups, yes)
	w.ended(&report, err)
}

// forgetByHand ends what was set by hand for somebody.
func (w *world) forgetByHand() {
	all, err := w.store.Assertions(w.ctx)
	if err != nil || len(all) == 0 {
		return
	}
	a := all[w.pick("assertion", len(all))]
	if err := w.store.EndAssertions(w.ctx, []reconcile.Assertion{a}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("forgot %+v", a)
	w.allMoved = true
	delete(w.byHand, [2]string{a.Account, a.Group})
}

// inherits remembers whose account the default substitute is, also once it has another
// address.
func (w *world) inherits(c *reconcile.Current) {
	w.heir = ""
	for _, a := range c.Accounts {
		if reconcile.Fold(a.UserName) == reconcile.Fold(w.policy.DefaultSubstitute) {
			w.heir = a.ID
		}
	}
}
