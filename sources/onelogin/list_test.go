package onelogin

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
)

// TestLawShelf: whatever sizes the pages have, and in whatever order they come, nothing
// is lost; and pages as large as the first one stay in order.
func TestLawShelf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 8).Draw(t, "sizes")
		var pages [][]int
		var want []int
		for _, size := range sizes {
			var page []int
			for range size {
				page = append(page, len(want))
				want = append(want, len(want))
			}
			pages = append(pages, page)
		}
		s := newShelf(pages[0], len(pages))
		for _, i := range rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := 1; i < len(pages) && yield(i); i++ {
			}
		})).Draw(t, "order") {
			s.put(i, pages[i])
		}
		got := s.all()
		if slices.Max(sizes) <= sizes[0] && !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v in any order", got, want)
		}
	})
}

// TestAnswersWithoutEnd: an answer that is longer than may be is as long the next time, and
// is asked for once.
func TestAnswersWithoutEnd(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4<<10)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL, ClientID: "i", ClientSecret: "s", AppID: 1, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c.http.GetClient().Transport.(*pace.Transport).Most = 16 << 10
	if err := c.SignIn(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than 16384 bytes") || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// TestOneWhoWasMissed: a single person who has the app and is not among the users is missed,
// also where the one with the largest id has it; who came after that one is not.
func TestOneWhoWasMissed(t *testing.T) {
	for missed, has := range map[bool][]reconcile.Key{true: {2, 1, 3}, false: {2, 3, 4}} {
		p := &pull{hasApp: make(map[reconcile.Key]bool), d: reconcile.Directory{People: []reconcile.Person{{Key: 2}, {Key: 3}}}}
		for _, key := range has {
			p.hasApp[key] = true
		}
		p.assign(p.newest())
		if why := p.receipts[ofAssigned].Why; (why != "") != missed || !p.d.People[0].Assigned || !p.d.People[1].Assigned {
			t.Errorf("%v have the app: %q, %+v", has, why, p.d.People)
		}
	}
}

// TestOneLotIncomplete: what is wrong with one lot of people is wrong with all that were
// asked for: whoever is missing is not gone.
func TestOneLotIncomplete(t *testing.T) {
	for _, broken := range []string{"1", "2", "3"} {
		a := lotwise(1, [][]reconcile.Key{{1}, {2}, {3}}, "users", func(k *reconcile.Key) reconcile.Key { return *k }, func(ids string) (a answer[reconcile.Key]) {
			if ids == broken {
				a.receipt.Why = "broken"
			}
			return a
		})
		if a.receipt.Why != "broken" {
			t.Errorf("lot %s: %+v", broken, a.receipt)
		}
	}
}
