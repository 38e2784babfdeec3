package reconcile

import (
	"cmp"
	"slices"
)

// Memberships is the part of a plan that puts existing accounts into existing groups and
// takes them out, approved by somebody; empty: by nobody. What waits for an account or a
// group to be made is left to a run.
func (p Plan) Memberships(approved string) Plan {
	is := func(c *Change) bool {
		return (c.Op == OpAddMember || c.Op == OpRemoveMember) && c.Account != "" && c.GroupID != ""
	}
	p.Changes = slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return !is(&c) })
	p.Held = slices.DeleteFunc(slices.Clone(p.Held), func(h Held) bool { return !is(&h.Change) })
	p.Links = nil
	for i := range p.Changes {
		p.Changes[i].Approved = approved
	}
	p.seal()
	return p
}

// Regroup plans to make the memberships of groups what they once were. Groups and
// accounts that are not there any more are told in notes, and groups that were not there
// then are left alone. OneLogin is not asked, so that no receipt is; everything else that
// Guard says applies.
func Regroup(were []Group, current *Current, owner func(account string) (Key, bool), approved string) Plan {
	p := Plan{Receipt: Receipt{NotAsked: true}, Target: current.Lists, emptied: make(map[string][]string)}
	p.Counts.tomorro(current)
	p.knows(current.Groups)
	names, groups := make(map[string]string), make(map[string]*Group)
	for i := range current.Accounts {
		a := &current.Accounts[i]
		names[a.ID] = a.UserName
		if key, sure := owner(a.ID); sure {
			p.owner.set(a.ID, key)
		}
	}
	for i := range current.Groups {
		groups[current.Groups[i].ID] = &current.Groups[i]
	}
	for _, was := range were {
		is := groups[was.ID]
		if is == nil {
			p.Notes = append(p.Notes, Note{Subject: was.Name, Text: "the group is not at Tomorro any more"})
			continue
		}
		member := func(op Op, id string) {
			p.Changes = append(p.Changes, Change{Op: op, Key: p.owner.of(id), Account: id, Who: names[id], Group: is.Name, GroupID: is.ID, Cause: "back to the snapshot", Origin: FromUndo, Approved: approved})
		}
		for _, id := range was.Members {
			switch _, there := names[id]; {
			case !there:
				p.Notes = append(p.Notes, Note{Subject: cmp.Or(was.Name, was.ID), Text: "an account that was in it is not at Tomorro any more"})
			case !slices.Contains(is.Members, id):
				member(OpAddMember, id)
			}
		}
		for _, id := range is.Members {
			if !slices.Contains(was.Members, id) {
				member(OpRemoveMember, id)
			}
		}
	}
	p.seal()
	return p
}
