package scim_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tomorro-sync/reconcile/scim"
)

// jane is a user with everything that a filter may ask for.
const jane = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
 "id":"8F0c","externalId":"Ext1","userName":"Jane.Doe@Example.com","userType":"Employee","active":true,"nickName":"",
 "name":{"givenName":"Zoë","familyName":"O'Malley"},"profileUrl":"https://X/y","logins":7,
 "emails":[{"type":"work","value":"jane@example.com","primary":true},{"type":"home","value":"jane@home.org"}],
 "phoneNumbers":[],"addresses":[{"type":"work","locality":"Paris"}],
 "meta":{"resourceType":"User","lastModified":"2011-05-13T04:42:34Z","location":"https://x/Users/8F0c","version":"W/\"a\""},
 "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Legal","manager":{"value":"M1"}},
 "urn:acme:2.0:User":{"badge":"B7","tags":["a","b"]}}`

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func TestFilterMatches(t *testing.T) {
	r := decode(t, jane)
	r["password"] = "secret" // which no filter may find out
	for _, c := range []struct {
		filter string
		want   bool
	}{
		// The examples of RFC 7644 figure 2.
		{`userName eq "jane.doe@example.COM"`, true},
		{`name.familyName co "O'Malley"`, true},
		{`userName sw "J"`, true},
		{`userName sw "doe"`, false},
		{`userName ew "jane"`, false},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, true},
		{`title pr`, false},
		{`meta.lastModified gt "2011-05-13T04:42:34Z"`, false},
		{`meta.lastModified ge "2011-05-13T04:42:34Z"`, true},
		{`meta.lastModified lt "2011-05-13T04:42:34Z"`, false},
		{`meta.lastModified le "2011-05-13T04:42:34Z"`, true},
		{`title pr and userType eq "Employee"`, false},
		{`title pr or userType eq "Intern"`, false},
		{`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, true},
		{`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`, true},
		{`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`, false},
		{`userType eq "Employee" and (emails.type eq "work")`, true},
		{`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`, true},
		{`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`, true},
		// Names and operators in any case, and no need for case where the schema has none.
		{`USERNAME EQ "jane.doe@example.com"`, true},
		{`NAME.GIVENNAME eq "ZOË"`, true},
		{`Emails[TYPE Eq "WORK"].Value EW "EXAMPLE.COM" AND Active eq TRUE`, true},
		// id, externalId, meta and references have case.
		{`id eq "8F0c"`, true},
		{`id eq "8f0c"`, false},
		{`externalId eq "ext1"`, false},
		{`meta.resourceType eq "user"`, false},
		{`profileUrl sw "https://x"`, false},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "m1"`, false},
		// One condition on one value, not several on any.
		{`emails[type eq "home" and value co "@example.com"]`, false},
		{`emails.type eq "home" and emails.value co "@example.com"`, true},
		{`emails[not (type eq "work")]`, true},
		{`addresses[not (type eq "work")]`, false},
		// and before or, and not with its brackets.
		{`id pr or id pr and title pr`, true},
		{`(id pr or id pr) and title pr`, false},
		{`not (title pr) and not(id eq "x")`, true},
		// Presence.
		{`nickName pr`, false},
		{`phoneNumbers pr`, false},
		{`emails.display pr`, false},
		{`emails.primary pr`, true},
		{`emails pr`, true},
		{`active pr`, true},
		// What is not there.
		{`title ne "x"`, true},
		{`title eq "x"`, false},
		{`title co ""`, false},
		{`title eq null`, true},
		{`title ne null`, false},
		{`userName eq null`, false},
		{`userName ne null`, true},
		// One of several values is enough for ne.
		{`emails.type ne "work"`, true},
		{`addresses.type ne "work"`, false},
		// Instants.
		{`meta.lastModified eq "2011-05-13T06:42:34.000+02:00"`, true},
		{`meta.lastModified lt "2011-05-13T04:42:34.001Z"`, true},
		{`meta.lastModified sw "2011-05"`, true},
		// Numbers, booleans, and booleans as text.
		{`logins gt 6.5`, true},
		{`logins eq 7.0`, true},
		{`logins eq "7"`, false},
		{`logins lt 7`, false},
		{`active eq true`, true},
		{`active eq "True"`, true},
		{`active ne false`, true},
		{`emails[primary eq "true"].value eq "jane@example.com"`, true},
		{`userName eq true`, false},
		// Extensions, known or not, and the URNs of SCIM 1.0.
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "legal"`, true},
		{`URN:IETF:params:scim:schemas:extension:enterprise:2.0:user:Manager.Value eq "M1"`, true},
		{`urn:scim:schemas:core:1.0:userName pr`, true},
		{`urn:acme:2.0:User:badge eq "b7"`, true},
		{`urn:acme:2.0:User:tags eq "b"`, true},
		{`urn:acme:2.0:User:tags[value eq "c"]`, false},
		{`urn:acme:2.0:User pr`, true},
		{`department pr`, false},
		// Escapes.
		{`userName eq "\u006aane.doe@example.com"`, true},
		{`meta.version eq "W/\"a\""`, true},
		// A value path ends at its bracket, and so does what its names mean.
		{`emails[type eq "work"].value pr and externalId eq "ext1"`, false},
		{`emails[type eq "work"] and meta.version eq "w/\"A\""`, false},
		{`meta.resourceType eq "user"`, false},
		{strings.Repeat(`(userName pr) and `, 100) + `userName pr`, true},
		{`password eq "secret"`, false},
		{`password pr`, false},
		{`password ne "x"`, false},
	} {
		f, err := scim.ParseFilter(c.filter)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := f.Matches(r); got != c.want {
			t.Errorf("%s: %v, want %v", c.filter, got, c.want)
		}
	}
}

func TestFilterString(t *testing.T) {
	for in, want := range map[string]string{
		`USERNAME  EQ "x"`:                  `userName eq "x"`,
		`a pr and (b pr and c pr)`:          `a pr and b pr and c pr`,
		`(a pr or b pr) and c pr`:           `(a pr or b pr) and c pr`,
		`((a pr)) or b pr and c pr`:         `a pr or b pr and c pr`,
		`not ((a pr))`:                      `not (a pr)`,
		`emails[TYPE eq "w"].VALUE co "@"`:  `emails[type eq "w" and value co "@"]`,
		`emails[a pr or b pr].value pr`:     `emails[(a pr or b pr) and value pr]`,
		`x eq -1.5e3 or x eq NULL`:          `x eq -1.5e3 or x eq null`,
		`urn:scim:schemas:core:1.0:name pr`: `name pr`,
		`URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:COSTCENTER pr`: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter pr`,
		`urn:acme:2.0:User:badge pr`:      `urn:acme:2.0:User:badge pr`,
		`members[value eq "a\"\\\u0041"]`: `members[value eq "a\"\\A"]`,
	} {
		f, err := scim.ParseFilter(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := f.String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for _, c := range []struct {
		filter   string
		position int
		expected string
	}{
		{``, 0, "attribute"},
		{`   `, 3, "attribute"},
		{`userName`, 8, "operator"},
		{`userName is "x"`, 9, "operator"},
		{`userName eq`, 11, "a value"},
		{`userName eq x`, 12, "a value"},
		{`userName eq 'x'`, 12, "a value"},
		{`userName eq "x`, 14, "closing quote"},
		{`userName eq "\q"`, 12, "escapes"},
		{"userName eq \"a\nb\"", 12, "escapes"},
		{`userName eq 01`, 12, "a value"},
		{`userName eq "x" "y"`, 16, "and, or"},
		{`userName eq "x" and`, 19, "attribute"},
		{`userName eq "x" xor a pr`, 16, "and, or"},
		{`(a pr`, 5, ")"},
		{`a pr)`, 4, "and, or"},
		{`not a pr`, 4, "("},
		{`emails[type eq "w"`, 18, "]"},
		{`emails[emails[a pr]]`, 7, "value path"},
		{`name.givenName[a pr]`, 0, "value path"},
		{`emails[type eq "w"].`, 20, "sub-attribute"},
		{`emails[type eq "w"].value`, 25, "operator"},
		{`a.b.c pr`, 0, "attribute"},
		{`1a pr`, 0, "attribute"},
		{`x:y pr`, 0, "attribute"},
		{`urn:ietf:params:scim:schemas:core:2.0:User pr`, 0, "attribute"},
		{`active gt true`, 10, "order"},
		{`active gt "true"`, 10, "eq or ne"},
		{`emails[primary lt "x"]`, 18, "eq or ne"},
		{`x509Certificates ge "x"`, 20, "eq or ne"},
		{`a ge null`, 5, "order"},
		{`a co 5`, 5, "a text"},
		{"a pr \x00", 5, "and, or"},
		{"a eq \"\xff\"", 0, "UTF-8"},
		{strings.Repeat("(", 40) + "a pr" + strings.Repeat(")", 40), 32, "at most 32"},
		{strings.Repeat("not(", 1000) + "a pr", 4 * 32, "at most 32"},
		{`a eq "` + strings.Repeat("x", 9000) + `"`, 8192, "at most 8192"},
	} {
		f, err := scim.ParseFilter(c.filter)
		var at *scim.FilterError
		var answer *scim.Error
		switch {
		case err == nil:
			t.Errorf("%s was read as %s", c.filter, f)
		case !errors.As(err, &at) || at.Position != c.position || !strings.Contains(at.Expected, c.expected):
			t.Errorf("%.60s: %+v, want position %d and %q", c.filter, at, c.position, c.expected)
		case !errors.As(err, &answer) || answer.Status != 400 || answer.ScimType != "invalidFilter":
			t.Errorf("%s: the answer is %+v", c.filter, answer)
		case strings.Contains(answer.Detail, "xxx"):
			t.Errorf("the detail quotes the filter: %s", answer.Detail)
		}
	}
}

func TestFilterEquality(t *testing.T) {
	for in, want := range map[string][2]string{
		`UserName eq "A@b"`: {"username", "A@b"},
		`(userName eq "x")`: {"username", "x"},
		`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "x"`: {"username", "x"},
		`emails.value eq "x"`: {"emails.value", "x"},
	} {
		f, err := scim.ParseFilter(in)
		if err != nil {
			t.Fatal(err)
		}
		if a, v, ok := f.Equality(); !ok || a != want[0] || v != want[1] {
			t.Errorf("%s: %q %q %v", in, a, v, ok)
		}
	}
	for _, in := range []string{`userName ne "x"`, `active eq true`, `userName pr`, `a eq "x" and b eq "y"`, `not (a eq "x")`, `emails[value eq "x"]`, `a eq null`} {
		f, err := scim.ParseFilter(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := f.Equality(); ok {
			t.Errorf("%s was taken for an equality", in)
		}
	}
}

func TestErrorBody(t *testing.T) {
	e := &scim.Error{Status: 409, ScimType: scim.TypeUniqueness, Detail: "taken"}
	const want = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"taken"}`
	if got := string(e.Body()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if back, ok := scim.ParseError(e.Body()); !ok || back != *e {
		t.Errorf("read back as %+v", back)
	}
	if got := (&scim.Error{Status: 500}).Error(); got != "SCIM error, status 500" {
		t.Error(got)
	}
}
