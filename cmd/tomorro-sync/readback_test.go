package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestTomorroIgnores plays the nights after Tomorro began to ignore something: it
// is reported, held in the third night, and nothing but what leaves somebody with
// access is written again.
func TestTomorroIgnores(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		knob   func(*tomorrotest.Knobs)
		change func(*office)
		op     reconcile.Op
		want   string
		access bool
	}{
		{"userType", func(k *tomorrotest.Knobs) { k.IgnoresType = true }, func(o *office) { promote(o, 1) }, reconcile.OpChangeRole, "sent manager, there is user", false},
		{"name", func(k *tomorrotest.Knobs) { k.IgnoresName = true }, func(o *office) { o.world.People[5].LastName = "Featherstone" }, reconcile.OpUpdateName, "Featherstone", false},
		{"members", func(k *tomorrotest.Knobs) { k.IgnoresMembers = true }, func(o *office) { o.handEdit(false) }, reconcile.OpAddMember, "sent a member, there is no member", false},
		{"members who leave", func(k *tomorrotest.Knobs) { k.IgnoresMembers = true }, func(o *office) { o.handEdit(true) }, reconcile.OpRemoveMember, "sent no member, there is a member; they keep access", true},
		{"leavers", func(k *tomorrotest.Knobs) { k.IgnoresInactive = true }, func(o *office) { o.world.People[9].Assigned = false }, reconcile.OpDeactivate, "sent inactive, there is active; they keep access", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, labOptions{users: 40, groups: 6, seed: 3, plain: true}, "limits: {deactivate: {share: none}}\n")
			o.must(exitDone, "reconcile", "--yes")
			tt.change(o)
			o.lab.tomorro.Turn(tt.knob)
			exits, writes := [4]int{}, [4]int{}
			for night := range exits {
				o.resetStats()
				code, stdout, stderr := o.run("reconcile", "--yes", "--all")
				if strings.Contains(stdout, "something else") {
					t.Errorf("night %d blames somebody else:\n%s", night+1, stdout)
				}
				exits[night], writes[night] = code, o.lab.tomorroWire.Stats().Writes
				if told := strings.Contains(stdout, tt.want); told != (tt.access || night < 2) {
					t.Fatalf("night %d: exit %d\n%s%s", night+1, code, stdout, stderr)
				}
			}
			wantExits, wantWrites := [4]int{0, 0, 0, 0}, [4]int{1, 1, 0, 0}
			if tt.access {
				wantExits, wantWrites = [4]int{3, 3, 3, 3}, [4]int{1, 1, 1, 1}
			}
			if exits != wantExits || writes != wantWrites {
				t.Errorf("exits %v, writes %v", exits, writes)
			}
			var report reportJSON
			if _, stdout, _ := o.run("reconcile", "--yes", "--output", "json"); json.Unmarshal([]byte(stdout), &report) != nil || (len(report.Ignored) == 1) != tt.access ||
				tt.access && (report.Ignored[0].Op != tt.op || !report.Ignored[0].Access) || !tt.access && (len(report.HeldChanges) != 1 || report.HeldChanges[0].Rule != reconcile.RuleIgnored) {
				t.Errorf("%+v", report)
			}
			if out := o.must(exitDone, "journal", "--since", "1h"); !strings.Contains(out, "1 not kept by Tomorro") {
				t.Errorf("the journal says\n%s", out)
			}
			if tt.access {
				return
			}
			if out := o.must(exitDone, "plan"); !strings.Contains(out, "Tomorro confirmed this in run after run") {
				t.Errorf("the plan says\n%s", out)
			}
		})
	}
}

// promote gives the first people whose role is user a manager's title.
func promote(o *office, most int) {
	title, actual := "manager", o.actual()
	for _, p := range o.world.People {
		if actual[strings.ToLower(p.Email)].UserType == "user" && most > 0 {
			p.Title = &title
			most--
		}
	}
}

// handEdit takes somebody out of a group by hand, or puts a stranger into it.
func (o *office) handEdit(in bool) {
	o.t.Helper()
	for _, g := range o.lab.tomorro.State().Groups {
		for who, a := range o.actual() {
			if a.Groups != nil && slices.Contains(a.Groups, g.DisplayName) == in {
				continue
			}
			add, remove := []string{who}, []string(nil)
			if !in {
				add, remove = nil, []string{who}
			}
			if err := o.lab.tomorro.Members(g.DisplayName, add, remove); err != nil {
				o.t.Fatal(err)
			}
			return
		}
	}
	o.t.Fatal("nobody to edit")
}

// TestCanaryOnTheWire: a Tomorro that confirms roles and does not keep them is
// found after ten people, and the rest is not sent.
func TestCanaryOnTheWire(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 80, groups: 6, seed: 3, plain: true}, "limits: {change_role: {max: none, share: none}}\napply: {canary: 10}\n")
	o.must(exitDone, "reconcile", "--yes")
	o.equal()
	before := o.lab.tomorroWire.Stats()
	o.must(exitDone, "reconcile", "--yes") // nothing to do, nobody to go first
	if after := o.lab.tomorroWire.Stats(); after.Writes != before.Writes {
		t.Errorf("%d writes", after.Writes-before.Writes)
	}
	promote(o, 80)
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.IgnoresType = true })
	o.resetStats()
	out := o.must(exitSomeFailed, "reconcile", "--yes")
	if n := o.lab.tomorroWire.Stats().Writes; n != 10 || !strings.Contains(out, "apply.canary") || !strings.Contains(out, "of their changes, Tomorro did not keep 10") {
		t.Errorf("%d writes\n%s", n, out)
	}
	o.lab.tomorro.Turn(func(k *tomorrotest.Knobs) { k.IgnoresType = false })
	o.must(exitDone, "reconcile", "--yes")
	o.must(exitDone, "plan")
}

// TestNotKeptIsShown: what leaves somebody with access comes first, whole; the rest
// is abbreviated.
func TestNotKeptIsShown(t *testing.T) {
	report := jobs.Report{Run: "r1", Unread: "what was written could not be read back: away", Exit: 3}
	for i := range 30 {
		report.Ignored = append(report.Ignored, jobs.NotKept{Op: reconcile.OpUpdateName, Who: fmt.Sprintf("p%d@x.io", i), Sent: "a", There: "b"})
	}
	report.Ignored = append(report.Ignored, jobs.NotKept{Op: reconcile.OpRemoveMember, Who: "eve@x.io", Group: "legal", Sent: "no member", There: "a member", Access: true})
	got := start(t, &fakeServices{plan: onePending(), report: report}, "", false, "reconcile", "--yes")
	eve, first := strings.Index(got.out, "eve@x.io in group legal: Tomorro confirmed remove member and did not keep it"), strings.Index(got.out, "p0@x.io")
	if eve < 0 || first < eve || strings.Contains(got.out, "p20@x.io") || !strings.Contains(got.out, "and 10 more") || !strings.Contains(got.out, "could not be read back: away") {
		t.Errorf("%s", got.out)
	}
}
