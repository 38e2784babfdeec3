package reconcile

import "time"

// AppSetup is what OneLogin's API shows of how the app is set up (GET
// /api/2/apps/{id}). The SCIM base URL, token and template are not among it.
type AppSetup struct {
	App
	ProvisioningShown  bool
	ProvisioningStatus string  // "Available" and others, as OneLogin words it
	RoleIDs            []int64 // who has one of these roles has the app
	// Parameters are the app's, by short name; nil when the API does not show them.
	Parameters map[string]AppParameter
	Disabled   []Rule // the rules that are switched off
	// DisabledWhy says why these could not be read, or nothing.
	DisabledWhy string
	Clock       Clock
}

// AppParameter is one parameter of an app.
type AppParameter struct {
	Label  string
	Source string // email, title, none, …; or the template of a macro
	// Entitlements says that its values are fetched from the service: groups.
	Entitlements bool
}

// Clock compares a service's clock, from the Date header, with ours.
type Clock struct {
	Shown bool
	Ahead time.Duration // of ours; negative when it is behind. To the second.
}

// ServiceSetup is what Tomorro says of its SCIM service (RFC 7643 section 5).
type ServiceSetup struct {
	Offered     bool // there is a /ServiceProviderConfig
	Patch       bool
	MostResults int // filter.maxResults; 0 when it does not say
	Clock       Clock
}

// Profile is what a probe learned of a SCIM service by writing to a sandbox account
// and group there. What is empty was not found out, or nothing works.
type Profile struct {
	At     time.Time `json:"at"`
	Target string    `json:"target"` // tomorro.url: another service's answers say nothing
	// The settings of the client that work there, in the words of the configuration.
	Update        string `json:"update,omitempty"`
	MemberRemoval string `json:"memberRemoval,omitempty"`
	ContentType   string `json:"contentType,omitempty"`
	PageSize      int    `json:"pageSize,omitempty"`
	Bulk          int    `json:"bulk,omitempty"`       // operations that one request may have; 0: the service has no Bulk
	Attributes    bool   `json:"attributes,omitempty"` // a list can be asked for the attributes that are compared
	BulkBytes     int    `json:"bulkBytes,omitempty"`  // of its body; 0: it did not say

	Answers []ProfileAnswer `json:"answers"`
}

// ProfileAnswer is what came of one thing that a probe tried.
type ProfileAnswer struct {
	Tried  string `json:"tried"`            // one of the Probe… words
	Answer string `json:"answer"`           // one of the Probe… words of answers
	Seen   string `json:"seen,omitempty"`   // what the service said, for people
	Number int    `json:"number,omitempty"` // of a page cap, and of operations in a Bulk request
}

// ProbeMark is the SCIM externalId of what a probe makes. It is nobody's.
const ProbeMark = "tomorro-sync-probe"

// What a probe tries.
const (
	ProbeContentJSON   = "application/json"
	ProbeContentSCIM   = "application/scim+json"
	ProbeCreate        = "create"
	ProbeExternalID    = "external_id"
	ProbeDuplicate     = "duplicate"
	ProbePut           = "put"
	ProbePatch         = "patch"          // replace with a path: what this program sends
	ProbePatchNoPath   = "patch_no_path"  // replace with an object as value
	ProbePatchCapital  = "patch_capital"  // "Replace", and booleans as text: Entra's
	ProbeRole          = "role"           // another userType of the four
	ProbeUnknownType   = "unknown_type"   // a userType that is none of the four
	ProbeRename        = "rename"         // another userName on the same id
	ProbeInactive      = "inactive"       // active:false, and back
	ProbeDelete        = "delete"         // of the sandbox account, at the end
	ProbeMembersValues = "members_values" // see tomorro.member_removal
	ProbeMembersFilter = "members_filter"
	ProbeMembersScim1  = "members_scim1"
	ProbeMembersPut    = "members_put"
	ProbePageCap       = "page_cap"
	ProbePastEnd       = "past_end"
	ProbeRate          = "rate_limit"
	ProbeAttributes    = "attributes" // a list of accounts with the attributes that are compared
	ProbeBulk          = "bulk"       // several writes in one request
)

// The answers.
const (
	AnswerWorks     = "works"     // taken, and it is so when it is read again
	AnswerRefused   = "refused"   // with an error
	AnswerIgnored   = "ignored"   // confirmed, and nothing changed
	AnswerOther     = "other"     // confirmed, and something else is there now
	AnswerEverybody = "everybody" // takes everybody out instead of one
	AnswerRemoves   = "removes"   // for good
	AnswerExisting  = "existing"  // the answer is the account that is there
	AnswerSecond    = "second"    // a second account was made
	AnswerSeen      = "seen"
	AnswerNotSeen   = "not seen"
	AnswerUnknown   = "not tried"
)

// Answer gives what came of something that was tried; AnswerUnknown when it was not.
func (p *Profile) Answer(tried string) ProfileAnswer {
	for _, a := range p.Answers {
		if a.Tried == tried {
			return a
		}
	}
	return ProfileAnswer{Tried: tried, Answer: AnswerUnknown}
}
