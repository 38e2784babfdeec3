package scim_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"tomorro-sync/reconcile/scim"
)

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen"`, `name.familyName co "O'Malley"`, `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`,
		`title pr and userType eq "Employee"`, `userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`,
		`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`,
		`emails[type eq "work"].value ew "\u00e9\""`, `meta.lastModified ge "2011-05-13T04:42:34Z"`, `x gt -1.5e3 or y eq null`,
		`urn:acme:2.0:User:badge pr`, `not(not(not(a pr)))`, `active EQ "True"`,
	} {
		f.Add(seed)
	}
	r := decode(f, jane)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := scim.ParseFilter(text)
		if err != nil {
			var at *scim.FilterError
			if !errors.As(err, &at) || at.Position < 0 || at.Position > len(text) || at.Expected == "" || at.Found == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		written := filter.String()
		again, err := scim.ParseFilter(written)
		if err != nil && len(written) > 8192 {
			return // escapes made it longer than a filter may be
		}
		if err != nil || !reflect.DeepEqual(filter, again) || again.String() != written {
			t.Fatalf("%q became %q, which reads as %v, %v", text, written, again, err)
		}
		if filter.Matches(r) != again.Matches(r) {
			t.Fatalf("%q and %q differ", text, written)
		}
		if opposite, err := scim.ParseFilter("not (" + text + ")"); err == nil && opposite.Matches(r) == filter.Matches(r) {
			t.Fatalf("%q and its opposite agree", text)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{
		`members`, `name.familyName`, `addresses[type eq "work"]`, `members[value eq "2819c223"].displayName`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`, `urn:ietf:params:scim:schemas:core:2.0:User`,
		`urn:acme:2.0:User:tags[value eq "a"]`, `emails[type eq "work" and primary eq true].value`, `$ref`, `a[b pr].c`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := scim.ParsePath(text)
		if err != nil {
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.ScimType != scim.TypeInvalidPath {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		written := path.String()
		again, err := scim.ParsePath(written)
		if err != nil && len(written) > 8192 {
			return
		}
		if err != nil || !reflect.DeepEqual(path, again) || again.String() != written {
			t.Fatalf("%q became %q, which reads as %v, %v", text, written, again, err)
		}
	})
}

func FuzzApplyPatch(f *testing.F) {
	for _, ops := range []string{
		`[{"op":"add","path":"members","value":[{"value":"d"}]}]`, `[{"op":"Remove","path":"members","value":[{"value":"a"},{"value":"b"}]}]`,
		`[{"op":"remove","path":"members[value eq \"a\"]"}]`, `[{"op":"replace","value":{"name.givenName":"A","active":"False","emails[type eq \"work\"].value":"x"}}]`,
		`[{"op":"Add","path":"emails[type eq \"other\"].value","value":"x"},{"op":"replace","path":"emails.primary","value":true}]`,
		`[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"m"},{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}]`,
		`[{"op":"add","value":{"urn:acme:2.0:User":{"a":{"b":[1,null,{}]}},"x":[[1],[1]]}}]`,
	} {
		f.Add(anna, ops)
		f.Add(team, ops)
	}
	f.Fuzz(func(t *testing.T, resource, operations string) {
		var r map[string]any
		var ops []scim.Operation
		if json.Unmarshal([]byte(resource), &r) != nil || json.Unmarshal([]byte(operations), &ops) != nil || len(ops) > 50 {
			return
		}
		before, _ := json.Marshal(r)
		out, changed, err := scim.ApplyPatch(r, ops)
		if after, _ := json.Marshal(r); string(after) != string(before) {
			t.Fatalf("the resource became %s", after)
		}
		if err != nil {
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.ScimType == "" || e.Detail == "" || out != nil || changed {
				t.Fatalf("%#v with %v", err, out)
			}
			return
		}
		again, changedAgain, err := scim.ApplyPatch(r, ops)
		if err != nil || changed != changedAgain || !reflect.DeepEqual(out, again) {
			t.Fatalf("two answers: %v and %v, %v", out, again, err)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Fatal(err)
		}
		scim.NewProjection([]string{"emails.value", "urn:acme:2.0:User:a.b"}, []string{"name.givenName"}).Of(out)
	})
}
