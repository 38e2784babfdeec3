package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Op is what one Change does.
type Op string

// The operations, in the order in which a plan lists them.
const (
	OpCreateGroup  Op = "create_group"
	OpCreate       Op = "create"
	OpReactivate   Op = "reactivate"
	OpRename       Op = "rename" // another userName on the same account
	OpChangeRole   Op = "change_role"
	OpUpdateName   Op = "update_name"
	OpAddMember    Op = "add_member"
	OpRemoveMember Op = "remove_member"
	OpDeactivate   Op = "deactivate"
	OpDelete       Op = "delete"
	OpDeleteGroup  Op = "delete_group"
)

var opOrder = []Op{
	OpCreateGroup, OpCreate, OpReactivate, OpRename, OpChangeRole, OpUpdateName,
	OpAddMember, OpRemoveMember, OpDeactivate, OpDelete, OpDeleteGroup,
}

// Ops lists every operation, in the order in which a plan lists them.
func Ops() []Op { return slices.Clone(opOrder) }

// Removes reports whether the operation takes something away from somebody.
// Without a complete receipt no such change is made.
func (o Op) Removes() bool {
	return o == OpRemoveMember || o == OpDeactivate || o == OpDelete || o == OpDeleteGroup
}

// Change is one intended effect on one person or one membership, as data. Many
// of them can travel in one request: see Writes.
type Change struct {
	Op      Op     `json:"op"`
	Key     Key    `json:"key,omitempty"`     // the person; 0 for a group's own changes and for accounts without one
	Account string `json:"account,omitempty"` // Tomorro's id; empty until the account exists
	Who     string `json:"who,omitempty"`     // the person's e-mail
	Group   string `json:"group,omitempty"`   // displayName
	GroupID string `json:"groupId,omitempty"` // Tomorro's id; empty until the group exists
	// Before and After are whole images, so that a change can be shown, journaled
	// and undone. A membership or group change has none.
	Before *Account `json:"before,omitempty"`
	After  *Account `json:"after,omitempty"`
	// Cause is the rule, title, fact or setting behind the change, for people.
	Cause string `json:"cause"`
	// Origin says what moved; empty when nothing is remembered to tell it by, but for
	// FromPush.
	Origin Origin `json:"origin,omitempty"`
	// Approved names who let a change through that would have been held, and
	// ApprovedAs is the Digest that they approved.
	Approved   string `json:"approved,omitempty"`
	ApprovedAs string `json:"approvedAs,omitempty"`
}

// Digest names exactly this effect on exactly this person or membership, and so
// what an approval is bound to. Causes and wording do not count.
func (c *Change) Digest() string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode(&Change{Op: c.Op, Key: c.Key, Account: c.Account, Group: c.Group, GroupID: c.GroupID, Before: c.Before, After: c.After}) // plain data into a hash: cannot fail
	return hex.EncodeToString(h.Sum(nil))[:20]
}

// Origin says what made a change necessary.
type Origin string

// The origins.
const (
	FromSource        Origin = "source"        // OneLogin says something else than before
	FromConfiguration Origin = "configuration" // with the former configuration there would be no such change
	FromDrift         Origin = "drift"         // somebody changed Tomorro
	FromAdoption      Origin = "adoption"      // the account was there before us
	FromUndo          Origin = "undo"          // somebody takes back what a run did
	FromPush          Origin = "push"          // a group set or taken back by hand in OneLogin
)

// HoldClass says what kind of reason holds a change, and so how a run ends.
type HoldClass string

// The classes. Guard gives exit code 11, approval 12; data is a warning.
const (
	HoldGuard    HoldClass = "guard"    // a limit, a missing receipt, a protection
	HoldApproval HoldClass = "approval" // the configuration asks for a person's word
	HoldData     HoldClass = "data"     // its own data: unknown title, clash, missing group
	HoldDecided  HoldClass = "decided"  // somebody decided against it: rejected, or pinned by an undo
)

// HoldClasses lists every class.
func HoldClasses() []HoldClass { return []HoldClass{HoldGuard, HoldApproval, HoldData, HoldDecided} }

// HoldRule names the rule that holds a change.
type HoldRule string

// The rules. A person's word releases what is held by RuleRecreated, RuleBand,
// RuleAdoption, RuleLimit, RuleApproval or RuleConfiguration; the others end with their
// reason.
const (
	RuleReceipt       HoldRule = "receipt"       // OneLogin was not read to the end
	RuleNight         HoldRule = "night"         // only the fast pass named the person: a run that reads everything decides
	RuleRecreated     HoldRule = "recreated"     // perhaps the same person under another OneLogin id
	RuleBand          HoldRule = "band"          // a count is far from those of the last good pulls
	RuleAdoption      HoldRule = "adoption"      // the accounts that Tomorro had were not looked through
	RuleProtect       HoldRule = "protect"       // protect: or the API account
	RuleSubstitute    HoldRule = "substitute"    // the default substitute, or somebody it could not stand in for
	RuleLimit         HoldRule = "limit"         // too many of a kind
	RuleConfiguration HoldRule = "configuration" // a removal that only our own configuration asks for
	RuleApproval      HoldRule = "approval"      // approve: names its kind
	RuleWitness       HoldRule = "witness"       // OneLogin, asked once more, does not confirm it
	RuleDependent     HoldRule = "dependent"     // something that it needs is held
	RuleAdmins        HoldRule = "admins"        // too few admins would remain
	RuleRejected      HoldRule = "rejected"      // somebody said no
	RulePinned        HoldRule = "pinned"        // an undo stands until it is released
	RuleIgnored       HoldRule = "ignored"       // Tomorro took it before and did not keep it
	RuleData          HoldRule = "data"          // the data of the person or group itself
)

// HoldRules lists every rule.
func HoldRules() []HoldRule {
	return []HoldRule{RuleReceipt, RuleNight, RuleRecreated, RuleBand, RuleAdoption, RuleProtect, RuleSubstitute, RuleLimit, RuleConfiguration, RuleApproval, RuleWitness, RuleDependent,
		RuleAdmins, RuleRejected, RulePinned, RuleIgnored, RuleData}
}

// Approvable reports whether a person's word releases what the rule holds.
func (r HoldRule) Approvable() bool {
	return r == RuleRecreated || r == RuleBand || r == RuleAdoption || r == RuleLimit || r == RuleApproval || r == RuleConfiguration
}

// Held is a change that will not be made now, with its reason.
type Held struct {
	Change
	Class  HoldClass `json:"class"`
	Rule   HoldRule  `json:"rule,omitempty"`
	Reason string    `json:"reason"`
}

// Note is something an administrator should know that holds nothing by itself.
type Note struct {
	Subject string `json:"subject"` // a person's e-mail, a rule, a group
	Text    string `json:"text"`
}

// Link is the remembered identity of an account: whose it is.
type Link struct {
	Key     Key    `json:"key"`
	Account string `json:"account"`
}

// Counts describes both sides of a plan.
type Counts struct {
	People      int `json:"people"`   // known to OneLogin
	InScope     int `json:"inScope"`  // assigned to the app and inside the configured scope
	Accounts    int `json:"accounts"` // at Tomorro
	Active      int `json:"active"`   // of these, active
	Linked      int `json:"linked"`   // accounts whose person is known
	Foreign     int `json:"foreign"`  // accounts that are nobody's in OneLogin: never touched
	OutOfScope  int `json:"outOfScope"`
	Groups      int `json:"groups"`
	Memberships int `json:"memberships"`
	Admins      int `json:"admins"` // active accounts with userType admin
}

// Plan is what a run would do: sorted data, the same bytes for the same input.
type Plan struct {
	ID      string   `json:"id"` // digest of changes and holds
	Changes []Change `json:"changes"`
	Held    []Held   `json:"held"`
	Notes   []Note   `json:"notes"`
	Counts  Counts   `json:"counts"`
	// Foreign are the addresses of active accounts that are nobody's in OneLogin.
	Foreign []string `json:"foreign,omitempty"`
	Receipt Receipt  `json:"receipt"` // how OneLogin was read
	// Census counts what OneLogin has; see Policy.Pulls.
	Census Census `json:"census"`
	// Target is how Tomorro was read: always completely.
	Target []ListReceipt `json:"target,omitempty"`

	// Links are the identities this plan relies on that were not remembered yet.
	Links []Link `json:"-"`
	// owner tells whose account each id is; a create that meets an existing
	// account may adopt it only if it is nobody else's.
	owner owners
	// policy is what the plan was guarded by, for accounts that it has not seen; may be nil.
	policy *Policy
	// occupant tells which account has each folded userName now.
	occupant map[string]*Account
	// unlisted are members whom the list of accounts does not have, as leavers in one of
	// active accounts: group and account. A create may run into one.
	unlisted map[[2]string]bool
	// emptied are the members that must be gone before a group can be deleted.
	emptied map[string][]string
	// groups has at least those that are protected; sizes tells how many members each
	// has that is at Tomorro, by its id.
	groups []Group
	sizes  map[string]int
	// namesakes are accounts of nobody with the name of somebody to be created.
	namesakes map[Key]*Account
	// successors are, for people whom OneLogin no longer knows, who has the address of their
	// account now and none of their own.
	successors map[Key]Key
	// substituteKey is whose changes in this plan make the substitute fit; 0: nobody's.
	substituteKey Key
	// seen is what this plan saw of OneLogin; nil when nothing is remembered.
	seen *seen
	// unclear are the people of whom nothing is planned because of their own data;
	// unmatched says that no membership is, because what rules give is not known or cannot be
	// compared.
	unclear   map[Key]bool
	unmatched bool
	// ended are the assertions that say nothing any more, leaving those about people
	// who have left the app.
	ended   []Assertion
	leaving []parting
	// minAdmins is how many admins Apply must leave, set by Guard.
	minAdmins int
	// ignored is Policy.Ignored, set by Guard.
	ignored map[string]time.Time
}

// Empty reports whether there is nothing to write.
func (p Plan) Empty() bool { return len(p.Changes) == 0 }

// HeldBy counts the holds of a class.
func (p Plan) HeldBy(c HoldClass) int {
	n := 0
	for i := range p.Held {
		if p.Held[i].Class == c {
			n++
		}
	}
	return n
}

// Count tells how many changes of each operation the plan makes.
func (p Plan) Count() map[Op]int {
	n := make(map[Op]int)
	for i := range p.Changes {
		n[p.Changes[i].Op]++
	}
	return n
}

// SameChanges tells whether two plans make the same changes, whatever they hold.
func (p *Plan) SameChanges(other *Plan) bool {
	return slices.EqualFunc(p.Changes, other.Changes, func(a, b Change) bool { return a.Digest() == b.Digest() })
}

// seal sorts the plan and gives it its ID.
func (p *Plan) seal() {
	slices.SortFunc(p.Changes, compareChanges)
	p.sortHeld()
	slices.SortFunc(p.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Text, b.Text))
	})
	p.Notes = slices.Compact(p.Notes)
	slices.SortFunc(p.Links, func(a, b Link) int { return cmp.Compare(a.Key, b.Key) })
	p.ID = p.digest()
}

func (p *Plan) sortHeld() {
	slices.SortFunc(p.Held, func(a, b Held) int {
		return cmp.Or(compareChanges(a.Change, b.Change), cmp.Compare(a.Reason, b.Reason))
	})
}

// digest hashes the content one change at a time, so that a large plan needs no
// second copy of itself.
func (p *Plan) digest() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for i := range p.Changes {
		_ = enc.Encode(&p.Changes[i]) // plain data into a hash: cannot fail
	}
	for i := range p.Held {
		_ = enc.Encode(&p.Held[i])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// SortChanges sorts as a plan does.
func SortChanges(changes []Change) { slices.SortFunc(changes, compareChanges) }

func compareChanges(a, b Change) int {
	if a.Op != b.Op {
		return cmp.Compare(slices.Index(opOrder, a.Op), slices.Index(opOrder, b.Op))
	}
	if c := cmp.Compare(a.Group, b.Group); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Who, b.Who); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.GroupID, b.GroupID),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Account, b.Account),
		cmp.Compare(a.Cause, b.Cause),
	)
}

// Owner gives whose account one at Tomorro is, as far as the plan is certain of it.
func (p *Plan) Owner(account string) (key Key, sure bool) {
	key = p.owner.of(account)
	return key, key != 0
}
