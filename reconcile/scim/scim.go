package scim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// MediaType is SCIM's own media type (RFC 7644 section 3.1). Many services speak
// plain application/json as well.
const MediaType = "application/scim+json"

// The schema URNs in use here (RFC 7643 section 8, RFC 7644 sections 3.4 to 3.12).
const (
	SchemaUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	SchemaGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"
	SchemaList  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	SchemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SchemaError = "urn:ietf:params:scim:api:messages:2.0:Error"

	SchemaBulkRequest = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
)

// User is a SCIM user, reduced to what Tomorro's set-up guide uses.
type User struct {
	Schemas    []string `json:"schemas,omitempty"`
	ID         string   `json:"id,omitempty"`
	ExternalID string   `json:"externalId,omitempty"`
	UserName   string   `json:"userName"`
	UserType   string   `json:"userType,omitempty"`
	Name       *Name    `json:"name,omitempty"`
	// Active is nil when the service says nothing.
	Active *Bool    `json:"active,omitempty"`
	Groups []Member `json:"groups,omitempty"`
}

// Name is a user's name (RFC 7643 section 4.1.1).
type Name struct {
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
}

// Group is a SCIM group (RFC 7643 section 4.2).
type Group struct {
	Schemas     []string `json:"schemas,omitempty"`
	ID          string   `json:"id,omitempty"`
	ExternalID  string   `json:"externalId,omitempty"`
	DisplayName string   `json:"displayName"`
	// Members is nil when the service leaves the attribute out, and empty when it
	// says that nobody is in the group.
	Members []Member `json:"members,omitempty"`
}

// Member is one value of a group's members, or of a user's groups.
type Member struct {
	Value string `json:"value"`
	Type  string `json:"type,omitempty"` // "Group" for a nested group
	// Operation is the SCIM 1.1 way to say what to do with a member.
	Operation string `json:"operation,omitempty"`
}

// Patch is the body of a PATCH (RFC 7644 section 3.5.2).
type Patch struct {
	Schemas    []string    `json:"schemas"`
	Operations []Operation `json:"Operations"`
}

// Operation is one operation of a Patch.
type Operation struct {
	Op    string `json:"op"` // add, remove, replace
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// Bool is a boolean that may arrive as text: OneLogin's and Entra's "True", "1".
type Bool bool

// UnmarshalJSON accepts true, false, and their text in any case, 1 and 0.
func (b *Bool) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	v, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return fmt.Errorf("%s is not a boolean", data)
	}
	*b = Bool(v)
	return nil
}

// Quote writes a value for a filter: userName eq "…" (RFC 7644 section 3.4.2.2:
// values are JSON strings).
func Quote(value string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a string into memory: cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// Error is a SCIM error (RFC 7644 section 3.12).
type Error struct {
	Status   int
	ScimType string // uniqueness, invalidValue, …
	Detail   string // for people
}

// ParseError reads an error body: SCIM 2.0's, with the status as text or number,
// and SCIM 1.1's list. ok is false when the body is neither.
func ParseError(body []byte) (e Error, ok bool) {
	var in struct {
		Schemas  []string        `json:"schemas"`
		Status   json.RawMessage `json:"status"`
		ScimType string          `json:"scimType"`
		Detail   string          `json:"detail"`
		Errors   []struct {
			Description string          `json:"description"`
			Code        json.RawMessage `json:"code"`
		} `json:"Errors"`
	}
	if json.Unmarshal(body, &in) != nil {
		return Error{}, false
	}
	if len(in.Errors) > 0 {
		e = Error{Status: number(in.Errors[0].Code), Detail: brief(in.Errors[0].Description)}
		return e, e != Error{}
	}
	e = Error{Status: number(in.Status), ScimType: brief(in.ScimType), Detail: brief(in.Detail)}
	return e, e != Error{}
}

// brief is the beginning of a text that a service may have made long: it goes into errors,
// and with them into logs and journals.
func brief(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func number(raw json.RawMessage) int {
	n, _ := strconv.Atoi(strings.Trim(string(raw), `"`)) // 0 when there is none
	return n
}

// String gives the detail with its type, for people.
func (e Error) String() string {
	switch {
	case e.ScimType != "" && e.Detail != "":
		return e.Detail + " (" + e.ScimType + ")"
	case e.ScimType != "":
		return e.ScimType
	}
	return e.Detail
}
