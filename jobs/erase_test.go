package jobs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
)

// TestEraserLeavesNothing: wherever an entry may have a value of a person, it is gone
// afterwards; what is somebody else's stays.
func TestEraserLeavesNothing(t *testing.T) {
	t.Parallel()
	const said = `ann@x.io, ANN@X.IO.UK and %22ann@x.io%22 at /Users?filter=userName+eq+%22ann%40x.io%22`
	hers := reconcile.Account{ID: "t1", UserName: "ann@x.io", GivenName: "Annabel", FamilyName: "Rayleigh"}
	images := func() (*reconcile.Account, *reconcile.Account) { before, after := hers, hers; return &before, &after }
	change := func(op reconcile.Op) reconcile.Change {
		before, after := images()
		return reconcile.Change{Op: op, Key: 1, Account: "t1", Who: "ann@x.io", Cause: `title "wizard"`, Before: before, After: after}
	}
	others := reconcile.Change{Op: reconcile.OpDeactivate, Key: 2, Account: "t2", Who: "joann@x.io", Cause: "left", Approved: said}
	write := func(id string, op reconcile.WriteOp, changes ...reconcile.Change) jobs.Entry {
		return jobs.Entry{ID: id, Kind: jobs.EntryIntent, Write: &reconcile.Write{Op: op, Account: hers, Before: hers, Changes: changes}}
	}
	held := func(c reconcile.Change, reason string) jobs.Entry {
		c.Approved = said
		return jobs.Entry{Kind: jobs.EntryHold, Held: []reconcile.Held{{Change: c, Reason: reason}}}
	}
	outcome := func(of string) jobs.Entry {
		return jobs.Entry{Kind: jobs.EntryOutcome, Intent: of, Error: "Annabel Rayleigh is not taken", Note: "Rayleigh was there"}
	}
	entries := []jobs.Entry{
		write("1", reconcile.WriteCreateUser, change(reconcile.OpCreate)), outcome("1"),
		write("2", reconcile.WriteUpdateUser, change(reconcile.OpUpdateName)), outcome("2"),
		write("3", reconcile.WriteDeleteUser, change(reconcile.OpDelete)), outcome("3"),
		{ID: "4", Kind: jobs.EntryIntent, Write: &reconcile.Write{Op: reconcile.WriteMembers, Changes: []reconcile.Change{change(reconcile.OpAddMember), others}}}, outcome("4"),
		held(change(reconcile.OpChangeRole), `title "wizard"`), held(others, said),
		{Kind: jobs.EntryBegin, Trigger: &jobs.Trigger{Who: said}, Receipt: &reconcile.Receipt{Fallbacks: []string{said}, Lists: []reconcile.ListReceipt{{List: "users", Why: said}}}},
		{Kind: jobs.EntryWitness, Said: []reconcile.Testimony{{Key: 1, Why: `title "wizard"`}, {Key: 2, Why: said}}},
		{Kind: jobs.EntryDecide, Decided: &reconcile.Decision{Why: said, By: []string{"bob", said}}},
		{Kind: jobs.EntryOutcome, Intent: "9", Error: said, Note: said},
		{Kind: jobs.EntryEnd, Report: &jobs.Report{Trigger: jobs.Trigger{Who: said}, Unread: said, Errors: []string{said}, Incomplete: []string{said}, Fallbacks: []string{said},
			Ignored: []jobs.NotKept{{Op: reconcile.OpUpdateName, Key: 1, Who: "ann@x.io", Sent: "Annabel Rayleigh", There: "Annabel"}, {Op: reconcile.OpRename, Key: 2, Who: "joann@x.io", Sent: said, There: said}}}},
	}
	person := &jobs.Person{Key: 1, Accounts: map[string]bool{"t1": true}, Addresses: map[string]bool{"ann@x.io": true, "ann@x.io.uk": true}}
	edit := person.Eraser()
	for i := range entries {
		if !edit(&entries[i]) {
			t.Errorf("entry %d has something of hers, and is not edited", i)
		}
		data, err := json.Marshal(&entries[i])
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(strings.ToLower(string(data)), "joann@x.io", "")
		for _, word := range []string{"ann@", "ann%40", "annabel", "rayleigh", "wizard"} {
			if strings.Contains(text, word) {
				t.Errorf("entry %d still says %q: %s", i, word, data)
			}
		}
		if edit(&entries[i]) {
			t.Errorf("entry %d is edited twice: %s", i, data)
		}
	}
	if c := entries[6].Write.Changes[1]; c.Who != "joann@x.io" || c.Cause != "left" || c.Account != "t2" {
		t.Errorf("what is somebody else's is now %+v", c)
	}
	for _, other := range []string{"joann@x.io", "ann@x.iota", "ann@x.io.uka", "j.ann@x.io", "Zoann%40x.io"} {
		if e := (jobs.Entry{Note: other + " left"}); edit(&e) {
			t.Errorf("%s became %s", other, e.Note)
		}
	}
}

// TestHistoryOfOne: a person's history has nothing of others in it, and finds whom it has
// only held.
func TestHistoryOfOne(t *testing.T) {
	t.Parallel()
	h := jobs.History{Person: &jobs.Person{Key: 1, Accounts: map[string]bool{"t1": true}}}
	e, found := h.Take(jobs.Entry{Kind: jobs.EntryWitness, Said: []reconcile.Testimony{{Key: 1, Why: "hers"}, {Key: 2, Why: "another's"}}})
	if !found || len(e.Said) != 1 || e.Said[0].Key != 1 {
		t.Errorf("what was answered: %+v, %v", e.Said, found)
	}
	if e, found = h.Take(jobs.Entry{Kind: jobs.EntryPin, Keys: []reconcile.Key{1, 2}}); !found || len(e.Keys) != 1 {
		t.Errorf("who is pinned: %v, %v", e.Keys, found)
	}
	if _, found = h.Take(jobs.Entry{Kind: jobs.EntryHold, Held: []reconcile.Held{{Change: reconcile.Change{Account: "t9", Who: "zoe@x.io"}}}}); found {
		t.Error("nobody's account is in it")
	}
	nobody := &jobs.Person{Accounts: map[string]bool{"t1": true}} // whose account is somebody's by now
	if nobody.Concerns(&reconcile.Change{Key: 1, Account: "t1"}) || !nobody.Concerns(&reconcile.Change{Account: "t1"}) {
		t.Error("an account that was nobody's has the history of whose it is now")
	}
	r := newRig(t)
	if _, err := r.store.Append(t.Context(), jobs.Lease{}, jobs.Entry{Kind: jobs.EntryHold, Held: []reconcile.Held{{Change: reconcile.Change{Op: reconcile.OpCreate, Key: 3, Who: "only.held@x.io"}}}}); err != nil {
		t.Fatal(err)
	}
	if who, err := jobs.FindPerson(t.Context(), r.store, "only.held@x.io"); err != nil || who.Key != 3 {
		t.Errorf("who was only held: %+v, %v", who, err)
	}
}
