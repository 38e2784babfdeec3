package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// Guard holds what must not happen without a person's word. It changes nothing
// in a plan but what is held, and may be called again after Confirm. In order:
//
//	decisions      what somebody rejected, or left out when they decided about others
//	               that were over a limit; what somebody approved passes the rules
//	               that can be approved (HoldRule.Approvable)
//	pins           people whom somebody undid stay as they are until released
//	receipt        without a complete pull nobody is removed from anything
//	night          whom only the fast pass named loses nothing before the next run
//	recreated      who may be at work under another OneLogin id is not removed
//	band           nor is anybody with a pull whose counts are unlike the last good ones
//	data           an account that somebody decided to be another's by now is not
//	               brought back to what it was
//	ignored        what Tomorro does not keep is not sent every night
//	adoption       before somebody has looked through the accounts that Tomorro had,
//	               nobody is removed, renamed, or given a second account
//	protection     people and groups in `protect:` keep what they have
//	substitute     the default substitute is neither removed nor demoted, and
//	               nobody is removed whom it could not stand in for
//	configuration  removals that only our own configuration asks for
//	limits         a kind of change over its limit is held as a whole
//	approval       kinds named in `approve:` wait for somebody's word
//	dependents     what needs a held change is held with it
//	admins         at least min_admins active admins remain after all that
func Guard(plan Plan, policy *Policy) Plan {
	plan = plan.decide(policy)
	plan = plan.hold(RuleData, HoldData, passedRule(&policy.Adoption))
	plan = plan.hold(RulePinned, HoldDecided, pinnedRule(&plan, policy.Pinned))
	plan = plan.hold(RuleReceipt, HoldGuard, receiptRule(plan.Receipt))
	plan = plan.hold(RuleNight, HoldGuard, nightRule(&plan, policy.Spared))
	plan = plan.hold(RuleRecreated, HoldApproval, recreatedRule(plan.successors))
	plan = plan.hold(RuleBand, HoldGuard, bandRule(&plan, policy))
	plan = plan.hold(RuleIgnored, HoldData, ignoredRule(policy))
	plan = plan.hold(RuleAdoption, HoldApproval, adoptionRule(&plan, policy))
	plan = plan.hold(RuleProtect, HoldGuard, protectRule(&plan, policy))
	plan = plan.hold(RuleSubstitute, HoldGuard, substituteRule(&plan, policy.DefaultSubstitute))
	plan = plan.hold(RuleConfiguration, HoldApproval, configurationRule)
	plan = plan.hold(RuleLimit, HoldGuard, limitRule(&plan, policy))
	plan = plan.hold(RuleApproval, HoldApproval, approvalRule(&plan, policy))
	plan = plan.holdDependents()
	plan = plan.hold(RuleAdmins, HoldGuard, adminRule(&plan, policy.MinAdmins))
	plan.minAdmins, plan.ignored, plan.policy = policy.MinAdmins, policy.Ignored, policy
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

// nightRule lets nobody lose anything who is looked at for no better reason than that
// OneLogin reported a change: such reports are incomplete, and a run that has read
// everything decides. Who returns has nothing to lose, and must not get more than is
// due to them.
func nightRule(plan *Plan, spared map[Key]bool) reason {
	returning := make(map[Key]bool)
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Op == OpReactivate {
			returning[c.Key] = true
		}
	}
	return func(c *Change) string {
		if spared[c.Key] && !returning[c.Key] && (c.Op.Removes() || demotes(c)) {
			return "the fast pass takes nothing away from anybody: the next run decides"
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
	return c.Op == OpDeactivate || c.Op == OpDelete || c.Op == OpChangeRole && c.After.UserType != Admin
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

// adminsLost counts the accounts that stop being an active admin, each once, and
// names those that lose access: making such an account admin gains nothing.
func adminsLost(changes []Change) (lost int, leaving map[string]bool) {
	leaving = make(map[string]bool)
	losing := make(map[string]bool)
	for i := range changes {
		c := &changes[i]
		if c.Op == OpDeactivate || c.Op == OpDelete {
			leaving[c.Account] = true
		}
		if losesAdmin(c) {
			losing[c.Account] = true
		}
	}
	return len(losing), leaving
}

// adminRule holds every loss of an admin when too few would remain. Apply makes
// the losses last, and not at all when the gains they rely on failed.
func adminRule(plan *Plan, least int) reason {
	lost, leaving := adminsLost(plan.Changes)
	left := plan.Counts.Admins - lost
	for i := range plan.Changes {
		if c := &plan.Changes[i]; gainsAdmin(c) && !leaving[c.Account] {
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

func approvalRule(plan *Plan, policy *Policy) reason {
	return func(c *Change) string {
		kind := approvalKind(c.Op)
		switch {
		case !slices.Contains(policy.Approve, kind):
			return ""
		case policy.FourEyes: // who names a plan is one person
			return fmt.Sprintf("waits for the approval of two people (approve: [%s], four_eyes): see holds", kind)
		case policy.Approved == plan.ID:
			return ""
		}
		command := "reconcile"
		if c.Origin == FromUndo {
			command = "undo"
		}
		return fmt.Sprintf("waits for approval (approve: [%s]): see holds, or %s --approve %s makes exactly these changes", kind, command, plan.ID)
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
// soon as the guard holds anything that others can depend on, else approval.
func (p *Plan) dependentClass() HoldClass {
	class := HoldDecided
	for i := range p.Held {
		switch h := &p.Held[i]; {
		case h.Op == OpAddMember || h.Op == OpUpdateName:
		case h.Class == HoldGuard:
			return HoldGuard
		case h.Class == HoldApproval:
			class = HoldApproval
		}
	}
	return class
}

// blocked reports whether the wanted address is still another account's.
func (p *Plan) blocked(c *Change, moving map[string]bool) bool {
	has := p.occupant[Fold(c.After.UserName)]
	return has != nil && has.ID != c.Account && !moving[has.ID]
}

// Only narrows a plan to one person, by the e-mail on either side. The groups that
// this person's new memberships need are kept.
func (p Plan) Only(email string) Plan {
	name := Fold(email)
	called := func(c *Change) bool {
		return Fold(c.Who) == name || c.Before != nil && Fold(c.Before.UserName) == name
	}
	whose := make(map[Key]bool) // a membership has only one of the addresses
	for i := range p.Changes {
		whose[p.Changes[i].Key] = whose[p.Changes[i].Key] || called(&p.Changes[i])
	}
	for i := range p.Held {
		whose[p.Held[i].Key] = whose[p.Held[i].Key] || called(&p.Held[i].Change)
	}
	is := func(c *Change) bool { return called(c) || c.Key != 0 && whose[c.Key] }
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
