package reconcile

import (
	"fmt"
	"slices"
)

// Input is everything a plan follows from.
type Input struct {
	Directory *Directory
	Current   *Current
	Links     map[Key]string // remembered identities; nil when there are none
	Policy    *Policy
	// Last is what the last run saw; nil when nothing is remembered, and then no
	// change has an Origin.
	Last *Facts
	// Asserted are the groups set by hand, sorted by account and group.
	Asserted []Assertion
	// Only are the people who were looked at, sorted; nil means everybody. Nobody
	// else is planned for: that the directory does not have them says nothing.
	Only []Key
	// Rest stands for everybody else at Tomorro; nil when Current has everybody. With
	// it, Current has the accounts of those looked at, those that have their addresses,
	// the default substitute's, and all groups, with these members only; Links are those
	// of these people and accounts. So a plan about few people costs by their number.
	Rest *Rest
}

// Rest is what limits are shares of, at Tomorro as a whole.
type Rest struct {
	Counts Counts         // of Tomorro: accounts, active, admins, groups, memberships
	Sizes  map[string]int // of each group, by id
}

// Decide computes what would make Tomorro equal to what OneLogin says. It is
// pure: the same input gives the same bytes, whatever the order of its lists.
// Nothing is refused here yet; see Confirm and Guard.
//
// What becomes of one person:
//
//	wanted    account   change
//	active    none      create, then memberships
//	active    inactive  reactivate, and whatever differs
//	active    active    rename, change_role, update_name, memberships: what differs
//	inactive  active    deactivate (or delete, when configured and the person left)
//	inactive  inactive  none; memberships stay, so that a return restores them
//	held      any       none, and a hold that says why
//	nobody    any       none: the account is foreign
func Decide(in Input) Plan {
	in.Directory, in.Current = in.Directory.sorted(), in.Current.sorted()
	wants, notes := Desired(in.Directory, in.Policy)
	d := &differ{in: in, join: join(wants, in)}
	d.plan.Notes = append(notes, d.join.notes...)
	d.plan.Held = append(d.plan.Held, d.join.extra...)
	d.plan.Receipt = in.Directory.Receipt
	d.plan.Target = in.Current.Lists
	d.plan.unclear = make(map[Key]bool)
	d.relations()
	d.plan.Census.At = in.Directory.ReadAt
	d.plan.Census.count(wants)
	d.groups = newGroupDiff(in, &d.plan, d.join.at)
	d.plan.unlisted = d.groups.of.unlisted
	d.plan.unmatched = d.groups.book == nil || !d.groups.evaluates()
	for i := range d.join.pairs {
		d.room(i)
		d.person(&d.join.pairs[i])
	}
	d.groups.finish()
	d.noteHeirs()
	d.noteUnprotected()
	d.plan.namesakes = d.namesakes()
	d.count()
	d.plan.seal()
	if in.Last != nil {
		d.plan.seen = see(in.Directory, in.Policy)
		d.plan.Census.Fingerprint = d.plan.seen.fingerprint()
		d.attribute()
	}
	return d.plan
}

// room makes room for as many changes as there will be if it goes on as with the people
// so far, but no more than four times what there are: growing by a little each time would
// copy the changes of an initial load five times.
func (d *differ) room(people int) {
	if n := len(d.plan.Changes); cap(d.plan.Changes)-n < 16 {
		d.plan.Changes = slices.Grow(d.plan.Changes, 16+min(3*n, n*(len(d.join.pairs)-people)/max(1, people)))
	}
}

// noteHeirs says that nobody checks who inherits, where that is so and somebody leaves, and
// that the configuration has to follow who gets another address.
func (d *differ) noteHeirs() {
	name := Fold(d.in.Policy.DefaultSubstitute)
	for i := range d.plan.Changes {
		if c := &d.plan.Changes[i]; c.Op == OpRename && name != "" && Fold(c.Before.UserName) == name && Fold(c.After.UserName) != name {
			d.plan.Notes = append(d.plan.Notes, Note{Subject: "tomorro.default_substitute",
				Text: fmt.Sprintf("names %s, whose e-mail becomes %s: say so in the configuration; until then they are not protected, and nobody is removed", c.Before.UserName, c.After.UserName)})
		}
	}
	leaves := func(c Change) bool { return c.Op == OpDeactivate || c.Op == OpDelete }
	if d.in.Policy.DefaultSubstitute == "" && slices.ContainsFunc(d.plan.Changes, leaves) {
		d.plan.Notes = append(d.plan.Notes, Note{Subject: "tomorro.default_substitute",
			Text: "is not set, so nobody checks that somebody fit inherits what leavers own; name whom Tomorro's page User Provisioning shows"})
	}
}

// relations gives the plan what the guard and Apply need to know of Tomorro.
func (d *differ) relations() {
	d.plan.owner = d.join.owner
	d.plan.occupant = d.join.byName
	d.plan.knows(d.in.Current.Groups)
	if d.in.Rest != nil {
		d.plan.sizes = d.in.Rest.Sizes
	}
	protected := protectedGroups(d.in.Policy.Protect)
	d.plan.groups = slices.DeleteFunc(slices.Clone(d.plan.groups), func(g Group) bool { return !protected[Fold(g.Name)] }) // the others are large, and not needed
}

// knows gives the plan Tomorro's groups.
func (p *Plan) knows(groups []Group) {
	p.groups, p.sizes = groups, make(map[string]int, len(groups))
	for i := range groups {
		p.sizes[groups[i].ID] = len(groups[i].Members)
	}
}

type differ struct {
	in     Input
	join   *joined
	groups *groupDiff
	plan   Plan
}

// person adds one person's changes to the plan.
func (d *differ) person(p *pair) {
	w, a := p.want, p.account
	if a == nil || p.adopted && p.clash != "" { // it may not be theirs
		d.succession(p)
	}
	if !w.Managed {
		return
	}
	reason := w.Hold
	if reason == "" {
		reason = p.clash
	}
	switch {
	case reason != "":
		d.plan.unclear[w.Person.Key] = true
		d.holdPerson(p, reason)
		d.groups.countOnly(w)
	case !w.Active && a != nil:
		d.leave(p)
	case !w.Active:
	case a == nil:
		d.create(p)
	default:
		d.update(p)
	}
	if a != nil && reason == "" && d.in.Links[w.Person.Key] != a.ID {
		d.plan.Links = append(d.plan.Links, Link{Key: w.Person.Key, Account: a.ID})
	}
}

func (d *differ) change(op Op, p *pair, before, after *Account, cause string) Change {
	c := Change{Op: op, Key: p.want.Person.Key, Who: address(p), Before: before, After: after, Cause: cause}
	if p.account != nil {
		c.Account = p.account.ID
	}
	return c
}

// address is what a person is called in a plan: the e-mail, or what the account
// is called when OneLogin has no e-mail or does not know the person.
func address(p *pair) string {
	switch {
	case p.want.userName() != "":
		return p.want.userName()
	case p.want.Person.Email != "":
		return p.want.Person.Email
	case p.account != nil:
		return p.account.UserName
	}
	return "OneLogin user " + p.want.Person.Key.String()
}

// holdPerson holds everything about a person whose own data allows no change. A
// person who would have no account anyway is not worth a line; who has left and is
// still inside is a removal that waits.
func (d *differ) holdPerson(p *pair, reason string) {
	op := OpUpdateName
	switch {
	case p.account == nil && !p.want.Person.Assigned:
		return
	case p.account == nil:
		op = OpCreate
	case !p.want.Active && p.want.Hold == "" && p.account.Active:
		op = OpDeactivate
	}
	d.hold(d.change(op, p, p.account, nil, p.want.Cause), reason)
}

func (d *differ) hold(c Change, reason string) {
	d.plan.Held = append(d.plan.Held, Held{Change: c, Class: HoldData, Rule: RuleData, Reason: reason})
}

func (d *differ) leave(p *pair) {
	a := p.account
	if p.want.Left {
		for _, said := range d.groups.asserted[a.ID] {
			d.plan.leaving = append(d.plan.leaving, parting{said, !a.Active})
		}
	}
	final := d.in.Policy.DeleteUsers && p.want.Left
	switch {
	case final:
		d.plan.Changes = append(d.plan.Changes, d.change(OpDelete, p, a, nil, p.want.Cause))
	case a.Active:
		after := *a
		after.Active = false
		d.plan.Changes = append(d.plan.Changes, d.change(OpDeactivate, p, a, &after, p.want.Cause))
	}
}

func (d *differ) create(p *pair) {
	after := p.want.Account()
	c := d.change(OpCreate, p, nil, &after, fmt.Sprintf("%s; %s", p.want.Cause, p.want.Role.Cause))
	reason := p.want.Role.Hold
	if reason == "" {
		reason = d.addressTaken(p)
	}
	if reason != "" {
		c.Cause = p.want.Cause
		d.hold(c, reason)
		d.groups.countOnly(p.want)
		return
	}
	d.plan.Changes = append(d.plan.Changes, c)
	d.groups.person(p)
}

// update compares field by field, one change each, so that one kind can be held
// while the rest flows. Address and names are compared as people read them:
// another case or normal form of the same letters is no change.
func (d *differ) update(p *pair) {
	w, a := p.want, p.account
	add := func(op Op, cause string, edit func(*Account)) {
		after := *a
		edit(&after)
		d.plan.Changes = append(d.plan.Changes, d.change(op, p, a, &after, cause))
	}
	if w.Role.Hold != "" {
		op := OpChangeRole
		if !a.Active {
			op = OpReactivate
		}
		d.hold(d.change(op, p, a, nil, w.Cause), w.Role.Hold)
		if !a.Active {
			d.groups.countOnly(w)
			return
		}
	} else if a.UserType != w.Role.Type {
		add(OpChangeRole, w.Role.Cause, func(x *Account) { x.UserType = w.Role.Type })
	}
	if !a.Active {
		// The role is part of the image: who returns, returns as what they are now.
		add(OpReactivate, w.Cause, func(x *Account) { x.Active, x.UserType = true, w.Role.Type })
	}
	if Fold(a.UserName) != Fold(w.userName()) {
		if reason := d.addressTaken(p); reason != "" {
			d.hold(d.change(OpRename, p, a, nil, "e-mail changed in OneLogin"), reason)
		} else {
			add(OpRename, "e-mail in OneLogin", func(x *Account) { x.UserName = w.userName() })
		}
	}
	if given, family := w.names(); !sameText(a.GivenName, given) || !sameText(a.FamilyName, family) {
		add(OpUpdateName, "name in OneLogin", func(x *Account) { x.GivenName, x.FamilyName = given, family })
	}
	d.groups.person(p)
}

// addressTaken says why the wanted address is not free, following a chain of
// people who are being renamed and so make room for each other.
func (d *differ) addressTaken(p *pair) string {
	self := ""
	if p.account != nil {
		self = p.account.ID
	}
	target := Fold(p.want.userName())
	for seen := map[string]bool{}; ; {
		taken := d.join.byName[target]
		if taken == nil {
			return ""
		}
		if taken.ID == self || seen[taken.ID] {
			return "several people would have to swap addresses; rename one of them by hand first"
		}
		seen[taken.ID] = true
		next := d.nextAddress(taken)
		if next == "" {
			return d.takenBy(p, taken)
		}
		target = next
	}
}

// nextAddress is the folded address that the account's owner moves to, or ""
// when the account keeps the one it has.
func (d *differ) nextAddress(a *Account) string {
	p := d.join.find(d.join.owner.of(a.ID))
	if p == nil || !p.want.Managed || !p.want.Active || p.want.Hold != "" || p.clash != "" || (!a.Active && p.want.Role.Hold != "") {
		return ""
	}
	next := Fold(p.want.userName())
	if next == Fold(a.UserName) {
		return ""
	}
	return next
}

func (d *differ) count() {
	c := &d.plan.Counts
	c.People = len(d.in.Directory.People)
	c.tomorro(d.in.Current)
	if rest := d.in.Rest; rest != nil {
		c.Accounts, c.Active, c.Admins, c.Groups, c.Memberships = rest.Counts.Accounts, rest.Counts.Active, rest.Counts.Admins, rest.Counts.Groups, rest.Counts.Memberships
	}
	for i := range d.join.pairs {
		if w := d.join.pairs[i].want; w.Managed && w.Person.Assigned {
			c.InScope++
		}
	}
	c.Linked = d.join.owned - d.join.outside
	c.OutOfScope = d.join.outside
	c.Foreign, d.plan.Foreign = d.join.unowned, d.join.foreign
}

// tomorro counts what Tomorro has.
func (c *Counts) tomorro(current *Current) {
	c.Accounts, c.Groups = len(current.Accounts), len(current.Groups)
	for i := range current.Accounts {
		if a := &current.Accounts[i]; a.Active {
			c.Active++
			if a.UserType == Admin {
				c.Admins++
			}
		}
	}
	for i := range current.Groups {
		c.Memberships += len(current.Groups[i].Members)
	}
}
