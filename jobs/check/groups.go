package check

import (
	"fmt"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// groups looks for the groups that rules give among those of Tomorro.
func (e *evaluation) groups() {
	r := Result{ID: "groups.exist", Step: stepGroups, Status: Pass}
	switch {
	case e.f.PullErr != nil || !e.f.Directory.Receipt.Read(reconcile.ListRules):
		e.unread(r.ID, r.Step, "the rules")
	case e.f.ReadErr != nil:
		e.unread(r.ID, r.Step, "Tomorro's groups")
	default:
		e.groupsExist(&r)
		e.addOfPeople(r)
	}
	e.add(Result{ID: "groups.restricted", Step: stepRestrict, Status: Unseen,
		Found: "whether Tomorro lets people edit groups by hand cannot be seen; groups.mode is " + string(e.s.Policy.GroupMode),
		Do:    "In Tomorro, Integrations > User Provisioning: restrict group assignment to your identity provider, if nobody else is to set groups"})
}

// groupsExist compares by name, and by id, as the rules say it.
func (e *evaluation) groupsExist(r *Result) {
	book := e.book()
	people := make([]*reconcile.Person, 0, len(e.active))
	for _, w := range e.active {
		people = append(people, w.Person)
	}
	_, wanted := book.Count(people, e.f.Directory.ReadAt)
	missing, spelt := 0, 0
	seen := make(map[string]bool)
	for _, g := range append(book.Groups(), wanted...) {
		if seen[g.Group] {
			continue
		}
		seen[g.Group] = true
		name, how := e.group(g.Group)
		switch {
		case how == exact:
		case how == folded:
			spelt++
			r.Items = append(r.Items, fmt.Sprintf("%s gives %q; Tomorro has %q", g.Cause, g.Group, name))
		case how == near:
			missing++
			r.Items = append(r.Items, fmt.Sprintf("%s gives %q, which Tomorro does not have; it has %q", g.Cause, g.Group, name))
		case !e.s.Policy.CreateGroups:
			missing++
			r.Items = append(r.Items, fmt.Sprintf("%s gives %q, which Tomorro does not have", g.Cause, g.Group))
		default:
			r.Items = append(r.Items, fmt.Sprintf("%q will be made (groups.create)", g.Group))
		}
	}
	r.Found = fmt.Sprintf("each group that a rule gives is at Tomorro (%s there)", words.Count(len(e.f.Current.Groups), "group is", "groups are"))
	const do = "In Tomorro, make the group or correct its name; then in the app, Provisioning > Entitlements > Refresh, and choose it in the rule"
	switch {
	case missing > 0:
		r.Status, r.Do = Fail, do+"; or set groups.create: true"
		r.Found = words.Count(missing, "group that a rule gives is", "groups that rules give are") + " not at Tomorro"
	case spelt > 0:
		r.Status, r.Do = Warn, do
		r.Found = words.Count(spelt, "group is", "groups are") + " spelt otherwise at Tomorro: taken for the same here, and perhaps not by OneLogin"
	}
}

// How a group's name was found at Tomorro.
const (
	none = iota
	near
	folded
	exact
)

// group gives the group of Tomorro that a rule means, or nearly means.
func (e *evaluation) group(said string) (name string, how int) {
	for i := range e.f.Current.Groups {
		g := &e.f.Current.Groups[i]
		is := none
		switch {
		case g.Name == said || g.ID == said:
			is = exact
		case reconcile.Fold(g.Name) == reconcile.Fold(said):
			is = folded
		case reconcile.Bare(g.Name) == reconcile.Bare(said) && reconcile.Bare(said) != "":
			is = near
		}
		if is > how {
			name, how = g.Name, is
		}
	}
	return name, how
}
