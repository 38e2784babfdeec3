package reconcile

import (
	"fmt"
	"time"
)

// Adoption is what is known of the accounts that Tomorro had before this program came.
type Adoption struct {
	// Open says that nobody has looked through them yet: nobody is removed, no address
	// changes, and nobody gets a second account beside one that may be theirs.
	Open bool
	// Foreign are the ids of accounts that somebody said are nobody's in OneLogin.
	Foreign map[string]bool
	// Owners are whose accounts somebody said which are, by account id. That is above what
	// a mark or a link says, which may be of an id that OneLogin no longer knows. An undo,
	// which does not ask OneLogin, has what marks and links say in it as well.
	Owners map[string]Key
}

// AdoptionDecision is what somebody said of an account that was there: whose it is.
type AdoptionDecision struct {
	Key Key `json:"key,omitempty"` // 0: nobody's in OneLogin
	// Former is who was linked to the account, whom OneLogin no longer knows; 0: nobody.
	Former Key       `json:"former,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// passedRule leaves alone an account that was somebody's when a run wrote it, and is
// another's now, or nobody's by what was decided since: what an undo takes back of theirs,
// it would take from whoever has it. What follows from OneLogin knows whose each account is.
func passedRule(known *Adoption) reason {
	return func(c *Change) string {
		switch owner := known.Owners[c.Account]; {
		case c.Origin != FromUndo || c.Key == 0 || c.Account == "":
		case known.Foreign[c.Account]:
			return "somebody decided since that the account is nobody's in OneLogin, so it stays as it is"
		case owner != 0 && owner != c.Key:
			return fmt.Sprintf("the account is OneLogin user %d's now, so it stays as it is", owner)
		}
		return ""
	}
}

// NameKey is by which two names are one person's, as far as names go: in any order and
// case. It is empty when a part is missing.
func NameKey(given, family string) string {
	given, family = Fold(given), Fold(family)
	switch {
	case given == "" || family == "":
		return ""
	case given > family:
		given, family = family, given
	}
	return given + "\x00" + family
}

// namesakes gives for each person to be created the account that carries their name and
// is nobody's. In a plan that looks at some people only, whose accounts others are is not
// known, and there are none.
func (d *differ) namesakes() map[Key]*Account {
	if !d.in.Policy.Adoption.Open || d.join.some {
		return nil
	}
	strangers := make(map[string]*Account)
	for i := range d.in.Current.Accounts {
		a := &d.in.Current.Accounts[i]
		key := NameKey(a.GivenName, a.FamilyName)
		if d.join.owner.of(a.ID) == 0 && key != "" && strangers[key] == nil && !d.in.Policy.Adoption.Foreign[a.ID] {
			strangers[key] = a
		}
	}
	found := make(map[Key]*Account)
	for i := range d.plan.Changes {
		if c := &d.plan.Changes[i]; c.Op == OpCreate {
			if a := strangers[NameKey(c.After.GivenName, c.After.FamilyName)]; a != nil {
				found[c.Key] = a
			}
		}
	}
	return found
}

// adoptionRule keeps what was there as it is until somebody has looked through it: who
// is found by their address on the first day keeps that address and their groups.
func adoptionRule(plan *Plan, policy *Policy) reason {
	const until = "until somebody has looked through the accounts that Tomorro had: tomorro-sync adopt, and then tomorro-sync adopt done"
	return func(c *Change) string {
		switch {
		case !policy.Adoption.Open || c.Origin == FromUndo:
		case c.Op.Removes():
			return "nobody and nothing is removed " + until
		case c.Op == OpRename:
			return "no address changes " + until
		case c.Op == OpCreate && plan.namesakes[c.Key] != nil:
			a := plan.namesakes[c.Key]
			return fmt.Sprintf("account %s has the same name; say whose it is with tomorro-sync adopt match, or that it is nobody's with tomorro-sync adopt foreign", a.UserName)
		}
		return ""
	}
}
