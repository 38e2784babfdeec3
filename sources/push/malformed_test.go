package push_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// bad is one malformed request.
type bad struct {
	name, method, path, body string
	header                   http.Header // over the usual ones; nil: none
	status                   int         // 0: any 4xx
}

// writes are the good requests that are spoilt.
var writes = []struct{ method, path, body string }{
	{"POST", "/scim/v2/Users", `{"schemas":["x"],"userName":"nina@example.com","userType":"user","name":{"givenName":"Nina","familyName":"Berg"},"active":true}`},
	{"PUT", "/scim/v2/Users/u1", `{"userName":"jane.doe@example.com","userType":"user","name":{"givenName":"Jane","familyName":"Doe"},"active":false}`},
	{"PATCH", "/scim/v2/Users/u1", `{"Operations":[{"op":"replace","path":"active","value":false}]}`},
	{"POST", "/scim/v2/Groups", `{"displayName":"Paris","members":[{"value":"u1"}]}`},
	{"PUT", "/scim/v2/Groups/g1", `{"displayName":"Legal","members":[{"value":"u1"}]}`},
	{"PATCH", "/scim/v2/Groups/g1", `{"Operations":[{"op":"add","path":"members","value":[{"value":"u2"}]}]}`},
}

// spoilers make a good body bad, by their name.
var spoilers = map[string]func(string) string{
	"empty":             func(string) string { return "" },
	"blank":             func(string) string { return " \r\n\t" },
	"only a mark":       func(string) string { return "\xef\xbb\xbf" },
	"null":              func(string) string { return "null" },
	"true":              func(string) string { return "true" },
	"number":            func(string) string { return "-1e9" },
	"text":              func(s string) string { return fmt.Sprintf("%q", s) },
	"list":              func(s string) string { return "[" + s + "]" },
	"empty object":      func(string) string { return "{}" },
	"two documents":     func(s string) string { return s + s },
	"trailing text":     func(s string) string { return s + "x" },
	"xml":               func(string) string { return "<user><active>false</active></user>" },
	"form":              func(string) string { return "userName=nina&active=false" },
	"single quotes":     func(s string) string { return strings.ReplaceAll(s, `"`, `'`) },
	"trailing comma":    func(s string) string { return strings.TrimSuffix(s, "}") + ",}" },
	"comment":           func(s string) string { return "/* hello */" + s },
	"no quotes":         func(s string) string { return strings.ReplaceAll(s, `"`, ``) },
	"NaN":               func(s string) string { return `{"x":NaN,` + s[1:] },
	"leading zero":      func(s string) string { return `{"x":007,` + s[1:] },
	"cut at 1":          func(s string) string { return s[:1] },
	"cut at a quarter":  func(s string) string { return s[:len(s)/4] },
	"cut at the half":   func(s string) string { return s[:len(s)/2] },
	"cut at the end":    func(s string) string { return s[:len(s)-1] },
	"invalid UTF-8":     func(s string) string { return `{"x":"` + "\xff\xfe" + `",` + s[1:] },
	"overlong UTF-8":    func(s string) string { return `{"x":"` + "\xc0\xaf" + `",` + s[1:] },
	"invalid UTF-8 key": func(s string) string { return `{"` + "\xc3" + `":1,` + s[1:] },
	"UTF-16":            func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" },
	"raw newline":       func(s string) string { return `{"x":"` + "\n" + `",` + s[1:] },
	"bad escape":        func(s string) string { return `{"x":"\q",` + s[1:] },
	"twice":             func(s string) string { return `{"x":1,"x":1,` + s[1:] },
	"twice, other case": func(s string) string { return `{"xY":1,"Xy":1,` + s[1:] },
	"twice, nested":     func(s string) string { return `{"x":[{"a":1,"b":2,"a":1}],` + s[1:] },
	"twice, escaped":    func(s string) string { return `{"x":1,"\u0078":2,` + s[1:] },
	"deep lists": func(s string) string {
		return `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "," + s[1:]
	},
	"deep objects": func(s string) string {
		return `{"x":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40) + "," + s[1:]
	},
	"very deep": func(s string) string {
		return `{"x":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "," + s[1:]
	},
	"huge":        func(s string) string { return `{"x":"` + strings.Repeat("x", 1<<20) + `",` + s[1:] },
	"huge blanks": func(s string) string { return s + strings.Repeat(" ", 1<<20) },
}

func malformed() []bad {
	var all []bad
	for _, w := range writes {
		for name, spoil := range spoilers {
			all = append(all, bad{name: w.method + " " + w.path + " " + name, method: w.method, path: w.path, body: spoil(w.body)})
		}
		gzip := bad{name: w.method + " " + w.path + " compressed", method: w.method, path: w.path, body: w.body, status: 415}
		gzip.header = http.Header{"Content-Encoding": {"gzip"}}
		all = append(all, gzip)
	}
	all = append(all, wrongTypes()...)
	all = append(all, wrongPatches()...)
	all = append(all, wrongAddresses()...)
	return append(all, wrongTokens()...)
}

func wrongTypes() []bad {
	var all []bad
	user := func(body string) {
		all = append(all, bad{name: "POST user " + body, method: "POST", path: "/scim/v2/Users", body: body, status: 400},
			bad{name: "PUT user " + body, method: "PUT", path: "/scim/v2/Users/u1", body: body, status: 400})
	}
	long, control := strings.Repeat("x", 2000), `a\u0000b`
	for _, v := range []string{`true`, `[]`, `{}`, `["a"]`, `[1]`, `"` + long + `"`, `"` + control + `"`, `"a\u001bb"`} {
		user(`{"userName":` + v + `,"active":true}`)
		user(`{"userName":"a@b.c","userType":` + v + `}`)
		user(`{"userName":"a@b.c","name":{"givenName":` + v + `}}`)
		user(`{"userName":"a@b.c","externalId":` + v + `}`)
	}
	user(`{"userName":"a\nb","active":true}`) // an address has no such blanks within
	user(`{"userName":"a@b.c","externalId":"a\tb"}`)
	for _, v := range []string{`"Jane"`, `1`, `[]`, `[{"givenName":"x"}]`, `false`} {
		user(`{"userName":"a@b.c","name":` + v + `}`)
	}
	for _, v := range []string{`"perhaps"`, `2`, `[]`, `{}`, `[false]`, `"falsee"`, `-0.5`} {
		user(`{"userName":"a@b.c","active":` + v + `}`)
	}
	group := func(body string) {
		all = append(all, bad{name: "POST group " + body, method: "POST", path: "/scim/v2/Groups", body: body, status: 400},
			bad{name: "PUT group " + body, method: "PUT", path: "/scim/v2/Groups/g1", body: body, status: 400})
	}
	for _, v := range []string{`1`, `[]`, `{}`, `true`, `"` + control + `"`} {
		group(`{"displayName":` + v + `,"members":[]}`)
	}
	for _, v := range []string{`1`, `true`, `[1]`, `[null]`, `[[]]`, `[{}]`, `[{"value":""}]`, `[{"value":1}]`, `[{"value":"u1","type":"Group"}]`, `[{"value":"../u1"}]`, `""`} {
		group(`{"displayName":"x","members":` + v + `}`)
	}
	return all
}

func wrongPatches() []bad {
	var all []bad
	add := func(body string) {
		for _, path := range []string{"/scim/v2/Users/u1", "/scim/v2/Groups/g2"} {
			all = append(all, bad{name: "PATCH " + path + " " + body, method: "PATCH", path: path, body: body, status: 400})
		}
	}
	for _, v := range []string{`1`, `"x"`, `{}`, `[]`, `[1]`, `[null]`, `[[]]`, `[{}]`} {
		add(`{"Operations":` + v + `}`)
	}
	for _, op := range []string{`1`, `null`, `""`, `"move"`, `"test"`, `["add"]`} {
		add(`{"Operations":[{"op":` + op + `,"path":"active","value":true}]}`)
	}
	for _, path := range []string{`1`, `["members"]`, `"members["`, `"members[value eq ]"`, `"members[value eq \"x\""`, `"members]"`, `"a..b"`, `"[x]"`, `"1a"`, `"a b"`, `"members[value zz \"x\"]"`, `"urn:"`, `"a.b.c"`} {
		add(`{"Operations":[{"op":"remove","path":` + path + `}]}`)
	}
	for _, rest := range []string{`"op":"remove"`, `"op":"add"`, `"op":"replace","value":"x"`, `"op":"replace","value":[]`, `"op":"add","value":{"":1}`, `"op":"replace","value":{"members[":[],"active":true}`, `"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"a b":1}}`, `"op":"remove","value":{"active":true}`} {
		add(`{"Operations":[{` + rest + `}]}`)
	}
	for _, op := range []string{
		`"op":"remove","path":"members","value":[]`, `"op":"remove","path":"members","value":null`, `"op":"remove","path":"members","value":""`,
		`"op":"replace","path":"members","value":null`, `"op":"add","path":"members"`, `"op":"add","path":"members","value":[{}]`,
		`"op":"replace","path":"members.display","value":"x"`, `"op":"add","path":"members[value eq \"u1\"]","value":{}`,
		`"op":"remove","path":"members[value eq \"\"]"`, `"op":"remove","path":"members[value eq \"a/b\"]"`,
		`"op":"remove","path":"displayName"`, `"op":"replace","path":"displayName","value":""`, `"op":"replace","path":"displayName","value":1`,
		`"op":"add","path":"members","value":[{"value":"g3","type":"Group"}]`,
	} {
		all = append(all, bad{name: "PATCH group " + op, method: "PATCH", path: "/scim/v2/Groups/g2", body: `{"Operations":[{` + op + `}]}`, status: 400})
	}
	for _, members := range []string{`1`, `[]`, `[{"value":"u1","operation":"move"}]`, `[{"value":"u1","operation":1}]`, `[{"operation":"delete"}]`, `[1]`} {
		add(`{"schemas":["urn:scim:schemas:core:1.0"],"members":` + members + `}`)
	}
	for _, op := range []string{
		`"op":"remove","path":"userName"`, `"op":"replace","path":"userName","value":""`, `"op":"replace","path":"active","value":"perhaps"`,
		`"op":"replace","path":"name","value":"Jane"`, `"op":"replace","path":"userName","value":["x","y"]`, `"op":"add","path":"active","value":null`,
	} {
		all = append(all, bad{name: "PATCH user " + op, method: "PATCH", path: "/scim/v2/Users/u1", body: `{"Operations":[{` + op + `}]}`, status: 400})
	}
	return all
}

func wrongAddresses() []bad {
	var all []bad
	get := func(path string, status int) {
		all = append(all, bad{name: "GET " + path, method: "GET", path: path, status: status})
	}
	for _, filter := range []string{
		`userName`, `userName eq`, `userName eq x`, `userName eq "x`, `eq "x"`, `userName zz "x"`, `userName eq "x" and`, `(userName eq "x"`, `userName eq "x")`,
		`not userName eq "x"`, `a[b eq "c"`, `userName eq 'x'`, `userName eq "x" or or active pr`, `..`, "userName eq \"\x01\"", strings.Repeat("(", 5000),
		`userName eq "` + strings.Repeat("x", 9000) + `"`,
	} {
		get("/scim/v2/Users?filter="+escape(filter), 400)
		get("/scim/v2/Groups?filter="+escape(filter), 400)
	}
	for _, query := range []string{"count=x", "count=1.5", "startIndex=one", "count=99999999999999999999", "filter=%zz", "a=%", "filter=id%20pr&filter=id%20pr", "a;b"} {
		get("/scim/v2/Users?"+query, 400)
	}
	for _, path := range []string{
		"/", "/scim", "/scim/v2", "/scim/v2/", "/scim/v1/Users", "/Users", "/scim/v2/users", "/scim/v2/Users/u1/groups", "/scim/v2/Nothing", "/scim/v2/ServiceProviderConfig/x",
		"/scim/v2/Users/u9", "/scim/v2/Users/a%2Fb", "/scim/v2/Users/..", "/scim/v2/Users/%2e%2e", "/scim/v2/Users/%00", "/scim/v2/Users/a%0Ab", "/scim/v2/Users/" + strings.Repeat("x", 3000),
		"/scim/v2/Users/%ff", "/scim/v2/Users/a%3Fb", "/scim/v2/Schemas/x", "/scim/v2/ResourceTypes/x", "/scim/v2/../Users",
	} {
		get(path, 404)
	}
	get("/scim/v2/Schemas?filter=id%20pr", 403)
	for path, list := range map[string]string{
		"/scim/v2/Users": "PUT PATCH DELETE OPTIONS TRACE CONNECT BREW", "/scim/v2/Users/u1": "POST OPTIONS BREW",
		"/scim/v2/Groups": "PUT PATCH DELETE", "/scim/v2/Groups/g1": "POST BREW", "/scim/v2/Schemas": "POST DELETE", "/scim/v2/ServiceProviderConfig": "PUT POST",
	} {
		for method := range strings.FieldsSeq(list) {
			all = append(all, bad{name: method + " " + path, method: method, path: path, body: writes[0].body, status: 405})
		}
	}
	return all
}

func wrongTokens() []bad {
	var all []bad
	for name, headers := range map[string][]string{
		"none": nil, "empty": {""}, "no token": {"Bearer"}, "blank token": {"Bearer  "}, "wrong": {"Bearer wrong"}, "basic": {"Basic " + token},
		"bare": {token}, "a prefix": {"Bearer " + token[:len(token)-1]}, "longer": {"Bearer " + token + "x"}, "twice": {"Bearer " + token, "Bearer " + token},
		"list": {"Bearer x, Bearer " + token}, "other case": {"Bearer " + strings.ToUpper(token)}, "huge": {"Bearer " + strings.Repeat("x", 30_000)},
	} {
		for _, w := range writes {
			b := bad{name: w.method + w.path + " token " + name, method: w.method, path: w.path, body: w.body, status: 401, header: http.Header{"Authorization": headers}}
			all = append(all, b)
		}
	}
	large := http.Header{"X-Large": {strings.Repeat("x", 20_000)}}
	return append(all, bad{name: "large headers", method: "GET", path: "/scim/v2/Users", header: large, status: 431})
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// TestMalformed holds that what is malformed is answered with a 4xx that explains
// itself, and changes nothing.
func TestMalformed(t *testing.T) {
	all := malformed()
	if len(all) < 200 {
		t.Fatalf("%d kinds", len(all))
	}
	t.Logf("%d kinds", len(all))
	f := world()
	l := listener(t, f, nil)
	for _, b := range all {
		w := httptest.NewRecorder()
		reads := f.Reads()
		l.ServeHTTP(w, b.request(t))
		name := b.name[:min(len(b.name), 120)]
		if w.Code < 400 || w.Code >= 500 || b.status != 0 && w.Code != b.status {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, b.status, w.Body)
		}
		if b.status == 401 && f.Reads() != reads {
			t.Errorf("%s: something was read", name)
		}
		t.Run(name, func(t *testing.T) { checkForm(t, b.method, w) })
	}
	if told := f.Told(); len(told) > 0 {
		t.Errorf("the Pusher was told %d things, first %+v", len(told), told[0])
	}
}

func (b *bad) request(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest(b.method, "http://x"+b.path, bytes.NewReader([]byte(b.body)))
	if err != nil {
		t.Fatalf("%s: %v", b.name, err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("Authorization", "Bearer "+token)
	maps.Copy(r.Header, b.header)
	return r
}

// TestGoodWrites guards the spoilers: unspoilt, the writes do reach the Pusher.
func TestGoodWrites(t *testing.T) {
	for _, good := range writes {
		f := world()
		w := httptest.NewRecorder()
		b := bad{method: good.method, path: good.path, body: good.body}
		listener(t, f, nil).ServeHTTP(w, b.request(t))
		if w.Code/100 != 2 || len(f.Told()) == 0 {
			t.Errorf("%s %s: %d %s", good.method, good.path, w.Code, w.Body)
		}
	}
}
