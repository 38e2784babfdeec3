package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// phases build the writes of an Apply, each when the one before has ended, as
// waves of chains: a wave's chains run side by side, a chain's writes in order.
var phases = []func(*applier) [][][]Write{
	(*applier).groupCreates,
	(*applier).people,
	(*applier).memberships,
	(*applier).losses,
	(*applier).userDeletes,
	(*applier).groupDeletes,
}

func (a *applier) groupCreates() [][][]Write {
	return wave(a.each(OpCreateGroup, func(c Change) Write {
		return Write{Op: WriteCreateGroup, Group: c.Group, Changes: []Change{c}}
	}))
}

func (a *applier) userDeletes() [][][]Write {
	return wave(a.each(OpDelete, func(c Change) Write {
		return Write{Op: WriteDeleteUser, Account: *c.Before, Before: *c.Before, Changes: []Change{c}}
	}))
}

func (a *applier) groupDeletes() [][][]Write {
	return wave(a.each(OpDeleteGroup, func(c Change) Write {
		return Write{Op: WriteDeleteGroup, GroupID: c.GroupID, Group: c.Group, Changes: []Change{c}}
	}))
}

func (a *applier) each(op Op, build func(Change) Write) []Write {
	var writes []Write
	for i := range a.changes {
		if a.changes[i].Op == op {
			writes = append(writes, build(a.changes[i]))
		}
	}
	return writes
}

// wave makes every write a chain of its own.
func wave(writes []Write) [][][]Write {
	chains := make([][]Write, len(writes))
	for i := range writes {
		chains[i] = writes[i : i+1]
	}
	return [][][]Write{chains}
}

// userWrites merges each person's changes into one request.
func (a *applier) userWrites() (keep, lose []Write) {
	byKey := make(map[Key]int)
	var writes []Write
	for i := range a.changes {
		c := &a.changes[i]
		switch c.Op {
		case OpCreate:
			writes = append(writes, Write{Op: WriteCreateUser, Account: *c.After, Changes: []Change{*c}})
		case OpReactivate, OpRename, OpChangeRole, OpUpdateName, OpDeactivate:
			j, seen := byKey[c.Key]
			if !seen {
				j = len(writes)
				byKey[c.Key] = j
				writes = append(writes, Write{Op: WriteUpdateUser, Account: *c.Before, Before: *c.Before})
			}
			merge(&writes[j].Account, c)
			writes[j].Changes = append(writes[j].Changes, *c)
		}
	}
	needed := a.neededAddresses()
	for _, w := range writes {
		takes := func(c Change) bool { return c.Op == OpDeactivate || losesAdmin(&c) }
		switch {
		case !slices.ContainsFunc(w.Changes, takes):
			keep = append(keep, w)
		case needed[w.Account.ID] && len(w.Changes) > 1:
			first, second := split(w, takes)
			keep, lose = append(keep, first), append(lose, second)
		default:
			lose = append(lose, w)
		}
	}
	return keep, lose
}

// neededAddresses are the accounts whose address somebody else gets.
func (a *applier) neededAddresses() map[string]bool {
	needed := make(map[string]bool)
	for i := range a.plan.Changes {
		c := &a.plan.Changes[i]
		if c.Op != OpCreate && c.Op != OpRename {
			continue
		}
		if id, taken := a.plan.occupant[Fold(c.After.UserName)]; taken && id != c.Account {
			needed[id] = true
		}
	}
	return needed
}

// split makes two requests of one: who waits for the address need not wait for
// what is taken away last.
func split(w Write, takes func(Change) bool) (first, second Write) {
	first = Write{Op: w.Op, Account: w.Before, Before: w.Before}
	for _, c := range w.Changes {
		if takes(c) {
			second.Changes = append(second.Changes, c)
		} else {
			first.Changes = append(first.Changes, c)
			merge(&first.Account, &c)
		}
	}
	second.Op, second.Account, second.Before = w.Op, w.Account, first.Account
	return first, second
}

// merge sets in account what c changes, and nothing else: another change of the
// same person may be held.
func merge(account *Account, c *Change) {
	switch c.Op {
	case OpReactivate, OpDeactivate:
		account.Active = c.After.Active
	case OpRename:
		account.UserName = c.After.UserName
	case OpChangeRole:
		account.UserType = c.After.UserType
	case OpUpdateName:
		account.GivenName, account.FamilyName = c.After.GivenName, c.After.FamilyName
	}
	if account.ExternalID == "" {
		account.ExternalID = ExternalID(c.Key)
	}
}

// people are the creates and updates that take nothing away, in waves: who needs
// an address comes after the one who gives it up.
func (a *applier) people() [][][]Write {
	writes, _ := a.userWrites()
	leaves := make(map[string]int) // account -> index of the write that renames it
	for i, w := range writes {
		if w.Op == WriteUpdateUser && Fold(w.Account.UserName) != Fold(w.Before.UserName) {
			leaves[w.Account.ID] = i
		}
	}
	depth := make([]int, len(writes))
	var waves [][][]Write
	for i := range writes {
		d := a.depth(writes, leaves, depth, i)
		for len(waves) <= d {
			waves = append(waves, nil)
		}
		waves[d] = append(waves[d], writes[i:i+1])
	}
	return waves
}

// depth is how many renames must come first; it is memoised as depth+1. Cycles
// were held by the diff.
func (a *applier) depth(writes []Write, leaves map[string]int, memo []int, i int) int {
	if memo[i] > 0 {
		return memo[i] - 1
	}
	memo[i] = 1
	w := &writes[i]
	id, taken := a.plan.occupant[Fold(w.Account.UserName)]
	if j, moves := leaves[id]; taken && moves && id != w.Account.ID {
		memo[i] = a.depth(writes, leaves, memo, j) + 2
	}
	return memo[i] - 1
}

// losses are the demotions of admins and the deactivations.
func (a *applier) losses() [][][]Write {
	_, writes := a.userWrites()
	return wave(writes)
}

// memberships builds one chain per group, each request carrying as many members
// as fit, adds before removals.
func (a *applier) memberships() [][][]Write {
	byGroup := make(map[string][]Change)
	for i := range a.changes {
		c := a.changes[i]
		if c.Op != OpAddMember && c.Op != OpRemoveMember {
			continue
		}
		if c.GroupID == "" {
			c.GroupID = a.groups[Fold(c.Group)]
		}
		id := c.GroupID
		if id == "" {
			id = Fold(c.Group) // could not be created: ready drops it
		}
		byGroup[id] = append(byGroup[id], c)
	}
	size := a.opts.MembersPerWrite
	if size <= 0 {
		size = 100
	}
	var chains [][]Write
	for _, id := range slices.Sorted(maps.Keys(byGroup)) {
		var chain []Write
		for part := range slices.Chunk(byGroup[id], size) {
			chain = append(chain, Write{Op: WriteMembers, GroupID: part[0].GroupID, Group: part[0].Group, Changes: part})
		}
		chains = append(chains, chain)
	}
	// The longest chains start first, so that none is left alone at the end.
	slices.SortStableFunc(chains, func(x, y []Write) int { return cmp.Compare(len(y), len(x)) })
	return [][][]Write{chains}
}

// ready drops from a write what an earlier failure forbids, and fills in the
// ids that earlier phases made. dropped tells what, by reason.
func (a *applier) ready(ctx context.Context, w Write) (Write, map[string][]Change) {
	dropped := make(map[string][]Change)
	if err := ctx.Err(); err != nil {
		reason := fmt.Sprintf("the run was stopped: %v", context.Cause(ctx))
		dropped[reason] = w.Changes
		w.Changes = nil
		return w, dropped
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := make([]Change, 0, len(w.Changes))
	for _, c := range w.Changes {
		if reason := a.forbids(&w, &c); reason != "" {
			dropped[reason] = append(dropped[reason], c)
			continue
		}
		if w.Op == WriteMembers {
			c.Account = a.accountOf(&c)
			if c.Op == OpAddMember {
				w.Add = append(w.Add, c.Account)
			} else {
				w.Remove = append(w.Remove, c.Account)
			}
		}
		kept = append(kept, c)
	}
	w.Changes = kept
	if w.Op == WriteUpdateUser && len(dropped) > 0 && len(kept) > 0 {
		// What is left is merged anew, without what was dropped.
		w.Account = w.Before
		for i := range kept {
			merge(&w.Account, &kept[i])
		}
	}
	return w, dropped
}

// forbids says why a change can no longer be made, or nothing.
func (a *applier) forbids(w *Write, c *Change) string {
	switch {
	case w.Op == WriteMembers && w.GroupID == "":
		return "the group could not be created"
	case c.Op == OpAddMember && a.accountOf(c) == "":
		return "the account could not be created"
	case c.Op == OpRemoveMember && a.failedGroup[w.GroupID]:
		return "an earlier change of this group failed"
	case c.Op == OpDeleteGroup && len(a.failed)+len(a.failedGroup) > 0:
		return "groups are deleted only when everything before went well"
	case (c.Op.Removes() || losesAdmin(c)) && c.Key != 0 && a.failed[c.Key]:
		return "an earlier change of this person failed"
	case losesAdmin(c) && a.adminsLeft() < a.plan.minAdmins:
		return "the new admins that this relies on could not be made"
	case (c.Op == OpDeactivate || c.Op == OpDelete) && a.plan.substituteKey != 0 && a.failed[a.plan.substituteKey]:
		return "the default substitute, who would inherit, could not be made fit for it"
	case (c.Op == OpCreate || c.Op == OpRename) && a.addressHeld(c):
		return "the address is still another account's, whose change of e-mail failed"
	}
	return ""
}

// adminsLeft is how many admins remain if every loss of the plan happens and
// only those gains that did.
func (a *applier) adminsLeft() int {
	return a.plan.Counts.Admins + a.gained - a.lost
}

// addressHeld reports whether the account that has the wanted address now was
// to be renamed and was not.
func (a *applier) addressHeld(c *Change) bool {
	id, taken := a.plan.occupant[Fold(c.After.UserName)]
	if !taken || id == c.Account {
		return false
	}
	return a.failed[a.plan.owner[id]]
}
