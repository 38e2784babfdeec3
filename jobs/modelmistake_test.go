package jobs_test

import (
	"fmt"
	"strings"

	"tomorro-sync/reconcile"
)

// mistaken is what OneLogin says by mistake: that two people have one address, or that nobody
// has a title, or the app, or a role.
func (w *world) mistaken() {
	p := w.somebody()
	if p == nil {
		return
	}
	n := w.pick("mistake", 5)
	if n < 2 {
		q := w.somebody()
		w.moved[p.Key], w.swapped = true, true
		p.Email = q.Email
		w.t.Logf("OneLogin: %d has the address of %d, %s", p.Key, q.Key, q.Email)
		return
	}
	w.allMoved = true
	for i := range w.d.People {
		switch p := &w.d.People[i]; n {
		case 2:
			p.Title = ""
		case 3:
			p.Assigned = false
		case 4:
			p.Roles = nil
		}
	}
	w.t.Logf("OneLogin: nobody has a title (2), the app (3) or a role (4): %d", n)
}

// called are the people whom a run for an address may be about: who has it on either side.
func (w *world) called(address string) map[reconcile.Key]bool {
	keys := make(map[reconcile.Key]bool)
	c, _ := w.Read(w.ctx)
	for _, p := range w.d.People {
		if reconcile.Fold(p.Email) == reconcile.Fold(address) {
			keys[p.Key] = true
		}
	}
	for _, a := range c.Accounts {
		if reconcile.Fold(a.UserName) == reconcile.Fold(address) {
			keys[w.ownerOf(&c, a.ID)] = true
		}
	}
	return keys
}

// runFor makes a run for one address: somebody's, that of an account, or one that somebody had.
func (w *world) runFor() {
	c, _ := w.Read(w.ctx)
	var names []string
	for _, p := range w.d.People {
		names = append(names, p.Email, strings.ToUpper(p.Email), fmt.Sprintf("p%d@x.io", p.Key))
	}
	for _, a := range c.Accounts {
		names = append(names, a.UserName)
	}
	if len(names) > 0 {
		w.run(names[w.pick("name", len(names))])
	}
}
