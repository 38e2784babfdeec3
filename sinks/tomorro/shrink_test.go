package tomorro_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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

// TestMembersOfAListReadAgain: where accounts say which groups they are in, and are read
// again, what they said before does not count.
func TestMembersOfAListReadAgain(t *testing.T) {
	asked := 0
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		says := `{"totalResults":1,"Resources":[{"id":"g","displayName":"G"}]}`
		if r.URL.Path == "/Users" {
			says = `{"totalResults":2,"Resources":[{"id":"u","groups":[{"value":"g"}]},{"id":"v"}]}`
			if asked++; asked == 1 { // more than it announces
				says = `{"totalResults":1,"Resources":[{"id":"u","groups":[{"value":"g"}]},{"id":"v","groups":[{"value":"g"}]}]}`
			}
		}
		_, _ = io.WriteString(w, says)
	}, -1)
	got, err := c.Read(t.Context())
	if err != nil || len(got.Groups) != 1 || !slices.Equal(got.Groups[0].Members, []string{"u"}) {
		t.Errorf("%+v, %v", got.Groups, err)
	}
}
