package jobs_test

import (
	"slices"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// undoAtOnce makes a run and takes it back: everything is as it was, as far as nothing is
// held and nothing was deleted. The same undo has nothing to do then, and an undo of the undo
// brings back what the run had made.
func (w *world) undoAtOnce() {
	before, _ := w.Read(w.ctx)
	ran := w.run("")
	if ran.Run == "" || ran.Done[reconcile.OpDelete] > 0 || ran.Done[reconcile.OpDeleteGroup] > 0 {
		return
	}
	ranTo, _ := w.Read(w.ctx)
	w.inherits(&ranTo) // the run may have given its address to the default substitute
	undone, all := w.takeBack(ran.Run)
	if !all {
		return
	}
	w.asBefore("undone", &before)
	switch w.pick("again", 3) {
	case 0:
		if again, _ := w.takeBack(ran.Run); len(again.Done) > 0 {
			w.t.Errorf("undone twice, the second did %v", again.Done)
		}
		w.asBefore("undone twice", &before)
	case 1:
		if undone.Done[reconcile.OpDeleteGroup] > 0 {
			return // which nothing brings back
		}
		back, _ := w.Read(w.ctx)
		w.inherits(&back)
		if _, all := w.takeBack(undone.Run); all && undone.Run != "" {
			w.asBefore("with its undo undone", &ranTo)
		}
	}
}

// takeBack undoes a run, and reports whether that was all of it.
func (w *world) takeBack(run string) (report jobs.Report, all bool) {
	w.actor, w.allMoved = "undo", true
	w.t.Logf("undo at once %s", run)
	report, err := w.runner().Undo(w.ctx, jobs.Trigger{By: "undo", Who: "ann"}, jobs.UndoWhat{Run: run}, func(p reconcile.Plan) (bool, error) {
		all = len(p.Held) == 0
		for _, c := range p.Changes {
			w.pinned[c.Key] = true
		}
		return true, nil
	})
	w.actor = ""
	w.ended(&report, err)
	return report, all && report.Exit == jobs.ExitDone
}

// asBefore holds that Tomorro is as it was, but for marks and for accounts that were made.
func (w *world) asBefore(what string, before *reconcile.Current) {
	after, _ := w.Read(w.ctx)
	for _, a := range after.Accounts {
		was := accountOf(before, a.ID)
		if was == nil {
			if a.Active {
				w.t.Errorf("%s, %+v was made and is not taken back", what, a)
			}
			continue
		}
		a.ExternalID = was.ExternalID
		if a != *was {
			w.t.Errorf("%s, %+v is not as it was: %+v", what, a, *was)
		}
	}
	for _, g := range after.Groups {
		i := slices.IndexFunc(before.Groups, func(x reconcile.Group) bool { return x.ID == g.ID })
		if i < 0 || !slices.Equal(g.Members, before.Groups[i].Members) {
			w.t.Errorf("%s, group %+v is not as it was: %+v", what, g, before.Groups)
		}
	}
}
