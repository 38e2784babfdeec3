package reconcile

import "slices"

// NotDone is the outcome of a write that, looked at afterwards, had no effect.
const NotDone = "not done"

// Settle tells what became of a write whose answer nobody heard, from what
// Tomorro has now: done, not done, or uncertain when it shows neither what was
// wanted nor what was there before. owner tells whose each known account is.
func Settle(w Write, current *Current, owner map[string]Key) Outcome {
	o := Outcome{Write: w, Result: NotDone}
	switch w.Op {
	case WriteCreateUser:
		o.settleCreate(current, owner)
	case WriteUpdateUser:
		a := accountWith(current, w.Account.ID)
		switch {
		case a == nil && w.Before.Active && !w.Account.Active:
			o.Result, o.ID = Done, w.Account.ID // lists may leave out leavers, and a service may let go of them
		case a == nil || sameAccount(*a, w.Before):
		case sameAccount(*a, w.Account):
			o.Result, o.ID = Done, a.ID
		default:
			o.Result, o.ID = Uncertain, a.ID
		}
	case WriteDeleteUser:
		if accountWith(current, w.Account.ID) == nil {
			o.Result, o.ID = Done, w.Account.ID
		}
	case WriteCreateGroup:
		for i := range current.Groups {
			if Fold(current.Groups[i].Name) == Fold(w.Group) {
				o.Result, o.ID = Done, current.Groups[i].ID
			}
		}
	case WriteDeleteGroup:
		if groupWith(current, w.GroupID) == nil {
			o.Result, o.ID = Done, w.GroupID
		}
	case WriteMembers:
		o.settleMembers(current)
	}
	return o
}

func (o *Outcome) settleCreate(current *Current, owner map[string]Key) {
	key := Key(0)
	if len(o.Write.Changes) > 0 {
		key = o.Write.Changes[0].Key
	}
	for i := range current.Accounts {
		a := &current.Accounts[i]
		if Fold(a.UserName) != Fold(o.Write.Account.UserName) {
			continue
		}
		marked, isMarked := ParseExternalID(a.ExternalID)
		if whose, known := owner[a.ID]; known && whose != key || isMarked && marked != key {
			continue // somebody else's: the create was refused or is still to come
		}
		o.Result, o.ID = Done, a.ID
	}
}

func (o *Outcome) settleMembers(current *Current) {
	g := groupWith(current, o.Write.GroupID)
	if g == nil || current.MembersUnknown {
		o.Result = Uncertain
		return
	}
	o.ID = g.ID
	done, wanted := 0, len(o.Write.Add)+len(o.Write.Remove)
	for _, id := range o.Write.Add {
		if slices.Contains(g.Members, id) {
			done++
		}
	}
	for _, id := range o.Write.Remove {
		if !slices.Contains(g.Members, id) {
			done++
		}
	}
	switch done {
	case wanted:
		o.Result = Done
	case 0:
	default:
		o.Result = Uncertain
	}
}

func accountWith(c *Current, id string) *Account {
	for i := range c.Accounts {
		if c.Accounts[i].ID == id {
			return &c.Accounts[i]
		}
	}
	return nil
}

func groupWith(c *Current, id string) *Group {
	for i := range c.Groups {
		if c.Groups[i].ID == id {
			return &c.Groups[i]
		}
	}
	return nil
}

// sameAccount compares what this program writes, but for the mark, which a
// service may not keep.
func sameAccount(a, b Account) bool {
	return Fold(a.UserName) == Fold(b.UserName) && sameText(a.GivenName, b.GivenName) && sameText(a.FamilyName, b.FamilyName) &&
		a.UserType == b.UserType && a.Active == b.Active
}
