package jobs_test

import (
	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

// byHandAt makes one write at Tomorro that nobody here knows of.
func (w *world) byHandAt(x reconcile.Write) string {
	w.memory.Fail = nil
	done, err := w.memory.Write(w.ctx, x)
	w.t.Logf("by hand: %s %s %+v +%v -%v: %v", x.Op, x.GroupID, x.Account, x.Add, x.Remove, err)
	return done.ID
}

// mark wipes an account's mark by hand, or writes another there: somebody else's, or that of
// nobody whom OneLogin knows.
func (w *world) mark() {
	c, _ := w.Read(w.ctx)
	if len(c.Accounts) == 0 {
		return
	}
	w.allMoved = true
	a, b := c.Accounts[w.pick("account", len(c.Accounts))], c.Accounts[w.pick("other", len(c.Accounts))]
	a.ExternalID = rapid.SampledFrom([]string{"", b.ExternalID, reconcile.ExternalID(999), "of another program"}).Draw(w.t, "mark")
	w.byHandAt(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a})
}
