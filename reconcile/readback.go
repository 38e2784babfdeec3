package reconcile

import (
	"cmp"
	"fmt"
	"slices"
)

// NotKept is something that Tomorro confirmed and that is not there afterwards.
type NotKept struct {
	// Change is what would make it so, and what the next plan asks for again: from
	// what is there to what was sent.
	Change Change
	Sent   string // in words
	There  string
}

// KeepsAccess reports whether somebody has more than they should because of it:
// such a change is made and reported in each run, and never becomes quiet.
func (n *NotKept) KeepsAccess() bool { return keepsAccess(&n.Change) }

func keepsAccess(c *Change) bool {
	switch c.Op {
	case OpDeactivate, OpRemoveMember:
		return true
	case OpDelete:
		return c.Before != nil && c.Before.Active
	}
	return losesAdmin(c)
}

// Effect names what a change does and to whom, and nothing else of the person: it
// is another one as soon as the value before or after is.
func (c *Change) Effect() string {
	e := Change{Op: c.Op, Key: c.Key, Account: c.Account, Group: c.Group, GroupID: c.GroupID}
	e.Before, e.After = c.Op.aspect(c.Before), c.Op.aspect(c.After)
	return e.Digest()
}

// aspect is the part of an account that an operation is about.
func (o Op) aspect(a *Account) *Account {
	if a == nil {
		return nil
	}
	switch o {
	case OpRename:
		return &Account{UserName: a.UserName}
	case OpUpdateName:
		return &Account{GivenName: a.GivenName, FamilyName: a.FamilyName}
	case OpChangeRole:
		return &Account{UserType: a.UserType}
	case OpReactivate, OpDeactivate, OpDelete:
		return &Account{Active: a.Active}
	}
	return &Account{UserName: a.UserName, GivenName: a.GivenName, FamilyName: a.FamilyName, UserType: a.UserType, Active: a.Active}
}

// Unanswered tells what must be read again to know what these done writes left
// behind: accounts where the service did not answer with the account, groups
// where any of them was written.
func Unanswered(done []Outcome) (accounts, groups bool) {
	for i := range done {
		switch o := &done[i]; o.Write.Op {
		case WriteCreateUser, WriteUpdateUser:
			accounts = accounts || o.Account.ID == ""
		case WriteDeleteUser:
			accounts = true
		default:
			groups = true
		}
	}
	return accounts, groups
}

// ReadBack compares what was sent with what is there, in the plan's order. For
// accounts that is what the service answered, or what read shows when it is not
// nil; for groups it is what they show. It is pure; done are outcomes in the order
// in which they came.
func ReadBack(done []Outcome, read *Current, groups *Current) []NotKept {
	last := make(map[string]*Outcome) // each account's last write
	for i := range done {
		if o := &done[i]; o.Write.Op == WriteCreateUser || o.Write.Op == WriteUpdateUser || o.Write.Op == WriteDeleteUser {
			last[o.ID] = o
		}
	}
	b := &readBack{accounts: make(map[string]*Account), groups: make(map[string]*Group), members: make(map[[2]string]bool)}
	b.index(last, read, groups)
	for _, o := range last {
		b.account(o)
	}
	if groups != nil {
		for i := range done {
			b.group(&done[i], groups.MembersUnknown)
		}
	}
	slices.SortFunc(b.found, func(x, y NotKept) int { return compareChanges(x.Change, y.Change) })
	return b.found
}

type readBack struct {
	accounts map[string]*Account
	groups   map[string]*Group
	members  map[[2]string]bool // group id, account id
	found    []NotKept
}

func (b *readBack) index(last map[string]*Outcome, read, groups *Current) {
	for id, o := range last {
		if o.Account.ID != "" {
			b.accounts[id] = &o.Account
		}
	}
	if read != nil {
		clear(b.accounts)
		for i := range read.Accounts {
			b.accounts[read.Accounts[i].ID] = &read.Accounts[i]
		}
	}
	if groups == nil {
		return
	}
	for i := range groups.Groups {
		g := &groups.Groups[i]
		b.groups[g.ID] = g
		for _, m := range g.Members {
			b.members[[2]string{g.ID, m}] = true
		}
	}
}

// account compares attribute by attribute, as Decide does.
func (b *readBack) account(o *Outcome) {
	sent, there := o.Write.Account, b.accounts[o.ID]
	sent.ID = o.ID
	origin := o.Write.Changes[0]
	add := func(op Op, was, is string, edit func(*Account)) {
		after := *there
		edit(&after)
		b.found = append(b.found, NotKept{Sent: was, There: is, Change: Change{
			Op: op, Key: origin.Key, Who: origin.Who, Account: o.ID, Before: there, After: &after, Cause: causeOf(o, op)}})
	}
	switch {
	case o.Write.Op == WriteDeleteUser:
		if there != nil {
			b.found = append(b.found, NotKept{Sent: "delete the account", There: activeWord(there.Active), Change: Change{
				Op: OpDelete, Key: origin.Key, Who: origin.Who, Account: o.ID, Before: there, Cause: origin.Cause}})
		}
		return
	case there == nil && sent.Active:
		wanted := sent
		wanted.ID = ""
		b.found = append(b.found, NotKept{Sent: "an account", There: "no account", Change: Change{
			Op: OpCreate, Key: origin.Key, Who: origin.Who, After: &wanted, Cause: origin.Cause}})
		return
	case there == nil:
		return // who is not there has no access, which is what was wanted
	}
	// Of an inactive account nothing is compared but what was to change: no plan
	// asks for the rest.
	asked := func(op Op) bool {
		return sent.Active || slices.ContainsFunc(o.Write.Changes, func(c Change) bool { return c.Op == op })
	}
	if Fold(sent.UserName) != Fold(there.UserName) && asked(OpRename) {
		add(OpRename, sent.UserName, there.UserName, func(x *Account) { x.UserName = sent.UserName })
	}
	if (!sameText(sent.GivenName, there.GivenName) || !sameText(sent.FamilyName, there.FamilyName)) && asked(OpUpdateName) {
		add(OpUpdateName, fullName(&sent), fullName(there), func(x *Account) { x.GivenName, x.FamilyName = sent.GivenName, sent.FamilyName })
	}
	if sent.UserType != there.UserType && asked(OpChangeRole) {
		add(OpChangeRole, string(sent.UserType), string(there.UserType), func(x *Account) { x.UserType = sent.UserType })
	}
	switch {
	case sent.Active && !there.Active:
		add(OpReactivate, activeWord(true), activeWord(false), func(x *Account) { x.Active, x.UserType = true, sent.UserType })
	case !sent.Active && there.Active:
		add(OpDeactivate, activeWord(false), activeWord(true), func(x *Account) { x.Active = false })
	}
}

// causeOf is why that part of the write was sent.
func causeOf(o *Outcome, op Op) string {
	for i := range o.Write.Changes {
		if o.Write.Changes[i].Op == op {
			return o.Write.Changes[i].Cause
		}
	}
	return o.Write.Changes[0].Cause
}

func activeWord(active bool) string {
	if active {
		return "active"
	}
	return "inactive"
}

func fullName(a *Account) string { return fmt.Sprintf("%q", a.GivenName+" "+a.FamilyName) }

// group compares groups and memberships.
func (b *readBack) group(o *Outcome, membersUnknown bool) {
	g := b.groups[cmp.Or(o.Write.GroupID, o.ID)]
	for _, c := range o.Write.Changes {
		was, is := "", ""
		member := b.members[[2]string{o.Write.GroupID, c.Account}]
		switch {
		case o.Write.Op == WriteCreateGroup && g == nil:
			was, is = "a group", "no group"
		case o.Write.Op == WriteDeleteGroup && g != nil:
			was, is = "no group", "the group"
		case o.Write.Op != WriteMembers || membersUnknown || slices.Contains(o.Missing, c.Account):
		case c.Op == OpAddMember && !member:
			was, is = "a member", "no member"
		case c.Op == OpRemoveMember && member:
			was, is = "no member", "a member"
		}
		if was == "" {
			continue
		}
		if c.GroupID == "" && g != nil {
			c.GroupID = g.ID // made in this run
		}
		if g != nil {
			c.Group = g.Name
		}
		b.found = append(b.found, NotKept{Change: c, Sent: was, There: is})
	}
}

// ignoredRule holds what Tomorro does not keep, so that it is not
// written every night. What leaves somebody with access is tried each time.
func ignoredRule(policy *Policy) reason {
	return func(c *Change) string {
		if len(policy.Ignored) == 0 || keepsAccess(c) {
			return ""
		}
		at, known := policy.Ignored[c.Effect()]
		if !known {
			return ""
		}
		return fmt.Sprintf("Tomorro confirmed this in run after run, last on %s, and did not keep it; set it there by hand, or ask Tomorro why. It is sent again after %d days, or when the value changes on either side",
			at.UTC().Format("2006-01-02"), IgnoredDays)
	}
}

// IgnoredDays is for how many days what Tomorro did not keep is not sent again.
const IgnoredDays = 30
