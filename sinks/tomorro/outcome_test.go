package tomorro_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// changes are the writes that can be repeated, about the first account and the first
// group.
func (r *rig) changes(t *testing.T) []reconcile.Write {
	t.Helper()
	ids := r.fill(t, 4, 1)
	group := r.check(t).Groups[0]
	out := reconcile.Account{ID: ids[1], UserName: "p1@x.io", GivenName: "G", FamilyName: "F", UserType: reconcile.User}
	before := out
	before.Active = true
	return []reconcile.Write{
		{Op: reconcile.WriteMembers, GroupID: group.ID, Group: group.Name, Add: ids[3:], Remove: ids[:1]},
		{Op: reconcile.WriteUpdateUser, Account: out, Before: before},
		{Op: reconcile.WriteDeleteUser, Account: out, Before: before},
		{Op: reconcile.WriteDeleteGroup, GroupID: group.ID, Group: group.Name},
	}
}

// forms are the ways to write in which a client is tried.
var forms = map[string]func(*tomorro.Config){
	"as documented": func(*tomorro.Config) {},
	"patch, filter": func(c *tomorro.Config) { c.UpdateWith, c.MemberRemoval = tomorro.UpdateByPatch, tomorro.RemoveByFilter },
	"put":           func(c *tomorro.Config) { c.MemberRemoval = tomorro.RemoveByPut },
	"bulk":          func(c *tomorro.Config) { c.Bulk = 20 },
}

// TestPageConfirmsNothing: a firewall that answers each write with a page and status 200
// has not removed anybody.
func TestPageConfirmsNothing(t *testing.T) {
	for form, edit := range forms {
		r := newRig(t, tomorrotest.Knobs{Bulk: tomorrotest.Bulk{Operations: 100}}, edit)
		writes := r.changes(t)
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			r.flaky.Add(flaky.Fault{Method: method, Path: "/scim/v2/*/*", Kind: flaky.KindHTML200})
		}
		for _, w := range writes {
			if got, err := r.client.Write(ofRun(t), w); !errors.Is(err, reconcile.ErrUncertain) || !strings.Contains(err.Error(), "web page") {
				t.Errorf("%s, %s: %+v %v", form, w.Op, got, err)
			}
		}
	}
}

// TestLostThenRefused: when the answer to a try is lost, what the next one is answered
// does not say that nothing happened.
func TestLostThenRefused(t *testing.T) {
	for form, edit := range forms {
		for _, lost := range []flaky.Fault{{Kind: flaky.KindLostAnswer}, {Kind: flaky.KindStatus, Status: 502}} {
			r := newRig(t, tomorrotest.Knobs{}, edit)
			for _, w := range r.changes(t) {
				r.flaky.Clear()
				first, second := lost, flaky.Fault{Kind: flaky.KindStatus, Status: 409, Body: `{"detail":"locked"}`}
				first.Times = 1
				for _, method := range []string{"PUT", "PATCH", "DELETE"} {
					first.Method, first.Path, second.Method, second.Path = method, "/scim/v2/*/*", method, "/scim/v2/*/*"
					r.flaky.Add(first)
					r.flaky.Add(second)
				}
				if got, err := r.client.Write(t.Context(), w); !errors.Is(err, reconcile.ErrUncertain) || !strings.Contains(err.Error(), "locked") {
					t.Errorf("%s, %s after %s: %+v %v", form, w.Op, lost.Kind, got, err)
				}
			}
		}
	}
	r := newRig(t, tomorrotest.Knobs{InactiveRemoves: true}, nil)
	w := r.changes(t)[1]
	r.flaky.Add(flaky.Fault{Method: "PUT", Path: "/scim/v2/Users/*", Kind: flaky.KindLostAnswer, Times: 1})
	if _, err := r.client.Write(t.Context(), w); !errors.Is(err, reconcile.ErrUncertain) {
		t.Errorf("a removal whose answer is lost, and then the account is not there: %v", err)
	}
}

// TestNotSentIsNotDone: what never reached Tomorro, or what it asked to be sent later, had
// no effect, and uses up no limit and no approval.
func TestNotSentIsNotDone(t *testing.T) {
	for form, edit := range forms {
		r := newRig(t, tomorrotest.Knobs{}, edit)
		writes := append(r.changes(t), create("new@x.io"), reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "new"})
		failed := func(ctx context.Context, client *tomorro.Client, why string) {
			t.Helper()
			for _, w := range writes {
				if got, err := client.Write(ctx, w); err == nil || errors.Is(err, reconcile.ErrUncertain) {
					t.Errorf("%s, %s, %s: %+v %v", form, why, w.Op, got, err)
				}
			}
		}
		r.flaky.Add(flaky.Fault{Path: "/scim/v2/*", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "3600"}})
		r.flaky.Add(flaky.Fault{Path: "/scim/v2/*/*", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "3600"}})
		failed(ofRun(t), r.client, "come back later")
		r.flaky.Clear()
		lost := errors.New("the lock was lost")
		failed(reconcile.WithFence(t.Context(), func() error { return lost }), r.client, "no lock")
		gone := newRig(t, tomorrotest.Knobs{}, edit)
		gone.close()
		failed(ofRun(t), gone.client, "nobody listens")
	}
}

// TestWaitingIsNotDone: Tomorro asks for more time than a write may take.
func TestWaitingIsNotDone(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, nil)
	w := r.changes(t)[1]
	w.Changes = []reconcile.Change{{Op: reconcile.OpDeactivate, Key: 1, Account: w.Account.ID, Before: &w.Before, After: &w.Account}}
	r.flaky.Add(flaky.Fault{Method: "GET", Path: "/scim/v2/Users/*", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "2"}, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{})
	go func() { _, _ = r.client.ReadAccount(ctx, w.Account.ID); close(reading) }()
	for r.client.Stats().Throttled == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // until it holds all requests
	result, err := reconcile.Apply(t.Context(), reconcile.Plan{Changes: w.Changes}, r.client, &reconciletest.Log{}, reconcile.ApplyOptions{Within: 50 * time.Millisecond})
	if err != nil || len(result.Problems) != 1 || result.Problems[0].Result != reconcile.Failed {
		t.Errorf("%v %+v; it was not sent", err, result)
	}
	cancel()
	<-reading
}

// TestNobodyToTakeOut: somebody left a group by other means since it was read, which a
// service may answer with noTarget. The others are taken out all the same.
func TestNobodyToTakeOut(t *testing.T) {
	for _, removal := range []string{tomorro.RemoveByValues, tomorro.RemoveByFilter, tomorro.RemoveByScim1} {
		for _, lost := range []bool{false, true} {
			r := newRig(t, tomorrotest.Knobs{NoTarget: true}, func(c *tomorro.Config) { c.MemberRemoval = removal })
			ids := r.fill(t, 12, 1) // 0, 2, 4 …
			group := r.check(t).Groups[0]
			if err := r.sim.Members("g0", nil, []string{"p4@x.io"}); err != nil {
				t.Fatal(err)
			}
			if lost { // then nobody is there for the second try
				r.flaky.Add(flaky.Fault{Method: "PATCH", Path: "/scim/v2/Groups/*", Kind: flaky.KindLostAnswer, Times: 1, Skip: 1})
			}
			for _, o := range inParts(t, r.client, group, ids[1:2], []string{ids[0], ids[2], ids[4], ids[6], ids[8]}).Problems {
				t.Errorf("%s: %s %v", removal, o.Result, o.Err)
			}
			if got := r.sim.State().Groups[0].Members; len(got) != 2 {
				t.Errorf("%s: %v are in the group, want p1 and p10", removal, got)
			}
		}
	}
}

// TestCreateNeverTwice: whatever happens to the answer of a POST, there is one
// account and one POST that took effect.
func TestCreateNeverTwice(t *testing.T) {
	for name, fault := range map[string]flaky.Fault{
		"lost answer": {Kind: flaky.KindLostAnswer}, "truncated": {Kind: flaky.KindTruncated}, "reset before": {Kind: flaky.KindReset},
		"502 before": {Kind: flaky.KindStatus, Status: 502}, "timeout": {Kind: flaky.KindTimeout}, "html": {Kind: flaky.KindHTML200},
	} {
		r := newRig(t, tomorrotest.Knobs{}, func(cfg *tomorro.Config) {
			if name == "timeout" {
				cfg.Timeout = 250 * time.Millisecond
			}
		})
		fault.Method, fault.Path, fault.Times = "POST", "/scim/v2/Users", 1
		r.flaky.Add(fault)
		got, err := r.client.Write(t.Context(), create("a@x.io"))
		made := len(r.sim.State().Users)
		switch {
		case made > 1 || r.flaky.Stats().ByRoute["POST /scim/v2/Users"] != 1:
			t.Errorf("%s: %d accounts from %d POSTs", name, made, r.flaky.Stats().ByRoute["POST /scim/v2/Users"])
		case made == 1 && (err != nil || got.Note == ""):
			t.Errorf("%s: the account is there, and the client says %+v %v", name, got, err)
		case made == 0 && !errors.Is(err, reconcile.ErrUncertain):
			t.Errorf("%s: %v, want ErrUncertain", name, err)
		}
	}
}

// TestUnansweredCreateMeetsAnother: an account that has the address, and is not as it was
// sent, was not made by a POST that nobody answered: whose it is, is decided elsewhere.
func TestUnansweredCreateMeetsAnother(t *testing.T) {
	for name, fault := range map[string]flaky.Fault{"reset": {Kind: flaky.KindReset}, "502": {Kind: flaky.KindStatus, Status: 502}} {
		for what, edit := range map[string]func(*reconcile.Account){
			"name": func(a *reconcile.Account) { a.GivenName = "Former" }, "role": func(a *reconcile.Account) { a.UserType = reconcile.Admin },
			"no access": func(a *reconcile.Account) { a.Active = false },
		} {
			r := newRig(t, tomorrotest.Knobs{}, nil)
			former := create("a@x.io")
			edit(&former.Account)
			there, err := r.client.Write(t.Context(), former)
			if err != nil {
				t.Fatal(err)
			}
			fault.Method, fault.Path, fault.Times = "POST", "/scim/v2/Users", 1
			r.flaky.Add(fault)
			got, err := r.client.Write(t.Context(), create("a@x.io"))
			if exists, ok := errors.AsType[*reconcile.ExistsError](err); !ok || exists.Account.ID != there.ID {
				t.Errorf("%s, other %s: %+v, %v", name, what, got, err)
			}
		}
	}
}
