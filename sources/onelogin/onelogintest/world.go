package onelogintest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Person is one user, with the attributes of GET /api/2/users/{id}.
type Person struct {
	ID            int64             `json:"id"`
	Username      *string           `json:"username"`
	Email         string            `json:"email"`
	FirstName     string            `json:"firstname"`
	LastName      string            `json:"lastname"`
	Title         *string           `json:"title"`
	Department    *string           `json:"department"`
	Company       *string           `json:"company"`
	Phone         string            `json:"phone"`
	Comment       string            `json:"comment"`
	Status        int               `json:"status"`
	State         int               `json:"state"`
	GroupID       *int64            `json:"group_id"`
	RoleIDs       []int64           `json:"role_ids"`
	MemberOf      *string           `json:"member_of"`
	ManagerUserID *int64            `json:"manager_user_id"`
	ManagerADID   *string           `json:"manager_ad_id"`
	Custom        map[string]string `json:"custom_attributes"`
	LastLogin     *time.Time        `json:"last_login"`
	CreatedAt     time.Time         `json:"created_at"`
	UpdatedAt     time.Time         `json:"updated_at"`
	// Assigned has the app directly; a role of the app's gives it as well.
	Assigned bool `json:"assigned"`
}

// Role is one role.
type Role struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Rule is one rule of the app.
type Rule struct {
	ID         int64       `json:"id"`
	Name       string      `json:"name"`
	Match      string      `json:"match"` // all, any
	Enabled    bool        `json:"enabled"`
	Position   *int        `json:"position"`
	Conditions []Condition `json:"conditions"`
	Actions    []Action    `json:"actions"`
}

// Condition is one condition of a Rule. Value is always text.
type Condition struct {
	Source   string `json:"source"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

// Action is one action of a Rule. Keys that are not used are absent.
type Action struct {
	Action     string   `json:"action"`
	Value      []string `json:"value,omitempty"`
	Expression *string  `json:"expression,omitempty"`
	Macro      string   `json:"macro,omitempty"`
	Scriplet   string   `json:"scriplet,omitempty"`
}

// App is the app that provisions Tomorro.
type App struct {
	ID      int64   `json:"id"`
	Name    string  `json:"name"`
	RoleIDs []int64 `json:"role_ids"` // who has one of these has the app
	// UserName is the source of the scimusername parameter.
	UserName string `json:"user_name"`
	// What somebody who sets it up can get wrong.
	NoProvisioning bool `json:"no_provisioning,omitempty"` // provisioning is not enabled
	NoParameters   bool `json:"no_parameters,omitempty"`   // the API shows no parameters
	NoGroups       bool `json:"no_groups,omitempty"`       // a type of app without groups: no such parameter
	NoSCIM         bool `json:"no_scim,omitempty"`         // an app for signing in only: no scimusername
	// NameID is the source of the SAML name identifier; empty: it is not shown.
	NameID string `json:"name_id,omitempty"`
}

// World is everything a OneLogin account holds here.
type World struct {
	People []*Person `json:"people"` // by ID
	Roles  []Role    `json:"roles"`
	Rules  []Rule    `json:"rules"`
	App    App       `json:"app"`
	// Custom are the names of the account's custom attributes.
	Custom []string `json:"custom"`
	nextID int64
}

// HasApp reports whether a person has the app, directly or by a role.
func (w *World) HasApp(p *Person) bool {
	return p.Assigned || slices.ContainsFunc(p.RoleIDs, func(id int64) bool { return slices.Contains(w.App.RoleIDs, id) })
}

// Find gives the person with this id, or nil.
func (w *World) Find(id int64) *Person {
	i, ok := slices.BinarySearchFunc(w.People, id, func(p *Person, id int64) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return nil
	}
	return w.People[i]
}

// Add appends a person under a new id.
func (w *World) Add(p *Person) *Person {
	if w.nextID == 0 {
		w.nextID = 100_000_000
	}
	w.nextID += 7
	p.ID = w.nextID
	if p.RoleIDs == nil {
		p.RoleIDs = []int64{}
	}
	w.People = append(w.People, p)
	return p
}

// Remove deletes a person.
func (w *World) Remove(id int64) {
	w.People = slices.DeleteFunc(w.People, func(p *Person) bool { return p.ID == id })
}

// GroupNames lists the groups that rules name outright, sorted: those that must
// exist at Tomorro.
func (w *World) GroupNames() []string {
	var names []string
	for _, r := range w.Rules {
		for _, a := range r.Actions {
			if a.Action == "set_groups" && a.Expression == nil {
				names = append(names, a.Value...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// clone gives a world of its own, of everything that the API shows.
func (w *World) clone() *World {
	var c World
	data, err := json.Marshal(w)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		panic(err) // plain values
	}
	return &c
}

// Churn changes one percent of the people, at least four of them: half as many
// get another last name, a quarter each are new and suspended, and as many move
// from one role to another.
func (w *World) Churn(seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 77))
	var active []*Person
	for _, p := range w.People {
		if p.Status == 1 && p.State == 1 && w.HasApp(p) && len(p.RoleIDs) > 0 {
			active = append(active, p)
		}
	}
	rnd.Shuffle(len(active), func(i, j int) { active[i], active[j] = active[j], active[i] })
	k := max(4, len(w.People)/100)
	take := func(n int) []*Person {
		n = min(n, len(active))
		taken := active[:n]
		active = active[n:]
		return taken
	}
	for _, p := range take(k / 2) {
		p.LastName += " Renamed"
	}
	for _, p := range take(k / 4) {
		p.Status = 2
	}
	for _, p := range take(k) {
		w.move(p, rnd)
	}
	for i := range k / 4 {
		n := w.Add(&Person{FirstName: "New", LastName: "Comer", Status: 1, State: 1, Assigned: true, Title: new("user")})
		n.Email = fmt.Sprintf("new.comer.%d.%d@acme.example", seed, i)
		for _, j := range rnd.Perm(len(w.Roles))[:min(5, len(w.Roles))] {
			n.RoleIDs = append(n.RoleIDs, w.Roles[j].ID)
		}
		slices.Sort(n.RoleIDs)
	}
}

// move takes one role from a person and gives them one they do not have.
func (w *World) move(p *Person, rnd *rand.Rand) {
	for range 20 {
		role := w.Roles[rnd.IntN(len(w.Roles))].ID
		if !slices.Contains(p.RoleIDs, role) {
			p.RoleIDs[rnd.IntN(len(p.RoleIDs))] = role
			slices.Sort(p.RoleIDs)
			return
		}
	}
}

// ascii spells a name for an address.
func ascii(s string) string {
	table := map[rune]string{'é': "e", 'è': "e", 'ë': "e", 'ö': "o", 'ø': "o", 'ü': "u", 'ç': "c", 'ñ': "n", 'á': "a", 'å': "a", 'í': "i", 'ł': "l", 'ż': "z", 'š': "s", 'ž': "z"}
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z':
			b.WriteRune(r)
		case table[r] != "":
			b.WriteString(table[r])
		}
	}
	if b.Len() == 0 {
		return "x"
	}
	return b.String()
}
