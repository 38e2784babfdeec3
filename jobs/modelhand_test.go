package jobs_test

import (
	"fmt"
	"slices"
	"strings"

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
	was := a.ExternalID
	a.ExternalID = rapid.SampledFrom([]string{"", b.ExternalID, reconcile.ExternalID(999), "of another program"}).Draw(w.t, "mark")
	if _, marks := reconcile.ParseExternalID(a.ExternalID); marks && a.ExternalID != was {
		w.swapped = true
	}
	w.byHandAt(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a})
}

// readdress gives an account another address by hand: a person's of OneLogin, in another case
// or not, a new one, or that of another account, which gets its own.
func (w *world) readdress() {
	c, _ := w.Read(w.ctx)
	p := w.somebody()
	if len(c.Accounts) == 0 || p == nil {
		return
	}
	w.allMoved, w.swapped = true, true
	a, b := c.Accounts[w.pick("account", len(c.Accounts))], c.Accounts[w.pick("other", len(c.Accounts))]
	was := a.UserName
	update := func(x reconcile.Account, name string) {
		x.UserName = name
		w.byHandAt(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: x})
	}
	switch w.pick("address", 4) {
	case 0:
		update(a, p.Email)
	case 1:
		update(a, strings.ToUpper(p.Email))
	case 2:
		update(a, fmt.Sprintf("other%d@x.io", w.pick("new", 3)))
	case 3:
		update(a, "between@x.io")
		update(b, was)
		update(a, b.UserName)
	}
}

// group makes a group by hand, perhaps a second one of a name, or deletes one.
func (w *world) group() {
	w.allMoved = true
	c, _ := w.Read(w.ctx)
	if len(c.Groups) == 0 || w.pick("makes", 2) == 0 {
		id := w.byHandAt(reconcile.Write{Op: reconcile.WriteCreateGroup, Group: rapid.SampledFrom([]string{"legal", "Sales", "ours", "else"}).Draw(w.t, "called")})
		w.foreign[id] = true
		return
	}
	g := c.Groups[w.pick("group", len(c.Groups))]
	w.byHandAt(reconcile.Write{Op: reconcile.WriteDeleteGroup, GroupID: g.ID})
	w.t.Logf("by hand: %s %s is deleted", g.ID, g.Name)
}

// judgeGroup holds that groups are made where a rule gives them and nobody has made them, and
// deleted where this program made them, nobody is in them and no rule gives them.
func (w *world) judgeGroup(write *reconcile.Write, c *reconcile.Change, before *reconcile.Current, bad func(string)) {
	if c.Op == reconcile.OpCreateGroup {
		there := slices.ContainsFunc(before.Groups, func(g reconcile.Group) bool { return reconcile.Fold(g.Name) == reconcile.Fold(write.Group) })
		if !w.policy.CreateGroups || there || !w.named(&reconcile.Group{Name: write.Group}) {
			bad("is not to be made")
		}
		return
	}
	i := slices.IndexFunc(before.Groups, func(g reconcile.Group) bool { return g.ID == write.GroupID })
	if i < 0 {
		return
	}
	if g := &before.Groups[i]; !w.policy.DeleteGroups || !g.Ours || len(g.Members) > 0 || w.named(g) {
		bad("is not to be deleted")
	}
}
