package onelogin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-resty/resty/v2"
	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// mostPages ends walks that a server keeps going for ever.
const mostPages = 100_000

// list reads one v2 list of Ts.
type list[T any] struct {
	c         *Client
	name      string // as in the receipt
	path      string
	query     url.Values // filters and fields; sent with every page
	limit     int
	privilege string // that the call needs
	decode    func(body []byte) ([]T, error)
	id        func(*T) int64
	silent    bool // Config.OnPage is not told
	few       bool // all fit on one page, so that a page without the headers of a list will do
	// grows says that people come into the list all the time. It is then read page by
	// page when it does not add up: whoever comes moves others to a later page, so that
	// some come twice and nobody is missed.
	grows bool
	// after, when not nil, is asked with page 1 whether the others are read.
	after func(first head, items int) error
	pages atomic.Int64
}

// head is what the headers of a page say; -1 where they say nothing.
type head struct {
	current, items, totalPages, totalCount int
	after                                  string
}

func headOf(h http.Header) head {
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
		if err != nil || n < 0 {
			return -1
		}
		return n
	}
	return head{number("Current-Page"), number("Page-Items"), number("Total-Pages"), number("Total-Count"), strings.TrimSpace(h.Get("After-Cursor"))}
}

// silent reports whether the page has none of the headers of a list: it may be the whole
// list or page 1 of a longer one. The last page of a list lacks only After-Cursor.
func (h head) silent() bool {
	return h.current < 0 && h.items < 0 && h.totalPages < 0 && h.totalCount < 0 && h.after == ""
}

// more reports whether there are further pages.
func (h head) more() bool { return h.totalPages > 1 || h.after != "" }

// errInconsistent marks a list that does not add up and may do so when it is
// read again: people come and go while pages are read by offset.
var errInconsistent = errors.New("the list changed while it was read")

// read reads the whole list. Whatever goes wrong is in the receipt and in err;
// what was read so far is returned with it.
func (l *list[T]) read(ctx context.Context) ([]T, reconcile.ListReceipt, error) {
	all, total, err := l.once(ctx, false)
	if errors.Is(err, errInconsistent) {
		all, total, err = l.once(ctx, l.grows)
	}
	r := reconcile.ListReceipt{List: l.name, Pages: int(l.pages.Load()), Items: len(all), Total: total}
	if err != nil {
		r.Why = err.Error()
	}
	return all, r, err
}

func (l *list[T]) once(ctx context.Context, growing bool) (all []T, total int, err error) {
	l.pages.Store(0)
	items, first, err := l.page(ctx, url.Values{"limit": {strconv.Itoa(l.limit)}, "page": {"1"}}, "page 1")
	if err != nil {
		return nil, -1, err
	}
	if l.after != nil {
		if err := l.after(first, len(items)); err != nil {
			return nil, first.totalCount, err
		}
	}
	all = items
	switch {
	case first.totalPages >= 0 && !growing:
		all, err = l.numbered(ctx, items, first)
	case first.after != "":
		all, err = l.cursors(ctx, items, first, growing)
	}
	unique := l.unique(all)
	switch {
	case err != nil:
	case !l.few && first.silent():
		err = errors.New("page 1: OneLogin does not say how many there are: the answer has none of the headers of a list")
	case growing && unique >= first.totalCount:
	case unique != len(all):
		err = fmt.Errorf("%w: %d of %d items came twice", errInconsistent, len(all)-unique, len(all))
	case first.totalCount >= 0 && len(all) != first.totalCount:
		err = fmt.Errorf("%w: OneLogin announces %d and gives %d", errInconsistent, first.totalCount, len(all))
	}
	return l.distinct(all, unique), first.totalCount, err
}

// page asks for one page and checks that it is one.
func (l *list[T]) page(ctx context.Context, at url.Values, which string) ([]T, head, error) {
	query := maps.Clone(l.query)
	if query == nil {
		query = url.Values{}
	}
	maps.Copy(query, at)
	r, err := l.c.get(ctx, l.path, query)
	if err != nil {
		return nil, head{}, fmt.Errorf("%s: %w", which, err)
	}
	if r.StatusCode() != http.StatusOK {
		return nil, head{}, refusal(which, l.privilege, r)
	}
	items, err := decodeOK(r, l.decode)
	if err != nil {
		return nil, head{}, fmt.Errorf("%s: %w", which, err)
	}
	h := headOf(r.Header())
	if h.items >= 0 && h.items != len(items) {
		return nil, head{}, fmt.Errorf("%s: %w: it says %d items and has %d", which, errInconsistent, h.items, len(items))
	}
	l.pages.Add(1)
	return items, h, nil
}

// decodeOK decodes a 200. A login page answers 200 as well, and null must not be taken for
// an empty list.
func decodeOK[T any](r *resty.Response, decode func([]byte) (T, error)) (T, error) {
	var none T
	if kind := r.Header().Get("Content-Type"); strings.Contains(kind, "html") {
		return none, fmt.Errorf("the answer is a web page, not data; check onelogin.url")
	}
	if string(bytes.TrimSpace(r.Body())) == "null" {
		return none, errors.New("the answer says nothing")
	}
	items, err := decode(r.Body())
	if err != nil {
		return none, fmt.Errorf("the answer cannot be read: %w", err)
	}
	return items, nil
}

// numbered asks for pages 2 to the last in parallel. After a failure no further
// page is begun.
func (l *list[T]) numbered(ctx context.Context, items []T, first head) ([]T, error) {
	n := min(max(first.totalPages, 1), mostPages)
	pages := newShelf(items, n)
	var done atomic.Int64
	done.Store(int64(len(items)))
	l.progress(len(items), first.totalCount)
	var failed atomic.Bool
	var mu sync.Mutex
	var why error
	p := pool.New().WithMaxGoroutines(l.c.cfg.Concurrency)
	for i := 1; i < n; i++ {
		p.Go(func() {
			if failed.Load() || ctx.Err() != nil {
				return
			}
			which := fmt.Sprintf("page %d of %d", i+1, n)
			got, h, err := l.page(ctx, url.Values{"limit": {strconv.Itoa(l.limit)}, "page": {strconv.Itoa(i + 1)}}, which)
			if err == nil && (h.totalCount != first.totalCount || h.totalPages != first.totalPages || h.current >= 0 && h.current != i+1) {
				err = fmt.Errorf("%s: %w: the total was %d and is %d", which, errInconsistent, first.totalCount, h.totalCount)
			}
			if err != nil {
				failed.Store(true)
				mu.Lock()
				if why == nil {
					why = err
				}
				mu.Unlock()
				return
			}
			pages.put(i, got)
			l.progress(int(done.Add(int64(len(got)))), first.totalCount)
		})
	}
	p.Wait()
	if ctx.Err() != nil {
		why = context.Cause(ctx)
	}
	return pages.all(), why
}

// shelf keeps the pages of a list where they belong in it: no page is kept beside the
// list, and pages arrive in any order.
type shelf[T any] struct {
	items []T // a room of size for each page
	size  int
	held  []int // how many items each page has
	more  [][]T // what a page has beyond its room
}

func newShelf[T any](first []T, pages int) *shelf[T] {
	s := &shelf[T]{items: make([]T, pages*len(first)), size: len(first), held: make([]int, pages), more: make([][]T, pages)}
	s.put(0, first)
	return s
}

// put may be called by several goroutines, each for pages of its own.
func (s *shelf[T]) put(page int, items []T) {
	s.held[page] = copy(s.items[page*s.size:(page+1)*s.size], items)
	if rest := items[s.held[page]:]; len(rest) > 0 {
		s.more[page] = rest
	}
}

// all closes the gaps. The shelf is used up.
func (s *shelf[T]) all() []T {
	out := s.items[:0]
	for page, n := range s.held {
		out = append(out, s.items[page*s.size:page*s.size+n]...)
	}
	for _, rest := range s.more {
		out = append(out, rest...)
	}
	return out
}

// cursors follows After-Cursor from page to page. Filters are sent again; limit
// and page never, as OneLogin refuses them beside a cursor.
func (l *list[T]) cursors(ctx context.Context, items []T, h head, growing bool) ([]T, error) {
	all, seen := items, map[string]bool{}
	total := h.totalCount
	for h.after != "" {
		which := fmt.Sprintf("page %d", len(seen)+2)
		if seen[h.after] || len(seen)+1 >= mostPages {
			return all, fmt.Errorf("%s: OneLogin gives the same cursor again; ask its support", which)
		}
		seen[h.after] = true
		var err error
		if items, h, err = l.page(ctx, url.Values{"cursor": {h.after}}, which); err != nil {
			return all, err
		}
		if total >= 0 && h.totalCount >= 0 && h.totalCount != total && (!growing || h.totalCount < total) {
			return all, fmt.Errorf("%s: %w: the total was %d and is %d", which, errInconsistent, total, h.totalCount)
		}
		switch {
		case len(items) == 0 && h.after != "" && total < 0:
			return all, fmt.Errorf("%s: nothing is on it, and OneLogin says neither that it is the last one nor how many there are", which)
		case len(items) == 0:
			return all, nil // the total tells whether that was all
		}
		all = append(all, items...)
		l.progress(len(all), total)
	}
	return all, nil
}

// unique counts the different ids. It is quick where they are sorted, as OneLogin's are.
func (l *list[T]) unique(all []T) int {
	sorted := 1
	for sorted < len(all) && l.id(&all[sorted-1]) < l.id(&all[sorted]) {
		sorted++
	}
	if sorted >= len(all) {
		return len(all)
	}
	ids := make(map[int64]struct{}, len(all))
	for i := range all {
		ids[l.id(&all[i])] = struct{}{}
	}
	return len(ids)
}

// distinct keeps the first of each id.
func (l *list[T]) distinct(all []T, unique int) []T {
	if unique == len(all) {
		return all
	}
	seen := make(map[int64]bool, unique)
	out := make([]T, 0, unique)
	for i := range all {
		if id := l.id(&all[i]); !seen[id] {
			seen[id] = true
			out = append(out, all[i])
		}
	}
	return out
}

func (l *list[T]) progress(done, total int) {
	if l.c.cfg.OnPage != nil && !l.silent {
		l.c.cfg.OnPage(l.name, done, max(done, total))
	}
}
