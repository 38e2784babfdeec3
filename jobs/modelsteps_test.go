package jobs_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
)

func (w *world) pick(what string, n int) int { return rapid.IntRange(0, n-1).Draw(w.t, what) }

// step does one thing.
func (w *world) step() {
	w.later(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 60, 60 * 13, 60 * 25}).Draw(w.t, "minutes")) * time.Minute)
	switch n := w.pick("step", 31); {
	case n < 6:
		w.oneLogin()
	case n < 8:
		w.hand()
	case n < 9:
		w.configure()
	case n < 12:
		w.disturbed(func() { w.run("") })
	case n < 13:
		w.disturbed(w.runFor)
	case n < 15:
		w.disturbed(w.push)
	case n < 17:
		w.answer()
	case n < 18:
		w.disturbed(w.undo)
	case n < 19:
		w.release()
	case n < 20:
		w.adopt()
	case n < 21:
		w.erase()
	case n < 22:
		w.disturbed(w.migrate)
	case n < 23:
		w.forgetByHand()
	case n < 24:
		w.disturbed(w.pass)
	case n < 25:
		w.mark()
	case n < 26:
		w.readdress()
	case n < 27:
		w.group()
	case n < 28:
		w.mistaken()
	case n < 29:
		if w.pick("loses", 2) == 0 {
			w.lose()
		}
	default:
		w.undoAtOnce()
	}
	w.forget()
	w.verify()
}

func (w *world) somebody() *reconcile.Person {
	if len(w.d.People) == 0 {
		return nil
	}
	return &w.d.People[w.pick("who", len(w.d.People))]
}

func (w *world) hire() {
	w.nextID++
	k := w.nextID
	w.d.People = append(w.d.People, reconcile.Person{Key: k, Email: fmt.Sprintf("p%d@x.io", k), FirstName: "Given", LastName: fmt.Sprintf("Family%d", k),
		Title: rapid.SampledFrom([]string{"user", "manager", "boss"}).Draw(w.t, "title"), Status: 1, Licence: reconcile.Approved, Assigned: true, Roles: []int64{int64(1 + w.pick("role", 2))},
		Department: rapid.SampledFrom([]string{"", "Law", "law"}).Draw(w.t, "department")})
}

// oneLogin changes something there.
func (w *world) oneLogin() {
	p := w.somebody()
	if p == nil {
		w.hire()
		return
	}
	w.moved[p.Key] = true
	switch n := w.pick("happens", 13); n {
	case 0:
		w.hire()
		w.t.Logf("OneLogin: hired %d", w.nextID)
		return
	case 1:
		w.gone(p.Key)
		return
	case 2:
		w.t.Logf("OneLogin: %d is rehired as %d", p.Key, w.nextID+1)
		w.nextID++
		p.Key = w.nextID
		w.moved[p.Key] = true
		slices.SortFunc(w.d.People, func(a, b reconcile.Person) int { return int(a.Key - b.Key) })
		return
	case 3:
		p.Assigned = !p.Assigned
	case 4:
		p.Status = rapid.SampledFrom([]reconcile.Status{1, 2, 3}).Draw(w.t, "status")
	case 5:
		p.Email = fmt.Sprintf("q%d-%d@x.io", p.Key, w.pick("new", 3))
	case 6:
		q := w.somebody()
		w.moved[q.Key], w.swapped = true, true
		p.Email, q.Email = q.Email, p.Email
		w.t.Logf("OneLogin: %d and %d swap addresses", p.Key, q.Key)
	case 7:
		p.LastName = rapid.SampledFrom([]string{"Ray", "Doe", "", "Family" + p.Key.String()}).Draw(w.t, "family")
	case 8:
		p.Title = rapid.SampledFrom([]string{"user", "manager", "boss", "clerk"}).Draw(w.t, "title")
	case 9, 10:
		p.Roles = rapid.SampledFrom([][]int64{nil, {1}, {2}, {1, 2}}).Draw(w.t, "roles")
	case 12:
		p.Department = rapid.SampledFrom([]string{"", "Law", "law"}).Draw(w.t, "department")
	case 11:
		r := &w.d.Rules[w.pick("rule", 3)]
		r.Actions = []reconcile.Action{{Name: "set_groups", Values: []string{rapid.SampledFrom([]string{"legal", "sales", "ours"}).Draw(w.t, "gives")}}}
		w.d.Rules = slices.Clone(w.d.Rules)
		w.allMoved = true
		w.t.Logf("OneLogin: rule %d gives %s", r.ID, r.Actions[0].Values[0])
		return
	}
	w.t.Logf("OneLogin: %d is %s %q %q %q assigned %v status %d roles %v", p.Key, p.Email, p.LastName, p.Title, p.Department, p.Assigned, p.Status, p.Roles)
}

func (w *world) gone(k reconcile.Key) {
	w.t.Logf("OneLogin: %d is gone", k)
	w.d.People = slices.DeleteFunc(slices.Clone(w.d.People), func(p reconcile.Person) bool { return p.Key == k })
}

// hand changes something at Tomorro by hand.
func (w *world) hand() {
	w.allMoved = true
	c, _ := w.Read(w.ctx)
	write := w.byHandAt
	if len(c.Accounts) == 0 || w.pick("new", 6) == 0 {
		p := w.somebody()
		a := reconcile.Account{UserName: fmt.Sprintf("hand%d@x.io", len(w.human)), GivenName: "By", FamilyName: "Hand", UserType: reconcile.User, Active: true}
		owner := reconcile.Key(0)
		if p != nil && w.pick("theirs", 2) == 0 {
			a.UserName, owner = p.Email, p.Key
		}
		if id := write(reconcile.Write{Op: reconcile.WriteCreateUser, Account: a}); id != "" {
			w.human[id] = owner
		}
		return
	}
	a, n := c.Accounts[w.pick("account", len(c.Accounts))], w.pick("by hand", 7)
	var g reconcile.Group
	switch {
	case len(c.Groups) > 0:
		g = c.Groups[w.pick("group", len(c.Groups))]
	case n == 2 || n == 3 || n == 5:
		return
	}
	switch n {
	case 0:
		write(reconcile.Write{Op: reconcile.WriteDeleteUser, Account: a})
	case 1:
		a.Active = !a.Active
		write(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a})
	case 2:
		write(reconcile.Write{Op: reconcile.WriteMembers, GroupID: g.ID, Add: []string{a.ID}})
	case 3:
		write(reconcile.Write{Op: reconcile.WriteMembers, GroupID: g.ID, Remove: []string{a.ID}})
	case 4:
		a.UserType = rapid.SampledFrom([]reconcile.UserType{reconcile.User, reconcile.Admin}).Draw(w.t, "type")
		write(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a})
	case 5:
		w.names[g.ID] = rapid.SampledFrom([]string{"", g.Name + " (old)"}).Draw(w.t, "renamed")
		w.t.Logf("by hand: group %s is called %q", g.ID, w.names[g.ID])
	case 6:
		a.GivenName = "Nick"
		write(reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a})
	}
}

// configure changes the configuration.
func (w *world) configure() {
	n := w.pick("setting", 16)
	switch n {
	case 0, 1:
		limit := rapid.SampledFrom(reconcile.LimitNames()).Draw(w.t, "limit")
		w.policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{}
		if most := w.pick("most", 4); most < 3 {
			w.policy.Limits.Allow[limit] = reconcile.Allowance{Max: &most}
		}
	case 2:
		w.policy.Protect = nil
		if p := w.somebody(); p != nil {
			w.policy.Protect = []string{rapid.SampledFrom([]string{p.Email, p.Key.String(), "group:sales"}).Draw(w.t, "protect")}
		}
	case 3:
		w.policy.GroupMode = rapid.SampledFrom([]reconcile.GroupMode{reconcile.Exclusive, reconcile.Additive}).Draw(w.t, "mode")
	case 4:
		w.policy.DeleteUsers = !w.policy.DeleteUsers
	case 5:
		w.policy.CreateGroups = !w.policy.CreateGroups
	case 6:
		w.policy.Approve = rapid.SampledFrom([][]string{nil, {"delete"}, {"update"}, {"create"}}).Draw(w.t, "approve")
	case 7:
		w.policy.DefaultSubstitute = ""
		if p := w.somebody(); p != nil && w.pick("substitute", 2) == 0 {
			w.policy.DefaultSubstitute = p.Email
		}
	case 8:
		w.policy.MinAdmins = w.pick("admins", 3)
	case 9:
		w.policy.ActiveStatuses = rapid.SampledFrom([][]reconcile.Status{nil, {1}}).Draw(w.t, "active")
		w.policy.InactiveStatuses = map[bool][]reconcile.Status{true: nil, false: {0, 2, 3}}[w.policy.ActiveStatuses == nil]
	case 10:
		w.policy.ScopeRoles = rapid.SampledFrom([][]string{nil, {"Legal"}}).Draw(w.t, "scope")
	case 11:
		w.policy.DeleteGroups = !w.policy.DeleteGroups
	case 12:
		w.canary, w.chunk = w.pick("canary", 3), 1+w.pick("chunk", 3)
	case 15:
		w.policy.Rules.Case = rapid.SampledFrom([]string{"", "sensitive", "insensitive"}).Draw(w.t, "case")
	case 14:
		w.policy.FourEyes = !w.policy.FourEyes
	case 13:
		band := 0.3
		w.policy.Limits.Band, w.policy.Limits.MinPopulation = nil, 20
		if w.pick("band", 2) == 0 {
			w.policy.Limits.Band, w.policy.Limits.MinPopulation = &band, 2
		}
	}
	w.t.Logf("configuration: %+v", w.policy)
}
