package jobs

import (
	"testing"
	"time"

	"tomorro-sync/reconcile"
)

// TestCountsOfTheMirror: limits that are shares go by these, so that nobody counts who is
// gone.
func TestCountsOfTheMirror(t *testing.T) {
	now := time.Unix(1000, 0)
	m := mirrored(now)
	put := func(a reconcile.Account) {
		m.written("ours", []reconcile.Outcome{{Write: reconcile.Write{Op: reconcile.WriteUpdateUser, Account: a, Changes: []reconcile.Change{{Key: 2}}}, Result: reconcile.Done, Account: a}}, nil, now)
	}
	put(reconcile.Account{ID: "b", UserName: "b@x.io", UserType: reconcile.Admin, Active: true, ExternalID: "onelogin:2"})
	if want := (reconcile.Counts{Accounts: 2, Active: 2, Admins: 1}); m.counts != want {
		t.Errorf("%+v", m.counts)
	}
	put(reconcile.Account{ID: "b", UserName: "b@x.io", UserType: reconcile.Admin})
	if want := (reconcile.Counts{Accounts: 2, Active: 1}); m.counts != want {
		t.Errorf("%+v", m.counts)
	}
	gone := reconcile.Account{ID: "b"}
	m.written("ours", []reconcile.Outcome{{Write: reconcile.Write{Op: reconcile.WriteDeleteUser, Account: gone, Changes: []reconcile.Change{{Key: 2}}}, Result: reconcile.Done}}, nil, now)
	if _, known := m.ownerOf("b"); known || m.of(2).ID != "" || m.links[2] != "" || m.counts != (reconcile.Counts{Accounts: 1, Active: 1}) {
		t.Errorf("who was deleted is still known: %+v", m.counts)
	}
}

// TestAccountGivenToAnother: an account that somebody gave to another person is not the
// former one's any more, whatever a look of ours had found.
func TestAccountGivenToAnother(t *testing.T) {
	m := mirrored(time.Unix(1000, 0))
	r := &Runner{Links: linksOf{&inWay{happens: func() {}, links: map[reconcile.Key]string{2: "a"}}}}
	if _, err := m.newLinks(t.Context(), r); err != nil || m.of(1).ID != "" || m.of(2).ID != "a" {
		t.Errorf("%v: %+v", err, m.links)
	}
	if key, _ := m.ownerOf("a"); key != 2 {
		t.Errorf("it is %d's", key)
	}
}
