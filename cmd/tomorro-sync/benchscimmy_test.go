//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tomorro-sync/reconcile/reconciletest/nodetest"
)

// BenchmarkAgainstScimmy measures pushes through serve's listener, as BenchmarkListener
// does, against a Node SCIM server that takes the same PUTs: SCIMMY behind Express, with
// its accounts in memory, which has nothing to look up, to decide, to store or to pass on:
//
//	TOMORRO_SYNC_SCIMMY=... go test -tags integration ./cmd/tomorro-sync -run '^$' -bench AgainstScimmy -benchtime 1x
func BenchmarkAgainstScimmy(b *testing.B) {
	s := newStand(b, 2000)
	half := len(s.people) / 2
	s.listener = end{base: startServing(b, s.config).base, token: pushToken, first: half, people: half}
	node := end{base: nodetest.Scimmy(b), token: "secret", people: half}
	for _, p := range s.people[:half] {
		body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"userType":"user","name":{"givenName":%q,"familyName":%q},"active":true}`,
			p.Email, p.FirstName, p.LastName)
		resp, err := http.DefaultClient.Do(request(b, node, "/Users", body))
		if err != nil {
			b.Fatal(err)
		}
		var made struct{ ID string }
		if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.ID == "" {
			b.Fatal(resp.Status, err)
		}
		_ = resp.Body.Close()
		node.ids = append(node.ids, made.ID)
	}
	for b.Loop() {
		theirs, ours := s.flood(5_000, node, s.put), s.flood(20_000, s.listener, s.put)
		b.ReportMetric(theirs, "scimmy-push/s")
		b.ReportMetric(ours, "push/s")
		b.ReportMetric(ours/theirs, "times")
	}
}

func request(b *testing.B, to end, path, body string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, to.base+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+to.token)
	r.Header.Set("Content-Type", "application/scim+json")
	return r
}
