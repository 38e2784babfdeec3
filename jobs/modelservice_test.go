package jobs_test

import (
	"context"
	"slices"

	"tomorro-sync/reconcile"
)

// service is Tomorro as it shows itself: the world knows all that it has.
type service struct{ *world }

// tomorro decides what kind of service it is.
func (w *world) tomorro() {
	w.activeOnly = w.pick("lists", 4) == 0
	if w.pick("marks", 4) == 0 {
		w.memory.Ignore = func(x *reconcile.Write, before reconcile.Account) { x.Account.ExternalID = before.ExternalID }
	}
	w.t.Logf("Tomorro lists only who is active: %v, keeps no marks: %v", w.activeOnly, w.memory.Ignore != nil)
}

// Read lists the accounts, or only the active ones.
func (s service) Read(ctx context.Context) (reconcile.Current, error) {
	c, err := s.world.Read(ctx)
	if s.activeOnly {
		c.Accounts = slices.DeleteFunc(c.Accounts, func(a reconcile.Account) bool { return !a.Active })
		c.Lists[0].Items, c.Lists[0].Total = len(c.Accounts), len(c.Accounts)
	}
	return c, err
}

// occupied reports whether an inactive account has an address that another one is to get, at
// a Tomorro that does not list it, or an account has it that waits for such an address. No
// plan can know that: each run asks for the address, is refused, and says so with exit 3,
// until somebody renames the one or the other.
func (w *world) occupied(c *reconcile.Current, name, account string) bool {
	if !w.activeOnly {
		return false
	}
	for range c.Accounts { // as long as such a chain may be
		i := slices.IndexFunc(c.Accounts, func(a reconcile.Account) bool {
			return a.ID != account && reconcile.Fold(a.UserName) == reconcile.Fold(name)
		})
		if i < 0 || !c.Accounts[i].Active {
			return i >= 0
		}
		account = c.Accounts[i].ID
		p := w.person(w.ownerOf(c, account))
		if p == nil {
			return false
		}
		name = p.Email
	}
	return false
}
