package jobs_test

import (
	"slices"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

func (w *world) person(k reconcile.Key) *reconcile.Person {
	if i := slices.IndexFunc(w.d.People, func(p reconcile.Person) bool { return p.Key == k }); i >= 0 {
		return &w.d.People[i]
	}
	return nil
}

// due reports whether somebody is to have access.
func (w *world) due(k reconcile.Key) bool {
	p := w.person(k)
	return p != nil && p.Assigned && (p.Status == 1 || p.Status == 3 && w.policy.ActiveStatuses == nil)
}

// gives reports whether somebody is to be in a group, and mayGive whether the rules give
// them a group that Tomorro does not have, which this may be.
func (w *world) gives(c *reconcile.Current, k reconcile.Key, account string, g *reconcile.Group) (gives, mayGive bool) {
	p := &human{w.person(k)}
	if w.byHand[[2]string{account, g.ID}] || w.fuzzy[[2]string{account, g.ID}] {
		gives = true
	}
	for _, r := range w.d.Rules {
		matches, maybe := p.matches(&r, w.policy.Rules.Case)
		if !matches && !maybe {
			continue
		}
		name := r.Actions[0].Values[0]
		gives = gives || matches && name == reconcile.Fold(g.Name)
		if !slices.ContainsFunc(c.Groups, func(x reconcile.Group) bool { return reconcile.Fold(x.Name) == name }) {
			mayGive = true
		}
	}
	return gives, mayGive
}

func (w *world) named(g *reconcile.Group) bool {
	return slices.ContainsFunc(w.d.Rules, func(r reconcile.Rule) bool { return r.Actions[0].Values[0] == reconcile.Fold(g.Name) })
}

func roleOf(title string) reconcile.UserType {
	return map[string]reconcile.UserType{"user": reconcile.User, "manager": reconcile.Manager, "boss": reconcile.Admin}[title]
}

// asked is somebody as OneLogin knows them, for who asks it: an undo and a return to a snapshot
// do not, and cannot know whose address it is there.
func (w *world) asked(k reconcile.Key) *reconcile.Person {
	if w.actor == "undo" || w.actor == "back" {
		return nil
	}
	return w.person(k)
}

func (w *world) protects(c *reconcile.Current, x *reconcile.Change) bool {
	a := accountOf(c, x.Account)
	for _, entry := range w.policy.Protect {
		if entry == "group:sales" {
			for _, g := range c.Groups {
				if reconcile.Fold(g.Name) == "sales" && (slices.Contains(g.Members, x.Account) || x.GroupID == g.ID) {
					return true
				}
			}
			continue
		}
		if p := w.asked(x.Key); a != nil && (reconcile.Fold(a.UserName) == reconcile.Fold(entry) || x.Key.String() == entry || p != nil && p.Email == entry) {
			return true
		}
	}
	return false
}

// judge holds what no write may do.
func (w *world) judge(write *reconcile.Write, before *reconcile.Current, fault reconciletest.Fault) {
	works := fault == reconciletest.Works || fault == reconciletest.LosesAnswer
	if write.Op == reconcile.WriteCreateUser { // one that runs into an account made none
		works = works && !slices.ContainsFunc(before.Accounts, func(a reconcile.Account) bool {
			return reconcile.Fold(a.UserName) == reconcile.Fold(write.Account.UserName)
		})
	}
	for i := range write.Changes {
		c := &write.Changes[i]
		bad := func(why string) {
			w.t.Errorf("%s %s of %s (%s, account %s) %s: %s", w.actor, c.Op, c.Who, c.Key, c.Account, c.Group, why)
		}
		// A snapshot has accounts of nobody as well, and so has what takes its return back.
		snapshot := w.actor == "back" || w.actor == "undo" && c.Key == 0 && w.wentBack
		if !snapshot && c.Account != "" && w.ownerOf(before, c.Account) != c.Key && !w.tookBack(c, before) {
			bad("the account is " + w.ownerOf(before, c.Account).String() + "'s")
		}
		if !snapshot && c.Account != "" && c.Key == 0 {
			bad("the account is nobody's")
		}
		if w.protects(before, c) && !w.fresh[c.Account] {
			bad("is protected")
		}
		if w.rejected[c.Digest()] {
			bad("was rejected")
		}
		if w.actor != "undo" && w.actor != "back" {
			w.judgeTruth(write, c, before, bad)
		}
		if w.actor != "undo" {
			w.wrote[written{c.Account, c.Key}] = true
		}
		w.leaves(c)
		w.judgeSubstitute(c, before, bad)
		w.judgeApproval(c, bad)
		if works && c.Approved == "" {
			w.spend(c, bad)
		}
	}
	w.judgeAdmins(write, before)
}

func (w *world) judgeTruth(write *reconcile.Write, c *reconcile.Change, before *reconcile.Current, bad func(string)) {
	if w.loose[c.Key] {
		return
	}
	if c.Op == reconcile.OpReactivate {
		w.returned[c.Key] = true
	}
	if w.actor == "pass" && c.Op.Removes() && !w.returned[c.Key] {
		bad("the fast pass takes nothing away")
	}
	if w.actor == "run" && w.only != nil && c.Key != 0 && !w.only[c.Key] {
		bad("nobody asked for")
	}
	if w.disputed(before, c.Account) {
		bad("nobody knows whose the account is")
	}
	if c.Key != 0 && w.pinned[c.Key] {
		bad("was undone")
	}
	if c.Op.Removes() && w.failing && w.actor == "run" {
		bad("OneLogin was not read to the end")
	}
	if c.Op.Removes() && c.Key != 0 && c.Approved == "" && !w.moved[c.Key] && !w.allMoved {
		bad("nothing but the configuration has changed")
	}
	if p := w.person(c.Key); p != nil && w.policy.ScopeRoles != nil && !slices.Contains(p.Roles, 1) {
		bad("is not managed")
	}
	if (c.Op == reconcile.OpDeactivate || c.Op == reconcile.OpDelete) && c.Approved == "" && w.person(c.Key) == nil && w.succeeded(before, c) {
		bad("somebody at work has the address, under another id")
	}
	switch c.Op {
	case reconcile.OpDeactivate:
		if w.due(c.Key) {
			bad("is to have access")
		}
		sent := w.wrote[written{"", c.Key}] // a create: the journal remembers it, also if nobody has heard what became of it
		if w.person(c.Key) == nil && w.linked[c.Key] == "" && !sent {
			bad("OneLogin does not know them, and nothing is remembered of them")
		}
	case reconcile.OpDelete:
		if w.due(c.Key) || !w.policy.DeleteUsers {
			bad("is not to be deleted")
		}
	case reconcile.OpCreate, reconcile.OpReactivate:
		if !w.due(c.Key) {
			bad("is to have no access")
		}
	case reconcile.OpChangeRole:
		if p := w.person(c.Key); p == nil || c.After.UserType != roleOf(p.Title) {
			bad("has another title")
		}
	case reconcile.OpAddMember, reconcile.OpRemoveMember:
		w.judgeMember(write, c, before, bad)
	case reconcile.OpCreateGroup, reconcile.OpDeleteGroup:
		w.judgeGroup(write, c, before, bad)
	}
}

// succeeded reports whether somebody who is to have access, and has no account, has the
// address of the one that a change takes away. Whose account carries another's mark by now
// still is the one for whom it was made, and not somebody whom OneLogin made anew.
func (w *world) succeeded(before *reconcile.Current, c *reconcile.Change) bool {
	links, err := w.store.Links(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.ContainsFunc(w.d.People, func(p reconcile.Person) bool {
		return w.due(p.Key) && !w.late[p.Key] && reconcile.Fold(p.Email) == reconcile.Fold(c.Before.UserName) &&
			!slices.ContainsFunc(before.Accounts, func(a reconcile.Account) bool {
				return w.ownerOf(before, a.ID) == p.Key || links[p.Key] == a.ID
			})
	})
}

func (w *world) judgeMember(write *reconcile.Write, c *reconcile.Change, before *reconcile.Current, bad func(string)) {
	i := slices.IndexFunc(before.Groups, func(g reconcile.Group) bool { return g.ID == write.GroupID })
	if i < 0 {
		return
	}
	g := &before.Groups[i]
	account := c.Account
	if account == "" && len(write.Add) > 0 {
		for _, a := range before.Accounts {
			if w.ownerOf(before, a.ID) == c.Key {
				account = a.ID
			}
		}
	}
	gives, mayGive := w.gives(before, c.Key, account, g)
	if c.Op == reconcile.OpAddMember {
		if !gives || !w.due(c.Key) {
			bad("nothing gives it")
		}
		return
	}
	off, said := w.byHand[[2]string{c.Account, g.ID}]
	switch {
	case w.fuzzy[[2]string{c.Account, g.ID}]:
	case gives || w.mayMatch(c.Key, g):
		bad("it is given, or may be")
	case !w.due(c.Key):
		bad("who has no access keeps their groups")
	case w.policy.GroupMode == reconcile.Additive && w.actor != "migrate" && (!said || off):
		bad("memberships by hand stay")
	case mayGive && !w.policy.CreateGroups && !w.named(g) && !said:
		bad("it may be one that was renamed")
	}
}

func (w *world) judgeSubstitute(c *reconcile.Change, before *reconcile.Current, bad func(string)) {
	a, p := accountOf(before, c.Account), w.asked(c.Key)
	if w.policy.DefaultSubstitute == "" || a == nil {
		return
	}
	leaves := c.Op == reconcile.OpDeactivate || c.Op == reconcile.OpDelete
	is := reconcile.Fold(a.UserName) == reconcile.Fold(w.policy.DefaultSubstitute) || p != nil && p.Email == w.policy.DefaultSubstitute
	if is && (leaves || c.Op == reconcile.OpChangeRole && before != nil && a.UserType == reconcile.Admin) {
		bad("is the default substitute")
	}
	if leaves && !slices.ContainsFunc(before.Accounts, func(x reconcile.Account) bool {
		return (reconcile.Fold(x.UserName) == reconcile.Fold(w.policy.DefaultSubstitute) || x.ID == w.heir) && x.Active
	}) {
		bad("nobody inherits")
	}
}

func (w *world) judgeApproval(c *reconcile.Change, bad func(string)) {
	kind := "update"
	switch c.Op {
	case reconcile.OpCreate, reconcile.OpCreateGroup:
		kind = "create"
	case reconcile.OpDeactivate, reconcile.OpDelete, reconcile.OpDeleteGroup:
		kind = "delete"
	}
	if c.Approved == "" && slices.Contains(w.policy.Approve, kind) {
		bad("was not approved")
	}
	if c.ApprovedAs != "" && !w.enough(c.ApprovedAs) {
		bad("too few approve, or the approval was used")
	}
}

// spend holds that no window has more than its limit.
func (w *world) spend(c *reconcile.Change, bad func(string)) {
	for l := range reconcile.Spend([]reconcile.Change{*c}) {
		kind, _ := l.Group()
		since := w.now().Add(-w.policy.Limits.Window)
		w.lost[l] = append(slices.DeleteFunc(w.lost[l], func(at time.Time) bool { return at.Before(since) }), w.now())
		if most := w.policy.Limits.Allow[kind].Max; most != nil && len(w.lost[l]) > *most {
			bad("the limit " + string(l) + " is used up")
		}
	}
}

func (w *world) judgeAdmins(write *reconcile.Write, before *reconcile.Current) {
	left, lost := 0, false
	for _, a := range before.Accounts {
		if a.Active && a.UserType == reconcile.Admin {
			left++
		}
	}
	for i := range write.Changes {
		lost = lost || write.Changes[i].LosesAdmin()
	}
	if lost && left-1 < w.policy.MinAdmins {
		w.t.Errorf("%s: %d admins of at least %d are left", w.actor, left-1, w.policy.MinAdmins)
	}
}

// settles ends all that holds anything, and holds that three runs are enough then.
func (w *world) settles() {
	w.release()
	w.policy.ScopeRoles, w.policy.Limits.Band, w.canary = nil, nil, 0
	w.policy.Limits.Allow, w.policy.Approve, w.policy.Protect, w.policy.DefaultSubstitute, w.policy.MinAdmins, w.policy.FourEyes = nil, nil, nil, "", 0, false
	if err := jobs.AdoptDone(w.ctx, w.store, jobs.Trigger{By: "test"}, w.now()); err != nil {
		w.t.Fatal(err)
	}
	for range 3 {
		w.later(25 * time.Hour)
		w.run("")
		w.approveAll()
	}
	w.run("")
	w.actor = "plan"
	plan, err := w.runner().Plan(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	c, _ := w.Read(w.ctx)
	plan.Changes = slices.DeleteFunc(plan.Changes, func(x reconcile.Change) bool {
		return w.occupied(&c, x.Who, x.Account) // also their return, which is one write with it
	})
	snapshot, err := w.store.Snapshot(w.ctx)
	if err != nil || len(plan.Changes) > 0 || len(snapshot.Open) > 0 {
		w.t.Fatalf("does not settle: %+v, open %+v, %v", plan.Changes, snapshot.Open, err)
	}
	w.settled(&plan)
	w.verify()
}

func (w *world) approveAll() {
	book, err := jobs.ReadHolds(w.ctx, w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	holds := book.Open(nil, false, w.now())
	for i := range holds {
		if holds[i].Approvable {
			w.say(holds, &holds[i], jobs.Word{Who: "ann", Approves: true, For: stands})
		}
	}
}

// settled holds that everybody has what they are to have, or a hold says why not.
func (w *world) settled(plan *reconcile.Plan) {
	c, _ := w.Read(w.ctx)
	held := func(k reconcile.Key) bool {
		return slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.Key == k })
	}
	inside := make(map[reconcile.Key]bool)
	for _, a := range c.Accounts {
		k := w.ownerOf(&c, a.ID)
		inside[k] = inside[k] || a.Active
		if a.Active && k != 0 && !w.due(k) && !held(k) && !slices.ContainsFunc(plan.Notes, func(n reconcile.Note) bool { return n.Subject == a.UserName }) {
			w.t.Errorf("%+v of %s is still inside, and nothing says so: %+v", a, k, plan.Held)
		}
		if p := w.person(k); a.Active && w.due(k) && !held(k) && !w.occupied(&c, p.Email, a.ID) && (a.UserType != roleOf(p.Title) || reconcile.Fold(a.UserName) != reconcile.Fold(p.Email)) {
			w.t.Errorf("%+v is not as %+v, and nothing says so: %+v", a, p, plan.Held)
		}
		for i := range c.Groups {
			g := &c.Groups[i]
			in := slices.Contains(g.Members, a.ID)
			gives, _ := w.gives(&c, k, a.ID, g)
			stuck := in && w.due(k) && w.occupied(&c, w.person(k).Email, a.ID) // whose change of e-mail failed loses nothing
			if w.due(k) && a.Active && !held(k) && in != gives && !stuck && (gives || !w.mayMatch(k, g)) && !w.fuzzy[[2]string{a.ID, g.ID}] && (gives || w.policy.GroupMode == reconcile.Exclusive) {
				w.t.Errorf("%s in %s: %v, is to be %v, and nothing says so", a.UserName, g.Name, in, gives)
			}
		}
	}
	for _, p := range w.d.People {
		if w.due(p.Key) && !inside[p.Key] && !held(p.Key) && !w.occupied(&c, p.Email, "") {
			w.t.Errorf("%+v is not inside, and nothing says so", p)
		}
	}
}

// leaves: what was set by hand for somebody ends with their access, also if an undo gives
// that back.
func (w *world) leaves(c *reconcile.Change) {
	if c.Op != reconcile.OpDeactivate && c.Op != reconcile.OpDelete {
		return
	}
	for pair := range w.byHand {
		if pair[0] == c.Account {
			delete(w.byHand, pair)
			w.fuzzy[pair] = true
		}
	}
}

// forgotten are the groups by hand of whom nobody knows whether they are still remembered:
// of people who left and lost their access, and of those whom a rule gave the group: OneLogin
// pushes that as well, and does not say which it is.
func (w *world) forget() {
	clear(w.fresh)
	c, _ := w.Read(w.ctx)
	w.inherits(&c)
	for pair := range w.byHand {
		if a := accountOf(&c, pair[0]); a == nil || !a.Active || w.ruled(&c, w.ownerOf(&c, a.ID), pair[1]) {
			delete(w.byHand, pair)
			w.fuzzy[pair] = true
		}
	}
}
