package onelogin

import (
	"encoding/json"
	"net/http"
	"testing"

	"tomorro-sync/reconcile"
)

// TestSaid reads every family of error bodies on record.
func TestSaid(t *testing.T) {
	for body, want := range map[string]string{
		`{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Authentication Failure"}}`:                          "Authentication Failure",
		`{"status":{"error":true,"code":400,"type":"bad request","message":{"attribute":"id","description":"ID is incorrect"}}}`: "id ID is incorrect",
		`{"message":"unknown attribute: x","name":"BadRequestError","statusCode":400}`:                                           "unknown attribute: x",
		`{"status":400,"error":"BadRequestError","description":"Invalid pagination cursor"}`:                                     "Invalid pagination cursor",
		`{"code":422,"message":"Validation Failed","errors":[{"field":"enabled","message":["Required field is missing"]}]}`:      "Validation Failed; enabled Required field is missing",
		`{"messages":["one","two"]}`: "one; two",
		`<html>`:                     "", ``: "", `[]`: "", `"x"`: "", `{"status":[1],"message":7}`: "",
	} {
		if got := said([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestMixedTypes(t *testing.T) {
	var in interner
	people, err := in.people([]byte(`[
		{"id":"12","email":null,"username":null,"firstname":null,"lastname":null,"title":null,"role_ids":["3",1,3],"group_id":null,"member_of":["a"," b"],"last_login":"0001-01-01T00:00:00.000Z","custom_attributes":{"n":4410,"badge":null},"status":1,"state":"1"},
		{"id":13,"role_id":null,"member_of":"x; y;","custom_attributes":null,"last_login":"2026-02-01T21:37:36.092Z"}]`))
	if err != nil {
		t.Fatal(err)
	}
	p := people[0]
	if p.Key != 12 || p.Email != "" || p.Title != "" || len(p.Roles) != 2 || p.Roles[0] != 1 || p.Licence != 1 || len(p.MemberOf) != 2 || p.MemberOf[1] != "b" || len(p.Custom) != 1 || p.Custom["n"] != "4410" {
		t.Errorf("%+v", p)
	}
	if p.Unread != reconcile.FieldDepartment|reconcile.FieldCompany {
		t.Errorf("null counts as absent: %b", p.Unread)
	}
	const all = reconcile.FieldTitle | reconcile.FieldRoles | reconcile.FieldStatus | reconcile.FieldLicence | reconcile.FieldGroup | reconcile.FieldDepartment |
		reconcile.FieldCompany | reconcile.FieldMemberOf | reconcile.FieldLastLogin | reconcile.FieldCustom |
		reconcile.FieldEmail | reconcile.FieldUsername | reconcile.FieldFirstName | reconcile.FieldLastName
	if absent, err := in.people([]byte(`[{"id":1}]`)); err != nil || absent[0].Unread != all {
		t.Errorf("absent counts as said: %+v %v", absent, err)
	}
	nothing, err := in.people([]byte(`[{"id":1,"status":null,"state":null}]`))
	if err != nil || !nothing[0].Unread.Has(reconcile.FieldStatus|reconcile.FieldLicence) {
		t.Errorf("a status that says nothing became one: %+v %v", nothing, err)
	}
	if q := people[1]; !q.Unread.Has(reconcile.FieldTitle|reconcile.FieldStatus) || q.Unread.Has(reconcile.FieldRoles) || len(q.MemberOf) != 2 || q.LastLogin.Unix() != 1769981856 || !p.LastLogin.IsZero() {
		t.Errorf("%+v", q)
	}
}

// TestWrongTypes: what is not of the type that it should be is not taken for 0, which is a
// status, or for nothing. It is not known of this person, and all else is, as of the others.
func TestWrongTypes(t *testing.T) {
	for facts, unread := range map[string]reconcile.Fields{
		`"status":"active"`: reconcile.FieldStatus, `"status":1.5`: reconcile.FieldStatus, `"status":{}`: reconcile.FieldStatus, `"state":true`: reconcile.FieldLicence,
		`"role_ids":5`: reconcile.FieldRoles, `"role_ids":"5"`: reconcile.FieldRoles, `"role_ids":["x"]`: reconcile.FieldRoles, `"role_ids":[{}]`: reconcile.FieldRoles,
		`"group_id":[1]`: reconcile.FieldGroup, `"email":{}`: reconcile.FieldEmail, `"title":{"a":1}`: reconcile.FieldTitle, `"member_of":[{}]`: reconcile.FieldMemberOf,
		`"custom_attributes":["a"]`: reconcile.FieldCustom, `"status":[],"title":{}`: reconcile.FieldStatus | reconcile.FieldTitle,
	} {
		var in interner
		others := `"email":"a@x.io","firstname":"Ann","title":"manager","status":1,"state":1,"role_ids":[3],"group_id":4,"member_of":"","custom_attributes":{}`
		good, err := in.people([]byte(`[{"id":1,` + others + `}]`))
		if err != nil {
			t.Fatal(err)
		}
		people, err := in.people([]byte(`[{"id":1,` + others + "," + facts + `},{"id":2,` + others + `}]`))
		if err != nil || len(people) != 2 || people[0].Key != 1 || people[0].FirstName != "Ann" || people[0].Unread&^good[0].Unread != unread || people[1].Unread != good[0].Unread {
			t.Errorf("%s: %v\n%+v", facts, err, people)
		}
	}
	for _, body := range []string{`[{"id":"x"}]`, `[{"id":1},{"id":{},"email":"a@x.io"}]`, `[{"id":1,"status":{}},{"status":1}]`, `{"id":1,"status":{}}`, `[{"id":1,"status":{}},2]`, `[{"id":1,"status":{}`,
		`[{"id":1,"status":{}},{"id":2,"title":{}}]`} {
		var in interner
		if people, err := in.people([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, people)
		}
	}
}

func TestRuleShapes(t *testing.T) {
	rules, err := decodeRules([]byte(`[
		{"id":3,"name":"last","match":"any","enabled":true,"position":null,"conditions":[],"actions":[{"action":"set_groups","value":"one text"}]},
		{"id":2,"name":"mapped","match":"all","enabled":true,"position":1,"conditions":[{"source":"has_role","operator":"ri","value":459456}],"actions":[{"action":"set_groups","value":["member_of"],"expression":""}]},
		{"id":1,"name":"existing","match":"all","enabled":true,"position":"2","conditions":[],"actions":[{"action":"set_groups","value":["a","b"]}]},
		{"id":4,"name":"off","match":"all","enabled":false,"position":null,"conditions":[],"actions":[]}]`))
	if err != nil || len(rules) != 3 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	if rules[0].ID != 2 || rules[1].ID != 1 || rules[1].Position != 2 || rules[2].ID != 3 || rules[2].Position != -1 || !rules[2].MatchAny {
		t.Errorf("order: %+v", rules)
	}
	if rules[1].Actions[0].Expression != nil || rules[0].Actions[0].Expression == nil || rules[0].Conditions[0].Value != "459456" || rules[2].Actions[0].Values[0] != "one text" {
		t.Errorf("%+v", rules)
	}
}

// TestRuleInPart: a rule without its conditions would be for everybody, and one without
// its actions would take from everybody what it gives. That is no list of rules.
func TestRuleInPart(t *testing.T) {
	for _, body := range []string{`[{"id":1,"match":"all","actions":[]}]`, `[{"id":1,"match":"all","conditions":null,"actions":[]}]`,
		`[{"id":1,"match":"all","conditions":[]}]`, `[{"id":1,"match":"all","conditions":[],"actions":null}]`} {
		if rules, err := decodeRules([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, rules)
		}
	}
	if rules, err := decodeRules([]byte(`[{"id":1,"enabled":false}]`)); err != nil || len(rules) != 0 {
		t.Errorf("one that is switched off: %v", err)
	}
}

// TestRuleMatch: what is neither all nor any is told, and is not taken for all.
func TestRuleMatch(t *testing.T) {
	for said, want := range map[string]reconcile.Rule{
		`"match":"all"`: {}, `"match":"Any "`: {MatchAny: true}, `"match":"none"`: {MatchOdd: "none"}, `"match":null`: {MatchOdd: "nothing"}, `"position":1`: {MatchOdd: "nothing"},
	} {
		rules, err := decodeRules([]byte(`[{"id":1,"enabled":true,` + said + `,"conditions":[],"actions":[]}]`))
		if err != nil || len(rules) != 1 || rules[0].MatchAny != want.MatchAny || rules[0].MatchOdd != want.MatchOdd {
			t.Errorf("%s: %+v %v", said, rules, err)
		}
	}
}

func FuzzSaid(f *testing.F) {
	f.Add([]byte(`{"status":{"message":{"description":"x"}},"errors":[{"message":[]}]}`))
	f.Fuzz(func(_ *testing.T, body []byte) { _ = said(body) })
}

func FuzzPeople(f *testing.F) {
	f.Add([]byte(`[{"id":1,"role_ids":[1],"custom_attributes":{"a":null}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in interner
		people, err := in.people(body)
		for _, p := range people {
			if err == nil && p.Key <= 0 {
				t.Errorf("a person without an id from %q", body)
			}
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"pagination":{"after_cursor":"x"},"data":[{"user_id":1},{"user_id":null},{"user_id":"7"},{}]}`))
	f.Add([]byte(`{"status":{"code":200}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, _, err := decodeEvents(body)
		for _, k := range keys {
			if err != nil || k <= 0 {
				t.Errorf("%d of %q, %v", k, body, err)
			}
		}
	})
}

func FuzzIdentified(f *testing.F) {
	f.Add([]byte(`[{"id":1},{"id":"2"},{}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := decodeIdentified(body)
		for _, x := range items {
			if err == nil && x.ID <= 0 {
				t.Errorf("somebody without an id from %q", body)
			}
		}
		if _, err := decodeAs[[]called](body); err == nil && !json.Valid(body) {
			t.Errorf("names from %q", body)
		}
		_, _ = decodeAs[record](body)
	})
}

func FuzzRules(f *testing.F) {
	f.Add([]byte(`[{"id":1,"conditions":[{"value":1}],"actions":[{"value":"x","expression":null}]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rules, err := decodeRules(body)
		if err == nil && !json.Valid(body) {
			t.Errorf("%d rules from %q", len(rules), body)
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add("1", " 7 ", "abc=")
	f.Fuzz(func(t *testing.T, page, total, cursor string) {
		h := headOf(http.Header{"Current-Page": {page}, "Total-Pages": {total}, "Total-Count": {total}, "After-Cursor": {cursor}})
		if h.current < -1 || h.totalPages < -1 || h.totalCount < -1 {
			t.Errorf("%+v", h)
		}
	})
}

// BenchmarkPeople decodes a page of 50 users.
func BenchmarkPeople(b *testing.B) {
	body := []byte("[")
	for i := range 50 {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"id":137729105,"email":"iris@acme.com","username":"","firstname":"Iris","lastname":"Kaya","title":"Field Engineer","department":"Ops","company":null,"status":1,"state":1,"group_id":477661,"role_ids":[439869,439870,439871,439872,439873],"member_of":null,"last_login":"2026-02-01T21:37:36.092Z","custom_attributes":{"cost_center":"4410","badge":null}}`...)
	}
	body = append(body, ']')
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var in interner
		if people, err := in.people(body); err != nil || len(people) != 50 {
			b.Fatal(err)
		}
	}
}

func FuzzSetup(f *testing.F) {
	f.Add([]byte(`{"id":7,"provisioning":{"enabled":true},"role_ids":[1,"2"],"parameters":{"scimusername":{"user_attribute_mappings":"_macro_","user_attribute_macros":"{email}"},"x":3}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		setup, err := decodeSetup(body)
		if err != nil && (setup.Parameters != nil || setup.ID != 0) {
			t.Errorf("%q gives %+v with %v", body, setup, err)
		}
	})
}

// TestWhoHasTheAppIsAList: what cannot be read is not a list on which nobody is.
func TestWhoHasTheAppIsAList(t *testing.T) {
	for _, body := range []string{`{"data":[]}`, `[{"name":"x"}]`, `[{"id":null}]`, `[{"id":[]}]`, `[7]`} {
		if items, err := decodeIdentified([]byte(body)); err == nil {
			t.Errorf("%s: %v", body, items)
		}
	}
}
