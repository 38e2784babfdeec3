// Package pushtest has a Tomorro in memory for tests of the SCIM listener: it does
// what it is told at once, and remembers what that was.
package pushtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tomorro-sync/reconcile"
	"tomorro-sync/sources/push"
)

// Fake is push.Users, push.Groups and push.Pusher in memory. It may be used by
// many goroutines.
type Fake struct {
	// Before, when set, is called before anything else with what is asked; its
	// error is the answer. It may panic, or wait for the context.
	Before func(ctx context.Context, what string) error

	mu       sync.Mutex
	accounts []reconcile.Account
	groups   []reconcile.Group
	told     []any
	reads    int
	next     int
}

// New has copies of the accounts and groups given.
func New(accounts []reconcile.Account, groups []reconcile.Group) *Fake {
	f := &Fake{accounts: slices.Clone(accounts), groups: slices.Clone(groups), next: 1000}
	for i := range f.groups {
		f.groups[i].Members = slices.Clone(f.groups[i].Members)
	}
	return f
}

// Told is what the Pusher was told so far, in order: UserSaid, MembershipSaid and
// GroupSaid, without their request ids.
func (f *Fake) Told() []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

// Reads is how often something was read.
func (f *Fake) Reads() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// begin locks, counts and asks Before.
func (f *Fake) begin(ctx context.Context, what string, told any) (unlock func(), err error) {
	if f.Before != nil {
		if err := f.Before(ctx, what); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	if told != nil {
		f.told = append(f.told, told)
	} else {
		f.reads++
	}
	return f.mu.Unlock, nil
}

func (f *Fake) account(id string) *reconcile.Account {
	for i := range f.accounts {
		if f.accounts[i].ID == id {
			return &f.accounts[i]
		}
	}
	return nil
}

func (f *Fake) named(userName string) *reconcile.Account {
	for i := range f.accounts {
		if reconcile.Fold(f.accounts[i].UserName) == reconcile.Fold(userName) {
			return &f.accounts[i]
		}
	}
	return nil
}

// get copies what was found.
func get[T any](found *T) (T, error) {
	if found == nil {
		var none T
		return none, push.ErrNotKnown
	}
	return *found, nil
}

// User is the account with the id.
func (f *Fake) User(ctx context.Context, id string) (reconcile.Account, error) {
	unlock, err := f.begin(ctx, "user", nil)
	if err != nil {
		return reconcile.Account{}, err
	}
	defer unlock()
	return get(f.account(id))
}

// FindUser is the account with the userName.
func (f *Fake) FindUser(ctx context.Context, userName string) (reconcile.Account, error) {
	unlock, err := f.begin(ctx, "find user", nil)
	if err != nil {
		return reconcile.Account{}, err
	}
	defer unlock()
	return get(f.named(userName))
}

// Users are all accounts.
func (f *Fake) Users(ctx context.Context) ([]reconcile.Account, error) {
	unlock, err := f.begin(ctx, "users", nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.accounts), nil
}

func (f *Fake) group(id string) *reconcile.Group {
	for i := range f.groups {
		if f.groups[i].ID == id {
			return &f.groups[i]
		}
	}
	return nil
}

// Group is the group with the id.
func (f *Fake) Group(ctx context.Context, id string) (reconcile.Group, error) {
	unlock, err := f.begin(ctx, "group", nil)
	if err != nil {
		return reconcile.Group{}, err
	}
	defer unlock()
	return get(f.group(id))
}

// Groups are all groups.
func (f *Fake) Groups(ctx context.Context) ([]reconcile.Group, error) {
	unlock, err := f.begin(ctx, "groups", nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.groups), nil
}

// Pusher is the Fake's writing side: its methods have the names of the reading
// side's.
func (f *Fake) Pusher() push.Pusher { return pusher{f} }

type pusher struct{ *Fake }

// User does what was said of a person. Titles that are no role give "user".
func (p pusher) User(ctx context.Context, said push.UserSaid) (reconcile.Account, error) {
	said.Request = ""
	unlock, err := p.begin(ctx, "push user", said)
	if err != nil {
		return reconcile.Account{}, err
	}
	defer unlock()
	a := p.account(said.ID)
	if said.ID == "" {
		a = p.named(said.UserName)
	}
	if said.Operation == push.Delete {
		if a == nil {
			return reconcile.Account{}, push.ErrNotKnown
		}
		id := a.ID
		p.accounts = slices.DeleteFunc(p.accounts, func(a reconcile.Account) bool { return a.ID == id })
		return reconcile.Account{}, nil
	}
	if a == nil && said.ID != "" {
		return reconcile.Account{}, push.ErrNotKnown
	}
	if a == nil {
		p.next++
		p.accounts = append(p.accounts, reconcile.Account{ID: fmt.Sprintf("u%d", p.next), UserType: "user", Active: true})
		a = &p.accounts[len(p.accounts)-1]
	} else if other := p.named(said.UserName); said.UserName != "" && other != nil && other != a {
		return reconcile.Account{}, push.ErrConflict
	}
	change(a, said)
	return *a, nil
}

func change(a *reconcile.Account, said push.UserSaid) {
	set := func(to *string, text string) {
		if text != "" {
			*to = text
		}
	}
	set(&a.UserName, said.UserName)
	set(&a.GivenName, said.GivenName)
	set(&a.FamilyName, said.FamilyName)
	if role := strings.ToLower(said.UserType); slices.Contains([]string{"admin", "manager", "user", "viewer"}, role) {
		a.UserType = reconcile.UserType(role)
	}
	if said.Active != nil {
		a.Active = *said.Active
	}
}

// Membership does what was said of a group's members, of those that are known.
func (p pusher) Membership(ctx context.Context, said push.MembershipSaid) (reconcile.Group, error) {
	said.Request = ""
	unlock, err := p.begin(ctx, "push membership", said)
	if err != nil {
		return reconcile.Group{}, err
	}
	defer unlock()
	g := p.group(said.GroupID)
	if g == nil {
		return reconcile.Group{}, push.ErrNotKnown
	}
	members := slices.Concat(g.Members, said.Added)
	if said.Whole {
		members = slices.Clone(said.All)
	}
	slices.Sort(members)
	g.Members = slices.DeleteFunc(slices.Compact(members), func(id string) bool {
		return p.account(id) == nil || slices.Contains(said.Removed, id)
	})
	return *g, nil
}

// Group does what was said of a group.
func (p pusher) Group(ctx context.Context, said push.GroupSaid) (reconcile.Group, error) {
	said.Request = ""
	unlock, err := p.begin(ctx, "push group", said)
	if err != nil {
		return reconcile.Group{}, err
	}
	defer unlock()
	if said.Operation == push.Create {
		for _, g := range p.groups {
			if reconcile.Fold(g.Name) == reconcile.Fold(said.Name) {
				return g, nil
			}
		}
		p.next++
		p.groups = append(p.groups, reconcile.Group{ID: fmt.Sprintf("g%d", p.next), Name: said.Name})
		return p.groups[len(p.groups)-1], nil
	}
	g := p.group(said.ID)
	switch {
	case g == nil:
		return reconcile.Group{}, push.ErrNotKnown
	case said.Operation == push.Delete:
		p.groups = slices.DeleteFunc(p.groups, func(g reconcile.Group) bool { return g.ID == said.ID })
		return reconcile.Group{}, nil
	}
	g.Name = said.Name
	return *g, nil
}
