package reconcile

import (
	"fmt"
	"strings"
)

// UserType is Tomorro's role as SCIM's userType carries it: lower case, one of
// the four words of the set-up guide.
type UserType string

// The four documented values.
const (
	Admin   UserType = "admin"
	Manager UserType = "manager"
	User    UserType = "user"
	Viewer  UserType = "viewer"
)

// Valid reports whether u is one of the four.
func (u UserType) Valid() bool {
	return u == Admin || u == Manager || u == User || u == Viewer
}

// Shows gives the name under which people see a userType in Tomorro, as in step
// 5 of the set-up guide. A word that the pricing does not have stays as it is.
func (p Pricing) Shows(u UserType) string {
	table := map[UserType]string{Admin: "Admin", Manager: "Manager", User: "Contributor"}
	if p != PricingV5 {
		table = map[UserType]string{Admin: "Admin", Manager: "Creator - Manager", User: "Creator - Contributor", Viewer: "Viewer"}
	}
	if name, ok := table[u]; ok {
		return name
	}
	return string(u)
}

// Role is what a title means at Tomorro: the same for all who have that title.
type Role struct {
	Type  UserType
	Cause string
	Hold  string // why there is none
}

// titleBook is a policy's titles, folded once, and what was read in it so far.
type titleBook struct {
	table  map[string]UserType
	viewer bool // viewer is a role here
	known  map[string]*Role

	none, unread Role // of whom no account is wanted, and of whom OneLogin gave no title
}

func newTitleBook(p *Policy) *titleBook {
	b := &titleBook{table: make(map[string]UserType, len(p.Titles)), viewer: p.Pricing != PricingV5 || p.AllowViewer, known: make(map[string]*Role),
		unread: Role{Hold: "OneLogin did not give the title, so the role is unknown"}}
	for title, u := range p.Titles {
		b.table[FoldTitle(title)] = u
	}
	return b
}

// role gives what a title means; one for each spelling.
func (b *titleBook) role(title string) *Role {
	if r := b.known[title]; r != nil {
		return r
	}
	r := b.read(title)
	b.known[title] = &r
	return &r
}

// read gives the role that a job title means, or says why there is none:
//
//	admin, manager, user, viewer   itself
//	a key of titles:               what titles: says
//	viewer on V4/V5 pricing        held, unless allowed: the guide has no such role there
//	anything else, or nothing      held
//
// Case, surrounding and repeated blanks do not matter.
func (b *titleBook) read(title string) Role {
	key := FoldTitle(title)
	title = strings.TrimSpace(title)
	r := Role{Type: UserType(key), Cause: fmt.Sprintf("title %q", title)}
	if !r.Type.Valid() {
		r.Type = b.table[key]
		r.Cause = fmt.Sprintf("title %q -> %s by titles:", title, r.Type)
	}
	switch {
	case key == "":
		return Role{Hold: "has no title in OneLogin, from which Tomorro's role follows; fill it in, or map it in OneLogin"}
	case r.Type == "":
		return Role{Hold: fmt.Sprintf("nobody has said which role the title %q means; add it to titles: in the configuration", title)}
	case r.Type == Viewer && !b.viewer:
		return Role{Hold: fmt.Sprintf("the title %q means viewer, which pricing V4/V5 does not have; see tomorro.allow_viewer", title)}
	}
	return r
}

// FoldTitle is the form in which titles are compared: case, surrounding and repeated
// blanks do not matter.
func FoldTitle(title string) string { return strings.Join(strings.Fields(Fold(title)), " ") }
