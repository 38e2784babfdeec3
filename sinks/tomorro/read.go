package tomorro

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"

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
		ID: u.ID, ExternalID: u.ExternalID, UserName: u.UserName, UserType: role(u.UserType),
		GivenName: u.Name.GivenName, FamilyName: u.Name.FamilyName,
		Active: u.Active == nil || bool(*u.Active), // who says nothing of it, has access
	}
}

// role reads a userType, of which RFC 7643 section 8.7.1 says that case does not count. A
// word that is none of the four stays as it is.
func role(userType string) reconcile.UserType {
	if r := reconcile.UserType(reconcile.Fold(userType)); r.Valid() {
		return r
	}
	return reconcile.UserType(userType)
}

// Read reads all accounts and groups. There is no partial answer: the error says
// which list, which page and why.
func (c *Client) Read(ctx context.Context) (reconcile.Current, error) {
	current := reconcile.Current{Lists: make([]reconcile.ListReceipt, 2)}
	texts := &interner{}
	var sides memberships
	var groups []listed
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	collect := func() func(*user) reconcile.Account {
		sides.clear()
		return func(u *user) reconcile.Account { return texts.account(u, &sides) }
	}
	p.Go(func(ctx context.Context) (err error) {
		current.Accounts, current.Lists[0], err = c.accounts(ctx, collect)
		return err
	})
	p.Go(func(ctx context.Context) (err error) {
		groups, current.Lists[1], err = c.groups(ctx, texts)
		return err
	})
	if err := p.Wait(); err != nil {
		return reconcile.Current{}, err
	}
	if c.cfg.Attributes && len(groups) > 0 && !shown(groups) { // the accounts may say what the groups do not
		if _, _, err := list(ctx, c, accountList(nil), collect); err != nil {
			return reconcile.Current{}, err
		}
	}
	known, err := c.members(ctx, groups, &sides)
	if err != nil {
		return reconcile.Current{}, err
	}
	current.MembersUnknown = !known
	for i := range groups {
		current.Groups = append(current.Groups, groups[i].Group)
	}
	return current, nil
}

// compared are the attributes of an account that a plan looks at.
const compared = "userName,externalId,userType,name,active"

// errBare says that a service does not give the attributes that it is asked for.
var errBare = errors.New("accounts come without what was asked for")

// accounts reads all accounts, with the attributes that are compared where the probe saw
// that a service gives just these. Where it does not keep to that, it is asked for all: an
// account that says nothing of active would pass for one with access.
func (c *Client) accounts(ctx context.Context, collect func() func(*user) reconcile.Account) ([]reconcile.Account, reconcile.ListReceipt, error) {
	if c.cfg.Attributes {
		all, receipt, err := list(ctx, c, accountList(url.Values{"attributes": {compared}}), collect)
		if !errors.Is(err, errBare) {
			return all, receipt, err
		}
		c.cfg.Logger.Warn("Tomorro does not give the attributes that it is asked for; asking for all. Repeat: tomorro-sync check --probe-writes")
	}
	return list(ctx, c, accountList(nil), collect)
}

// accountList is the list of accounts; query says which attributes are wanted.
func accountList(query url.Values) kind[user, reconcile.Account] {
	k := kind[user, reconcile.Account]{name: "users", path: "/Users", query: query, id: func(a *reconcile.Account) string { return a.ID }}
	if query != nil {
		k.bare = func(u *user) bool { return u.UserName == "" || u.Active == nil }
	}
	return k
}

// listed is a group of the list, and whether that showed members at all.
type listed struct {
	reconcile.Group
	shown bool
}

func (c *Client) groups(ctx context.Context, texts *interner) ([]listed, reconcile.ListReceipt, error) {
	// A page of groups has their members, and so can be as large as all accounts.
	k := kind[group, listed]{name: "groups", path: "/Groups", id: func(g *listed) string { return g.ID }, atOnce: 4}
	return list(ctx, c, k, func() func(*group) listed { return texts.group })
}

// interner keeps one copy of the ids that accounts and members share, and of other
// texts that come again and again.
type interner struct {
	mu    sync.Mutex
	texts map[string]string
}

func (in *interner) of(s string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.locked(s)
}

func (in *interner) locked(s string) string {
	if in.texts == nil {
		in.texts = make(map[string]string)
	}
	if known, ok := in.texts[s]; ok {
		return known
	}
	in.texts[s] = s
	return s
}

// account takes from a listed user what is compared, and notes the groups it says it
// is in.
func (in *interner) account(u *user, sides *memberships) reconcile.Account {
	u.ID, u.UserType = in.of(u.ID), in.of(u.UserType)
	sides.add(u)
	return u.account()
}

func (in *interner) group(g *group) listed {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range g.Members {
		g.Members[i].Value = in.locked(g.Members[i].Value)
	}
	return listed{Group: g.group(), shown: g.Members != nil}
}

func (g *group) group() reconcile.Group {
	out := reconcile.Group{ID: g.ID, Name: g.Name, Ours: g.ExternalID == reconcile.GroupExternalID}
	for _, m := range g.Members {
		if m.Value != "" && !nested(m) {
			out.Members = append(out.Members, m.Value)
		}
	}
	slices.Sort(out.Members)
	out.Members = slices.Compact(out.Members)
	return out
}

// nested says that a member is a group, which is nobody's account. RFC 7643 section 8.7.1
// says of the type that case does not count.
func nested(m scim.Member) bool { return strings.EqualFold(m.Type, "Group") }
