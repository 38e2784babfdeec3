package jobs

import (
	"slices"
	"strings"

	"tomorro-sync/reconcile"
)

// The beginnings of subjects that are no person's id.
const (
	accountPrefix = "account "
	updatedPrefix = "updated "
	addressPrefix = "address "
)

// Subject names who a change is about, for claims: the person, the account of
// nobody, or the group.
func Subject(c *reconcile.Change) string {
	switch {
	case c.Key != 0:
		return c.Key.String()
	case c.Account != "":
		return accountPrefix + c.Account
	case c.GroupID != "":
		return "group " + c.GroupID
	}
	return "group named " + reconcile.Fold(c.Group)
}

// AccountSubject names whoever has an account, by Tomorro's id.
func AccountSubject(id string) string { return accountPrefix + id }

// AddressSubject names somebody of whom nothing is known but an e-mail.
func AddressSubject(address string) string { return addressPrefix + reconcile.Fold(address) }

// adminsSubject is one more subject of whatever makes one admin less: whether enough
// remain depends on all of them.
const adminsSubject = "admins"

// Subjects names everybody whom a write is about, as Subject does, each once.
func Subjects(w *reconcile.Write) []string {
	names := make([]string, 0, len(w.Changes))
	for i := range w.Changes {
		names = append(names, Subject(&w.Changes[i]))
		if w.Changes[i].LosesAdmin() {
			names = append(names, adminsSubject)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// UpdatedSubject names somebody whom only the fast pass wants to be looked at: see
// FastPass. It is a mark of its own, so that it neither weakens one of a push nor is
// strengthened by it.
func UpdatedSubject(key reconcile.Key) string { return updatedPrefix + key.String() }

// whose is the subject that claims about somebody have.
func whose(subject string) string { return strings.TrimPrefix(subject, updatedPrefix) }

// keyOf gives the person whom a subject names.
func keyOf(subject string) (reconcile.Key, bool) {
	return reconcile.ParseKey(whose(subject))
}
