package scim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"tomorro-sync/reconcile/scim"
)

func TestBool(t *testing.T) {
	for in, want := range map[string]bool{`true`: true, `"True"`: true, `"1"`: true, `1`: true, `false`: false, `"False"`: false, `"0"`: false} {
		var u scim.User
		if err := json.Unmarshal([]byte(`{"active":`+in+`}`), &u); err != nil || u.Active == nil || bool(*u.Active) != want {
			t.Errorf("%s: %v %v, want %v", in, u.Active, err, want)
		}
	}
	var u scim.User
	if err := json.Unmarshal([]byte(`{"userName":"x"}`), &u); err != nil || u.Active != nil {
		t.Errorf("absent: %v %v, want nil", u.Active, err)
	}
	if err := json.Unmarshal([]byte(`{"active":"perhaps"}`), &u); err == nil {
		t.Error(`"perhaps" was read as a boolean`)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{`a@b.c`: `"a@b.c"`, `o'neil"x\y`: `"o'neil\"x\\y"`, `<&>é`: `"<&>é"`} {
		if got := scim.Quote(in); got != want {
			t.Errorf("Quote(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestParseError(t *testing.T) {
	for in, want := range map[string]scim.Error{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"taken"}`: {Status: 409, ScimType: "uniqueness", Detail: "taken"},
		`{"status":400,"detail":"no"}`:                               {Status: 400, Detail: "no"},
		`{"Errors":[{"description":"old style","code":"404"}]}`:      {Status: 404, Detail: "old style"},
		`{"Errors":[{"description":"old style, numeric","code":1}]}`: {Status: 1, Detail: "old style, numeric"},
	} {
		if got, ok := scim.ParseError([]byte(in)); !ok || got != want {
			t.Errorf("%s: %+v %v", in, got, ok)
		}
	}
	for _, in := range []string{``, `<html>`, `[]`, `{}`} {
		if got, ok := scim.ParseError([]byte(in)); ok {
			t.Errorf("%q was read as %+v", in, got)
		}
	}
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"status":"409","scimType":"uniqueness"}`))
	f.Add([]byte(`{"Errors":[{"code":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if e, ok := scim.ParseError(body); ok && e == (scim.Error{}) {
			t.Errorf("an empty error was read from %q", body)
		}
	})
}

func FuzzBool(f *testing.F) {
	f.Add([]byte(`"True"`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		var b scim.Bool
		_ = json.Unmarshal(body, &b)
	})
}

// TestLongError: what a service answers goes into errors, and with them into the journal.
func TestLongError(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	for _, body := range []string{`{"detail": "` + long + `"}`, `{"scimType": "` + long + `"}`, `{"Errors": [{"description": "` + long + `", "code": 400}]}`} {
		e, ok := scim.ParseError([]byte(body))
		if text := e.String(); !ok || len(text) < 900 || len(text) > 1100 || !utf8.ValidString(text) {
			t.Errorf("%.20s…: %d bytes", body, len(text))
		}
	}
}
