package reconcile

import (
	"fmt"
	"slices"
	"time"
)

// Assertion is what a push said last about one person in one group, when no rule
// explains it: somebody gave the group to that person by hand in OneLogin's app
// (guide, step 6, "Manual Group Assignment"), or took it back. No API tells of it.
type Assertion struct {
	Account string    `json:"account"` // Tomorro's id
	Group   string    `json:"group"`   // Tomorro's id
	At      time.Time `json:"at"`      // when it was pushed
	// Off says that the group was taken back. It is remembered until the person is
	// out of the group, because groups.mode: additive, and an app without rules,
	// leave every membership alone that nobody asks to end.
	Off bool `json:"off,omitempty"`
}

func (a *Assertion) cause() string {
	what := "set by hand in OneLogin"
	if a.Off {
		what = "taken back in OneLogin"
	}
	return fmt.Sprintf("%s, as pushed on %s", what, a.At.UTC().Format(time.DateTime))
}

// asserted indexes assertions by account and group.
type asserted map[string][]Assertion

func indexAssertions(all []Assertion) asserted {
	if len(all) == 0 {
		return nil
	}
	by := make(asserted)
	for _, a := range all {
		by[a.Account] = append(by[a.Account], a)
	}
	return by
}

// of gives what is asserted of an account in a group, or nil.
func (a asserted) of(account, group string) *Assertion {
	list := a[account]
	if i := slices.IndexFunc(list, func(x Assertion) bool { return x.Group == group }); i >= 0 {
		return &list[i]
	}
	return nil
}

// assertions looks at what is asserted of one person. What a rule gives for certain
// needs no assertion, what was taken back and is gone needs none any more, and
// neither does a group that Tomorro does not have. granted are the groups that the
// rules give; the result has those that hold by assertion as well.
func (g *groupDiff) assertions(p *pair, has, granted []int32) []int32 {
	if p.account == nil {
		return granted
	}
	byRule := granted
	for i := range g.asserted[p.account.ID] {
		a := &g.asserted[p.account.ID][i]
		index, exists := g.byID[a.Group]
		group := int32(index)
		member := exists && slices.Contains(has, group)
		switch {
		case !exists, !a.Off && slices.Contains(byRule, group), a.Off && (!member || slices.Contains(byRule, group)):
			g.plan.ended = append(g.plan.ended, *a)
		case !a.Off:
			granted = append(granted, group)
			if !member {
				g.plan.Changes = append(g.plan.Changes, g.pushed(OpAddMember, p, index, a))
			}
		}
	}
	return granted
}

// endForgotten ends what was said of accounts that Tomorro does not have. A plan about
// few people does not know them all.
func (g *groupDiff) endForgotten() {
	if g.in.Only != nil || len(g.in.Asserted) == 0 {
		return
	}
	there := make(map[string]bool, len(g.in.Current.Accounts))
	for i := range g.in.Current.Accounts {
		there[g.in.Current.Accounts[i].ID] = true
	}
	for _, a := range g.in.Asserted {
		if !there[a.Account] {
			g.plan.ended = append(g.plan.ended, a)
		}
	}
}

func (g *groupDiff) pushed(op Op, p *pair, group int, a *Assertion) Change {
	c := g.member(op, p, group, a.cause())
	c.Origin = FromPush
	return c
}

// Ended gives the assertions that need not be kept after this plan was applied:
// those that say nothing any more, and those about people who have left the app and
// whose removal was done.
func (p *Plan) Ended(r *Result) []Assertion {
	ended := slices.Clone(p.ended)
	if len(p.leaving) == 0 || !p.Receipt.Complete() {
		return ended
	}
	stays, loses := make(map[string]bool), make(map[string]bool)
	for i := range p.Changes { // a part of a plan, such as Only, does not remove everybody who has left
		if c := &p.Changes[i]; c.Op == OpDeactivate || c.Op == OpDelete {
			loses[c.Account] = true
		}
	}
	for i := range p.Held {
		stays[p.Held[i].Account] = true
	}
	for i := range r.Problems {
		for k := range r.Problems[i].Write.Changes {
			stays[r.Problems[i].Write.Changes[k].Account] = true
		}
	}
	for _, a := range p.leaving {
		if !stays[a.Account] && (a.out || loses[a.Account]) {
			ended = append(ended, a.Assertion)
		}
	}
	return ended
}

// parting is what a push said of somebody who has left the app; out is whether they have
// no access any more.
type parting struct {
	Assertion
	out bool
}
