package tomorrotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// ask makes one raw request, as a provisioner would.
func ask(t *testing.T, base, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer tomorro-token")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	var v map[string]any
	_ = json.Unmarshal(data, &v)
	return resp.StatusCode, v
}

// guide is the body that the set-up guide's template renders to.
const guide = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Jane.Doe@example.com","userType":"manager","name":{"givenName":"Jane","familyName":"Doe"}}`

// TestAsOneLogin plays what OneLogin sends, in its order: filter, create, update,
// suspend, group membership in each dialect, delete.
func TestAsOneLogin(t *testing.T) {
	sim := tomorrotest.New(tomorrotest.Options{})
	server := httptest.NewServer(sim)
	defer server.Close()
	base := server.URL + "/scim/v2"
	do := func(want int, method, path, body string) map[string]any {
		t.Helper()
		status, v := ask(t, base, method, path, body)
		if status != want {
			t.Fatalf("%s %s: %d %v, want %d", method, path, status, v, want)
		}
		return v
	}
	if v := do(200, "GET", `/Users?filter=userName+eq+"jane.doe%40example.com"`, ""); v["totalResults"] != 0.0 {
		t.Errorf("nobody yet: %v", v)
	}
	made := do(201, "POST", "/Users", guide)
	id, _ := made["id"].(string)
	if made["active"] != true || made["name"].(map[string]any)["familyName"] != "Doe" || made["meta"] == nil || len(id) != 36 {
		t.Errorf("created %v", made)
	}
	if v := do(409, "POST", "/Users", guide); v["status"] != "409" || v["scimType"] != "uniqueness" || v["detail"] == "" {
		t.Errorf("duplicate: %v", v)
	}
	if v := do(200, "GET", `/Users?filter=userName+eq+"JANE.DOE%40example.com"`, ""); v["totalResults"] != 1.0 {
		t.Errorf("found without case: %v", v)
	}
	suspended := strings.Replace(guide, `"userType"`, `"active":false,"userType"`, 1)
	if v := do(200, "PUT", "/Users/"+id, suspended); v["active"] != false {
		t.Errorf("suspended: %v", v)
	}
	if v := do(200, "PUT", "/Users/"+id, guide); v["active"] != false {
		t.Errorf("a PUT without active says nothing of it: %v", v)
	}
	do(200, "PUT", "/Users/"+id, strings.Replace(guide, `"userType"`, `"active":true,"userType"`, 1))
	do(400, "PUT", "/Users/"+id, strings.Replace(guide, "manager", "contributor", 1))
	do(400, "POST", "/Users", strings.NewReplacer("Jane.", "Jim.", `"Doe"`, `""`).Replace(guide))

	group := do(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"legal"}`)["id"].(string)
	for _, dialect := range []struct{ add, remove string }{
		{`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"ID"}]}]}`,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members","value":[{"value":"ID"}]}]}`},
		{`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"members","value":[{"value":"ID"}]}]}`,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"ID\"]"}]}`},
		{`{"schemas":["urn:scim:schemas:core:1.0"],"members":[{"value":"ID"}]}`, `{"members":[{"value":"ID","operation":"delete"}]}`},
	} {
		do(200, "PATCH", "/Groups/"+group, strings.ReplaceAll(dialect.add, "ID", id))
		if got := sim.State().Groups[0].Members; len(got) != 1 {
			t.Errorf("%s: members %v", dialect.add, got)
		}
		do(200, "PATCH", "/Groups/"+group, strings.ReplaceAll(dialect.remove, "ID", id))
		if got := sim.State().Groups[0].Members; len(got) != 0 {
			t.Errorf("%s: members %v", dialect.remove, got)
		}
	}
	do(404, "PATCH", "/Groups/"+group, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"nobody"}]}]}`)
	do(204, "DELETE", "/Users/"+id, "")
	do(404, "GET", "/Users/"+id, "")
	do(404, "DELETE", "/Users/"+id, "")
}

func TestStrict(t *testing.T) {
	server := httptest.NewServer(tomorrotest.New(tomorrotest.Options{Knobs: tomorrotest.Knobs{ScimOnly: true}}))
	defer server.Close()
	if status, _ := ask(t, server.URL+"/scim/v2", "POST", "/Users", guide); status != 415 {
		t.Errorf("application/json: %d, want 415", status)
	}
	if status, _ := ask(t, server.URL+"/scim/v2", "GET", "//Users", ""); status != 404 {
		t.Errorf("//Users: %d, want 404", status)
	}
	if status, _ := ask(t, server.URL+"/scim/v2", "GET", "/Users?filter=title+co+%22x%22", ""); status != 400 {
		t.Errorf("an unsupported filter: %d, want 400", status)
	}
	resp, err := http.Get(server.URL + "/scim/v2/Users")
	if err != nil || resp.StatusCode != 401 {
		t.Errorf("without a token: %v %v", resp, err)
	}
	_ = resp.Body.Close()
}

// TestSubstitute: who is removed leaves what they own to the default substitute,
// who must exist and have at least their role.
func TestSubstitute(t *testing.T) {
	for role, want := range map[string]int{"manager": 403, "admin": 204} {
		sim := tomorrotest.New(tomorrotest.Options{Substitute: "sub@x.io", Knobs: tomorrotest.Knobs{NeedsSubstitute: true}})
		server := httptest.NewServer(sim)
		sim.AddUser(tomorrotest.User{UserName: "sub@x.io", UserType: role, Active: true})
		id := sim.AddUser(tomorrotest.User{UserName: "boss@x.io", UserType: "admin", Active: true})
		status, _ := ask(t, server.URL+"/scim/v2", "DELETE", "/Users/"+id, "")
		if transfers := sim.State().Transfers; status != want || (want == 204) != (len(transfers) == 1) {
			t.Errorf("a substitute who is %s: %d, transfers %v", role, status, transfers)
		}
		server.Close()
	}
}
