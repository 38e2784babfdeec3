package onelogin

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"

	"tomorro-sync/reconcile"
)

// lookLimit is how many ids one request names: they are all in its address.
const lookLimit = 50

// Find gives the ids of the people whose e-mail is name, or, if nobody has it,
// whose username is: OneLogin pushes the username where the app's scimusername was
// left at its default. Names are compared as reconcile.Fold does. Nobody is an
// empty list. A name with an asterisk, which OneLogin's filter would take for a
// wildcard, is nobody's.
func (c *Client) Find(ctx context.Context, name string) ([]reconcile.Key, error) {
	name = strings.TrimSpace(name)
	if name == "" || strings.Contains(name, "*") {
		return nil, nil
	}
	for _, by := range []string{"email", "username"} {
		keys, err := c.findBy(ctx, by, name)
		if err != nil {
			return nil, fmt.Errorf("look for somebody by %s: %w", by, err)
		}
		if len(keys) > 0 {
			return keys, nil
		}
	}
	return nil, nil
}

// called is somebody with the names they can be found by.
type called struct {
	ID       number `json:"id"`
	Email    loose  `json:"email"`
	Username loose  `json:"username"`
}

func (c *Client) findBy(ctx context.Context, by, name string) ([]reconcile.Key, error) {
	l := &list[called]{
		c: c, name: reconcile.ListUsers, path: "/api/2/users", query: url.Values{by: {name}, "fields": {"id,email,username"}}, silent: true, few: true,
		limit: c.cfg.PageSize, privilege: "Read Users", id: func(x *called) int64 { return int64(x.ID) },
		decode: decodeAs[[]called],
	}
	found, _, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	var keys []reconcile.Key
	for i, x := range found {
		if x.ID <= 0 {
			return nil, fmt.Errorf("item %d of the answer has no id", i+1)
		}
		has := x.Email
		if by == "username" {
			has = x.Username
		}
		if reconcile.Fold(string(has)) == reconcile.Fold(name) {
			keys = append(keys, reconcile.Key(x.ID))
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// Look reads what OneLogin says now of exactly these people, which is what Pull would give
// of them. OneLogin does not know a person who is missing from a complete list. Roles and
// rules are at most Config.LookFresh old, and shared: the caller must not change them. Of
// the app, only the id is set. What could not be read is in the receipt, as with Pull; the
// error is for a look that gave nothing to work with.
func (c *Client) Look(ctx context.Context, keys []reconcile.Key) (reconcile.Directory, error) {
	p := &pull{c: c, silent: true, d: reconcile.Directory{App: reconcile.App{ID: c.cfg.AppID}, ReadAt: c.cfg.Now()}}
	if _, err := c.tokens.get(ctx); err != nil {
		return p.d, err
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k reconcile.Key) bool { return k <= 0 }) // nobody's
	slices.Sort(keys)
	lots := slices.Collect(slices.Chunk(slices.Compact(keys), lookLimit))
	w := pool.New().WithErrors()
	w.Go(func() error { return p.lookUsers(ctx, lots) })
	w.Go(func() error { return p.lookAssigned(ctx, lots) })
	w.Go(func() error { return p.lookRules(ctx) })
	err := w.Wait()
	if ctx.Err() != nil {
		return p.d, context.Cause(ctx)
	}
	if err != nil {
		return p.d, err
	}
	if err := p.fillSingly(ctx); err != nil {
		return p.d, err
	}
	p.assign(math.MaxInt64) // their ids are known, so none of them can be new
	return p.done(ctx)
}

// answer is what one list says of one lot of people.
type answer[T any] struct {
	items   []T
	receipt reconcile.ListReceipt
	dropped []string
	err     error
}

// lotwise reads a list once for each lot of people, at most so many lots at a time, and
// joins the answers. Whoever was not asked about is left out. An answer that lacks somebody
// and does not say how many there are is incomplete: it is no proof that they are gone.
func lotwise[T any](most int, lots [][]reconcile.Key, name string, id func(*T) reconcile.Key, read func(ids string) answer[T]) answer[T] {
	all := answer[T]{receipt: reconcile.ListReceipt{List: name}}
	mapper := iter.Mapper[[]reconcile.Key, answer[T]]{MaxGoroutines: most}
	for i, a := range mapper.Map(lots, func(lot *[]reconcile.Key) answer[T] { return read(idList(*lot)) }) {
		a.items = slices.DeleteFunc(a.items, func(x T) bool {
			_, asked := slices.BinarySearch(lots[i], id(&x))
			return !asked
		})
		if len(a.items) < len(lots[i]) && a.receipt.Total < 0 && a.receipt.Pages < 2 && a.receipt.Why == "" {
			a.receipt.Why = "OneLogin leaves somebody out and does not say how many there are"
		}
		all.items = append(all.items, a.items...)
		all.dropped = append(all.dropped, a.dropped...)
		all.err = cmp.Or(all.err, a.err)
		all.receipt.Pages += a.receipt.Pages
		all.receipt.Items = len(all.items)
		all.receipt.Why = cmp.Or(all.receipt.Why, a.receipt.Why)
		if all.receipt.Total += a.receipt.Total; a.receipt.Total < 0 {
			all.receipt.Total = math.MinInt32 // stays below 0
		}
	}
	all.receipt.Total = max(all.receipt.Total, -1)
	slices.Sort(all.dropped)
	all.dropped = slices.Compact(all.dropped)
	return all
}

func idList(keys []reconcile.Key) string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.String()
	}
	return strings.Join(ids, ",")
}

func (p *pull) lookUsers(ctx context.Context, lots [][]reconcile.Key) error {
	a := lotwise(p.c.cfg.Concurrency, lots, reconcile.ListUsers, func(x *reconcile.Person) reconcile.Key { return x.Key }, func(ids string) (a answer[reconcile.Person]) {
		a.items, a.receipt, a.dropped, a.err = p.userList(ctx, url.Values{"user_ids": {ids}})
		return a
	})
	if len(a.items) == 0 && a.err != nil {
		return fmt.Errorf("read the users: %w", a.err)
	}
	p.d.People, p.receipts[ofUsers], p.dropped = a.items, a.receipt, a.dropped
	return nil
}

// lookAssigned asks the user list, as the app's own list of users cannot be
// limited to some.
func (p *pull) lookAssigned(ctx context.Context, lots [][]reconcile.Key) error {
	a := lotwise(p.c.cfg.Concurrency, lots, reconcile.ListAssigned, func(x *named) reconcile.Key { return reconcile.Key(x.ID) }, func(ids string) (a answer[named]) {
		l := &list[named]{
			c: p.c, name: reconcile.ListAssigned, path: "/api/2/users", silent: true, few: true, limit: p.c.cfg.PageSize, privilege: "Read Users",
			query:  url.Values{"user_ids": {ids}, "app_id": {strconv.FormatInt(p.c.cfg.AppID, 10)}, "fields": {"id"}},
			decode: decodeIdentified, id: (*named).id,
		}
		a.items, a.receipt, a.err = l.read(ctx)
		return a
	})
	p.have(a.items, a.receipt)
	return nil
}

// decodeIdentified refuses items without an id: as if somebody did not have the app, or
// the role.
func decodeIdentified(body []byte) ([]named, error) {
	items, err := decodeAs[[]named](body)
	if i := slices.IndexFunc(items, func(x named) bool { return x.ID <= 0 }); i >= 0 && err == nil {
		return nil, fmt.Errorf("item %d has no id", i+1)
	}
	return items, err
}

func (p *pull) lookRules(ctx context.Context) error {
	book, err := p.c.standing.get(ctx)
	if err != nil {
		return err
	}
	p.d.Roles, p.d.Rules = slices.Clone(book.roles), slices.Clone(book.rules)
	p.receipts[ofRoles], p.receipts[ofRules] = book.receipts[0], book.receipts[1]
	return nil
}

// fillSingly gets the facts that the user list left out and that are needed from
// each person's own page, which has all of them.
func (p *pull) fillSingly(ctx context.Context) error {
	needed := p.needs()
	missing := p.missing(needed)
	if missing == 0 {
		return nil
	}
	mapper := iter.Mapper[reconcile.Person, error]{MaxGoroutines: p.c.cfg.Concurrency}
	errs := mapper.Map(p.d.People, func(x *reconcile.Person) error {
		if x.Unread&needed == 0 {
			return nil
		}
		from, err := p.user(ctx, x.Key)
		if err == nil {
			take(x, &from)
		}
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.note("%s read person by person, as the user list leaves it out", strings.Join(fieldNames(missing), ", "))
	if errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil }); len(errs) > 0 {
		p.note("%d people could not be read: %v", len(errs), errs[0])
	}
	p.noteMissing(needed)
	return nil
}

// user reads one person's own page.
func (p *pull) user(ctx context.Context, key reconcile.Key) (reconcile.Person, error) {
	what := "read user " + key.String()
	r, err := p.c.get(ctx, "/api/2/users/"+url.PathEscape(key.String()), nil)
	if err != nil {
		return reconcile.Person{}, fmt.Errorf("%s: %w", what, err)
	}
	if r.StatusCode() != http.StatusOK {
		return reconcile.Person{}, refusal(what, "Read Users", r)
	}
	got, err := decodeOK(r, decodeAs[record])
	switch {
	case err != nil:
		return reconcile.Person{}, fmt.Errorf("%s: %w", what, err)
	case reconcile.Key(got.ID) != key:
		return reconcile.Person{}, fmt.Errorf("%s: the answer is about another user", what)
	}
	return got.person(&p.texts), nil
}
