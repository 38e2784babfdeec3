package tomorro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/pace"
	"tomorro-sync/reconcile/scim"
)

// page is one answer of a list.
type page[T any] struct {
	Total     *int `json:"totalResults"`
	Resources []T  `json:"Resources"`
	Schemas   []string
}

// errMoved says that a list did not add up, and may do so when it is read again.
var errMoved = errors.New("the list changed while it was read")

// kind is one of the two lists, and what its items become.
type kind[W, T any] struct {
	name, path string
	query      url.Values // is sent with every page
	id         func(*T) string
	bare       func(*W) bool // it lacks what was asked for; nil: nothing was asked for
	atOnce     int           // how many pages are asked for at once at most; 0 is as many as the service may be
}

// mostAgain is how often a list that moves is read again.
const mostAgain = 4

// list reads a whole list, sorted by id: its pages in parallel, and, should that not
// add up, again from page to page. Each W is made a T as it comes, so that no page
// is kept; collect is called when reading begins, and again when it begins anew.
func list[W, T any](ctx context.Context, c *Client, k kind[W, T], collect func() func(*W) T) ([]T, reconcile.ListReceipt, error) {
	l := &lister[W, T]{kind: k, c: c, convert: collect()}
	all, err := l.parallel(ctx)
	for again := 0; again < mostAgain && errors.Is(err, errMoved); again++ {
		l.pages.Store(0)
		l.convert = collect()
		all, err = l.sequential(ctx)
	}
	receipt := reconcile.ListReceipt{List: "tomorro " + k.name, Pages: int(l.pages.Load()), Items: len(all), Total: len(all)}
	return all, receipt, err
}

type lister[W, T any] struct {
	kind[W, T]
	c       *Client
	convert func(*W) T
	pages   atomic.Int64
	first   int // bytes of page 1
}

// sort sorts items by id in their place: their order is found first, since they are large.
func (l *lister[W, T]) sort(items []T) {
	order := make([]int32, len(items))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(l.id(&items[a]), l.id(&items[b])) })
	for i := range order {
		from := int(order[i])
		for from < i { // it was moved when that place was filled
			from = int(order[from])
		}
		items[i], items[from] = items[from], items[i]
	}
}

// mostBytes bounds the pages that are taken in at the same time: whatever is read at once
// is in memory at once.
const mostBytes = 64 << 20

// page reads one page. total is nil where the answer says none.
func (l *lister[W, T]) page(ctx context.Context, start int) (items []T, total *int, err error) {
	what := fmt.Sprintf("read %s from Tomorro, from number %d", l.name, start)
	query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(l.c.cfg.PageSize)}}
	maps.Copy(query, l.query)
	r, err := l.c.send(ctx, http.MethodGet, l.path, query, nil)
	if err != nil {
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			return nil, nil, fmt.Errorf("%s: %w; check tomorro.url", what, err)
		}
		if pace.IsLong(err) {
			return nil, nil, fmt.Errorf("%s: %w; lower tomorro.page_size", what, err)
		}
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	switch {
	case r.StatusCode() == http.StatusForbidden:
		return nil, nil, fmt.Errorf("%w: %w; check tomorro.token", refusal(what, r), reconcile.ErrRefused)
	case r.StatusCode() == http.StatusBadRequest && l.bare != nil:
		return nil, nil, fmt.Errorf("%w: %w", refusal(what, r), errBare)
	case r.StatusCode() != http.StatusOK:
		return nil, nil, refusal(what, r)
	}
	var p page[W]
	if err := json.Unmarshal(r.Body(), &p); err != nil {
		if odd := l.odd(r.Body(), start); odd != "" {
			return nil, nil, fmt.Errorf("%s: %s is not as SCIM has it (%w); mend it at Tomorro, or ask its support", what, odd, err)
		}
		return nil, nil, fmt.Errorf("%s: the answer is not SCIM (%w); check tomorro.url", what, err)
	}
	if p.Total == nil && p.Resources == nil && !slices.Contains(p.Schemas, scim.SchemaList) {
		return nil, nil, fmt.Errorf("%s: the answer is no SCIM list; check tomorro.url", what)
	}
	items = make([]T, len(p.Resources))
	for i := range p.Resources {
		if l.bare != nil && l.bare(&p.Resources[i]) {
			return nil, nil, fmt.Errorf("%s: %w", what, errBare)
		}
		if items[i] = l.convert(&p.Resources[i]); l.id(&items[i]) == "" {
			return nil, nil, fmt.Errorf("%s: number %d has no id", what, start+i)
		}
	}
	if l.pages.Add(1); start == 1 {
		l.first = len(r.Body())
	}
	return items, p.Total, nil
}

// odd names the first item that cannot be read of a page of which others can: none is left
// out, since who is not listed would be made again.
func (l *lister[W, T]) odd(body []byte, start int) string {
	var raw page[jsontext.Value]
	if json.Unmarshal(body, &raw) != nil {
		return ""
	}
	odd, good := "", false
	for i, item := range raw.Resources {
		if json.Unmarshal(item, new(W)) == nil {
			good = true
			continue
		}
		var named struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(item, &named) // else the number has to do
		odd = cmp.Or(odd, fmt.Sprintf("number %d, id %q,", start+i, named.ID))
	}
	if !good {
		return ""
	}
	return odd
}

// mostItems is more than any organisation has: a total that is wrong must not take all
// memory.
const mostItems = 10_000_000

// parallel asks for the other pages at once, as large as page 1 really was.
func (l *lister[W, T]) parallel(ctx context.Context) ([]T, error) {
	first, announced, err := l.page(ctx, 1)
	if err != nil {
		return nil, err
	}
	size := len(first)
	if announced == nil || size == 0 && *announced > 0 || size > *announced || *announced > mostItems {
		return nil, errMoved // nothing to count by
	}
	total := *announced
	l.progress(size, total)
	all := make([]T, total)
	copy(all, first)
	var done atomic.Int64
	done.Store(int64(size))
	p := pool.New().WithMaxGoroutines(l.most()).WithContext(ctx).WithCancelOnError().WithFirstError()
	for at := size; at < total; at += size {
		p.Go(func(ctx context.Context) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			next, announced, err := l.page(ctx, 1+at)
			if err != nil {
				return err
			}
			if announced == nil || *announced != total || len(next) != min(size, total-at) {
				return errMoved
			}
			copy(all[at:], next)
			l.progress(int(done.Add(int64(len(next)))), total)
			return nil
		})
	}
	if err := p.Wait(); err != nil {
		return nil, err
	}
	return l.unique(all)
}

// most is how many of the other pages are asked for at once.
func (l *lister[W, T]) most() int {
	most := min(l.c.cfg.Concurrency, mostBytes/max(1, l.first))
	if l.atOnce > 0 {
		most = min(most, l.atOnce)
	}
	return max(1, most)
}

// unique sorts what was read and checks that nothing came twice.
func (l *lister[W, T]) unique(all []T) ([]T, error) {
	l.sort(all)
	for i := 1; i < len(all); i++ {
		if l.id(&all[i-1]) == l.id(&all[i]) {
			return nil, errMoved
		}
	}
	return all, nil
}

// sequential walks from page to page until nothing new comes: past its end, a
// service may answer an empty page or page 1 again. When the list becomes shorter
// meanwhile, what is behind moves up, and somebody is passed over between two pages.
func (l *lister[W, T]) sequential(ctx context.Context) ([]T, error) {
	var all []T
	seen := make(map[string]bool)
	total := -1
	for {
		items, announced, err := l.page(ctx, len(all)+1)
		if err != nil {
			return nil, err
		}
		if announced != nil && *announced < total {
			return nil, fmt.Errorf("read %s from Tomorro: %w; run again", l.name, errMoved)
		}
		fresh := 0
		for i := range items {
			if id := l.id(&items[i]); !seen[id] {
				seen[id] = true
				all = append(all, items[i])
				fresh++
			}
		}
		if announced != nil {
			total = *announced
		}
		l.progress(len(all), max(total, len(all)))
		if fresh == 0 || len(all) == total {
			break
		}
	}
	if total >= 0 && len(all) != total {
		return nil, fmt.Errorf("read %s from Tomorro: it announces %d and gives %d; run again, and ask Tomorro if it stays so", l.name, total, len(all))
	}
	l.sort(all)
	return all, nil
}

func (l *lister[W, T]) progress(done, total int) {
	if l.c.cfg.OnPage != nil {
		l.c.cfg.OnPage(l.name, done, total)
	}
}
