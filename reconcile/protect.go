package reconcile

import (
	"fmt"
	"strings"
)

const groupPrefix = "group:"

// protectedGroups gives the folded names of the groups in `protect:`.
func protectedGroups(protect []string) map[string]bool {
	names := make(map[string]bool)
	for _, p := range protect {
		if name, isGroup := protectedGroup(p); isGroup {
			names[name] = true
		}
	}
	return names
}

// protectedGroup gives the folded name of the group that an entry of `protect:` is about.
func protectedGroup(entry string) (name string, isGroup bool) {
	name, isGroup = strings.CutPrefix(Fold(entry), groupPrefix)
	return Fold(name), isGroup
}

// noteUnprotected names what `protect:` says and neither side has: whoever was meant is
// not protected. Where not everybody was read, nothing can be said of that.
func (d *differ) noteUnprotected() {
	protect := d.in.Policy.Protect
	if len(protect) == 0 || d.in.Only != nil || d.in.Rest != nil || !d.in.Directory.Receipt.Complete() {
		return
	}
	missing := make(map[string]string, len(protect)) // by folded entry
	for _, entry := range protect {
		folded := Fold(entry)
		if name, isGroup := protectedGroup(entry); isGroup {
			folded = groupPrefix + name
		}
		missing[folded] = entry
	}
	for i := range d.in.Current.Groups {
		delete(missing, groupPrefix+Fold(d.in.Current.Groups[i].Name))
	}
	for i := range d.in.Directory.People {
		p := &d.in.Directory.People[i]
		delete(missing, Fold(p.Email))
		delete(missing, p.Key.String())
	}
	for _, key := range d.join.owner.keys { // also of those whom OneLogin forgot
		delete(missing, key.String())
	}
	for folded, entry := range missing {
		what := "whom neither OneLogin nor Tomorro knows"
		if strings.HasPrefix(folded, groupPrefix) {
			what = "and Tomorro has no such group"
		} else if d.join.byName[folded] != nil {
			continue
		}
		d.plan.Notes = append(d.plan.Notes, Note{Subject: "protect", Text: fmt.Sprintf("names %q, %s: nobody is protected by it", entry, what)})
	}
}

// protectRule knows protected people by id and by the address they have on
// either side, so that a person who is being renamed stays protected; and groups by
// name, with whoever is in them.
func protectRule(plan *Plan, policy *Policy) reason {
	set, accounts := make(map[string]bool), make(map[string]bool)
	for _, p := range policy.Protect {
		set[Fold(p)] = true
		if a := plan.occupant[Fold(p)]; a != nil {
			accounts[a.ID] = true
		}
	}
	groups := protectedGroups(policy.Protect)
	shielded := plan.shielded(groups)
	api := Fold(policy.APIAccount)
	return func(c *Change) string {
		switch {
		case c.Group != "" && groups[Fold(c.Group)]:
			return fmt.Sprintf("group %s is protected by protect: in the configuration", c.Group)
		case c.Account == "":
		case accounts[c.Account] || set[c.Key.String()] || set[Fold(c.Who)]:
			return "protected by protect: in the configuration"
		case shielded[c.Account] != "":
			return fmt.Sprintf("is in group %s, which is protected by protect: in the configuration", shielded[c.Account])
		case api != "" && (plan.has(api) == c.Account || Fold(c.Who) == api):
			return "is the account whose token this program uses (tomorro.api_account), which no run changes: " + byHand(c)
		}
		return ""
	}
}

// byHand says how a change of the account whose token this is gets made.
func byHand(c *Change) string {
	switch c.Op {
	case OpRename:
		return fmt.Sprintf("set the e-mail %s at Tomorro by hand, and in tomorro.api_account", c.After.UserName)
	case OpDeactivate, OpDelete:
		return "make a token with another account first, and name that one in tomorro.api_account"
	}
	return "make this change at Tomorro by hand"
}

// shielded are the members of protected groups, by account, each with the group.
func (p *Plan) shielded(protected map[string]bool) map[string]string {
	in := make(map[string]string)
	for i := range p.groups {
		if g := &p.groups[i]; protected[Fold(g.Name)] {
			for _, m := range g.Members {
				in[m] = g.Name
			}
		}
	}
	return in
}

// has is the id of the account that has a folded userName now, or empty.
func (p *Plan) has(name string) string {
	if a := p.occupant[name]; a != nil {
		return a.ID
	}
	return ""
}

// substituteRule knows the default substitute by the address on either side. The
// set-up guide has it take over what leavers own, and Tomorro asks of a substitute
// at least the leaver's role.
func substituteRule(plan *Plan, substitute string) reason {
	name := Fold(substitute)
	if name == "" {
		return func(*Change) string { return "" }
	}
	account, standIn := plan.has(name), plan.standIn(name)
	return func(c *Change) string {
		leaves := c.Op == OpDeactivate || c.Op == OpDelete
		if c.Account != "" && (c.Account == account || Fold(c.Who) == name) && (leaves || demotes(c)) {
			return "is Tomorro's default substitute, who inherits what leavers own; choose another there first"
		}
		if leaves {
			return standIn.cannotReplace(c.Before, substitute)
		}
		return ""
	}
}

// standIn is the default substitute as this plan leaves it, nil when there is none.
// What makes it fit comes before any removal, and Apply looks whether it happened.
func (p *Plan) standIn(name string) *Account {
	a, key := p.occupant[name], Key(0)
	for i := range p.Changes { // who gets the address
		c := &p.Changes[i]
		switch {
		case c.Op == OpCreate && Fold(c.After.UserName) == name:
			a, key = c.After, c.Key
		case c.Op == OpRename && Fold(c.After.UserName) == name:
			a, key = c.Before, c.Key
		}
	}
	if a == nil {
		return nil
	}
	image := *a
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.After == nil || c.Key != key && (a.ID == "" || c.Account != a.ID) {
			continue
		}
		if c.Op != OpCreate {
			merge(&image, c)
		}
		p.substituteKey = c.Key
	}
	return &image
}

// cannotReplace says why nobody, or not this leaver, can be removed with a as the
// default substitute.
func (a *Account) cannotReplace(leaver *Account, substitute string) string {
	switch {
	case a == nil:
		return fmt.Sprintf("the default substitute %s has no account at Tomorro, so nobody would inherit what leavers own; see tomorro.default_substitute", substitute)
	case !a.Active:
		return fmt.Sprintf("the default substitute %s is inactive at Tomorro, so nobody would inherit what leavers own; choose another there and in tomorro.default_substitute", substitute)
	case rank(a.UserType) < rank(leaver.UserType):
		return fmt.Sprintf("is %s, and the default substitute %s is only %s: Tomorro asks for at least the leaver's role; choose another there and in tomorro.default_substitute", leaver.UserType, substitute, a.UserType)
	}
	return ""
}
