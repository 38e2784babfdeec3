package reconcile

// PlanGroup is a plan that creates or deletes one group because somebody pushed it.
// A group is deleted only as a run would: this program made it, nobody is in it and,
// which the caller looks at, no rule names it.
func PlanGroup(op Op, g Group, current *Current) Plan {
	p := Plan{Receipt: Receipt{NotAsked: true}}
	p.Changes = []Change{{Op: op, Group: g.Name, GroupID: g.ID, Cause: "pushed by OneLogin", Origin: FromPush}}
	p.Counts.tomorro(current)
	if op == OpDeleteGroup {
		p.emptied = map[string][]string{g.ID: g.Members}
	}
	p.seal()
	return p
}

// Names reports whether a rule may give a group, by id or by name, or that cannot be
// told.
func (b *RuleBook) Names(g Group) bool {
	if b.MayGiveAny() {
		return true
	}
	for _, grant := range b.Groups() {
		if grant.Group == g.ID || Fold(grant.Group) == Fold(g.Name) {
			return true
		}
	}
	return false
}
