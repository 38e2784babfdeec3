// Package roster lists the groups at Tomorro: who feeds each, and what each is for.
//
// The set-up guide advises to keep apart groups that give access to templates and
// contracts from groups that stand for a permission, such as "Admins". Which folders a
// group opens, no API tells. What can be seen is who is in it: a group is one of
// permission when everybody in it has one and the same role at Tomorro that is more than
// a user's, and at least half of those who have that role are in it. Such a group says
// the same as the title does, by other means.
package roster

import (
	"cmp"
	"slices"

	"tomorro-sync/reconcile"
)

// Kind is what a group is for, as far as can be seen.
type Kind string

// The kinds. A group of nobody is of neither.
const (
	Access     Kind = "access"
	Permission Kind = "permission"
)

// Row is one group: at Tomorro, or named by a rule and not there.
type Row struct {
	ID      string `json:"id,omitempty"` // empty: Tomorro does not have it
	Name    string `json:"name"`
	Members int    `json:"members"`
	// Kind is for what, and Role the one that all members of a permission group have.
	Kind Kind               `json:"kind,omitempty"`
	Role reconcile.UserType `json:"role,omitempty"`
	// Rules give it, ByHand is how many have it by hand in OneLogin, NobodySays how many
	// are in it without either: by hand at Tomorro, or by a rule that is uncertain.
	Rules      []string `json:"rules"`
	ByHand     int      `json:"byHand"`
	NobodySays int      `json:"nobodySays"`
	Ours       bool     `json:"madeByTomorroSync"`
	// Near is a group at Tomorro whose name nearly is that of this one, which is not there.
	Near string `json:"near,omitempty"`
}

// Input is what is known of both sides.
type Input struct {
	Directory *reconcile.Directory
	Current   *reconcile.Current
	Asserted  []reconcile.Assertion
	Policy    *reconcile.Policy
	// Owner gives whose account one is, as far as that is certain.
	Owner func(account string) (reconcile.Key, bool)
}

// List gives a row for each group at Tomorro and for each that a rule names, by name.
func List(in Input) []Row {
	book := reconcile.CompileRules(in.Directory.Rules, in.Directory.Roles, in.Policy.Rules)
	l := &list{in: in, book: book, types: make(map[string]reconcile.UserType), people: make(map[reconcile.Key]*reconcile.Person), all: make(map[reconcile.UserType]int)}
	for i := range in.Current.Accounts {
		if a := &in.Current.Accounts[i]; a.Active {
			l.types[a.ID] = a.UserType
			l.all[a.UserType]++
		}
	}
	for i := range in.Directory.People {
		l.people[in.Directory.People[i].Key] = &in.Directory.People[i]
	}
	rows := make([]Row, 0, len(in.Current.Groups))
	for i := range in.Current.Groups {
		rows = append(rows, l.row(&in.Current.Groups[i]))
	}
	rows = append(rows, l.missing()...)
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return rows
}

type list struct {
	in     Input
	book   *reconcile.RuleBook
	types  map[string]reconcile.UserType // of active accounts
	all    map[reconcile.UserType]int    // how many active accounts have it
	people map[reconcile.Key]*reconcile.Person
}

// means reports whether a rule that says a group means this one.
func means(said string, g *reconcile.Group) bool {
	return said == g.ID || reconcile.Fold(said) == reconcile.Fold(g.Name)
}

func (l *list) row(g *reconcile.Group) Row {
	r := Row{ID: g.ID, Name: g.Name, Members: len(g.Members), Ours: g.Ours, Rules: []string{}}
	for _, grant := range l.book.Groups() {
		if means(grant.Group, g) && !slices.Contains(r.Rules, grant.Cause) {
			r.Rules = append(r.Rules, grant.Cause)
		}
	}
	for _, id := range g.Members {
		said := slices.ContainsFunc(l.in.Asserted, func(a reconcile.Assertion) bool { return a.Account == id && a.Group == g.ID && !a.Off })
		switch {
		case said:
			r.ByHand++
		case !l.byRule(id, g, &r):
			r.NobodySays++
		}
	}
	r.Kind, r.Role = l.kind(g)
	return r
}

// byRule reports whether a rule gives somebody a group, and notes one that takes the
// group's name from people's data.
func (l *list) byRule(account string, g *reconcile.Group, r *Row) bool {
	key, sure := l.in.Owner(account)
	person := l.people[key]
	if !sure || person == nil {
		return false
	}
	for _, grant := range l.book.Evaluate(person, l.in.Directory.ReadAt).Grants {
		if means(grant.Group, g) {
			if !slices.Contains(r.Rules, grant.Cause) {
				r.Rules = append(r.Rules, grant.Cause)
			}
			return true
		}
	}
	return false
}

// kind looks at the roles of the members.
func (l *list) kind(g *reconcile.Group) (Kind, reconcile.UserType) {
	var role reconcile.UserType
	same, active := true, 0
	for _, id := range g.Members {
		t, is := l.types[id]
		if !is {
			continue // whoever has no access has no permission either
		}
		active++
		same = same && (active == 1 || t == role)
		role = t
	}
	switch {
	case active == 0:
		return "", ""
	case same && (role == reconcile.Admin || role == reconcile.Manager) && 2*active >= l.all[role]:
		return Permission, role
	}
	return Access, ""
}

// missing are the groups that rules name and Tomorro lacks.
func (l *list) missing() (rows []Row) {
	at := make(map[string]int)
	for _, grant := range l.book.Groups() {
		if slices.ContainsFunc(l.in.Current.Groups, func(g reconcile.Group) bool { return means(grant.Group, &g) }) {
			continue
		}
		key := reconcile.Fold(grant.Group)
		i, had := at[key]
		if !had {
			i = len(rows)
			at[key], rows = i, append(rows, Row{Name: grant.Group, Rules: []string{}, Near: l.near(grant.Group)})
		}
		if !slices.Contains(rows[i].Rules, grant.Cause) {
			rows[i].Rules = append(rows[i].Rules, grant.Cause)
		}
	}
	return rows
}

func (l *list) near(name string) string {
	for i := range l.in.Current.Groups {
		if g := l.in.Current.Groups[i].Name; reconcile.Bare(g) == reconcile.Bare(name) && reconcile.Bare(name) != "" {
			return g
		}
	}
	return ""
}
