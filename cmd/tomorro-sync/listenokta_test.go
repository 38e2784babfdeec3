package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// oktaUser is a person as Okta's provisioner sends them: with a password, e-mails, a locale
// and an id of its own (developer.okta.com/docs/reference/scim/scim-20).
func oktaUser(name, id string, active bool) map[string]any {
	user := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": name + "@example.com",
		"name": map[string]any{"givenName": name, "middleName": "", "familyName": "X"}, "emails": []map[string]any{{"primary": true, "value": name + "@example.com", "type": "work"}},
		"displayName": name + " X", "locale": "en-US", "externalId": "00u" + name, "groups": []string{}, "active": active}
	if id == "" {
		user["password"] = "1mz050nq"
	} else {
		user["id"], user["meta"] = id, map[string]any{"resourceType": "User"}
	}
	return user
}

// account is a person's at Tomorro; empty when there is none.
func (c *counter) account(name string) tomorrotest.UserState {
	users := c.tomorro.State().Users
	i := slices.IndexFunc(users, func(u tomorrotest.UserState) bool { return u.UserName == name+"@example.com" })
	if i < 0 {
		return tomorrotest.UserState{}
	}
	return users[i]
}

// TestOktaLifecycle: Okta's provisioner, as the guide's closing advice has it used: it tests
// the connection, makes a person and a group, says who is in it in each of its ways, takes
// the person's access away by PUT, gives it back, and deletes the group. What people are
// stays what OneLogin says.
func TestOktaLifecycle(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "groups: {create: true, delete: true}\n")
	c.must(http.StatusOK, "GET", "/Users?startIndex=1&count=2", nil)
	c.must(http.StatusOK, "GET", "/Users?filter="+url.QueryEscape(`userName eq "nina@example.com"`)+"&startIndex=1&count=100", nil)
	title, login := "manager", "nina"
	var nina *onelogintest.Person
	c.sim.Edit(func(w *onelogintest.World) {
		nina = &onelogintest.Person{FirstName: "Nina", LastName: "Berg", Email: "nina@example.com", Username: &login, Title: &title, Status: 1, State: 1, Assigned: true}
		w.Add(nina)
	})
	id := c.must(http.StatusCreated, "POST", "/Users", oktaUser("nina", "", true))
	if a := c.account("nina"); !a.Active || a.UserType != "manager" || a.GivenName != "Nina" || a.FamilyName != "Berg" {
		t.Errorf("made as Okta says, and not as OneLogin does: %+v", a)
	}
	c.must(http.StatusOK, "PUT", "/Users/"+id, oktaUser("nina", id, true))
	if a := c.account("nina"); a.GivenName != "Nina" {
		t.Errorf("updated to %+v", a)
	}

	c.must(http.StatusOK, "GET", "/Groups?filter="+url.QueryEscape(`displayName eq "Paris"`), nil)
	group := c.must(http.StatusCreated, "POST", "/Groups", map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Paris", "members": []string{}})
	patch := func(operations ...map[string]any) {
		t.Helper()
		c.must(http.StatusOK, "PATCH", "/Groups/"+group, map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": operations})
	}
	add := func(name, id string) map[string]any {
		return map[string]any{"op": "add", "path": "members", "value": []map[string]any{{"value": id, "display": name + "@example.com"}}}
	}
	patch(add("nina", id))
	c.in("Paris", "nina")
	patch(map[string]any{"op": "remove", "path": `members[value eq "` + id + `"]`}, add("omar", c.ids["omar"]))
	c.in("Paris", "omar")
	patch(map[string]any{"op": "replace", "path": "members", "value": member(id, c.ids["omar"])})
	c.in("Paris", "nina", "omar")
	c.must(http.StatusOK, "PUT", "/Groups/"+group, map[string]any{"id": group, "displayName": "Paris", "members": member(id)})
	c.in("Paris", "nina")

	if why := c.must(http.StatusServiceUnavailable, "PUT", "/Users/"+id, oktaUser("nina", id, false)); !strings.Contains(why, "OneLogin") {
		t.Errorf("it is not said why she keeps access: %s", why)
	}
	c.sim.Edit(func(*onelogintest.World) { nina.Status = 2 })
	c.must(http.StatusOK, "PUT", "/Users/"+id, oktaUser("nina", id, false))
	if a := c.account("nina"); a.Active {
		t.Error("she still has access")
	}
	c.sim.Edit(func(*onelogintest.World) { nina.Status = 1 })
	if again := c.must(http.StatusOK, "PUT", "/Users/"+id, oktaUser("nina", id, true)); again != id || !c.account("nina").Active {
		t.Errorf("she came back as %s: %+v", again, c.account("nina"))
	}
	c.in("Paris", "nina")
	c.must(http.StatusOK, "PUT", "/Groups/"+group, map[string]any{"id": group, "displayName": "Paris", "members": []string{}})
	c.must(http.StatusNoContent, "DELETE", "/Groups/"+group, nil)
	if c.members("Paris") != nil {
		t.Error("the group is still there")
	}
}
