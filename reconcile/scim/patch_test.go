package scim_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"tomorro-sync/reconcile/scim"
)

const enterprise = scim.SchemaEnterprise

// anna is a user with one value of most kinds.
const anna = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"u1","userName":"anna@x.io","active":true,"title":"user",
 "name":{"givenName":"Anna","familyName":"Low"},
 "emails":[{"type":"work","value":"anna@x.io","primary":true},{"type":"home","value":"anna@y.io"}]}`

// team is a group of three.
const team = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"g1","displayName":"Team","members":[{"value":"a"},{"value":"b","display":"Bea"},{"value":"c"}]}`

// TestApplyPatch gives what an operation changes at the top of the resource; null
// for what is gone. {} is no change.
func TestApplyPatch(t *testing.T) {
	for _, c := range []struct{ name, resource, ops, want string }{
		// RFC 7644 section 3.5.2.
		{"RFC add member", `{"members":[{"value":"a"}]}`, `[{"op":"add","path":"members","value":[{"display":"Babs","$ref":"../Users/2","value":"2"}]}]`,
			`{"members":[{"value":"a"},{"display":"Babs","$ref":"../Users/2","value":"2"}]}`},
		{"RFC add without path", `{"title":"x"}`, `[{"op":"add","value":{"emails":[{"value":"babs@jensen.org","type":"home"}],"nickName":"Babs"}}]`,
			`{"emails":[{"value":"babs@jensen.org","type":"home"}],"nickName":"Babs"}`},
		{"RFC remove one member", team, `[{"op":"remove","path":"members[value eq \"b\"]"}]`, `{"members":[{"value":"a"},{"value":"c"}]}`},
		{"RFC remove all members", team, `[{"op":"remove","path":"members"}]`, `{"members":null}`},
		{"RFC remove by two", anna, `[{"op":"remove","path":"emails[type eq \"work\" and value ew \"x.io\"]"}]`, `{"emails":[{"type":"home","value":"anna@y.io"}]}`},
		{"RFC remove and add in order", team, `[{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"d"}]}]`,
			`{"members":[{"value":"b","display":"Bea"},{"value":"c"},{"value":"d"}]}`},
		{"RFC replace all members", team, `[{"op":"replace","path":"members","value":[{"value":"x"},{"value":"y"}]}]`, `{"members":[{"value":"x"},{"value":"y"}]}`},
		{"RFC replace a value", `{"addresses":[{"type":"work","locality":"A","country":"FR"},{"type":"home"}]}`, `[{"op":"replace","path":"addresses[type eq \"work\"]","value":{"type":"work","locality":"B"}}]`,
			`{"addresses":[{"type":"work","locality":"B"},{"type":"home"}]}`},
		{"RFC replace a sub-attribute", `{"addresses":[{"type":"work","locality":"A"}]}`, `[{"op":"replace","path":"addresses[type eq \"work\"].streetAddress","value":"1 Way"}]`,
			`{"addresses":[{"type":"work","locality":"A","streetAddress":"1 Way"}]}`},
		{"RFC replace without path", anna, `[{"op":"replace","value":{"emails":[{"value":"b@x.io","type":"work"}],"nickName":"B"}}]`, `{"emails":[{"value":"b@x.io","type":"work"}],"nickName":"B"}`},
		// Simple and complex values.
		{"replace", anna, `[{"op":"replace","path":"title","value":"admin"}]`, `{"title":"admin"}`},
		{"replace what is not there", anna, `[{"op":"replace","path":"nickName","value":"A"}]`, `{"nickName":"A"}`},
		{"replace by null", anna, `[{"op":"replace","path":"title","value":null}]`, `{"title":null}`},
		{"remove", anna, `[{"op":"remove","path":"title"}]`, `{"title":null}`},
		{"remove what is not there", anna, `[{"op":"remove","path":"nickName"}]`, `{}`},
		{"the same again", anna, `[{"op":"replace","path":"active","value":true}]`, `{}`},
		{"there and back", anna, `[{"op":"replace","path":"title","value":"x"},{"op":"replace","path":"title","value":"user"}]`, `{}`},
		{"replace a sub-attribute", anna, `[{"op":"replace","path":"name.givenName","value":"Ann"}]`, `{"name":{"givenName":"Ann","familyName":"Low"}}`},
		{"remove a sub-attribute", anna, `[{"op":"remove","path":"name.givenName"}]`, `{"name":{"familyName":"Low"}}`},
		{"remove the last sub-attribute", `{"name":{"givenName":"A"}}`, `[{"op":"remove","path":"name.givenName"}]`, `{"name":null}`},
		{"sub-attribute of what is not there", `{}`, `[{"op":"add","path":"name.givenName","value":"A"}]`, `{"name":{"givenName":"A"}}`},
		{"a complex value keeps the rest", anna, `[{"op":"replace","path":"name","value":{"givenName":"Ann"}}]`, `{"name":{"givenName":"Ann","familyName":"Low"}}`},
		{"null within a complex value", anna, `[{"op":"replace","path":"name","value":{"givenName":null}}]`, `{"name":{"familyName":"Low"}}`},
		{"the core URN", anna, `[{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:title","value":"x"}]`, `{"title":"x"}`},
		{"unknown attributes keep their name", anna, `[{"op":"add","path":"favColour","value":"red"}]`, `{"favColour":"red"}`},
		// Entra.
		{"ops in capitals", anna, `[{"op":"Replace","path":"title","value":"x"}]`, `{"title":"x"}`},
		{"active as text", anna, `[{"op":"Replace","path":"active","value":"False"}]`, `{"active":false}`},
		{"active as text without path", anna, `[{"op":"Replace","value":{"active":"False"}}]`, `{"active":false}`},
		{"active as a list", anna, `[{"op":"Replace","path":"active","value":[{"$ref":null,"value":"False"}]}]`, `{"active":false}`},
		{"dotted names without path", anna, `[{"op":"replace","value":{"name.givenName":"Ann","name.familyName":"High","title":"t"}}]`, `{"name":{"givenName":"Ann","familyName":"High"},"title":"t"}`},
		{"a filter as a name without path", anna, `[{"op":"replace","value":{"emails[type eq \"work\"].value":"z@x.io"}}]`,
			`{"emails":[{"type":"work","value":"z@x.io","primary":true},{"type":"home","value":"anna@y.io"}]}`},
		{"a value that no filter matches is made", `{}`, `[{"op":"Add","path":"emails[type eq \"work\"].value","value":"z@x.io"}]`, `{"emails":[{"type":"work","value":"z@x.io"}]}`},
		{"made beside others", anna, `[{"op":"Add","path":"emails[type eq \"other\" and primary eq \"True\"].value","value":"z@x.io"}]`,
			`{"emails":[{"type":"work","value":"anna@x.io","primary":false},{"type":"home","value":"anna@y.io"},{"type":"other","primary":true,"value":"z@x.io"}]}`},
		{"made whole", `{}`, `[{"op":"add","path":"addresses[type eq \"work\"]","value":{"locality":"Paris"}}]`, `{"addresses":[{"type":"work","locality":"Paris"}]}`},
		{"remove members by value", team, `[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"b"}]}]`, `{"members":[{"value":"a"},{"value":"c"}]}`},
		{"remove the last members by value", team, `[{"op":"Remove","path":"members","value":[{"value":"c"},{"value":"b"},{"value":"a"}]}]`, `{"members":null}`},
		{"enterprise nests", anna, `[{"op":"Add","path":"` + enterprise + `:department","value":"Legal"}]`,
			`{"` + enterprise + `":{"department":"Legal"},"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + enterprise + `"]}`},
		{"enterprise without path", `{}`, `[{"op":"Add","value":{"` + enterprise + `:department":"Legal","` + enterprise + `:manager":"m1"}}]`,
			`{"` + enterprise + `":{"department":"Legal","manager":{"value":"m1"}}}`},
		{"enterprise as an object", `{"` + enterprise + `":{"division":"D"}}`, `[{"op":"replace","value":{"` + enterprise + `":{"DEPARTMENT":"Legal","employeeNumber":42}}}]`,
			`{"` + enterprise + `":{"division":"D","department":"Legal","employeeNumber":"42"}}`},
		{"enterprise gone", `{"schemas":["` + scim.SchemaUser + `","` + enterprise + `"],"` + enterprise + `":{"division":"D"}}`, `[{"op":"remove","path":"` + enterprise + `:division"}]`,
			`{"` + enterprise + `":null,"schemas":["` + scim.SchemaUser + `"]}`},
		{"enterprise as a path", `{}`, `[{"op":"add","path":"` + enterprise + `","value":{"division":"D"}}]`, `{"` + enterprise + `":{"division":"D"}}`},
		{"manager's value", `{}`, `[{"op":"add","path":"` + enterprise + `:manager.value","value":"m1"}]`, `{"` + enterprise + `":{"manager":{"value":"m1"}}}`},
		{"an unknown extension", `{}`, `[{"op":"add","value":{"urn:acme:2.0:User":{"badge":"7"}}},{"op":"add","path":"urn:acme:2.0:User:colour","value":"red"}]`,
			`{"urn:acme:2.0:User":{"badge":"7","colour":"red"}}`},
		// OneLogin and Okta.
		{"remove one member, as an object", team, `[{"op":"remove","path":"members","value":{"value":"b"}}]`, `{"members":[{"value":"a"},{"value":"c"}]}`},
		{"remove one member, as text", team, `[{"op":"remove","path":"members","value":"b"}]`, `{"members":[{"value":"a"},{"value":"c"}]}`},
		{"remove no member", team, `[{"op":"remove","path":"members","value":[]}]`, `{}`},
		{"remove a member that is not there", team, `[{"op":"remove","path":"members","value":[{"value":"B"}]}]`, `{}`},
		{"remove by a filter that matches nobody", team, `[{"op":"remove","path":"members[value eq \"z\"]"}]`, `{}`},
		{"remove from nothing", `{}`, `[{"op":"remove","path":"members[value eq \"z\"]"},{"op":"remove","path":"members","value":[{"value":"a"}]}]`, `{}`},
		{"add who is there", team, `[{"op":"add","path":"members","value":[{"value":"b","display":"Bea B."}]}]`, `{}`},
		{"add one as an object, and one as text", team, `[{"op":"add","path":"members","value":{"value":"d"}},{"op":"add","path":"Members","value":["e"]}]`,
			`{"members":[{"value":"a"},{"value":"b","display":"Bea"},{"value":"c"},{"value":"d"},{"value":"e"}]}`},
		{"add without path", team, `[{"op":"add","value":{"members":[{"value":"d"},{"value":"d"}]}}]`, `{"members":[{"value":"a"},{"value":"b","display":"Bea"},{"value":"c"},{"value":"d"}]}`},
		{"rename with the id", team, `[{"op":"replace","value":{"id":"g1","displayName":"New"}}]`, `{"displayName":"New"}`},
		{"no groups where there are none", anna, `[{"op":"replace","value":{"groups":[],"title":"x"}}]`, `{"title":"x"}`},
		{"emails as an object", `{}`, `[{"op":"replace","path":"emails","value":{"Value":"a@x.io","Primary":"true"}}]`, `{"emails":[{"value":"a@x.io","primary":true}]}`},
		{"names in any case", anna, `[{"op":"replace","path":"NAME.GIVENNAME","value":"Ann"},{"op":"replace","value":{"ACTIVE":0}}]`, `{"name":{"givenName":"Ann","familyName":"Low"},"active":false}`},
		{"the resource's own case stays", `{"username":"a"}`, `[{"op":"replace","path":"userName","value":"b"}]`, `{"username":"b"}`},
		// One primary value.
		{"a new primary value", anna, `[{"op":"add","path":"emails","value":[{"type":"other","value":"z@x.io","primary":true}]}]`,
			`{"emails":[{"type":"work","value":"anna@x.io","primary":false},{"type":"home","value":"anna@y.io"},{"type":"other","value":"z@x.io","primary":true}]}`},
		{"another primary value", anna, `[{"op":"replace","path":"emails[type eq \"home\"].primary","value":"True"}]`,
			`{"emails":[{"type":"work","value":"anna@x.io","primary":false},{"type":"home","value":"anna@y.io","primary":true}]}`},
		{"an existing value becomes primary", anna, `[{"op":"add","path":"emails","value":{"type":"home","value":"ANNA@y.io","primary":true}}]`,
			`{"emails":[{"type":"work","value":"anna@x.io","primary":false},{"type":"home","value":"anna@y.io","primary":true}]}`},
		// Sub-attributes of several values.
		{"of all values", anna, `[{"op":"replace","path":"emails.type","value":"other"}]`, `{"emails":[{"type":"other","value":"anna@x.io","primary":true},{"type":"other","value":"anna@y.io"}]}`},
		{"of no value yet", `{}`, `[{"op":"add","path":"emails.value","value":"a@x.io"}]`, `{"emails":[{"value":"a@x.io"}]}`},
		{"remove of matched values", anna, `[{"op":"remove","path":"emails[type eq \"work\"].primary"}]`, `{"emails":[{"type":"work","value":"anna@x.io"},{"type":"home","value":"anna@y.io"}]}`},
		{"remove of matched values keeps both", `{"emails":[{"type":"work","value":"a@x.io"},{"type":"work","value":"b@x.io"}]}`, `[{"op":"remove","path":"emails[type eq \"work\"].value"}]`,
			`{"emails":[{"type":"work"},{"type":"work"}]}`},
		{"two that become the same are one", `{"emails":[{"type":"work","value":"a@x.io"},{"type":"work","value":"b@x.io","primary":true}]}`, `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"c@x.io"}]`,
			`{"emails":[{"type":"work","value":"c@x.io","primary":true}]}`},
		{"remove emails by value", anna, `[{"op":"remove","path":"emails","value":[{"value":"ANNA@x.io"}]}]`, `{"emails":[{"type":"home","value":"anna@y.io"}]}`},
		{"null among values", team, `[{"op":"add","path":"members","value":[null,{"value":"d"}]}]`, `{"members":[{"value":"a"},{"value":"b","display":"Bea"},{"value":"c"},{"value":"d"}]}`},
		{"a value beside the filter", team, `[{"op":"remove","path":"members[value eq \"b\"]","value":[{"value":"a"}]}]`, `{"members":[{"value":"a"},{"value":"c"}]}`},
		{"a member with a type, added", `{"members":[{"value":"a","type":"User"}]}`, `[{"op":"add","path":"members","value":[{"value":"a"}]}]`, `{}`},
		{"a member with a type, removed", `{"members":[{"value":"a","type":"User"},{"value":"b","type":"User"}]}`, `[{"op":"remove","path":"members","value":[{"value":"a"}]}]`,
			`{"members":[{"value":"b","type":"User"}]}`},
		{"remove of emails as an object", `{"emails":{"value":"a@x.io"}}`, `[{"op":"remove","path":"emails","value":[{"value":"b@x.io"}]}]`, `{"emails":[{"value":"a@x.io"}]}`},
		{"remove of unknown values", `{"tags":["x","y"]}`, `[{"op":"remove","path":"tags","value":["x"]}]`, `{"tags":["y"]}`},
		{"another value keeps the primary one", anna, `[{"op":"add","path":"emails","value":[{"type":"other","value":"z@x.io"}]}]`,
			`{"emails":[{"type":"work","value":"anna@x.io","primary":true},{"type":"home","value":"anna@y.io"},{"type":"other","value":"z@x.io"}]}`},
		{"two primary values", `{}`, `[{"op":"add","path":"emails","value":[{"value":"a@x.io","primary":true},{"value":"b@x.io","primary":true}]}]`,
			`{"emails":[{"value":"a@x.io","primary":true},{"value":"b@x.io","primary":false}]}`},
		{"more of a matched value", anna, `[{"op":"add","path":"emails[type eq \"home\"]","value":{"display":"Home"}}]`,
			`{"emails":[{"type":"work","value":"anna@x.io","primary":true},{"type":"home","value":"anna@y.io","display":"Home"}]}`},
		{"a value of which nothing is left", `{"emails":[{"value":"a@x.io"},{"value":"b@x.io"}]}`, `[{"op":"remove","path":"emails[value eq \"a@x.io\"].value"}]`, `{"emails":[{"value":"b@x.io"}]}`},
		{"a user's displayName may go", `{"schemas":["` + scim.SchemaUser + `"],"displayName":"A"}`, `[{"op":"remove","path":"displayName"}]`, `{"displayName":null}`},
		{"the core URN as an object, and schemas", anna, `[{"op":"replace","value":{"schemas":[],"` + scim.SchemaUser + `":{"title":"x"}}}]`, `{"title":"x"}`},
		{"an extension gone whole", `{"` + enterprise + `":{"division":"D"}}`, `[{"op":"remove","path":"` + enterprise + `"}]`, `{"` + enterprise + `":null}`},
		{"another number", `{"rank":1}`, `[{"op":"replace","path":"rank","value":2}]`, `{"rank":2}`},
		{"remove emails by type", anna, `[{"op":"remove","path":"emails","value":[{"type":"home"}]}]`, `{"emails":[{"type":"work","value":"anna@x.io","primary":true}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := decode(t, c.resource)
			var ops []scim.Operation
			if err := json.Unmarshal([]byte(c.ops), &ops); err != nil {
				t.Fatal(err)
			}
			want := decode(t, c.resource)
			for k, v := range decode(t, c.want) {
				want[k] = v
				if v == nil {
					delete(want, k)
				}
			}
			got, changed, err := scim.ApplyPatch(r, ops)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if changed != (c.want != `{}`) {
				t.Errorf("changed is %v", changed)
			}
			if !reflect.DeepEqual(r, decode(t, c.resource)) {
				t.Error("the resource given was changed")
			}
		})
	}
}

func TestApplyPatchErrors(t *testing.T) {
	for _, c := range []struct{ resource, op, scimType string }{
		{anna, `{"op":"move","path":"title","value":"x"}`, "invalidSyntax"},
		{anna, `{"op":"","path":"title","value":"x"}`, "invalidSyntax"},
		{anna, `{"op":"remove"}`, "noTarget"},
		{anna, `{"op":"remove","value":{"title":"x"}}`, "noTarget"},
		{anna, `{"op":"replace","path":"emails[type eq \"other\"].value","value":"x"}`, "noTarget"},
		{anna, `{"op":"replace","path":"emails[type eq \"other\"]","value":{"value":"x"}}`, "noTarget"},
		{team, `{"op":"replace","path":"members[value eq \"z\"]","value":{"value":"x"}}`, "noTarget"},
		{anna, `{"op":"add","path":"emails[value co \"z\"].type","value":"x"}`, "noTarget"},
		{anna, `{"op":"add","path":"emails[type eq \"a\" and type eq \"b\"].value","value":"x"}`, "noTarget"},
		{anna, `{"op":"add","path":"emails[type eq \"a\" or type eq \"b\"].value","value":"x"}`, "noTarget"},
		{anna, `{"op":"add","path":"title"}`, "invalidValue"},
		{anna, `{"op":"add","value":"x"}`, "invalidValue"},
		{anna, `{"op":"replace","path":"active","value":"perhaps"}`, "invalidValue"},
		{anna, `{"op":"replace","path":"title","value":{"a":1}}`, "invalidValue"},
		{anna, `{"op":"replace","path":"title","value":["a","b"]}`, "invalidValue"},
		{anna, `{"op":"replace","path":"title","value":true}`, "invalidValue"},
		{anna, `{"op":"replace","path":"name","value":"Anna"}`, "invalidValue"},
		{anna, `{"op":"replace","path":"emails[type eq \"work\"]","value":{}}`, "invalidValue"},
		{anna, `{"op":"replace","path":"name.givenName","value":{"a":1}}`, "invalidValue"},
		{anna, `{"op":"replace","path":"emails[type eq \"work\"].value","value":["a","b"]}`, "invalidValue"},
		{anna, `{"op":"replace","path":"emails","value":true}`, "invalidValue"},
		{anna, `{"op":"remove","path":"emails","value":true}`, "invalidValue"},
		{anna, `{"op":"replace","path":"` + enterprise + `:department","value":{"a":1}}`, "invalidValue"},
		{anna, `{"op":"replace","path":"` + enterprise + `","value":{"department":{"a":1}}}`, "invalidValue"},
		{anna, `{"op":"replace","path":"` + enterprise + `","value":{"a b":1}}`, "invalidPath"},
		{`{"urn:acme:2.0:User":"x"}`, `{"op":"add","path":"urn:acme:2.0:User:colour","value":"red"}`, "invalidPath"},
		{anna, `{"op":"replace","path":"` + enterprise + `","value":"x"}`, "invalidValue"},
		{team, `{"op":"remove","path":"members","value":[{}]}`, "invalidValue"},
		{team, `{"op":"remove","path":"members","value":[{"display":"Bea"}]}`, "invalidValue"},
		{anna, `{"op":"remove","path":"emails","value":{}}`, "invalidValue"},
		{anna, `{"op":"add","path":"a b","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","path":"a.b.c","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","path":"emails[0].value","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","path":"emails[type eq \"w\"","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","path":"title.x","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","path":"title[value eq \"x\"]","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","path":"name[givenName eq \"x\"]","value":"x"}`, "invalidPath"},
		{anna, `{"op":"add","value":{"a b":1}}`, "invalidPath"},
		{anna, `{"op":"replace","path":"id","value":"u2"}`, "mutability"},
		{anna, `{"op":"remove","path":"id"}`, "mutability"},
		{anna, `{"op":"replace","value":{"id":"u2"}}`, "mutability"},
		{anna, `{"op":"replace","path":"meta.version","value":"x"}`, "mutability"},
		{anna, `{"op":"add","path":"groups","value":[{"value":"g1"}]}`, "mutability"},
		{anna, `{"op":"remove","path":"groups[value eq \"g1\"]"}`, "mutability"},
		{anna, `{"op":"remove","path":"userName"}`, "mutability"},
		{anna, `{"op":"replace","path":"userName","value":null}`, "mutability"},
		{anna, `{"op":"replace","value":{"userName":""}}`, "mutability"},
		{team, `{"op":"remove","path":"displayName"}`, "mutability"},
		{team, `{"op":"replace","path":"members[value eq \"a\"].value","value":"z"}`, "mutability"},
	} {
		var op scim.Operation
		if err := json.Unmarshal([]byte(c.op), &op); err != nil {
			t.Fatal(err)
		}
		r := decode(t, c.resource)
		first := scim.Operation{Op: "replace", Path: "nickName", Value: "N"}
		out, changed, err := scim.ApplyPatch(r, []scim.Operation{first, op})
		var e *scim.Error
		switch {
		case !errors.As(err, &e) || e.Status != 400 || e.ScimType != c.scimType:
			t.Errorf("%s: %v, want %s", c.op, err, c.scimType)
		case !strings.HasPrefix(e.Detail, "Operation 2 ("):
			t.Errorf("%s: the detail does not say which operation: %s", c.op, e.Detail)
		case strings.ContainsAny(e.Detail, `"[`):
			t.Errorf("%s: the detail quotes values: %s", c.op, e.Detail)
		case out != nil || changed || !reflect.DeepEqual(r, decode(t, c.resource)):
			t.Errorf("%s: something was changed", c.op)
		}
	}
}

func TestScim1Members(t *testing.T) {
	ops := scim.Scim1Members([]scim.Member{{Value: "d"}, {Value: "e", Operation: "add", Type: "Group"}, {Value: "a", Operation: "Delete"}})
	got, _, err := scim.ApplyPatch(decode(t, team), ops)
	if err != nil || len(ops) != 2 {
		t.Fatal(ops, err)
	}
	want := decode(t, `{"m":[{"value":"b","display":"Bea"},{"value":"c"},{"value":"d"},{"value":"e","type":"Group"}]}`)["m"]
	if diff := cmp.Diff(want, got["members"]); diff != "" {
		t.Error(diff)
	}
	if ops := scim.Scim1Members(nil); ops != nil {
		t.Error(ops)
	}
}

// TestTypedValues gives values as Go types, as our own client writes them.
func TestTypedValues(t *testing.T) {
	got, changed, err := scim.ApplyPatch(decode(t, team), []scim.Operation{{Op: "remove", Path: "members", Value: []scim.Member{{Value: "a"}, {Value: "b"}}}})
	if diff := cmp.Diff([]any{map[string]any{"value": "c"}}, got["members"]); err != nil || !changed || diff != "" {
		t.Error(changed, err, diff)
	}
}

func TestProject(t *testing.T) {
	for _, c := range []struct{ attributes, excluded, want string }{
		{"", "", `["active","addresses","emails","externalId","id","logins","meta","name","nickName","phoneNumbers","profileUrl","schemas","urn:acme:2.0:User","` + enterprise + `","userName","userType"]`},
		{"userName", "", `["id","schemas","userName"]`},
		{"USERNAME,name.givenName", "", `["id","name{givenName}","schemas","userName"]`},
		{"name.givenName,name", "", `["id","name","schemas"]`},
		{"name,name.givenName", "", `["id","name","schemas"]`},
		{"emails.value,emails.TYPE", "", `["emails[{type,value}]","id","schemas"]`},
		{"emails.primary", "", `["emails[{primary}]","id","schemas"]`},
		{"emails.display,name.middleName,title", "", `["id","schemas"]`},
		{"urn:ietf:params:scim:schemas:core:2.0:User:userName", "", `["id","schemas","userName"]`},
		{enterprise + ":department", "", `["id","schemas","` + enterprise + `{department}"]`},
		{enterprise + ":manager.value", "", `["id","schemas","` + enterprise + `{manager}"]`},
		{enterprise, "", `["id","schemas","` + enterprise + `"]`},
		{"urn:acme:2.0:User", "", `["id","schemas","urn:acme:2.0:User"]`},
		{"urn:acme:2.0:User:badge", "", `["id","schemas","urn:acme:2.0:User{badge}"]`},
		{"userName,password", "", `["id","schemas","userName"]`},
		{" ,a b", "", `["id","schemas"]`},
		{" ", "", `["active","addresses","emails","externalId","id","logins","meta","name","nickName","phoneNumbers","profileUrl","schemas","urn:acme:2.0:User","` + enterprise + `","userName","userType"]`},
		{"userName,emails", "EMAILS.VALUE,id,schemas", `["emails[{primary,type}]","id","schemas","userName"]`},
		{"", "active,addresses,emails,externalId,logins,meta,name.familyName,nickName,phoneNumbers,profileUrl,urn:acme:2.0:User," + enterprise + ":department", `["id","name{givenName}","schemas","` + enterprise + `{manager}","userName","userType"]`},
	} {
		r := decode(t, jane)
		r["password"] = "secret"
		full := decode(t, jane)
		full["password"] = "secret"
		got := scim.NewProjection(strings.Split(c.attributes, ","), strings.Split(c.excluded, ",")).Of(r)
		if shape := shapes(got, full); shape != c.want {
			t.Errorf("%s without %s:\n%s, want\n%s", c.attributes, c.excluded, shape, c.want)
		}
		if !reflect.DeepEqual(r, full) {
			t.Errorf("%s: the resource was changed", c.attributes)
		}
	}
}

// shapes names what the object has, with the sub-attributes of what is not whole.
func shapes(got, full map[string]any) string {
	names := make([]string, 0)
	for _, k := range keysOf(got) {
		name := k
		switch v := got[k].(type) {
		case map[string]any:
			if !reflect.DeepEqual(v, full[k]) {
				name += "{" + strings.Join(keysOf(v), ",") + "}"
			}
		case []any:
			if !reflect.DeepEqual(got[k], full[k]) {
				name += "[{" + strings.Join(keysOf(v[0].(map[string]any)), ",") + "}]"
			}
		}
		names = append(names, name)
	}
	data, _ := json.Marshal(names)
	return string(data)
}
