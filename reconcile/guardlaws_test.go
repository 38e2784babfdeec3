package reconcile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
)

// clears reports whether an answer to the second question lets that removal happen.
func clears(t *reconcile.Testimony, op reconcile.Op) bool {
	switch {
	case t.Answer == reconcile.WitnessGone || t.Answer == reconcile.WitnessUnassigned:
		return true
	case t.Answer != reconcile.WitnessInactive || op == reconcile.OpDelete:
		return false
	}
	return t.Licence != reconcile.Approved || t.Status == 0 || t.Status == 2
}

// TestLawOnlyAClearAnswerRemoves: everybody who would be deactivated or deleted is
// asked about, once, and is removed only if the answer says so.
func TestLawOnlyAClearAnswerRemoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Limits.Allow, w.Policy.MinAdmins, w.Policy.DeleteUsers = nil, 0, rapid.IntRange(0, 3).Draw(t, "delete") > 0
		for i := range w.Directory.People { // many leavers
			w.Directory.People[i].Assigned = rapid.Bool().Draw(t, "assigned")
		}
		plan := reconcile.Guard(reconcile.Decide(w.Input()), &w.Policy)
		said := make(map[reconcile.Key]reconcile.Testimony)
		var list []reconcile.Testimony
		for _, key := range plan.ToConfirm() {
			if _, twice := said[key]; twice {
				t.Fatalf("user %d is asked about twice", key)
			}
			said[key] = reconcile.Testimony{Key: key, Status: rapid.SampledFrom([]reconcile.Status{2, 3, 6}).Draw(t, "status"),
				Licence: rapid.SampledFrom([]reconcile.Licence{reconcile.Approved, 3}).Draw(t, "licence"),
				Answer: rapid.SampledFrom([]string{reconcile.WitnessGone, reconcile.WitnessInactive, reconcile.WitnessInactive, reconcile.WitnessInactive,
					reconcile.WitnessUnassigned, reconcile.WitnessPresent, reconcile.WitnessUnknown, ""}).Draw(t, "answer")}
			list = append(list, said[key])
		}
		for _, c := range reconcile.Confirm(plan, list, &w.Policy).Changes {
			answer, asked := said[c.Key]
			if (c.Op == reconcile.OpDeactivate || c.Op == reconcile.OpDelete) && (!asked || !clears(&answer, c.Op)) {
				t.Fatalf("%s of user %d (asked: %v) though OneLogin says %+v", c.Op, c.Key, asked, answer)
			}
		}
		for _, h := range reconcile.Confirm(plan, list, &w.Policy).Held {
			if answer := said[h.Key]; h.Rule == reconcile.RuleWitness && clears(&answer, h.Op) {
				t.Fatalf("%s of user %d is held though OneLogin says %+v", h.Op, h.Key, answer)
			}
		}
	})
}

// uses counts anew what a plan uses of each limit.
func uses(changes []reconcile.Change) map[reconcile.Limit]int {
	n := make(map[reconcile.Limit]int)
	for _, c := range changes {
		switch c.Op {
		case reconcile.OpDeactivate:
			n[reconcile.LimitDeactivate]++
		case reconcile.OpDelete:
			n[reconcile.LimitDelete]++
		case reconcile.OpRemoveMember:
			n[reconcile.LimitRemoveMember]++
		case reconcile.OpChangeRole:
			n[reconcile.LimitChangeRole]++
			if c.Before.Active && c.After.UserType == reconcile.Admin {
				n[reconcile.LimitGrantAdmin]++
			}
		case reconcile.OpReactivate:
			if c.After.UserType == reconcile.Admin {
				n[reconcile.LimitGrantAdmin]++
			}
		case reconcile.OpRename:
			n[reconcile.LimitRename]++
		case reconcile.OpCreate:
			n[reconcile.LimitCreate]++
		}
	}
	return n
}

// TestLawNoPlanIsOverALimit holds for a run, and for people who come one by one.
func TestLawNoPlanIsOverALimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Spent = make(map[reconcile.Limit]int)
		for _, l := range reconcile.LimitNames() {
			w.Policy.Spent[l] = rapid.IntRange(0, 2).Draw(t, "spent")
		}
		whole := reconcile.Decide(w.Input())
		for name, plan := range map[string]reconcile.Plan{"a run": reconcile.Guard(whole, &w.Policy), "one by one": reconcile.GuardEach(whole, &w.Policy)} {
			for l, n := range uses(plan.Changes) {
				if most := w.Policy.Limits.Allow[l].Max; most != nil && n+w.Policy.Spent[l] > *most {
					t.Fatalf("%s: %d %s after %d, and the limit is %d:\n%s", name, n, l, w.Policy.Spent[l], *most, render(plan))
				}
			}
		}
	})
}

// TestLawWhoReturnsIsWhatIsDue: an account that becomes active again has the role of
// today, not the one with which it was left.
func TestLawWhoReturnsIsWhatIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		for i := range w.Current.Accounts {
			w.Current.Accounts[i].Active = w.Current.Accounts[i].Active && rapid.Bool().Draw(t, "active")
		}
		most := rapid.IntRange(0, 3).Draw(t, "role changes")
		w.Policy.Limits.Allow = map[reconcile.Limit]reconcile.Allowance{reconcile.LimitChangeRole: {Max: &most}}
		plan := planOf(w)
		next, _, _ := applied(t, w, plan, nil)
		for _, c := range plan.Changes {
			if c.Op != reconcile.OpReactivate {
				continue
			}
			now := next.Current.Accounts[slices.IndexFunc(next.Current.Accounts, func(a reconcile.Account) bool { return a.ID == c.Account })]
			if !now.Active || now.UserType != c.After.UserType {
				t.Fatalf("%s returns as %s, active %v, and should as %s:\n%s", c.Who, now.UserType, now.Active, c.After.UserType, render(plan))
			}
		}
	})
}

// approveAll draws whether somebody approved all that the world's plan asks for.
func approveAll(t *rapid.T, w *reconciletest.World) {
	if !rapid.Bool().Draw(t, "all is approved") {
		return
	}
	w.Policy.Decisions = make(map[string]reconcile.Decision)
	for _, c := range reconcile.Decide(w.Input()).Changes {
		w.Policy.Decisions[c.Digest()] = approvedBy("ann")
	}
}

// TestLawAWordReleasesWhatItMay: what somebody approved is held by no rule that says
// of itself that a word releases it.
func TestLawAWordReleasesWhatItMay(t *testing.T) {
	byWord := []reconcile.HoldRule{reconcile.RuleRecreated, reconcile.RuleBand, reconcile.RuleAdoption, reconcile.RuleLimit, reconcile.RuleApproval, reconcile.RuleConfiguration}
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		w.Policy.Adoption.Open = rapid.Bool().Draw(t, "adoption")
		w.Policy.Approve = rapid.SampledFrom([][]string{nil, {"create", "update", "delete"}}).Draw(t, "approve")
		approveAll(t, w)
		for _, h := range reconcile.Guard(reconcile.Decide(w.Input()), &w.Policy).Held {
			if h.Approved != "" && slices.Contains(byWord, h.Rule) {
				t.Fatalf("%s of %s was approved, and is held by %s", h.Op, h.Who, h.Rule)
			}
		}
	})
}

// TestLawSparedLoseNothing: whom only a report of OneLogin names loses neither access
// nor a membership nor a role, but for who returns, and gets what is due.
func TestLawSparedLoseNothing(t *testing.T) {
	rank := []reconcile.UserType{reconcile.Viewer, reconcile.User, reconcile.Manager, reconcile.Admin}
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		spared := make(map[reconcile.Key]bool)
		for _, p := range w.Directory.People {
			spared[p.Key] = rapid.Bool().Draw(t, "spared")
		}
		returns := make(map[reconcile.Key]bool)
		for _, c := range reconcile.Decide(w.Input()).Changes { // whatever of it is held later
			returns[c.Key] = returns[c.Key] || c.Op == reconcile.OpReactivate
		}
		w.Policy.Spared = spared
		plan := planOf(w)
		for _, c := range plan.Changes {
			less := c.Op == reconcile.OpChangeRole && slices.Index(rank, c.After.UserType) < slices.Index(rank, c.Before.UserType)
			if spared[c.Key] && !returns[c.Key] && (c.Op.Removes() || less) {
				t.Fatalf("%s of %s, who was to be spared:\n%s", c.Op, c.Who, render(plan))
			}
		}
		for _, h := range plan.Held {
			back := slices.ContainsFunc(plan.Changes, func(c reconcile.Change) bool { return c.Key == h.Key && c.Op == reconcile.OpReactivate })
			if h.Rule == reconcile.RuleNight && (!spared[h.Key] || back) {
				t.Fatalf("%s of %s is held, who was not to be spared:\n%s", h.Op, h.Who, render(plan))
			}
		}
	})
}

// TestLawNarrowed: a plan about one address has all that the whole one has about
// whoever has it on either side, done or held, and nothing else but the groups that
// they need.
func TestLawNarrowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reconciletest.Worlds().Draw(t, "world")
		whole := planOf(w)
		about := everything(&whole)
		about = slices.DeleteFunc(about, func(c reconcile.Change) bool { return c.Key == 0 || c.Who == "" })
		if len(about) == 0 {
			return
		}
		name := rapid.SampledFrom(about).Draw(t, "who").Who
		meant := make(map[reconcile.Key]bool)
		for _, c := range about {
			for _, has := range []string{c.Who, address(c.Before)} {
				meant[c.Key] = meant[c.Key] || reconcile.Fold(has) == reconcile.Fold(name)
			}
		}
		part := whole.Only(name)
		wanted, needs := make(map[string]int), make(map[string]bool)
		for _, c := range everything(&whole) {
			if meant[c.Key] {
				wanted[c.Digest()]++
			}
		}
		for _, c := range part.Changes {
			needs[reconcile.Fold(c.Group)] = needs[reconcile.Fold(c.Group)] || c.Op == reconcile.OpAddMember && c.GroupID == ""
		}
		for _, c := range everything(&part) {
			if wanted[c.Digest()]--; wanted[c.Digest()] < 0 && (c.Op != reconcile.OpCreateGroup || !needs[reconcile.Fold(c.Group)]) {
				t.Fatalf("narrowed to %s, it has %s of %s %s:\n%s", name, c.Op, c.Who, c.Group, render(part))
			}
		}
		for digest, n := range wanted {
			if n > 0 {
				t.Fatalf("narrowed to %s, it lacks %s:\n%s\n%s", name, digest, render(part), render(whole))
			}
		}
	})
}

func everything(p *reconcile.Plan) []reconcile.Change {
	all := slices.Clone(p.Changes)
	for i := range p.Held {
		all = append(all, p.Held[i].Change)
	}
	return all
}

func address(a *reconcile.Account) string {
	if a == nil {
		return ""
	}
	return a.UserName
}
