package jobs

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
				quoted = append(quoted, regexp.QuoteMeta(address), regexp.QuoteMeta(url.QueryEscape(address))) // errors have addresses of requests
			}
		}
		slices.SortFunc(quoted, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest that fits
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

// Mentioned gives, by e-mail, somebody whom FindPerson does not know, and whom the journal
// names in what it says of others: who decided only, or who was erased and is named since.
// It fails with ErrNobody.
func Mentioned(ctx context.Context, journal JournalReader, address string) (*Person, error) {
	p, named := &Person{Addresses: map[string]bool{reconcile.Fold(address): true}}, false
	edit := p.Eraser()
	if strings.Contains(address, "@") { // any other word may be part of a text that says nothing of a person
		if err := journal.Scan(ctx, time.Time{}, func(e Entry) bool { named = edit(&e); return !named }); err != nil {
			return nil, err
		}
	}
	if !named {
		return nil, fmt.Errorf("%w named %s", ErrNobody, address)
	}
	return p, nil
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
		x.text(&e.Held[i].Approved)
	}
	if e.Trigger != nil {
		x.text(&e.Trigger.Who)
	}
	if e.Receipt != nil {
		x.receipt(e.Receipt)
	}
	for i := range e.Said {
		if t := &e.Said[i]; t.Key != 0 && t.Key == x.person.Key {
			x.set(&t.Why)
		} else {
			x.text(&t.Why)
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
		x.texts(e.Decided.By)
	}
	if e.Report != nil {
		x.report(e.Report)
	}
	return x.changed
}

func (x *eraser) report(r *Report) {
	x.text(&r.Trigger.Who)
	x.text(&r.Unread)
	for _, lines := range [][]string{r.Errors, r.Incomplete, r.Fallbacks} {
		x.texts(lines)
	}
	for i := range r.Ignored {
		x.notKept(&r.Ignored[i])
	}
}

func (x *eraser) receipt(r *reconcile.Receipt) {
	x.texts(r.Fallbacks)
	for i := range r.Lists {
		x.text(&r.Lists[i].Why)
	}
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
		x.text(&e.Write.Changes[i].Approved) // by somebody about somebody else
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

func (x *eraser) texts(list []string) {
	for i := range list {
		x.text(&list[i])
	}
}

// text erases the person's addresses from a text about several people. One that is a part
// of somebody else's, as ann@x.io is of joann@x.io, stays.
func (x *eraser) text(s *string) {
	if x.words == nil || *s == "" {
		return
	}
	var clean strings.Builder
	from := 0
	for _, at := range x.words.FindAllStringIndex(*s, -1) {
		if before, after := (*s)[:at[0]], (*s)[at[1]:]; endsInWord(before) || beginsInWord(after) {
			continue
		}
		clean.WriteString((*s)[from:at[0]])
		clean.WriteString(Erased)
		from = at[1]
	}
	if from > 0 {
		*s, x.changed = clean.String()+(*s)[from:], true
	}
}

// endsInWord and beginsInWord report whether an address would go on there.
func endsInWord(text string) bool {
	if escaped.MatchString(text) {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(text, "._+-"))
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// escaped ends with a character as addresses of requests have it.
var escaped = regexp.MustCompile(`%[0-9A-F]{2}$`)

func beginsInWord(text string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(text, ".-"))
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}
