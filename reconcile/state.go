package reconcile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Account is one user at Tomorro: a SCIM User reduced to what is compared.
type Account struct {
	ID         string   `json:"id,omitempty"` // Tomorro's id; empty before it exists
	UserName   string   `json:"userName"`     // the e-mail
	GivenName  string   `json:"givenName"`
	FamilyName string   `json:"familyName"`
	UserType   UserType `json:"userType"`
	Active     bool     `json:"active"`
	ExternalID string   `json:"externalId,omitempty"` // see ExternalID
}

// Group is one group at Tomorro.
type Group struct {
	ID      string
	Name    string   // displayName
	Members []string // account ids, sorted, unique
	// Ours says that this program made the group: its externalId is
	// GroupExternalID. Only such a group may ever be deleted.
	Ours bool
}

// Current is what one complete read of Tomorro found. There is no incomplete
// Current: a sink that cannot read to the end returns an error, because an
// account that was not seen would be created again.
type Current struct {
	Accounts []Account // sorted by ID, unique
	Groups   []Group   // sorted by ID, unique
	// MembersUnknown says that the service shows no memberships at all; then
	// none is changed.
	MembersUnknown bool
	Lists          []ListReceipt
}

// sorted gives the same state with accounts and groups in order of id.
func (c *Current) sorted() *Current {
	accounts := func(a, b Account) int { return cmp.Compare(a.ID, b.ID) }
	groups := func(a, b Group) int { return cmp.Compare(a.ID, b.ID) }
	if slices.IsSortedFunc(c.Accounts, accounts) && slices.IsSortedFunc(c.Groups, groups) {
		return c
	}
	s := *c
	s.Accounts = slices.SortedFunc(slices.Values(c.Accounts), accounts)
	s.Groups = slices.SortedFunc(slices.Values(c.Groups), groups)
	return &s
}

// GroupExternalID is the SCIM externalId of the groups this program makes.
const GroupExternalID = "tomorro-sync"

const externalIDPrefix = "onelogin:"

// ExternalID is the SCIM externalId under which this program marks the
// accounts it made. The prefix keeps it apart from the bare numbers that other
// identity providers and HR systems write there.
func ExternalID(k Key) string { return externalIDPrefix + k.String() }

// ParseExternalID reads what ExternalID wrote; ok is false for anything else.
func ParseExternalID(s string) (k Key, ok bool) {
	digits, found := strings.CutPrefix(s, externalIDPrefix)
	if !found {
		return 0, false
	}
	return ParseKey(digits)
}

// ParseKey reads a OneLogin user id, as Key.String writes it; ok is false for anything else.
func ParseKey(s string) (k Key, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, false
	}
	return Key(n), true
}
