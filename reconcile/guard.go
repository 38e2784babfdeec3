package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// Guard holds what must not happen without a person's word. It changes nothing
// in a plan but what is held, and may be called again after Confirm. In order:
//
//	receipt     without a complete pull nobody is removed from anything
//	ignored     what Tomorro does not keep is not sent every night
//	protection  people in `protect:` keep what they have
//	substitute  the default substitute is neither removed nor demoted
//	limits      a kind of change over its limit is held as a whole
//	approval    kinds named in `approve:` wait for the plan's ID
//	dependents  what needs a held change is held with it
//	admins      at least min_admins active admins remain after all that
func Guard(plan Plan, policy *Policy) Plan {
	plan = plan.hold(RuleReceipt, HoldGuard, receiptRule(plan.Receipt))
	plan = plan.hold(RuleIgnored, HoldData, ignoredRule(policy))
	plan = plan.hold(RuleProtect, HoldGuard, protectRule(&plan, policy.Protect))
	plan = plan.hold(RuleSubstitute, HoldGuard, substituteRule(&plan, policy.DefaultSubstitute))
	plan = plan.hold(RuleLimit, HoldGuard, limitRule(&plan, policy))
	plan = plan.hold(RuleApproval, HoldApproval, approvalRule(&plan, policy))
	plan = plan.holdDependents()
	plan = plan.hold(RuleAdmins, HoldGuard, adminRule(&plan, policy.MinAdmins))
	plan.minAdmins, plan.ignored = policy.MinAdmins, policy.Ignored
	return plan
}

func receiptRule(r Receipt) reason {
	if r.Complete() {
		return func(*Change) string { return "" }
	}
	why := "the pull of OneLogin is not complete (" + strings.Join(r.Why(), "; ") + "), so nobody is removed"
	return func(c *Change) string {
		if c.Op.Removes() {
			return why
		}
		return ""
	}
}

// protectRule knows protected people by id and by the address they have on
// either side, so that a person who is being renamed stays protected.
func protectRule(plan *Plan, protect []string) reason {
	set, accounts := make(map[string]bool), make(map[string]bool)
	for _, p := range protect {
		set[Fold(p)] = true
		if id, ok := plan.occupant[Fold(p)]; ok {
			accounts[id] = true
		}
	}
	return func(c *Change) string {
		if c.Account != "" && (accounts[c.Account] || set[c.Key.String()] || set[Fold(c.Who)]) {
			return "protected by protect: in the configuration"
		}
		return ""
	}
}

// substituteRule knows the default substitute by the address on either side.
func substituteRule(plan *Plan, substitute string) reason {
	name := Fold(substitute)
	account := plan.occupant[name]
	return func(c *Change) string {
		if name == "" || c.Account == "" || c.Account != account && Fold(c.Who) != name {
			return ""
		}
		if c.Op == OpDeactivate || c.Op == OpDelete || demotes(c) {
			return "is Tomorro's default substitute, who inherits what leavers own; choose another there first"
		}
		return ""
	}
}

// rank orders the userTypes; what is not known ranks highest, so that taking it
// away counts as a demotion.
func rank(u UserType) int {
	if i := slices.Index([]UserType{Viewer, User, Manager, Admin}, u); i >= 0 {
		return i
	}
	return 4
}

func demotes(c *Change) bool {
	return c.Op == OpChangeRole && rank(c.After.UserType) < rank(c.Before.UserType)
}

// losesAdmin and gainsAdmin tell what a change does to the number of active admins.
func losesAdmin(c *Change) bool {
	if c.Before == nil || !c.Before.Active || c.Before.UserType != Admin {
		return false
	}
	return c.Op == OpDeactivate || c.Op == OpDelete || demotes(c)
}

func gainsAdmin(c *Change) bool {
	switch c.Op {
	case OpCreate:
		return c.After.UserType == Admin
	case OpChangeRole:
		return c.After.UserType == Admin && c.Before.Active
	case OpReactivate:
		return c.After.UserType == Admin
	}
	return false
}

// adminRule holds every loss of an admin when too few would remain. Apply makes
// the losses last, and not at all when the gains they rely on failed.
func adminRule(plan *Plan, least int) reason {
	left := plan.Counts.Admins
	for i := range plan.Changes {
		if losesAdmin(&plan.Changes[i]) {
			left--
		}
		if gainsAdmin(&plan.Changes[i]) {
			left++
		}
	}
	reason := fmt.Sprintf("only %d active admins would remain at Tomorro, and min_admins is %d; make somebody else admin first", max(0, left), least)
	return func(c *Change) string {
		if left < least && losesAdmin(c) {
			return reason
		}
		return ""
	}
}

// limitsOf names the limits that a change counts towards.
func limitsOf(c *Change) []Limit {
	var l []Limit
	switch c.Op {
	case OpDeactivate:
		l = append(l, LimitDeactivate)
	case OpDelete:
		l = append(l, LimitDelete)
	case OpRemoveMember:
		l = append(l, LimitRemoveMember)
	case OpChangeRole:
		l = append(l, LimitChangeRole)
	case OpRename:
		l = append(l, LimitRename)
	case OpCreate:
		l = append(l, LimitCreate)
	}
	if gainsAdmin(c) && c.Op != OpCreate {
		l = append(l, LimitGrantAdmin)
	}
	return l
}

// Spend counts, by limit, what these changes use.
func Spend(changes []Change) map[Limit]int {
	spent := make(map[Limit]int)
	for i := range changes {
		for _, l := range limitsOf(&changes[i]) {
			spent[l]++
		}
	}
	return spent
}

func limitRule(plan *Plan, policy *Policy) reason {
	over := make(map[Limit]string)
	for l, n := range Spend(plan.Changes) {
		if reason := policy.Limits.exceeded(l, n, policy.Spent[l], plan.Counts); reason != "" {
			over[l] = reason
		}
	}
	return func(c *Change) string {
		for _, l := range limitsOf(c) {
			if reason := over[l]; reason != "" {
				return reason
			}
		}
		return ""
	}
}

// exceeded says why n more changes are over the limit, or nothing. The share is
// looked at only where there is enough for a share to mean something.
func (l Limits) exceeded(kind Limit, n, spent int, counts Counts) string {
	a := l.Allow[kind]
	before := ""
	if spent > 0 {
		before = fmt.Sprintf(" after %d in the last %s", spent, l.Window)
	}
	if a.Max != nil && n+spent > *a.Max {
		return fmt.Sprintf("%d %s%s: more than limits.%s.max, which is %d", n, kind.words(), before, kind, *a.Max)
	}
	population := counts.Accounts
	if kind == LimitRemoveMember {
		population = counts.Memberships
	}
	if a.Share != nil && population >= l.MinPopulation && float64(n+spent) > *a.Share*float64(population) {
		return fmt.Sprintf("%d %s%s of %d: more than limits.%s.share, which is %g%%", n, kind.words(), before, population, kind, *a.Share*100)
	}
	return ""
}

func (l Limit) words() string {
	return map[Limit]string{
		LimitDeactivate: "deactivations", LimitDelete: "deletions", LimitRemoveMember: "membership removals",
		LimitChangeRole: "role changes", LimitGrantAdmin: "people made admin", LimitRename: "changes of e-mail", LimitCreate: "new accounts",
	}[l]
}

func approvalRule(plan *Plan, policy *Policy) reason {
	return func(c *Change) string {
		kind := approvalKind(c.Op)
		if policy.Approved == plan.ID || !slices.Contains(policy.Approve, kind) {
			return ""
		}
		return fmt.Sprintf("waits for approval (approve: [%s]); reconcile --approve %s makes exactly these changes", kind, plan.ID)
	}
}

func approvalKind(o Op) string {
	switch o {
	case OpCreate, OpCreateGroup:
		return "create"
	case OpDeactivate, OpDelete, OpDeleteGroup:
		return "delete"
	}
	return "update"
}

// holdDependents holds what cannot be done without something that is held: a
// membership without its account or group, and an address that is not free yet.
func (p Plan) holdDependents() Plan {
	class := p.dependentClass()
	for {
		people, groups, moving := p.providers()
		roleHeld, leaving := p.rolesHeld(), leavingMembers(p.Changes)
		n := len(p.Changes)
		p = p.hold(RuleDependent, class, func(c *Change) string {
			switch {
			case c.Op == OpAddMember && c.Account == "" && !people[c.Key]:
				return "its account is held"
			case c.Op == OpAddMember && c.GroupID == "" && !groups[Fold(c.Group)]:
				return "its group is held"
			case (c.Op == OpCreate || c.Op == OpRename) && p.blocked(c, moving):
				return "the address belongs to an account whose change of e-mail is held"
			case c.Op == OpDeleteGroup && !leaving.all(c.GroupID, p.emptied[c.GroupID]):
				return "somebody stays in it, whose removal is held"
			case c.Op == OpReactivate && roleHeld[c.Key]:
				return "would return with the old role: the change of role is held"
			}
			return ""
		})
		if len(p.Changes) == n {
			return p
		}
	}
}

// rolesHeld are the people whose change of role is held.
func (p *Plan) rolesHeld() map[Key]bool {
	held := make(map[Key]bool)
	for i := range p.Held {
		if p.Held[i].Op == OpChangeRole {
			held[p.Held[i].Key] = true
		}
	}
	return held
}

// providers are what other changes can rely on: the people and groups that the
// plan creates, and the accounts that give up their address.
func (p *Plan) providers() (people map[Key]bool, groups map[string]bool, moving map[string]bool) {
	people, groups, moving = make(map[Key]bool), make(map[string]bool), make(map[string]bool)
	for i := range p.Changes {
		switch c := &p.Changes[i]; c.Op {
		case OpCreate:
			people[c.Key] = true
		case OpCreateGroup:
			groups[Fold(c.Group)] = true
		case OpRename:
			moving[c.Account] = true
		}
	}
	return people, groups, moving
}

// dependentClass is the class of what is held because of another hold: guard as
// soon as the guard holds anything that others can depend on, data when nothing
// waits for a person's word either.
func (p *Plan) dependentClass() HoldClass {
	for i := range p.Held {
		h := &p.Held[i]
		if h.Class == HoldGuard && (h.Op != OpAddMember && h.Op != OpUpdateName) {
			return HoldGuard
		}
	}
	if p.HeldBy(HoldApproval) == 0 {
		return HoldData
	}
	return HoldApproval
}

// blocked reports whether the wanted address is still another account's.
func (p *Plan) blocked(c *Change, moving map[string]bool) bool {
	id, taken := p.occupant[Fold(c.After.UserName)]
	return taken && id != c.Account && !moving[id]
}

// Only narrows a plan to one person, by e-mail. The groups that this person's
// new memberships need are kept.
func (p Plan) Only(email string) Plan {
	name := Fold(email)
	is := func(c *Change) bool {
		return Fold(c.Who) == name || c.Before != nil && Fold(c.Before.UserName) == name
	}
	needs := make(map[string]bool)
	for i := range p.Changes {
		if c := &p.Changes[i]; is(c) && c.Op == OpAddMember && c.GroupID == "" {
			needs[Fold(c.Group)] = true
		}
	}
	p.Changes = slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool {
		return !is(&c) && !(c.Op == OpCreateGroup && needs[Fold(c.Group)])
	})
	p.Held = slices.DeleteFunc(slices.Clone(p.Held), func(h Held) bool { return !is(&h.Change) })
	p.Links = nil
	p.seal()
	return p
}
