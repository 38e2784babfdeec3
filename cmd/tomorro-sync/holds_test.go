package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// holds gives what the holds command lists.
func (o *office) holds() []jobs.Hold {
	o.t.Helper()
	var doc struct{ Holds []jobs.Hold }
	if err := json.Unmarshal([]byte(o.must(exitDone, "holds", "--output", "json")), &doc); err != nil {
		o.t.Fatal(err)
	}
	return doc.Holds
}

func (o *office) active() int { return len(o.actual()) }

// suspend suspends the first n people who have access and are not admins.
func (o *office) suspend(n int) {
	o.lab.onelogin.Edit(func(w *onelogintest.World) {
		for _, p := range w.People {
			admin := p.Title != nil && (strings.EqualFold(*p.Title, "admin") || onelogintest.MappedTitles()[*p.Title] == "admin")
			if n > 0 && p.Status == 1 && !admin {
				p.Status = 2
				n--
			}
		}
	})
}

// TestHoldsAndApprovals is the whole life of a hold: too many leavers, of whom one
// is decided against, some are approved, once, and the rest stays.
func TestHoldsAndApprovals(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 200, groups: 6, seed: 3, plain: true}, "limits: {band: none}\n")
	o.must(exitDone, "reconcile", "--yes")
	if out := o.must(exitDone, "holds"); !strings.Contains(out, "Nothing is held") {
		t.Errorf("at first\n%s", out)
	}
	before := o.active()
	o.suspend(40)
	o.must(exitHeld, "reconcile", "--yes")
	all := o.holds()
	if len(all) != 1 || !all[0].Approvable || all[0].Rule != reconcile.RuleLimit || len(all[0].Changes) != 40 || all[0].Changes[0].Origin != reconcile.FromSource {
		t.Fatalf("holds %+v", all)
	}
	if out := o.must(exitDone, "holds"); !strings.Contains(out, all[0].ID) || !strings.Contains(out, "tomorro-sync --config "+o.config+" approve "+all[0].ID) {
		t.Errorf("holds says\n%s", out)
	}
	keeps, leaves := all[0].Changes[0].Who, all[0].Changes[1].Who
	o.must(exitDone, "reject", all[0].ID, "--only", keeps, "--why", "returns in May", "--as", "ann")
	o.must(exitDone, "approve", all[0].ID[:6], "--only", leaves, "--as", "bob")
	if out := o.must(exitDone, "holds"); !strings.Contains(out, "1 rejected: "+keeps) || !strings.Contains(out, "1 approved by bob, the next run makes them: "+leaves) {
		t.Errorf("holds says\n%s", out)
	}
	if out := o.must(exitHeld, "reconcile", "--yes"); o.active() != before-1 {
		t.Fatalf("%d active of %d, want one less\n%s", o.active(), before, out)
	}
	next := o.holds()
	if len(next) != 2 || next[0].ID == all[0].ID || len(next[0].Changes) != 38 || !next[0].Since.Equal(all[0].Since) || next[1].Rule != reconcile.RuleRejected {
		t.Fatalf("holds %+v", next)
	}
	if code, _, stderr := o.run("approve", all[0].ID); code != exitError || !strings.Contains(stderr, "nothing is held under") {
		t.Errorf("a hold of another content: %d %s", code, stderr)
	}
	o.must(exitDone, "approve", next[0].ID, "--as", "ann")
	o.must(exitDone, "reconcile", "--yes") // what was rejected is decided: exit 0
	if got := o.active(); got != before-39 {
		t.Errorf("%d active of %d, want all but the rejected to have left", got, before)
	}
	if out := o.must(exitDone, "holds"); strings.Contains(out, "let it through with") {
		t.Errorf("what is decided against is proposed:\n%s", out)
	}
	o.must(exitDone, "approve", o.holds()[0].ID, "--as", "ann") // they do not return in May
	o.must(exitDone, "reconcile", "--yes")
	if got := o.active(); got != before-40 {
		t.Errorf("%d active of %d: a rejection cannot be taken back", got, before)
	}
	// Once: they return, and leave again.
	o.lab.onelogin.Edit(func(w *onelogintest.World) {
		for _, p := range w.People {
			if p.Status == 2 {
				p.Status = 1
			}
		}
	})
	o.must(exitDone, "reconcile", "--yes")
	o.suspend(40)
	o.must(exitHeld, "reconcile", "--yes")
	if got := o.active(); got != before {
		t.Errorf("%d active of %d: an approval served twice", got, before)
	}
	journal := o.must(exitDone, "journal", "person", leaves)
	for _, want := range []string{"approved by bob", "OneLogin says of user", "more than limits.deactivate"} {
		if !strings.Contains(journal, want) {
			t.Errorf("the journal of %s does not say %q:\n%s", leaves, want, journal)
		}
	}
}

// TestFourEyes: one person's word is not enough, nor is it when said twice.
func TestFourEyes(t *testing.T) {
	o := newOffice(t, labOptions{users: 60, groups: 4, seed: 3, plain: true}, "approve: [delete]\nfour_eyes: true\n")
	o.must(exitDone, "reconcile", "--yes")
	before := o.active()
	o.suspend(1)
	var plan struct{ ID string }
	if err := json.Unmarshal([]byte(o.must(exitApproval, "plan", "--output", "json")), &plan); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"plan"}, {"reconcile", "--yes"}, {"reconcile", "--yes", "--approve", plan.ID}} {
		if out := o.must(exitApproval, command...); strings.Contains(out, "--approve") {
			t.Errorf("%v proposes what one person's word does not do:\n%s", command, out)
		}
	}
	if got := o.active(); got != before {
		t.Fatalf("%d active of %d: --approve let one person decide alone", got, before)
	}
	for _, who := range []string{"ann", "ann"} {
		if out := o.must(exitDone, "approve", o.holds()[0].ID, "--as", who); !strings.Contains(out, "one more person must approve") {
			t.Errorf("%s", out)
		}
		o.must(exitApproval, "reconcile", "--yes")
	}
	o.must(exitDone, "approve", o.holds()[0].ID, "--as", "bob")
	o.must(exitDone, "reconcile", "--yes")
	if got := o.active(); got != before-1 {
		t.Errorf("%d active of %d", got, before)
	}
}

// TestConfigurationMistake: a typo in our own configuration removes nobody, says
// so before and after, and is taken back without a trace.
func TestConfigurationMistake(t *testing.T) {
	o := newOffice(t, labOptions{users: 60, groups: 4, seed: 3, plain: true}, "limits: {deactivate: {max: none, share: none}, remove_member: {max: none, share: none}, remove_from_group: {max: none, share: none}, band: none}\n")
	good := o.config
	o.must(exitDone, "reconcile", "--yes")
	before := o.active()
	o.config = good + ".bad.yaml"
	o.copyConfig(good, "app_id", "active_statuses: [3], app_id")
	var diff reconcile.Comparison
	if err := json.Unmarshal([]byte(o.must(exitDone, "plan", "--compare", good, "--output", "json")), &diff); err != nil || len(diff.Only) < before || len(diff.Former) != 0 {
		t.Fatalf("compare: %d and %d, %v", len(diff.Only), len(diff.Former), err)
	}
	if out := o.must(exitDone, "plan", "--compare", good); !strings.Contains(out, "only with this configuration") {
		t.Errorf("%s", out)
	}
	o.must(exitApproval, "reconcile", "--yes")
	if got := o.active(); got != before {
		t.Fatalf("%d active of %d", got, before)
	}
	h := o.holds()[0]
	if h.Rule != reconcile.RuleConfiguration || !slices.ContainsFunc(h.Changes, func(c reconcile.Change) bool { return c.Origin == reconcile.FromConfiguration }) {
		t.Errorf("%+v", h)
	}
	o.config = good
	o.must(exitDone, "reconcile", "--yes")
	if got := o.holds(); len(got) != 0 {
		t.Errorf("after the mistake was taken back: %+v", got)
	}
}

// TestPartOfALimit: whoever approves a part of what a limit holds lets that part through,
// and not the rest because fewer are left: what is left waits for a word of its own.
func TestPartOfALimit(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 40, groups: 3, seed: 6, plain: true}, "limits: {deactivate: {max: 3}}\n")
	o.must(exitDone, "reconcile", "--yes")
	gone := o.world.People[2:6]
	o.people(suspend(gone...))
	o.must(exitHeld, "reconcile", "--yes")
	inside := func() (n int) {
		for _, p := range gone {
			if a, _ := o.account(p.Email); a.Active {
				n++
			}
		}
		return n
	}
	o.must(exitDone, "approve", o.holds()[0].ID, "--only", gone[0].Email, "--as", "ann")
	for night := range 2 {
		if out := o.must(exitHeld, "reconcile", "--yes"); inside() != 3 || !strings.Contains(out, "waits for a word of its own") {
			t.Errorf("night %d: %d are inside\n%s", night, inside(), out)
		}
	}
	h := o.holds()
	if len(h) != 1 || len(h[0].Changes) != 3 || !h[0].Approvable || h[0].Rejected > 0 || h[0].Rule != reconcile.RuleLimit {
		t.Fatalf("%+v", h)
	}
	o.must(exitDone, "approve", h[0].ID, "--only", gone[1].Email, "--as", "ann")
	o.must(exitDone, "approve", h[0].ID, "--as", "bob")
	o.must(exitDone, "reconcile", "--yes")
	if inside() != 0 {
		t.Errorf("%d are inside", inside())
	}
	o.must(exitDone, "plan")
}

// TestHeldRename: a held change of e-mail says who has it now: by the new address alone, it
// would seem to be about whoever has that.
func TestHeldRename(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 6, groups: 1, seed: 6, plain: true}, "")
	o.must(exitDone, "reconcile", "--yes")
	p, gone := o.world.People[2], o.world.People[3]
	was := p.Email
	o.people(func(w *onelogintest.World) { w.Remove(gone.ID) })
	o.must(exitDone, "reconcile", "--yes")
	o.people(func(*onelogintest.World) { p.Email = gone.Email })
	for _, out := range []string{o.must(exitDone, "reconcile", "--yes"), o.must(exitDone, "holds")} {
		if want := p.Email + " (now " + was + ")"; !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
}
