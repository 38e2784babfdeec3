package reconcile

import "fmt"

// Somebody who is deleted in OneLogin and made again, as a directory that is imported
// anew does with everybody, has another OneLogin id and the same e-mail. Two people who
// have an address one after the other look the same, and the account has only one of
// them's contracts. So nobody guesses: the account is not taken from the one and not
// given to the other before somebody says whose it is.

// succession notes who has no account for certain and the address of somebody's whom OneLogin
// no longer knows. Whoever is in no scope may be at work as well, and would be left alone.
func (d *differ) succession(p *pair) {
	if !p.want.MayWork() {
		return
	}
	name := Fold(p.want.Person.Email)
	for _, a := range []*Account{d.join.byName[name], d.join.twins[name]} {
		if former := d.formerOwner(a); former != 0 {
			d.plan.succeeds(former, p.want.Person.Key)
		}
	}
}

func (p *Plan) succeeds(former, now Key) {
	if p.successors == nil {
		p.successors = make(map[Key]Key)
	}
	p.successors[former] = now
}

// MayWork reports whether somebody is to have access, or nobody here can say so.
func (w *Want) MayWork() bool { return w.Active || !w.Managed || w.Hold != "" }

// takenBy says who has the address that p is to have. A plan about few people does not know
// whether OneLogin still has the account's owner, and must not have the account thrown away
// of somebody who was only made anew there.
func (d *differ) takenBy(p *pair, a *Account) string {
	if former := d.formerOwner(a); former != 0 && d.plan.successors[former] == p.want.Person.Key {
		return "the account with this address is of somebody whom OneLogin no longer knows: for how to decide that it is the same person under another id, see: tomorro-sync adopt; if it is somebody else, rename or remove that account"
	}
	if owner := d.unseenOwner(a); owner != 0 {
		return fmt.Sprintf("the address %s is taken by account %s, which is that of OneLogin user %d; if OneLogin no longer has that user, see how to decide that this is the same person under another id with: tomorro-sync adopt; else rename or remove that account", a.UserName, a.ID, owner)
	}
	return fmt.Sprintf("the address %s is taken by account %s, which is not this person's; rename or remove that account", a.UserName, a.ID)
}

// unseenOwner is whose an account is, by what is remembered or by its mark, at whom a plan
// about few people does not look; 0 is nobody.
func (d *differ) unseenOwner(a *Account) Key {
	if !d.join.some || d.join.owner.of(a.ID) != 0 {
		return 0
	}
	owner, _ := ParseExternalID(a.ExternalID)
	for key, account := range d.in.Links {
		if account == a.ID && (owner == 0 || key < owner) {
			owner = key
		}
	}
	return owner
}

// formerOwner is whose an account is, by what is remembered or by its mark, whom OneLogin
// no longer knows; 0 is nobody.
func (d *differ) formerOwner(a *Account) Key {
	if a == nil {
		return 0
	}
	key := d.join.owner.of(a.ID)
	if marked, ours := ParseExternalID(a.ExternalID); key == 0 && ours && !d.join.some {
		key = marked
	}
	if p := d.join.find(key); p != nil && !p.want.unknown {
		return 0
	}
	return key
}

// recreatedRule removes nobody whose address somebody at work has, who has no account.
// Its reason is the same for all: when a directory is imported anew, they are everybody.
func recreatedRule(successors map[Key]Key) reason {
	return func(c *Change) string {
		if successors[c.Key] == 0 || c.Op != OpDeactivate && c.Op != OpDelete || c.Origin == FromUndo {
			return ""
		}
		return "somebody at work has this e-mail under another OneLogin id, and no account: for how to decide that it is the same person, see: tomorro-sync adopt; if it is somebody else, approve this"
	}
}
