package onelogintest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Options of a generated world.
type Options struct {
	Users  int
	Groups int // at Tomorro; there are as many roles
	Seed   uint64
	// Plain leaves out everything odd: everybody works here, has five roles, a
	// title that is a role, and every rule is "role -> group". For measurements.
	Plain bool
	Now   time.Time // of creation and sign-in dates; default 2026-11-01
}

// name is one person's name with its spelling for an address.
type name struct{ first, last, spelt string }

// names are the pools that generated people are called from, in several scripts.
func names() (first, last []string, whole []name) {
	first = []string{"Anna", "Léa", "Søren", "Iris", "Zoë", "José", "Maria", "Jan", "Björn", "Chloé", "Olu", "Priya", "Tomasz", "Sofia", "Liam", "Noah", "Emma", "Hugo", "Inès", "Lukas"}
	last = []string{"O'Neil", "Müller", "García", "Nowak", "Łuczak", "Dupont", "d'Angelo", "Van den Berg", "Åkesson", "Smith-Jones", "Okafor", "Sharma", "Novák", "Kaya", "Ferreira", "Rossi", "Hansen", "Dubois", "Žižek", "Brown"}
	whole = []name{{"Νίκος", "Παπαδόπουλος", "nikos.papadopoulos"}, {"Ольга", "Иванова", "olga.ivanova"}, {"نور", "الخطيب", "nour.alkhatib"},
		{"נועה", "כהן", "noa.cohen"}, {"伟", "王", "wei.wang"}, {"花子", "山田", "hanako.yamada"}, {"민준", "김", "minjun.kim"}}
	return first, last, whole
}

// MappedTitles are job titles of generated people that a configuration should
// map; UnmappedTitle is one that nobody did.
func MappedTitles() map[string]string {
	return map[string]string{"Head of Legal": "admin", "Legal Counsel": "manager", "Account Executive": "user", "Paralegal": "user", "Auditor": "viewer"}
}

// UnmappedTitle is the title of a few generated people that MappedTitles lacks.
const UnmappedTitle = "Chief Happiness Officer"

// generator carries what the parts of a generated world share.
type generator struct {
	o      Options
	w      *World
	rnd    *rand.Rand
	emails map[string]int
}

// Generate makes a plausible world, the same for the same options: skewed group
// sizes, names in several scripts, job titles that are not roles, suspended and
// unactivated people, rules of each kind.
func Generate(o Options) *World {
	if o.Now.IsZero() {
		o.Now = time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	}
	g := &generator{o: o, rnd: rand.New(rand.NewPCG(o.Seed, 1)), emails: make(map[string]int), w: &World{
		App: App{ID: 1531580, Name: "Tomorro (SCIM)", UserName: "email"}, Custom: []string{"cost_center", "badge"},
	}}
	g.roles()
	for i := range o.Users {
		g.person(i)
	}
	if !o.Plain {
		g.oddities()
	}
	return g.w
}

func (g *generator) roles() {
	areas := []string{"Legal", "Sales", "Finance", "HR", "Procurement", "IT", "Marketing", "Operations", "Support", "Compliance"}
	places := []string{"", " Paris", " Berlin", " London", " Madrid", " Warszawa", " Oslo", " Lisboa", " Roma", " Praha"}
	for i := range g.o.Groups {
		name := areas[i%len(areas)] + places[i/len(areas)%len(places)]
		if i >= len(areas)*len(places) {
			name += " " + strconv.Itoa(i/(len(areas)*len(places))+1)
		}
		role := Role{ID: int64(400_000 + i), Name: name}
		g.w.Roles = append(g.w.Roles, role)
		g.rule(name, "all", []Condition{{"has_role", "ri", strconv.FormatInt(role.ID, 10)}}, Action{Action: "set_groups", Value: []string{"Tomorro " + name}})
	}
	if !g.o.Plain {
		g.specialRules()
	}
}

func (g *generator) rule(name, match string, conditions []Condition, action Action) *Rule {
	n := len(g.w.Rules) + 1
	g.w.Rules = append(g.w.Rules, Rule{ID: int64(317_000 + n), Name: name, Match: match, Enabled: true, Position: &n, Conditions: conditions, Actions: []Action{action}})
	return &g.w.Rules[n-1]
}

// specialRules has one of each kind that is not "role -> group".
func (g *generator) specialRules() {
	set := func(groups ...string) Action { return Action{Action: "set_groups", Value: groups} }
	g.rule("everybody", "all", []Condition{}, set("All staff"))
	g.rule("managers or admins", "any", []Condition{{"title", "=", "manager"}, {"title", "=", "admin"}}, set("Approvers"))
	g.rule("finance by department", "all", []Condition{{"department", "bw", "Fin"}, {"email", "ew", "@acme.example"}}, set("Contracts Finance"))
	g.rule("cost centre", "all", []Condition{{"custom_attribute_cost_center", "~", "44"}}, set("Cost 44"))
	g.rule("switched off", "all", []Condition{}, set("Nobody")).Enabled = false
	g.w.Rules[len(g.w.Rules)-1].Position = nil
	g.rule("directory groups", "all", []Condition{}, Action{Action: "set_groups", Value: []string{"member_of"}, Expression: new(".*")})
	g.rule("by macro", "all", []Condition{{"department", "=", "Research"}}, Action{Action: "set_groups", Value: []string{}, Macro: "{department}"})
	g.rule("of a deleted role", "all", []Condition{{"has_role", "ri", "999999"}}, set("All staff"))
}

func (g *generator) person(i int) *Person {
	first, last, whole := names()
	n := name{first: first[g.rnd.IntN(len(first))], last: last[g.rnd.IntN(len(last))]}
	n.spelt = ascii(n.first) + "." + ascii(n.last)
	if !g.o.Plain && g.rnd.IntN(12) == 0 {
		n = whole[g.rnd.IntN(len(whole))]
	}
	created := g.o.Now.Add(-time.Duration(g.rnd.IntN(2000)) * 24 * time.Hour)
	p := &Person{
		FirstName: n.first, LastName: n.last, Email: g.email(n.spelt), Status: 1, State: 1, Assigned: true,
		Username: new(""), Title: new(g.title(i)), Department: new("Sales"), CreatedAt: created, UpdatedAt: created, RoleIDs: g.pick(5),
	}
	g.w.Add(p)
	if g.o.Plain {
		return p
	}
	p.Department = new([]string{"Legal", "Sales", "Finance", "Finance Ops", "HR", "Research", ""}[g.rnd.IntN(7)])
	p.Custom = map[string]string{"cost_center": strconv.Itoa(4400 + g.rnd.IntN(60))}
	p.RoleIDs = g.pick(g.rnd.IntN(8))
	if login := g.o.Now.Add(-time.Duration(g.rnd.IntN(200*24)) * time.Hour); g.rnd.IntN(10) > 0 {
		p.LastLogin, p.UpdatedAt = &login, login
	}
	switch x := g.rnd.IntN(100); {
	case x < 2:
		p.Status = 2
	case x < 3:
		p.Status = 0
	case x < 6:
		p.Status = []int{3, 4, 5, 7, 8}[g.rnd.IntN(5)]
	case x < 7:
		p.State = 3
	case x < 12:
		p.Assigned = false
	}
	return p
}

// email gives each person their own address.
func (g *generator) email(spelt string) string {
	g.emails[spelt]++
	if n := g.emails[spelt]; n > 1 {
		return fmt.Sprintf("%s%d@acme.example", spelt, n)
	}
	return spelt + "@acme.example"
}

func (g *generator) title(i int) string {
	if i == 0 {
		return "admin"
	}
	switch x := g.rnd.IntN(100); {
	case x < 1:
		return "admin"
	case x < 15:
		return "manager"
	case x < 90 || g.o.Plain:
		return "user"
	case x < 93:
		return "viewer"
	case x < 95:
		return " Manager"
	}
	return []string{"Head of Legal", "Legal Counsel", "Account Executive", "Account Executive", "Paralegal", "Auditor"}[g.rnd.IntN(6)]
}

// pick chooses n roles, the first ones far more often: group sizes are skewed.
func (g *generator) pick(n int) []int64 {
	roles := []int64{}
	if len(g.w.Roles) == 0 {
		return roles
	}
	zipf := rand.NewZipf(g.rnd, 1.2, 4, uint64(len(g.w.Roles)-1))
	for tries := 0; len(roles) < min(n, len(g.w.Roles)) && tries < 200; tries++ {
		at := int(zipf.Uint64())
		if g.o.Plain {
			at = g.rnd.IntN(len(g.w.Roles))
		}
		if id := g.w.Roles[at].ID; !slices.Contains(roles, id) {
			roles = append(roles, id)
		}
	}
	slices.Sort(roles)
	return roles
}

// oddities puts into the world what every real directory has.
func (g *generator) oddities() {
	n := len(g.w.People)
	if n < 12 {
		return
	}
	at := func(i int) *Person { return g.w.People[i%n] }
	for _, i := range []int{1, 2, 3, 4, 5, 6} { // so that each oddity is seen
		p := at(i)
		p.Status, p.State, p.Assigned = 1, 1, true
	}
	at(1).Title = new(UnmappedTitle)
	at(2).LastName = ""
	at(3).Email = "Iris.Kaya-CAPS@Acme.Example"
	at(4).MemberOf = new("Contracts Archive; Board")
	at(5).Title = nil
	at(6).ManagerUserID = new(at(7).ID)
}
