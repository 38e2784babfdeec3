package jobs

import (
	"regexp"
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// Erased stands where a value of an erased person stood.
const Erased = "erased"

// Eraser gives an edit for Eraser.Erase that takes a person's values out of an
// entry: e-mails, names, titles, and whatever texts say of them. What stays is
// that something was changed, when, by which run, and about which OneLogin id.
func (p *Person) Eraser() func(*Entry) bool {
	var words *regexp.Regexp
	if len(p.Addresses) > 0 {
		var quoted []string
		for address := range p.Addresses {
			if address != "" && address != Erased {
				quoted = append(quoted, regexp.QuoteMeta(address))
			}
		}
		slices.Sort(quoted)
		if len(quoted) > 0 {
			words = regexp.MustCompile(`(?i)` + strings.Join(quoted, "|"))
		}
	}
	x := eraser{person: p, words: words, intents: make(map[string]bool)}
	return x.edit
}

// Subjects are the names under which a store may remember the person by a value of
// theirs: see Eraser.Forget. Assertions and pushes have ids only.
func (p *Person) Subjects() []string {
	var all []string
	for address := range p.Addresses {
		if address != "" && address != Erased {
			all = append(all, AddressSubject(address))
		}
	}
	slices.Sort(all)
	return all
}

type eraser struct {
	person  *Person
	words   *regexp.Regexp // the person's addresses; nil when there are none
	intents map[string]bool
	changed bool
}

func (x *eraser) edit(e *Entry) bool {
	x.changed = false
	if e.Write != nil {
		x.write(e)
	}
	for i := range e.Held {
		if h := &e.Held[i]; x.person.Concerns(&h.Change) {
			x.change(&h.Change)
			x.set(&h.Reason)
		} else {
			x.text(&h.Reason)
		}
	}
	if x.intents[e.Intent] {
		x.set(&e.Error)
		x.set(&e.Note)
	}
	x.text(&e.Error)
	x.text(&e.Note)
	if e.Decided != nil {
		x.text(&e.Decided.Why)
	}
	if e.Report != nil {
		for _, lines := range [][]string{e.Report.Errors, e.Report.Incomplete, e.Report.Fallbacks} {
			for i := range lines {
				x.text(&lines[i])
			}
		}
		for i := range e.Report.Ignored {
			x.notKept(&e.Report.Ignored[i])
		}
	}
	return x.changed
}

func (x *eraser) notKept(n *NotKept) {
	if x.person.Concerns(&reconcile.Change{Op: n.Op, Key: n.Key, Who: n.Who}) {
		x.set(&n.Who)
		x.set(&n.Sent) // it may be a name
		x.set(&n.There)
	}
	for _, s := range []*string{&n.Who, &n.Sent, &n.There} {
		x.text(s)
	}
}

func (x *eraser) write(e *Entry) {
	concerned := false
	for i := range e.Write.Changes {
		if c := &e.Write.Changes[i]; x.person.Concerns(c) {
			concerned = true
			x.change(c)
		}
	}
	if !concerned {
		return
	}
	x.intents[e.ID] = true
	switch e.Write.Op {
	case reconcile.WriteCreateUser, reconcile.WriteUpdateUser, reconcile.WriteDeleteUser:
		x.account(&e.Write.Account)
		x.account(&e.Write.Before)
	}
}

func (x *eraser) change(c *reconcile.Change) {
	x.set(&c.Who)
	x.set(&c.Cause) // it may quote a title
	for _, a := range []*reconcile.Account{c.Before, c.After} {
		if a != nil {
			x.account(a)
		}
	}
}

func (x *eraser) account(a *reconcile.Account) {
	x.set(&a.UserName)
	x.set(&a.GivenName)
	x.set(&a.FamilyName)
}

// set erases a whole value.
func (x *eraser) set(s *string) {
	if *s != "" && *s != Erased {
		*s, x.changed = Erased, true
	}
}

// text erases the person's addresses from a text about several people.
func (x *eraser) text(s *string) {
	if x.words == nil {
		return
	}
	if clean := x.words.ReplaceAllString(*s, Erased); clean != *s {
		*s, x.changed = clean, true
	}
}
