package tomorro_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
)

// script answers by method and path, and by the query where that is given: a status and a
// body, or "cut" for an answer that does not end.
type script map[string]string

func (s script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	says, ok := s[r.Method+" "+r.URL.Path+"?"+r.URL.Query().Get("attributes")+r.URL.Query().Get("startIndex")]
	if !ok {
		says, ok = s[r.Method+" "+r.URL.Path]
	}
	code, body, _ := strings.Cut(says, " ")
	status, _ := strconv.Atoi(code)
	if !ok {
		status, body = http.StatusTeapot, r.Method+" "+r.URL.String()+" is not in the script"
	}
	if rest, is := strings.CutPrefix(body, "cut"); is {
		w.Header().Set("Content-Length", "1000")
		body = rest
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func (s script) client(t *testing.T, edit func(*tomorro.Config)) *tomorro.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	cfg := tomorro.Config{URL: server.URL, Token: "x", Retries: -1}
	if edit != nil {
		edit(&cfg)
	}
	client, err := tomorro.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// outcome words what came of a write, as a run tells its outcomes apart.
func outcome(got reconcile.Written, err error) string {
	_, exists := errors.AsType[*reconcile.ExistsError](err)
	_, divisible := errors.AsType[*reconcile.DivisibleError](err)
	switch {
	case err == nil:
		return "done " + got.ID
	case divisible:
		return "in parts"
	case exists:
		return "exists"
	case errors.Is(err, reconcile.ErrUncertain):
		return "uncertain"
	case errors.Is(err, reconcile.ErrRefused):
		return "no token"
	case errors.Is(err, reconcile.ErrGone):
		return "gone"
	}
	return "refused"
}

const (
	nobodyListed = `200 {"totalResults":0,"Resources":[]}`
	aGroup       = `200 {"id":"g","displayName":"G","members":[{"value":"a"},{"value":"b"}]}`
	aGroupListed = `200 {"totalResults":1,"Resources":[` + `{"id":"g","displayName":"G","members":[{"value":"a"},{"value":"b"}]}` + `]}`
	annWithoutID = `200 {"totalResults":1,"Resources":[{"userName":"ann@x.io","userType":"user","name":{"givenName":"Ann","familyName":"Low"},"active":true}]}`
	badValue     = `400 {"scimType":"invalidValue","detail":"no"}`
)

// TestWhatIsNotDone: what Tomorro refuses is not done, and what it may have done or not is
// uncertain, for each kind of write and each request that it takes.
func TestWhatIsNotDone(t *testing.T) {
	put := func(c *tomorro.Config) { c.MemberRemoval = tomorro.RemoveByPut }
	account := reconcile.Account{ID: "u", UserName: "ann@x.io", GivenName: "Ann", FamilyName: "Low", UserType: reconcile.User, Active: true}
	members := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G", Add: []string{"n"}}
	removal := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G", Remove: []string{"a"}}
	two := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G", Add: []string{"m", "n"}}
	create := reconcile.Write{Op: reconcile.WriteCreateUser, Account: account}
	update := reconcile.Write{Op: reconcile.WriteUpdateUser, Account: account}
	remove := reconcile.Write{Op: reconcile.WriteDeleteUser, Account: account}
	group := reconcile.Write{Op: reconcile.WriteCreateGroup, Group: "G"}
	for _, c := range []struct {
		name  string
		write reconcile.Write
		edit  func(*tomorro.Config)
		says  script
		want  string
	}{
		{"an unknown write", reconcile.Write{Op: "x"}, nil, script{}, "refused"},
		{"delete refused", remove, nil, script{"DELETE /Users/u": badValue}, "refused"},
		{"delete refused, and the token", remove, nil, script{"DELETE /Users/u": "403 {}", "GET /Users": "403 {}"}, "no token"},
		{"delete refused, and no token", remove, nil, script{"DELETE /Users/u": "403 {}", "GET /Users": "401 {}"}, "no token"},
		{"delete of the last admin", remove, nil, script{"DELETE /Users/u": "403 {}", "GET /Users": nobodyListed}, "refused"},
		{"delete, cut", remove, nil, script{"DELETE /Users/u": "200 cut{"}, "uncertain"},
		{"update refused", update, nil, script{"PUT /Users/u": badValue}, "refused"},
		{"update, cut", update, nil, script{"PUT /Users/u": `200 cut{"id":"u"`}, "uncertain"},
		{"update, redirected", update, nil, script{"PUT /Users/u": "300 "}, "refused"},
		{"update, failed", update, nil, script{"PUT /Users/u": "500 "}, "uncertain"},
		{"create failed, nobody there", create, nil, script{"POST /Users": "500 ", "GET /Users": nobodyListed}, "uncertain"},
		{"create failed, and the look", create, nil, script{"POST /Users": "500 ", "GET /Users": badValue}, "uncertain"},
		{"create failed, and the token", create, nil, script{"POST /Users": "500 ", "GET /Users": "401 {}"}, "no token"},
		{"create failed, somebody without an id there", create, nil, script{"POST /Users": "500 ", "GET /Users": annWithoutID}, "uncertain"},
		{"create of who has no id", create, nil, script{"POST /Users": "409 {}", "GET /Users": annWithoutID}, "refused"},
		{"create, redirected", create, nil, script{"POST /Users": "300 "}, "refused"},
		{"create of what belongs to others", create, nil, script{"POST /Users": "409 {}", "GET /Users": nobodyListed}, "refused"},
		{"create of what cannot be found", create, nil, script{"POST /Users": "409 {}", "GET /Users": badValue}, "refused"},
		{"create answered by nothing", create, nil, script{"POST /Users": "201 ", "GET /Users": nobodyListed}, "uncertain"},
		{"create answered by no account", create, nil, script{"POST /Users": `201 {"userName":"ann@x.io"}`, "GET /Users": nobodyListed}, "uncertain"},
		{"group refused", group, nil, script{"POST /Groups": badValue}, "refused"},
		{"group, redirected", group, nil, script{"POST /Groups": "300 "}, "refused"},
		{"group failed, none there", group, nil, script{"POST /Groups": "500 ", "GET /Groups": nobodyListed}, "uncertain"},
		{"group failed, another there", group, nil, script{"POST /Groups": "500 ", "GET /Groups": `200 {"totalResults":1,"Resources":[{"id":"h","displayName":"H"}]}`}, "uncertain"},
		{"group failed, one without an id there", group, nil, script{"POST /Groups": "500 ", "GET /Groups": `200 {"totalResults":1,"Resources":[{"displayName":"G"}]}`}, "uncertain"},
		{"group failed, it is there", group, nil, script{"POST /Groups": "500 ", "GET /Groups": `200 {"totalResults":1,"Resources":[{"id":"g","displayName":"g"}]}`}, "done g"},
		{"group failed, and the look", group, nil, script{"POST /Groups": "500 ", "GET /Groups": "200 cut{"}, "uncertain"},
		{"group, cut", group, nil, script{"POST /Groups": "201 cut{", "GET /Groups": nobodyListed}, "uncertain"},
		{"group there already", group, nil, script{"POST /Groups": `400 {"scimType":"uniqueness"}`, "GET /Groups": `200 {"totalResults":1,"Resources":[{"id":"g","displayName":"G"}]}`}, "done g"},
		{"group answered by no group", group, nil, script{"POST /Groups": "201 {}", "GET /Groups": nobodyListed}, "uncertain"},
		{"group made", group, nil, script{"POST /Groups": `201 {"id":"g"}`}, "done g"},
		{"one member refused", members, nil, script{"PATCH /Groups/g": badValue, "GET /Groups/g": aGroup}, "refused"},
		{"one member not there", members, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": aGroup}, "gone"},
		{"one member, no target", members, nil, script{"PATCH /Groups/g": `400 {"scimType":"noTarget"}`, "GET /Groups/g": aGroup}, "refused"},
		{"a removal refused", removal, nil, script{"PATCH /Groups/g": badValue, "GET /Groups/g": aGroup}, "refused"},
		{"a removal without target", removal, nil, script{"PATCH /Groups/g": `400 {"scimType":"noTarget"}`, "GET /Groups/g": aGroup}, "done g"},
		{"members, group gone", two, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": "404 {}", "GET /Groups": nobodyListed}, "gone"},
		{"members, group not listed now", two, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": "404 {}", "GET /Groups": "500 {}"}, "refused"},
		{"one not there, no single groups", members, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": "404 {}", "GET /Groups": aGroupListed}, "gone"},
		{"one not there, single groups not offered", members, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": "501 {}", "GET /Groups": aGroupListed}, "gone"},
		{"members, group unreadable", two, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": "500 {}"}, "refused"},
		{"members refused", two, nil, script{"PATCH /Groups/g": badValue}, "in parts"},
		{"one of them not there", two, nil, script{"PATCH /Groups/g": "404 {}", "GET /Groups/g": aGroup}, "in parts"},
		{"too many members", two, nil, script{"PATCH /Groups/g": "413 {}"}, "in parts"},
		{"members forbidden", two, nil, script{"PATCH /Groups/g": "403 {}", "GET /Users": nobodyListed}, "refused"},
		{"put of members refused", two, put, script{"GET /Groups/g": aGroup, "PUT /Groups/g": badValue}, "in parts"},
		{"members, cut", two, nil, script{"PATCH /Groups/g": "200 cut{"}, "uncertain"},
		{"members, redirected", two, nil, script{"PATCH /Groups/g": "300 "}, "refused"},
		{"put, group gone", removal, put, script{"GET /Groups/g": "404 {}", "GET /Groups": nobodyListed}, "gone"},
		{"put, no single groups", removal, put, script{"GET /Groups/g": "404 {}", "GET /Groups": aGroupListed}, "refused"},
		{"put, group not listed now", removal, put, script{"GET /Groups/g": "404 {}", "GET /Groups": "500 {}"}, "refused"},
		{"put, group unreadable", removal, put, script{"GET /Groups/g": "500 {}", "PUT /Groups/g": "200 {}"}, "refused"},
		{"put, group cut", removal, put, script{"GET /Groups/g": "200 cut" + aGroup[4:], "PUT /Groups/g": "200 {}"}, "refused"},
		{"put, another group", removal, put, script{"GET /Groups/g": `200 {"id":"h","members":[]}`, "PUT /Groups/g": "200 {}"}, "refused"},
		{"put, members nowhere", removal, put, script{"GET /Groups/g": `200 {"id":"g","displayName":"G"}`, "GET /Groups": "500 {}", "PUT /Groups/g": "200 {}"}, "refused"},
		{"put refused", removal, put, script{"GET /Groups/g": aGroup, "PUT /Groups/g": badValue}, "refused"},
		{"put, redirected", removal, put, script{"GET /Groups/g": aGroup, "PUT /Groups/g": "300 "}, "refused"},
		{"put, cut", removal, put, script{"GET /Groups/g": aGroup, "PUT /Groups/g": "200 cut{"}, "uncertain"},
	} {
		if got := outcome(c.says.client(t, c.edit).Write(t.Context(), c.write)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestWhatIsNotRead: what is not read whole is an error, and memberships that are shown
// nowhere are unknown, not empty.
func TestWhatIsNotRead(t *testing.T) {
	const ann, bare = `200 {"totalResults":1,"Resources":[{"id":"u","userName":"ann@x.io","active":true}]}`, `200 {"totalResults":1,"Resources":[{"id":"g","displayName":"G"}]}`
	asking := func(c *tomorro.Config) { c.Attributes = true }
	const attributes = "GET /Users?userName,externalId,userType,name,active1"
	for _, c := range []struct {
		name string
		edit func(*tomorro.Config)
		says script
		want string
	}{
		{"all", nil, script{"GET /Users": ann, "GET /Groups": nobodyListed}, "1 accounts"},
		{"an account twice", nil, script{"GET /Users": `200 {"totalResults":2,"Resources":[{"id":"u"},{"id":"u"}]}`, "GET /Groups": nobodyListed}, "error"},
		{"more than it announces", nil, script{"GET /Users": `200 {"totalResults":1,"Resources":[{"id":"u","userName":"ann@x.io"},{"id":"v"}]}`, "GET /Groups": nobodyListed}, "error"},
		{"more than there can be", nil, script{"GET /Users": `200 {"totalResults":1000000000000000000,"Resources":[{"id":"u","userName":"ann@x.io"}]}`, "GET /Groups": nobodyListed}, "error"},
		{"an id that is none", nil, script{"GET /Users": `200 {"totalResults":1,"Resources":[{"id":1}]}`, "GET /Groups": nobodyListed}, "error"},
		{"not JSON to its end", nil, script{"GET /Users": `200 {"totalResults":0,"Resources":[],}`, "GET /Groups": nobodyListed}, "error"},
		{"no list", nil, script{"GET /Users": `200 {"status":"ok"}`, "GET /Groups": nobodyListed}, "error"},
		{"no rights", nil, script{"GET /Users": "403 {}", "GET /Groups": nobodyListed}, "no token"},
		{"no token", nil, script{"GET /Users": "401 {}", "GET /Groups": nobodyListed}, "no token"},
		{"a cut list", nil, script{"GET /Users": "200 cut" + ann[4:], "GET /Groups": nobodyListed}, "error"},
		{"a second page refused", nil, script{"GET /Users?1": `200 {"totalResults":2,"Resources":[{"id":"u"}]}`, "GET /Users?2": "500 {}", "GET /Groups": nobodyListed}, "error"},
		{"a second page without total", nil, script{"GET /Users?1": `200 {"totalResults":2,"Resources":[{"id":"u"}]}`, "GET /Users?2": `200 {"Resources":[{"id":"v"}]}`, "GET /Groups": nobodyListed}, "2 accounts"},
		{"one more on a second page", nil, script{"GET /Users?1": `200 {"totalResults":2,"Resources":[{"id":"u"}]}`, "GET /Users?2": `200 {"totalResults":3,"Resources":[{"id":"v"}]}`,
			"GET /Users?3": `200 {"totalResults":3,"Resources":[{"id":"w"}]}`, "GET /Groups": nobodyListed}, "3 accounts"},
		{"attributes refused", asking, script{attributes: "500 {}", "GET /Users?1": ann, "GET /Groups": nobodyListed}, "error"},
		{"attributes not taken", asking, script{attributes: badValue, "GET /Users?1": ann, "GET /Groups": nobodyListed}, "1 accounts"},
		{"attributes not kept to", asking, script{attributes: `200 {"totalResults":1,"Resources":[{"id":"u","userName":"ann@x.io"}]}`, "GET /Users?1": ann, "GET /Groups": nobodyListed}, "1 accounts"},
		{"attributes without a name", asking, script{attributes: `200 {"totalResults":1,"Resources":[{"id":"u","active":true}]}`, "GET /Users?1": ann, "GET /Groups": nobodyListed}, "1 accounts"},
		{"members nowhere", nil, script{"GET /Users": ann, "GET /Groups": bare, "GET /Groups/g": "404 {}"}, "members unknown"},
		{"members not for each", nil, script{"GET /Users": ann, "GET /Groups": bare, "GET /Groups/g": "405 {}"}, "members unknown"},
		{"members not offered", nil, script{"GET /Users": ann, "GET /Groups": bare, "GET /Groups/g": "501 {}"}, "members unknown"},
		{"members not now", nil, script{"GET /Users": ann, "GET /Groups": bare, "GET /Groups/g": "500 {}"}, "error"},
		{"members of another", nil, script{"GET /Users": ann, "GET /Groups": bare, "GET /Groups/g": `200 {"message":"hello"}`}, "error"},
		{"members cut", nil, script{"GET /Users": ann, "GET /Groups": bare, "GET /Groups/g": "200 cut" + aGroup[4:]}, "error"},
	} {
		client := c.says.client(t, c.edit)
		current, err := client.Read(t.Context())
		got := strconv.Itoa(len(current.Accounts)) + " accounts"
		switch {
		case errors.Is(err, reconcile.ErrRefused):
			got = "no token"
		case err != nil:
			got = "error"
		case current.MembersUnknown:
			got = "members unknown"
		case len(current.Accounts) == 1 && current.Accounts[0] != (reconcile.Account{ID: "u", UserName: "ann@x.io", Active: true}):
			got = "another account"
		}
		if got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
		if g, err := client.ReadGroup(t.Context(), "g"); err == nil {
			t.Errorf("%s: %+v is a group whose members are known", c.name, g)
		}
	}
}

// TestOddItemIsNamed: one account or group that cannot be read stops the run, and whoever
// reads why knows which it is.
func TestOddItemIsNamed(t *testing.T) {
	for list, odd := range map[string]string{"/Users": `"externalId":7`, "/Groups": `"members":"a"`} {
		read := func(answer string) error { // with a script of its own: an earlier one may still be asked
			says := script{"GET /Users": nobodyListed, "GET /Groups": nobodyListed}
			says["GET "+list] = answer
			_, err := says.client(t, nil).Read(t.Context())
			return err
		}
		err := read(`200 {"totalResults":3,"Resources":[{"id":"x"},{"id":"y",` + odd + `},{"id":"z",` + odd + `}]}`)
		if err == nil || !strings.Contains(err.Error(), `number 2, id "y", is not as SCIM has it`) || strings.Contains(err.Error(), "tomorro.url") {
			t.Errorf("%s: %v", list, err)
		}
		if err = read(`200 {"totalResults":1,"Resources":[{"id":"y",` + odd + `}]}`); err == nil || !strings.Contains(err.Error(), "check tomorro.url") {
			t.Errorf("%s, nothing but odd ones: %v", list, err)
		}
	}
}
