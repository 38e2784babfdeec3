package reconcile

import (
	"fmt"
	"slices"
)

// Effects tells what a write did, as changes that can be taken back: those that it
// carried, with the id that came of it, and for an account that was adopted what
// was changed on it. Results other than Done and Uncertain had no effect.
func Effects(w Write, result, id string) []Change {
	if result != Done && result != Uncertain {
		return nil
	}
	var done []Change
	for _, c := range w.Changes {
		all := []Change{c}
		switch {
		case c.Op == OpCreate && w.Op == WriteUpdateUser:
			all = adopted(c, w.Before, w.Account)
		case c.Op == OpCreate:
			all[0].Account = id
		case c.Op == OpCreateGroup:
			all[0].GroupID = id
		}
		done = append(done, all...)
	}
	return done
}

// adopted says in changes what was done to an account that a create ran into.
func adopted(c Change, before, after Account) []Change {
	c.Account, c.Before, c.After = before.ID, &before, &after
	var done []Change
	for i := range accountFields {
		if f := &accountFields[i]; !f.same(&before, &after) {
			c.Op = f.op(&before, &after)
			done = append(done, c)
		}
	}
	return done
}

// accountField is one value of an account, taken back by itself.
type accountField struct {
	name string // for people
	ops  []Op   // that write it
	same func(a, b *Account) bool
	set  func(to, from *Account)
	show func(*Account) string
	op   func(before, after *Account) Op
}

func always(op Op) func(_, _ *Account) Op { return func(_, _ *Account) Op { return op } }

var accountFields = []accountField{
	{
		name: "e-mail", ops: []Op{OpRename}, op: always(OpRename),
		same: func(a, b *Account) bool { return Fold(a.UserName) == Fold(b.UserName) },
		set:  func(to, from *Account) { to.UserName = from.UserName },
		show: func(a *Account) string { return a.UserName },
	},
	{
		name: "role", ops: []Op{OpChangeRole}, op: always(OpChangeRole),
		same: func(a, b *Account) bool { return a.UserType == b.UserType },
		set:  func(to, from *Account) { to.UserType = from.UserType },
		show: func(a *Account) string { return string(a.UserType) },
	},
	{
		name: "name", ops: []Op{OpUpdateName}, op: always(OpUpdateName),
		same: func(a, b *Account) bool {
			return sameText(a.GivenName, b.GivenName) && sameText(a.FamilyName, b.FamilyName)
		},
		set:  func(to, from *Account) { to.GivenName, to.FamilyName = from.GivenName, from.FamilyName },
		show: func(a *Account) string { return a.GivenName + " " + a.FamilyName },
	},
	{
		name: "account", ops: []Op{OpCreate, OpReactivate, OpDeactivate},
		same: func(a, b *Account) bool { return a.Active == b.Active },
		set:  func(to, from *Account) { to.Active = from.Active },
		show: func(a *Account) string { return map[bool]string{true: "active", false: "inactive"}[a.Active] },
		op: func(_, after *Account) Op {
			if after.Active {
				return OpReactivate
			}
			return OpDeactivate
		},
	},
}

// Undo plans to take back what was done, given in the order in which it was done
// (see Effects), where Tomorro still has what was written; cause says on whose
// word. Several changes of one value are taken back in one. What was changed since
// stays, and is held with that reason; so is what nothing can take back: a deletion
// is final, and a created account stays, inactive.
//
// The plan does not follow from OneLogin, so that no receipt and no testimony is
// asked for. Everything else that Guard says applies to it.
func Undo(done []Change, current *Current, cause string) Plan {
	u := &undoer{
		current: current, cause: cause, byName: make(map[string]*Account), accounts: make(map[string]*undone),
		groups: make(map[string]*Group), members: make(map[[2]string][]Change), gone: make(map[string]bool),
	}
	u.plan.emptied = make(map[string][]string)
	u.plan.Receipt, u.plan.Target = Receipt{NotAsked: true}, current.Lists
	u.plan.Counts.tomorro(current)
	u.plan.knows(current.Groups)
	u.index()
	for i := range done {
		u.take(&done[i])
	}
	for i := range done {
		if done[i].Op == OpCreate && done[i].Account == "" {
			u.unknown(&done[i])
		}
	}
	u.rewind()
	u.addresses()
	for _, id := range u.order {
		u.person(u.accounts[id])
	}
	u.memberships()
	for i := range done {
		u.group(&done[i])
	}
	u.plan.occupant = u.byName
	u.plan.seal()
	return u.plan
}

type undoer struct {
	current  *Current
	cause    string
	plan     Plan
	byName   map[string]*Account // folded
	groups   map[string]*Group   // by id
	accounts map[string]*undone  // by id
	order    []string            // of accounts, as they come
	members  map[[2]string][]Change
	pairs    [][2]string     // of members, as they come: group, account
	gone     map[string]bool // groups that were made and deleted again
}

// undone is one account with what was done to it.
type undone struct {
	key  Key
	who  string
	done []Change
	now  *Account // nil when it is not there any more
	back Account  // as it shall be
	made bool     // by one of the changes
}

func (u *undoer) index() {
	for i := range u.current.Accounts {
		a := &u.current.Accounts[i]
		u.byName[Fold(a.UserName)] = a
		u.accounts[a.ID] = &undone{now: a, back: *a, who: a.UserName}
	}
	for i := range u.current.Groups {
		u.groups[u.current.Groups[i].ID] = &u.current.Groups[i]
	}
}

// take sorts one change to the account or membership that it is about.
func (u *undoer) take(c *Change) {
	switch c.Op {
	case OpAddMember, OpRemoveMember:
		pair := [2]string{c.GroupID, c.Account}
		if len(u.members[pair]) == 0 {
			u.pairs = append(u.pairs, pair)
		}
		u.members[pair] = append(u.members[pair], *c)
		return
	case OpCreateGroup:
		u.gone[c.GroupID] = true
		return
	case OpDeleteGroup:
		return
	}
	if c.Account == "" {
		return // see unknown
	}
	x := u.accounts[c.Account]
	if x == nil {
		x = &undone{who: c.Who}
		u.accounts[c.Account] = x
	}
	if len(x.done) == 0 {
		u.order = append(u.order, c.Account)
		x.key = c.Key
		u.plan.owner.set(c.Account, c.Key)
	}
	x.done = append(x.done, *c)
	x.made = x.made || c.Op == OpCreate
}

// unknown deals with a create of which nobody knows whether it made the account
// that is there now.
func (u *undoer) unknown(c *Change) {
	for i := range u.current.Accounts {
		a := &u.current.Accounts[i]
		if u.accounts[a.ID].made {
			continue // by another attempt, which was answered
		}
		if key, marked := ParseExternalID(a.ExternalID); marked && key == c.Key || Fold(a.UserName) == Fold(c.After.UserName) {
			u.hold(Change{Op: OpDeactivate, Key: c.Key, Account: a.ID, Who: a.UserName, Before: a},
				"the answer to its create was lost, so nobody knows whether the run made this account; deactivate it by hand if it did")
			return
		}
	}
}

func (u *undoer) hold(c Change, reason string) {
	c.Cause, c.Origin = u.cause, FromUndo
	u.plan.Held = append(u.plan.Held, Held{Change: c, Class: HoldData, Rule: RuleData, Reason: reason})
}

func (u *undoer) change(c Change) {
	c.Cause, c.Origin = u.cause, FromUndo
	u.plan.Changes = append(u.plan.Changes, c)
}

// images are what a change found and wrote. Before a create there was no access.
func images(c *Change) (before, after *Account) {
	if c.Op != OpCreate {
		return c.Before, c.After
	}
	none := *c.After
	none.Active = false
	return &none, c.After
}

// rewind goes back, for each account and value, from what is there now through
// what was written to what was there before.
func (u *undoer) rewind() {
	for _, id := range u.order {
		x := u.accounts[id]
		for i := range accountFields {
			if x.now != nil {
				u.rewindField(x, &accountFields[i])
			}
		}
	}
}

func (u *undoer) rewindField(x *undone, f *accountField) {
	var steps []step[*Account]
	for i := range x.done {
		if c := &x.done[i]; slices.Contains(f.ops, c.Op) {
			before, after := images(c)
			steps = append(steps, step[*Account]{before, after})
		}
	}
	back, broken := rewind(x.now, steps, f.same)
	f.set(&x.back, back)
	if broken == nil {
		return
	}
	wanted := *x.now
	f.set(&wanted, broken.before)
	reason := fmt.Sprintf("the %s is now %s; the run had written %s, so it was changed since, and stays", f.name, f.show(x.now), f.show(broken.after))
	if !f.same(back, x.now) {
		reason = fmt.Sprintf("the %s was %s before a later write; the run had written %s, so it was changed in between", f.name, f.show(back), f.show(broken.after))
	}
	u.hold(Change{Op: f.op(x.now, &wanted), Key: x.key, Account: x.now.ID, Who: x.now.UserName, Before: x.now, After: &wanted}, reason)
}

// step is one write of one value.
type step[T any] struct{ before, after T }

// rewind goes back from a value through the writes that led to it. It stops where
// somebody else wrote in between, or since; broken is the write of which nothing
// was left then. A write whose answer was lost and that had no effect looks the
// same: to leave a value is safe, to overwrite somebody's is not.
func rewind[T any](now T, steps []step[T], same func(a, b T) bool) (back T, broken *step[T]) {
	if len(steps) == 0 || same(now, steps[0].before) {
		return now, nil
	}
	back = now
	for _, s := range slices.Backward(steps) {
		if !same(back, s.after) {
			if same(back, steps[0].before) {
				return back, nil
			}
			return back, &s
		}
		back = s.before
	}
	return back, nil
}

// addresses leaves people the address they have where the former one is not free.
func (u *undoer) addresses() {
	wanted := make(map[string]int)
	for _, id := range u.order {
		if x := u.accounts[id]; x.moves() {
			wanted[Fold(x.back.UserName)]++
		}
	}
	taken := make(map[string]string)
	for _, id := range u.order {
		x := u.accounts[id]
		if !x.moves() {
			continue
		}
		if wanted[Fold(x.back.UserName)] > 1 {
			taken[id] = "several accounts had this address; rename one of them by hand"
		} else if reason := u.addressTaken(x); reason != "" {
			taken[id] = reason
		}
	}
	for _, id := range u.order {
		if reason := taken[id]; reason != "" {
			x := u.accounts[id]
			back := *x.now
			back.UserName = x.back.UserName
			u.hold(Change{Op: OpRename, Key: x.key, Account: id, Who: x.now.UserName, Before: x.now, After: &back}, reason)
			x.back.UserName = x.now.UserName
		}
	}
}

func (x *undone) moves() bool {
	return x.now != nil && Fold(x.back.UserName) != Fold(x.now.UserName)
}

// addressTaken follows a chain of accounts that make room for each other.
func (u *undoer) addressTaken(x *undone) string {
	target := Fold(x.back.UserName)
	for seen := map[string]bool{x.now.ID: true}; ; {
		there := u.byName[target]
		switch {
		case there == nil:
			return ""
		case seen[there.ID]:
			return "several people would have to swap addresses; rename one of them by hand first"
		case !u.accounts[there.ID].moves():
			return fmt.Sprintf("the address %s belongs to account %s now; rename that account by hand first", there.UserName, there.ID)
		}
		seen[there.ID] = true
		target = Fold(u.accounts[there.ID].back.UserName)
	}
}

// person adds what leads from the account as it is to what it shall be.
func (u *undoer) person(x *undone) {
	if x.now == nil {
		u.missing(x)
		return
	}
	c := Change{Key: x.key, Account: x.now.ID, Who: x.back.UserName, Before: x.now}
	for i := range accountFields {
		f := &accountFields[i]
		if f.same(x.now, &x.back) {
			continue
		}
		after := *x.now
		f.set(&after, &x.back)
		c.Op = f.op(x.now, &after)
		if c.Op == OpReactivate {
			after.UserType = x.back.UserType // who returns, returns as what they were
		}
		c.After = &after
		u.change(c)
		if x.made && c.Op == OpDeactivate {
			u.plan.Notes = append(u.plan.Notes, Note{Subject: c.Who, Text: "the account that the run made stays at Tomorro, inactive: nothing but a deletion takes it away"})
		}
	}
}

// missing says that an account is gone, unless it came and went.
func (u *undoer) missing(x *undone) {
	if x.made {
		return
	}
	last := &x.done[len(x.done)-1]
	before := *last.Before
	before.ID = ""
	reason := "the account is not at Tomorro any more"
	if last.Op == OpDelete {
		reason = "the account was deleted, which nothing can take back; a run makes a new one if OneLogin says so"
	}
	u.hold(Change{Op: OpCreate, Key: x.key, Who: x.who, After: &before}, reason)
}
