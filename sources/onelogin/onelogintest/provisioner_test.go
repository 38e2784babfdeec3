package onelogintest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tomorro-sync/sources/onelogin/onelogintest"
)

// recorder is the least that OneLogin needs, by its developer pages: it writes
// down each request as text and answers from two maps. Answer, if not nil, may
// answer in its stead.
type recorder struct {
	mu     sync.Mutex
	wire   []string
	users  map[string]string // id to body
	groups []string          // names; the id is "g-" and the name
	answer func(w http.ResponseWriter, r *http.Request) bool
}

// ServeHTTP implements http.Handler, without a mux: that would redirect "//".
func (c *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	line := r.Method + " " + r.RequestURI
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if v := r.Header.Get(name); v != "" {
			line += "\n" + name + ": " + v
		}
	}
	if len(body) > 0 {
		line += "\n" + string(body)
	}
	c.wire = append(c.wire, line)
	w.Header().Set("Content-Type", "application/json")
	if c.answer != nil && c.answer(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"detail":"the token is not valid"}`)
		return
	}
	path := strings.Replace(r.URL.Path, "//", "/", 1)
	switch kind, id, _ := strings.Cut(strings.TrimPrefix(path, "/scim/"), "/"); {
	case kind == "Users":
		c.user(w, r, id, body)
	case r.Method == http.MethodGet:
		c.list(w, c.groups, func(name string) string { return fmt.Sprintf(`{"id":"g-%s","displayName":%q}`, name, name) })
	case r.Method == http.MethodPost:
		var g struct{ DisplayName string }
		_ = json.Unmarshal(body, &g)
		c.groups = append(c.groups, g.DisplayName)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":"g-%s","displayName":%q,"members":[]}`, g.DisplayName, g.DisplayName)
	}
}

func (c *recorder) user(w http.ResponseWriter, r *http.Request, id string, body []byte) {
	show := func(id string) string { return `{"id":"` + id + `",` + strings.TrimPrefix(c.users[id], "{") }
	switch r.Method {
	case http.MethodGet:
		if id != "" {
			fmt.Fprint(w, show(id))
			return
		}
		_, text, _ := strings.Cut(r.URL.Query().Get("filter"), "userName eq ")
		var found []string
		for id, u := range c.users {
			if text != "" && strings.Contains(u, `"userName":`+text) {
				found = append(found, id)
			}
		}
		c.list(w, found, show)
	case http.MethodDelete:
		delete(c.users, id)
	default:
		if r.Method == http.MethodPost {
			id = "u1" // the only one here
			w.WriteHeader(http.StatusCreated)
		}
		c.users[id] = string(body)
		fmt.Fprint(w, show(id))
	}
}

func (c *recorder) list(w http.ResponseWriter, items []string, show func(string) string) {
	shown := make([]string, len(items))
	for i, x := range items {
		shown[i] = show(x)
	}
	fmt.Fprintf(w, `{"totalResults":%d,"Resources":[%s]}`, len(items), strings.Join(shown, ","))
}

// office is one person, who has the app by nothing yet, and one rule: Legal are
// in the group legal. There is a second group, deals.
type office struct {
	t      *testing.T
	sim    *onelogintest.Server
	who    int64
	rec    *recorder
	pusher *onelogintest.Provisioner
}

func newOffice(t *testing.T, knobs onelogintest.PushKnobs) *office {
	t.Helper()
	w := &onelogintest.World{App: onelogintest.App{ID: 9, Name: "Tomorro", UserName: "email"}, Roles: []onelogintest.Role{{ID: 1, Name: "Legal"}},
		Rules: []onelogintest.Rule{{ID: 1, Name: "legal", Match: "all", Enabled: true,
			Conditions: []onelogintest.Condition{{Source: "has_role", Operator: "ri", Value: "1"}},
			Actions:    []onelogintest.Action{{Action: "set_groups", Value: []string{"legal"}}}}}}
	title, login := "manager", "jdoe"
	p := w.Add(&onelogintest.Person{FirstName: "Jane", LastName: "O'Neil", Email: "jane+law@example.com", Username: &login, Title: &title,
		Status: 1, State: 1, RoleIDs: []int64{1}})
	o := &office{t: t, sim: onelogintest.New(w), who: p.ID, rec: &recorder{users: map[string]string{}, groups: []string{"legal", "deals"}}}
	server := httptest.NewServer(o.rec)
	t.Cleanup(server.Close)
	o.pusher = onelogintest.NewProvisioner(o.sim, server.URL+"/scim/", "secret", knobs)
	t.Cleanup(o.pusher.Close)
	return o
}

// step does one thing and wants it to work, twice over where somebody must
// approve.
func (o *office) step(name string, act func(context.Context) error) {
	o.t.Helper()
	o.rec.wire = append(o.rec.wire, "# "+name)
	if err := act(o.t.Context()); err != nil {
		o.t.Fatalf("%s: %v", name, err)
	}
	if o.pusher.Login(o.who).State == onelogintest.StatePending {
		o.rec.wire = append(o.rec.wire, "# approve")
		if err := o.pusher.Approve(o.t.Context(), o.who); err != nil {
			o.t.Fatalf("%s, approved: %v", name, err)
		}
	}
}

// script is one life.
func (o *office) script() {
	o.t.Helper()
	p, who := o.pusher, o.who
	on := func(f func(context.Context, int64) error) func(context.Context) error {
		return func(ctx context.Context) error { return f(ctx, who) }
	}
	group := func(f func(context.Context, int64, string) error, name string) func(context.Context) error {
		return func(ctx context.Context) error { return f(ctx, who, name) }
	}
	change := func(edit func(*onelogintest.Person)) func(context.Context) error {
		return func(ctx context.Context) error { return p.Update(ctx, who, edit) }
	}
	o.step("enable", p.Enable)
	o.step("refresh", p.Refresh)
	o.step("assign", on(p.Assign))
	o.step("title", change(func(x *onelogintest.Person) { *x.Title = "admin" }))
	o.step("no title", change(func(x *onelogintest.Person) { x.Title = nil }))
	o.step("e-mail", change(func(x *onelogintest.Person) { x.Email = "jane@example.com"; *x.Username = "jane" }))
	o.step("nothing", change(nil))
	o.step("group on", group(p.GroupOn, "deals"))
	o.step("group off", group(p.GroupOff, "deals"))
	o.step("suspend", on(p.Suspend))
	o.step("return", on(p.Reactivate))
	o.step("role lost", change(func(x *onelogintest.Person) { x.RoleIDs = nil }))
	o.sim.Edit(func(w *onelogintest.World) { w.Find(who).RoleIDs = []int64{1} })
	o.step("reapply", p.ReapplyMappings)
	o.step("remove", on(p.Remove))
	o.step("assign again", on(p.Reassign))
}

// wireText is one user's body's end, and the header and lines that variants change.
const (
	jsonType  = "\nContent-Type: application/json"
	bodyEnd   = `"O'Neil"}}`
	lastBody  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@example.com","userType":"","name":{"givenName":"Jane","familyName":"O'Neil"}`
	addD1     = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"u1"}]}]}`
	removeD1  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members","value":[{"value":"u1"}]}]}`
	removeD2  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"u1\"]"}]}`
	addD3     = `{"schemas":["urn:scim:schemas:core:1.0"],"members":[{"value":"u1","operation":"add"}]}`
	removeD3  = `{"members":[{"value":"u1","operation":"delete"}]}`
	userURN   = "urn:ietf:params:scim:schemas:core:2.0:User"
	getBefore = "GET /scim/Users/u1\n\n"
)

// suspend and nothing are the wire with the other settings for who loses the app.
func suspend(wire string) string { // and the return finds the user
	before, after, _ := strings.Cut(wire, "# remove\n")
	return before + "# remove\n" + strings.NewReplacer("DELETE /scim/Users/u1", getBefore+"PUT /scim/Users/u1"+jsonType+"\n"+lastBody+`,"active":false}`,
		"POST /scim/Users\n", getBefore+"PUT /scim/Users/u1\n").Replace(after)
}

func nothing(wire string) string {
	before, after, _ := strings.Cut(suspend(wire), "# remove\n")
	_, after, _ = strings.Cut(after, "# assign again")
	return before + "# remove\n\n# assign again" + after
}

// wireChanges says how each variant's wire differs from testdata/wire.txt, which
// is the default's, written from A1 to A6 of the reference. Variants that are not
// here have the same.
func wireChanges() map[string][]func(string) string {
	with := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	toSCIM := with(jsonType, "\nContent-Type: application/scim+json")
	noType, slashes := with(jsonType, ""), with("/scim/", "/scim//")
	d2, d3 := with(removeD1, removeD2), with(addD1, addD3, removeD1, removeD3)
	list := with("PATCH", "GET /scim/Groups\n\nPATCH")
	always := with(bodyEnd, `"O'Neil"},"active":true}`)
	text := func(wire string) string {
		return with(`"active":true`, `"active":"true"`, `"active":false`, `"active":"false"`)(always(wire))
	}
	approve := func(wire string) string {
		return regexp.MustCompile(`(?m)^# (assign.*|.*title|e-mail|group.*|suspend|return|role lost|reapply|remove)$`).ReplaceAllString(wire, "$0\n\n# approve")
	}
	twice := func(wire string) string {
		return regexp.MustCompile(`(?m)^(POST|PUT|PATCH) .*\n.*\n.*|^DELETE .*`).ReplaceAllString(wire, "$0\n\n$0")
	}
	noTitle := func(instead string) func(string) string { return with(`"userType":"",`, instead) }
	member := func(text string) func(string) string {
		return func(wire string) string {
			return regexp.MustCompile(`"userType":"\w*",`).ReplaceAllString(wire, "$0"+text)
		}
	}
	return map[string][]func(string) string{
		"application/scim+json": {toSCIM}, "no content type": {noType}, "D2": {d2}, "D3": {d3},
		"custom headers": {toSCIM, func(wire string) string { // on every request, in this order
			wire = strings.ReplaceAll(wire, "\nContent-Type: application/scim+json", "")
			return regexp.MustCompile(`(?m)^(GET|POST|PUT|PATCH|DELETE) .*`).ReplaceAllString(wire,
				"$0\nAccept: application/scim+json\nContent-Type: application/scim+json\nUser-Agent: OneLogin SCIM")
		}},
		"active always": {always}, "active as text": {text}, "no GET by id": {with(getBefore, "")},
		"groups listed each time": {list}, "trailing slash": {slashes}, "plus for space": {with("%20", "+")},
		"deprovision suspend": {suspend}, "deprovision nothing": {nothing},
		"suspend silent": {func(wire string) string {
			before, rest, _ := strings.Cut(wire, "# suspend\n")
			_, after, _ := strings.Cut(rest, "# role lost")
			return before + "# suspend\n\n# return\n\n# role lost" + after
		}},
		"approval": {approve}, "approval, push first": {approve}, "each write twice": {twice},
		"null title": {noTitle(`"userType":null,`)}, "title omitted": {noTitle("")},
		"emails as object": {func(wire string) string {
			return regexp.MustCompile(`("userName":("[^"]*"),"userType":"\w*",)`).ReplaceAllString(wire, `$1"emails":{"value":$2},`)
		}},
		"groups in template": {member(`"groups":[],`)}, "schemas 1.0": {with(userURN, "urn:scim:schemas:core:1.0")},
		"active in template": {func(wire string) string { // its place, not the end
			wire = member(`"active":"true",`)(wire)
			return regexp.MustCompile(`"active":"true",(.*),"active":(true|false)`).ReplaceAllString(wire, `"active":"$2",$1`)
		}},
		"username": {func(wire string) string {
			head, rest, _ := strings.Cut(wire, "# assign\n")
			return head + "# assign\n" + with("jane+law@example.com", "jdoe", "jane%2Blaw%40example.com", "jdoe",
				"jane@example.com", "jane", "jane%40example.com", "jane")(rest)
		}},
		"D2, groups listed and created": {d2, list}, "D3, scim+json": {d3, toSCIM}, "no content type, trailing slash": {noType, slashes},
		"active as text, deprovision suspend": {suspend, text}, "active always, deprovision suspend": {suspend, always},
	}
}

// TestWire compares what each variant sends, byte by byte.
func TestWire(t *testing.T) {
	usual, err := os.ReadFile("testdata/wire.txt")
	if err != nil {
		t.Fatal(err)
	}
	changes := wireChanges()
	for _, v := range onelogintest.PushVariants() {
		t.Run(v.Name, func(t *testing.T) {
			o := newOffice(t, v.Knobs)
			o.script()
			want := string(usual)
			for _, change := range changes[v.Name] {
				want = change(want)
			}
			if diff := cmp.Diff(want, strings.Join(o.rec.wire, "\n\n")+"\n"); diff != "" {
				t.Error(diff)
			}
			if sent := o.pusher.Sent(); len(sent) != strings.Count(want, "/scim/") || slices.ContainsFunc(sent, func(r onelogintest.Request) bool { return r.Status/100 != 2 || r.Duration <= 0 }) {
				t.Errorf("%d requests are recorded: %+v", len(sent), sent)
			}
		})
		delete(changes, v.Name)
	}
	if len(changes) > 0 {
		t.Errorf("there is no such variant: %v", slices.Collect(maps.Keys(changes)))
	}
}
