package tomorro

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

// TestListsAreSorted: whatever order a service lists in, items are in order of their ids,
// each with what is its own.
func TestListsAreSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab1-")), 1, 3, -1), 0, 40).Draw(t, "ids")
		accounts := make([]reconcile.Account, len(ids))
		for i, id := range ids {
			accounts[i] = reconcile.Account{ID: id, UserName: "of " + id}
		}
		l := &lister[user, reconcile.Account]{kind: accountList(nil)}
		l.sort(accounts)
		slices.Sort(ids)
		for i, a := range accounts {
			if a.ID != ids[i] || a.UserName != "of "+a.ID {
				t.Fatalf("%v, want %v", accounts, ids)
			}
		}
	})
}

// TestAnswersWithoutEnd: an answer that is longer than may be is as long the next time. It is
// asked for once, of a list the error says what helps, and what it answers may be done.
func TestAnswersWithoutEnd(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4<<10)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL, Token: "t", Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c.http.GetClient().Transport.(*pace.Transport).Most = 16 << 10
	if _, err := c.ReadGroups(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than 16384 bytes; lower tomorro.page_size") || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	_, err = c.Write(t.Context(), reconcile.Write{Op: reconcile.WriteUpdateUser, Account: reconcile.Account{ID: "u"}})
	if !errors.Is(err, reconcile.ErrUncertain) || asked.Load() != 2 {
		t.Errorf("a write: %v, asked %d times", err, asked.Load()-1)
	}
}
