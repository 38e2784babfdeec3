package onelogintest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"tomorro-sync/sources/onelogin/onelogintest"
)

type wire struct {
	t     *testing.T
	base  string
	token string
}

func start(t *testing.T, users int) (*onelogintest.Server, *wire) {
	t.Helper()
	sim := onelogintest.New(onelogintest.Generate(onelogintest.Options{Users: users, Groups: 5, Seed: 1}))
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	w := &wire{t: t, base: server.URL}
	resp, err := http.PostForm(server.URL+"/auth/oauth2/v2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"client-id"}, "client_secret": {"client-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got["expires_in"] != 36000.0 || got["token_type"] != "bearer" {
		t.Fatalf("token %v %v", got, err)
	}
	w.token = got["access_token"].(string)
	return sim, w
}

func (w *wire) get(path string, into any) *http.Response {
	w.t.Helper()
	req, _ := http.NewRequest(http.MethodGet, w.base+path, nil)
	req.Header.Set("Authorization", "bearer "+w.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			w.t.Fatalf("%s: %v in %.200s", path, err, data)
		}
	}
	return resp
}

// TestListShape: 22 keys by default, more by fields, page headers, cursors that
// are offset pages.
func TestListShape(t *testing.T) {
	_, w := start(t, 120)
	var list []map[string]any
	resp := w.get("/api/2/users", &list)
	if len(list) != 50 || len(list[0]) != 22 || resp.Header.Get("Total-Count") != "120" || resp.Header.Get("Total-Pages") != "3" || resp.Header.Get("Current-Page") != "1" || resp.Header.Get("Page-Items") != "50" {
		t.Errorf("%d items of %d keys, headers %v", len(list), len(list[0]), resp.Header)
	}
	if _, has := list[0]["title"]; has {
		t.Error("the default list has a title")
	}
	cursor := resp.Header.Get("After-Cursor")
	var second, third []map[string]any
	resp = w.get("/api/2/users?cursor="+url.QueryEscape(cursor), &second)
	w.get("/api/2/users?page=3&limit=50&fields=id,title,role_ids", &third)
	if len(second) != 50 || second[0]["id"] == list[0]["id"] || resp.Header.Get("Current-Page") != "2" || len(third) != 20 || len(third[0]) != 3 {
		t.Errorf("page 2 has %d items, page 3 %d of %d keys", len(second), len(third), len(third[0]))
	}
	for path, want := range map[string]string{
		"/api/2/users?limit=5&cursor=" + url.QueryEscape(cursor): "Requests can only have cursor xor pagination arguments",
		"/api/2/users?cursor=abc":                                "Invalid pagination cursor",
	} {
		var e map[string]any
		if resp := w.get(path, &e); resp.StatusCode != 400 || e["description"] != want || e["error"] != "BadRequestError" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, e)
		}
	}
	var e map[string]any
	if resp := w.get("/api/2/users?fields=id,employee_number", &e); resp.StatusCode != 400 || e["message"] != "unknown attribute: employee_number" {
		t.Errorf("%v", e)
	}
}

func TestErrorsAndRules(t *testing.T) {
	sim, w := start(t, 30)
	var e map[string]any
	if resp := w.get("/api/2/users/1/add_roles", &e); resp.StatusCode != 401 || e["name"] != "UnauthorizedError" {
		t.Errorf("an unknown route: %d %v", resp.StatusCode, e)
	}
	if resp := w.get("/api/2/users/1", &e); resp.StatusCode != 404 || e["name"] != "NotFoundError" {
		t.Errorf("an unknown user: %d %v", resp.StatusCode, e)
	}
	rules := fmt.Sprintf("/api/2/apps/%d/rules", sim.AppID())
	var enabled, disabled []map[string]any
	w.get(rules, &enabled)
	w.get(rules+"?enabled=false", &disabled)
	if len(disabled) != 1 || disabled[0]["position"] != nil || len(enabled) < 5 {
		t.Errorf("%d enabled, %d disabled", len(enabled), len(disabled))
	}
	for _, r := range enabled {
		action := r["actions"].([]any)[0].(map[string]any)
		if _, has := action["expression"]; has != (r["name"] == "directory groups") {
			t.Errorf("%v: expression is there: %v", r["name"], has)
		}
	}
	sim.Turn(func(k *onelogintest.Knobs) { k.LowPrivilege = true })
	if resp := w.get(rules, nil); resp.StatusCode != 401 {
		t.Errorf("low privilege: %d", resp.StatusCode)
	}
	w.token = "other"
	if resp := w.get("/api/2/users", nil); resp.StatusCode != 401 {
		t.Errorf("a bad token: %d", resp.StatusCode)
	}
}

func TestV1(t *testing.T) {
	sim, w := start(t, 120)
	seen := map[any]bool{}
	after := ""
	for range 3 {
		var page struct {
			Status     map[string]any   `json:"status"`
			Pagination map[string]any   `json:"pagination"`
			Data       []map[string]any `json:"data"`
		}
		resp := w.get("/api/1/users?after_cursor="+url.QueryEscape(after), &page)
		for _, p := range page.Data {
			seen[p["id"]] = true
			if _, has := p["title"]; !has {
				t.Fatal("the v1 list lacks titles")
			}
		}
		if resp.Header.Get("X-RateLimit-Limit") != "5000" || page.Status["code"] != 200.0 {
			t.Errorf("%v %v", resp.Header, page.Status)
		}
		after, _ = page.Pagination["after_cursor"].(string)
	}
	if len(seen) != 120 || after != "" {
		t.Errorf("%d people in three pages, then %q", len(seen), after)
	}
	sim.Turn(func(k *onelogintest.Knobs) { k.QuotaLeft = 1 })
	var e map[string]any
	if resp := w.get("/api/1/users", &e); resp.StatusCode != 400 || !strings.Contains(fmt.Sprint(e), "rate_limit_exceeded") {
		t.Errorf("quota: %d %v", resp.StatusCode, e)
	}
}

func TestGenerate(t *testing.T) {
	o := onelogintest.Options{Users: 400, Groups: 30, Seed: 3}
	a, b := onelogintest.Generate(o), onelogintest.Generate(o)
	if !reflect.DeepEqual(a.People, b.People) || !reflect.DeepEqual(a.Rules, b.Rules) {
		t.Error("the same seed makes another world")
	}
	emails, odd := map[string]bool{}, map[string]int{}
	memberships := 0
	for _, p := range a.People {
		if emails[strings.ToLower(p.Email)] {
			t.Errorf("%s is there twice", p.Email)
		}
		emails[strings.ToLower(p.Email)] = true
		memberships += len(p.RoleIDs)
		odd[fmt.Sprint("status ", p.Status)]++
		for _, r := range p.LastName {
			if r > 0x250 {
				odd["other scripts"]++
				break
			}
		}
		if !a.HasApp(p) {
			odd["without the app"]++
		}
	}
	if odd["other scripts"] < 10 || odd["without the app"] < 5 || odd["status 2"] == 0 || odd["status 0"] == 0 || memberships < 800 {
		t.Errorf("not a plausible company: %v, %d roles given", odd, memberships)
	}
	if plain := onelogintest.Generate(onelogintest.Options{Users: 50, Groups: 10, Plain: true}); len(plain.Rules) != 10 || len(plain.People[7].RoleIDs) != 5 {
		t.Errorf("plain: %d rules, %d roles", len(plain.Rules), len(plain.People[7].RoleIDs))
	}
}

// TestSearch: by e-mail and by username, with wildcards as documented.
func TestSearch(t *testing.T) {
	sim, w := start(t, 30)
	var ann, bob int64
	sim.Edit(func(x *onelogintest.World) {
		name := "ann.login"
		x.People[7].Username, ann = &name, x.People[7].ID
		x.People[8].Username, x.People[8].Email, bob = nil, "bob@acme.example", x.People[8].ID
	})
	for query, want := range map[string]int64{"username=ann.login": ann, "username=ANN.LOGIN": ann, "username=ann*": ann, "username=*login": ann,
		"email=bob@acme.example": bob, "username=bob@acme.example": 0} {
		var got []struct {
			ID int64 `json:"id"`
		}
		if w.get("/api/2/users?"+query, &got); (want == 0) != (len(got) == 0) || want != 0 && (len(got) != 1 || got[0].ID != want) {
			t.Errorf("%s: %v, want %d", query, got, want)
		}
	}
}

// TestFreeze: every read lags behind the edits, until the knob is turned off.
func TestFreeze(t *testing.T) {
	sim, w := start(t, 30)
	edit := func(title string, assigned bool, roles ...int64) {
		sim.Edit(func(x *onelogintest.World) {
			p := x.People[3]
			p.Title, p.Assigned, p.RoleIDs = &title, assigned, roles
			x.Roles[0].Name, x.Rules[0].Name = "role of "+title, "rule of "+title
		})
	}
	freeze := func(on bool) { sim.Turn(func(k *onelogintest.Knobs) { k.Freeze = on }) }
	var id int64
	sim.Edit(func(x *onelogintest.World) { id = x.People[3].ID })
	app := fmt.Sprintf("/api/2/apps/%d", sim.AppID())
	user := fmt.Sprintf("/api/2/users/%d", id)
	read := func() map[string]string {
		answers := map[string]string{}
		for _, path := range []string{"/api/2/users?fields=id,title,role_ids", user, user + "/apps?ignore_visibility=true", app + "/users", app + "/rules",
			fmt.Sprintf("/api/2/users?user_ids=%d&app_id=%d", id, sim.AppID()), "/api/2/roles", "/api/2/roles/400000/users", "/api/1/users"} {
			var raw json.RawMessage
			w.get(path, &raw)
			answers[path] = string(raw)
		}
		return answers
	}
	edit("user", false)
	before := read()
	freeze(true)
	edit("viewer", true, 400_000)
	sim.Turn(func(k *onelogintest.Knobs) { k.TokenLife = 7200 }) // another knob leaves the copy alone
	for path, got := range read() {
		if got != before[path] {
			t.Errorf("frozen: %s: %s", path, got)
		}
	}
	freeze(false)
	after := read()
	for path, got := range after {
		if got == before[path] {
			t.Errorf("thawed: %s: %s", path, got)
		}
	}
	freeze(true)
	edit("admin", false)
	for path, got := range read() {
		if got != after[path] {
			t.Errorf("frozen again: %s: %s", path, got)
		}
	}
}
