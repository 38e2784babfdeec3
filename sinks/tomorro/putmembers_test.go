package tomorro_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/reconciletest/flaky"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sinks/tomorro/tomorrotest"
)

// TestPutKeepsTheOthers: a PUT replaces all members, also those whom the group's own page
// does not show.
func TestPutKeepsTheOthers(t *testing.T) {
	for _, shown := range []string{tomorrotest.MembersShown, tomorrotest.MembersByID, tomorrotest.MembersNonEmpty, tomorrotest.MembersByUser} {
		r := newRig(t, tomorrotest.Knobs{Members: shown}, func(c *tomorro.Config) { c.MemberRemoval = tomorro.RemoveByPut })
		ids := r.fill(t, 6, 1) // 0, 2, 4
		r.sim.AddGroup("empty")
		groups := r.check(t).Groups
		for _, g := range groups {
			w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: g.ID, Group: g.Name, Add: []string{ids[1]}, Remove: []string{ids[2]}}
			if _, err := r.client.Write(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range r.sim.State().Groups {
			want := map[string][]string{"g0": {"p0@x.io", "p1@x.io", "p4@x.io"}, "empty": {"p1@x.io"}}[g.DisplayName]
			if !slices.Equal(g.Members, want) {
				t.Errorf("members shown %q: %s has %v, want %v", shown, g.DisplayName, g.Members, want)
			}
		}
		r.flaky.Add(flaky.Fault{Method: "GET", Path: "/scim/v2/Groups/*", Kind: flaky.KindEmpty, Body: `{"message":"hello"}`})
		before := len(r.sim.Writes())
		if _, err := r.client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteMembers, GroupID: groups[0].ID, Group: "x", Add: ids[:1]}); err == nil || len(r.sim.Writes()) != before {
			t.Errorf("members shown %q: %v, and something was written from an answer that is no group", shown, err)
		}
	}
}

// TestPutKeepsGroupsInIt: groups can be members of a group; they are nobody's account and
// stay, in whatever case that is said. So do the group's name, whatever it was before, and its mark.
func TestPutKeepsGroupsInIt(t *testing.T) {
	var put struct {
		DisplayName, ExternalID string
		Members                 []struct{ Value, Type string }
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			if err := json.Unmarshal(body, &put); err != nil {
				t.Error(err)
			}
		}
		_, _ = io.WriteString(w, `{"id":"g","displayName":"G","externalId":"mark","members":[{"value":"sub","type":"Group"},{"value":"low","type":"group"},{"value":"a","type":"User"},{"value":"b"}]}`)
	}))
	defer server.Close()
	client, err := tomorro.New(tomorro.Config{URL: server.URL, Token: "x", MemberRemoval: tomorro.RemoveByPut})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write(t.Context(), reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "former name", Add: []string{"c"}, Remove: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range put.Members {
		got = append(got, m.Value+" "+m.Type)
	}
	slices.Sort(got)
	if want := []string{"a ", "c ", "low group", "sub Group"}; !slices.Equal(got, want) {
		t.Errorf("%q were sent, want %q", got, want)
	}
	if put.DisplayName != "G" || put.ExternalID != "mark" {
		t.Errorf("the group is named %q and marked %q", put.DisplayName, put.ExternalID)
	}
}

// TestPutSaysThatNobodyIsLeft: who is the last in a group is taken out by a list that is
// empty, and not by none: that may say nothing of members.
func TestPutSaysThatNobodyIsLeft(t *testing.T) {
	put := ""
	client := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			put = string(body)
		}
		_, _ = io.WriteString(w, `{"id":"g","displayName":"G","members":[{"value":"a"}]}`)
	}, -1, func(c *tomorro.Config) { c.MemberRemoval = tomorro.RemoveByPut })
	w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: "g", Group: "G", Remove: []string{"a"}}
	if _, err := client.Write(t.Context(), w); err != nil || !strings.Contains(put, `"members":[]`) {
		t.Errorf("%v, sent %s", err, put)
	}
}

// TestPutsOfOneGroup: several who change one group at once, as pushes do, lose nothing of
// what the others wrote.
func TestPutsOfOneGroup(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, func(c *tomorro.Config) { c.MemberRemoval = tomorro.RemoveByPut })
	ids := r.fill(t, 6, 0)
	r.sim.AddGroup("g")
	group := r.check(t).Groups[0]
	r.flaky.Latency = 10 * time.Millisecond
	var writes []reconcile.Write
	for _, id := range ids {
		writes = append(writes, reconcile.Write{Op: reconcile.WriteMembers, GroupID: group.ID, Group: group.Name, Add: []string{id}})
	}
	r.all(t.Context(), writes)
	if got := r.sim.State().Groups[0].Members; len(got) != len(ids) {
		t.Errorf("%v are in the group, of %d who were added", got, len(ids))
	}
}

// TestPutWaitsNoLonger: one change of a group waits as long as Tomorro asks; another one of
// it, a push for example, has less time.
func TestPutWaitsNoLonger(t *testing.T) {
	r := newRig(t, tomorrotest.Knobs{}, func(c *tomorro.Config) { c.MemberRemoval, c.MaxWait = tomorro.RemoveByPut, time.Minute })
	ids := r.fill(t, 4, 1)
	group := r.check(t).Groups[0]
	r.flaky.Add(flaky.Fault{Method: "GET", Path: "/scim/v2/Groups/*", Kind: flaky.KindStatus, Status: 429, Header: map[string]string{"Retry-After": "30"}, Times: 1})
	w := reconcile.Write{Op: reconcile.WriteMembers, GroupID: group.ID, Group: group.Name, Add: ids[1:2]}
	patient, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _, _ = r.client.Write(patient, w); close(ended) }()
	for r.client.Stats().Throttled == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	answered := make(chan error, 1)
	go func() { _, err := r.client.Write(ctx, w); answered <- err }()
	select {
	case err := <-answered:
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, reconcile.ErrUncertain) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the other one")
	}
	stop()
	<-ended
}
