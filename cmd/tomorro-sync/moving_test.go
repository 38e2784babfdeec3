package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// TestDomainChanges: a company moves to another e-mail domain, a third of the people on each
// of three days, with the default substitute and the token's account among them, addresses
// that change their case or hands, and pushes in between. Everybody keeps their account, and
// the plan says what to change in the configuration.
func TestDomainChanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t, labOptions{users: 45, groups: 4, seed: 6, plain: true}, "limits: {rename: {max: none, share: none}}\n")
	title, people := "admin", o.world.People
	o.people(func(*onelogintest.World) { people[0].Title, people[1].Title = &title, &title })
	substitute, token := people[0].Email, people[1].Email
	o.edit("tomorro: {", fmt.Sprintf("tomorro: {default_substitute: %q, api_account: %q, ", substitute, token))
	o.must(exitDone, "reconcile", "--yes")
	ids := make(map[int64]string)
	for _, p := range people {
		a, _ := o.account(p.Email)
		ids[p.ID] = a.ID
	}
	for day := range 3 {
		o.people(func(*onelogintest.World) { moveThird(people, day) })
		switch day {
		case 0:
			if out := o.must(exitPending, "plan"); !strings.Contains(out, "whose e-mail becomes "+people[0].Email) {
				t.Errorf("%s", out)
			}
			o.edit(substitute, people[0].Email)
		case 1:
			o.must(exitHeld, "reconcile", "--yes", "--user", people[1].Email) // no run changes it, somebody does
			o.lab.tomorro.EditUser(ids[people[1].ID], func(u *tomorrotest.User) { u.UserName = people[1].Email })
			o.edit(token, people[1].Email)
		}
		s := o.serve()
		for i, p := range people {
			if i%5 != day {
				continue
			}
			if a := s.push(t, pushToken, "PUT", "/Users/"+ids[p.ID], userBody(p, "")); a.status != http.StatusOK {
				t.Errorf("day %d: %d %s", day, a.status, a.body)
			}
		}
		s.stop()
		o.must(exitDone, "reconcile", "--yes")
		o.must(exitDone, "plan")
		o.equal()
	}
	for _, p := range people {
		if a, _ := o.account(p.Email); a.ID != ids[p.ID] || !a.Active {
			t.Errorf("%s: %+v, was %s", p.Email, a, ids[p.ID])
		}
	}
	o.people(func(*onelogintest.World) { people[20].Status = 2 })
	o.must(exitDone, "reconcile", "--yes")
}

// moveThird gives every third the new domain, some in another case, and has two swap.
func moveThird(people []*onelogintest.Person, day int) {
	for i, p := range people {
		if i%3 != day {
			continue
		}
		name, _, _ := strings.Cut(p.Email, "@")
		if i%2 == 0 {
			name = strings.ToUpper(name[:1]) + name[1:]
		}
		p.Email = name + "@acme.group"
	}
	a, b := people[6+day], people[9+day]
	a.Email, b.Email = b.Email, a.Email
}
