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

// LacksAccess reports whether somebody has no access because of it who should have it.
func (n *NotKept) LacksAccess() bool {
	return n.Change.Op == OpReactivate || n.Change.Op == OpCreate
}

func keepsAccess(c *Change) bool {
	switch c.Op {
	case OpDeactivate, OpRemoveMember:
		return true
	case OpDelete:
		return c.Before != nil && c.Before.Active
	}
	return losesAdmin(c)
}

// insisted reports whether a change is sent in each run, whatever Tomorro makes of it:
// one that takes access away, and one that gives it back, for which a seat may be free
// in any night (what Tomorro answers when none is left is not documented: an account that
// is made and stays inactive is one of the guesses).
func insisted(c *Change) bool { return keepsAccess(c) || c.Op == OpReactivate }

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

// ReadBack collects what Tomorro confirmed, and compares it with what is there. Of
// what the service answers with the account, and as it was sent, nothing is kept, so
// that it grows with what must be read again and not with the run. The zero value is
// ready; one at a time may use it.
type ReadBack struct {
	// Doubt keeps that as well, to compare it with what is read: see Trust.
	Doubt bool

	accounts map[string]Outcome // each account's last write, by id
	groups   []Outcome          // made and deleted
	members  []sentMembers
}

// sentMembers is what was sent of one group's members.
type sentMembers struct {
	group, name string // id, displayName
	members     []sentMember
}

type sentMember struct {
	key                 Key
	account, who, cause string
	remove              bool
}

// Heard takes up what became of a write, in the order in which they come. After one of
// which that is not known, nobody knows what its account should be.
func (b *ReadBack) Heard(o *Outcome) {
	switch o.Result {
	case Done:
	case Uncertain:
		delete(b.accounts, o.Write.Account.ID)
		return
	default:
		return
	}
	switch o.Write.Op {
	case WriteCreateUser, WriteUpdateUser, WriteDeleteUser:
		if b.accounts == nil {
			b.accounts = make(map[string]Outcome)
		}
		if b.accounts[o.ID] = *o; !b.Doubt {
			b.forget(o)
		}
	case WriteMembers:
		b.members = append(b.members, sentTo(o))
	default:
		b.groups = append(b.groups, *o)
	}
}

// Trust ends Doubt, and forgets what was answered as it was sent.
func (b *ReadBack) Trust() {
	b.Doubt = false
	for _, o := range b.accounts {
		b.forget(&o)
	}
}

// forget drops what needs no other look than that at its answer.
func (b *ReadBack) forget(o *Outcome) {
	if o.Account.ID != "" && len(o.unlike(&o.Account)) == 0 {
		delete(b.accounts, o.ID)
	}
}

func sentTo(o *Outcome) sentMembers {
	s := sentMembers{group: o.Write.GroupID, name: o.Write.Group, members: make([]sentMember, 0, len(o.Write.Changes))}
	for i := range o.Write.Changes {
		c := &o.Write.Changes[i]
		s.members = append(s.members, sentMember{key: c.Key, account: c.Account, who: c.Who, cause: c.Cause, remove: c.Op == OpRemoveMember})
	}
	return s
}

// Needs tells what must be read to know what the writes left behind: accounts where
// the service did not answer with the account, groups where any of them was written.
func (b *ReadBack) Needs() (accounts, groups bool) {
	for _, o := range b.accounts {
		accounts = accounts || o.Write.Op == WriteDeleteUser || o.Account.ID == ""
	}
	return accounts, len(b.groups)+len(b.members) > 0
}

// Compare finds what is not there as it was sent, in the plan's order. For accounts
// that is what the service answered, or what read shows when it is not nil; for groups
// it is what they show.
func (b *ReadBack) Compare(read, groups *Current) []NotKept {
	there := make(map[string]*Account)
	if read != nil {
		for i := range read.Accounts {
			there[read.Accounts[i].ID] = &read.Accounts[i]
		}
	}
	var found []NotKept
	for id, o := range b.accounts {
		a := there[id]
		if read == nil && o.Account.ID != "" {
			a = &o.Account
		}
		found = append(found, o.unlike(a)...)
	}
	if groups != nil {
		found = append(found, b.unlikeGroups(groups)...)
	}
	slices.SortFunc(found, func(x, y NotKept) int { return compareChanges(x.Change, y.Change) })
	return found
}

// unlike compares attribute by attribute, as Decide does. there is nil when there is
// no account.
func (o *Outcome) unlike(there *Account) (found []NotKept) {
	sent := o.Write.Account
	sent.ID = o.ID
	origin := o.Write.Changes[0]
	add := func(op Op, was, is string, edit func(*Account)) {
		after := *there
		edit(&after)
		found = append(found, NotKept{Sent: was, There: is, Change: Change{
			Op: op, Key: origin.Key, Who: origin.Who, Account: o.ID, Before: there, After: &after, Cause: causeOf(o, op)}})
	}
	switch {
	case o.Write.Op == WriteDeleteUser:
		if there != nil {
			found = append(found, NotKept{Sent: "delete the account", There: activeWord(there.Active), Change: Change{
				Op: OpDelete, Key: origin.Key, Who: origin.Who, Account: o.ID, Before: there, Cause: origin.Cause}})
		}
		return found
	case there == nil && sent.Active:
		wanted := sent
		wanted.ID = ""
		return []NotKept{{Sent: "an account", There: "no account", Change: Change{
			Op: OpCreate, Key: origin.Key, Who: origin.Who, After: &wanted, Cause: origin.Cause}}}
	case there == nil:
		return nil // who is not there has no access, which is what was wanted
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
	return found
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

// unlikeGroups compares groups and memberships.
func (b *ReadBack) unlikeGroups(now *Current) (found []NotKept) {
	byID := make(map[string]*Group, len(now.Groups))
	for i := range now.Groups {
		byID[now.Groups[i].ID] = &now.Groups[i]
	}
	for i := range b.groups {
		o := &b.groups[i]
		c := o.Write.Changes[0]
		switch g := byID[cmp.Or(o.Write.GroupID, o.ID)]; {
		case o.Write.Op == WriteCreateGroup && g == nil:
			found = append(found, NotKept{Change: c, Sent: "a group", There: "no group"})
		case o.Write.Op == WriteDeleteGroup && g != nil:
			c.Group = g.Name
			found = append(found, NotKept{Change: c, Sent: "no group", There: "the group"})
		}
	}
	if now.MembersUnknown {
		return found
	}
	for i := range b.members {
		s := &b.members[i]
		found = append(found, s.unlike(byID[s.group])...)
	}
	return found
}

// unlike compares with the group as it is; nil when there is none.
func (s *sentMembers) unlike(g *Group) (found []NotKept) {
	name, has := s.name, map[string]bool{}
	if g != nil {
		name = g.Name
		for _, m := range g.Members {
			has[m] = true
		}
	}
	words := map[bool]string{true: "a member", false: "no member"}
	for _, m := range s.members {
		if has[m.account] != m.remove {
			continue
		}
		op := OpAddMember
		if m.remove {
			op = OpRemoveMember
		}
		found = append(found, NotKept{Sent: words[!m.remove], There: words[m.remove],
			Change: Change{Op: op, Key: m.key, Who: m.who, Account: m.account, Group: name, GroupID: s.group, Cause: m.cause}})
	}
	return found
}

// ignoredRule holds what Tomorro does not keep, so that it is not
// written every night. What leaves somebody with access, or an account inactive, is tried each time.
func ignoredRule(policy *Policy) reason {
	return func(c *Change) string {
		if len(policy.Ignored) == 0 || insisted(c) {
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
