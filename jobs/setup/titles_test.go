package setup_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tomorro-sync/jobs/setup"
	"tomorro-sync/reconcile"
)

// person is somebody at work who has the app.
func person(key reconcile.Key, title string) reconcile.Person {
	return reconcile.Person{Key: key, Email: fmt.Sprintf("p%d@acme.io", key), FirstName: "P", LastName: "Q", Title: title, Status: 1, Licence: reconcile.Approved, Assigned: true}
}

func account(key reconcile.Key, u reconcile.UserType) reconcile.Account {
	return reconcile.Account{ID: fmt.Sprint("a", key), UserName: fmt.Sprintf("P%d@Acme.io", key), UserType: u, Active: true}
}

func TestProposeTitles(t *testing.T) {
	titles := func(names ...string) (d reconcile.Directory) {
		for i, name := range names {
			d.People = append(d.People, person(reconcile.Key(i+1), name))
		}
		return d
	}
	tests := []struct {
		name string
		d    reconcile.Directory
		at   []reconcile.Account
		want []setup.Title
	}{
		{"words and spellings", titles(" Manager", "manager", "MANAGER", "manager", ""), nil,
			[]setup.Title{{Title: "manager", People: 4, Role: reconcile.Manager, From: setup.TitleWord}}},
		{"Tomorro's own names", titles("Contributeur", "Creator -  Manager"), nil,
			[]setup.Title{{Title: "Contributeur", People: 1, Role: reconcile.User, From: setup.TitleName}, {Title: "Creator - Manager", People: 1, Role: reconcile.Manager, From: setup.TitleName}}},
		{"as the accounts are", titles("Paralegal", "Paralegal", "paralegal"), []reconcile.Account{account(1, reconcile.User), account(2, reconcile.User)},
			[]setup.Title{{Title: "Paralegal", People: 3, Accounts: map[reconcile.UserType]int{reconcile.User: 2}, Role: reconcile.User, From: setup.TitleAccounts}}},
		{"too few accounts", titles("Paralegal", "Paralegal", "Paralegal"), []reconcile.Account{account(1, reconcile.User)},
			[]setup.Title{{Title: "Paralegal", People: 3, Accounts: map[reconcile.UserType]int{reconcile.User: 1}, From: setup.TitleUnknown}}},
		{"accounts that disagree", titles("Lawyer", "Lawyer"), []reconcile.Account{account(1, reconcile.User), account(2, reconcile.Manager)},
			[]setup.Title{{Title: "Lawyer", People: 2, Accounts: map[reconcile.UserType]int{reconcile.User: 1, reconcile.Manager: 1}, From: setup.TitleUnknown}}},
		{"nobody becomes an admin", titles("Head", "Head"), []reconcile.Account{account(1, reconcile.Admin)},
			[]setup.Title{{Title: "Head", People: 2, Accounts: map[reconcile.UserType]int{reconcile.Admin: 1}, From: setup.TitleUnknown}}},
		{"all are admins already", titles("Head"), []reconcile.Account{account(1, reconcile.Admin)},
			[]setup.Title{{Title: "Head", People: 1, Accounts: map[reconcile.UserType]int{reconcile.Admin: 1}, Role: reconcile.Admin, From: setup.TitleAccounts}}},
		{"a role that Tomorro made up", titles("Head"), []reconcile.Account{account(1, "owner")},
			[]setup.Title{{Title: "Head", People: 1, Accounts: map[reconcile.UserType]int{"owner": 1}, From: setup.TitleUnknown}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.want {
				if test.want[i].Accounts == nil {
					test.want[i].Accounts = map[reconcile.UserType]int{}
				}
			}
			got := setup.ProposeTitles(&test.d, &reconcile.Current{Accounts: test.at}, &reconcile.Policy{})
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestOnlyThoseWithAccess: titles of people who shall have no account say nothing.
func TestOnlyThoseWithAccess(t *testing.T) {
	d := reconcile.Directory{People: []reconcile.Person{person(1, "Gone"), person(2, "Without"), person(3, "user")}}
	d.People[0].Status, d.People[1].Assigned = 2, false
	if got := setup.ProposeTitles(&d, &reconcile.Current{}, &reconcile.Policy{}); len(got) != 1 || got[0].Title != "user" {
		t.Errorf("%+v", got)
	}
}

// world draws people and accounts.
func world(t *rapid.T) (d reconcile.Directory, current reconcile.Current) {
	titles := rapid.SampledFrom([]string{"admin", "User ", "Paralegal", "paralegal", "Head of Legal", "contributor", "", "Ünïcode\u2028\"x\"", "# no"})
	roles := rapid.SampledFrom([]reconcile.UserType{reconcile.Admin, reconcile.Manager, reconcile.User, reconcile.Viewer})
	n := rapid.IntRange(0, 30).Draw(t, "people")
	for i := range n {
		p := person(reconcile.Key(i+1), titles.Draw(t, "title"))
		p.Roles = []int64{int64(i % 3)}
		d.People = append(d.People, p)
		if rapid.Bool().Draw(t, "account") {
			current.Accounts = append(current.Accounts, account(p.Key, roles.Draw(t, "role")))
		}
	}
	d.Rules = []reconcile.Rule{{ID: 1, Name: "legal", Conditions: []reconcile.Condition{{Source: "has_role", Operator: "ri", Value: "1"}}, Actions: []reconcile.Action{{Name: "set_groups", Values: []string{"Legal"}}}}}
	d.Receipt.Lists = []reconcile.ListReceipt{{List: reconcile.ListUsers, Pages: 1, Items: n, Total: n}, {List: reconcile.ListAssigned, Pages: 1}, {List: reconcile.ListRoles, Pages: 1}, {List: reconcile.ListRules, Pages: 1, Total: -1}}
	return d, current
}

// TestTitleLaws: the order of the lists does not matter, everybody with a title is
// counted once, and no proposal changes the role of an account it rests on or makes an
// admin of anybody whose title does not say so.
func TestTitleLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, current := world(t)
		got := setup.ProposeTitles(&d, &current, &reconcile.Policy{})
		turned, back := reconcile.Directory{People: slices.Clone(d.People)}, reconcile.Current{Accounts: slices.Clone(current.Accounts)}
		slices.Reverse(turned.People)
		slices.Reverse(back.Accounts)
		if diff := cmp.Diff(got, setup.ProposeTitles(&turned, &back, &reconcile.Policy{})); diff != "" {
			t.Fatal(diff)
		}
		sum := 0
		for _, title := range got {
			sum += title.People
			if title.From == setup.TitleAccounts && len(title.Accounts) != 1 {
				t.Fatalf("%+v changes accounts", title)
			}
			if title.From != setup.TitleWord && title.Role == reconcile.Admin && title.Accounts[reconcile.Admin] != title.People {
				t.Fatalf("%+v makes an admin", title)
			}
		}
		with := 0
		for _, p := range d.People {
			if p.Title != "" {
				with++
			}
		}
		if sum != with {
			t.Fatalf("%d people, want %d", sum, with)
		}
	})
}
