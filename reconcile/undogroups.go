package reconcile

import "slices"

// memberships takes back who was added and removed, where that is still so.
func (u *undoer) memberships() {
	if u.current.MembersUnknown {
		if len(u.pairs) > 0 {
			u.plan.Notes = append(u.plan.Notes, Note{Subject: "groups", Text: "Tomorro shows no memberships, so none is taken back"})
		}
		return
	}
	inside := make(map[[2]string]bool)
	for i := range u.current.Groups {
		for _, m := range u.current.Groups[i].Members {
			inside[[2]string{u.current.Groups[i].ID, m}] = true
		}
	}
	for _, pair := range u.pairs {
		var steps []step[bool]
		for _, c := range u.members[pair] {
			steps = append(steps, step[bool]{c.Op == OpRemoveMember, c.Op == OpAddMember})
		}
		was, broken := rewind(inside[pair], steps, func(a, b bool) bool { return a == b })
		if broken != nil || was != inside[pair] {
			u.membership(&u.members[pair][0], steps[0].before, broken != nil)
		}
	}
}

func (u *undoer) membership(done *Change, was, changed bool) {
	x, g := u.accounts[done.Account], u.groups[done.GroupID]
	c := Change{Op: OpRemoveMember, Key: done.Key, Account: done.Account, Who: done.Who, Group: done.Group, GroupID: done.GroupID}
	if was {
		c.Op = OpAddMember
	}
	switch {
	case g == nil:
		u.hold(c, "the group is not at Tomorro any more")
		return
	case x == nil || x.now == nil:
		u.hold(c, "the account is not at Tomorro any more")
		return
	}
	c.Who, c.Group = x.back.UserName, g.Name
	if changed {
		u.hold(c, "the membership was changed since, and stays")
		return
	}
	u.change(c)
}

// group takes back a group's own creation, when nobody stays in it.
func (u *undoer) group(done *Change) {
	g := u.groups[done.GroupID]
	switch {
	case done.Op == OpDeleteGroup && g == nil && !u.gone[done.GroupID]:
		u.hold(Change{Op: OpCreateGroup, Group: done.Group}, "the group was deleted, which nothing can take back; make it again by hand")
		return
	case done.Op != OpCreateGroup:
		return
	case done.GroupID == "":
		u.unknownGroup(done)
		return
	case g == nil:
		return
	}
	c := Change{Op: OpDeleteGroup, Group: g.Name, GroupID: g.ID}
	switch {
	case !g.Ours:
		u.hold(c, "the group does not carry this program's mark any more; delete it by hand")
	case u.current.MembersUnknown:
		u.hold(c, "Tomorro does not show who is in the group")
	case !leavingMembers(u.plan.Changes).all(g.ID, g.Members):
		u.hold(c, "somebody is in the group whom the run did not put there")
	default:
		u.plan.emptied[g.ID] = g.Members
		u.change(c)
	}
}

func (u *undoer) unknownGroup(done *Change) {
	i := slices.IndexFunc(u.current.Groups, func(g Group) bool { return g.Ours && Fold(g.Name) == Fold(done.Group) })
	if i >= 0 {
		u.hold(Change{Op: OpDeleteGroup, Group: u.current.Groups[i].Name, GroupID: u.current.Groups[i].ID},
			"the answer to its creation was lost, so nobody knows whether the run made this group; delete it by hand if it did")
	}
}
