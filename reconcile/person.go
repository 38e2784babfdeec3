package reconcile

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Key is a OneLogin user id: who a human is, for as long as OneLogin knows
// them. E-mail addresses change and are recycled; a Key is neither.
type Key int64

// String gives the id in decimal, as OneLogin's pages show it.
func (k Key) String() string { return strconv.FormatInt(int64(k), 10) }

// Status is OneLogin's `status` of a user: 0 unactivated, 1 active, 2
// suspended, 3 locked, 4 password expired, 5 awaiting password reset, 7
// password pending, 8 security questions required (developers.onelogin.com,
// user resource). Which of them keep access is Policy.ActiveStatuses.
type Status int

// Licence is OneLogin's `state` of a user: 0 unapproved, 1 approved, 2
// rejected, 3 unlicensed. Only approved people keep access.
type Licence int

// Approved is the only Licence that gives access.
const Approved Licence = 1

// Fields is a set of facts about a Person, used to say which of them OneLogin
// did not tell.
type Fields uint16

// The facts that OneLogin's user list leaves out unless it is asked for them,
// and of which a tenant may still refuse some.
const (
	FieldTitle Fields = 1 << iota
	FieldRoles
	FieldStatus
	FieldLicence
	FieldGroup
	FieldDepartment
	FieldCompany
	FieldMemberOf
	FieldLastLogin
	FieldCustom
	FieldEmail
	FieldUsername
	FieldFirstName
	FieldLastName
)

// Has reports whether all of f are in the set.
func (s Fields) Has(f Fields) bool { return s&f == f }

// Person is one human as OneLogin's API describes them.
type Person struct {
	Key       Key
	Email     string // as OneLogin has it, untrimmed
	Username  string // often empty: the e-mail is the reliable name
	FirstName string
	LastName  string
	Title     string // the directory's job title, or what a mapping wrote there
	Status    Status
	Licence   Licence
	Assigned  bool // to the Tomorro app, directly or by a role

	Department string
	Company    string
	GroupID    int64             // OneLogin's own group; 0 is "None"
	Roles      []int64           // OneLogin role ids, sorted
	MemberOf   []string          // directory groups (distinguished names)
	LastLogin  time.Time         // zero when never, or not told
	Custom     map[string]string // custom attributes by short name; nil when none

	// Unread is the set of facts that OneLogin did not give for this person.
	// A rule or a title that needs one of them is uncertain, never false.
	Unread Fields
}

// OneLoginRole is a role of OneLogin: rules name it by id, people by name.
type OneLoginRole struct {
	ID   int64
	Name string
}

// App is what OneLogin's API says of the app that provisions Tomorro.
type App struct {
	ID                  int64
	Name                string
	ProvisioningEnabled bool
	// UserNameSource is the source of the scimusername parameter ("email" is
	// what the set-up guide asks for); empty when the API does not show it.
	UserNameSource string
}

// Directory is everything one pull learned from OneLogin.
type Directory struct {
	App     App
	People  []Person // sorted by Key, unique
	Roles   []OneLoginRole
	Rules   []Rule    // enabled ones, in the order in which OneLogin applies them
	ReadAt  time.Time // when the pull began; rules on dates count from here
	Receipt Receipt
}

// sorted gives the same directory with its people in order of Key.
func (d *Directory) sorted() *Directory {
	byKey := func(a, b Person) int { return cmp.Compare(a.Key, b.Key) }
	if slices.IsSortedFunc(d.People, byKey) {
		return d
	}
	c := *d
	c.People = slices.SortedFunc(slices.Values(d.People), byKey)
	return &c
}
