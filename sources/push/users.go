package push

import (
	"net/http"
	"strconv"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

func getUser(c *call, id string) (answer, error) {
	a, err := c.o.Users.User(c.r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	return c.one(http.StatusOK, c.userResource(&a))
}

// createUser is an upsert: the Pusher finds the userName's account if there is
// one. The answer is 201 either way, which is what OneLogin waits for.
func createUser(c *call, _ string) (answer, error) {
	said, err := c.readUser(Create, "")
	if err != nil {
		return answer{}, err
	}
	if said.UserName == "" {
		return answer{}, invalid("userName is missing. It is the e-mail in Tomorro; check scimusername in OneLogin's app.")
	}
	return c.pushUser(http.StatusCreated, said)
}

func replaceUser(c *call, id string) (answer, error) {
	said, err := c.readUser(Replace, id)
	if err != nil {
		return answer{}, err
	}
	if said == (UserSaid{Request: c.id, Operation: Replace, ID: id}) {
		return answer{}, invalid("The body says nothing about the user; check the SCIM JSON template in OneLogin's app.")
	}
	if err := c.matchUser(id); err != nil {
		return answer{}, err
	}
	return c.pushUser(http.StatusOK, said)
}

func deleteUser(c *call, id string) (answer, error) {
	err := c.matchUser(id)
	if err == nil {
		_, err = c.o.Pusher.User(c.r.Context(), UserSaid{Request: c.id, Operation: Delete, ID: id})
	}
	return answer{status: http.StatusNoContent}, absent(err)
}

// patchUser says what the operations named. They are applied to a user of whom
// nothing is known, so that nothing must be read before what was said is durable.
func patchUser(c *call, id string) (answer, error) {
	steps, err := c.readSteps()
	if err != nil {
		return answer{}, err
	}
	said, err := c.patched(steps)
	if err != nil {
		return answer{}, err
	}
	if err := c.matchUser(id); err != nil {
		return answer{}, err
	}
	said.ID = id
	return c.pushUser(http.StatusOK, said)
}

// kept are the attributes of a user that are not passed over in a PATCH.
var kept = map[string]bool{"userName": true, "name": true, "userType": true, "active": true, "externalId": true}

// patched is what operations on a user say. Operations on what Tomorro does not
// have, such as a department, still make it look at the person.
func (c *call) patched(steps []step) (UserSaid, error) {
	var ops []scim.Operation
	renamed := false
	for _, s := range steps {
		if kept[s.attr] && !(s.attr == "active" && blank(s.value)) { // an empty macro, as in a whole user
			ops = append(ops, s.operation())
			renamed = renamed || s.attr == "userName"
		}
	}
	out, _, err := scim.ApplyPatch(scim.Resource{"schemas": []any{scim.SchemaUser}}, ops)
	if err != nil {
		return UserSaid{}, err
	}
	said, err := c.userSaid(out)
	if err == nil && renamed && said.UserName == "" {
		err = refuse(http.StatusBadRequest, scim.TypeMutability, "A user must keep a userName.")
	}
	return said.as(Replace), err
}

// readUser reads a user from the body.
func (c *call) readUser(operation Operation, id string) (UserSaid, error) {
	body, err := c.object()
	if err != nil {
		return UserSaid{}, err
	}
	said, err := c.userSaid(body)
	said.ID = id
	return said.as(operation), err
}

// as gives the operation, unless what was said is that the user is not active.
func (s UserSaid) as(operation Operation) UserSaid {
	s.Operation = operation
	if s.Active != nil && !*s.Active {
		s.Operation = Suspend
	}
	return s
}

// userSaid reads the attributes that Tomorro has. An id in the body is passed
// over: the path has it (RFC 7644 section 3.5.1: readOnly is ignored).
func (c *call) userSaid(object map[string]any) (UserSaid, error) {
	said := UserSaid{Request: c.id}
	name, ok := field(object, "name").(map[string]any)
	if field(object, "name") != nil && !ok && !blank(field(object, "name")) {
		return said, invalid("name must be an object with givenName and familyName.")
	}
	for _, f := range []struct {
		to    *string
		from  map[string]any
		name  string
		prose bool
	}{
		{&said.UserName, object, "userName", false}, {&said.UserType, object, "userType", true}, {&said.ExternalID, object, "externalId", false},
		{&said.GivenName, name, "givenName", true}, {&said.FamilyName, name, "familyName", true},
	} {
		var err error
		if *f.to, err = textOf(f.name, wording(field(f.from, f.name), f.prose)); err != nil {
			return said, err
		}
	}
	var err error
	said.Active, err = boolean(object, "active")
	return said, err
}

func (c *call) pushUser(status int, said UserSaid) (answer, error) {
	a, err := c.o.Pusher.User(c.r.Context(), said)
	if err != nil {
		return answer{}, err
	}
	return c.one(status, c.userResource(&a))
}

// matchUser checks If-Match, when there is one.
func (c *call) matchUser(id string) error {
	if c.r.Header.Get("If-Match") == "" {
		return nil
	}
	a, err := c.o.Users.User(c.r.Context(), id)
	if err != nil {
		return err
	}
	return c.match(c.userResource(&a))
}

// userResource is an account as SCIM has it.
func (c *call) userResource(a *reconcile.Account) scim.Resource {
	r := scim.Resource{
		"schemas":  []any{scim.SchemaUser},
		"id":       a.ID,
		"userName": a.UserName,
		"name":     map[string]any{"givenName": a.GivenName, "familyName": a.FamilyName},
		"active":   a.Active,
	}
	if a.UserType != "" {
		r["userType"] = string(a.UserType)
	}
	if a.ExternalID != "" {
		r["externalId"] = a.ExternalID
	}
	return c.withMeta(r, "User", a.ID, a.ID, a.UserName, a.GivenName, a.FamilyName, strconv.FormatBool(a.Active), string(a.UserType), a.ExternalID)
}
