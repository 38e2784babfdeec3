package tomorro

import (
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// TestAnswered: an answer that leaves out what was sent proves nothing.
func TestAnswered(t *testing.T) {
	sent := reconcile.Account{UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Doe", UserType: "user", Active: true}
	whole := user{ID: "a1", UserName: "ann@x.io", UserType: "user", Name: scim.Name{GivenName: "Ann", FamilyName: "Doe"}, Active: new(scim.Bool(true))}
	for name, edit := range map[string]func(*user){
		"id": func(u *user) { u.ID = "" }, "userName": func(u *user) { u.UserName = "" }, "userType": func(u *user) { u.UserType = "" },
		"active": func(u *user) { u.Active = nil }, "given name": func(u *user) { u.Name.GivenName = "" }, "family name": func(u *user) { u.Name.FamilyName = "" },
	} {
		partial := whole
		edit(&partial)
		if got := answered(sent, &partial); got != (reconcile.Account{}) {
			t.Errorf("without %s: %+v", name, got)
		}
	}
	if got := answered(sent, &whole); got.ID != "a1" {
		t.Errorf("%+v", got)
	}
	sent.FamilyName, whole.Name.FamilyName = "", ""
	if got := answered(sent, &whole); got.ID != "a1" {
		t.Errorf("a person of one name: %+v", got)
	}
}
