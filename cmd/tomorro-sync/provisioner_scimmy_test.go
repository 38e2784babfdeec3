//go:build integration

package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tomorro-sync/reconcile/reconciletest/nodetest"
	"tomorro-sync/sources/onelogin/onelogintest"
)

// startScimmy starts a SCIM server that nobody here wrote, with the two groups and Omar.
// Its token is "secret".
func startScimmy(t *testing.T, _ *onelogintest.Server) pushTarget {
	t.Helper()
	target := pushTarget{url: nodetest.Scimmy(t), token: "secret", scim: true}
	for _, name := range []string{"legal", "deals"} {
		scimmyCall(t, target.url, http.MethodPost, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`"}`, nil)
	}
	// SCIMMY's search minds the case of userName, which RFC 7643 section 8.7.1 says
	// it should not.
	scimmyCall(t, target.url, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"omar@example.com",`+
		`"userType":"viewer","name":{"givenName":"Omar","familyName":"Reyes"}}`, nil)
	target.state = func() map[string]string { return scimmyState(t, target.url) }
	return target
}

func scimmyCall(t *testing.T, base, method, path, body string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
}

func scimmyState(t *testing.T, base string) map[string]string {
	var users struct {
		Resources []struct {
			ID, UserName, UserType string
			Name                   struct{ GivenName, FamilyName string }
			Active                 *bool
		}
	}
	var groups struct {
		Resources []struct {
			DisplayName string
			Members     []struct{ Value string }
		}
	}
	scimmyCall(t, base, http.MethodGet, "/Users", "", &users)
	scimmyCall(t, base, http.MethodGet, "/Groups", "", &groups)
	in := make(map[string][]string)
	for _, g := range groups.Resources {
		for _, m := range g.Members {
			in[m.Value] = append(in[m.Value], g.DisplayName)
		}
	}
	lines := make(map[string]string)
	for _, u := range users.Resources {
		slices.Sort(in[u.ID])
		// It lists a member twice who was added twice, though RFC 7644 section 3.5.2.1
		// asks for no change then.
		groups := slices.Compact(in[u.ID])
		// SCIMMY stores what it is told: a user of whom nobody said active has none.
		lines[u.UserName] = userLine(u.UserType, u.Name.GivenName, u.Name.FamilyName, u.Active == nil || *u.Active, groups)
	}
	return lines
}

// TestOneLoginPushesToScimmy runs the same script against SCIMMY.
func TestOneLoginPushesToScimmy(t *testing.T) {
	text := refusal{"Attribute 'active' expected value type 'boolean'", "RFC 7643 section 4.1.1 has active as a boolean"}
	media := refusal{"Required attribute 'userName' is missing", "RFC 7644 section 3.1 names two media types: a body without one is not read"}
	old := refusal{"must exclusively specify schema as 'urn:ietf:params:scim:api:messages:2.0:PatchOp'", "RFC 7644 section 3.5.2 wants this schema: D3 is SCIM 1.1"}
	drive(t, startScimmy, map[string]refusal{
		"no content type": media, "no content type, trailing slash": media, "D3": old, "D3, scim+json": old,
		"active as text": text, "active in template": text, "active as text, deprovision suspend": text,
		"emails as object":    {"Attribute 'emails' expected to be a collection", "RFC 7643 section 4.1.2 has emails as a list"},
		"schemas 1.0":         {"a schema type that is incompatible", "RFC 7643 section 3 has the schema of 2.0"},
		"deprovision suspend": {"assign again: the target is not as it should be", "RFC 7644 section 3.5.1 lets a PUT without active clear it: she is back, as the administrator wants"},
		"each write twice":    {"group off: PATCH", "SCIMMY itself fails where the last member is taken out twice; nothing in the RFC asks for that"},
	})
}

// TestOneLoginPushesThroughUsToScimmy: with this program in between, nothing of that
// is refused any more.
func TestOneLoginPushesThroughUsToScimmy(t *testing.T) {
	drive(t, func(t *testing.T, sim *onelogintest.Server) pushTarget {
		return startListener(t, sim, startScimmy(t, sim))
	}, nil)
}
