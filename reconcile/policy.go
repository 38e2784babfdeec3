package reconcile

import (
	"strings"
	"time"
)

// Limit names one of the limits of a policy.
type Limit string

// The limits, named as in the configuration.
const (
	LimitDeactivate   Limit = "deactivate"
	LimitDelete       Limit = "delete"
	LimitRemoveMember Limit = "remove_member"
	LimitChangeRole   Limit = "change_role"
	LimitGrantAdmin   Limit = "grant_admin" // existing accounts that become admin
	LimitRename       Limit = "rename"
	LimitCreate       Limit = "create"
	// LimitRemoveFromGroup bounds what one group may lose. It is counted for each
	// group by itself: see Limit.Of.
	LimitRemoveFromGroup Limit = "remove_from_group"
)

// Of is the limit as it is counted for one group, by Tomorro's id.
func (l Limit) Of(group string) Limit { return l + "/" + Limit(group) }

// Group splits what Of made; group is empty for any other limit.
func (l Limit) Group() (kind Limit, group string) {
	text, group, _ := strings.Cut(string(l), "/")
	return Limit(text), group
}

// LimitNames lists every limit.
func LimitNames() []Limit {
	return []Limit{LimitDeactivate, LimitDelete, LimitRemoveMember, LimitChangeRole, LimitGrantAdmin, LimitRename, LimitCreate, LimitRemoveFromGroup}
}

// Allowance bounds one kind of change within the window. A nil field bounds
// nothing.
type Allowance struct {
	Max   *int     // how many
	Share *float64 // which part of what exists, 0 to 1, see Plan.Most; only from MinPopulation on
}

// Limits bounds how much may change within a rolling window.
type Limits struct {
	Window        time.Duration
	MinPopulation int
	Allow         map[Limit]Allowance
	// Band is by which part the counts of a pull may differ from those of the last
	// good pulls, 0 to 1, before nobody is removed; nil for any.
	Band *float64
}

// DefaultLimits are those of the design: generous for a normal night, far below
// a disaster.
func DefaultLimits() Limits {
	n := func(v int) *int { return &v }
	s := func(v float64) *float64 { return &v }
	return Limits{
		Window:        24 * time.Hour,
		MinPopulation: 20,
		Allow: map[Limit]Allowance{
			LimitDeactivate:   {Max: n(25), Share: s(0.10)},
			LimitDelete:       {Max: n(0)},
			LimitRemoveMember: {Max: n(200), Share: s(0.20)},
			LimitChangeRole:   {Max: n(50), Share: s(0.10)},
			LimitGrantAdmin:   {Max: n(3)},
			LimitRename:       {Max: n(25), Share: s(0.10)},
			LimitCreate:       {},

			LimitRemoveFromGroup: {Max: n(100), Share: s(0.50)},
		},
		Band: s(0.30),
	}
}

// GroupMode says what happens to a membership that no rule explains.
type GroupMode string

// The modes.
const (
	Exclusive GroupMode = "exclusive" // it is removed: only OneLogin assigns groups
	Additive  GroupMode = "additive"  // it stays: people may also be added by hand
)

// Pricing is Tomorro's pricing generation, which decides what roles are called
// and whether viewer exists.
type Pricing string

// The two generations of the set-up guide's table.
const (
	PricingV5 Pricing = "v5" // V4 and V5
	PricingV6 Pricing = "v6" // V6 and later
)

// Policy is the administrator's decisions, as data.
type Policy struct {
	Pricing Pricing
	// Titles maps further titles to userType; its keys are compared folded.
	Titles map[string]UserType
	// AllowViewer lets `viewer` through on V4/V5 pricing, where the guide has no
	// such role.
	AllowViewer bool
	// ActiveStatuses keep access, InactiveStatuses lose it; a person with any
	// other status is held. Nil means DefaultActive and DefaultInactive.
	ActiveStatuses   []Status
	InactiveStatuses []Status
	// ScopeRoles narrows who is managed to people with one of these OneLogin
	// role names; empty means everybody assigned to the app. People outside
	// are not touched.
	ScopeRoles []string

	GroupMode    GroupMode
	CreateGroups bool
	DeleteGroups bool
	// DeleteUsers removes leavers with DELETE, which is final, instead of
	// active:false.
	DeleteUsers bool

	// Source names the OneLogin app that people are read from.
	Source string

	Limits Limits `json:"-"`
	// Spent is what the window has already used, Pulls the last good pulls.
	Spent map[Limit]int `json:"-"`
	Pulls []Census      `json:"-"`
	// Protect names people, by e-mail or OneLogin id, whose existing accounts
	// are not changed, and as group:NAME whole groups: neither their members'
	// accounts nor who is in them.
	Protect []string `json:"-"`
	// APIAccount is the userName of the account whose token is used here; it is
	// never changed.
	APIAccount string `json:"-"`
	// MinAdmins is how many active admins must remain.
	MinAdmins int `json:"-"`
	// DefaultSubstitute is the userName of Tomorro's default substitute, who
	// inherits what leavers own and so is never removed or demoted. Nobody is
	// removed whom it could not stand in for.
	DefaultSubstitute string `json:"-"`
	// Pinned are people who stay as an undo left them, each with the reason that is
	// shown; only another undo changes them.
	Pinned map[Key]string `json:"-"`
	// Spared are people who lose nothing in this plan, whatever OneLogin says of them.
	Spared map[Key]bool `json:"-"`
	// Adoption is what is known of the accounts that Tomorro had before.
	Adoption Adoption `json:"-"`
	// Approve holds these kinds of change ("create", "update", "delete") until
	// Approved is the ID of the plan that shows them.
	Approve  []string `json:"-"`
	Approved string   `json:"-"`
	// Decisions are what people said of single changes, by their Digest, as far as
	// it still holds. With FourEyes, two must have said so.
	Decisions map[string]Decision `json:"-"`
	FourEyes  bool                `json:"-"`
	// Ignored is what Tomorro takes and does not keep, by Change.Effect, and when
	// it last did not.
	Ignored map[string]time.Time `json:"-"`

	Rules RuleReading
}
