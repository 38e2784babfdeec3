package reconcile

import (
	"maps"
	"slices"
)

// GuardEach guards each person's changes as if they came alone, one person after
// the other: of twenty pushes that arrive together with room for ten, ten go
// through. Within a run, Guard holds a kind that is over its limit as a whole,
// because there the number itself is the warning. What one person uses of the
// limits, and the admins they cost, count for the next.
//
// The plan is one of few people (Input.Only). The counts of their pull say nothing,
// so no band is looked at.
func GuardEach(plan Plan, policy *Policy) Plan {
	each := *policy
	each.Pulls, each.Spent = nil, make(map[Limit]int)
	maps.Copy(each.Spent, policy.Spent)
	parts, groups := plan.byPerson()
	out, counts := plan, plan.Counts
	out.Changes, out.Held = nil, nil
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		part := plan
		part.Counts, part.Held = counts, parts[key].held
		part.Changes = append(parts[key].needs(groups), parts[key].changes...)
		part = Guard(part, &each)
		for l, n := range Spend(part.Changes) {
			each.Spent[l] += n
		}
		lost, _ := adminsLost(part.Changes)
		counts.Admins -= lost
		out.add(&part)
	}
	slices.SortFunc(out.Changes, compareChanges)
	out.sortHeld()
	out.minAdmins, out.ignored = policy.MinAdmins, policy.Ignored
	return out
}

// add takes over one person's part. A group that several of them need is created
// once, and held once if nobody's part creates it.
func (p *Plan) add(part *Plan) {
	for _, c := range part.Changes {
		if c.Op == OpCreateGroup {
			p.Held = slices.DeleteFunc(p.Held, func(h Held) bool { return c.sameGroup(h.Change) })
			if slices.ContainsFunc(p.Changes, c.sameGroup) {
				continue
			}
		}
		p.Changes = append(p.Changes, c)
	}
	for _, h := range part.Held {
		same := func(x Held) bool { return h.sameGroup(x.Change) }
		if h.Op != OpCreateGroup || !slices.ContainsFunc(p.Changes, h.sameGroup) && !slices.ContainsFunc(p.Held, same) {
			p.Held = append(p.Held, h)
		}
	}
}

// portion is what a plan says of one person.
type portion struct {
	changes []Change
	held    []Held
}

// byPerson takes a plan apart. The groups that it creates are nobody's.
func (p *Plan) byPerson() (parts map[Key]*portion, groups []Change) {
	parts = make(map[Key]*portion)
	of := func(k Key) *portion {
		if parts[k] == nil {
			parts[k] = new(portion)
		}
		return parts[k]
	}
	for i := range p.Changes {
		if c := p.Changes[i]; c.Op == OpCreateGroup {
			groups = append(groups, c)
		} else {
			of(c.Key).changes = append(of(c.Key).changes, c)
		}
	}
	for i := range p.Held {
		of(p.Held[i].Key).held = append(of(p.Held[i].Key).held, p.Held[i])
	}
	return parts, groups
}

// needs are the new groups that a person is to be in.
func (p *portion) needs(groups []Change) []Change {
	var needed []Change
	for i := range groups {
		if slices.ContainsFunc(p.changes, func(c Change) bool { return c.Op == OpAddMember && c.GroupID == "" && c.sameNew(&groups[i]) }) {
			needed = append(needed, groups[i])
		}
	}
	return needed
}

func (c *Change) sameNew(group *Change) bool { return Fold(c.Group) == Fold(group.Group) }

func (c *Change) sameGroup(other Change) bool { return other.Op == OpCreateGroup && c.sameNew(&other) }

// LosesAdmin reports whether the change makes one active admin less. Who decides
// about one must know about all, or two of them would go at the same time.
func (c *Change) LosesAdmin() bool { return losesAdmin(c) }
