package jobs_test

import (
	"context"
	"slices"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// push has somebody looked at, as OneLogin's provisioner does.
func (w *world) push() {
	p := w.somebody()
	if p == nil {
		return
	}
	a := jobs.Asked{What: "replace", UserName: p.Email}
	c, _ := w.Read(w.ctx)
	for _, x := range c.Accounts {
		if w.human[x.ID] == p.Key {
			a.Account, a.UserName = x.ID, ""
		}
	}
	if len(c.Accounts) > 0 && w.pick("another", 5) == 0 { // OneLogin may remember an account that is somebody else's by now
		a.Account, a.UserName = c.Accounts[w.pick("account", len(c.Accounts))].ID, ""
		w.look(a)
		return
	}
	if a.Account != "" && w.pick("by hand", 3) == 0 {
		off := w.pick("off", 2) == 0
		w.moved[p.Key] = true
		a.What, a.Groups = "members", []reconcile.Assertion{{Group: "g-3", Off: off}}
		w.byHand[[2]string{a.Account, "g-3"}] = !off
		delete(w.fuzzy, [2]string{a.Account, "g-3"})
	}
	w.look(a)
}

// pushMeanwhile changes somebody at OneLogin, which pushes it, in the middle of what is
// being done. Whoever is being written at that moment is as OneLogin said before.
func (w *world) pushMeanwhile() {
	if len(w.d.People) == 0 {
		return
	}
	actor, meanwhile := w.actor, w.meanwhile
	w.meanwhile = nil
	w.d.People = slices.Clone(w.d.People)
	p := &w.d.People[w.whom%len(w.d.People)]
	p.Assigned, p.Title = !p.Assigned, "manager"
	w.moved[p.Key], w.late[p.Key] = true, true
	w.t.Logf("OneLogin meanwhile: %d is %s assigned %v %q", p.Key, p.Email, p.Assigned, p.Title)
	key := p.Key
	if l := w.look(jobs.Asked{What: "replace", UserName: p.Email}); l.Err != nil || l.Late {
		w.loose[key] = true
	}
	w.actor, w.meanwhile = actor, meanwhile
}

// pass has somebody looked at for no other reason than that OneLogin reported a change.
func (w *world) pass() {
	p := w.somebody()
	if p == nil {
		return
	}
	snapshot, err := w.store.Snapshot(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(snapshot.Marks) > 0 {
		return // they may be due as well
	}
	if _, err := w.store.Mark(w.ctx, 0, []jobs.Wanted{{Subject: jobs.UpdatedSubject(p.Key)}}); err != nil {
		w.t.Fatal(err)
	}
	w.actor, w.meanwhile = "pass", nil // writes of a look come side by side
	w.t.Logf("pass %s", p.Key)
	clear(w.returned)
	w.serve(func(*jobs.Pushes) {
		for range 100 {
			time.Sleep(time.Millisecond)
			if s, err := w.store.Snapshot(w.ctx); err != nil || len(s.Marks) == 0 || s.Marks[0].Tries+s.Marks[0].Looks > 0 || w.store.dead.Load() {
				return
			}
		}
	})
}

// look makes a replica for one push, which takes up marks as well.
func (w *world) look(a jobs.Asked) (l jobs.Looked) {
	w.actor = "push"
	w.t.Logf("push %+v", a)
	w.serve(func(q *jobs.Pushes) { l = q.Look(w.ctx, a)[0] })
	w.t.Logf("   %+v", l)
	return l
}

// serve makes a replica for as long as something takes.
func (w *world) serve(act func(*jobs.Pushes)) {
	defer w.remembers()()
	q := &jobs.Pushes{Runner: w.runner(), Looker: w, Accounts: service{w}, Queue: w.store, Idle: time.Hour, Retry: time.Minute, Deadline: 2 * time.Second}
	q.Open()
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() { defer close(done); q.Serve(ctx) }()
	act(q)
	cancel()
	<-done
}
