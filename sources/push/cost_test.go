package push_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tomorro-sync/reconcile"
	"tomorro-sync/sources/push"
	"tomorro-sync/sources/push/pushtest"
)

// TestLongAttributes: a client that names very many attributes is answered within the
// deadline. It took a minute of a processor for each 10,000 accounts.
func TestLongAttributes(t *testing.T) {
	accounts := make([]reconcile.Account, 3000)
	for i := range accounts {
		accounts[i] = reconcile.Account{ID: fmt.Sprint("u", i), UserName: fmt.Sprintf("u%d@x.io", i)}
	}
	var names strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&names, ",a%d.b", i)
	}
	l := listener(t, pushtest.New(accounts, nil), nil)
	began := time.Now()
	w := do(l, "GET", "/scim/v2/Users?attributes=userName"+names.String(), "")
	if took := time.Since(began); w.Code != 200 || took > 8*time.Second || !strings.Contains(w.Body.String(), "u2999@x.io") {
		t.Errorf("%d after %s", w.Code, took)
	}
}

// TestListsAtOnce: each list of everybody reads all of Tomorro and is in memory as a whole,
// so that few are made at once, whatever the rate of a token. Others wait, no longer than
// their deadline; questions about one person do not.
func TestListsAtOnce(t *testing.T) {
	f := world()
	var now, most atomic.Int64
	let := make(chan struct{})
	f.Before = func(ctx context.Context, what string) error {
		if what != "users" && what != "groups" {
			return nil
		}
		defer now.Add(-1)
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		select {
		case <-let:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	l := listener(t, f, func(o *push.Options) { o.Deadline = 300 * time.Millisecond })
	codes := make(chan int)
	for i := range 12 {
		go func() { codes <- do(l, "GET", []string{"/scim/v2/Users", "/scim/v2/Groups"}[i%2], "").Code }()
	}
	if w := do(l, "GET", `/scim/v2/Users?filter=userName%20eq%20"omar@example.com"`, ""); w.Code != 200 {
		t.Errorf("who asks for one person: %d", w.Code)
	}
	for range 12 {
		if code := <-codes; code != 503 {
			t.Errorf("a list that cannot be read in time: %d", code)
		}
	}
	if n := most.Load(); n < 1 || n > 4 {
		t.Errorf("%d lists at once", n)
	}
	close(let)
	for range 6 {
		for _, path := range []string{"/scim/v2/Users", "/scim/v2/Groups"} {
			if w := do(l, "GET", path, ""); w.Code != 200 {
				t.Errorf("%s afterwards: %d", path, w.Code)
			}
		}
	}
}
