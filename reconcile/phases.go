package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// chain is writes that follow each other. Each is made when the one before it has
// ended, and belongs to whoever takes it: a plan's changes are copied for the requests
// under way, not all at once.
type chain = iter.Seq[Write]

// phases say what an Apply writes, each when the one before has ended, in waves: a
// wave's chains run side by side.
var phases = []func(*applier) [][]chain{
	(*applier).groupCreates,
	(*applier).people,
	(*applier).memberships,
	(*applier).losses,
	(*applier).userDeletes,
	(*applier).groupDeletes,
}

func (a *applier) groupCreates() [][]chain {
	return a.each(OpCreateGroup, func(c Change) Write {
		return Write{Op: WriteCreateGroup, Group: c.Group, Changes: []Change{c}}
	})
}

func (a *applier) userDeletes() [][]chain {
	return a.each(OpDelete, func(c Change) Write {
		return Write{Op: WriteDeleteUser, Account: *c.Before, Before: *c.Before, Changes: []Change{c}}
	})
}

func (a *applier) groupDeletes() [][]chain {
	return a.each(OpDeleteGroup, func(c Change) Write {
		return Write{Op: WriteDeleteGroup, GroupID: c.GroupID, Group: c.Group, Changes: []Change{c}}
	})
}

// each makes a chain of its own of every change of a kind.
func (a *applier) each(op Op, build func(Change) Write) [][]chain {
	var wave []chain
	for i := range a.changes {
		if c := &a.changes[i]; c.Op == op {
			wave = append(wave, func(yield func(Write) bool) { yield(build(*c)) })
		}
	}
	return [][]chain{wave}
}

// draft is what travels of one person's changes in one request.
type draft struct {
	earlier []*Change // what another request has carried before
	changes []*Change
}

func (d *draft) creates() bool { return d.changes[0].Op == OpCreate }

// account is whose it is; empty before it exists.
func (d *draft) account() string { return d.changes[0].Account }

// userName is the address after the request.
func (d *draft) userName() string {
	for _, c := range d.changes {
		if c.Op == OpCreate || c.Op == OpRename {
			return c.After.UserName
		}
	}
	return d.changes[0].Before.UserName
}

func (d *draft) write() Write {
	w := Write{Op: WriteUpdateUser, Changes: make([]Change, len(d.changes))}
	for i, c := range d.changes {
		w.Changes[i] = *c
	}
	if d.creates() {
		w.Op, w.Account = WriteCreateUser, *d.changes[0].After
		return w
	}
	w.Before = *d.changes[0].Before
	for _, c := range d.earlier {
		merge(&w.Before, c)
	}
	w.Account = w.Before
	for _, c := range d.changes {
		merge(&w.Account, c)
	}
	return w
}

// chained makes a chain of each draft.
func chained(drafts []draft) []chain {
	wave := make([]chain, len(drafts))
	for i := range drafts {
		wave[i] = func(yield func(Write) bool) { yield(drafts[i].write()) }
	}
	return wave
}

// drafts merges each person's changes into one request.
func (a *applier) drafts() (keep, lose []draft) {
	byKey := make(map[Key]int)
	var drafts []draft
	for i := range a.changes {
		c := &a.changes[i]
		switch c.Op {
		case OpCreate:
			drafts = append(drafts, draft{changes: []*Change{c}})
		case OpReactivate, OpRename, OpChangeRole, OpUpdateName, OpDeactivate:
			j, seen := byKey[c.Key]
			if !seen {
				j = len(drafts)
				byKey[c.Key] = j
				drafts = append(drafts, draft{})
			}
			drafts[j].changes = append(drafts[j].changes, c)
		}
	}
	needed := a.neededAddresses()
	for _, d := range drafts {
		takes := func(c *Change) bool { return c.Op == OpDeactivate || losesAdmin(c) }
		switch {
		case !slices.ContainsFunc(d.changes, takes):
			keep = append(keep, d)
		case needed[d.account()] && len(d.changes) > 1:
			first, second := split(d, takes)
			keep, lose = append(keep, first), append(lose, second)
		default:
			lose = append(lose, d)
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
		if has := a.plan.occupant[Fold(c.After.UserName)]; has != nil && has.ID != c.Account {
			needed[has.ID] = true
		}
	}
	return needed
}

// split makes two requests of one: who waits for the address need not wait for
// what is taken away last.
func split(d draft, takes func(*Change) bool) (first, second draft) {
	for _, c := range d.changes {
		if takes(c) {
			second.changes = append(second.changes, c)
		} else {
			first.changes = append(first.changes, c)
		}
	}
	second.earlier = first.changes
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
	former, ours := ParseExternalID(account.ExternalID)
	if account.ExternalID == "" || ours && former != c.Key && c.Origin != FromUndo {
		account.ExternalID = ExternalID(c.Key) // of somebody else only where a person said so; see Adoption.Owners
	}
}

// people are the creates and updates that take nothing away, in waves: who needs
// an address comes after the one who gives it up.
func (a *applier) people() [][]chain {
	drafts, _ := a.drafts()
	leaves := make(map[string]int) // account -> index of the draft that renames it
	for i := range drafts {
		if d := &drafts[i]; !d.creates() && Fold(d.userName()) != Fold(d.changes[0].Before.UserName) {
			leaves[d.account()] = i
		}
	}
	depth := make([]int32, len(drafts))
	var waves [][]chain
	for i, c := range chained(drafts) {
		d := int(a.depth(drafts, leaves, depth, i))
		for len(waves) <= d {
			waves = append(waves, nil)
		}
		waves[d] = append(waves[d], c)
	}
	return waves
}

// depth is how many renames must come first; it is memoised as depth+1. Cycles
// were held by the diff.
func (a *applier) depth(drafts []draft, leaves map[string]int, memo []int32, i int) int32 {
	if memo[i] > 0 {
		return memo[i] - 1
	}
	memo[i] = 1
	d := &drafts[i]
	if has := a.plan.occupant[Fold(d.userName())]; has != nil && has.ID != d.account() {
		if j, moves := leaves[has.ID]; moves {
			memo[i] = a.depth(drafts, leaves, memo, j) + 2
		}
	}
	return memo[i] - 1
}

// losses are the demotions of admins and the deactivations.
func (a *applier) losses() [][]chain {
	_, drafts := a.drafts()
	return [][]chain{chained(drafts)}
}

// memberships builds one chain per group, each request carrying as many members
// as fit, adds before removals.
func (a *applier) memberships() [][]chain {
	byGroup := make(map[string][]*Change)
	for i := range a.changes {
		c := &a.changes[i]
		if c.Op != OpAddMember && c.Op != OpRemoveMember {
			continue
		}
		id := cmp.Or(c.GroupID, a.groups[Fold(c.Group)], Fold(c.Group)) // the last could not be created: ready drops it
		byGroup[id] = append(byGroup[id], c)
	}
	groups := slices.Collect(maps.Values(byGroup))
	// The longest chains start first, so that none is left alone at the end.
	slices.SortFunc(groups, func(x, y []*Change) int {
		return cmp.Or(cmp.Compare(len(y), len(x)), cmp.Compare(x[0].Group, y[0].Group), cmp.Compare(x[0].GroupID, y[0].GroupID))
	})
	wave := make([]chain, len(groups))
	for i := range groups {
		wave[i] = func(yield func(Write) bool) {
			for part := range slices.Chunk(groups[i], cmp.Or(max(0, a.opts.MembersPerWrite), 100)) {
				if !yield(a.memberWrite(part)) {
					return
				}
			}
		}
	}
	return [][]chain{wave}
}

// memberWrite is one request about a group.
func (a *applier) memberWrite(part []*Change) Write {
	w := Write{Op: WriteMembers, GroupID: cmp.Or(part[0].GroupID, a.groups[Fold(part[0].Group)]), Group: part[0].Group, Changes: make([]Change, len(part))}
	for i, c := range part {
		w.Changes[i] = *c
		w.Changes[i].GroupID = w.GroupID
	}
	return w
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
	kept := w.Changes[:0] // a write's changes are its own
	for _, c := range w.Changes {
		if reason := a.forbids(&w, &c); reason != "" {
			dropped[reason] = append(dropped[reason], c)
			continue
		}
		if w.Op == WriteMembers {
			c.Account = a.accountOf(&c)
			if c.Op == OpAddMember && a.plan.unlisted[[2]string{w.GroupID, c.Account}] {
				a.finished++ // the create met them, a member already: what adds nothing must not be undone
				continue
			}
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
	has := a.plan.occupant[Fold(c.After.UserName)]
	return has != nil && has.ID != c.Account && a.failed[a.plan.owner.of(has.ID)]
}
