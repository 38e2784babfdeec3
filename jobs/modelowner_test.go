package jobs_test

import (
	"slices"

	"tomorro-sync/reconcile"
)

// knownOwner is whose an account is: by what somebody said, by mark, by what is remembered.
func (w *world) knownOwner(a *reconcile.Account) (owner reconcile.Key, known bool) {
	adoption, err := w.store.Adoption(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	d, decided := adoption.Decided[a.ID]
	if d.Key != 0 {
		return d.Key, true
	}
	if key, marked := reconcile.ParseExternalID(a.ExternalID); marked {
		return key, true
	}
	links, err := w.store.Links(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for key, account := range links {
		if account == a.ID {
			return key, true
		}
	}
	if decided { // nobody's; a mark is newer, as what had one could not be decided about
		return 0, true
	}
	if w.fresh[a.ID] { // a look stores at its end whose the accounts are that it made
		return w.human[a.ID], true
	}
	return 0, false
}

// remembers notes whose accounts are remembered when something begins that writes, which may
// learn more of them. What it gives takes that back.
func (w *world) remembers() func() {
	was := w.linked
	links, err := w.store.Links(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.linked = links
	return func() { w.linked = was }
}

// ownerOf is whose an account is, by its address where nothing else says so: of several with
// that address, of whoever has no account yet.
func (w *world) ownerOf(c *reconcile.Current, id string) reconcile.Key {
	a := accountOf(c, id)
	if a == nil {
		return 0
	}
	if owner, known := w.knownOwner(a); known {
		return owner
	}
	var first reconcile.Key
	for _, p := range w.d.People {
		if reconcile.Fold(p.Email) != reconcile.Fold(a.UserName) {
			continue
		}
		if first == 0 {
			first = p.Key
		}
		if !slices.ContainsFunc(c.Accounts, func(x reconcile.Account) bool { owner, _ := w.knownOwner(&x); return owner == p.Key }) {
			return p.Key
		}
	}
	return first
}

// tookBack reports whether an undo takes back what was written for a person to an account that
// nothing but its address said was theirs: it does not ask OneLogin whose address that is now.
func (w *world) tookBack(c *reconcile.Change, before *reconcile.Current) bool {
	a := accountOf(before, c.Account)
	if w.actor != "undo" || a == nil || !w.wrote[written{c.Account, c.Key}] {
		return false
	}
	_, known := w.knownOwner(a)
	return !known
}

// disputed reports whether mark and memory call an account different people's, or either says
// that its owner has another one, and nobody has decided about it: nobody may touch it. A copy
// of a mark on an inactive account that Tomorro does not list is there for nobody to see.
func (w *world) disputed(c *reconcile.Current, id string) bool {
	a := accountOf(c, id)
	adoption, err := w.store.Adoption(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if d := adoption.Decided[id]; a == nil || d.Key != 0 {
		return false
	}
	links, err := w.store.Links(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	owner, marked := reconcile.ParseExternalID(a.ExternalID)
	for key, account := range links {
		if account == id && marked && key != owner {
			return true
		}
	}
	return marked && slices.ContainsFunc(c.Accounts, func(x reconcile.Account) bool {
		other, _ := reconcile.ParseExternalID(x.ExternalID)
		if d := adoption.Decided[x.ID]; d.Key != 0 && d.Key != owner {
			return false // somebody said whose that is
		}
		return x.ID != id && (x.Active || !w.activeOnly) && (other == owner || links[owner] == x.ID)
	})
}
