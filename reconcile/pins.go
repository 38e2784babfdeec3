package reconcile

// pinnedRule holds what would be done to people whom somebody undid: else the next
// night would silently do again what was taken back. What only they would be in is
// not made for them.
func pinnedRule(plan *Plan, pinned map[Key]string) reason {
	if len(pinned) == 0 {
		return func(*Change) string { return "" }
	}
	of := func(c *Change) string {
		if c.Key == 0 || c.Origin == FromUndo {
			return ""
		}
		return pinned[c.Key]
	}
	needed, idle := make(map[string]bool), make(map[string]string)
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Op == OpAddMember && c.GroupID == "" {
			if why := of(c); why != "" {
				idle[Fold(c.Group)] = why
			} else {
				needed[Fold(c.Group)] = true
			}
		}
	}
	return func(c *Change) string {
		if c.Op == OpCreateGroup && !needed[Fold(c.Group)] {
			return idle[Fold(c.Group)]
		}
		return of(c)
	}
}
