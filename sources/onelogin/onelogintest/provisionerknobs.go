package onelogintest

import "strings"

// The variants of PushKnobs.ContentType, of a request with a body.
const (
	ContentJSON = ""     // application/json
	ContentSCIM = "scim" // application/scim+json
	ContentNone = "none" // no such header
)

// The variants of PushKnobs.Dialect: how a group PATCH names the person.
const (
	DialectD1 = ""   // a list of values, for add and remove
	DialectD2 = "D2" // add as D1; remove by members[value eq "…"]
	DialectD3 = "D3" // SCIM 1.1's members with an operation each
)

// The variants of PushKnobs.Active: when a user's body has it.
const (
	ActiveOnChange = ""       // only when somebody is suspended or returns
	ActiveAlways   = "always" // in each POST and PUT
	ActiveText     = "text"   // in each, as "true" or "false"
)

// The variants of PushKnobs.Deprovision: what losing the app, or being deleted,
// sends.
const (
	DeprovisionDelete  = ""        // DELETE
	DeprovisionSuspend = "suspend" // PUT with active false
	DeprovisionNothing = "nothing"
)

// The variants of PushKnobs.OnFailure.
const (
	FailureMarks = ""      // the login is Failed until somebody presses retry
	FailureRetry = "retry" // the request is sent once more at once
	// FailureTwice sends each write twice, as if the first answer had come too late.
	FailureTwice = "twice"
)

// The variants of PushKnobs.Strictness: what an answer needs besides 2xx.
const (
	Strict     = ""        // application/json, id, userName, both names
	StrictSCIM = "scim"    // the same, and application/scim+json will do
	Lenient    = "lenient" // a created user or group needs an id
)

// The variants of PushKnobs.EmptyTitle: what {$user.title} becomes for nobody's
// title.
const (
	TitleEmpty   = "" // ""
	TitleNull    = "null"
	TitleOmitted = "omitted"
)

// TomorroTemplate is the SCIM JSON template of Tomorro's set-up guide.
const TomorroTemplate = `{ "schemas": [
"urn:ietf:params:scim:schemas:core:2.0:User"
],
"userName": "{$parameters.scimusername}",
"userType": "{$user.title}",
"name": {
"givenName": "{$user.firstname}",
"familyName": "{$user.lastname}"
}
}`

// PushKnobs are the variants of what nobody outside knows about OneLogin's
// provisioner, and what an administrator chooses there. The zero value is the
// likeliest one. The constants above say what the texts may be.
type PushKnobs struct {
	ContentType   string `json:"contentType"`
	Headers       string `json:"headers"` // the Custom Headers field: "Name: value" a line; they win over all others
	Dialect       string `json:"dialect"`
	Active        string `json:"active"`
	NoGetByID     bool   `json:"noGetById"`     // PUT without the GET of the user before it
	ListGroups    bool   `json:"listGroups"`    // GET /Groups before each PATCH, instead of the ids of the last Refresh
	CreateGroups  bool   `json:"createGroups"`  // rules map values to groups: POST /Groups for a name that is missing
	TrailingSlash bool   `json:"trailingSlash"` // the base URL ends in a slash: //Users
	PlusForSpace  bool   `json:"plusForSpace"`  // in the filter, instead of %20
	Deprovision   string `json:"deprovision"`
	SuspendSilent bool   `json:"suspendSilent"` // "When user accounts are suspended: Do Nothing"
	Approval      bool   `json:"approval"`      // nothing is sent before Approve
	OnFailure     string `json:"onFailure"`
	Strictness    string `json:"strictness"`
	EmptyTitle    string `json:"emptyTitle"`
	Template      string `json:"template"`  // the SCIM JSON template; "" is TomorroTemplate
	UserName      string `json:"userName"`  // source of scimusername: email, username; "" is the World's App.UserName
	TimeoutMS     int    `json:"timeoutMs"` // milliseconds until OneLogin gives up; 0 means 10000
	// PushFirst sends before the World is changed, as if the API lagged behind.
	PushFirst bool `json:"pushFirst"`
}

// NamedKnobs is one variant for a test to loop over.
type NamedKnobs struct {
	Name  string
	Knobs PushKnobs
}

// PushVariants are the likeliest provisioner, each knob turned alone to each of
// its variants, and a few pairs.
func PushVariants() []NamedKnobs {
	with := func(after, member string) string {
		return strings.Replace(TomorroTemplate, after, after+"\n"+member, 1)
	}
	names := `"userType": "{$user.title}",`
	return []NamedKnobs{
		{"default", PushKnobs{}},
		{"application/scim+json", PushKnobs{ContentType: ContentSCIM}},
		{"no content type", PushKnobs{ContentType: ContentNone}},
		{"custom headers", PushKnobs{Headers: "Content-Type: application/scim+json\nAccept: application/scim+json\nUser-Agent: OneLogin SCIM"}},
		{"D2", PushKnobs{Dialect: DialectD2}},
		{"D3", PushKnobs{Dialect: DialectD3}},
		{"active always", PushKnobs{Active: ActiveAlways}},
		{"active as text", PushKnobs{Active: ActiveText}},
		{"no GET by id", PushKnobs{NoGetByID: true}},
		{"groups listed each time", PushKnobs{ListGroups: true}},
		{"groups created", PushKnobs{CreateGroups: true}},
		{"trailing slash", PushKnobs{TrailingSlash: true}},
		{"plus for space", PushKnobs{PlusForSpace: true}},
		{"deprovision suspend", PushKnobs{Deprovision: DeprovisionSuspend}},
		{"deprovision nothing", PushKnobs{Deprovision: DeprovisionNothing}},
		{"suspend silent", PushKnobs{SuspendSilent: true}},
		{"approval", PushKnobs{Approval: true}},
		{"retry at once", PushKnobs{OnFailure: FailureRetry}},
		{"each write twice", PushKnobs{OnFailure: FailureTwice}},
		{"strict, scim+json too", PushKnobs{Strictness: StrictSCIM}},
		{"lenient", PushKnobs{Strictness: Lenient}},
		{"null title", PushKnobs{EmptyTitle: TitleNull}},
		{"title omitted", PushKnobs{EmptyTitle: TitleOmitted}},
		{"emails as object", PushKnobs{Template: with(names, `"emails": {"value": "{$user.email}"},`)}},
		{"groups in template", PushKnobs{Template: with(names, `"groups": [],`)}},
		{"schemas 1.0", PushKnobs{Template: strings.Replace(TomorroTemplate, "urn:ietf:params:scim:schemas:core:2.0:User", "urn:scim:schemas:core:1.0", 1)}},
		{"active in template", PushKnobs{Template: with(names, `"active": "{$user.active}",`)}},
		{"username", PushKnobs{UserName: "username"}},
		{"push first", PushKnobs{PushFirst: true}},
		{"D2, groups listed and created", PushKnobs{Dialect: DialectD2, ListGroups: true, CreateGroups: true}},
		{"D3, scim+json", PushKnobs{Dialect: DialectD3, ContentType: ContentSCIM}},
		{"no content type, trailing slash", PushKnobs{ContentType: ContentNone, TrailingSlash: true}},
		{"active as text, deprovision suspend", PushKnobs{Active: ActiveText, Deprovision: DeprovisionSuspend}},
		{"active always, deprovision suspend", PushKnobs{Active: ActiveAlways, Deprovision: DeprovisionSuspend}},
		{"approval, push first", PushKnobs{Approval: true, PushFirst: true}},
	}
}
