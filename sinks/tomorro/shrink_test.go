package tomorro_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestAListThatShrinks: accounts are deleted while the list of them is read, again and
// again. The ones behind them move up, and none is passed over.
func TestAListThatShrinks(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{PageCap: 20}, nil)
	ids := r.fill(t, 130, 0)
	var mu sync.Mutex
	begun, deleted := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		if q.URL.Path == "/scim/v2/Users" {
			start := q.URL.Query().Get("startIndex")
			if start == "1" {
				begun++
			}
			if start == "41" && deleted < 2 && deleted < begun {
				r.sim.RemoveUser(ids[deleted])
				deleted++
			}
		}
		mu.Unlock()
		r.sim.ServeHTTP(w, q)
	}))
	defer server.Close()
	client, err := tomorro.New(tomorro.Config{URL: server.URL + "/scim/v2", Token: "tomorro-token"})
	if err != nil {
		t.Fatal(err)
	}
	current, err := client.Read(t.Context())
	if err != nil || len(current.Accounts) != 128 || deleted != 2 {
		t.Fatalf("%d accounts, %v; %d were deleted meanwhile", len(current.Accounts), err, deleted)
	}
	seen := make(map[string]bool)
	for _, a := range current.Accounts {
		seen[a.ID] = true
	}
	for _, u := range r.sim.State().Users {
		if !seen[u.ID] {
			t.Errorf("%s was passed over", u.UserName)
		}
	}
}
