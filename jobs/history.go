package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tomorro-sync/reconcile"
)

// Person is one person as the journal knows them: by OneLogin id, and under all
// e-mails and accounts that they ever had.
type Person struct {
	Key       reconcile.Key   // 0 for an account that is nobody's in OneLogin
	Accounts  map[string]bool // Tomorro's ids
	Addresses map[string]bool // folded
}

// ErrNobody marks a person that the journal does not know.
var ErrNobody = errors.New("the journal knows nobody")

// FindPerson looks up a person by OneLogin id or by any e-mail that they ever had.
// It fails with ErrNobody, and when several people had that e-mail.
func FindPerson(ctx context.Context, journal JournalReader, who string) (*Person, error) {
	p := &Person{Accounts: make(map[string]bool), Addresses: make(map[string]bool)}
	key, byID := reconcile.ParseKey(who)
	keys, ownerless := make(map[reconcile.Key]bool), false
	err := eachChange(ctx, journal, func(c *reconcile.Change) {
		switch named := !byID && addressed(c, reconcile.Fold(who)); {
		case named && c.Key == 0 && c.Account != "":
			p.Accounts[c.Account], ownerless = true, true
		case named && c.Key != 0, byID && c.Key == key:
			keys[c.Key] = true
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(keys) > 1:
		return nil, fmt.Errorf("%d people had the e-mail %s: %s; name one by id", len(keys), who, listKeys(keys))
	case len(keys) == 0 && !ownerless:
		return nil, fmt.Errorf("%w named %s", ErrNobody, who)
	}
	for k := range keys {
		p.Key = k
	}
	return p, eachChange(ctx, journal, p.learn)
}

// learn takes what a change about the person says of them.
func (p *Person) learn(c *reconcile.Change) {
	if !p.Concerns(c) {
		return
	}
	if c.Account != "" {
		p.Accounts[c.Account] = true
	}
	for _, address := range addresses(c) {
		p.Addresses[reconcile.Fold(address)] = true
	}
}

func listKeys(keys map[reconcile.Key]bool) string {
	var text []string
	for k := range keys {
		text = append(text, "OneLogin user "+k.String())
	}
	slices.Sort(text)
	return strings.Join(text, ", ")
}

// eachChange gives every change that the journal has, intended or held.
func eachChange(ctx context.Context, journal JournalReader, yield func(*reconcile.Change)) error {
	return journal.Scan(ctx, time.Time{}, func(e Entry) bool {
		if e.Write != nil {
			for i := range e.Write.Changes {
				yield(&e.Write.Changes[i])
			}
		}
		for i := range e.Held {
			yield(&e.Held[i].Change)
		}
		return true
	})
}

func addresses(c *reconcile.Change) []string {
	list := []string{c.Who}
	for _, a := range []*reconcile.Account{c.Before, c.After} {
		if a != nil {
			list = append(list, a.UserName)
		}
	}
	return list
}

func addressed(c *reconcile.Change, folded string) bool {
	for _, address := range addresses(c) {
		if address != "" && reconcile.Fold(address) == folded {
			return true
		}
	}
	return false
}

// Concerns tells whether a change is about the person.
func (p *Person) Concerns(c *reconcile.Change) bool {
	if c.Key != 0 {
		return c.Key == p.Key
	}
	return c.Account != "" && p.Accounts[c.Account]
}

// History narrows entries to what concerns one person: of a write about many
// people, only their part. Give it entries in their order.
type History struct {
	Person  *Person // nil: everybody
	intents map[string]bool
}

// Take gives the person's part of an entry; false when they have none.
func (h *History) Take(e Entry) (Entry, bool) {
	if h.Person == nil {
		return e, true
	}
	if h.intents == nil {
		h.intents = make(map[string]bool)
	}
	found := e.Intent != "" && h.intents[e.Intent]
	if e.Write != nil {
		w := *e.Write
		w.Changes = nil
		for _, c := range e.Write.Changes {
			if h.Person.Concerns(&c) {
				w.Changes = append(w.Changes, c)
			}
		}
		e.Write, found = &w, len(w.Changes) > 0
		h.intents[e.ID] = found
	}
	var held []reconcile.Held
	for i := range e.Held {
		if h.Person.Concerns(&e.Held[i].Change) {
			held = append(held, e.Held[i])
		}
	}
	e.Held = held
	e.Said = slices.DeleteFunc(slices.Clone(e.Said), func(t reconcile.Testimony) bool { return t.Key != h.Person.Key })
	e.Pushed = slices.DeleteFunc(slices.Clone(e.Pushed), func(p Pushed) bool { return p.Key == 0 || p.Key != h.Person.Key })
	if h.Person.Key != 0 && slices.Contains(e.Keys, h.Person.Key) {
		e.Keys, found = []reconcile.Key{h.Person.Key}, true
	}
	return e, found || len(held) > 0 || len(e.Said) > 0 || len(e.Pushed) > 0
}
