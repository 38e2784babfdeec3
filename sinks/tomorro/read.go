package tomorro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/scim"
)

// user and group are the slim forms that lists are decoded into.
type user struct {
	ID         string        `json:"id"`
	ExternalID string        `json:"externalId"`
	UserName   string        `json:"userName"`
	UserType   string        `json:"userType"`
	Name       scim.Name     `json:"name"`
	Active     *scim.Bool    `json:"active"`
	Groups     []scim.Member `json:"groups"`
}

type group struct {
	ID         string        `json:"id"`
	ExternalID string        `json:"externalId"`
	Name       string        `json:"displayName"`
	Members    []scim.Member `json:"members"`
}

func (u *user) account() reconcile.Account {
	return reconcile.Account{
		ID: u.ID, ExternalID: u.ExternalID, UserName: u.UserName, UserType: reconcile.UserType(u.UserType),
		GivenName: u.Name.GivenName, FamilyName: u.Name.FamilyName,
		Active: u.Active == nil || bool(*u.Active), // who says nothing of it, has access
	}
}

// Read reads all accounts and groups. There is no partial answer: the error says
// which list, which page and why.
func (c *Client) Read(ctx context.Context) (reconcile.Current, error) {
	var users []user
	var groups []group
	var receipts [2]reconcile.ListReceipt
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	p.Go(func(ctx context.Context) (err error) {
		users, receipts[0], err = list(ctx, c, "users", "/Users", func(u *user) string { return u.ID })
		return err
	})
	p.Go(func(ctx context.Context) (err error) {
		groups, receipts[1], err = list(ctx, c, "groups", "/Groups", func(g *group) string { return g.ID })
		return err
	})
	if err := p.Wait(); err != nil {
		return reconcile.Current{}, err
	}
	current := reconcile.Current{Accounts: make([]reconcile.Account, len(users)), Lists: receipts[:]}
	for i := range users {
		current.Accounts[i] = users[i].account()
	}
	known, err := c.members(ctx, groups, users)
	if err != nil {
		return reconcile.Current{}, err
	}
	current.MembersUnknown = !known
	for i := range groups {
		current.Groups = append(current.Groups, groups[i].group())
	}
	slices.SortFunc(current.Accounts, func(a, b reconcile.Account) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(current.Groups, func(a, b reconcile.Group) int { return strings.Compare(a.ID, b.ID) })
	return current, nil
}

func (g *group) group() reconcile.Group {
	out := reconcile.Group{ID: g.ID, Name: g.Name, Ours: g.ExternalID == reconcile.GroupExternalID}
	for _, m := range g.Members {
		if m.Value != "" && m.Type != "Group" { // a nested group is nobody's account
			out.Members = append(out.Members, m.Value)
		}
	}
	slices.Sort(out.Members)
	out.Members = slices.Compact(out.Members)
	return out
}

// page is one answer of a list.
type page[T any] struct {
	Total     *int `json:"totalResults"`
	Resources []T  `json:"Resources"`
	Schemas   []string
}

// errMoved says that a list did not add up, and may do so when it is read again.
var errMoved = errors.New("the list changed while it was read")

// list reads a whole list: its pages in parallel, and, should that not add up,
// once more from page to page.
func list[T any](ctx context.Context, c *Client, name, path string, id func(*T) string) ([]T, reconcile.ListReceipt, error) {
	l := &lister[T]{c: c, name: name, path: path, id: id}
	all, err := l.parallel(ctx)
	if errors.Is(err, errMoved) {
		l.pages.Store(0)
		all, err = l.sequential(ctx)
	}
	receipt := reconcile.ListReceipt{List: "tomorro " + name, Pages: int(l.pages.Load()), Items: len(all), Total: len(all)}
	return all, receipt, err
}

type lister[T any] struct {
	c     *Client
	name  string
	path  string
	id    func(*T) string
	pages atomic.Int64
}

func (l *lister[T]) page(ctx context.Context, start int) (page[T], error) {
	var p page[T]
	what := fmt.Sprintf("read %s from Tomorro, from number %d", l.name, start)
	query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(l.c.cfg.PageSize)}}
	r, err := l.c.send(ctx, http.MethodGet, l.path, query, nil)
	if err != nil {
		return p, fmt.Errorf("%s: %w", what, err)
	}
	switch {
	case r.StatusCode() == http.StatusForbidden:
		return p, fmt.Errorf("%w: %w; check tomorro.token", refusal(what, r), reconcile.ErrRefused)
	case r.StatusCode() != http.StatusOK:
		return p, refusal(what, r)
	}
	if err := json.Unmarshal(r.Body(), &p); err != nil {
		return p, fmt.Errorf("%s: the answer is not SCIM (%w); check tomorro.url", what, err)
	}
	if p.Total == nil && p.Resources == nil && !slices.Contains(p.Schemas, scim.SchemaList) {
		return p, fmt.Errorf("%s: the answer is no SCIM list; check tomorro.url", what)
	}
	for i := range p.Resources {
		if l.id(&p.Resources[i]) == "" {
			return p, fmt.Errorf("%s: number %d has no id", what, start+i)
		}
	}
	l.pages.Add(1)
	return p, nil
}

// parallel asks for the other pages at once, as large as page 1 really was.
func (l *lister[T]) parallel(ctx context.Context) ([]T, error) {
	first, err := l.page(ctx, 1)
	if err != nil {
		return nil, err
	}
	size := len(first.Resources)
	if first.Total == nil || size == 0 && *first.Total > 0 {
		return nil, errMoved // nothing to count by
	}
	total := *first.Total
	l.progress(size, total)
	if size >= total {
		return l.whole([][]T{first.Resources}, total)
	}
	pages := make([][]T, (total+size-1)/size)
	pages[0] = first.Resources
	var done atomic.Int64
	done.Store(int64(size))
	p := pool.New().WithMaxGoroutines(l.c.cfg.Concurrency).WithContext(ctx).WithCancelOnError().WithFirstError()
	for i := 1; i < len(pages); i++ {
		p.Go(func(ctx context.Context) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			next, err := l.page(ctx, 1+i*size)
			if err != nil {
				return err
			}
			if next.Total == nil || *next.Total != total {
				return errMoved
			}
			pages[i] = next.Resources
			l.progress(int(done.Add(int64(len(next.Resources)))), total)
			return nil
		})
	}
	if err := p.Wait(); err != nil {
		return nil, err
	}
	return l.whole(pages, total)
}

// whole joins pages and checks that they are the list: unique, and as many as announced.
func (l *lister[T]) whole(pages [][]T, total int) ([]T, error) {
	all := make([]T, 0, total)
	seen := make(map[string]bool, total)
	for _, p := range pages {
		for i := range p {
			if id := l.id(&p[i]); seen[id] {
				return nil, errMoved
			} else {
				seen[id] = true
			}
		}
		all = append(all, p...)
	}
	if len(all) != total {
		return nil, errMoved
	}
	return all, nil
}

// sequential walks from page to page until nothing new comes: past its end, a
// service may answer an empty page or page 1 again.
func (l *lister[T]) sequential(ctx context.Context) ([]T, error) {
	var all []T
	seen := make(map[string]bool)
	total := -1
	for {
		p, err := l.page(ctx, len(all)+1)
		if err != nil {
			return nil, err
		}
		fresh := 0
		for i := range p.Resources {
			if id := l.id(&p.Resources[i]); !seen[id] {
				seen[id] = true
				all = append(all, p.Resources[i])
				fresh++
			}
		}
		if p.Total != nil {
			total = *p.Total
		}
		l.progress(len(all), max(total, len(all)))
		if fresh == 0 || len(all) == total {
			break
		}
	}
	if total >= 0 && len(all) != total {
		return nil, fmt.Errorf("read %s from Tomorro: it announces %d and gives %d; run again, and ask Tomorro if it stays so", l.name, total, len(all))
	}
	return all, nil
}

func (l *lister[T]) progress(done, total int) {
	if l.c.cfg.OnPage != nil {
		l.c.cfg.OnPage(l.name, done, total)
	}
}
