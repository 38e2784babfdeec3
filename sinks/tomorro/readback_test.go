package tomorro_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

var _ jobs.GroupReader = (*tomorro.Client)(nil)

// TestReadGroups: the groups are those that Read gives, wherever the service shows
// members, for the pages of groups alone where it shows them in the list.
func TestReadGroups(t *testing.T) {
	for _, members := range []string{tomorrotest.MembersShown, tomorrotest.MembersByID, tomorrotest.MembersByUser, tomorrotest.MembersNonEmpty} {
		t.Run("members "+members, func(t *testing.T) {
			r := newRig(t, tomorrotest.Knobs{Members: members, PageCap: 4}, nil)
			r.fill(t, 30, 6)
			whole, err := r.client.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.flaky.Reset()
			got, err := r.client.ReadGroups(t.Context())
			if err != nil || got.MembersUnknown {
				t.Fatalf("%+v %v", got, err)
			}
			if diff := cmp.Diff(whole.Groups, got.Groups); diff != "" {
				t.Error(diff)
			}
			if stats := r.flaky.Stats(); members == tomorrotest.MembersShown && (stats.Total != 2 || stats.ByRoute["GET /scim/v2/Groups"] != 2) {
				t.Errorf("6 groups in pages of 4 took %v", stats.ByRoute)
			}
		})
	}
}

// TestConfirmedAndNotKept: the answer to an update shows what the service kept, and
// is no answer when it leaves something out.
func TestConfirmedAndNotKept(t *testing.T) {
	before := reconcile.Account{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: "user", Active: true}
	wanted := before
	wanted.GivenName, wanted.UserType, wanted.Active = "Anna", "manager", false
	tests := []struct {
		name  string
		knobs tomorrotest.Knobs
		want  func(*reconcile.Account)
	}{
		{"kept", tomorrotest.Knobs{}, func(*reconcile.Account) {}},
		{"userType", tomorrotest.Knobs{IgnoresType: true}, func(a *reconcile.Account) { a.UserType = "user" }},
		{"name", tomorrotest.Knobs{IgnoresName: true}, func(a *reconcile.Account) { a.GivenName = "Ann" }},
		{"active", tomorrotest.Knobs{IgnoresInactive: true}, func(a *reconcile.Account) { a.Active = true }},
		{"no body", tomorrotest.Knobs{PatchNoContent: true}, nil},
	}
	for _, tt := range tests {
		for _, how := range []string{tomorro.UpdateByPut, tomorro.UpdateByPatch} {
			if tt.want == nil && how == tomorro.UpdateByPut {
				continue
			}
			t.Run(fmt.Sprint(tt.name, " ", how), func(t *testing.T) {
				r := newRig(t, tt.knobs, func(c *tomorro.Config) { c.UpdateWith = how })
				w := reconcile.Write{Op: reconcile.WriteUpdateUser, Before: before, Account: wanted, Changes: []reconcile.Change{{Op: reconcile.OpChangeRole}}}
				w.Account.ID = r.sim.AddUser(tomorrotest.User{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: "user", Active: true})
				got, err := r.client.Write(t.Context(), w)
				if err != nil || got.ID != w.Account.ID {
					t.Fatalf("%+v %v", got, err)
				}
				want := reconcile.Account{}
				if tt.want != nil {
					want = w.Account
					tt.want(&want)
				}
				if diff := cmp.Diff(want, got.Account); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestMembersConfirmedAndNotKept: only the list shows that.
func TestMembersConfirmedAndNotKept(t *testing.T) {
	for _, removal := range []string{tomorro.RemoveByValues, tomorro.RemoveByPut} {
		r := newRig(t, tomorrotest.Knobs{IgnoresMembers: true}, func(c *tomorro.Config) { c.MemberRemoval = removal })
		ids := r.fill(t, 3, 1) // p0 and p2 are members
		whole := r.check(t)
		g := whole.Groups[0]
		w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: g.ID, Group: g.Name, Add: []string{ids[1]}, Remove: []string{ids[0]},
			Changes: []reconcile.Change{{Op: reconcile.OpAddMember, Key: 2, Account: ids[1], Group: g.Name, GroupID: g.ID}, {Op: reconcile.OpRemoveMember, Key: 1, Account: ids[0], Group: g.Name, GroupID: g.ID}}}
		if _, err := r.client.Write(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		now, err := r.client.ReadGroups(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var back reconcile.ReadBack
		back.Heard(&reconcile.Outcome{Write: w, ID: g.ID, Result: reconcile.Done})
		found := back.Compare(nil, &now)
		if len(found) != 2 || found[0].KeepsAccess() || !found[1].KeepsAccess() {
			t.Errorf("%s: %+v", removal, found)
		}
	}
}

// TestAnswerAboutAnother: what an update is answered with is not taken for the account that
// was written when it is about another one: it shows neither that it was kept nor that not.
func TestAnswerAboutAnother(t *testing.T) {
	for id, told := range map[string]bool{"1": true, "2": false} {
		c := script{"PUT /Users/1": `200 {"id":"` + id + `","userName":"a@x.io","userType":"user","active":true,"name":{"givenName":"G","familyName":"F"}}`}.client(t, nil)
		got, err := c.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "1", UserName: "a@x.io", GivenName: "G", FamilyName: "F", UserType: "user"}})
		if err != nil || got.ID != "1" || (got.Account.ID == "1") != told || got.Account.ID == "2" {
			t.Errorf("answered about %s: %+v, %v", id, got, err)
		}
	}
}

// TestWhoseGroup: a group is this program's, and may be deleted by it, by its own mark alone.
func TestWhoseGroup(t *testing.T) {
	for mark, ours := range map[string]bool{"": false, "okta-7": false, reconcile.ProbeMark: false, reconcile.GroupExternalID: true} {
		one := fmt.Sprintf(`{"id":"g","displayName":"G","externalId":%q,"members":[]}`, mark)
		c := script{"GET /Groups/g": "200 " + one, "GET /Groups": `200 {"totalResults":1,"Resources":[` + one + `]}`}.client(t, nil)
		g, err := c.ReadGroup(t.Context(), "g")
		all, failed := c.ReadGroups(t.Context())
		if errors.Join(err, failed) != nil || g.Ours != ours || len(all.Groups) != 1 || all.Groups[0].Ours != ours {
			t.Errorf("%q: %+v %v, of all %+v %v", mark, g, err, all.Groups, failed)
		}
	}
}
