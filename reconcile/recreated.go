package reconcile

import "fmt"

// Somebody who is deleted in OneLogin and made again, as a directory that is imported
// anew does with everybody, has another OneLogin id and the same e-mail. Two people who
// have an address one after the other look the same, and the account has only one of
// them's contracts. So nobody guesses: the account is not taken from the one and not
// given to the other before somebody says whose it is.

// succession notes who has no account and the address of somebody's whom OneLogin no longer
// knows.
func (d *differ) succession(p *pair) {
	former := d.formerOwner(d.join.byName[Fold(p.want.userName())])
	if former == 0 {
		return
	}
	if d.plan.successors == nil {
		d.plan.successors = make(map[Key]Key)
	}
	d.plan.successors[former] = p.want.Person.Key
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

// sayWhose is what to do when an account is a person's after all.
func sayWhose(address string, key Key) string {
	return fmt.Sprintf("if they are the same person: tomorro-sync adopt match %s %d", address, key)
}

// recreatedRule removes nobody whose address somebody at work has, who has no account.
func recreatedRule(successors map[Key]Key) reason {
	return func(c *Change) string {
		successor := successors[c.Key]
		if successor == 0 || c.Op != OpDeactivate && c.Op != OpDelete || c.Origin == FromUndo {
			return ""
		}
		return fmt.Sprintf("OneLogin no longer knows user %d, and user %d has the same e-mail and no account: %s; if not, approve this", c.Key, successor, sayWhose(c.Who, successor))
	}
}
