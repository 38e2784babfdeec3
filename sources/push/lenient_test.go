package push_test

import (
	"encoding/json"
	"reflect"
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
