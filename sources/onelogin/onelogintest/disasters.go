package onelogintest

import (
	"fmt"
	"slices"
	"strconv"
)

// The sites of a staged company, which are roles. Nobody has FormerFieldSales.
const (
	HeadOffice       = "Head office"
	FieldSales       = "Field sales"
	FormerFieldSales = "Field sales (until 2024)"
)

// siteRole is the id of the first site's role; the others follow it.
const siteRole = 450_001

// Stage makes a generated company ready for rehearsing disasters: everybody
// belongs to one of two sites, three in eight to FieldSales, which a rule gives a
// group of its own, and a quarter are account executives. Of 800 people who work
// there, that is a group of 300, and 200 people of one title.
func (w *World) Stage() {
	for i, name := range []string{HeadOffice, FieldSales, FormerFieldSales} {
		w.Roles = append(w.Roles, Role{ID: siteRole + int64(i), Name: name})
	}
	n := len(w.Rules) + 1
	w.Rules = append(w.Rules, Rule{ID: int64(317_000 + n), Name: FieldSales, Match: "all", Enabled: true, Position: &n,
		Conditions: []Condition{{"has_role", "ri", strconv.Itoa(siteRole + 1)}},
		Actions:    []Action{{Action: "set_groups", Value: []string{"Tomorro " + FieldSales}}}})
	for _, p := range w.People {
		p.RoleIDs = append(p.RoleIDs, siteRole)
	}
	for _, p := range w.lastWorking(len(w.People) * 3 / 8) {
		p.RoleIDs[len(p.RoleIDs)-1] = siteRole + 1
	}
	for _, p := range w.lastWorking(len(w.People) / 4) {
		p.Title = new("Account Executive")
	}
}

// lastWorking are the last n people who work here and have the app: the first
// ones have the oddities.
func (w *World) lastWorking(n int) []*Person {
	working := slices.DeleteFunc(slices.Clone(w.People), func(p *Person) bool { return p.Status != 1 || p.State != 1 || !w.HasApp(p) })
	return working[max(0, len(working)-n):]
}

// LoseHalf takes every other person out of the directory, as if they had never
// been there. It gives their addresses.
func (w *World) LoseHalf() []string {
	var lost []*Person
	for i, p := range w.People {
		if i%2 == 1 {
			lost = append(lost, p)
		}
	}
	return w.lose(lost)
}

// LoseFieldSales deletes everybody of that site. It gives their addresses.
func (w *World) LoseFieldSales() []string {
	return w.lose(w.fieldSales())
}

func (w *World) fieldSales() []*Person {
	return slices.DeleteFunc(slices.Clone(w.People), func(p *Person) bool { return !slices.Contains(p.RoleIDs, siteRole+1) })
}

func (w *World) lose(people []*Person) []string {
	for _, p := range people {
		w.Remove(p.ID)
	}
	return addresses(people)
}

// Recreate deletes a person and makes them again: all is as it was, under a new id.
func (w *World) Recreate(p *Person) {
	w.Remove(p.ID)
	w.Add(p)
}

// RecreateEverybody imports the whole directory anew. It gives everybody's addresses.
func (w *World) RecreateEverybody() []string {
	for _, p := range slices.Clone(w.People) {
		w.Recreate(p)
	}
	return addresses(w.People)
}

// SuspendEverybody gives everybody the status suspended.
func (w *World) SuspendEverybody() []string {
	for _, p := range w.People {
		p.Status = 2
	}
	return addresses(w.People)
}

// EmptyFieldSales has somebody choose the wrong role in the rule that gives
// FieldSales its group. It gives the addresses of whom the rule gave it to.
func (w *World) EmptyFieldSales() []string {
	i := slices.IndexFunc(w.Rules, func(r Rule) bool { return r.Name == FieldSales })
	w.Rules[i].Conditions = []Condition{{"has_role", "ri", strconv.Itoa(siteRole + 2)}}
	return addresses(w.fieldSales())
}

// Join lets n people begin at the head office. It gives their addresses.
func (w *World) Join(n int) []string {
	var joined []*Person
	for i := range n {
		joined = append(joined, w.Add(&Person{FirstName: "New", LastName: "Joiner", Email: fmt.Sprintf("new.joiner.%d@acme.example", i+1),
			Username: new(""), Title: new("user"), Department: new("Sales"), Status: 1, State: 1, Assigned: true, RoleIDs: []int64{w.Roles[0].ID, siteRole}}))
	}
	return addresses(joined)
}

func addresses(people []*Person) []string {
	all := make([]string, len(people))
	for i, p := range people {
		all[i] = p.Email
	}
	return all
}
