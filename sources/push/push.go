package push

import (
	"context"

	"tomorro-sync/reconcile"
)

// Users answers reads about accounts, from Tomorro and with Tomorro's ids.
// Inactive accounts are accounts too: OneLogin must find them when somebody
// returns. Who is not there is ErrNotKnown.
type Users interface {
	// User is the account with this id.
	User(ctx context.Context, id string) (reconcile.Account, error)
	// FindUser is the account with this userName, in any case.
	FindUser(ctx context.Context, userName string) (reconcile.Account, error)
	// Users are all accounts, in any order.
	Users(ctx context.Context) ([]reconcile.Account, error)
}

// Groups answers reads about groups. A group that is not there is ErrNotKnown.
type Groups interface {
	// Group is the group with this id.
	Group(ctx context.Context, id string) (reconcile.Group, error)
	// Groups are all groups with their members, in any order.
	Groups(ctx context.Context) ([]reconcile.Group, error)
}

// Pusher takes what was said: it stores the assertion and the mark before
// anything else, then looks at the people concerned now. It answers with what
// Tomorro has afterwards, or with an error that says why not (see Refusal). Its
// context ends with the deadline, not when the client hangs up.
type Pusher interface {
	// User is about one person. After a Delete the account is not looked at.
	User(ctx context.Context, said UserSaid) (reconcile.Account, error)
	// Membership is about who is in one group. Members that Tomorro does not have
	// are passed over.
	Membership(ctx context.Context, said MembershipSaid) (reconcile.Group, error)
	// Group is about a group itself. A Create of a name that exists gives that
	// group. After a Delete the group is not looked at.
	Group(ctx context.Context, said GroupSaid) (reconcile.Group, error)
}

// Operation is what somebody wants done.
type Operation string

// The operations. Whatever says that a user is not active is a Suspend.
const (
	Create  Operation = "create"
	Replace Operation = "replace" // for a group: rename
	Delete  Operation = "delete"
	Suspend Operation = "suspend"
)

// UserSaid is what a request said of one person. What is empty or nil was not
// said; nothing here is a fact about OneLogin until its API says so too.
type UserSaid struct {
	Request   string // the request's id, as in the log
	Operation Operation
	ID        string // Tomorro's id; empty on a create
	// UserName as it was said, trimmed: usually the e-mail, but OneLogin's
	// username when the app's scimusername was left at its default.
	UserName   string
	GivenName  string
	FamilyName string
	UserType   string // a title as it was said, not a role yet
	ExternalID string
	Active     *bool // nil: no statement
}

// MembershipSaid is what a request said of the members of one group. Either All is
// the whole membership, or Added and Removed change it; a member is in only one
// of them. The lists are sorted and without doubles. Being named counts, whether
// or not it changes anything: groups set by hand in OneLogin are known from
// nowhere else.
type MembershipSaid struct {
	Request string
	GroupID string
	Added   []string // Tomorro's ids of accounts
	Removed []string
	Whole   bool // All is meant, even when it is empty
	All     []string
}

// GroupSaid is what a request said of a group itself.
type GroupSaid struct {
	Request   string
	Operation Operation // Create, Replace (a new name) or Delete
	ID        string    // empty on a create
	Name      string    // empty on a delete
}
