package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"tomorro-sync/sources/push"
)

// TestLenientTexts: what a template makes of somebody's data is read as OneLogin's API gives
// the same data, by whichever method it comes. A refused push never comes again by itself.
func TestLenientTexts(t *testing.T) {
	for attributes, want := range map[string]push.UserSaid{
		`"externalId":701984`:                     {ExternalID: "701984"},
		`"externalId":9007199254740993`:           {ExternalID: "9007199254740993"}, // as it was sent
		`"userName":4711,"userType":1`:            {UserName: "4711", UserType: "1"},
		`"userType":"Head of\tLegal"`:             {UserType: "Head of Legal"},
		`"userType":"Head of\r\nLegal"`:           {UserType: "Head of Legal"},
		`"userType":" \tHead of Legal\n"`:         {UserType: "Head of Legal"},
		`"userType":"Head of\u0085Legal"`:         {UserType: "Head of Legal"},
		`"name":{"givenName":"Mary\tAnn"}`:        {GivenName: "Mary Ann"},
		`"name":{"familyName":"de la\nCroix\n"}`:  {FamilyName: "de la Croix"},
		`"userName":"jane.doe@example.com\n"`:     {UserName: "jane.doe@example.com"},
		`"userType":"user","userName":"  \t "`:    {UserType: "user"},
		`"userType":"user","externalId":" 7\r\n"`: {UserType: "user", ExternalID: "7"},
	} {
		want.Operation, want.ID = push.Replace, "u1"
		for method, body := range map[string]string{"PUT": "{" + attributes + "}", "PATCH": `{"Operations":[{"op":"replace","value":{` + attributes + `}}]}`} {
			f := world()
			w := do(listener(t, f, nil), method, "/scim/v2/Users/u1", body)
			if method == "PATCH" && w.Code == 400 && attributes == `"userType":"user","userName":"  \t "` {
				continue // who names the userName must keep one
			}
			if told := f.Told(); w.Code != 200 || len(told) != 1 || !reflect.DeepEqual(told[0], want) {
				told, _ := json.Marshal(told)
				t.Errorf("%s %s: %d %s, told %s", method, body, w.Code, w.Body, told)
			}
		}
	}
}

// TestMembersByReference: RFC 7643 section 4.2 lets a member be named by its $ref, which is
// the location that this listener gives, or as relative as RFC 7644's examples have it.
func TestMembersByReference(t *testing.T) {
	for ref, want := range map[string]string{
		"https://sync.example.com/scim/v2/Users/u1": "u1", "../Users/u1": "u1", "/scim/v2/Users/u%20x": "u x", "Users/u1": "u1",
		"https://sync.example.com/scim/v2/Groups/g1": "", "https://sync.example.com/scim/v2/Users/": "", "https://sync.example.com/scim/v2/Users": "",
		"u1": "", "../Users/a%2Fb": "", "../Users/..": "", "": "", "http://%zz/Users/u1": "", "https://x/Users/u1?next=/Users/u2": "u1",
	} {
		for _, c := range []struct{ method, body string }{
			{"PATCH", `{"Operations":[{"op":"add","path":"members","value":[{"$ref":"` + ref + `"}]}]}`},
			{"PATCH", `{"Operations":[{"op":"remove","path":"members","value":[{"$REF":"` + ref + `","display":"x"}]}]}`},
			{"PATCH", `{"members":[{"$ref":"` + ref + `","operation":"delete"}]}`},
			{"PUT", `{"members":[{"$ref":"` + ref + `"}]}`},
		} {
			f := world()
			w := do(listener(t, f, nil), c.method, "/scim/v2/Groups/g2", c.body)
			told := f.Told()
			if want == "" {
				if w.Code != 400 || len(told) > 0 {
					t.Errorf("%s: %d, told %v", c.body, w.Code, told)
				}
				continue
			}
			if len(told) != 1 {
				t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
				continue
			}
			said, _ := told[0].(push.MembershipSaid)
			if got := append(append(said.Added, said.Removed...), said.All...); w.Code != 200 || !reflect.DeepEqual(got, []string{want}) {
				t.Errorf("%s: %d, told %+v", c.body, w.Code, said)
			}
		}
	}
	for _, member := range []string{`{"value":"","$ref":"../Users/u1"}`, `{"value":null,"$ref":"../Users/u1"}`, `{"$ref":1}`, `{"type":"Group","$ref":"../Users/u1"}`} {
		f := world()
		if w := do(listener(t, f, nil), "PUT", "/scim/v2/Groups/g2", `{"members":[`+member+`]}`); w.Code != 400 || len(f.Told()) > 0 {
			t.Errorf("%s: %d; what names nobody clearly is refused", member, w.Code)
		}
	}
	f := world()
	do(listener(t, f, nil), "PUT", "/scim/v2/Groups/g2", `{"members":[{"value":"u2","$ref":"../Users/u1"}]}`)
	if said, _ := f.Told()[0].(push.MembershipSaid); !reflect.DeepEqual(said.All, []string{"u2"}) {
		t.Errorf("value is what counts: %+v", said)
	}
}

// TestEachStepMayFail: whichever step of a request fails, the answer is no success: OneLogin
// would take it for done.
func TestEachStepMayFail(t *testing.T) {
	type request struct{ method, path, body string }
	all := []request{
		{"POST", "/scim/v2/Groups", `{"displayName":"New","members":[{"value":"u1"}]}`}, {"POST", "/scim/v2/Groups", `{"displayName":"New"}`},
		{"PUT", "/scim/v2/Groups/g2", `{"displayName":"New name","members":[]}`}, {"DELETE", "/scim/v2/Groups/g2", ""}, {"DELETE", "/scim/v2/Users/u1", ""},
		{"PATCH", "/scim/v2/Groups/g2", `{"Operations":[{"op":"remove","path":"members[value sw \"u\"]"}]}`},
		{"PATCH", "/scim/v2/Groups/g2", `{"Operations":[{"op":"replace","path":"displayName","value":"New name"}]}`},
		{"GET", "/scim/v2/Users", ""}, {"GET", "/scim/v2/Groups", ""}, {"GET", "/scim/v2/Groups/g1", ""}, {"GET", "/scim/v2/Users?filter=userName%20pr", ""},
		{"GET", "/scim/v2/Users?filter=id%20eq%20%22u1%22", ""},
	}
	for _, w := range writes {
		all = append(all, request{w.method, w.path, w.body})
	}
	for _, r := range all {
		for _, match := range []string{"", "*"} {
			for fails, steps := 0, 1; fails < steps; fails++ {
				f := world()
				at := 0
				f.Before = func(context.Context, string) error {
					if at++; at == fails+1 {
						return errors.New("down")
					}
					return nil
				}
				l := listener(t, f, nil)
				if w := do(l, r.method, r.path, r.body, "If-Match", match); w.Code != 503 {
					t.Errorf("%s %s %s, step %d fails: %d %s", r.method, r.path, r.body, fails+1, w.Code, w.Body)
				}
				if fails == 0 {
					f := world()
					f.Before = func(context.Context, string) error { steps++; return nil }
					steps = 0
					do(listener(t, f, nil), r.method, r.path, r.body, "If-Match", match)
				}
			}
		}
	}
}

// TestWhatIsNotSaid: a group that is sent without members keeps them, and somebody who is
// sent as inactive is suspended whatever the request would do otherwise.
func TestWhatIsNotSaid(t *testing.T) {
	for request, want := range map[string]string{
		`PUT /scim/v2/Groups/g2 {"displayName":"Sales"}`:                                 `name Sales`,
		`PUT /scim/v2/Groups/g2 {"displayName":"Sales","members":null}`:                  `name Sales`,
		`PUT /scim/v2/Groups/g2 {"members":[]}`:                                          `whole`,
		`POST /scim/v2/Users {"userName":"new@x.io","active":false}`:                     `suspend`,
		`POST /scim/v2/Users {"userName":"new@x.io","active":"False"}`:                   `suspend`,
		`POST /scim/v2/Users {"userName":"new@x.io"}`:                                    `create`,
		`PUT /scim/v2/Users/u1 {"userName":"new@x.io","active":false}`:                   `suspend`,
		`PUT /scim/v2/Users/u1 {"userName":"new@x.io","active":""}`:                      `replace`,
		`PATCH /scim/v2/Users/u1 {"Operations":[{"op":"replace","value":{"active":0}}]}`: `suspend`,
	} {
		f := world()
		method, rest, _ := strings.Cut(request, " ")
		path, body, _ := strings.Cut(rest, " ")
		if w := do(listener(t, f, nil), method, path, body); w.Code >= 300 {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
		var got []string
		for _, told := range f.Told() {
			switch said := told.(type) {
			case push.UserSaid:
				got = append(got, string(said.Operation))
			case push.GroupSaid:
				got = append(got, "name "+said.Name)
			case push.MembershipSaid:
				got = append(got, "whole")
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: told %v, want %s", request, got, want)
		}
	}
}
