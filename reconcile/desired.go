package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// DefaultActive are the statuses that keep access: being locked out or having
// to set a password is a condition of signing in, not of working here.
func DefaultActive() []Status { return []Status{1, 3, 4, 5, 7, 8} }

// DefaultInactive are the statuses that lose access: unactivated and suspended.
func DefaultInactive() []Status { return []Status{0, 2} }

// Want is what should be at Tomorro for one person of OneLogin.
type Want struct {
	Person *Person
	// Active says whether the person should have access, and Cause why or why not.
	Cause  string
	Active bool
	// Managed is false for a person outside the configured scope: their account,
	// if any, is left alone.
	Managed bool
	// Left says that the person is unknown to OneLogin, or at work and without
	// the app, as opposed to suspended: only then may the account be deleted for
	// good.
	Left bool
	// shadowed people share their address with one active person and so are
	// never found by it.
	shadowed bool
	// unknown people are remembered here, and OneLogin does not know them.
	unknown bool
	// Role follows from the title; never nil, and the zero Role for whom no account is wanted.
	Role *Role
	// Hold says why this person's own data allows no change at all.
	Hold string
}

// Desired derives, for each person, what should be at Tomorro. It looks at
// OneLogin only.
//
//	not in scope                       nothing, whatever there is stays
//	without the app                    no account, or an inactive one
//	suspended, unactivated, unlicensed no account, or an inactive one
//	no e-mail, no name, odd status     held: nothing is changed
//	two active people with one e-mail  held, both
//	otherwise                          an active account with the e-mail as userName
func Desired(d *Directory, p *Policy) ([]Want, []Note) {
	scope, notes := newScope(d, p)
	wants, titles := make([]Want, len(d.People)), newTitleBook(p)
	for i := range d.People {
		wants[i] = desire(&d.People[i], scope, p, titles)
	}
	holdDuplicates(wants)
	return wants, notes
}

func desire(person *Person, scope scope, p *Policy, titles *titleBook) Want {
	w := Want{Person: person, Role: &titles.none}
	w.Managed, w.Hold = scope.holds(person)
	if !w.Managed || w.Hold != "" {
		return w
	}
	w.Active, w.Cause, w.Hold = activity(person, p)
	w.Left = !w.Active && p.atWork(person)
	if !w.Active || w.Hold != "" {
		return w
	}
	w.Hold = unfit(&w)
	if person.Unread.Has(FieldTitle) {
		w.Role = &titles.unread
	} else {
		w.Role = titles.role(person.Title)
	}
	return w
}

// Account is the wanted image without an id. It is empty for an inactive person, whose
// account keeps what it has.
func (w *Want) Account() Account {
	if !w.Active {
		return Account{}
	}
	given, family := w.names()
	return Account{UserName: w.userName(), GivenName: given, FamilyName: family, UserType: w.Role.Type, Active: true, ExternalID: ExternalID(w.Person.Key)}
}

// userName is empty for an inactive person.
func (w *Want) userName() string {
	if !w.Active {
		return ""
	}
	return strings.TrimSpace(w.Person.Email)
}

func (w *Want) names() (given, family string) {
	return strings.TrimSpace(w.Person.FirstName), strings.TrimSpace(w.Person.LastName)
}

// activity decides whether a person should have access. A status or licence
// that is not documented decides nothing.
func activity(person *Person, p *Policy) (active bool, cause, hold string) {
	if !person.Assigned {
		return false, "not assigned to the app in OneLogin", ""
	}
	if person.Unread&(FieldStatus|FieldLicence) != 0 {
		return false, assignedCause, "OneLogin did not give the status"
	}
	active, known := p.keepsAccess(person.Status)
	switch {
	case !known:
		return false, assignedCause, fmt.Sprintf("OneLogin gives status %d, which is neither an active nor an inactive one; see onelogin.active_statuses", person.Status)
	case !active:
		return false, "status " + statusName(person.Status), ""
	case person.Licence < 0 || person.Licence > 3:
		return false, assignedCause, fmt.Sprintf("OneLogin gives state %d, which is not documented", person.Licence)
	case person.Licence != Approved:
		return false, "state " + licenceName(person.Licence), ""
	}
	return true, assignedCause, ""
}

const assignedCause = "assigned to the app in OneLogin"

// atWork reports whether status and licence alone would give access.
func (p *Policy) atWork(person *Person) bool {
	active, _ := p.keepsAccess(person.Status)
	return active && person.Licence == Approved && person.Unread&(FieldStatus|FieldLicence) == 0
}

func (p *Policy) keepsAccess(s Status) (active, known bool) {
	yes, no := p.ActiveStatuses, p.InactiveStatuses
	if yes == nil {
		yes = DefaultActive()
	}
	if no == nil {
		no = DefaultInactive()
	}
	if slices.Contains(yes, s) {
		return true, true
	}
	return false, slices.Contains(no, s)
}

func statusName(s Status) string {
	names := map[Status]string{0: "unactivated", 1: "active", 2: "suspended", 3: "locked", 4: "password expired",
		5: "awaiting password reset", 7: "password pending", 8: "security questions required"}
	if n, ok := names[s]; ok {
		return n
	}
	return fmt.Sprint(int(s))
}

func licenceName(l Licence) string {
	names := map[Licence]string{0: "unapproved", 1: "approved", 2: "rejected", 3: "unlicensed"}
	return names[l]
}

// unfit says why Tomorro could not take the account of an active person, or nothing.
func unfit(w *Want) string {
	name := w.userName()
	given, family := w.names()
	switch {
	case w.Person.Unread&(FieldEmail|FieldFirstName|FieldLastName) != 0:
		return "OneLogin did not give the e-mail or a name"
	case name == "":
		return "has no e-mail in OneLogin; Tomorro's userName is the e-mail"
	case !strings.Contains(name, "@"):
		return fmt.Sprintf("the e-mail %q in OneLogin is not an address", name)
	case given == "" && family == "":
		return "has neither a first nor a last name in OneLogin; Tomorro needs both"
	case given == "":
		return "has no first name in OneLogin; Tomorro needs both names"
	case family == "":
		return "has no last name in OneLogin; Tomorro needs both names"
	}
	return ""
}

// holdDuplicates holds active people who share an address, and keeps inactive
// ones from claiming an active person's account by it.
func holdDuplicates(wants []Want) {
	first := make(map[string]int32, len(wants))
	for i := range wants {
		w := &wants[i]
		if w.userName() == "" {
			continue
		}
		name := Fold(w.userName())
		j, taken := first[name]
		if !taken {
			first[name] = int32(i)
			continue
		}
		other := &wants[j]
		w.Hold = sharedAddress(w.userName(), other.Person.Key)
		if other.Hold == "" {
			other.Hold = sharedAddress(other.userName(), w.Person.Key)
		}
	}
	for i := range wants {
		w := &wants[i]
		if !w.Active {
			_, w.shadowed = first[Fold(w.Person.Email)]
		}
	}
}

func sharedAddress(address string, other Key) string {
	return fmt.Sprintf("shares the e-mail %s with OneLogin user %d; give each their own", address, other)
}

// sameText compares names: another normal form of the same letters is no change.
func sameText(a, b string) bool {
	return a == b || norm.NFC.String(strings.TrimSpace(a)) == norm.NFC.String(strings.TrimSpace(b))
}

// scope is who is managed.
type scope struct {
	all    bool
	unread bool // the roles' names could not be read
	roles  map[int64]bool
}

func newScope(d *Directory, p *Policy) (scope, []Note) {
	if len(p.ScopeRoles) == 0 {
		return scope{all: true}, nil
	}
	s := scope{roles: make(map[int64]bool), unread: !d.Receipt.Read(ListRoles)}
	var notes []Note
	for _, name := range p.ScopeRoles {
		found := false
		for _, r := range d.Roles {
			if Fold(r.Name) == Fold(name) {
				s.roles[r.ID], found = true, true
			}
		}
		if !found && !s.unread {
			notes = append(notes, Note{Subject: "onelogin.scope_roles", Text: fmt.Sprintf("OneLogin has no role %q", name)})
		}
	}
	return s, notes
}

func (s scope) holds(p *Person) (managed bool, hold string) {
	switch {
	case s.all:
		return true, ""
	case s.unread || p.Unread.Has(FieldRoles):
		return true, "the roles that decide whether this person is managed could not be read"
	}
	return slices.ContainsFunc(p.Roles, func(id int64) bool { return s.roles[id] }), ""
}
